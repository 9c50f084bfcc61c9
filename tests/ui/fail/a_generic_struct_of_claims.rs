#[derive(authz::Claims)]
struct Session<T> {
    org: String,
    #[claim(skip)]
    more: T,
}

fn main() {}
