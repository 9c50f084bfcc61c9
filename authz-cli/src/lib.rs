//! The commands as functions, for tests; no stable API.

pub mod diagnostics;
pub mod project;
pub mod scan;

#[cfg(test)]
mod fixture;
