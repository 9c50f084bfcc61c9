use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: String,
    user_id: String,
}

fn main() {}
