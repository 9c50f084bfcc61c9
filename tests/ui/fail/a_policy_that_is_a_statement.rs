use authz::Table;

#[derive(Table)]
#[rls(select = "select 1")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
