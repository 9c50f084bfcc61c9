use authz::Table;

#[derive(Table)]
#[rls(select = true)]
enum Todo {
    A,
}

fn main() {}
