#[derive(authz::Claims)]
enum Session {
    User,
}

fn main() {}
