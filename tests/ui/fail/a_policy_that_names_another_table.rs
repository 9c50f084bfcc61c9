use authz::Table;

#[derive(Table)]
#[rls(select = "auth.user_id() = users.id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
