//! What the derive says about mistakes is in `tests/ui.rs`; here is what it says nothing about.

pub mod another_name;
pub mod every_attribute;
