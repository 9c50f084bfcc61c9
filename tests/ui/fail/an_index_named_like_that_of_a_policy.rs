use authz::Table;

#[derive(Table)]
#[table(index(task, name = "todos_user_id_idx"))]
#[rls(owner = "user_id")]
struct Todo {
    task: String,
    user_id: String,
}

fn main() {}
