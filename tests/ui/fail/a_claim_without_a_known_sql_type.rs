struct Level(i32);

#[derive(authz::Claims)]
struct Session {
    level: Level,
}

fn main() {}
