//! The way back: each migration up, down and up again, and whether the database is then what it was.
//!
//! It has a database of its own, where each file comes back right after it ran. So a way back is tried although newer
//! migrations have none.

use std::path::PathBuf;

use serde::Serialize;

use super::files::{File, Runner, Step};
use super::{Failure, ReplayError};
use crate::catalogue::{Difference, Everything, Kind, Objects, Wanted, differences, table_name};
use crate::progress::{Progress, count, stage};

/// A down file that does not lead back, or an up file that does not run after it.
#[derive(Debug, Clone, Serialize)]
pub struct WayBack {
    /// The file.
    pub file: PathBuf,
    /// What happened.
    pub message: String,
    /// The statement that the server refused.
    pub failure: Option<Failure>,
    /// What is not as it was before.
    pub differences: Vec<Difference>,
}

/// What came of the ways back.
#[derive(Debug, Default, Serialize)]
pub(super) struct Ways {
    pub(super) wrong: Vec<WayBack>,
    /// The migrations that have none.
    pub(super) missing: Vec<PathBuf>,
}

/// Runs all files up, down and up.
pub(super) async fn ways_back(
    mut runner: Runner<'_>,
    steps: &[Step],
    wanted: Wanted<'_>,
) -> Result<Ways, ReplayError> {
    let mut ways = Ways::default();
    let number = steps.iter().filter(|step| step.down.is_some()).count();
    stage(format_args!(
        "going back and forth over {}",
        count(number, "migration")
    ));
    let mut progress = Progress::new(steps.len());
    let table = runner.settings.table_name();
    let mut state = Everything::default()
        .read(&mut runner.connection, wanted, table, true)
        .await
        .map_err(ReplayError::Database)?;
    for step in steps {
        progress.step();
        let Some(down) = &step.down else {
            ways.missing.push(step.up.path.clone());
            runner.run(&step.up).await?;
            state = read(&mut runner, wanted, &state, &step.up).await?;
            continue;
        };
        let before = state;
        runner.run(&step.up).await?;
        let after = read(&mut runner, wanted, &before, &step.up).await?;
        if let Some(failure) = tried(&mut runner, down).await? {
            ways.wrong.push(WayBack {
                file: down.path.clone(),
                message: "it cannot run after its up file".to_owned(),
                failure: Some(failure),
                differences: Vec::new(),
            });
            if down.migration.no_tx {
                // Half of it may have run.
                return Ok(ways);
            }
            state = after;
            continue;
        }
        let back = read(&mut runner, wanted, &after, down).await?;
        let mut left = differences(&before.objects, &back.objects);
        left.retain(|difference| !is_meant(down, &before.objects, wanted, difference));
        if !left.is_empty() {
            ways.wrong.push(WayBack {
                file: down.path.clone(),
                message: "it does not lead back to what was there before its up file".to_owned(),
                failure: None,
                differences: left,
            });
        }
        if let Some(failure) = tried(&mut runner, &step.up).await? {
            ways.wrong.push(WayBack {
                file: step.up.path.clone(),
                message: "it cannot run again after its down file; what comes after it was not tried"
                    .to_owned(),
                failure: Some(failure),
                differences: Vec::new(),
            });
            return Ok(ways);
        }
        let again = read(&mut runner, wanted, &back, &step.up).await?;
        let left = differences(&after.objects, &again.objects);
        if !left.is_empty() {
            ways.wrong.push(WayBack {
                file: step.up.path.clone(),
                message: "it makes something else when it runs again after its down file".to_owned(),
                failure: None,
                differences: left,
            });
        }
        state = again;
    }
    Ok(ways)
}

/// What there is after this file ran, in the place of what was there.
async fn read(
    runner: &mut Runner<'_>,
    wanted: Wanted<'_>,
    known: &Everything,
    ran: &File,
) -> Result<Everything, ReplayError> {
    let table = runner.settings.table_name();
    let text = ran.migration.sql.as_str().to_lowercase();
    let renames = ["rename", "set schema"].iter().any(|words| text.contains(words));
    known
        .read(&mut runner.connection, wanted, table, renames)
        .await
        .map_err(ReplayError::Database)
}

async fn tried(runner: &mut Runner<'_>, file: &File) -> Result<Option<Failure>, ReplayError> {
    match runner.run(file).await {
        Ok(()) => Ok(None),
        Err(ReplayError::Failed(failure)) => Ok(Some(*failure)),
        Err(error) => Err(error),
    }
}

/// What the files of `generate` say of themselves: of a table that is made elsewhere it is not known whether row security
/// was on, and which of the declared privileges its roles had before.
fn is_meant(down: &File, before: &Objects, wanted: Wanted<'_>, difference: &Difference) -> bool {
    let Some(object) = before.get(&difference.object).filter(|_| down.generated) else {
        return false;
    };
    let (Some(namespace), Some(name)) = (&object.namespace, &object.table) else {
        return false;
    };
    let table = table_name(namespace.clone(), name.clone()).and_then(|name| wanted.schema.tables.get(&name));
    match (table, object.kind) {
        (Some(table), Kind::Table | Kind::Grant) => table.existing,
        // It is declared no more.
        (None, Kind::Table) => object.definition.starts_with("no row security"),
        _ => false,
    }
}
