use authz::Table;

#[derive(Table)]
#[rls(select(using = "true", check = "true"))]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    user_id: String,
}

fn main() {}
