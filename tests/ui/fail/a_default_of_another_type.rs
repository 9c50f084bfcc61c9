use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo {
    id: i64,
    #[column(default = "0")]
    done: bool,
}

fn main() {}
