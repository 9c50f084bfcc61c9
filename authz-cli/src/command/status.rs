//! `cargo authz status`

use std::io::{self, Write};

use authz_migrate::hazard::Hazard;
use authz_migrate::migration::Migration;
use serde::Serialize;

use super::report::{self, Report};
use super::{CommandError, Outcome, count, read_models};
use crate::applied::{Answer, ask};
use crate::cli::Status as Arguments;
use crate::drift::Address;
use crate::history::{self, Problem};
use crate::replay::{self, Step};
use crate::status::{self, MigrationStatus, State};

/// Where structs, files and database are.
#[derive(Serialize)]
pub(super) struct Status {
    /// The database that was asked, without the password.
    database: Option<Address>,
    /// Why no database could be asked.
    not_asked: Option<String>,
    /// Each migration, oldest first.
    migrations: Vec<MigrationStatus>,
    /// Files that contradict the lock.
    problems: Vec<Problem>,
    /// What `generate` would write.
    models: Models,
}

/// What `generate` would write.
#[derive(Serialize)]
struct Models {
    /// Whether the structs differ from the lock.
    differ: bool,
    /// How many files it would write.
    files: usize,
    /// The dangers of the migration.
    #[serde(serialize_with = "report::hazards")]
    hazards: Vec<Hazard>,
    tables: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<Status, CommandError> {
    let (project, folder, models) = read_models(&arguments.project)?;
    let lock = folder.lock()?;
    let problems = history::problems(&folder, &lock)?;
    let next = Migration::with_renames(
        &lock.schema,
        &models.schema,
        &models.renames.without(&lock.renamed),
        &project.config.lock_timeout,
    )?;
    let url = project.database_url(arguments.database_url.as_deref())?;
    let (database, applied, not_asked) = match ask(url.as_deref(), &project.sqlx)? {
        Answer::Has(address, applied) => (Some(address), Some(applied), None),
        Answer::Unknown(reason) => (None, None, Some(reason)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let here = runtime.block_on(replay::steps(folder.path(), &project.sqlx))?;
    Ok(Status {
        database,
        not_asked,
        migrations: status::migrations(
            here.iter().map(|Step { up, .. }| &up.migration),
            applied.as_deref(),
        ),
        problems,
        models: Models {
            differ: next.is_some(),
            files: next.as_ref().map_or(0, |migration| 2 * migration.parts.len()),
            hazards: next.map(|migration| migration.hazards).unwrap_or_default(),
            tables: models.schema.tables.len(),
        },
    })
}

impl Report for Status {
    fn outcome(&self) -> Outcome {
        let settled =
            |migration: &MigrationStatus| matches!(migration.state, State::Applied | State::NotAsked);
        if self.migrations.iter().all(settled) && self.problems.is_empty() && !self.models.differ {
            Outcome::Fine
        } else {
            Outcome::Found
        }
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        match (&self.database, &self.not_asked) {
            (Some(database), _) => {
                writeln!(
                    out,
                    "database `{}` at {}:{}",
                    database.name, database.host, database.port
                )?;
            }
            (None, reason) => {
                let reason = reason.as_deref().unwrap_or_default();
                writeln!(err, "{reason}; whether the migrations are applied is not known")?;
            }
        }
        for migration in &self.migrations {
            write!(out, "migration {} {}", migration.version, migration.name)?;
            if let Some(part) = &migration.part {
                write!(out, " (part {part})")?;
            }
            if migration.generated == Some(false) {
                write!(out, " (hand-written)")?;
            }
            match (migration.state, &migration.applied_at) {
                (State::Applied, Some(at)) => {
                    writeln!(out, "\n    applied {at}")?;
                }
                (state, _) => writeln!(out, "\n    {}", state.message())?,
            }
        }
        if self.migrations.is_empty() {
            writeln!(out, "no migrations")?;
        }
        for Problem { file, message, .. } in &self.problems {
            writeln!(out, "{file}\n    {message}")?;
        }
        if self.models.differ {
            writeln!(
                out,
                "the structs differ from the migrations: `cargo authz generate NAME` would write {}",
                count(self.models.files, "file")
            )?;
            for hazard in &self.models.hazards {
                writeln!(out, "    hazard {hazard}")?;
            }
        } else {
            let tables = count(self.models.tables, "table");
            writeln!(out, "the migrations declare what the structs do ({tables})")?;
        }
        let number = |state: State| {
            self.migrations
                .iter()
                .filter(|migration| migration.state == state)
                .count()
        };
        let pending = number(State::Pending);
        if pending > 0 {
            let pending = count(pending, "pending migration");
            writeln!(err, "{pending}: `cargo sqlx migrate run` applies what is pending")?;
        }
        Ok(())
    }
}
