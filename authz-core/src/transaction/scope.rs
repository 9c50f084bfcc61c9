//! Where queries run: in a transaction, or in a part of it.

use std::time::Duration;

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{AssertSqlSafe, Connection as _, Describe, Either, Execute, Executor, PgConnection, SqlStr};

use super::guard::Guard;
use super::rows::{Slot, Written};
use super::savepoint::{Savepoint, rollback_to};
use super::statement::Statement;
use super::{Identity, set_up};
use crate::error::CommitError;
use crate::pool::{Pool, acquire, was_lost};

/// Fails by a division by zero when text of several statements has ended the transaction and begun another (`COMMIT AND CHAIN`): that one
/// has no role.
const STILL_OURS: &str =
    "SELECT 1 / (pg_catalog.current_setting('role') OPERATOR(pg_catalog.<>) 'none')::pg_catalog.int4; ";

/// What queries run on: a [`Transaction`](super::Transaction) or a [`Savepoint`], which both give it by `&mut tx`.
///
/// `&mut Scope` is an sqlx [`Executor`]. A function that takes one works in both:
///
/// ```no_run
/// async fn count(scope: &mut authz::Scope) -> Result<i64, sqlx::Error> {
///     sqlx::query_scalar("SELECT count(*) FROM todos").fetch_one(scope).await
/// }
/// # async fn example(mut tx: authz::Transaction) -> Result<(), sqlx::Error> {
/// count(&mut tx).await?;
/// let mut part = tx.savepoint().await?;
/// count(&mut part).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Each query is one statement: text without bind values is prepared too, so that the server refuses a second statement in it
/// (SQLSTATE 42601), unless [`Builder::allow_multiple_statements`](crate::Builder::allow_multiple_statements) says otherwise. Statements that begin or end
/// transactions are refused, and so is `COPY`, with [`sqlx::Error::Protocol`].
#[derive(Debug)]
pub struct Scope {
    pub(super) connection: Option<Guard>,
    /// The lowest savepoint that was dropped without a word; the next statement first goes back to it.
    pub(super) abandoned: Option<u32>,
    /// A savepoint that nobody needs any more.
    pub(super) done: Option<u32>,
    /// How many savepoints there were. No name comes back, so that none is ever taken for another.
    pub(super) savepoints: u32,
    pub(super) identity: Identity,
    pub(super) as_text: bool,
    /// Whether a statement was tried.
    used: bool,
    /// Why the connection cannot be used any more.
    broken: Option<&'static str>,
}

impl Scope {
    /// Begins a transaction on a connection of this pool, for which it waits at most so long.
    pub(super) async fn begin(
        pool: &Pool,
        within: Duration,
        identity: Identity,
        as_text: bool,
    ) -> Result<Self, sqlx::Error> {
        // Idle connections are not tested before use, which would cost a round trip. When the server has closed them, all of them may be
        // dead, and each is found out by its first use. Nothing has happened then, so beginning again is safe.
        let mut dead = pool.status().size;
        loop {
            let mut guard = Guard::new(acquire(pool, within).await?);
            match set_up(&mut guard, &identity).await {
                Ok(()) => {
                    return Ok(Self {
                        connection: Some(guard),
                        abandoned: None,
                        done: None,
                        savepoints: 0,
                        identity,
                        as_text,
                        used: false,
                        broken: None,
                    });
                }
                Err(error) if dead > 0 && was_lost(&error) => dead -= 1,
                Err(error) => return Err(error),
            }
        }
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
        Savepoint::begin(self).await
    }

    /// Makes the changes permanent; see [`Transaction::commit`](super::Transaction::commit).
    pub(super) async fn commit(&mut self) -> Result<(), CommitError> {
        let guard = self.connection.take().ok_or(CommitError::AlreadyEnded)?;
        if self.broken.is_some() {
            // The server rolls back when the connection closes.
            return Err(CommitError::RolledBack);
        }
        let (mut sql, mut before) = (String::new(), 0);
        if let Some(number) = self.abandoned {
            sql.push_str(&rollback_to(number));
            before += 1;
        }
        let asks = self.as_text && self.identity.has_role();
        if asks {
            sql.push_str(STILL_OURS);
        }
        // COMMIT succeeds in a failed transaction, as a rollback, and where there is none. SAVEPOINT fails in both, and costs no round trip.
        sql.push_str("SAVEPOINT authz_commit; COMMIT; ");
        let (done, error) = guard.end(&sql).await;
        let Some(error) = error else { return Ok(()) };
        if done >= before + usize::from(asks) + 2 {
            // The COMMIT was done, and the cleaning was not: the connection is closed.
            return Ok(());
        }
        let code = error.as_database_error().and_then(|error| error.code());
        Err(match code.as_deref() {
            Some("25P02") => CommitError::RolledBack,
            Some("25P01") => CommitError::AlreadyEnded,
            Some("22012") if asks && done == before => CommitError::AlreadyEnded,
            _ => CommitError::Database(error),
        })
    }

    /// Undoes the changes.
    pub(super) async fn rollback(&mut self) -> Result<(), sqlx::Error> {
        match self.connection.take() {
            Some(guard) if self.broken.is_none() => {
                let (done, error) = guard.end("ROLLBACK; ").await;
                error.filter(|_| done == 0).map_or(Ok(()), Err)
            }
            _ => Ok(()),
        }
    }

    /// Runs statements of ours.
    pub(super) async fn run(&mut self, sql: String) -> Result<(), sqlx::Error> {
        // Each text that gets here was made in this module or in `savepoint`.
        let result = self.ready().await?.execute(AssertSqlSafe(sql)).await;
        self.note(result.map(drop))
    }

    /// The connection, once savepoints that were dropped are undone.
    async fn ready(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if let Some(why) = self.broken {
            return Err(sqlx::Error::Protocol(why.to_owned()));
        }
        let guard = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        if let Some(number) = self.abandoned {
            // Going back to a savepoint can be repeated, so it does no harm if this is cancelled halfway. It stays; see `done`.
            let sql = AssertSqlSafe(rollback_to(number));
            guard.connection()?.execute(sql).await?;
            self.abandoned = None;
            self.done = Some(number);
        }
        guard.connection()
    }

    /// Keeps in mind what an error says of the connection.
    fn note<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        match &result {
            Err(error) if is_stale(error) => {
                // Each later use of these statements on this connection would fail alike.
                self.broken = Some(
                    "the schema changed under a prepared statement; the transaction has failed, and the connection is closed",
                );
            }
            Err(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed,
            ) => {
                self.broken = Some("the connection broke at a statement before; the transaction has failed");
            }
            _ => {}
        }
        result
    }

    /// Runs a statement. The first one of a transaction is tried again when its plan is older than the schema: nothing has happened yet.
    async fn write(
        &mut self,
        statement: Result<Statement, sqlx::Error>,
        rows: Slot<Either<PgQueryResult, PgRow>>,
    ) -> Result<(), sqlx::Error> {
        let mut statement = statement?;
        let mut spare = (!self.used).then(|| statement.clone());
        self.used = true;
        loop {
            let connection = self.ready().await?;
            let mut given = false;
            let result = {
                let mut answers = match statement.query() {
                    Either::Left(query) => connection.fetch_many(query),
                    Either::Right(text) => connection.fetch_many(text),
                };
                loop {
                    match answers.try_next().await {
                        Ok(Some(answer)) => {
                            given = true;
                            rows.put(answer).await;
                        }
                        Ok(None) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                }
            };
            match (result, spare.take()) {
                (Err(error), Some(again)) if is_stale(&error) && !given => {
                    self.start_again().await?;
                    statement = again;
                }
                (result, _) => return self.note(result),
            }
        }
    }

    /// Begins the transaction anew, without what was prepared before.
    async fn start_again(&mut self) -> Result<(), sqlx::Error> {
        // Where this is cancelled or fails, there may be no transaction: nothing runs there any more.
        self.broken = Some("the transaction was to begin anew, and did not; it has failed");
        let guard = self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        guard.connection()?.execute("ROLLBACK").await?;
        guard.connection()?.clear_cached_statements().await?;
        set_up(guard, &self.identity).await?;
        self.broken = None;
        Ok(())
    }
}

/// Whether a prepared statement is not what it was, because the schema changed or somebody removed it.
fn is_stale(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(error) = error else {
        return false;
    };
    match error.code().as_deref() {
        // invalid_sql_statement_name
        Some("26000") => true,
        // feature_not_supported has many reasons; this is the function that finds a plan out of date.
        Some("0A000") => error
            .try_downcast_ref::<sqlx::postgres::PgDatabaseError>()
            .is_some_and(|error| error.routine() == Some("RevalidateCachedQuery")),
        _ => false,
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // A connection that broke is closed by its guard.
        if let Some(guard) = self.connection.take()
            && self.broken.is_none()
        {
            guard.roll_back_and_release();
        }
    }
}

impl<'c> Executor<'c> for &'c mut Scope {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let statement = Statement::of(query, self.as_text);
        Written::by(move |rows| self.write(statement, rows)).boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        let mut answers = self.fetch_many(query);
        async move {
            let mut first = None;
            // All answers are read: an error may come behind the first row.
            while let Some(answer) = answers.try_next().await? {
                if let (Either::Right(row), None) = (answer, &first) {
                    first = Some(row);
                }
            }
            Ok(first)
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        async move {
            let result = self.ready().await?.prepare_with(sql, parameters).await;
            self.note(result)
        }
        .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        async move {
            let result = self.ready().await?.describe(sql).await;
            self.note(result)
        }
        .boxed()
    }
}

/// Lets `&mut` of a type that leads to a [`Scope`] run queries, as `&mut Scope` does.
macro_rules! runs_queries {
    ([$($generics:tt)*] $type:ty) => {
        impl<'c, $($generics)*> sqlx::Executor<'c> for &'c mut $type {
            type Database = sqlx::Postgres;

            fn fetch_many<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::stream::BoxStream<
                'e,
                Result<sqlx::Either<sqlx::postgres::PgQueryResult, sqlx::postgres::PgRow>, sqlx::Error>,
            >
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, sqlx::Postgres>,
            {
                std::ops::DerefMut::deref_mut(self).fetch_many(query)
            }

            fn fetch_optional<'e, 'q: 'e, E>(
                self,
                query: E,
            ) -> futures_core::future::BoxFuture<'e, Result<Option<sqlx::postgres::PgRow>, sqlx::Error>>
            where
                'c: 'e,
                E: 'q + sqlx::Execute<'q, sqlx::Postgres>,
            {
                std::ops::DerefMut::deref_mut(self).fetch_optional(query)
            }

            fn prepare_with<'e>(
                self,
                sql: sqlx::SqlStr,
                parameters: &'e [sqlx::postgres::PgTypeInfo],
            ) -> futures_core::future::BoxFuture<'e, Result<sqlx::postgres::PgStatement, sqlx::Error>>
            where
                'c: 'e,
            {
                std::ops::DerefMut::deref_mut(self).prepare_with(sql, parameters)
            }

            fn describe<'e>(
                self,
                sql: sqlx::SqlStr,
            ) -> futures_core::future::BoxFuture<'e, Result<sqlx::Describe<sqlx::Postgres>, sqlx::Error>>
            where
                'c: 'e,
            {
                std::ops::DerefMut::deref_mut(self).describe(sql)
            }
        }

        impl<$($generics)*> std::ops::Deref for $type {
            type Target = crate::transaction::Scope;

            fn deref(&self) -> &Self::Target {
                &self.scope
            }
        }

        impl<$($generics)*> std::ops::DerefMut for $type {
            fn deref_mut(&mut self) -> &mut Self::Target {
                &mut self.scope
            }
        }
    };
}

pub(super) use runs_queries;
