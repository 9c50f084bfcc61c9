//! The schema of authz as plain values: read from annotated structs, compared, planned and written as SQL. No I/O.
//!
//! Data flows one way: [`model`] (a struct's attributes) → [`schema`] (values) → [`diff`] → [`plan`] → SQL text
//! ([`migration`]). [`lock`] is the schema as a file. The derive and `cargo authz` call the same functions, so that a
//! mistake has the same words in both. Users need the `authz` crate instead of this one.

#[cfg(feature = "parse")]
pub mod auth;
#[cfg(feature = "parse")]
pub mod claims;
#[cfg(feature = "parse")]
pub mod config;
#[cfg(feature = "parse")]
pub mod declare;
#[cfg(feature = "parse")]
pub mod diff;
#[cfg(feature = "parse")]
pub mod hazard;
#[cfg(feature = "parse")]
pub mod lock;
#[cfg(feature = "parse")]
pub mod migration;
#[cfg(feature = "parse")]
pub mod model;
#[cfg(feature = "parse")]
mod phases;
#[cfg(feature = "parse")]
pub mod plan;
#[cfg(feature = "parse")]
pub mod renames;
#[cfg(feature = "parse")]
mod render;
#[cfg(feature = "parse")]
pub mod schema;
#[cfg(feature = "parse")]
mod spelling;
pub mod sql;
#[cfg(feature = "parse")]
mod words;
