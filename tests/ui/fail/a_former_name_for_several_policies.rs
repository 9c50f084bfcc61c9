use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id", renamed_from = "old")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
