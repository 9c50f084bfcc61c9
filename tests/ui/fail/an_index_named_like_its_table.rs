use authz::Table;

#[derive(Table)]
#[table(index(task, name = "todos"))]
#[rls(select = true)]
struct Todo {
    task: String,
}

fn main() {}
