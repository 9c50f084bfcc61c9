#[derive(authz::Claims)]
struct Session {
    #[serde(deserialize_with = "spaces")]
    scope: Vec<String>,
}

fn main() {}
