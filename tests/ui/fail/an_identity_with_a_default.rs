use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity, default = "1")]
    id: i64,
    user_id: String,
}

fn main() {}
