use authz::Type;

#[derive(Type)]
enum OrderState {
    Open,
}

fn main() {}
