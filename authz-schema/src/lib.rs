//! The schema of authz as plain values: read from annotated structs, compared, planned and written as SQL. No I/O.
//!
//! Data flows one way: [`model`] (a struct's attributes) → [`schema`] (values) → [`diff`] → [`plan`] → SQL text
//! ([`migration`]). [`lock`] is the schema as a file. The derive and `cargo authz` call the same functions, so that a
//! mistake has the same words in both. Users need the `authz` crate instead of this one.

pub mod auth;
pub mod config;
pub mod declare;
pub mod diff;
pub mod hazard;
pub mod lock;
pub mod migration;
#[cfg(feature = "parse")]
pub mod model;
mod phases;
pub mod plan;
pub mod renames;
mod render;
pub mod schema;
pub mod sql;
mod words;
