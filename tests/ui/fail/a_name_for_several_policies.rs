use authz::Table;

#[derive(Table)]
#[rls(read = true, insert = true, name = "mine")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
