//! Migrations as files on real servers: written by `cargo authz`, applied and undone by sqlx, judged by PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

mod auth;
mod change;
mod check;
mod database;
mod generate;
mod isolation;
mod names;
mod package;
mod plans;
mod roles;
