//! Renames: which table and column of the new schema is which of the old one.
//!
//! A rename is applied to the old schema first, as values and as statements; what still differs afterwards is an
//! ordinary diff. PostgreSQL carries policies, keys and indexes along, since it stores them by number. Their texts are
//! rewritten here only to be compared: where that misses, the diff sets the text again, which does no harm.

use crate::hazard::{Hazard, HazardKind};
use crate::render;
use crate::schema::{Constraint, ConstraintKind, Schema, Table, TableName, generated_name};
use crate::sql::Ident;
use crate::words;

/// The renames that models ask for by `renamed_from`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renames {
    /// The table's namespace and new name, and its old name.
    pub tables: Vec<(TableName, Ident)>,
    /// The table by its new name, and the column's new and old name.
    pub columns: Vec<(TableName, Ident, Ident)>,
}

impl Renames {
    /// Adds those of another model.
    pub fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.columns.extend(other.columns);
    }

    /// Those that are still to be done. One whose old name is gone, or whose new name is there, was done before.
    #[must_use]
    pub fn pending(&self, old: &Schema) -> Self {
        let before = |table: &TableName, name: &Ident| TableName {
            name: name.clone(),
            ..table.clone()
        };
        let tables: Vec<_> = self
            .tables
            .iter()
            .filter(|(table, from)| {
                !old.tables.contains_key(table) && old.tables.contains_key(&before(table, from))
            })
            .cloned()
            .collect();
        let has = |table: &TableName, column: &Ident| {
            let renamed = tables.iter().find(|(to, _)| to == table);
            let name = renamed.map_or_else(|| table.clone(), |(to, from)| before(to, from));
            old.tables
                .get(&name)
                .is_some_and(|table| table.columns.iter().any(|known| known.name == *column))
        };
        let columns = self
            .columns
            .iter()
            .filter(|(table, to, from)| has(table, from) && !has(table, to))
            .cloned()
            .collect();
        Self { tables, columns }
    }

    /// What these do to programs that know the old names.
    pub fn hazards(&self) -> impl Iterator<Item = Hazard> {
        let tables = self
            .tables
            .iter()
            .map(|(to, from)| format!("{}.{from} to {}", to.namespace, to.name));
        let columns = self
            .columns
            .iter()
            .map(|(table, to, from)| format!("{table}.{from} to {to}"));
        tables.chain(columns).map(|what| Hazard {
            kind: HazardKind::BreaksOldCode,
            message: format!("renames {what}; programs that run meanwhile know the old name"),
        })
    }

    /// The way back.
    #[must_use]
    pub fn inverted(&self) -> Self {
        let former = |table: &TableName| {
            let renamed = self.tables.iter().find(|(to, _)| to == table);
            renamed.map_or_else(
                || table.clone(),
                |(to, from)| TableName {
                    name: from.clone(),
                    ..to.clone()
                },
            )
        };
        Self {
            tables: self
                .tables
                .iter()
                .map(|(to, _)| (former(to), to.name.clone()))
                .collect(),
            columns: self
                .columns
                .iter()
                .map(|(table, to, from)| (former(table), from.clone(), to.clone()))
                .collect(),
        }
    }

    /// Renames in `schema`, towards the names of `target`, and gives the statements that do it on a server.
    #[must_use]
    pub fn apply(&self, schema: &Schema, target: &Schema) -> (Schema, Vec<String>) {
        let mut schema = schema.clone();
        let mut statements = Vec::new();
        for (to, from) in &self.tables {
            let old = TableName {
                name: from.clone(),
                ..to.clone()
            };
            rename_table(&mut schema, &old, to);
            statements.push(format!("ALTER TABLE {old} RENAME TO {}", to.name));
        }
        for (table, to, from) in &self.columns {
            rename_column(&mut schema, table, from, to);
            statements.push(format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"));
        }
        for (name, table) in &mut schema.tables {
            if let Some(wanted) = target.tables.get(name) {
                let former = self
                    .tables
                    .iter()
                    .find(|(to, _)| to == name)
                    .map_or(&name.name, |(_, from)| from);
                let columns = self.columns.iter().filter(|(table, ..)| table == name);
                sequences(
                    table,
                    former,
                    columns.map(|(_, to, from)| (to, from)),
                    &mut statements,
                );
                generated_names(table, wanted, &mut statements);
            }
        }
        (schema, statements)
    }
}

fn rename_table(schema: &mut Schema, from: &TableName, to: &TableName) {
    let Some(mut table) = schema.tables.remove(from) else {
        return;
    };
    table.name = to.clone();
    schema.tables.insert(to.clone(), table);
    for table in schema.tables.values_mut() {
        for constraint in &mut table.constraints {
            if let ConstraintKind::ForeignKey(key) = &mut constraint.kind
                && key.table == *from
            {
                key.table = to.clone();
            }
        }
        texts(table, |text| {
            *text = words::replace(text, from.name.as_str(), to.name.as_str());
        });
    }
}

fn rename_column(schema: &mut Schema, table: &TableName, from: &Ident, to: &Ident) {
    let replace = |text: &mut String| *text = words::replace(text, from.as_str(), to.as_str());
    let rename = |column: &mut Ident| {
        if column == from {
            *column = to.clone();
        }
    };
    for (name, other) in &mut schema.tables {
        let own = name == table;
        for constraint in &mut other.constraints {
            match &mut constraint.kind {
                ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) if own => {
                    columns.iter_mut().for_each(rename);
                }
                ConstraintKind::ForeignKey(key) => {
                    if own {
                        rename(&mut key.column);
                    }
                    if key.table == *table {
                        rename(&mut key.references);
                    }
                }
                _ => {}
            }
        }
        if own {
            other
                .columns
                .iter_mut()
                .for_each(|column| rename(&mut column.name));
            for index in &mut other.indexes {
                index.columns.iter_mut().for_each(rename);
                index.keys.iter_mut().for_each(replace);
            }
            other
                .grants
                .iter_mut()
                .filter_map(|grant| grant.columns.as_mut())
                .flatten()
                .for_each(rename);
            texts(other, replace);
        } else if policies_mention(other, table.name.as_str()) {
            texts(other, replace);
        }
    }
}

fn policies_mention(table: &Table, name: &str) -> bool {
    let texts = table
        .policies
        .iter()
        .flat_map(|policy| [&policy.using, &policy.with_check]);
    texts.flatten().any(|text| words::mentions(text, name))
}

/// Applies a change to each expression of a table.
fn texts(table: &mut Table, change: impl Fn(&mut String)) {
    for constraint in &mut table.constraints {
        if let ConstraintKind::Check(text) = &mut constraint.kind {
            change(text);
        }
    }
    for policy in &mut table.policies {
        policy
            .using
            .iter_mut()
            .chain(&mut policy.with_check)
            .for_each(&change);
    }
}

/// An identity column counts by a sequence that is named after table and column.
fn sequences<'a>(
    table: &Table,
    former: &Ident,
    columns: impl Iterator<Item = (&'a Ident, &'a Ident)>,
    statements: &mut Vec<String>,
) {
    let columns: Vec<_> = columns.collect();
    let namespace = &table.name.namespace;
    for column in table.columns.iter().filter(|column| column.identity) {
        let from = columns
            .iter()
            .find(|(to, _)| **to == column.name)
            .map_or(&column.name, |(_, from)| from);
        let name = |table: &Ident, column: &Ident| {
            Ident::new(generated_name(&[table.as_str(), column.as_str(), "seq"])).ok()
        };
        if let (Some(old), Some(new)) = (name(former, from), name(&table.name.name, &column.name))
            && old != new
        {
            statements.push(format!(
                "ALTER SEQUENCE IF EXISTS {namespace}.{old} RENAME TO {new}"
            ));
        }
    }
}

/// Renames constraints, indexes and policies that are the same but for their names, which follow those of table and
/// columns.
fn generated_names(table: &mut Table, wanted: &Table, statements: &mut Vec<String>) {
    let name = table.name.clone();
    let same = |a: &Constraint, b: &Constraint| a.kind == b.kind;
    for (old, new) in renamed(
        &mut table.constraints,
        &wanted.constraints,
        |item| &mut item.name,
        |item| &item.name,
        same,
    ) {
        statements.push(format!("ALTER TABLE {name} RENAME CONSTRAINT {old} TO {new}"));
    }
    let same = |a: &crate::schema::Index, b: &crate::schema::Index| a.keys == b.keys;
    for (old, new) in renamed(
        &mut table.indexes,
        &wanted.indexes,
        |item| &mut item.name,
        |item| &item.name,
        same,
    ) {
        statements.push(format!("ALTER INDEX {}.{old} RENAME TO {new}", name.namespace));
    }
    let same = |a: &crate::schema::Policy, b: &crate::schema::Policy| {
        (a.command, a.restrictive, &a.roles, &a.using, &a.with_check)
            == (b.command, b.restrictive, &b.roles, &b.using, &b.with_check)
    };
    for (old, new) in renamed(
        &mut table.policies,
        &wanted.policies,
        |item| &mut item.name,
        |item| &item.name,
        same,
    ) {
        statements.push(render::rename_policy(&name, &old, &new));
    }
    table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
    table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    table.policies.sort_by(|a, b| a.name.cmp(&b.name));
}

/// Gives each item that is wanted under another name that name, and tells which.
fn renamed<T>(
    items: &mut [T],
    wanted: &[T],
    name_mut: impl Fn(&mut T) -> &mut Ident,
    name: impl Fn(&T) -> &Ident,
    same: impl Fn(&T, &T) -> bool,
) -> Vec<(Ident, Ident)> {
    let taken: Vec<Ident> = items.iter().map(|item| name(item).clone()).collect();
    let mut done: Vec<(Ident, Ident)> = Vec::new();
    for item in items.iter_mut() {
        let own = name(item).clone();
        if wanted.iter().any(|other| *name(other) == own) {
            continue;
        }
        let free =
            |other: &&T| !taken.contains(name(other)) && !done.iter().any(|(_, new)| new == name(other));
        if let Some(new) = wanted
            .iter()
            .filter(free)
            .find(|other| same(item, other))
            .map(|other| name(other).clone())
        {
            *name_mut(item) = new.clone();
            done.push((own, new));
        }
    }
    done
}
