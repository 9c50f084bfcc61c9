struct DateTime;

#[derive(authz::Claims)]
struct Session {
    seen_at: Option<DateTime>,
    #[serde(with = "chrono::serde::ts_milliseconds")]
    auth_time: DateTime,
}

fn main() {}
