#[derive(authz::Claims)]
#[authz(crat = "authz")]
struct Session {
    level: i32,
}

#[derive(authz::Type)]
#[authz(crate)]
struct Key(i32);

fn main() {}
