use authz::Table;

#[derive(Table)]
#[rls(select = "is_admin() or auth.user_id() = user_id")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
