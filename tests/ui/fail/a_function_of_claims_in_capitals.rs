#![allow(non_snake_case)]

#[derive(authz::Claims)]
struct Session {
    orgId: String,
}

fn main() {}
