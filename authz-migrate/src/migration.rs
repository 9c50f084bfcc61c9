//! The text of migration files, as sqlx reads them.

use crate::diff::SchemaDiff;
use crate::hazard::{Hazard, HazardKind};
use crate::phases::{self, Phase, Phases};
use crate::plan::Plan;
use crate::renames::Renaming;
use crate::spelling;
use authz_schema::config::LockTimeout;
use authz_schema::renames::Renames;
use authz_schema::schema::Schema;

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

impl Migration {
    /// The migration between two schemas, or `None` where nothing differs.
    #[must_use]
    pub fn between(old: &Schema, new: &Schema) -> Option<Self> {
        Self::with_renames(old, new, &Renames::default(), &LockTimeout::default())
    }

    /// The migration between two schemas in which some tables and columns have other names than before.
    #[must_use]
    pub fn with_renames(
        old: &Schema,
        new: &Schema,
        renames: &Renames,
        lock_timeout: &LockTimeout,
    ) -> Option<Self> {
        let renames = Renaming::pending(renames, old);
        let new = &spelling::kept(&renames.apply(old, new).0, new);
        let (renamed, statements) = renames.apply(old, new);
        let whole = SchemaDiff::of(&renamed, new);
        if statements.is_empty() && whole.is_empty() {
            return None;
        }
        let (asked, old) = (old, &phases::with_enum_values(old, new));
        let values = Phase {
            suffix: "enum_values".to_owned(),
            up: statements_of(&Plan::of(&SchemaDiff::of(asked, old))),
            down: statements_of(&Plan::of(&SchemaDiff::of(old, asked))),
            in_transaction: true,
        };
        let (renamed, _) = renames.apply(old, new);
        let Phases { main, later } = Phases::of(&SchemaDiff::of(&renamed, new));
        let (renamed, statements) = renames.apply(old, &main);
        let up = Plan::validated_later(&SchemaDiff::of(&renamed, &main).renamed_from(old)).after(statements);
        let (back, statements) = renames.inverted().apply(&main, old);
        let down = Plan::of(&SchemaDiff::of(&back, old).renamed_from(&main)).after(statements);

        // What waits for a later file blocks nobody; all else is dangerous wherever it stands.
        let blocks = |hazard: &Hazard| hazard.kind == HazardKind::BlocksWrites;
        let mut hazards = Plan::of(&whole).hazards;
        hazards.retain(|hazard| !blocks(hazard));
        hazards.extend(up.hazards.iter().filter(|hazard| blocks(hazard)).cloned());
        hazards.extend(renames.hazards());
        hazards.sort();

        let first = Phase {
            suffix: String::new(),
            up: statements_of(&up),
            down: statements_of(&down),
            in_transaction: true,
        };
        let mut phases: Vec<Phase> = [values, first].into_iter().chain(later).collect();
        phases.retain(|phase| !phase.up.is_empty() || !phase.down.is_empty());
        let count = phases.len();
        let parts = phases.into_iter().enumerate().map(|(number, phase)| {
            let (mut up_notes, mut down_notes) = (Vec::new(), Vec::new());
            if count > 1 {
                up_notes.push(format!("Part {} of {count}.", number + 1));
                down_notes.clone_from(&up_notes);
            }
            // What the migration as a whole does is said where it begins.
            if number == 0 {
                up_notes.extend(hazards.iter().map(|hazard| format!("hazard {hazard}")));
                down_notes.extend(cannot_restore(&hazards, &down));
            }
            let lock_timeout = phase.in_transaction.then_some(lock_timeout);
            if phase.down.is_empty() {
                down_notes.push("There is nothing to undo.".to_owned());
            }
            Part {
                suffix: if count > 1 { phase.suffix } else { String::new() },
                up: text(&up_notes, &phase.up, lock_timeout),
                down: text(&down_notes, &phase.down, lock_timeout),
            }
        });
        Some(Self {
            parts: parts.collect(),
            hazards,
        })
    }
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
#[must_use]
pub fn script(schema: &Schema) -> String {
    let empty = Schema::default();
    statements(Plan::of(&SchemaDiff::of(&empty, schema)).statements())
}

/// The same for a session of its own, which waits for locks no longer than a migration does. Empty where nothing is
/// declared.
#[must_use]
pub fn standalone_script(schema: &Schema, lock_timeout: &LockTimeout) -> String {
    let script = script(schema);
    if script.is_empty() {
        return script;
    }
    // Outside of a transaction SET LOCAL would end with its own statement.
    format!("SET lock_timeout = '{}';\n\n{script}", lock_timeout.as_str())
}

fn statements_of(plan: &Plan) -> Vec<String> {
    plan.statements().map(str::to_owned).collect()
}

/// What the down file leaves, in words.
fn cannot_restore(hazards: &[Hazard], down: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if down.roles_stay {
        notes.push(
            "The roles stay: they belong to the whole server, and other databases may use them.".to_owned(),
        );
    }
    if down.row_security_stays {
        notes.push(
            "Row security stays on where the table was made elsewhere: whether it was on before is not known."
                .to_owned(),
        );
    }
    let lost = hazards
        .iter()
        .filter(|hazard| hazard.kind == HazardKind::DataLoss);
    notes.extend(
        lost.map(|hazard| format!("Cannot bring back what the up file lost: it {}.", hazard.message)),
    );
    notes
}

/// A file. Without a time to wait for locks it runs without a transaction, which the setting would need.
fn text(notes: &[String], sql: &[String], lock_timeout: Option<&LockTimeout>) -> String {
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
    }
    text.push('\n');
    text.push_str(&statements(sql.iter().map(String::as_str)));
    text
}

fn statements<'a>(statements: impl Iterator<Item = &'a str>) -> String {
    let statements: Vec<String> = statements.map(|sql| format!("{sql};\n")).collect();
    statements.join("\n")
}
