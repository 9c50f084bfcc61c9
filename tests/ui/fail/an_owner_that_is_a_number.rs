use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    user_id: i64,
}

fn main() {}
