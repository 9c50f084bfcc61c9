use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo {
    task: String,
    #[column(renamed_from = "task")]
    title: String,
}

fn main() {}
