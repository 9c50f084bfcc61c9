#[derive(authz::Claims)]
struct Session {
    level: Option<u32>,
}

fn main() {}
