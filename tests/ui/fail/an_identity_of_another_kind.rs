use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    #[column(identity = "sometimes")]
    id: i64,
    user_id: String,
}

fn main() {}
