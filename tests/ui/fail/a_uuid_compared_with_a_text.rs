use authz::Table;

#[derive(Table)]
#[rls(select = "auth.user_id() = user_id")]
struct Todo {
    #[column(type = "uuid")]
    user_id: String,
}

fn main() {}
