//! Renames: which table and column of the new schema is which of the old one.
//!
//! A rename is applied to the old schema first, as values and as statements; what still differs afterwards is an
//! ordinary diff. PostgreSQL carries policies, keys and indexes along, since it stores them by number. Their texts are
//! rewritten here only to be compared: where that misses, the diff sets the text again, which does no harm.

use std::collections::BTreeMap;

use authz_schema::renames::Renames;

use crate::hazard::{Hazard, HazardKind};
use crate::render;
use authz_schema::schema::{Constraint, ConstraintKind, Policy, Schema, Table, TableName, TypeName};
use authz_sql::QualifiedName;
use authz_sql::expression::Expression;
use authz_sql::words;
use authz_sql::{Ident, MAX_IDENT_BYTES, literal};

/// The renames that are still to be done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Renaming {
    /// The table's new name and its old one, maybe of another namespace.
    pub(crate) tables: Vec<(TableName, TableName)>,
    /// The table by its new name, and the column's new and old name.
    pub(crate) columns: Vec<(TableName, Ident, Ident)>,
    /// The table by its new name, and the policy's new and old name.
    pub(crate) policies: Vec<(TableName, Ident, Ident)>,
    /// The type's new name and its old one, maybe of another namespace.
    pub(crate) enums: Vec<(TypeName, TypeName)>,
    /// The type by its new name, and the value's new and old name.
    pub(crate) enum_values: Vec<(TypeName, String, String)>,
}

impl Renaming {
    /// Those that are still to be done. One whose old name is gone, or whose new name is there, was done before.
    pub(crate) fn pending(declared: &Renames, old: &Schema) -> Self {
        let tables: Vec<_> = declared
            .tables
            .iter()
            .filter(|(table, from)| !old.tables.contains_key(table) && old.tables.contains_key(from))
            .cloned()
            .collect();
        let has = |table: &TableName, column: &Ident| {
            old.tables
                .get(&former(&tables, table))
                .is_some_and(|table| table.columns.iter().any(|known| known.name == *column))
        };
        let columns = declared
            .columns
            .iter()
            .filter(|(table, to, from)| has(table, from) && !has(table, to))
            .cloned()
            .collect();
        let has_policy = |table: &TableName, policy: &Ident| {
            let table = old.tables.get(&former(&tables, table));
            table.is_some_and(|table| table.policies.iter().any(|known| known.name == *policy))
        };
        let policies = declared
            .policies
            .iter()
            .filter(|(table, to, from)| has_policy(table, from) && !has_policy(table, to))
            .cloned()
            .collect();
        let enums: Vec<_> = declared
            .enums
            .iter()
            .filter(|(to, from)| !old.enums.contains_key(to) && old.enums.contains_key(from))
            .cloned()
            .collect();
        let has_value = |name: &TypeName, value: &String| {
            old.enums
                .get(&former(&enums, name))
                .is_some_and(|known| known.values.contains(value))
        };
        let enum_values = declared
            .enum_values
            .iter()
            .filter(|(name, to, from)| has_value(name, from) && !has_value(name, to))
            .cloned()
            .collect();
        Self {
            tables,
            columns,
            policies,
            enums,
            enum_values,
        }
    }

    /// What these do to programs that know the old names.
    pub(crate) fn hazards(&self) -> impl Iterator<Item = Hazard> {
        let tables = self
            .tables
            .iter()
            .map(|(to, from)| format!("{from} to {}", new_name(from, to)));
        let columns = self
            .columns
            .iter()
            .map(|(table, to, from)| format!("{table}.{from} to {to}"));
        let enums = self
            .enums
            .iter()
            .map(|(to, from)| format!("the type {from} to {}", new_name(from, to)));
        let values = self
            .enum_values
            .iter()
            .map(|(name, to, from)| format!("the value {} of {name} to {}", literal(from), literal(to)));
        tables
            .chain(columns)
            .chain(enums)
            .chain(values)
            .map(|what| Hazard {
                kind: HazardKind::BreaksOldCode,
                message: format!("renames {what}; programs that run meanwhile know the old name"),
            })
    }

    /// The way back.
    pub(crate) fn inverted(&self) -> Self {
        let table = |name: &TableName| former(&self.tables, name);
        let item = |name: &TypeName| former(&self.enums, name);
        let exchanged = |(to, from): &(QualifiedName, QualifiedName)| (from.clone(), to.clone());
        Self {
            tables: self.tables.iter().map(exchanged).collect(),
            columns: self
                .columns
                .iter()
                .map(|(name, to, from)| (table(name), from.clone(), to.clone()))
                .collect(),
            policies: self
                .policies
                .iter()
                .map(|(name, to, from)| (table(name), from.clone(), to.clone()))
                .collect(),
            enums: self.enums.iter().map(exchanged).collect(),
            enum_values: self
                .enum_values
                .iter()
                .map(|(name, to, from)| (item(name), from.clone(), to.clone()))
                .collect(),
        }
    }

    /// Renames in `schema`, towards the names of `target`, and gives the statements that do it on a server.
    pub(crate) fn apply(&self, schema: &Schema, target: &Schema) -> (Schema, Vec<String>) {
        let mut schema = schema.clone();
        let mut statements = Vec::new();
        for (to, from) in &self.enums {
            rename_enum(&mut schema, from, to);
            statements.extend(rename_statements("TYPE", from, to));
        }
        for (name, to, from) in &self.enum_values {
            if let Some(known) = schema.enums.get_mut(name) {
                known
                    .values
                    .iter_mut()
                    .filter(|value| *value == from)
                    .for_each(|value| value.clone_from(to));
                statements.push(render::rename_value(name, from, to));
            }
        }
        for (to, from) in &self.tables {
            rename_table(&mut schema, from, to);
            statements.extend(rename_statements("TABLE", from, to));
        }
        for (table, to, from) in &self.columns {
            rename_column(&mut schema, table, from, to);
            statements.push(format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"));
        }
        for (table, to, from) in &self.policies {
            let policies = schema.tables.get_mut(table).map(|table| &mut table.policies);
            for policy in policies
                .into_iter()
                .flatten()
                .filter(|policy| policy.name == *from)
            {
                policy.name = to.clone();
                statements.push(render::rename_policy(table, from, to));
            }
        }
        for (name, table) in &mut schema.tables {
            if let Some(wanted) = target.tables.get(name) {
                let former = self
                    .tables
                    .iter()
                    .find(|(to, _)| to == name)
                    .map_or(&name.name, |(_, from)| &from.name);
                let columns: BTreeMap<&Ident, &Ident> = self
                    .columns
                    .iter()
                    .filter(|(table, ..)| table == name)
                    .map(|(_, to, from)| (to, from))
                    .collect();
                sequences(table, former, &columns, &mut statements);
                statements.extend(not_nulls(table, former, &columns));
                generated_names(table, wanted, &mut statements);
                statements.extend(self.subqueries(table, wanted));
            }
        }
        (schema, statements)
    }

    /// Writes policies anew whose subqueries select a renamed column: PostgreSQL goes on to call the result by the old name,
    /// so that the text of the policy would not be that of a new database.
    fn subqueries(&self, table: &Table, wanted: &Table) -> impl Iterator<Item = String> {
        let selects = |text: &Expression| {
            text.has_subquery()
                && self
                    .columns
                    .iter()
                    .any(|(_, to, _)| words::names(text.as_str(), to))
        };
        table
            .policies
            .iter()
            .filter(|policy| wanted.policies.contains(policy))
            .filter(move |policy| policy.using.iter().chain(&policy.with_check).any(selects))
            .map(|policy| render::alter_policy(&table.name, policy))
    }
}

/// What an object was called before these renames: new names with their namespaces, and old names.
fn former(renamed: &[(QualifiedName, QualifiedName)], name: &QualifiedName) -> QualifiedName {
    let known = renamed.iter().find(|(to, _)| to == name);
    known.map_or(name, |(_, from)| from).clone()
}

/// The new name for a reader who knows the old one.
fn new_name(from: &QualifiedName, to: &QualifiedName) -> String {
    if from.namespace == to.namespace {
        to.name.to_string()
    } else {
        to.to_string()
    }
}

/// Renames an object, then moves it: in its own namespace the new name is free.
fn rename_statements(kind: &str, from: &QualifiedName, to: &QualifiedName) -> Vec<String> {
    let renamed = from.renamed(&to.name);
    let mut statements = Vec::new();
    if from.name != to.name {
        statements.push(format!("ALTER {kind} {from} RENAME TO {}", to.name));
    }
    if from.namespace != to.namespace {
        statements.push(format!("ALTER {kind} {renamed} SET SCHEMA {}", to.namespace));
    }
    statements
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
            *text = Expression::unchecked(words::rename(text.as_str(), &from.name, &to.name));
        });
    }
}

fn rename_enum(schema: &mut Schema, from: &TypeName, to: &TypeName) {
    let Some(mut item) = schema.enums.remove(from) else {
        return;
    };
    item.name = to.clone();
    schema.enums.insert(to.clone(), item);
    let columns = schema.tables.values_mut().flat_map(|table| &mut table.columns);
    for column in columns.filter(|column| column.is_of(from)) {
        column.column_type = column.column_type.replace(&from.to_string(), &to.to_string());
    }
    for claim in schema.claims.values_mut().filter(|claim| claim.is_of(from)) {
        claim.claim_type = claim.claim_type.replace(&from.to_string(), &to.to_string());
    }
}

fn rename_column(schema: &mut Schema, table: &TableName, from: &Ident, to: &Ident) {
    let replace = |text: &mut Expression| {
        *text = Expression::unchecked(words::rename(text.as_str(), from, to));
    };
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
                        key.columns.iter_mut().for_each(rename);
                    }
                    if key.table == *table {
                        key.references.iter_mut().for_each(rename);
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
                index
                    .columns
                    .iter_mut()
                    .chain(&mut index.include)
                    .for_each(rename);
                index
                    .keys
                    .iter_mut()
                    .chain(&mut index.predicate)
                    .for_each(replace);
            }
            other
                .grants
                .iter_mut()
                .filter_map(|grant| grant.columns.as_mut())
                .flatten()
                .for_each(rename);
            texts(other, replace);
        } else {
            let expressions = other.policies.iter_mut().flat_map(expressions_mut);
            expressions
                .filter(|text| words::names(text.as_str(), &table.name))
                .for_each(replace);
        }
    }
}

/// Applies a change to each expression of a table.
fn texts(table: &mut Table, change: impl Fn(&mut Expression)) {
    for column in &mut table.columns {
        column.generated.iter_mut().for_each(&change);
    }
    for constraint in &mut table.constraints {
        if let ConstraintKind::Check(text) = &mut constraint.kind {
            change(text);
        }
    }
    for policy in &mut table.policies {
        expressions_mut(policy).for_each(&change);
    }
}

fn expressions_mut(policy: &mut Policy) -> impl Iterator<Item = &mut Expression> {
    policy.using.iter_mut().chain(&mut policy.with_check)
}

/// An identity column counts by a sequence that is named after table and column.
fn sequences(
    table: &Table,
    former: &Ident,
    columns: &BTreeMap<&Ident, &Ident>,
    statements: &mut Vec<String>,
) {
    let namespace = &table.name.namespace;
    for column in table.columns.iter().filter(|column| column.identity.is_some()) {
        let from = columns.get(&column.name).copied().unwrap_or(&column.name);
        let name = |table, column| Ident::new(server_name(table, column, "seq")).ok();
        if let (Some(old), Some(new)) = (name(former, from), name(&table.name.name, &column.name))
            && old != new
        {
            statements.push(format!(
                "ALTER SEQUENCE IF EXISTS {namespace}.{old} RENAME TO {new}"
            ));
        }
    }
}

/// From PostgreSQL 18 on NOT NULL is a constraint, with a name made from those of table and column.
fn not_nulls(table: &Table, former: &Ident, columns: &BTreeMap<&Ident, &Ident>) -> Option<String> {
    let name = &table.name;
    let wanted: Vec<String> = table
        .columns
        .iter()
        .filter(|column| column.not_null)
        .filter(|column| *former != name.name || columns.contains_key(&column.name))
        .map(|column| {
            let wanted = server_name(&name.name, &column.name, "not_null");
            format!("({}, {})", literal(column.name.as_str()), literal(&wanted))
        })
        .collect();
    if wanted.is_empty() {
        return None;
    }
    let table = literal(&name.to_string());
    Some(format!(
        "DO $do$ DECLARE\n    \
             old name;\n    \
             new name;\n\
         BEGIN\n    \
             -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column.\n    \
             FOR old, new IN\n        \
                 SELECT c.conname, w.name\n        \
                 FROM (VALUES {}) AS w (column_name, name)\n        \
                 JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name\n        \
                 JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]\n        \
                 WHERE c.contype = 'n' AND c.conrelid = {table}::regclass AND c.conname <> w.name\n    \
             LOOP\n        \
                 EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', {table}, old, new);\n    \
             END LOOP;\n\
         END $do$",
        wanted.join(", ")
    ))
}

/// The name that PostgreSQL itself makes (`makeObjectName`): where it is too long, the longer part is cut.
fn server_name(table: &Ident, column: &Ident, label: &str) -> String {
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
    let same = authz_schema::schema::Index::is_like;
    for (old, new) in renamed(
        &mut table.indexes,
        &wanted.indexes,
        |item| &mut item.name,
        |item| &item.name,
        same,
    ) {
        statements.push(format!("ALTER INDEX {}.{old} RENAME TO {new}", name.namespace));
    }
    let same = |a: &Policy, b: &Policy| {
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
