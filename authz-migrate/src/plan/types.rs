//! Enum types.

use super::reworked::only_adds_values;
use super::{Plan, Step};
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::HazardKind;
use crate::render;
use authz_schema::schema::{Column, EnumType, TypeName, generated_name};
use authz_sql::{Ident, literal};

impl Plan {
    pub(super) fn enums(&mut self, diff: &SchemaDiff<'_>) {
        for delta in &diff.enums {
            match delta {
                Delta::Added(item) => {
                    self.push(Step::Types, render::create_enum(item));
                    if item.comment.is_some() {
                        self.push(Step::Types, comment(item));
                    }
                }
                Delta::Removed(item) => self.push(Step::DropTypes, format!("DROP TYPE {}", item.name)),
                Delta::Changed(old, new) => {
                    if !only_adds_values(old, new) {
                        self.remake_enum(diff, old, new);
                    } else if old.values != new.values {
                        for sql in add_values(old, new) {
                            self.push(Step::Types, sql);
                        }
                    }
                    if old.comment != new.comment || !only_adds_values(old, new) && new.comment.is_some() {
                        self.push(Step::Comments, comment(new));
                    }
                }
            }
        }
    }

    /// PostgreSQL cannot take a value away. A type of the same name is made, and every column takes it.
    fn remake_enum(&mut self, diff: &SchemaDiff<'_>, old: &EnumType, new: &EnumType) {
        let gone: Vec<String> = old
            .values
            .iter()
            .filter(|value| !new.values.contains(value))
            .map(|value| literal(value))
            .collect();
        let what = if gone.is_empty() {
            format!("orders the values of {} anew", new.name)
        } else {
            format!(
                "takes {} from {}, which fails where a row has it",
                gone.join(", "),
                new.name
            )
        };
        self.hazard(HazardKind::FailsOnRows, what);
        let Some(former) = former_name(&new.name) else {
            return;
        };
        self.push(
            Step::RemakeEnums,
            format!("ALTER TYPE {} RENAME TO {}", new.name, former.name),
        );
        self.push(Step::RemakeEnums, render::create_enum(new));
        for table in diff.new.tables.values() {
            let Some(before) = diff.old.tables.get(&table.name).filter(|_| !table.existing) else {
                continue;
            };
            let name = &table.name;
            let kept = |column: &&Column| {
                before
                    .columns
                    .iter()
                    .any(|old| old.name == column.name && old.is_of(&new.name))
            };
            for column in table
                .columns
                .iter()
                .filter(|column| column.is_of(&new.name))
                .filter(kept)
            {
                self.hazard(
                    HazardKind::TableRewrite,
                    format!("changes the type of {name}.{} to a new {}", column.name, new.name),
                );
                let old_default = before
                    .columns
                    .iter()
                    .find(|old| old.name == column.name)
                    .and_then(|old| old.default.as_ref());
                let alter = format!("ALTER TABLE {name} ALTER COLUMN {}", column.name);
                if old_default.is_some() {
                    self.push(Step::RetypeEnums, format!("{alter} DROP DEFAULT"));
                }
                let text = if column.column_type.ends_with("[]") {
                    "text[]"
                } else {
                    "text"
                };
                self.push(
                    Step::RetypeEnums,
                    format!(
                        "{alter} TYPE {0} USING {1}::{text}::{0}",
                        column.column_type, column.name
                    ),
                );
                if let Some(default) = &column.default {
                    self.push(
                        Step::RetypeEnums,
                        format!("{alter} SET DEFAULT {}", render::default_value(default)),
                    );
                }
            }
        }
        self.push(Step::DropTypes, format!("DROP TYPE {former}"));
    }
}

/// The statements that add the values which only the new type has, each beside its neighbour.
pub(crate) fn add_values(old: &EnumType, new: &EnumType) -> Vec<String> {
    let mut statements = Vec::new();
    let mut before: Option<&String> = None;
    for value in &new.values {
        if !old.values.contains(value) {
            let place = match (before, old.values.first()) {
                (Some(before), _) => format!(" AFTER {}", literal(before)),
                (None, Some(first)) => format!(" BEFORE {}", literal(first)),
                (None, None) => String::new(),
            };
            statements.push(format!(
                "ALTER TYPE {} ADD VALUE {}{place}",
                new.name,
                literal(value)
            ));
        }
        before = Some(value);
    }
    statements
}

fn comment(item: &EnumType) -> String {
    render::comment(&format!("TYPE {}", item.name), item.comment.as_deref())
}

fn former_name(name: &TypeName) -> Option<TypeName> {
    let former = Ident::new(generated_name(&[name.name.as_str(), "former"])).ok()?;
    Some(name.renamed(&former))
}
