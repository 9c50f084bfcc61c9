//! The connections of one session role.
//!
//! INVARIANT (clean pool): what lies in a pool is outside of any transaction and as it was when it was opened, by the server's own word. A
//! connection goes back through [`Connection::clean`] alone; on every other way it is closed.

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{self, Metrics, PoolError, RecycleError, RecycleResult, Timeouts};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::{AssertSqlSafe, Connection as _, Either, Executor as _, PgConnection, Row as _};
use tokio::time::{Instant, sleep, timeout_at};

/// After this long without use a connection is closed.
const MAX_IDLE: Duration = Duration::from_mins(10);
/// How often idle connections are looked for.
const LOOK: Duration = Duration::from_mins(1);
/// Between two tries while the server starts or stops.
const PAUSE: Duration = Duration::from_millis(50);

/// What a session may have changed beyond its transaction, set back. Every name is one that nobody can take: keywords, or qualified.
///
/// The role comes first, because what follows is the login role's business. `RESET ALL` sets the encoding, the search path, the modes of
/// transactions, timeouts and whatever else to the values of the connection's start.
const CLEAN: &str =
    "SET SESSION AUTHORIZATION DEFAULT; CLOSE ALL; RESET ALL; UNLISTEN *; DISCARD SEQUENCES; DISCARD TEMP; ";

/// Whether all is as it was. The seed of `random()` can only be set anew, so a random one is.
const EXAMINE: &str = "SELECT pg_catalog.pg_backend_pid(), \
    pg_catalog.count(*) FILTER (WHERE from_sql), pg_catalog.count(*) FILTER (WHERE NOT from_sql), \
    pg_catalog.current_setting('client_encoding'), \
    pg_catalog.setseed(pg_catalog.hashtext(pg_catalog.gen_random_uuid()::pg_catalog.text)::pg_catalog.float8 / 2147483648::pg_catalog.float8), \
    pg_catalog.pg_advisory_unlock_all() \
    FROM pg_catalog.pg_prepared_statement()";

/// What sqlx sets when a connection starts. A pooler in session mode passes it on, and `RESET ALL` knows nothing of it.
const AS_SQLX: &str = "SET client_encoding = 'UTF8'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO, MDY'; SET extra_float_digits = 2; ";

pub(crate) type Pool = managed::Pool<Manager>;
pub(crate) type Pooled = managed::Object<Manager>;

/// Opens connections.
#[derive(Debug)]
pub(crate) struct Manager {
    options: PgConnectOptions,
}

/// A connection, and how one knows it again.
#[derive(Debug)]
pub(crate) struct Connection {
    connection: PgConnection,
    /// The process that serves it. Another one answers when a pooler changes servers between transactions.
    pid: i32,
    /// What comes behind `RESET ALL`.
    settings: &'static str,
}

/// What a connection was found to be at its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// As it was when it was opened.
    Clean,
    /// Another server process, a prepared statement too many or too few, another encoding.
    Changed,
}

impl Connection {
    pub(crate) async fn open(options: &PgConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = PgConnection::connect_with(options).await?;
        let ask = "RESET ALL; SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('TimeZone')";
        let row = connection.fetch_one(ask).await?;
        let (pid, zone): (i32, String) = (number(&row, 0)?, row.try_get(1)?);
        let settings = if zone == "UTC" { "" } else { AS_SQLX };
        if !settings.is_empty() {
            connection.execute(settings).await?;
        }
        Ok(Self {
            connection,
            pid,
            settings,
        })
    }

    pub(crate) fn as_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Begins a transaction. An error if another server process answers than the one that was connected to.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let row = self
            .connection
            .fetch_one("BEGIN; SELECT pg_catalog.pg_backend_pid()")
            .await?;
        if number::<i32>(&row, 0)? == self.pid {
            return Ok(());
        }
        Err(sqlx::Error::Configuration(
            "another server process answers than the one that was connected to: a pooler in transaction mode stands in between; \
             use its session mode, or connect to the server itself"
                .into(),
        ))
    }

    /// Runs statements, and cleans the connection behind them. How many of them were done, what the server said of the first that failed,
    /// and what the connection is now.
    pub(crate) async fn run_and_clean(&mut self, sql: &str) -> (usize, Result<Found, sqlx::Error>) {
        let text = format!("{sql}{CLEAN}{}{EXAMINE}", self.settings);
        let mut done = 0;
        let mut last = None;
        {
            // Each text that comes here was made in this crate, from constants and numbers.
            let mut answers = self.connection.fetch_many(AssertSqlSafe(text));
            loop {
                match answers.try_next().await {
                    Ok(Some(Either::Left(_))) => done += 1,
                    Ok(Some(Either::Right(row))) => last = Some(row),
                    Ok(None) => break,
                    Err(error) => return (done, Err(error)),
                }
            }
        }
        (done, self.examine(last))
    }

    fn examine(&self, row: Option<PgRow>) -> Result<Found, sqlx::Error> {
        let row = row.ok_or(sqlx::Error::RowNotFound)?;
        let (pid, by_hand, prepared): (i32, i64, i64) =
            (number(&row, 0)?, number(&row, 1)?, number(&row, 2)?);
        let encoding: String = row.try_get(3)?;
        let cached = i64::try_from(self.connection.cached_statements_size()).unwrap_or(-1);
        let clean = pid == self.pid && by_hand == 0 && prepared == cached && encoding == "UTF8";
        Ok(if clean { Found::Clean } else { Found::Changed })
    }
}

/// A number of an answer to a simple query, which comes as text.
fn number<T: std::str::FromStr>(row: &PgRow, column: usize) -> Result<T, sqlx::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: &str = row.try_get_raw(column)?.as_str().map_err(sqlx::Error::Decode)?;
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Connection, sqlx::Error> {
        Connection::open(&self.options).await
    }

    async fn recycle(&self, _: &mut Connection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.last_used() > MAX_IDLE {
            return Err(RecycleError::message("it was idle for too long"));
        }
        // Whether the server has closed it meanwhile is found out by BEGIN, which costs no round trip of its own.
        Ok(())
    }
}

/// A pool that opens its connections when they are needed, and closes those that are idle.
pub(crate) fn open(options: PgConnectOptions, max_connections: u32) -> Result<Pool, sqlx::Error> {
    let pool = Pool::builder(Manager { options })
        .max_size(usize::try_from(max_connections.max(1)).unwrap_or(usize::MAX))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
    let weak = pool.weak();
    drop(tokio::spawn(async move {
        loop {
            sleep(LOOK).await;
            let Some(pool) = weak.upgrade() else { break };
            let idle = pool.retain(|_, metrics| metrics.last_used() < MAX_IDLE);
            for connection in idle.removed {
                // A goodbye that gets lost changes nothing.
                _ = connection.connection.close().await;
            }
        }
    }));
    Ok(pool)
}

/// A connection, within this time. While the server starts or stops, or has no room, it is asked again.
pub(crate) async fn acquire(pool: &Pool, within: Duration) -> Result<Pooled, sqlx::Error> {
    let end = Instant::now() + within;
    loop {
        let timeouts = Timeouts {
            wait: Some(end.saturating_duration_since(Instant::now())),
            create: None,
            recycle: None,
        };
        let tried = timeout_at(end, pool.timeout_get(&timeouts)).await;
        match tried {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(PoolError::Backend(error))) if may_pass(&error) && Instant::now() + PAUSE < end => {
                sleep(PAUSE).await;
            }
            Ok(Err(PoolError::Backend(error))) => return Err(error),
            Ok(Err(PoolError::Closed)) => return Err(sqlx::Error::PoolClosed),
            Ok(Err(_)) | Err(_) => return Err(sqlx::Error::PoolTimedOut),
        }
    }
}

/// Closes a pool, and waits for the connections that are in use.
pub(crate) async fn close(pool: &Pool) {
    pool.close();
    while pool.status().size > 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether the server may take a connection in a moment: it refuses all, is starting up or shutting down, or has too many.
fn may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => matches!(
            error.kind(),
            std::io::ErrorKind::ConnectionRefused | std::io::ErrorKind::ConnectionReset
        ),
        sqlx::Error::Database(error) => {
            matches!(
                error.code().as_deref(),
                Some("57P03" | "57P01" | "57P02" | "53300")
            )
        }
        _ => false,
    }
}

/// Whether the connection was dead before the statement came to it, so that nothing can have happened.
pub(crate) fn was_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        // The server said that it ends this connection: admin_shutdown, crash_shutdown, idle_session_timeout.
        sqlx::Error::Database(error) => {
            matches!(error.code().as_deref(), Some("57P01" | "57P02" | "57P05"))
        }
        _ => false,
    }
}
