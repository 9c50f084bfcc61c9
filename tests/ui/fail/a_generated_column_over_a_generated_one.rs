use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    user_id: String,
    #[column(generated = "1 + 1")]
    two: i32,
    #[column(generated = "two + 1")]
    three: i32,
}

fn main() {}
