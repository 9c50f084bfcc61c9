//! A Rust struct says who may see its rows; PostgreSQL enforces it; a request is one transaction that carries a verified JWT.
//!
//! [`Authz`] verifies a token and begins a [`Transaction`] in which PostgreSQL knows the user: the session role is set, and the claims stand in
//! the setting `request.jwt.claims`, where policies read them. All of sqlx's queries run on it, and see the rows that the policies allow.
//!
//! ```no_run
//! use authz::{Authz, Issuer};
//!
//! # async fn example(database_url: &str, bearer_token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let authz = Authz::builder()
//!     .issuer(Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com"))
//!     .connect(database_url)
//!     .await?;
//!
//! let mut tx = authz.begin(bearer_token).await?;
//! let tasks: Vec<String> = sqlx::query_scalar("SELECT task FROM todos").fetch_all(&mut tx).await?;
//! tx.commit().await?;
//! # Ok(())
//! # }
//! ```
//!
//! A struct with [`macro@Claims`] gives claims types, here and in policies: the [`VerifiedClaims`] of a token become it.
//!
//! # Security
//!
//! `connect` refuses a login role that row security does not bind. Between requests nothing of a user remains on a connection: it is cleaned and
//! examined, and closed unless it is as it was. What remains open is SQL made from user input: each query is one statement, and an expression
//! in it can do what the user may do, and set other claims for the rest of its transaction. Bind values; never format them into SQL.
//!
//! # Features
//!
//! - `jwks-http` (default) fetches the issuers' keys over https. Without it, keys are given in the program.
//! - `uuid`, `chrono`, `time`, `json`, `rust_decimal`, `bigdecimal` let newtypes and aliases in models hold the types of
//!   these crates, as the features of sqlx with the same names do in queries.

mod authz;
mod bearer;
mod builder;
mod connect;
mod error;
mod issuer;
#[cfg(test)]
mod log;
mod pool;
mod signing;
mod sql_type;
mod table;
mod transaction;
mod typed_claims;
mod verifier;
mod verify;

pub use crate::authz::Authz;
pub use crate::bearer::bearer_token;
pub use crate::builder::Builder;
pub use crate::connect::{ConnectError, Grantee, Warning, Who};
pub use crate::error::{CommitError, Error, IssuerError, KeysError, Outage, RejectReason};
pub use crate::issuer::Issuer;
pub use crate::signing::{SigningError, SigningKey};
pub use crate::sql_type::Type;
pub use crate::table::Table;
pub use crate::transaction::{Bypass, Savepoint, Scope, Transaction};
pub use crate::typed_claims::{ClaimError, Claims};
pub use crate::verifier::{Verifier, VerifierBuilder};
pub use crate::verify::VerifiedClaims;
pub use authz_derive::{Claims, Table, Type};

/// For the project's own tests and fuzz targets: parts of the verification without an [`Authz`]. No part of the API.
#[doc(hidden)]
pub mod __private {
    pub use crate::verify::{check_message, check_signature, parse};
}
