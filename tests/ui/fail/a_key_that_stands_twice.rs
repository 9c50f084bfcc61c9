use authz::Table;

#[derive(Table)]
#[rls(select = "true", select = "auth.user_id() = user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
