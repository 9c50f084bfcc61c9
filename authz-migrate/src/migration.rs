//! The text of migration files, as sqlx reads them.

use std::fmt;

use authz_schema::config::LockTimeout;
use authz_schema::renames::Renames;
use authz_schema::schema::{ConstraintKind, Schema};

use crate::diff::SchemaDiff;
use crate::hazard::{Hazard, HazardKind};
use crate::plan::{
    Level, Mode, Node, PlanError, Planned, UNCHECKED_BODIES, from_nothing, names_at_start, plan, write_all,
};
use crate::statement::{Statement, Validation};
use crate::texts::Catalog;
use crate::world::{RenameError, World};

/// What each file that we write says of itself, in its first line or after `-- no-transaction`.
pub const HEADER: &str = "-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.\n";

/// How a file begins that sqlx runs without a transaction: its first bytes.
const NO_TRANSACTION: &str = "-- no-transaction\n";

/// A migration: one file, or several where one would keep tables in use locked.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The files in the order in which they run. There is at least one.
    pub parts: Vec<Part>,
    /// The dangers of the way there.
    pub hazards: Vec<Hazard>,
    /// The renames of the models that are done with it. The attributes still stand afterwards, and where another object has
    /// the old name by then, nothing but the lock tells that they are done.
    pub done: Renames,
}

/// A reversible pair: what `<version>_<name>.up.sql` and `.down.sql` hold.
#[derive(Debug, Clone)]
pub struct Part {
    /// What follows the migration's name in the file's name; empty for the main file.
    pub suffix: String,
    /// The way there.
    pub up: String,
    /// The way back.
    pub down: String,
}

/// Why there is no migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MigrationError {
    /// Renames contradict each other, or what the migrations so far declare.
    Renames(Vec<RenameError>),
    /// No order of statements can make the change.
    Plan(PlanError),
}

impl fmt::Display for MigrationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan(error) => error.fmt(f),
            Self::Renames(errors) => {
                for (number, error) in errors.iter().enumerate() {
                    if number > 0 {
                        f.write_str("\n")?;
                    }
                    error.fmt(f)?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for MigrationError {}

/// One file.
#[derive(Debug)]
struct File {
    /// What tells it from the other files of the migration.
    suffix: String,
    up: Vec<String>,
    down: Vec<String>,
    /// Whether a transaction surrounds the statements. Without one there is one statement each way.
    in_transaction: bool,
    /// Whether a statement from which row security would hide rows is an error, there and back.
    guarded: (bool, bool),
}

impl Migration {
    /// The migration between two schemas, or `None` where nothing differs.
    ///
    /// # Errors
    ///
    /// [`MigrationError::Plan`] where statements wait for each other.
    pub fn between(old: &Schema, new: &Schema) -> Result<Option<Self>, MigrationError> {
        Self::with_renames(old, new, &Renames::default(), &LockTimeout::default())
    }

    /// The migration between two schemas in which some tables and columns have other names than before.
    ///
    /// # Errors
    ///
    /// [`MigrationError::Renames`] for renames that cannot be meant; [`MigrationError::Plan`] where statements wait for each
    /// other.
    pub fn with_renames(
        old: &Schema,
        new: &Schema,
        renames: &Renames,
        lock_timeout: &LockTimeout,
    ) -> Result<Option<Self>, MigrationError> {
        let World { old, new, done } = World::of(old, new, renames).map_err(MigrationError::Renames)?;
        let nothing = old.names == new.names && SchemaDiff::of(&old.schema, &new.schema).is_empty();
        if nothing {
            return Ok(None);
        }
        let there = plan(&old, &new, Mode::Staged).map_err(MigrationError::Plan)?;
        let back = |from, to| plan(from, to, Mode::Plain).map_err(MigrationError::Plan);
        let before_values = back(&there.after_values, &there.old)?;
        let back = back(&there.after_main, &there.after_values)?;
        let mut files = files(&there, &before_values, &back);
        if files.len() > 1 {
            files.retain(|file| !file.up.is_empty() || !file.down.is_empty());
        }
        let hazards = there.hazards;
        let count = files.len();
        let parts = files.into_iter().enumerate().map(|(number, file)| {
            let (mut up_notes, mut down_notes) = (Vec::new(), Vec::new());
            if count > 1 {
                up_notes.push(format!("Part {} of {count}.", number + 1));
                down_notes.clone_from(&up_notes);
            }
            // What the migration as a whole does is said where it begins.
            if number == 0 {
                up_notes.extend(hazards.iter().map(|hazard| format!("hazard {hazard}")));
                down_notes.extend(cannot_restore(&hazards, &back));
            }
            let lock_timeout = file.in_transaction.then_some(lock_timeout);
            if file.down.is_empty() {
                down_notes.push("There is nothing to undo.".to_owned());
            }
            Part {
                suffix: if count > 1 { file.suffix } else { String::new() },
                up: text(&up_notes, &file.up, lock_timeout, file.guarded.0),
                down: text(&down_notes, &file.down, lock_timeout, file.guarded.1),
            }
        });
        Ok(Some(Self {
            parts: parts.collect(),
            hazards,
            done,
        }))
    }
}

/// The files of a plan, in order, with the plans back to the state before the values and before the main file.
fn files(there: &Planned, before_values: &Planned, back: &Planned) -> Vec<File> {
    let (old_catalog, catalog) = (Catalog::of(&there.old.schema), Catalog::of(&there.new.schema));
    let mut names = names_at_start(&there.old, &there.new);
    let of = |level: Level| there.nodes.iter().filter(move |node| node.level == level);
    let mut up = |nodes: Vec<&Node>, unchecked: bool| {
        let mut sentences = write_all(nodes, &mut names, &there.new.names, &catalog);
        if unchecked {
            sentences.insert(0, UNCHECKED_BODIES.to_owned());
        }
        sentences
    };
    let mut files = vec![
        File {
            suffix: "enum_values".to_owned(),
            up: up(of(Level::Values).collect(), false),
            down: whole(before_values),
            in_transaction: true,
            guarded: (true, is_guarded(&before_values.nodes)),
        },
        File {
            suffix: String::new(),
            up: up(of(Level::Main).collect(), there.unchecked_bodies),
            down: whole(back),
            in_transaction: true,
            guarded: (is_guarded(of(Level::Main)), is_guarded(&back.nodes)),
        },
    ];
    // What undoes a later file has the names that the main file leads to.
    let mut before = there.after_main.names.clone();
    let mut undo = |statements: Vec<Statement>| {
        let mut sentences = Vec::new();
        for statement in statements {
            let catalog = if matches!(
                statement,
                Statement::CreateIndex {
                    concurrently: true,
                    ..
                }
            ) {
                &old_catalog
            } else {
                &catalog
            };
            sentences.extend(crate::write::write(&statement, &mut before, catalog));
        }
        sentences
    };
    for node in of(Level::Build) {
        if let Statement::CreateIndex { table, index, .. } = &node.statement {
            files.push(File {
                suffix: suffix("index", index.name.as_str()),
                down: undo(vec![Statement::DropIndex {
                    table: table.clone(),
                    index: index.name.clone(),
                    concurrently: true,
                }]),
                up: up(vec![node], false),
                in_transaction: false,
                guarded: (false, false),
            });
        }
    }
    let proofs: Vec<&Node> = of(Level::Prove).collect();
    if !proofs.is_empty() {
        files.push(File {
            suffix: "validate".to_owned(),
            down: undo(unproven(&proofs, there)),
            up: up(proofs, false),
            in_transaction: true,
            guarded: (true, true),
        });
    }
    for node in of(Level::Sweep) {
        let Statement::DropIndex {
            table, index: name, ..
        } = &node.statement
        else {
            continue;
        };
        let old = there.old.schema.tables.get(table);
        let old = old.and_then(|old| old.indexes.iter().find(|known| known.name == *name));
        if let Some(old) = old {
            let named = there.after_main.names.index(table, name);
            files.push(File {
                suffix: suffix("drop_index", named.as_str()),
                down: undo(vec![Statement::CreateIndex {
                    table: table.clone(),
                    index: old.clone(),
                    concurrently: true,
                }]),
                up: up(vec![node], false),
                in_transaction: false,
                guarded: (false, false),
            });
        }
    }
    files
}

/// Whether PostgreSQL may refuse what row security would filter. It would refuse more than that where it looks into the
/// text of a function that is made, or adds a foreign key to a table that has no rows yet.
fn is_guarded<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> bool {
    !nodes.into_iter().any(|node| match &node.statement {
        Statement::CreateFunction(_) | Statement::ReplaceFunction(_) | Statement::CreateMembership(_) => true,
        Statement::AddConstraint { constraint, how, .. } => {
            *how == Validation::Now && matches!(constraint.kind, ConstraintKind::ForeignKey(_))
        }
        _ => false,
    })
}

/// All statements of a plan in one file.
fn whole(planned: &Planned) -> Vec<String> {
    let catalog = Catalog::of(&planned.new.schema);
    let mut names = names_at_start(&planned.old, &planned.new);
    let mut sentences = write_all(&planned.nodes, &mut names, &planned.new.names, &catalog);
    if planned.unchecked_bodies {
        sentences.insert(0, UNCHECKED_BODIES.to_owned());
    }
    sentences
}

/// The way back from the file that proves what the ones before it prepared.
fn unproven(proofs: &[&Node], there: &Planned) -> Vec<Statement> {
    let mut back = Vec::new();
    for node in proofs.iter().rev() {
        if let Statement::UseIndex {
            table,
            old,
            new,
            index,
        } = &node.statement
        {
            back.push(Statement::DropConstraint {
                table: table.clone(),
                constraint: new.name.clone(),
            });
            let built = there.nodes.iter().find_map(|node| match &node.statement {
                Statement::CreateIndex {
                    table: of,
                    index: built,
                    ..
                } if of == table && built.name == *index => Some(built.clone()),
                _ => None,
            });
            back.extend(built.map(|index| Statement::CreateIndex {
                table: table.clone(),
                index,
                concurrently: false,
            }));
            let before = there.old.schema.tables.get(table).and_then(|before| {
                let mut constraints = before.constraints.iter();
                constraints.find(|known| Some(&known.name) == old.as_ref())
            });
            back.extend(before.map(|constraint| Statement::AddConstraint {
                table: table.clone(),
                constraint: constraint.clone(),
                how: Validation::Now,
            }));
        }
    }
    for node in proofs {
        if let Statement::ProvenNotNull {
            table, column, check, ..
        } = &node.statement
        {
            back.push(Statement::AddConstraint {
                table: table.clone(),
                constraint: crate::plan::not_null_check(check, column),
                how: Validation::Later,
            });
            back.push(Statement::DropNotNull {
                table: table.clone(),
                column: column.clone(),
            });
        }
    }
    back
}

/// The name as part of a file's name.
fn suffix(word: &str, name: &str) -> String {
    let safe = |c: char| if c.is_alphanumeric() { c } else { '_' };
    format!("{word}_{}", name.chars().map(safe).collect::<String>())
}

impl Part {
    /// The file's name between version and extension, for a migration of this name.
    #[must_use]
    pub fn name(&self, migration: &str) -> String {
        if self.suffix.is_empty() {
            migration.to_owned()
        } else {
            format!("{migration}_{}", self.suffix)
        }
    }
}

/// The whole schema as one script.
///
/// # Errors
///
/// [`MigrationError::Plan`] where statements wait for each other.
pub fn script(schema: &Schema) -> Result<String, MigrationError> {
    let sentences = from_nothing(schema).map_err(MigrationError::Plan)?;
    Ok(statements(sentences.iter().map(String::as_str)))
}

/// The same for a session of its own, which waits for locks no longer than a migration does. Empty where nothing is
/// declared.
///
/// # Errors
///
/// [`MigrationError::Plan`] where statements wait for each other.
pub fn standalone_script(schema: &Schema, lock_timeout: &LockTimeout) -> Result<String, MigrationError> {
    let script = script(schema)?;
    if script.is_empty() {
        return Ok(script);
    }
    // Outside of a transaction SET LOCAL would end with its own statement.
    Ok(format!(
        "SET lock_timeout = '{}';\n\n{script}",
        lock_timeout.as_str()
    ))
}

/// The statements that lead from one schema to another in one transaction, without semicolons.
///
/// # Errors
///
/// [`MigrationError::Plan`] where statements wait for each other.
pub fn statements_between(old: &Schema, new: &Schema) -> Result<Vec<String>, MigrationError> {
    let World { old, new, .. } = World::of(old, new, &Renames::default()).map_err(MigrationError::Renames)?;
    Ok(whole(
        &plan(&old, &new, Mode::Plain).map_err(MigrationError::Plan)?,
    ))
}

/// The statements that make a whole schema, without semicolons.
///
/// # Errors
///
/// [`MigrationError::Plan`] where statements wait for each other.
pub fn script_statements(schema: &Schema) -> Result<Vec<String>, MigrationError> {
    from_nothing(schema).map_err(MigrationError::Plan)
}

/// What the down file leaves, in words.
fn cannot_restore(hazards: &[Hazard], down: &Planned) -> Vec<String> {
    let mut notes = Vec::new();
    if down.roles_stay {
        notes.push(
            "The roles stay: they belong to the whole server, and other databases may use them.".to_owned(),
        );
    }
    if down.rights_of_public_stay {
        notes.push(
            "What was taken from PUBLIC is not given back: whether it was there before is not known."
                .to_owned(),
        );
    }
    if down.row_security_stays {
        notes.push(
            "Row security stays on where the table was made elsewhere: whether it was on before is not known."
                .to_owned(),
        );
    }
    notes.extend(down.unproven.iter().cloned());
    let lost = hazards
        .iter()
        .filter(|hazard| hazard.kind == HazardKind::DataLoss);
    notes.extend(
        lost.map(|hazard| format!("Cannot bring back what the up file lost: it {}.", hazard.message)),
    );
    notes
}

/// A file. Without a time to wait for locks it runs without a transaction, which the setting would need.
fn text(notes: &[String], sql: &[String], lock_timeout: Option<&LockTimeout>, guarded: bool) -> String {
    let mut text = String::new();
    if lock_timeout.is_none() {
        text.push_str(NO_TRANSACTION);
    }
    text.push_str(HEADER);
    for note in notes {
        text.push_str(&format!("-- {}\n", note.replace('\n', " ")));
    }
    if let Some(lock_timeout) = lock_timeout {
        // sqlx runs the file in one transaction, so that this ends with it.
        text.push_str(&format!(
            "\nSET LOCAL lock_timeout = '{}';\n",
            lock_timeout.as_str()
        ));
        if guarded {
            // A statement from which row security would hide rows is an error.
            text.push_str("SET LOCAL row_security = off;\n");
        }
    }
    text.push('\n');
    text.push_str(&statements(sql.iter().map(String::as_str)));
    text
}

fn statements<'a>(statements: impl Iterator<Item = &'a str>) -> String {
    let statements: Vec<String> = statements.map(|sql| format!("{sql};\n")).collect();
    statements.join("\n")
}
