use authz::Table;

#[derive(Table)]
#[rls(member = "team_members")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
