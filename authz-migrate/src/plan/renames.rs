//! Renames of what is kept, and of what PostgreSQL named after it.

use std::collections::BTreeMap;

use authz_schema::schema::{Table, TableName, TypeName};
use authz_sql::expression::Expression;
use authz_sql::{Ident, MAX_IDENT_BYTES, literal};

use super::{Builder, Op, Step};
use crate::hazard::HazardKind;
use crate::names::Name;
use crate::object::Object;
use crate::statement::Statement;
use crate::texts::{self, Target};

impl Builder<'_> {
    pub(super) fn renames(&mut self) {
        let mut renamed: Vec<Object> = Vec::new();
        renamed.extend(self.old.names.iter().map(|(object, _)| object.clone()));
        renamed.extend(self.new.names.iter().map(|(object, _)| object.clone()));
        renamed.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
        renamed.dedup();
        for object in renamed {
            let (from, to) = self.names_of(&object);
            if from == to || !self.is_kept(&object) || self.is_aside(&object) {
                continue;
            }
            self.renames_hazard(&object, &from, &to);
            self.push(
                Step::Renames,
                Op::Rename,
                object.clone(),
                Statement::Rename { object, to },
            );
        }
        // A value that goes by text from one type to another has to have its new label by then.
        for (old, new) in self.met_by_text() {
            let Some(values) = self.old.schema.enums.get(&old).map(|item| item.values.clone()) else {
                continue;
            };
            self.free_labels(&old, &new, &values);
            for value in values {
                let (from, to) = (
                    self.old.names.value(&old, &value),
                    self.new.names.value(&new, &value),
                );
                let has = self
                    .new
                    .schema
                    .enums
                    .get(&new)
                    .is_some_and(|item| item.values.contains(&value));
                if has && from != to {
                    let object = Object::Value(old.clone(), value);
                    let to = Name::label(to);
                    self.renames_hazard(&object, &Name::label(from), &to);
                    self.push(
                        Step::Renames,
                        Op::Rename,
                        object.clone(),
                        Statement::Rename { object, to },
                    );
                }
            }
        }
        self.follow_names();
    }

    /// A value that goes with its type leaves its label to one that stays.
    fn free_labels(&mut self, old: &TypeName, new: &TypeName, values: &[String]) {
        let stays: Vec<&String> = match self.new.schema.enums.get(new) {
            Some(item) => values
                .iter()
                .filter(|value| item.values.contains(value))
                .collect(),
            None => return,
        };
        let wanted: Vec<String> = stays
            .iter()
            .map(|value| self.new.names.value(new, value))
            .collect();
        let mut taken: Vec<String> = values
            .iter()
            .map(|value| self.old.names.value(old, value))
            .chain(wanted.iter().cloned())
            .collect();
        for value in values.iter().filter(|value| !stays.contains(value)) {
            let label = self.old.names.value(old, value);
            if !wanted.contains(&label) {
                continue;
            }
            let mut free = format!("{label}_old");
            while taken.contains(&free) {
                free.push('_');
            }
            taken.push(free.clone());
            let object = Object::Value(old.clone(), value.clone());
            self.push(
                Step::Aside,
                Op::Aside,
                object.clone(),
                Statement::Rename {
                    object,
                    to: Name::label(free),
                },
            );
        }
    }

    /// Whether an object is there before and after.
    fn is_kept(&self, object: &Object) -> bool {
        self.old.has(object) && self.new.has(object)
    }

    /// What a rename does to programs that know the old name.
    fn renames_hazard(&mut self, object: &Object, from: &Name, to: &Name) {
        let what = match (object, from, to) {
            (Object::Table(_), Name::Qualified(from), Name::Qualified(to)) => {
                format!("{from} to {}", new_name(from, to))
            }
            (Object::Enum(_), Name::Qualified(from), Name::Qualified(to)) => {
                format!("the type {from} to {}", new_name(from, to))
            }
            (Object::Column(table, _), Name::Ident(from), Name::Ident(to)) => {
                format!("{}.{from} to {to}", self.new.names.table(table))
            }
            (Object::Value(item, _), Name::Label(from), Name::Label(to)) => {
                let item = if self.new.schema.enums.contains_key(item) {
                    self.new.names.item(item)
                } else {
                    self.old.names.item(item)
                };
                format!("the value {} of {item} to {}", literal(from), literal(to))
            }
            _ => return,
        };
        self.hazard(
            HazardKind::BreaksOldCode,
            format!("renames {what}; programs that run meanwhile know the old name"),
        );
    }

    /// Sequences of identity columns and the NOT NULL of columns are named after table and column.
    fn follow_names(&mut self) {
        for (name, table) in &self.new.schema.tables {
            let Some(before) = self.old.schema.tables.get(name) else {
                continue;
            };
            if table.existing || before.existing {
                continue;
            }
            let (old_table, new_table) = (self.old.names.table(name), self.new.names.table(name));
            let moved = old_table.name != new_table.name;
            let kept = |column: &Ident| before.columns.iter().find(|old| old.name == *column);
            let column_names = |column: &Ident| {
                (
                    self.old.names.column(name, column),
                    self.new.names.column(name, column),
                )
            };
            let is_renamed = |column: &Ident| {
                let (old, new) = column_names(column);
                moved || old != new
            };
            let mut sequences = Vec::new();
            for column in &table.columns {
                let is_identity = kept(&column.name).is_some_and(|old| old.identity.is_some());
                let (old, new) = column_names(&column.name);
                let sequence =
                    |table: &Ident, column: &Ident| Ident::new(server_name(table, column, "seq")).ok();
                if column.identity.is_some()
                    && is_identity
                    && is_renamed(&column.name)
                    && let (Some(old), Some(new)) =
                        (sequence(&old_table.name, &old), sequence(&new_table.name, &new))
                    && old != new
                {
                    sequences.push((old, new));
                }
            }
            let wanted = not_null_names(table, &self.new.names);
            let not_null: Vec<(Ident, String)> = table
                .columns
                .iter()
                .filter(|column| {
                    let was = kept(&column.name).is_some_and(|old| old.not_null);
                    column.not_null && was && is_renamed(&column.name)
                })
                .filter_map(|column| Some((column.name.clone(), wanted.get(&column.name)?.clone())))
                .collect();
            if !sequences.is_empty() || !not_null.is_empty() {
                let table = table.clone();
                self.push(
                    Step::Renames,
                    Op::Alter,
                    Object::Comment(Box::new(Object::Table(name.clone()))),
                    Statement::FollowNames {
                        table,
                        sequences,
                        not_null,
                    },
                );
            }
        }
    }

    /// Whether a policy that stays selects a renamed column in a subquery: PostgreSQL goes on to call the result by the old
    /// name, so that the text of the policy would not be that of a new database.
    pub(super) fn selects_renamed(&self, table: &TableName, texts: &[&Expression]) -> bool {
        texts.iter().any(|text| {
            text.has_subquery()
                && texts::references(text, Some(table), &self.new_catalog)
                    .iter()
                    .any(|target| match target {
                        Target::Column(table, column) => {
                            let object = Object::Column(table.clone(), column.clone());
                            let (from, to) = self.names_of(&object);
                            from != to && self.is_kept(&object)
                        }
                        _ => false,
                    })
        })
    }
}

/// Types before tables, tables before their parts.
fn rank(object: &Object) -> u8 {
    match object {
        Object::Enum(_) => 0,
        Object::Value(..) => 1,
        Object::Table(_) => 2,
        Object::Column(..) => 3,
        Object::Constraint(..) => 4,
        Object::Index(..) => 5,
        _ => 6,
    }
}

/// The new name for a reader who knows the old one.
fn new_name(from: &TableName, to: &TableName) -> String {
    if from.namespace == to.namespace {
        to.name.to_string()
    } else {
        to.to_string()
    }
}

/// The names that the NOT NULL of a table's columns has from PostgreSQL 18 on: the server's own, but for columns whose names
/// would be the same once they are cut.
pub(crate) fn not_null_names(table: &Table, names: &crate::names::Names) -> BTreeMap<Ident, String> {
    let name = names.table(&table.name).name;
    let mut found = BTreeMap::new();
    let columns: Vec<(&Ident, Ident)> = table
        .columns
        .iter()
        .filter(|column| column.not_null)
        .map(|column| (&column.name, names.column(&table.name, &column.name)))
        .collect();
    let own = |column: &Ident| server_name(&name, column, "not_null");
    for (known, column) in &columns {
        let wanted = own(column);
        let twice = columns
            .iter()
            .any(|(other, column)| other != known && own(column) == wanted);
        let wanted = if twice {
            authz_schema::schema::generated_name(&[name.as_str(), column.as_str(), "not_null"])
        } else {
            wanted
        };
        found.insert((*known).clone(), wanted);
    }
    found
}

/// The name that PostgreSQL itself makes (`makeObjectName`): where it is too long, the longer part is cut.
pub(crate) fn server_name(table: &Ident, column: &Ident, label: &str) -> String {
    let (table, column) = (table.as_str(), column.as_str());
    let room = MAX_IDENT_BYTES - label.len() - 2;
    let (mut table_bytes, mut column_bytes) = (table.len(), column.len());
    while table_bytes + column_bytes > room {
        if table_bytes > column_bytes {
            table_bytes -= 1;
        } else {
            column_bytes -= 1;
        }
    }
    let cut = |name: &str, bytes| {
        let end = (0..=bytes).rev().find(|end| name.is_char_boundary(*end));
        name.get(..end.unwrap_or_default()).unwrap_or_default().to_owned()
    };
    format!(
        "{}_{}_{label}",
        cut(table, table_bytes),
        cut(column, column_bytes)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_too_long_is_cut_as_postgresql_cuts_it() {
        let name = |table: &str, column: &str| {
            server_name(
                &Ident::new(table).unwrap(),
                &Ident::new(column).unwrap(),
                "not_null",
            )
        };
        assert_eq!(name("notes", "title"), "notes_title_not_null");
        let both = name(&"note".repeat(10), &"title".repeat(10));
        assert_eq!(
            both,
            "notenotenotenotenotenotenot_titletitletitletitletitlet_not_null"
        );
        let one = name("notes", &"é".repeat(30));
        assert_eq!(one, format!("notes_{}_not_null", "é".repeat(24)));
        let wide = name("notes", &"\u{1F600}".repeat(15));
        assert_eq!(wide, format!("notes_{}_not_null", "\u{1F600}".repeat(12)));
    }
}
