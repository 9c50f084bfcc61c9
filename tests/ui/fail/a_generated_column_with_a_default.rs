use authz::Table;

#[derive(Table)]
#[rls(owner = "user_id")]
struct Todo {
    user_id: String,
    #[column(generated = "1 + 1", default = "2")]
    number: i32,
}

fn main() {}
