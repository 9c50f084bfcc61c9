#[derive(authz::Claims)]
struct Session {
    roles: Vec<Option<String>>,
}

fn main() {}
