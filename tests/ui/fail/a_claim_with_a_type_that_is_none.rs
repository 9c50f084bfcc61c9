#[derive(authz::Claims)]
struct Session {
    #[claim(type = "bytea")]
    key: String,
}

fn main() {}
