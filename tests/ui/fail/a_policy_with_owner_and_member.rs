use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id", member = "id in members(todo_id, user_id)")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
