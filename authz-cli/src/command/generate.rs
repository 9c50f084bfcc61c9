//! `cargo authz generate`

mod empty;

use std::io::{self, Write};

use authz_migrate::hazard::{Hazard, HazardKind};
use authz_migrate::migration::Migration;
use serde::Serialize;

use super::report::{self, Report};
use super::{CommandError, Outcome, asked, count, read_models, shown};
use crate::cli::{Format, Generate};
use crate::history;

/// What `generate` made.
#[derive(Serialize)]
pub(super) struct Generated {
    /// The dangers of the migration.
    #[serde(serialize_with = "report::hazards")]
    hazards: Vec<Hazard>,
    /// Those that would have needed `--allow`: nothing is written.
    refused: Vec<&'static str>,
    /// The files that were written.
    written: Vec<String>,
    /// The texts, in the order in which they run; none where nothing differs.
    migrations: Vec<Text>,
    #[serde(skip)]
    dry_run: bool,
    #[serde(skip)]
    nothing_to_do: String,
    #[serde(skip)]
    next: &'static str,
}

const NEXT: &str = "next: read what was written, then `cargo sqlx migrate run`";

#[derive(Serialize)]
struct Text {
    /// The name of the files between version and direction.
    name: String,
    up: String,
    down: String,
}

pub(super) fn run(arguments: &Generate, err: &mut dyn Write) -> Result<Generated, CommandError> {
    if arguments.empty {
        return empty::run(arguments);
    }
    let (project, folder, models) = read_models(&arguments.project)?;
    let lock = folder.lock()?;
    if let Some(problem) = history::problems(&folder, &lock)?.into_iter().next() {
        return Err(CommandError::History(problem));
    }
    let tables = count(models.schema.tables.len(), "table");
    let mut generated = Generated {
        hazards: Vec::new(),
        refused: Vec::new(),
        written: Vec::new(),
        migrations: Vec::new(),
        dry_run: arguments.dry_run,
        nothing_to_do: format!(
            "nothing to do: the migrations declare what `{}` does ({tables})",
            project.name
        ),
        next: NEXT,
    };
    let Some(migration) = Migration::with_renames(
        &lock.schema,
        &models.schema,
        &models.renames.without(&lock.rings),
        &project.config.lock_timeout,
    )?
    else {
        return Ok(generated);
    };
    generated.hazards.clone_from(&migration.hazards);
    let words = arguments.format == Format::Text;
    if words {
        for hazard in &migration.hazards {
            writeln!(err, "hazard {hazard}")?;
        }
    }
    if !arguments.dry_run {
        let refused = without_consent(&migration.hazards, &arguments.allow);
        if refused.is_empty()
            || words && asked(&format!("write it in spite of {}?", refused.join(", ")), err)?
        {
            // What was remembered is kept as long as the attribute stands.
            let mut rings = models.renames.without(&models.renames.without(&lock.rings));
            rings.extend(migration.rings.clone());
            let written = folder.write(&arguments.name, &migration, &models.schema, rings)?;
            generated.written = written.iter().map(|path| shown(path)).collect();
        } else {
            generated.refused = refused;
        }
    }
    let texts = migration.parts.into_iter().map(|part| Text {
        name: part.name(&arguments.name),
        up: part.up,
        down: part.down,
    });
    generated.migrations.extend(texts);
    Ok(generated)
}

impl Report for Generated {
    fn outcome(&self) -> Outcome {
        if self.refused.is_empty() {
            Outcome::Fine
        } else {
            Outcome::Found
        }
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        if self.migrations.is_empty() {
            return writeln!(err, "{}", self.nothing_to_do);
        }
        if self.dry_run {
            for Text { name, up, down } in &self.migrations {
                writeln!(out, "-- {name}.up.sql\n{up}\n-- {name}.down.sql\n{down}")?;
            }
            return Ok(());
        }
        if !self.refused.is_empty() {
            let flags: Vec<String> = self
                .refused
                .iter()
                .map(|kind| format!("--allow {kind}"))
                .collect();
            writeln!(err, "nothing written; to consent: {}", flags.join(" "))?;
            if self.refused.contains(&HazardKind::DataLoss.as_str()) {
                writeln!(
                    err,
                    "a rename loses nothing: `renamed_from = \"…\"` in `#[column]` or `#[table]` says what was renamed"
                )?;
            }
            return Ok(());
        }
        for path in &self.written {
            writeln!(out, "wrote {path}")?;
        }
        writeln!(err, "{}", self.next)
    }
}

fn without_consent(hazards: &[Hazard], allowed: &[String]) -> Vec<&'static str> {
    let mut kinds: Vec<HazardKind> = hazards.iter().map(|hazard| hazard.kind).collect();
    kinds.dedup();
    kinds.retain(|kind| kind.needs_consent() && !allowed.iter().any(|name| name == kind.as_str()));
    kinds.into_iter().map(HazardKind::as_str).collect()
}
