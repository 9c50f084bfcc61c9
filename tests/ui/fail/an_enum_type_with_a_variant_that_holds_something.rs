use authz::Type;

#[derive(Type)]
#[sqlx(type_name = "state")]
enum State {
    Open(i32),
}

fn main() {}
