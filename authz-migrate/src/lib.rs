//! From two schemas to migration files: what differs, in which order statements can run, what they endanger. No I/O.
//!
//! Data flows one way: two schemas → [`diff`] → [`plan`] → SQL text ([`migration`]). The derive builds none of this.

mod auth;
mod claims;
mod deps;
pub mod diff;
pub mod hazard;
pub mod migration;
mod names;
mod object;
pub mod plan;
mod render;
mod statement;
mod texts;
mod world;
mod write;

pub use self::world::RenameError;
