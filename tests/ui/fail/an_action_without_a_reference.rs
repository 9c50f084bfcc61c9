use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    #[column(on_delete = "cascade")]
    user_id: String,
}

fn main() {}
