//! A part of a transaction that can be undone on its own.

use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo, Postgres};
use sqlx::{Describe, Either, Execute, Executor, SqlStr};

use super::{Transaction, run};

/// A part of a [`Transaction`], made by [`Transaction::savepoint`]. The transaction cannot be used beside it.
///
/// `&mut Savepoint` is an sqlx [`Executor`]. [`release`](Self::release) keeps its changes as part of the transaction; dropping it undoes them. Role and claims are
/// those of the transaction, and are restored if SQL changed them before it is undone.
#[derive(Debug)]
#[must_use = "a savepoint that is dropped is undone"]
pub struct Savepoint<'t> {
    transaction: &'t mut Transaction,
    depth: u32,
    done: bool,
}

/// The statement that undoes a savepoint. The savepoint itself stays, so it can be repeated.
pub(super) fn rollback_to(depth: u32) -> String {
    format!("ROLLBACK TO SAVEPOINT authz_{depth};")
}

impl<'t> Savepoint<'t> {
    pub(super) async fn begin(transaction: &'t mut Transaction, depth: u32) -> Result<Self, sqlx::Error> {
        run(transaction.ready().await?, format!("SAVEPOINT authz_{depth}")).await?;
        Ok(Self {
            transaction,
            depth,
            done: false,
        })
    }

    /// Begins a part within this part.
    ///
    /// # Errors
    ///
    /// As [`Transaction::savepoint`].
    pub async fn savepoint(&mut self) -> Result<Savepoint<'_>, sqlx::Error> {
        // A future of this type would contain itself; a box ends that.
        Box::pin(Savepoint::begin(self.transaction, self.depth + 1)).await
    }

    /// Keeps the changes as part of the transaction.
    ///
    /// # Errors
    ///
    /// When a statement since the savepoint failed; its changes are then undone.
    pub async fn release(mut self) -> Result<(), sqlx::Error> {
        let sql = format!("RELEASE SAVEPOINT authz_{}", self.depth);
        run(self.transaction.ready().await?, sql).await?;
        self.done = true;
        Ok(())
    }

    /// Undoes the changes. The transaction goes on.
    ///
    /// # Errors
    ///
    /// When the connection breaks.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        run(self.transaction.ready().await?, rollback_to(self.depth)).await?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Savepoint<'_> {
    fn drop(&mut self) {
        if !self.done {
            let lowest = self
                .transaction
                .abandoned
                .map_or(self.depth, |other| other.min(self.depth));
            self.transaction.abandoned = Some(lowest);
        }
    }
}

impl<'c> Executor<'c> for &'c mut Savepoint<'_> {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.transaction.fetch_many(query)
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        self.transaction.fetch_optional(query)
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'c: 'e,
    {
        self.transaction.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'c: 'e,
    {
        self.transaction.describe(sql)
    }
}
