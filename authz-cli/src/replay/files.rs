//! The migration files, applied one by one as sqlx applies them, and what went wrong in which statement of which.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use authz_schema::schema::TableName;
use authz_sql::script;
use futures_util::StreamExt as _;
use serde::Serialize;
use sqlx::migrate::{Migrate as _, MigrateError, Migration, MigrationSource as _, ResolveWith};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::ReplayError;
use super::ground::Ground;
use crate::catalogue::{all_tables, made, run};
use crate::folder::{Folder, is_generated};
use crate::places::{Place, Places};
use crate::project::SqlxSettings;
use crate::scan::shown;
use crate::server_error::ServerError;

/// A migration with its files.
pub(crate) struct Step {
    pub(crate) up: File,
    /// The way back, where there is one.
    pub(crate) down: Option<File>,
}

/// A file that sqlx runs.
pub(crate) struct File {
    pub(crate) migration: Migration,
    pub(crate) path: PathBuf,
    /// Whether `cargo authz generate` wrote it.
    pub(crate) generated: bool,
}

/// A statement of a migration that the server refuses.
#[derive(Debug, Clone, Serialize)]
pub struct Failure {
    /// The file, relative to the current folder if it lies in it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: Option<usize>,
    /// The statement.
    pub statement: Option<String>,
    /// What the server says.
    #[serde(flatten)]
    pub error: ServerError,
    /// Where the models declare what the statement is about.
    pub declared: Option<Place>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line},")?;
        }
        write!(f, " cannot run: {}", self.error)?;
        if let Some(statement) = &self.statement {
            let lines: Vec<&str> = statement.lines().collect();
            let shown = lines.get(..12).unwrap_or(&lines);
            write!(f, "\n  statement: {}", shown.join("\n    "))?;
            if lines.len() > shown.len() {
                write!(f, "\n    … {} more lines", lines.len() - shown.len())?;
            }
        }
        if let Some(place) = &self.declared {
            write!(f, "\n  declared at: {place}")?;
        }
        Ok(())
    }
}

/// The migrations in a folder, the oldest first.
pub(crate) async fn steps(folder: &Path, settings: &SqlxSettings) -> Result<Vec<Step>, ReplayError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let failed = |source| ReplayError::Migrate {
        folder: folder.to_owned(),
        source: Box::new(MigrateError::Source(source)),
    };
    let migrations = ResolveWith(folder, settings.resolve_config())
        .resolve()
        .await
        .map_err(failed)?;
    let names: BTreeMap<i64, String> = Folder::at(folder)
        .migrations()?
        .into_iter()
        .map(|file| (file.version, file.file))
        .collect();
    let file = |migration: Migration| {
        let name = names.get(&migration.version).cloned().unwrap_or_default();
        let name = match migration.migration_type.is_down_migration() {
            true => name.replace(".up.sql", ".down.sql"),
            false => name,
        };
        File {
            generated: is_generated(migration.sql.as_str()),
            path: shown(&folder.join(name)),
            migration,
        }
    };
    let (ups, downs): (Vec<_>, Vec<_>) = migrations
        .into_iter()
        .partition(|migration| migration.migration_type.is_up_migration());
    let mut downs: BTreeMap<i64, Migration> = downs.into_iter().map(|down| (down.version, down)).collect();
    let steps = ups.into_iter().map(|up| Step {
        down: downs.remove(&up.version).map(file),
        up: file(up),
    });
    Ok(steps.collect())
}

/// A hand-written file that the owner may not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AsSuperuser {
    /// The file.
    pub file: PathBuf,
    /// What the server said to the owner.
    #[serde(flatten)]
    pub error: ServerError,
}

/// Runs files in one database.
pub(crate) struct Runner<'a> {
    pub(crate) ground: &'a Ground<'a>,
    pub(crate) settings: &'a SqlxSettings,
    pub(crate) places: &'a Places,
    pub(crate) connection: PgConnection,
    /// The files that needed a superuser.
    pub(crate) as_superuser: Vec<AsSuperuser>,
    /// The ids of the columns, constraints, indexes and triggers that hand-written files made.
    pub(crate) by_hand: BTreeSet<String>,
    /// The tables that were there before the first file: the platform's.
    pub(crate) brought: BTreeSet<TableName>,
}

impl Runner<'_> {
    /// Makes what sqlx makes before the first migration.
    pub(crate) async fn begin(&mut self) -> Result<(), ServerError> {
        for namespace in self.settings.create_schemas() {
            self.connection.create_schema_if_not_exists(namespace).await?;
        }
        let table = self.settings.table_name();
        self.brought = all_tables(&mut self.connection, table).await?;
        Ok(self.connection.ensure_migrations_table(table).await?)
    }

    /// Ends the connection, so that the database can be copied, and says which files needed a superuser.
    pub(crate) async fn close(self) -> Result<Vec<AsSuperuser>, ReplayError> {
        let closed = self.connection.close().await;
        closed.map_err(|error| ReplayError::Database(error.into()))?;
        Ok(self.as_superuser)
    }

    /// The ids of what there is.
    pub(crate) async fn made(&mut self) -> Result<BTreeSet<String>, ReplayError> {
        made(&mut self.connection).await.map_err(ReplayError::Database)
    }

    /// Notes what hand-written files made since then.
    pub(crate) async fn note_by_hand(&mut self, before: Option<BTreeSet<String>>) -> Result<(), ReplayError> {
        if let Some(before) = before {
            let after = self.made().await?;
            self.by_hand.extend(after.difference(&before).cloned());
        }
        Ok(())
    }

    /// Runs a file.
    pub(crate) async fn run(&mut self, file: &File) -> Result<(), ReplayError> {
        if file.generated {
            self.ground.give_roles().await.map_err(ReplayError::Database)?;
        }
        let Err(mut error) = self.try_run(file).await else {
            return Ok(());
        };
        // A role that is said to be there, as it is where the file has run.
        if error.is("42704") && self.ground.give_roles().await.map_err(ReplayError::Database)? > 0 {
            match self.try_run(file).await {
                Ok(()) => return Ok(()),
                Err(again) => error = again,
            }
        }
        if error.is("42501") && !file.generated && self.ground.is_ordinary() {
            let refused = error;
            self.ground
                .set_superuser(true)
                .await
                .map_err(ReplayError::Database)?;
            let tried = self.try_run(file).await;
            let failure = match tried {
                Ok(()) => None,
                Err(error) => Some(self.failure(file, error).await),
            };
            self.ground
                .set_superuser(false)
                .await
                .map_err(ReplayError::Database)?;
            return match failure {
                None => {
                    if !self.as_superuser.iter().any(|known| known.file == file.path) {
                        self.as_superuser.push(AsSuperuser {
                            file: file.path.clone(),
                            error: refused,
                        });
                    }
                    Ok(())
                }
                Some(failure) => Err(ReplayError::Failed(Box::new(failure))),
            };
        }
        Err(ReplayError::Failed(Box::new(self.failure(file, error).await)))
    }

    async fn try_run(&mut self, file: &File) -> Result<(), ServerError> {
        let table = self.settings.table_name();
        let result = match file.migration.migration_type.is_down_migration() {
            true => self.connection.revert(table, &file.migration).await,
            false => self.connection.apply(table, &file.migration).await,
        };
        match result {
            Ok(_time) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Which statement it was.
    async fn failure(&mut self, file: &File, error: ServerError) -> Failure {
        let text = file.migration.sql.as_str();
        let ranges: Vec<Range<usize>> = script::statements(text)
            .into_iter()
            .map(|statement| statement.range)
            .collect();
        let offset = error.position.map(|position| {
            text.chars()
                .take(position.saturating_sub(1))
                .map(char::len_utf8)
                .sum::<usize>()
        });
        let range = match offset {
            Some(offset) => ranges.iter().find(|range| offset <= range.end),
            None if ranges.len() < 2 => ranges.first(),
            None => ranges.get(self.statements_that_run(file).await),
        };
        let start = offset.or_else(|| range.map(|range| range.start));
        let line_of = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count();
        let statement = range.and_then(|range| text.get(range.clone()));
        let failing_line = offset.and_then(|offset| text.lines().nth(line_of(offset)));
        let declared = statement.and_then(|statement| self.places.of_statement(statement, failing_line));
        Failure {
            file: file.path.clone(),
            line: start.map(|start| line_of(start) + 1),
            statement: statement.map(str::to_owned),
            declared: declared.cloned(),
            error,
        }
    }

    /// How many statements of a file run before the one that fails. Nothing of it stays, if the file has a transaction.
    async fn statements_that_run(&mut self, file: &File) -> usize {
        let in_transaction = !file.migration.no_tx;
        // Each answer that is missing tells less of the error, and hides none.
        if in_transaction {
            drop(run(&mut self.connection, "BEGIN").await);
        }
        let number = completed(&mut self.connection, file.migration.sql.as_str())
            .await
            .0;
        drop(run(&mut self.connection, "ROLLBACK").await);
        number
    }
}

/// Runs a text of several statements up to the first that fails: how many ran, and the error.
pub(crate) async fn completed(connection: &mut PgConnection, sql: &str) -> (usize, Option<sqlx::Error>) {
    let mut results = connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql.to_owned())));
    let mut number = 0;
    loop {
        match results.next().await {
            Some(Ok(result)) => number += usize::from(result.is_left()),
            Some(Err(error)) => return (number, Some(error)),
            None => return (number, None),
        }
    }
}
