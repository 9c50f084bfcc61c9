//! Statements of hand-written migrations that row security would filter without a word.
//!
//! FORCE ROW LEVEL SECURITY applies to the owner of a table, who runs the migrations: an UPDATE touches only the rows that policies show, which are
//! often none. Which tables have FORCE at the time is followed through all migrations, in their order.

use std::collections::BTreeSet;
use std::io::{self, Write};

use authz_schema::schema::{Schema, TableName};
use authz_sql::Ident;
use authz_sql::script::{Name, Setting, Statement, StatementKind, TableChange, line, may_touch, statements};
use authz_sql::words;
use serde::Serialize;

use crate::folder::{Folder, FolderError, is_generated};

/// A statement that row security would filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataStatement {
    /// The migration's file name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The beginning of the statement.
    pub statement: String,
    /// The tables with FORCE that it names, or that its code may name.
    pub tables: Vec<String>,
    /// How certain it is.
    pub certainty: Certainty,
    /// What is wrong, and what to write.
    pub message: String,
}

impl DataStatement {
    /// Whether the statement is certain to be filtered.
    #[must_use]
    pub fn is_finding(&self) -> bool {
        self.certainty == Certainty::Finding
    }

    /// Says it: a finding to `out`, a note to `err`.
    ///
    /// # Errors
    ///
    /// The output cannot be written.
    pub fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        let text = format!(
            "{}:{}: {}\n    {}",
            self.file, self.line, self.statement, self.message
        );
        match self.certainty {
            Certainty::Finding => writeln!(out, "{text}"),
            Certainty::Note => writeln!(err, "note: {text}"),
        }
    }
}

/// How certain a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The statement reads or writes rows of the tables.
    Finding,
    /// The statement runs code that may.
    Note,
}

/// The statements of hand-written migrations that would be filtered for an owner without BYPASSRLS, but for those in `accepted`
/// files.
///
/// # Errors
///
/// [`FolderError`] for a folder that cannot be read.
pub fn find(
    folder: &Folder,
    lock: &Schema,
    accepted: &BTreeSet<String>,
) -> Result<Vec<DataStatement>, FolderError> {
    let mut files = Vec::new();
    for file in folder.migrations()? {
        let text = folder.read(&file.file)?;
        files.push((file.file, text));
    }
    if files.iter().all(|(_, text)| is_generated(text)) {
        return Ok(Vec::new());
    }
    let mut reader = Reader {
        lock,
        forced: BTreeSet::new(),
        functions: Vec::new(),
        found: Vec::new(),
    };
    for (file, text) in &files {
        let by_hand = !is_generated(text);
        reader.read(file, text, by_hand && !accepted.contains(file));
        let Some(down) = file
            .strip_suffix(".up.sql")
            .map(|stem| format!("{stem}.down.sql"))
        else {
            continue;
        };
        if by_hand && !accepted.contains(&down) && folder.path().join(&down).is_file() {
            // It begins where the up file ends, and the next file does not begin where it ends.
            let forced = reader.forced.clone();
            reader.read(&down, &folder.read(&down)?, true);
            reader.forced = forced;
        }
    }
    Ok(reader.found)
}

struct Reader<'a> {
    lock: &'a Schema,
    /// The tables with FORCE so far.
    forced: BTreeSet<TableName>,
    /// The functions that migrations make, with their code.
    functions: Vec<(Name, String)>,
    found: Vec<DataStatement>,
}

impl Reader<'_> {
    /// Follows the statements of a file, and looks for those that are filtered if it is reported.
    fn read(&mut self, file: &str, text: &str, reported: bool) {
        let mut net = false;
        // Without a transaction SET LOCAL ends with its statement.
        let in_transaction = !text.starts_with("-- no-transaction");
        for statement in statements(text) {
            let source = text.get(statement.range.clone()).unwrap_or_default();
            match &statement.kind {
                StatementKind::RowSecurity(_)
                    if !in_transaction && words::mentions(&source.to_lowercase(), "local") => {}
                StatementKind::RowSecurity(setting) => net = *setting == Setting::Off,
                StatementKind::AlterTable(changes) => self.change(&statement, changes),
                StatementKind::DropTable => {
                    for table in &statement.tables {
                        self.forced.retain(|forced| !is(table, forced));
                    }
                }
                StatementKind::Function(code) => {
                    let names = statement.functions.iter().take(1);
                    self.functions
                        .extend(names.map(|name| (name.clone(), code.clone())));
                }
                _ => {}
            }
            if reported
                && !net
                && let Some(found) = self.finding(file, text, &statement)
            {
                self.found.push(found);
            }
        }
    }

    fn change(&mut self, statement: &Statement, changes: &[TableChange]) {
        let Some(named) = statement.tables.first() else {
            return;
        };
        for change in changes {
            let forced: Vec<TableName> = self
                .forced
                .iter()
                .filter(|forced| is(named, forced))
                .cloned()
                .collect();
            match change {
                TableChange::Force => self.forced.extend(forced_name(named)),
                TableChange::NoForce | TableChange::Disable => {
                    self.forced.retain(|table| !forced.contains(table));
                }
                TableChange::Rename(new) | TableChange::Move(new) => {
                    let Ok(new) = Ident::new(new.clone()) else {
                        continue;
                    };
                    for table in forced {
                        self.forced.remove(&table);
                        self.forced.insert(match change {
                            TableChange::Move(_) => TableName {
                                namespace: new.clone(),
                                ..table
                            },
                            _ => TableName {
                                name: new.clone(),
                                ..table
                            },
                        });
                    }
                }
            }
        }
    }

    /// What is to be said of a statement.
    fn finding(&self, file: &str, text: &str, statement: &Statement) -> Option<DataStatement> {
        let is_forced = |name: &str| self.forced.iter().any(|table| table.name.as_str() == name);
        let code_tables = |code: &str| -> Vec<String> {
            let one = |table: &&TableName| may_touch(code, &|name| table.name.as_str() == name);
            self.forced.iter().filter(one).map(ToString::to_string).collect()
        };
        let source = text.get(statement.range.clone()).unwrap_or_default();
        let (tables, certainty) = match &statement.kind {
            StatementKind::Data => {
                let named = self.forced.iter().filter(|forced| {
                    statement
                        .tables
                        .iter()
                        .any(|table| is(table, forced) && self.means(table, forced))
                });
                let named: Vec<String> = named.map(ToString::to_string).collect();
                if named.is_empty() {
                    (self.called(statement, &code_tables), Certainty::Note)
                } else {
                    (named, Certainty::Finding)
                }
            }
            StatementKind::Call => (self.called(statement, &code_tables), Certainty::Note),
            StatementKind::Do(code) => {
                let mut tables = code_tables(code);
                if tables.is_empty() && !self.functions.is_empty() {
                    // It may call a function that does.
                    let called = self
                        .functions
                        .iter()
                        .filter(|(name, _)| words::mentions(code, &name.name));
                    tables = called.flat_map(|(_, code)| code_tables(code)).collect();
                }
                (tables, Certainty::Note)
            }
            StatementKind::Unknown if may_touch(source, &is_forced) => (code_tables(source), Certainty::Note),
            _ => return None,
        };
        if tables.is_empty() {
            return None;
        }
        let message = message(&tables, certainty);
        Some(DataStatement {
            file: file.to_owned(),
            line: line(text, statement.range.start),
            statement: beginning(source),
            tables,
            certainty,
            message,
        })
    }

    /// The tables of the functions that a statement calls, as far as migrations make them.
    fn called(&self, statement: &Statement, tables: &dyn Fn(&str) -> Vec<String>) -> Vec<String> {
        let called =
            |(name, _): &&(Name, String)| statement.functions.iter().any(|call| call.name == name.name);
        let code = self
            .functions
            .iter()
            .filter(called)
            .flat_map(|(_, code)| tables(code));
        let tables: BTreeSet<String> = code.collect();
        tables.into_iter().collect()
    }

    /// Whether a name without a namespace means this table: not if `public` has another one of the name.
    fn means(&self, name: &Name, table: &TableName) -> bool {
        let public = |other: &TableName| other.namespace.as_str() == "public" && other.name == table.name;
        name.namespace.is_some() || public(table) || !self.lock.tables.keys().any(public)
    }
}

/// Whether a name in SQL may mean this table.
fn is(name: &Name, table: &TableName) -> bool {
    name.name == table.name.as_str()
        && name
            .namespace
            .as_ref()
            .is_none_or(|namespace| namespace == table.namespace.as_str())
}

fn forced_name(name: &Name) -> Option<TableName> {
    let namespace = name.namespace.clone().unwrap_or_else(|| "public".to_owned());
    Some(TableName {
        namespace: Ident::new(namespace).ok()?,
        name: Ident::new(name.name.clone()).ok()?,
    })
}

fn message(tables: &[String], certainty: Certainty) -> String {
    let names = tables.join(", ");
    let lift = |verb: &str| -> String {
        let statements = tables
            .iter()
            .map(|table| format!("`ALTER TABLE {table} {verb} ROW LEVEL SECURITY;`"));
        statements.collect::<Vec<_>>().join(" ")
    };
    match certainty {
        Certainty::Finding => format!(
            "FORCE ROW LEVEL SECURITY of {names} applies to the owner: without BYPASSRLS it sees only the rows that policies show, \
             with no error; write `SET LOCAL row_security = off;` at the top of the file, {} before the statement and {} behind \
             it, as `cargo authz generate --empty NAME --on …` does; if the file has run already, add it to \
             `accepted_data_statements` in authz.toml",
            lift("NO FORCE"),
            lift("FORCE")
        ),
        Certainty::Note => format!(
            "this code may read or write {names}, whose FORCE ROW LEVEL SECURITY applies to the owner; with `SET LOCAL \
             row_security = off;` at the top of the file it fails rather than skip rows"
        ),
    }
}

/// The first words of a statement, in one line.
fn beginning(source: &str) -> String {
    const LONGEST: usize = 80;
    let line = source.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
