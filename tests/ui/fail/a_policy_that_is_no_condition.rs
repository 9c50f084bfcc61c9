use authz::Table;

#[derive(Table)]
#[rls(select = "user_id")]
struct Todo {
    user_id: String,
}

fn main() {}
