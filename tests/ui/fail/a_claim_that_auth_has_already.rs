#[derive(authz::Claims)]
struct Session {
    user_id: String,
    #[claim(function = "session")]
    id: String,
}

fn main() {}
