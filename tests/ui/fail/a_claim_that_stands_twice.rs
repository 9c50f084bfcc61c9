#[derive(authz::Claims)]
struct Session {
    org: String,
    #[serde(rename = "org")]
    org_id: String,
}

fn main() {}
