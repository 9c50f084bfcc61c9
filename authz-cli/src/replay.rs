//! What the migrations make and what the lock declares, side by side on a throwaway server.
//!
//! One database runs all migrations. A copy of it has the functions and types of hand-written ones too; there the
//! declared objects are dropped and made again from the lock. Text of ours is never compared with the server's: both
//! sides are the server's own.

mod declared;
mod files;
mod ground;

use std::io;
use std::path::{Path, PathBuf};

use authz_schema::config::Config;
use authz_schema::schema::Schema;
use authz_throwaway::{Binaries, Server};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;

use crate::catalogue::{self, Difference, Wanted, differences};
use crate::folder::FolderError;
use crate::places::Places;
use crate::progress::{count, stage};
use crate::project::SqlxSettings;
use crate::server_error::ServerError;

pub(crate) use self::declared::remake;
pub use self::files::{AsSuperuser, Failure};
pub(crate) use self::files::{Runner, Step, steps};
pub(crate) use self::ground::Ground;

/// Why the comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no server to replay on.
    #[error("no throwaway PostgreSQL server could be started; `check --no-replay` needs none")]
    Server(#[from] authz_throwaway::Error),
    /// The runtime could not start.
    #[error("no async runtime could be started")]
    Runtime(#[from] io::Error),
    /// sqlx cannot read the folder.
    #[error("the migrations in `{}` cannot be read", folder.display())]
    Migrate {
        /// The folder.
        folder: PathBuf,
        /// Which and why.
        source: Box<MigrateError>,
    },
    /// The folder cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A statement of a migration cannot run on an empty database.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// What the lock declares cannot be created.
    #[error("what the lock declares cannot be created: {0}")]
    Declared(Box<Failure>),
    /// The throwaway server fails.
    #[error("the throwaway server failed")]
    Database(#[source] ServerError),
}

/// What is replayed, and how.
#[derive(Debug, Clone, Copy)]
pub struct Replay<'a> {
    /// The folder of migrations.
    pub folder: &'a Path,
    /// How sqlx reads and notes them.
    pub sqlx: &'a SqlxSettings,
    /// Which platform, and which roles are there.
    pub config: &'a Config,
    /// Where the models declare what.
    pub places: &'a Places,
}

/// What a replay shows.
#[derive(Debug, Default, Serialize)]
pub struct Replayed {
    /// Where the migrations make something else than the lock declares.
    pub differences: Vec<Difference>,
    /// The hand-written files that the owner may not run, and a superuser may.
    pub as_superuser: Vec<AsSuperuser>,
}

/// Compares what the migrations make with what `lock` declares.
///
/// # Errors
///
/// [`ReplayError`] when there is no server, or a migration fails on an empty database.
pub fn compare(replay: Replay<'_>, lock: &Schema) -> Result<Replayed, ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = start()?;
    runtime.block_on(async {
        let ground = Ground::new(&server, replay.config)
            .await
            .map_err(ReplayError::Database)?;
        let steps = steps(replay.folder, replay.sqlx).await?;
        let mut runner = replay.run(&ground, "replayed", &steps).await?;
        let wanted = Wanted {
            schema: lock,
            migrator: ground.owner(),
        };
        let mut report = Replayed::default();
        let read = async |connection: &mut PgConnection| {
            catalogue::objects(connection, wanted, lock.tables.keys())
                .await
                .map_err(ReplayError::Database)
        };
        let replayed = read(&mut runner.connection).await?;
        // With a role that is too strong the lock's statements would refuse to run.
        let strong = catalogue::strong_roles(&mut runner.connection, lock)
            .await
            .map_err(ReplayError::Database)?;
        report.as_superuser = runner.close().await?;
        if !strong.is_empty() {
            report.differences = strong;
            return Ok(report);
        }
        let mut declared = ground
            .copy("replayed", "declared")
            .await
            .map_err(ReplayError::Database)?;
        remake(&mut declared, lock, replay.places)
            .await
            .map_err(ReplayError::Declared)?;
        let declared = read(&mut declared).await?;
        report.differences = differences(&declared, &replayed);
        Ok(report)
    })
}

impl Replay<'_> {
    /// Runs all migrations in a new database.
    pub(crate) async fn run<'a>(
        &'a self,
        ground: &'a Ground<'a>,
        database: &str,
        steps: &[Step],
    ) -> Result<Runner<'a>, ReplayError> {
        let mut runner = Runner {
            ground,
            settings: self.sqlx,
            places: self.places,
            connection: ground.database(database).await.map_err(ReplayError::Database)?,
            as_superuser: Vec::new(),
        };
        runner.begin().await.map_err(ReplayError::Database)?;
        stage(format_args!("replaying {}", count(steps.len(), "migration")));
        for step in steps {
            runner.run(&step.up).await?;
        }
        Ok(runner)
    }
}

/// Starts a throwaway server.
pub(crate) fn start() -> Result<Server, authz_throwaway::Error> {
    let binaries = Binaries::find()?;
    stage(format_args!("starting PostgreSQL {}", binaries.version()));
    Server::builder().binaries(binaries).start()
}
