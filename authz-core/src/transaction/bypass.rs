//! A transaction of the administration's.

use std::time::Duration;

use super::Identity;
use super::scope::{Scope, runs_queries};
use crate::error::CommitError;
use crate::pool::Pool;

/// A transaction over the login of [`Builder::bypass`](crate::Builder::bypass), for administration: whatever that login may do, and whatever row security lets
/// it see. Begun by [`Authz::bypass`](crate::Authz::bypass).
///
/// It is a type of its own, so that code for users' requests never gets one by mistake. `&mut Bypass` is an sqlx [`Executor`](sqlx::Executor).
///
/// # Security
///
/// No user stands behind it: the session has no role but its login's, and no claims. Several statements in one text are allowed.
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Bypass {
    scope: Scope,
}

runs_queries!([] Bypass);

impl Bypass {
    pub(crate) async fn begin(pool: &Pool, within: Duration) -> Result<Self, sqlx::Error> {
        let scope = Scope::begin(pool, within, Identity::login(), true).await?;
        Ok(Self { scope })
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// As [`Transaction::commit`](crate::Transaction::commit).
    pub async fn commit(mut self) -> Result<(), CommitError> {
        self.scope.commit().await
    }

    /// Undoes the changes, as dropping it does.
    ///
    /// # Errors
    ///
    /// When the connection breaks; then too nothing is kept.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.scope.rollback().await
    }
}
