//! The live database, read in one transaction that may not write.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, PgConnection};

use super::{Address, DriftError};
use crate::server_error::ServerError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection with an open read-only transaction.
pub(super) struct Live {
    pub(super) connection: PgConnection,
    /// The role that migrates.
    pub(super) migrator: String,
    address: Address,
}

/// A row of the table where sqlx keeps what it applied.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Applied {
    pub(super) version: i64,
    pub(super) description: String,
    pub(super) success: bool,
    pub(super) checksum: Vec<u8>,
}

fn read(error: sqlx::Error) -> DriftError {
    DriftError::Read(error.into())
}

impl Live {
    pub(super) async fn connect(url: &str) -> Result<Self, DriftError> {
        // The reason could repeat a part of the URL, which holds a password.
        let options = PgConnectOptions::from_str(url).map_err(|_error| DriftError::Url)?;
        let address = Address {
            host: options.get_host().to_owned(),
            port: options.get_port(),
            name: options
                .get_database()
                .unwrap_or_else(|| options.get_username())
                .to_owned(),
        };
        let connecting = async {
            let mut connection = options
                .application_name("cargo authz drift")
                .disable_statement_logging()
                .connect()
                .await?;
            // It waits for no lock long, and keeps nobody waiting: it reads catalogues only.
            let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; \
                         SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'";
            sqlx::raw_sql(begin).execute(&mut connection).await?;
            Ok::<_, ServerError>(connection)
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(connection)) => Ok(Self {
                connection,
                migrator: String::new(),
                address,
            }),
            Ok(Err(source)) => Err(DriftError::Connect { address, source }),
            Err(_elapsed) => Err(DriftError::Timeout(address)),
        }
    }

    /// The migrations that sqlx applied. `table` is SQL, as in sqlx.toml, and found by the search path as sqlx finds it.
    pub(super) async fn applied(&mut self, table: &str) -> Result<Vec<Applied>, DriftError> {
        let name: Option<(String, String)> = sqlx::query_as(
            "SELECT format('%I.%I', n.nspname, c.relname), pg_get_userbyid(c.relowner)::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.oid = to_regclass($1)",
        )
        .bind(table)
        .fetch_optional(&mut self.connection)
        .await
        .map_err(read)?;
        let (name, migrator) = name.ok_or_else(|| DriftError::NotMigrated {
            database: self.address.name.clone(),
            table: table.to_owned(),
        })?;
        self.migrator = migrator;
        let sql = format!("SELECT version, description, success, checksum FROM {name} ORDER BY version");
        sqlx::query_as(AssertSqlSafe(sql))
            .fetch_all(&mut self.connection)
            .await
            .map_err(read)
    }

    /// The server's version, such as `15.18`.
    pub(super) async fn version(&mut self) -> Result<String, DriftError> {
        sqlx::query_scalar("SELECT split_part(current_setting('server_version'), ' ', 1)")
            .fetch_one(&mut self.connection)
            .await
            .map_err(read)
    }

    /// Ends the transaction and the connection.
    pub(super) async fn close(mut self) -> Address {
        // All has been read; the server ends the transaction with the connection whatever the answer is.
        drop(sqlx::raw_sql("ROLLBACK").execute(&mut self.connection).await);
        drop(self.connection.close().await);
        self.address
    }
}
