use authz::Table;

#[derive(Table)]
#[rls(select = "owner = auth.uid() || shared")]
struct Todo {
    #[column(type = "uuid")]
    owner: String,
    shared: bool,
}

fn main() {}
