//! The text of migration files, as sqlx reads them.

use crate::diff::SchemaDiff;
use crate::hazard::Hazard;
use crate::plan::Plan;
use crate::renames::Renames;
use crate::schema::Schema;

/// How each file that we write begins.
pub const HEADER: &str = "-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.\n";

/// A reversible migration: what `<version>_<name>.up.sql` and `.down.sql` hold.
#[derive(Debug, Clone)]
pub struct Migration {
    /// The way from the old schema to the new.
    pub up: String,
    /// The way back.
    pub down: String,
    /// The dangers of the way there.
    pub hazards: Vec<Hazard>,
}

impl Migration {
    /// The migration between two schemas, or `None` where nothing differs.
    #[must_use]
    pub fn between(old: &Schema, new: &Schema) -> Option<Self> {
        Self::with_renames(old, new, &Renames::default())
    }

    /// The migration between two schemas in which some tables and columns have other names than before.
    #[must_use]
    pub fn with_renames(old: &Schema, new: &Schema, renames: &Renames) -> Option<Self> {
        let renames = renames.pending(old);
        let (renamed, statements) = renames.apply(old, new);
        let there = SchemaDiff::of(&renamed, new);
        if statements.is_empty() && there.is_empty() {
            return None;
        }
        let mut up = Plan::of(&there).after(statements);
        up.hazards.extend(renames.hazards());
        up.hazards.sort();
        let (back, statements) = renames.inverted().apply(new, old);
        let down = Plan::of(&SchemaDiff::of(&back, old)).after(statements);
        let hazards = up
            .hazards
            .iter()
            .map(|hazard| format!("hazard {hazard}"))
            .collect();
        Some(Self {
            up: file(&up, hazards),
            down: file(&down, cannot_restore(&up, &down)),
            hazards: up.hazards,
        })
    }
}

/// The whole schema as one script.
#[must_use]
pub fn script(schema: &Schema) -> String {
    let empty = Schema::default();
    statements(&Plan::of(&SchemaDiff::of(&empty, schema)))
}

/// What the down file leaves, in words.
fn cannot_restore(up: &Plan, down: &Plan) -> Vec<String> {
    let mut notes = Vec::new();
    if down.roles_stay {
        notes.push(
            "The roles stay: they belong to the whole server, and other databases may use them.".to_owned(),
        );
    }
    let lost = up
        .hazards
        .iter()
        .filter(|hazard| hazard.kind == crate::hazard::HazardKind::DataLoss);
    notes.extend(
        lost.map(|hazard| format!("Cannot bring back what the up file lost: it {}.", hazard.message)),
    );
    notes
}

fn file(plan: &Plan, notes: Vec<String>) -> String {
    let mut text = String::from(HEADER);
    for note in notes {
        text.push_str(&format!("-- {}\n", note.replace('\n', " ")));
    }
    // sqlx runs a file in one transaction, so that this ends with it.
    text.push_str("\nSET LOCAL lock_timeout = '5s';\n\n");
    text.push_str(&statements(plan));
    text
}

fn statements(plan: &Plan) -> String {
    let statements: Vec<String> = plan.statements().map(|sql| format!("{sql};\n")).collect();
    statements.join("\n")
}
