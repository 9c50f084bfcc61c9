//! `cargo authz drift`

use std::io::{self, Write};

use serde::Serialize;

use super::report::Report;
use super::{CommandError, Outcome, count};
use crate::catalogue::OwnersRights;
use crate::cli::Drift as Arguments;
use crate::drift::{self, Drift, DriftError};
use crate::folder::Folder;
use crate::places::Places;
use crate::project::{Project, ProjectOptions};
use crate::replay::Replay;

/// What `drift` found.
#[derive(Serialize)]
#[serde(transparent)]
pub(super) struct Found(Drift);

pub(super) fn run(arguments: &Arguments) -> Result<Found, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project))?;
    let url = project.database_url(arguments.database_url.as_deref())?;
    let url = url.ok_or(DriftError::NoUrl)?;
    let folder = Folder::at(project.migrations.clone());
    let lock = folder.lock()?.schema;
    let replay = Replay {
        folder: folder.path(),
        sqlx: &project.sqlx,
        config: &project.config,
        places: &Places::default(),
    };
    Ok(Found(drift::find(&url, replay, &lock)?))
}

impl Report for Found {
    fn outcome(&self) -> Outcome {
        if self.0.is_none() {
            Outcome::Fine
        } else {
            Outcome::Found
        }
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        let Self(drift) = self;
        let database = format!(
            "`{}` at {}:{} (PostgreSQL {})",
            drift.database.name, drift.database.host, drift.database.port, drift.server_version
        );
        for migration in &drift.migrations {
            writeln!(
                out,
                "migration {} {}\n    {}",
                migration.version,
                migration.description,
                migration.state.message()
            )?;
        }
        for difference in &drift.differences {
            difference.print("migrations", "database", out)?;
        }
        for OwnersRights { object, message } in &drift.owners_rights {
            writeln!(err, "warning: {object}: {message}")?;
        }
        if drift.versions_differ() {
            writeln!(
                err,
                "warning: the migrations were replayed on PostgreSQL {}, which may write some definitions otherwise; set \
                 AUTHZ_POSTGRES to the database's major version",
                drift.replay_version
            )?;
        }
        let migrations = count(drift.applied, "migration");
        if drift.is_none() {
            writeln!(err, "{database} is what its {migrations} made")
        } else {
            writeln!(err, "{database} is not what its {migrations} made")
        }
    }
}
