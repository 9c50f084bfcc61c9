use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    #[column(primary_key)]
    user_id: String,
}

fn main() {}
