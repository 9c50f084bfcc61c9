//! `cargo authz check`

use std::io::{self, Write};

use authz_migrate::migration::Migration;
use authz_schema::schema::Schema;
use serde::Serialize;

use super::report::Report;
use super::{CommandError, Outcome, count, read_models, shown};
use crate::catalogue::OwnersRights;
use crate::cli::Check;
use crate::dml::{self, DataStatement};
use crate::expand::{SeenBy, Unseen};
use crate::folder::LOCK;
use crate::history::{self, Problem};
use crate::replay::{self, AsSuperuser, Replay, Replayed};

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
    /// What the replay shows.
    #[serde(flatten)]
    shows: Replayed,
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
    let (renamed, lock) = (lock.renamed, lock.schema);
    let pending = Migration::with_renames(
        &lock,
        &models.schema,
        &models.renames.without(&renamed),
        &project.config.lock_timeout,
    )?;
    let data_statements = dml::find(&folder, &lock, &project.config.accepted_data_statements)?;
    let shows = if arguments.no_replay {
        Replayed::default()
    } else {
        let replay = Replay {
            folder: folder.path(),
            sqlx: &project.sqlx,
            config: &project.config,
            places: &models.places,
        };
        replay::compare(replay, &lock)?
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
        shows,
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
            && self.shows.is_fine()
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
        if !self.shows.differences.is_empty() {
            writeln!(
                err,
                "the migrations make something else than {} declares:\n",
                self.lock
            )?;
        }
        for difference in &self.shows.differences {
            difference.print("declared", "replayed", out)?;
        }
        self.print_policies(out, err)?;
        self.print_ways_back(out, err)?;
        for OwnersRights { object, message } in &self.shows.owners_rights {
            writeln!(err, "warning: {object}: {message}")?;
        }
        for AsSuperuser { file, error } in &self.shows.as_superuser {
            writeln!(
                err,
                "note: `{}` ran as a superuser: the owner of the database, who has CREATEROLE and no more, may not run it: {}",
                file.display(),
                error.message
            )?;
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
    fn print_policies(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        if !self.shows.refused.is_empty() {
            writeln!(err, "PostgreSQL refuses what the models allow:\n")?;
        }
        for refused in &self.shows.refused {
            match &refused.declared {
                Some(place) => writeln!(out, "{} ({place})", refused.object)?,
                None => writeln!(out, "{}", refused.object)?,
            }
            let role = match refused.role.as_str() {
                "" => String::new(),
                role => format!(" as {role}"),
            };
            writeln!(
                out,
                "    {}{role} fails: {}",
                refused.command, refused.error.message
            )?;
            for (word, text) in refused.error.details() {
                writeln!(out, "    {word}: {}", text.replace('\n', "\n        "))?;
            }
            if let Some(advice) = &refused.advice {
                writeln!(out, "    {advice}")?;
            }
        }
        Ok(())
    }

    fn print_ways_back(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        if !self.shows.ways_back.is_empty() {
            writeln!(err, "a way back does not lead back:\n")?;
        }
        for way in &self.shows.ways_back {
            writeln!(out, "{}\n    {}", way.file.display(), way.message)?;
            if let Some(failure) = &way.failure {
                writeln!(out, "    {}", failure.to_string().replace('\n', "\n    "))?;
            }
            for difference in &way.differences {
                difference.print("before", "after", out)?;
            }
        }
        if !self.shows.without_down.is_empty() {
            let files: Vec<String> = self.shows.without_down.iter().map(|file| shown(file)).collect();
            writeln!(
                err,
                "note: no way back, so that none was tried: {}",
                files.join(", ")
            )?;
        }
        Ok(())
    }

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
