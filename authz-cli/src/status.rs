//! What is written, applied and pending: each migration in the folder and in a database.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use sqlx::migrate::Migration;

use crate::applied::Applied;

/// A migration, here or in the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationStatus {
    /// Its version.
    pub version: i64,
    /// Its name: the words after the version.
    pub name: String,
    /// Its place in a migration of several files, such as `2 of 3`.
    pub part: Option<String>,
    /// Whether `cargo authz generate` wrote it from the structs; `None` where the file is missing.
    pub generated: Option<bool>,
    /// How the file and the database compare.
    pub state: State,
    /// When the database applied it, in UTC.
    pub applied_at: Option<String>,
}

/// How the file of a migration and the database compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The database has it, with this text.
    Applied,
    /// The database does not have it yet.
    Pending,
    /// The database does not have it, and has newer ones.
    Late,
    /// The database has it, and the folder does not.
    Missing,
    /// The database has it with another text.
    Changed,
    /// It failed half-way.
    Failed,
    /// No database was asked.
    NotAsked,
}

impl State {
    /// What it means, and what to do.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::Late => "late: the database has newer migrations; sqlx would apply this one after them",
            Self::Missing => {
                "applied, but the file is missing; check out the commit that has it, or restore it"
            }
            Self::Changed => {
                "applied, but the file has changed since, and sqlx will refuse to migrate; restore it"
            }
            Self::Failed => {
                "failed half-way; repair the database by hand, then delete the migration's row in the table of sqlx"
            }
            Self::NotAsked => "written",
        }
    }
}

/// Each migration of the folder and of the database, oldest first. `there` is `None` where no database was asked.
#[must_use]
pub fn migrations<'a>(
    here: impl IntoIterator<Item = &'a Migration>,
    there: Option<&[Applied]>,
) -> Vec<MigrationStatus> {
    let rows: BTreeMap<i64, &Applied> = there
        .unwrap_or_default()
        .iter()
        .map(|row| (row.version, row))
        .collect();
    let files: BTreeMap<i64, &Migration> = here.into_iter().map(|file| (file.version, file)).collect();
    let newest = rows.keys().next_back();
    let versions: BTreeSet<i64> = rows.keys().chain(files.keys()).copied().collect();
    let status = |version: i64| {
        let (row, file) = (rows.get(&version), files.get(&version));
        let state = match (row, file) {
            _ if there.is_none() => State::NotAsked,
            (None, _) if newest.is_some_and(|newest| version < *newest) => State::Late,
            (None, _) => State::Pending,
            (Some(row), _) if !row.success => State::Failed,
            (Some(_), None) => State::Missing,
            (Some(row), Some(file)) if *file.checksum != *row.checksum => State::Changed,
            (Some(_), Some(_)) => State::Applied,
        };
        let text = file.map(|file| file.sql.as_str());
        let name = file.map_or_else(
            || row.map(|row| row.description.clone()).unwrap_or_default(),
            |file| file.description.to_string(),
        );
        MigrationStatus {
            version,
            name,
            part: text.and_then(part),
            generated: text.map(crate::folder::is_generated),
            state,
            applied_at: row.map(|row| row.installed_on.clone()),
        }
    };
    versions.into_iter().map(status).collect()
}

/// The place that the comment of a generated file names: `-- Part 2 of 3.`
fn part(text: &str) -> Option<String> {
    let line = text.lines().find_map(|line| line.strip_prefix("-- Part "))?;
    Some(line.trim_end_matches('.').to_owned())
}
