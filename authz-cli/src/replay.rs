//! What the migrations make and what the lock declares, side by side on a throwaway server.
//!
//! One database runs all migrations. A copy of it has the functions and types of hand-written ones too; there the
//! declared objects are dropped and made again from the lock. Text of ours is never compared with the server's: both
//! sides are the server's own.

mod access;
mod declared;
mod downs;
mod files;
mod ground;
mod policies;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use authz_migrate::migration::MigrationError;
use authz_schema::config::Config;
use authz_schema::schema::Schema;
use authz_throwaway::{Binaries, Server};
use serde::Serialize;
use sqlx::PgConnection;
use sqlx::migrate::MigrateError;

use crate::catalogue::{self, Difference, OwnersRights, Wanted, owners_rights};
use crate::folder::FolderError;
use crate::places::Places;
use crate::progress::{Progress, count, stage};
use crate::project::SqlxSettings;
use crate::server_error::ServerError;

pub(crate) use self::declared::remake;
pub use self::downs::WayBack;
pub use self::files::{AsSuperuser, Failure};
pub(crate) use self::files::{Runner, Step, steps};
pub(crate) use self::ground::Ground;
pub use self::policies::Refused;

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
    /// There is no order of statements that makes what the lock declares.
    #[error(transparent)]
    Plan(MigrationError),
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
    /// The commands that the server refuses to plan or to run.
    pub refused: Vec<Refused>,
    /// The down files that do not lead back.
    pub ways_back: Vec<WayBack>,
    /// The migrations that have no way back.
    pub without_down: Vec<PathBuf>,
    /// The hand-written files that the owner may not run, and a superuser may.
    pub as_superuser: Vec<AsSuperuser>,
    /// The views and functions that read governed tables with their owner's rights.
    pub owners_rights: Vec<OwnersRights>,
}

impl Replayed {
    /// Whether there is nothing to mend.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.differences.is_empty() && self.refused.is_empty() && self.ways_back.is_empty()
    }
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
        report.owners_rights = owners_rights(&mut runner.connection, false)
            .await
            .map_err(ReplayError::Database)?;
        let by_hand = std::mem::take(&mut runner.by_hand);
        let brought = std::mem::take(&mut runner.brought);
        report.as_superuser = runner.close().await?;
        if !strong.is_empty() {
            report.differences = strong;
            return Ok(report);
        }
        let mut copy = ground
            .copy("replayed", "declared")
            .await
            .map_err(ReplayError::Database)?;
        remake(&mut copy, lock, replay.places).await?;
        let declared = read(&mut copy).await?;
        let known = access::Known {
            lock,
            by_hand: &by_hand,
            brought: &brought,
            accept: &replay.config.accept,
        };
        report.differences = access::findings(&declared, &replayed, &known);
        report.refused = policies::refused(&ground, "replayed", lock, replay.places)
            .await
            .map_err(ReplayError::Database)?;
        drop(copy);
        ground
            .reset(&["replayed", "declared"])
            .await
            .map_err(ReplayError::Database)?;
        let reverted = replay.begin(&ground, "reverted").await?;
        let ways = downs::ways_back(reverted, &steps, wanted).await?;
        report.ways_back = ways.wrong;
        report.without_down = ways.missing;
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
        let mut runner = self.begin(ground, database).await?;
        stage(format_args!("replaying {}", count(steps.len(), "migration")));
        let mut progress = Progress::new(steps.len());
        let mut before = None;
        for step in steps {
            progress.step();
            match (step.up.generated, &before) {
                (false, None) => before = Some(runner.made().await?),
                (true, Some(_)) => runner.note_by_hand(before.take()).await?,
                _ => {}
            }
            runner.run(&step.up).await?;
        }
        runner.note_by_hand(before).await?;
        Ok(runner)
    }

    /// A new database before the first migration.
    async fn begin<'a>(&'a self, ground: &'a Ground<'a>, database: &str) -> Result<Runner<'a>, ReplayError> {
        let mut runner = Runner {
            ground,
            settings: self.sqlx,
            places: self.places,
            connection: ground.database(database).await.map_err(ReplayError::Database)?,
            as_superuser: Vec::new(),
            by_hand: BTreeSet::new(),
            brought: BTreeSet::new(),
        };
        runner.begin().await.map_err(ReplayError::Database)?;
        Ok(runner)
    }
}

/// Starts a throwaway server.
pub(crate) fn start() -> Result<Server, authz_throwaway::Error> {
    let binaries = Binaries::find()?;
    stage(format_args!("starting PostgreSQL {}", binaries.version()));
    Server::builder().binaries(binaries).start()
}
