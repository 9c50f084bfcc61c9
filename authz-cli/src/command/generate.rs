//! `cargo authz generate`

use std::io::{self, BufRead as _, IsTerminal as _, Write};

use authz_schema::hazard::{Hazard, HazardKind};
use authz_schema::migration::Migration;

use super::{CommandError, Outcome, count, read_models, shown};
use crate::cli::Generate;

pub(super) fn run(
    arguments: &Generate,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Outcome, CommandError> {
    let (project, folder, models) = read_models(&arguments.project, err)?;
    let lock = folder.lock()?;
    let Some(migration) = Migration::with_renames(&lock, &models.schema, &models.renames) else {
        let tables = count(models.schema.tables.len(), "table");
        writeln!(
            err,
            "nothing to do: the migrations declare what `{}` does ({tables})",
            project.name
        )?;
        return Ok(Outcome::Fine);
    };
    for hazard in &migration.hazards {
        writeln!(err, "hazard {hazard}")?;
    }
    if arguments.dry_run {
        writeln!(out, "-- up\n{}\n-- down\n{}", migration.up, migration.down)?;
        return Ok(Outcome::Fine);
    }
    let refused = without_consent(&migration.hazards, &arguments.allow);
    if !refused.is_empty() && !asked(&refused, err)? {
        let flags: Vec<String> = refused
            .iter()
            .map(|kind| format!("--allow {}", kind.as_str()))
            .collect();
        writeln!(err, "nothing written; to consent: {}", flags.join(" "))?;
        if refused.contains(&HazardKind::DataLoss) {
            writeln!(
                err,
                "a rename loses nothing: `renamed_from = \"…\"` in `#[column]` or `#[table]` says what was renamed"
            )?;
        }
        return Ok(Outcome::Found);
    }
    let written = folder.write(&arguments.name, &migration, &models.schema)?;
    for path in [&written.up, &written.down] {
        writeln!(out, "wrote {}", shown(path))?;
    }
    writeln!(err, "next: read it, then `cargo sqlx migrate run`")?;
    Ok(Outcome::Fine)
}

fn without_consent(hazards: &[Hazard], allowed: &[String]) -> Vec<HazardKind> {
    let mut kinds: Vec<HazardKind> = hazards.iter().map(|hazard| hazard.kind).collect();
    kinds.dedup();
    kinds.retain(|kind| kind.needs_consent() && !allowed.iter().any(|name| name == kind.as_str()));
    kinds
}

/// Asks on a terminal. Elsewhere nobody can answer, and the answer is no.
fn asked(kinds: &[HazardKind], err: &mut dyn Write) -> io::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    write!(err, "write it in spite of {}? [y/N] ", names.join(", "))?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
