#[derive(authz::Claims)]
struct Session {
    key: Vec<u8>,
}

fn main() {}
