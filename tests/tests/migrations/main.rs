//! Migrations as files on real servers: written by `cargo authz`, applied and undone by sqlx, judged by PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

mod auth;
mod branches;
mod case;
mod change;
mod check;
mod claims;
mod consent;
mod database;
mod dml;
mod drift;
mod empty;
mod expand;
mod force;
mod generate;
mod init;
mod isolation;
mod json;
mod known_wrong;
mod members;
mod names;
mod oracle;
mod order;
mod owner;
mod package;
mod peers;
mod plans;
mod property;
mod pull;
mod roles;
mod status;
mod surroundings;
mod token;
mod undo;
