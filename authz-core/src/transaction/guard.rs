//! A connection that is closed unless it was given back.

use std::fmt;
use std::time::Duration;

use deadpool::managed::Object;
use sqlx::PgConnection;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::pool::{Connection, Found, Pooled};

/// How long a rollback may take before the connection is closed instead. It waits for a statement that was cancelled and still runs.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the invariant (clean pool): dropping it closes the connection, at once and without a runtime; the server then
/// rolls back. [`end`](Self::end) is the one way back to the pool.
pub(super) struct Guard(Option<Pooled>);

impl Guard {
    pub(super) fn new(connection: Pooled) -> Self {
        Self(Some(connection))
    }

    pub(super) fn pooled(&mut self) -> Result<&mut Connection, sqlx::Error> {
        // It is there until the guard is consumed.
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.pooled().map(Connection::as_mut)
    }

    /// Ends the transaction by these statements, cleans the connection and gives it back if it is as it was. How many of the statements
    /// were done, and the error of the one that was not.
    pub(super) async fn end(self, sql: &str) -> (usize, Option<sqlx::Error>) {
        self.end_or(sql, true).await
    }

    async fn end_or(mut self, sql: &str, again: bool) -> (usize, Option<sqlx::Error>) {
        let pooled = match self.pooled() {
            Ok(pooled) => pooled,
            Err(error) => return (0, Some(error)),
        };
        match pooled.run_and_clean(sql).await {
            (done, Ok(Found::Clean)) => {
                self.release();
                (done, None)
            }
            (done, Ok(Found::Changed)) => {
                tracing::warn!(
                    "SQL of a transaction changed its connection for good, so that the connection is closed"
                );
                (done, None)
            }
            (done, Err(error)) => {
                // The server refused a statement; the connection is as good as before once it has rolled back.
                if again && matches!(error, sqlx::Error::Database(_)) {
                    self.roll_back_and_release();
                }
                (done, Some(error))
            }
        }
    }

    fn release(mut self) {
        if Handle::try_current().is_ok() {
            drop(self.0.take());
        }
    }

    /// Rolls back in a task of its own and gives the connection back if that works.
    pub(super) fn roll_back_and_release(self) {
        // Without a runtime there is no task; the connection is closed.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(timeout(ROLLBACK_TIMEOUT, self.end_or("ROLLBACK; ", false))));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
