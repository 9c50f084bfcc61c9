use authz::Type;

#[derive(Type)]
struct Place {
    x: f64,
    y: f64,
}

fn main() {}
