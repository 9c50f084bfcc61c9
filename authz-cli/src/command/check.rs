//! `cargo authz check`

use std::io::{self, Write};

use authz_migrate::migration::Migration;
use authz_schema::schema::Schema;
use serde::Serialize;

use super::report::Report;
use super::{CommandError, Outcome, count, read_models, shown};
use crate::cli::Check;
use crate::dml::{self, DataStatement};
use crate::expand::{SeenBy, Unseen};
use crate::folder::LOCK;
use crate::history::{self, Problem};
use crate::replay;
use crate::replay::catalogue::Difference;

/// What `check` found.
#[derive(Serialize)]
pub(super) struct Checked {
    /// Where the scan and the compiler do not see the same structs; only with `--expand`.
    unseen: Vec<Unseen>,
    /// What merges did to the folder.
    problems: Vec<Problem>,
    /// The up files that `generate` would write.
    pending: Vec<String>,
    /// Statements of hand-written migrations that row security would filter.
    data_statements: Vec<DataStatement>,
    /// Whether the migrations were replayed.
    replayed: bool,
    /// Where the migrations make something else than the lock declares.
    differences: Vec<Difference>,
    tables: usize,
    policies: usize,
    #[serde(skip)]
    lock: String,
}

pub(super) fn run(arguments: &Check) -> Result<Checked, CommandError> {
    let (project, folder, models) = read_models(&arguments.project)?;
    let lock = folder.lock()?;
    let mut problems = history::problems(&folder, &lock)?;
    if let Some(base) = &arguments.base {
        problems.extend(history::problems_since(&folder, base)?);
    }
    let (rings, lock) = (lock.rings, lock.schema);
    let pending = Migration::with_renames(
        &lock,
        &models.schema,
        &models.renames.without(&rings),
        &project.config.lock_timeout,
    )?;
    let data_statements = dml::find(&folder, &lock, &project.config.accepted_data_statements)?;
    let differences = if arguments.no_replay {
        Vec::new()
    } else {
        replay::compare(folder.path(), &lock)?
    };
    Ok(Checked {
        unseen: models.unseen,
        problems,
        pending: pending
            .into_iter()
            .flat_map(|migration| migration.parts)
            .map(|part| part.up)
            .collect(),
        data_statements,
        replayed: !arguments.no_replay,
        differences,
        tables: lock.tables.len(),
        policies: policies(&lock),
        lock: shown(&folder.path().join(LOCK)),
    })
}

impl Report for Checked {
    fn outcome(&self) -> Outcome {
        if self.unseen.is_empty()
            && self.problems.is_empty()
            && self.pending.is_empty()
            && self.differences.is_empty()
            && !self.data_statements.iter().any(DataStatement::is_finding)
        {
            Outcome::Fine
        } else {
            Outcome::Found
        }
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        if !self.unseen.is_empty() {
            writeln!(
                err,
                "the scan of the source and the compiler do not see the same structs:\n"
            )?;
        }
        for Unseen {
            name,
            file,
            line,
            seen_by,
        } in &self.unseen
        {
            let who = match seen_by {
                SeenBy::Scan => "only the scan sees it",
                SeenBy::Expand => "only the compiler sees it",
                SeenBy::BothOtherwise => "the compiler sees other fields or attributes",
            };
            writeln!(out, "{name} ({}:{line})\n    {who}", file.display())?;
        }
        if !self.problems.is_empty() {
            writeln!(err, "the migrations do not follow one another:\n")?;
        }
        for Problem { file, message, .. } in &self.problems {
            writeln!(out, "{file}\n    {message}")?;
        }
        if !self.pending.is_empty() {
            writeln!(
                err,
                "the models differ from the migrations; `cargo authz generate NAME` would write:\n"
            )?;
        }
        for up in &self.pending {
            writeln!(out, "{up}")?;
        }
        if self.data_statements.iter().any(DataStatement::is_finding) {
            writeln!(
                err,
                "row security would hide rows from statements of hand-written migrations:\n"
            )?;
        }
        for statement in &self.data_statements {
            statement.print(out, err)?;
        }
        if !self.differences.is_empty() {
            writeln!(
                err,
                "the migrations make something else than {} declares:\n",
                self.lock
            )?;
        }
        for difference in &self.differences {
            difference.print("declared", "replayed", out)?;
        }
        if !self.replayed {
            writeln!(err, "the migrations were not replayed (--no-replay)")?;
        } else if self.outcome() == Outcome::Fine {
            writeln!(err, "{}", self.summary())?;
        }
        Ok(())
    }
}

impl Checked {
    fn summary(&self) -> String {
        let policies = match self.policies {
            1 => "1 policy".to_owned(),
            number => format!("{number} policies"),
        };
        let tables = count(self.tables, "table");
        format!("models, lock and migrations agree: {tables}, {policies}")
    }
}

fn policies(schema: &Schema) -> usize {
    schema.tables.values().map(|table| table.policies.len()).sum()
}
