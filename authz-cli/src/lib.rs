//! The commands of `cargo authz` as functions, for its tests; no stable API.
//!
//! [`project`] finds the package, [`scan`] its models, [`models`] makes a schema of them; [`folder`] keeps migrations
//! and lock; [`command`] puts them together, and [`replay`] proves the result on a throwaway server.

pub mod cli;
pub mod command;
pub mod diagnostics;
#[cfg(test)]
mod fixture;
pub mod folder;
pub mod models;
pub mod project;
pub mod replay;
pub mod scan;
