//! The schema of authz as plain values: read from annotated structs, checked, stored in the lock. No I/O.
//!
//! Data flows one way: [`model`] (a struct's attributes) → [`declare`] (all that follows) → [`schema`] (values), which
//! [`lock`] stores as a file. The derive and `cargo authz` call the same functions, so that a mistake has the same words in
//! both. `authz-migrate` leads from one schema to the next. Users need the `authz` crate instead of this one.

pub mod auth;
pub mod claims;
pub mod closest;
pub mod config;
pub mod declare;
pub mod lock;
pub mod model;
pub mod renames;
pub mod schema;
