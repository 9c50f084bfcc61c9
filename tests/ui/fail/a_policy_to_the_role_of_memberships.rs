use authz::Table;

#[derive(Table)]
#[rls(select = true, to = "authz_members")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
