//! Which migrations a database has, as the table of sqlx says; or why that is not known.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use crate::drift::Address;
use crate::project::SqlxSettings;
use crate::server_error::ServerError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A migration that a database has.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Applied {
    /// Its version.
    pub version: i64,
    /// The words after the version.
    pub description: String,
    /// When it was applied, in UTC, such as `2026-11-25T16:04:05Z`.
    pub installed_on: String,
    /// Whether it ran to its end.
    pub success: bool,
    /// The checksum of its file.
    pub checksum: Vec<u8>,
}

/// What a database answers.
#[derive(Debug)]
pub enum Answer {
    /// The migrations that it has, oldest first.
    Has(Address, Vec<Applied>),
    /// It was not asked, or did not answer: why.
    Unknown(String),
}

/// Why a database cannot even be asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppliedError {
    /// `DATABASE_URL` or `--database-url` is not a URL.
    #[error("the database URL is not valid; expected `postgres://user:password@host/database`")]
    Url,
    /// The runtime could not start.
    #[error("no async runtime could be started")]
    Runtime(#[from] std::io::Error),
}

/// Asks the database which migrations it has. It is read only.
///
/// # Errors
///
/// [`AppliedError`] for a URL that is not valid. A database that cannot be reached is [`Answer::Unknown`].
pub fn ask(url: Option<&str>, settings: &SqlxSettings) -> Result<Answer, AppliedError> {
    let Some(url) = url else {
        return Ok(Answer::Unknown(
            "no database was asked: there is no `--database-url` and no DATABASE_URL, in the environment or in `.env`"
                .to_owned(),
        ));
    };
    // sqlx would take any scheme for PostgreSQL's.
    if !["postgres:", "postgresql:"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Err(AppliedError::Url);
    }
    // The reason could repeat a part of the URL, which holds a password.
    let options = PgConnectOptions::from_str(url).map_err(|_error| AppliedError::Url)?;
    let address = Address {
        host: options.get_host().to_owned(),
        port: options.get_port(),
        name: options
            .get_database()
            .unwrap_or_else(|| options.get_username())
            .to_owned(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let reading = async {
        let options = options
            .application_name("cargo authz")
            .disable_statement_logging();
        let mut connection = options.connect().await?;
        let applied = read(&mut connection, settings.table_name()).await?;
        connection.close().await?;
        Ok::<_, ServerError>(applied)
    };
    let place = format!(
        "the database `{}` at {}:{}",
        address.name, address.host, address.port
    );
    // The timer begins inside of the runtime.
    let answer = runtime.block_on(async { tokio::time::timeout(CONNECT_TIMEOUT, reading).await });
    Ok(match answer {
        Ok(Ok(applied)) => Answer::Has(address, applied),
        Ok(Err(error)) => Answer::Unknown(format!("{place} could not be asked: {}", error.message)),
        Err(_elapsed) => Answer::Unknown(format!("{place} did not answer in 10 s")),
    })
}

const INSTALLED_ON: &str =
    r#"to_char(installed_on AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS installed_on"#;

/// The rows of the table of sqlx, found by the search path as sqlx finds it. A database without it has no migration.
async fn read(connection: &mut PgConnection, table: &str) -> Result<Vec<Applied>, sqlx::Error> {
    let begin = "BEGIN TRANSACTION READ ONLY; SET LOCAL lock_timeout = '5s'";
    sqlx::raw_sql(begin).execute(&mut *connection).await?;
    let name: Option<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)",
    )
    .bind(table)
    .fetch_optional(&mut *connection)
    .await?;
    let Some(name) = name else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT version, description, {INSTALLED_ON}, success, checksum FROM {name} ORDER BY version"
    );
    sqlx::query_as(AssertSqlSafe(sql)).fetch_all(connection).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_is_none_is_an_error_that_does_not_repeat_it() {
        let error = ask(
            Some("postgres://me:secret@host:port/app"),
            &SqlxSettings::default(),
        )
        .unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(matches!(
            ask(None, &SqlxSettings::default()),
            Ok(Answer::Unknown(_))
        ));
    }
}
