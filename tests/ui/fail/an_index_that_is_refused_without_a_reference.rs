use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo {
    #[column(index = false)]
    task: String,
}

fn main() {}
