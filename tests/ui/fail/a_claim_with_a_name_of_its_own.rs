#[derive(authz::Claims)]
struct Session {
    #[claim(name = "https://example.com/roles")]
    roles: Vec<String>,
}

fn main() {}
