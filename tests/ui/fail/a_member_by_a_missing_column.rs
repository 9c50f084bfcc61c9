use authz::Table;

#[derive(Table)]
#[rls(member = "team_members(team_id, user_id)")]
struct Todo {
    id: i64,
    user_id: String,
}

fn main() {}
