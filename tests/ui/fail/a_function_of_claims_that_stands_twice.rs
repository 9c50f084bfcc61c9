#[derive(authz::Claims)]
struct Session {
    org: String,
    #[claim(function = "org")]
    organisation: String,
}

fn main() {}
