use authz::Table;

#[derive(Table)]
#[rls(select = "list_id IN (SELECT list_id FROM todos WHERE user_id = auth.user_id())")]
struct Todo {
    list_id: i64,
    user_id: String,
}

fn main() {}
