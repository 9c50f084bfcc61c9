use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo {
    #[column(renamed_from = "task")]
    title: String,
    #[column(renamed_from = "task")]
    label: String,
}

fn main() {}
