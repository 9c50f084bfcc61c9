use authz::Type;

#[derive(Type)]
#[sqlx(transparent)]
struct Count(u32);

fn main() {}
