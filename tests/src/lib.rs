//! What the tests share: a server, databases on it, keys that sign tokens, a server of key sets, real providers of
//! tokens, and a proxy that counts.
//!
//! All tests of a program use one server: that of `DATABASE_URL` (a superuser's) when it is set, else a throwaway one that
//! ends with the program. Roles belong to the server, so each test database comes with roles of its own name.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of tests may panic, and clippy.toml does not recognise it as a test"
)]
#![allow(
    clippy::missing_panics_doc,
    reason = "every helper panics when its test cannot go on"
)]
#![allow(clippy::indexing_slicing, reason = "a panic is a failed test")]

pub mod database;
pub mod docs;
pub mod jwks_server;
pub mod keys;
pub mod provider;
pub mod proxy;
