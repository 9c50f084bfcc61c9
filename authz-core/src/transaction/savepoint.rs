//! A part of a transaction that can be undone on its own.

use std::fmt::Write as _;

use super::scope::{Scope, runs_queries};

/// A part of a [`Transaction`](super::Transaction), made by [`Scope::savepoint`]. The transaction cannot be used beside it.
///
/// `&mut Savepoint` is an sqlx [`Executor`](sqlx::Executor). [`release`](Self::release) keeps its changes as part of the transaction; dropping it
/// undoes them. Role and claims are those of the transaction, and are restored if SQL changed them before it is undone.
#[derive(Debug)]
#[must_use = "a savepoint that is dropped is undone"]
pub struct Savepoint<'t> {
    scope: &'t mut Scope,
    number: u32,
    ended: bool,
}

runs_queries!(['t] Savepoint<'t>);

/// The statement that undoes a savepoint. The savepoint itself stays, so it can be repeated.
pub(super) fn rollback_to(number: u32) -> String {
    format!("ROLLBACK TO SAVEPOINT authz_{number}; ")
}

impl<'t> Savepoint<'t> {
    pub(super) async fn begin(scope: &'t mut Scope) -> Result<Self, sqlx::Error> {
        scope.savepoints += 1;
        let number = scope.savepoints;
        let mut sql = String::new();
        // Whether this one is released is not asked again when it is cancelled: a savepoint too many does no harm.
        if scope.abandoned.is_none()
            && let Some(done) = scope.done.take()
        {
            _ = write!(sql, "RELEASE SAVEPOINT authz_{done}; ");
        }
        _ = write!(sql, "SAVEPOINT authz_{number}");
        scope.run(sql).await?;
        Ok(Self {
            scope,
            number,
            ended: false,
        })
    }

    /// Keeps the changes as part of the transaction. When it is cancelled, they are kept too, if the transaction is committed.
    ///
    /// # Errors
    ///
    /// When a statement since the savepoint failed; its changes are then undone.
    pub async fn release(mut self) -> Result<(), sqlx::Error> {
        let sql = format!("RELEASE SAVEPOINT authz_{}", self.number);
        // From here on nothing goes back to it: what a cancelled release did is not known, and going back might fail or go too far.
        self.ended = true;
        let result = self.scope.run(sql).await;
        self.ended = result.is_ok();
        result
    }

    /// Undoes the changes. The transaction goes on.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        let sql = rollback_to(self.number);
        self.scope.run(sql).await?;
        self.ended = true;
        self.scope.done = Some(self.number);
        Ok(())
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let lowest = self
                .scope
                .abandoned
                .map_or(self.number, |other| other.min(self.number));
            self.scope.abandoned = Some(lowest);
        }
    }
}
