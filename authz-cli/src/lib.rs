//! The commands of `cargo authz` as functions, for its tests; no stable API.
//!
//! [`project`] finds the package, [`scan`] or [`expand`] its models, [`models`] makes a schema of them; [`folder`] keeps migrations
//! and lock, [`history`] finds what a merge did to them, [`undo`] takes the newest back and [`status`] says which are [`applied`]; [`command`] puts them together, [`replay`] proves the result on a throwaway server, [`dml`] finds data statements that row security would filter, and [`drift`] compares a live one.
//! [`pull`] goes the other way: from a live database to models.

pub mod applied;
pub mod catalogue;
pub mod cli;
pub mod command;
pub mod diagnostics;
pub mod dml;
pub mod drift;
pub mod expand;
#[cfg(test)]
mod fixture;
pub mod folder;
pub mod functions;
pub mod history;
pub mod models;
pub mod places;
mod progress;
pub mod project;
pub mod pull;
pub mod record;
pub mod replay;
pub mod scan;
pub mod server_error;
pub mod status;
pub mod undo;
