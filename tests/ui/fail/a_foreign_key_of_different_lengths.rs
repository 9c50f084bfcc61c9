use authz::Table;

#[derive(Table)]
#[table(foreign_key(id, user_id, references = "users(id)"))]
#[rls(owner = "user_id")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
