#[derive(authz::Claims)]
struct Session {
    #[claim(functoin = "level_of")]
    level: i32,
}

fn main() {}
