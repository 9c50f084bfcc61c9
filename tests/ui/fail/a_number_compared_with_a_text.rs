use authz::Table;

#[derive(Table)]
#[rls(select = "auth.user_id() = user_id")]
struct Todo {
    user_id: i64,
}

fn main() {}
