use authz::Type;

#[derive(Type)]
#[sqlx(type_name = "State")]
enum State {
    Open,
}

fn main() {}
