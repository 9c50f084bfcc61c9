//! `cargo authz check`

use std::io::{self, Write};

use authz_schema::migration::Migration;
use authz_schema::schema::Schema;

use super::{CommandError, Outcome, count, read_models, shown};
use crate::cli::Check;
use crate::replay::{self, Difference};

pub(super) fn run(
    arguments: &Check,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Outcome, CommandError> {
    let (_, folder, models) = read_models(&arguments.project, err)?;
    let lock = folder.lock()?;
    let mut outcome = Outcome::Fine;
    if let Some(migration) = Migration::with_renames(&lock, &models.schema, &models.renames) {
        outcome = Outcome::Found;
        writeln!(
            err,
            "the models differ from the migrations; `cargo authz generate NAME` would write:\n"
        )?;
        writeln!(out, "{}", migration.up)?;
    }
    if arguments.no_replay {
        writeln!(err, "the migrations were not replayed (--no-replay)")?;
        return Ok(outcome);
    }
    let differences = replay::compare(folder.path(), &lock)?;
    if !differences.is_empty() {
        outcome = Outcome::Found;
        writeln!(
            err,
            "the migrations make something else than {} declares:\n",
            shown(&folder.path().join(crate::folder::LOCK))
        )?;
        print(&differences, out)?;
    }
    if outcome == Outcome::Fine {
        writeln!(err, "{}", summary(&lock))?;
    }
    Ok(outcome)
}

fn print(differences: &[Difference], out: &mut dyn Write) -> io::Result<()> {
    for Difference {
        object,
        declared,
        replayed,
    } in differences
    {
        writeln!(out, "{object}")?;
        for (who, text) in [("declared", declared), ("replayed", replayed)] {
            writeln!(out, "    {who}: {}", text.as_deref().unwrap_or("missing"))?;
        }
    }
    Ok(())
}

fn summary(schema: &Schema) -> String {
    let policies: usize = schema.tables.values().map(|table| table.policies.len()).sum();
    let policies = if policies == 1 {
        "1 policy".to_owned()
    } else {
        format!("{policies} policies")
    };
    format!(
        "models, lock and migrations agree: {}, {policies}",
        count(schema.tables.len(), "table")
    )
}
