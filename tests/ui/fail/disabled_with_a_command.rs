use authz::Table;

#[derive(Table)]
#[rls(disabled = "internal", select = true)]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
