use authz::Table;

#[derive(Table)]
#[table(check = "ranks > 0")]
#[rls(owner = "user_id")]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
    rank: i32,
}

fn main() {}
