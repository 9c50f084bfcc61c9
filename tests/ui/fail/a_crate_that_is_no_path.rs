use authz::Table;

#[derive(Table)]
#[authz(crate = "my-authz")]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
