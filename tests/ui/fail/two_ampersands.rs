use authz::Table;

#[derive(Table)]
#[rls(select = "auth.user_id() = user_id && shared")]
struct Todo {
    user_id: String,
    shared: bool,
}

fn main() {}
