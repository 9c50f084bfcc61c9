use authz::Table;

#[derive(Table)]
#[table(existing, index(user_id))]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key)]
    id: i64,
    user_id: String,
}

fn main() {}
