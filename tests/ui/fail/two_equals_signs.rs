use authz::Table;

#[derive(Table)]
#[rls(select = "auth.user_id() == user_id")]
struct Todo {
    user_id: String,
}

fn main() {}
