use authz::Type;

#[derive(Type)]
#[sqlx(type_name = "state", rename_all = "Train-Case")]
enum State {
    Open,
}

fn main() {}
