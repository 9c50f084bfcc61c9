//! A connection that is closed unless it was given back.

use std::fmt;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::runtime::Handle;
use tokio::time::timeout;

/// How long a rollback may take before the connection is closed instead. It waits for a statement that was cancelled and still runs.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps the invariant (clean pool): dropping it closes the connection, at once and without a runtime; the server then
/// rolls back. [`release`](Self::release) is the one way back to the pool.
pub(super) struct Guard(Option<PoolConnection<Postgres>>);

impl Guard {
    pub(super) fn new(connection: PoolConnection<Postgres>) -> Self {
        Self(Some(connection))
    }

    pub(super) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        // It is there until the guard is consumed.
        self.0.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) async fn run(&mut self, sql: String) -> Result<(), sqlx::Error> {
        super::run(self.connection()?, sql).await
    }

    /// Gives the connection back. Only for one that is outside of any transaction, by the server's own word.
    pub(super) fn release(mut self) {
        if Handle::try_current().is_ok() {
            drop(self.0.take());
        }
    }

    /// Rolls back in a task of its own and gives the connection back if that works.
    pub(super) fn roll_back_and_release(mut self) {
        // Without a runtime there is no task; the connection is closed.
        if let Ok(runtime) = Handle::try_current() {
            drop(runtime.spawn(async move {
                if matches!(
                    timeout(ROLLBACK_TIMEOUT, self.run("ROLLBACK".to_owned())).await,
                    Ok(Ok(()))
                ) {
                    self.release();
                }
            }));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(connection.detach());
        }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}
