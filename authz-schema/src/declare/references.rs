//! References to tables, columns and keys that are not there.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::expression::Expression;
use authz_sql::{AUTH, Ident};

use super::names::{closest_table, no_such_column};
use super::{Declarations, DeclareError, Elsewhere, Subject};
use crate::config::{Config, Platform};
use crate::places::Part;
use crate::schema::{Constraint, ConstraintKind, ForeignKey, Index, Table, TableName, TypeName};
use crate::types;

/// What the models and the migrations tell of tables.
pub(super) struct Relations<'a> {
    pub(super) declarations: &'a Declarations,
    config: &'a Config,
    pub(super) tables: BTreeMap<&'a TableName, &'a Table>,
    namespaces: BTreeSet<&'a str>,
    pub(super) enums: BTreeSet<TypeName>,
}

impl<'a> Relations<'a> {
    pub(super) fn of(declarations: &'a Declarations, config: &'a Config) -> Self {
        let tables = &declarations.tables;
        Self {
            declarations,
            config,
            tables: tables.iter().map(|table| (&table.name, table)).collect(),
            namespaces: tables
                .iter()
                .filter(|table| !table.existing)
                .map(|table| table.name.namespace.as_str())
                .chain(["public"])
                .collect(),
            enums: declarations.enums.iter().map(|item| item.name.clone()).collect(),
        }
    }

    /// Whether a table that no model declares may be there: the platform's, one of a namespace that is made elsewhere, or
    /// one that a hand-written migration mentions.
    pub(super) fn may_be_elsewhere(&self, name: &TableName) -> bool {
        let namespace = name.namespace.as_str();
        let platforms = self.config.platform != Platform::Postgres
            && (namespace == AUTH || !self.namespaces.contains(namespace));
        let elsewhere = self.declarations.elsewhere.as_ref();
        // With another search path a bare name is of another namespace.
        let search_path = |elsewhere: &Elsewhere| elsewhere.words.contains("search_path");
        let same_name = || self.tables.keys().any(|table| table.name == name.name);
        platforms
            || elsewhere.is_some_and(search_path) && same_name()
            || self.config.existing_schemas.contains(&name.namespace)
            || elsewhere.is_none_or(|elsewhere| elsewhere.mentions(&name.name))
    }

    /// The names of the functions of claims and of the application.
    pub(super) fn functions(&self) -> impl Iterator<Item = &str> {
        let claims = self.declarations.claims.iter();
        let functions = self.declarations.functions.iter();
        claims
            .map(|claim| claim.function.as_str())
            .chain(functions.map(|function| function.signature.name.name.as_str()))
    }

    /// Whether PostgreSQL may compare what it does not by itself.
    pub(super) fn has_own_operators(&self) -> bool {
        let elsewhere = self.declarations.elsewhere.as_ref();
        elsewhere.is_none_or(|elsewhere| elsewhere.operators)
    }

    /// Whether `table.name` may be the call `name(table)`.
    pub(super) fn may_be_function(&self, name: &Ident) -> bool {
        let elsewhere = self.declarations.elsewhere.as_ref();
        elsewhere.is_none_or(|elsewhere| elsewhere.mentions(name))
            || self
                .declarations
                .functions
                .iter()
                .any(|function| function.signature.name.name == *name)
    }

    /// What to say of a table that is not there.
    pub(super) fn no_such_table(&self, name: &TableName) -> String {
        let hint = match closest_table(name, &self.tables.keys().copied()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "for a table or view that is made elsewhere, write a struct with `#[table(existing)]`"
                .to_owned(),
        };
        format!("no model declares {name}, and no migration of your own mentions it; {hint}")
    }
}

/// The mistakes in the references of all tables.
pub(super) fn mistakes(declarations: &Declarations, relations: &Relations<'_>) -> Vec<DeclareError> {
    let mut errors = Vec::new();
    for table in &declarations.tables {
        for constraint in &table.constraints {
            let ConstraintKind::ForeignKey(key) = &constraint.kind else {
                continue;
            };
            errors.extend(mistake(table, key, relations).map(|message| {
                DeclareError::new(
                    Subject::Table(table.name.clone()),
                    Part::Constraint(constraint.name.clone()),
                    message,
                )
            }));
        }
    }
    errors
}

fn mistake(table: &Table, key: &ForeignKey, relations: &Relations<'_>) -> Option<String> {
    let Some(target) = relations.tables.get(&key.table) else {
        let missing = !relations.may_be_elsewhere(&key.table);
        return missing.then(|| relations.no_such_table(&key.table));
    };
    mistake_in(table, key, target, &relations.enums)
}

/// Why columns of a table cannot refer to those of this one.
pub(crate) fn mistake_in(
    table: &Table,
    key: &ForeignKey,
    target: &Table,
    enums: &BTreeSet<TypeName>,
) -> Option<String> {
    // A struct of a table that is made elsewhere has the columns that policies need, and none of its keys.
    let column = |name: &Ident| target.columns.iter().find(|column| column.name == *name);
    let missing = key.references.iter().find(|name| column(name).is_none());
    if let Some(missing) = missing.filter(|_| !target.existing) {
        return Some(no_such_column(target, missing));
    }
    if !target.existing && !is_unique(target, &key.references) {
        let columns: Vec<&str> = key.references.iter().map(Ident::as_str).collect();
        return Some(format!(
            "`{0}` has no key on `{1}`, so that nothing can refer to it; expected its primary key, or a unique one: \
             `#[table(unique({1}))]`",
            target.name.name.as_str(),
            columns.join(", ")
        ));
    }
    key.columns.iter().zip(&key.references).find_map(|(from, to)| {
        let from = table.columns.iter().find(|column| column.name == *from)?;
        let to = column(to)?;
        let differ = types::compare(&from.column_type, &to.column_type, enums) == Some(false);
        differ.then(|| {
            format!(
                "`{}` is {}, and `{}.{}` is {}; a reference needs types that compare",
                from.name.as_str(),
                from.column_type,
                target.name.name.as_str(),
                to.name.as_str(),
                to.column_type
            )
        })
    })
}

/// Whether a key or a plain unique index is on exactly these columns, in any order.
fn is_unique(table: &Table, columns: &[Ident]) -> bool {
    let same = |others: &[Ident]| {
        others.len() == columns.len() && columns.iter().all(|column| others.contains(column))
    };
    let key = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => same(columns),
        ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => false,
    };
    let index = |index: &Index| {
        let plain = |column: &Ident| {
            let name = column.to_string();
            let behind = |key: &Expression| key.as_str().strip_prefix(&name).map(str::to_owned);
            let ordered = |rest: String| {
                rest.is_empty()
                    || rest.starts_with(" ASC")
                    || rest.starts_with(" DESC")
                    || rest.starts_with(" NULLS")
            };
            index.keys.iter().filter_map(behind).any(ordered)
        };
        index.unique
            && index.predicate.is_none()
            && index.keys.len() == columns.len()
            && columns.iter().all(plain)
    };
    table.constraints.iter().any(key) || table.indexes.iter().any(index)
}
