//! A live database against the migrations: which of them it has, and whether it still is what they made.
//!
//! The migrations that the database has are replayed on a throwaway server, and the two catalogues are compared, each as
//! its server writes it. The live one is read in one read-only transaction.

mod live;

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{Schema, TableName};
use serde::Serialize;
use sqlx::migrate::Migration;

use self::live::{Applied, Live};
use crate::catalogue::{
    Difference, OwnersRights, Wanted, access, differences, objects, owners_rights, table_name,
};
use crate::progress::stage;
use crate::replay::{Ground, Replay, ReplayError, start, steps};
use crate::server_error::ServerError;

/// What the comparison found.
#[derive(Debug, Serialize)]
pub struct Drift {
    /// The database, without the password.
    pub database: Address,
    /// The live server's version.
    pub server_version: String,
    /// The version of the server that the migrations were replayed on.
    pub replay_version: String,
    /// How many migrations the database has.
    pub applied: usize,
    /// The migrations that are not the same there as here, oldest first.
    pub migrations: Vec<MigrationState>,
    /// The objects that are not what the migrations made.
    pub differences: Vec<Difference>,
    /// The views and functions that read governed tables with their owner's rights.
    pub owners_rights: Vec<OwnersRights>,
}

/// Where a database is.
#[derive(Debug, Clone, Serialize)]
pub struct Address {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database's name.
    pub name: String,
}

/// A migration that is not the same there as here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationState {
    /// Its version.
    pub version: i64,
    /// The words after the version.
    pub description: String,
    /// What about it.
    pub state: State,
}

/// What about a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The database does not have it yet. That alone is no drift.
    Pending,
    /// The database does not have it, and has newer ones.
    Late,
    /// The database has it, and the folder does not.
    Unknown,
    /// The file was changed after the database got it.
    Changed,
    /// It failed half-way.
    Failed,
}

impl State {
    /// What it means and what to do.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Pending => "pending: the database does not have it yet",
            Self::Late => {
                "late: the database does not have it, and has newer ones; sqlx would apply it after them"
            }
            Self::Unknown => {
                "unknown: the database has it, and the folder does not; check the right commit out"
            }
            Self::Changed => {
                "changed: the file is not what the database ran, and sqlx will refuse to go on; restore it"
            }
            Self::Failed => {
                "failed: it broke off half-way; put the database right by hand, then its row in the table of sqlx"
            }
        }
    }
}

/// Why the comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriftError {
    /// Nothing says which database.
    #[error(
        "no database is named; give `--database-url`, or set DATABASE_URL, in the environment or in `.env`"
    )]
    NoUrl,
    /// The URL is none.
    #[error(
        "the database URL is not one that PostgreSQL reads; expected `postgres://user:password@host/database`"
    )]
    Url,
    /// The server does not answer, or refuses.
    #[error("cannot connect to `{}` at {}:{}", .address.name, .address.host, .address.port)]
    Connect {
        /// The database.
        address: Address,
        /// Why.
        source: ServerError,
    },
    /// The server does not answer in time.
    #[error("`{}` at {}:{} did not answer in 10 s", .0.name, .0.host, .0.port)]
    Timeout(Address),
    /// sqlx never migrated this database.
    #[error(
        "`{database}` has no table `{table}`: sqlx has applied no migration to it; run `cargo sqlx migrate run`, or set \
         `table-name` in sqlx.toml"
    )]
    NotMigrated {
        /// The database's name.
        database: String,
        /// The table where sqlx would keep its versions.
        table: String,
    },
    /// The live catalogue cannot be read.
    #[error("the database cannot be read")]
    Read(#[source] ServerError),
    /// The migrations cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Compares the database at `url` with the migrations, as far as it has them.
///
/// # Errors
///
/// [`DriftError`] when there is no server, here or there, or sqlx never migrated the database.
pub fn find(url: &str, replay: Replay<'_>, lock: &Schema) -> Result<Drift, DriftError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ReplayError::Runtime)?;
    let server = start().map_err(ReplayError::Server)?;
    runtime.block_on(async {
        let here = steps(replay.folder, replay.sqlx).await?;
        stage("reading the database");
        let mut live = Live::connect(url).await?;
        let there = live.applied(replay.sqlx.table_name()).await?;
        let states = states(here.iter().map(|step| &step.up.migration), &there);
        let has: BTreeSet<i64> = there.iter().map(|applied| applied.version).collect();
        let mut shared = here;
        shared.retain(|step| has.contains(&step.up.migration.version));
        let ground = Ground::new(&server, replay.config)
            .await
            .map_err(ReplayError::Database)?;
        let mut replayed = replay.run(&ground, "replayed", &shared).await?.connection;

        let mut tables: BTreeSet<TableName> = lock.tables.keys().cloned().collect();
        if !states.is_empty() {
            // The lock is of another day than the database: what row security was then on is managed too.
            tables.extend(secured(&mut replayed).await.map_err(ReplayError::Database)?);
        }
        let read = async |connection: &mut sqlx::PgConnection, migrator: &str| {
            let wanted = Wanted {
                schema: lock,
                migrator,
            };
            let mut objects = objects(connection, wanted, &tables).await?;
            objects.extend(access(connection, lock).await?);
            Ok::<_, ServerError>(objects)
        };
        let expected = read(&mut replayed, ground.owner())
            .await
            .map_err(ReplayError::Database)?;
        let migrator = live.migrator.clone();
        let found = read(&mut live.connection, &migrator)
            .await
            .map_err(DriftError::Read)?;
        let owners_rights = owners_rights(&mut live.connection, true)
            .await
            .map_err(DriftError::Read)?;
        Ok(Drift {
            owners_rights,
            server_version: live.version().await?,
            replay_version: server.version().to_string(),
            applied: there.len(),
            migrations: states,
            differences: differences(&expected, &found),
            database: live.close().await,
        })
    })
}

impl Drift {
    /// Whether nothing differs. A migration that is pending, and older than none that ran, is no drift.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let pending = |state: &MigrationState| state.state == State::Pending;
        self.differences.is_empty() && self.migrations.iter().all(pending)
    }

    /// Whether the two servers may write the same definition in two ways.
    #[must_use]
    pub fn versions_differ(&self) -> bool {
        let major = |version: &str| version.split(['.', ' ']).next().map(str::to_owned);
        major(&self.server_version) != major(&self.replay_version)
    }
}

fn states<'a>(here: impl Iterator<Item = &'a Migration>, there: &[Applied]) -> Vec<MigrationState> {
    let newest = there.iter().map(|applied| applied.version).max();
    let mut states: BTreeMap<i64, (String, State)> = BTreeMap::new();
    let files: BTreeMap<i64, &Migration> = here.map(|file| (file.version, file)).collect();
    for applied in there {
        let state = match files.get(&applied.version) {
            _ if !applied.success => State::Failed,
            None => State::Unknown,
            Some(file) if *file.checksum != *applied.checksum => State::Changed,
            Some(_) => continue,
        };
        states.insert(applied.version, (applied.description.clone(), state));
    }
    for file in files.values() {
        if !there.iter().any(|applied| applied.version == file.version) {
            let late = newest.is_some_and(|newest| file.version < newest);
            let state = if late { State::Late } else { State::Pending };
            states.insert(file.version, (file.description.to_string(), state));
        }
    }
    let states = states.into_iter();
    states
        .map(|(version, (description, state))| MigrationState {
            version,
            description,
            state,
        })
        .collect()
}

/// The tables with row security.
async fn secured(connection: &mut sqlx::PgConnection) -> Result<Vec<TableName>, ServerError> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relrowsecurity",
    )
    .fetch_all(connection)
    .await?;
    let names = rows
        .into_iter()
        .filter_map(|(namespace, name)| table_name(namespace, name));
    Ok(names.collect())
}
