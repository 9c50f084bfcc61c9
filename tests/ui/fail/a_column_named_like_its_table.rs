use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
    todos: i32,
}

fn main() {}
