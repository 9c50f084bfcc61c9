struct More;

#[derive(authz::Claims)]
struct Session {
    org: String,
    #[serde(flatten)]
    more: More,
}

fn main() {}
