use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    #[column(references = "users")]
    user_id: String,
}

fn main() {}
