//! A transaction that carries an identity, and gives no way to the connection beneath it.
//!
//! sqlx's own `Transaction` cannot be trusted with one (0.9.0): a cancelled `begin` returns its connection to the pool inside the open
//! transaction, `commit` says `Ok` after a failed statement, and a nested `begin` may end the outer transaction while the program goes on.
//! So this one begins and ends by its own statements and asks the server how it stands.
//!
//! INVARIANT (clean pool): a connection goes back to its pool only after the server confirmed the end of the transaction. On every other
//! way (an error, a cancelled future, a panic, a runtime that shuts down) [`Guard`] closes it.

mod guard;
mod savepoint;

use authz_sql::{CLAIMS_SETTING, Ident, literal};
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt as _, TryFutureExt as _};
use sqlx::postgres::{PgPool, PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{AssertSqlSafe, Describe, Either, Execute, Executor, PgConnection, SqlStr};

use self::guard::Guard;
pub use self::savepoint::Savepoint;
use crate::error::CommitError;

/// Statements that undo what SQL of an earlier transaction may have left on the connection: cursors that hold a user's rows, settings such as
/// `search_path`, last values of sequences, and temporary tables, which hide others of the same name.
const CLEAN: &str = "CLOSE ALL; RESET ALL; DISCARD SEQUENCES; DISCARD TEMP";

/// One request's transaction: its role and claims are set, and row security decides what it sees.
///
/// `&mut Transaction` is an sqlx [`Executor`], so all of sqlx's queries run on it. Changes are kept by [`commit`](Self::commit) alone; dropping it
/// rolls back.
///
/// # Security
///
/// SQL that runs here can leave the role again (`RESET ROLE`), but only for the login role, which `connect` has found powerless. It can also
/// set other claims for the rest of the transaction, so user input never belongs into the text of SQL: bind it.
///
/// # Example
///
/// ```no_run
/// # async fn example(authz: authz::Authz, bearer_token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = authz.begin(bearer_token).await?;
/// sqlx::query("INSERT INTO todos (task) VALUES ($1)").bind("buy milk").execute(&mut tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    connection: Option<Guard>,
    /// The lowest savepoint that was dropped without a word; the next statement first goes back to it.
    abandoned: Option<u32>,
}

impl Transaction {
    /// Begins a transaction as a role with claims (a JSON text, or nothing) in one round trip.
    pub(crate) async fn begin(pool: &PgPool, role: &Ident, claims: &str) -> Result<Self, sqlx::Error> {
        // The literal cannot be left (see `literal`), and NUL was refused with the token; the role comes from the configuration.
        let claims = literal(claims);
        let sql = format!("BEGIN; {CLEAN}; SET LOCAL {CLAIMS_SETTING} = {claims}; SET LOCAL ROLE {role}");
        // Idle connections are not tested before use, which would cost a round trip. When the server has closed them, all of them may be
        // dead, and each is found out by its first use. Nothing has happened then, so beginning again is safe.
        let mut dead = pool.size();
        loop {
            let mut guard = Guard::new(pool.acquire().await?);
            match guard.run(sql.clone()).await {
                Ok(()) => {
                    return Ok(Self {
                        connection: Some(guard),
                        abandoned: None,
                    });
                }
                Err(error) if dead > 0 && is_lost(&error) => dead -= 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// [`CommitError::RolledBack`] when a statement had failed and was not undone by a savepoint: nothing is kept.
    /// [`CommitError::AlreadyEnded`] when a statement had itself ended the transaction. [`CommitError::Database`] for all else.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        let back = self.abandoned.map(savepoint::rollback_to).unwrap_or_default();
        let mut guard = self.connection.take().ok_or(CommitError::AlreadyEnded)?;
        // COMMIT succeeds in a failed transaction, as a rollback, and where there is none. SAVEPOINT fails in both, and costs no round trip.
        match guard.run(format!("{back}SAVEPOINT authz_commit; COMMIT")).await {
            Ok(()) => {
                guard.release();
                Ok(())
            }
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("25P02") => {
                Err(CommitError::RolledBack)
            }
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("25P01") => {
                Err(CommitError::AlreadyEnded)
            }
            Err(error) => Err(CommitError::Database(error)),
        }
    }

    /// Undoes the changes. Dropping the transaction does so as well, without telling whether it worked.
    ///
    /// # Errors
    ///
    /// When the connection breaks; then too nothing is kept.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        if let Some(mut guard) = self.connection.take() {
            guard.run("ROLLBACK".to_owned()).await?;
            guard.release();
        }
        Ok(())
    }

    /// Begins a part that can be undone on its own: a failed statement in it does not spoil the transaction.
    ///
    /// # Errors
    ///
    /// When the transaction has already failed, or the connection breaks.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(mut tx: authz::Transaction) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut attempt = tx.savepoint().await?;
    /// match sqlx::query("INSERT INTO tags VALUES ('new')").execute(&mut attempt).await {
    ///     Ok(_) => attempt.release().await?,
    ///     Err(_) => attempt.rollback().await?,
    /// }
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_>, sqlx::Error> {
        Savepoint::begin(self, 1).await
    }

    /// The connection, once savepoints that were dropped are undone.
    async fn ready(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let guard = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        if let Some(depth) = self.abandoned {
            // Going back to a savepoint can be repeated, so it does no harm if this is cancelled halfway.
            guard.run(savepoint::rollback_to(depth)).await?;
            self.abandoned = None;
        }
        guard.connection()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(guard) = self.connection.take() {
            guard.roll_back_and_release();
        }
    }
}

impl<'c> Executor<'c> for &'c mut Transaction {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move { Ok(self.ready().await?.fetch_many(query)) }.try_flatten_stream())
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        async move { self.ready().await?.fetch_optional(query).await }.boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.ready().await?.prepare_with(sql, parameters).await }.boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        async move { self.ready().await?.describe(sql).await }.boxed()
    }
}

/// Runs statements as one simple query: one round trip, and the first error ends it.
async fn run(connection: &mut PgConnection, sql: String) -> Result<(), sqlx::Error> {
    // Every text that gets here was made in this module or in `savepoint`.
    connection.execute(AssertSqlSafe(sql)).await.map(drop)
}

/// Whether the connection was dead before the statement came to it.
fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // The server said that it ends this connection: admin_shutdown, crash_shutdown, idle_session_timeout.
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05"))
        }
        _ => false,
    }
}
