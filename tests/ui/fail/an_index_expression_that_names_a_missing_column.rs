use authz::Table;

#[derive(Table)]
#[table(index("lower(tsk)"))]
#[rls(owner = "user_id")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
