use authz::Type;

#[derive(Type)]
#[sqlx(type_name = "state", rename_all = "lowercase")]
enum State {
    Open,
    #[sqlx(rename = "open")]
    Other,
}

fn main() {}
