use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo(i64);

fn main() {}
