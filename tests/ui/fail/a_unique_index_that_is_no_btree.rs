use authz::Table;

#[derive(Table)]
#[table(index(user_id, unique, method = "gin"))]
#[rls(owner = "user_id")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
