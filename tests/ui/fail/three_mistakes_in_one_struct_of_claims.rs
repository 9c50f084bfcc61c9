#[derive(authz::Claims)]
struct Session {
    #[claim(skp)]
    uid: i32,
    count: usize,
}

fn main() {}
