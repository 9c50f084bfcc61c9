use authz::Table;

#[derive(Table)]
#[rls(select = "!done")]
struct Todo {
    done: bool,
}

fn main() {}
