use authz::Table;

#[derive(Table)]
#[rls(select = true)]
struct Todo<T> {
    id: i64,
    #[column(type = "text")]
    payload: T,
}

fn main() {}
