//! `cargo authz undo`

use std::io::{self, Write};

use serde::Serialize;

use super::report::Report;
use super::{CommandError, Outcome, asked, shown};
use crate::applied::{Answer, ask};
use crate::cli::{Format, Undo as Arguments};
use crate::drift::Address;
use crate::folder::{Folder, LOCK};
use crate::project::{Project, ProjectOptions};
use crate::undo::{self, LockBefore};

/// What `undo` did.
#[derive(Serialize)]
pub(super) struct Undone {
    /// The migrations that go, without `.up.sql`; none where there is nothing to undo.
    migrations: Vec<String>,
    /// The files that were removed.
    removed: Vec<String>,
    /// What became of the lock.
    lock: LockNow,
    /// The database that was asked, without the password.
    database: Option<Address>,
    /// Why no database could be asked.
    not_asked: Option<String>,
    /// The versions that the database has.
    applied: Vec<i64>,
    /// Files that were edited after they had been written.
    edited: Vec<String>,
    /// Hand-written migrations that are newer, and stay.
    later: Vec<String>,
    /// Why nothing was done.
    refused: Vec<Refused>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum LockNow {
    /// It is what it was before the migration.
    Restored,
    /// It is gone: there was none before the migration.
    Removed,
    /// It stays: it did not have the migration, or nothing was done.
    Unchanged,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Refused {
    /// The database has it.
    Applied,
    /// No database could be asked.
    NotAsked,
    /// Somebody edited its files.
    Edited,
}

pub(super) fn run(arguments: &Arguments, err: &mut dyn Write) -> Result<Undone, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project))?;
    let folder = Folder::of(&project);
    let mut undone = Undone {
        migrations: Vec::new(),
        removed: Vec::new(),
        lock: LockNow::Unchanged,
        database: None,
        not_asked: None,
        applied: Vec::new(),
        edited: Vec::new(),
        later: Vec::new(),
        refused: Vec::new(),
    };
    let Some(undo) = undo::newest(&folder)? else {
        return Ok(undone);
    };
    undone.migrations.clone_from(&undo.stems);
    undone.edited.clone_from(&undo.edited);
    undone.later.clone_from(&undo.later);

    let url = project.database_url(arguments.database_url.as_deref())?;
    match ask(url.as_deref(), &project.sqlx)? {
        Answer::Has(address, applied) => {
            let has = |version: &i64| applied.iter().any(|applied| applied.version == *version);
            undone.applied = undo.versions().filter(has).collect();
            undone.database = Some(address);
        }
        Answer::Unknown(reason) => undone.not_asked = Some(reason),
    }
    if !undone.applied.is_empty() {
        undone.refused.push(Refused::Applied);
        return Ok(undone);
    }
    let doubts = [
        (undone.not_asked.is_some(), Refused::NotAsked),
        (!undone.edited.is_empty(), Refused::Edited),
    ];
    let doubts: Vec<Refused> = doubts
        .into_iter()
        .filter_map(|(is, doubt)| is.then_some(doubt))
        .collect();
    if !doubts.is_empty() && !arguments.force {
        let words = arguments.format == Format::Text;
        if words {
            undone.print_doubts(err)?;
        }
        let files = undo.stems.join("`, `");
        if !words || !asked(&format!("delete `{files}` all the same?"), err)? {
            undone.refused = doubts;
            return Ok(undone);
        }
    }
    let (lock, now) = match &undo.lock {
        LockBefore::Text(text) => (Some(Some(text.as_str())), LockNow::Restored),
        LockBefore::Absent => (Some(None), LockNow::Removed),
        LockBefore::Same => (None, LockNow::Unchanged),
    };
    let removed = folder.take_back(&undo.stems, lock)?;
    undone.removed = removed.iter().map(|path| shown(path)).collect();
    undone.lock = now;
    Ok(undone)
}

impl Undone {
    fn print_doubts(&self, err: &mut dyn Write) -> io::Result<()> {
        if let Some(reason) = &self.not_asked {
            writeln!(
                err,
                "{reason}; whether a database has the migration was not checked"
            )?;
        }
        for file in &self.edited {
            writeln!(err, "`{file}` was edited after `generate` had written it")?;
        }
        Ok(())
    }
}

impl Report for Undone {
    fn outcome(&self) -> Outcome {
        if self.refused.is_empty() {
            Outcome::Fine
        } else {
            Outcome::Found
        }
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        let Some(name) = self.migrations.last() else {
            return writeln!(
                err,
                "nothing to undo: `cargo authz generate` has written no migration here"
            );
        };
        if let ([Refused::Applied], Some(database)) = (self.refused.as_slice(), &self.database) {
            let times = match self.applied.len() {
                1 => String::new(),
                files => format!(" ({files} times: it has {files} files of the migration)"),
            };
            return writeln!(
                err,
                "nothing was done: the database `{}` at {}:{} has `{name}`; run `cargo sqlx migrate revert` first{times}",
                database.name, database.host, database.port
            );
        }
        if !self.refused.is_empty() {
            return writeln!(
                err,
                "nothing was done; `--force` takes `{name}` back all the same"
            );
        }
        for path in &self.removed {
            writeln!(out, "removed {path}")?;
        }
        match self.lock {
            LockNow::Restored => writeln!(out, "{LOCK} is what it was before")?,
            LockNow::Removed => writeln!(out, "removed {LOCK}: there was none before")?,
            LockNow::Unchanged => {
                writeln!(out, "{LOCK} stays as it is: it does not have this migration")?;
            }
        }
        match &self.database {
            Some(database) => writeln!(
                err,
                "the database `{}` at {}:{} does not have the migration; other databases were not asked",
                database.name, database.host, database.port
            )?,
            // With `--force` nobody has read it yet.
            None => self.print_doubts(err)?,
        }
        for file in &self.later {
            writeln!(
                err,
                "`{file}` is hand-written and newer; it stays, and will run before what `generate` writes next"
            )?;
        }
        writeln!(
            err,
            "next: change the structs, then `cargo authz generate NAME` writes the migration anew"
        )
    }
}
