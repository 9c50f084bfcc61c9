//! Columns that change under what stands on them.
//!
//! PostgreSQL refuses to retype a column under a policy, and to replace a type, a generated column or a function under
//! anything, be it another function. What stands on such an object steps aside before the change and comes back after it, in one transaction.
//! Offline, "stands on" is decided by names in texts: one object too many steps aside and comes back, which is safe.

use std::collections::BTreeSet;

use crate::diff::{Delta, SchemaDiff};
use authz_schema::schema::{
    Column, Constraint, ConstraintKind, EnumType, Index, Policy, Schema, Table, TableName,
};
use authz_sql::Ident;
use authz_sql::QualifiedName;
use authz_sql::expression::Expression;
use authz_sql::words;

/// The columns and functions that change under what stands on them.
#[derive(Debug, Default)]
pub(super) struct Reworked<'a> {
    /// Columns whose values take another type: policies, checks and indexes of expressions step aside.
    retyped: BTreeSet<(&'a TableName, &'a Ident)>,
    /// Those of them whose enum type is made anew.
    remade: BTreeSet<(&'a TableName, &'a Ident)>,
    /// Generated columns that are dropped and added.
    regenerated: BTreeSet<(&'a TableName, &'a Ident)>,
    /// Functions that are dropped and made again.
    functions: BTreeSet<&'a QualifiedName>,
    members: BTreeSet<&'a Ident>,
    claims: BTreeSet<&'a QualifiedName>,
}

impl<'a> Reworked<'a> {
    pub(super) fn of(diff: &SchemaDiff<'a>) -> Self {
        let mut reworked = Self::default();
        let remade: Vec<&EnumType> = diff
            .enums
            .iter()
            .filter_map(|delta| match delta {
                Delta::Changed(old, new) if !only_adds_values(old, new) => Some(*new),
                _ => None,
            })
            .collect();
        for table in diff.new.tables.values() {
            let Some(before) = diff
                .old
                .tables
                .get(&table.name)
                .filter(|old| !old.existing && !table.existing)
            else {
                continue;
            };
            for column in &table.columns {
                let Some(old) = before.columns.iter().find(|old| old.name == column.name) else {
                    continue;
                };
                let place = (&table.name, &column.name);
                if old.column_type != column.column_type {
                    reworked.retyped.insert(place);
                }
                if remade
                    .iter()
                    .any(|item| column.is_of(&item.name) || old.is_of(&item.name))
                {
                    reworked.retyped.insert(place);
                    reworked.remade.insert(place);
                }
            }
            for column in &table.columns {
                let old = before.columns.iter().find(|old| old.name == column.name);
                if let Some(old) = old
                    && reworked.is_regenerated(table, old, column)
                {
                    reworked.regenerated.insert((&table.name, &column.name));
                }
            }
        }
        for (name, new) in &diff.new.claims {
            let retyped = diff.old.claims.get(name).is_some_and(|old| {
                old.claim_type != new.claim_type || remade.iter().any(|item| new.is_of(&item.name))
            });
            if retyped {
                reworked.claims.insert(name);
            }
        }
        for (signature, new) in &diff.new.functions {
            // PostgreSQL may know what the body calls, and keep that from being dropped.
            if diff.old.functions.contains_key(signature) && reworked.calls_claim(&new.sql) {
                reworked.functions.insert(&signature.name);
            }
        }
        for delta in &diff.functions {
            match delta {
                Delta::Changed(old, new) if reworked.calls_claim(&old.sql) => {
                    reworked.functions.insert(&new.signature.name);
                }
                Delta::Changed(old, new)
                    if old.returns != new.returns || old.parameters != new.parameters =>
                {
                    reworked.functions.insert(&new.signature.name);
                }
                Delta::Removed(function) if !diff.old.tables_call(function) => {
                    reworked.functions.insert(&function.signature.name);
                }
                _ => {}
            }
        }
        for delta in &diff.memberships {
            match delta {
                Delta::Changed(old, new) if !old.is_same_function(new) => {
                    reworked.members.insert(&new.name);
                }
                Delta::Removed(membership) => {
                    reworked.members.insert(&membership.name);
                }
                _ => {}
            }
        }
        for (name, new) in &diff.new.memberships {
            if diff.old.memberships.contains_key(name)
                && new
                    .condition
                    .as_ref()
                    .is_some_and(|text| reworked.calls_claim(text.as_str()))
            {
                reworked.members.insert(name);
            }
        }
        reworked
    }

    /// Whether a text calls a function of a claim that is dropped and made again.
    pub(super) fn calls_claim(&self, text: &str) -> bool {
        self.claims
            .iter()
            .any(|function| words::names(text, &function.name))
    }

    /// Whether an expression calls a function that is dropped and made again.
    pub(super) fn calls_remade(&self, text: &Expression) -> bool {
        self.calls_claim(text.as_str()) || self.functions.iter().any(|function| names(text, &function.name))
    }

    fn is_regenerated(&self, table: &'a Table, old: &Column, new: &Column) -> bool {
        let Some(expression) = &new.generated else {
            return false;
        };
        let stands_on_retyped = || {
            let retyped = self.retyped.iter().filter(|(name, _)| **name == table.name);
            retyped.into_iter().any(|(_, column)| names(expression, column))
        };
        old.generated.as_ref() != Some(expression)
            || old.column_type != new.column_type
            || stands_on_retyped()
    }

    /// Whether this column is dropped and added again.
    pub(super) fn regenerates(&self, table: &TableName, column: &Ident) -> bool {
        self.regenerated.contains(&(table, column))
    }

    /// Whether this function is dropped and made again.
    pub(super) fn remakes_function(&self, name: &QualifiedName) -> bool {
        self.functions.contains(name)
    }

    /// Whether this function of a claim is dropped and made again.
    pub(super) fn remakes_claim(&self, name: &QualifiedName) -> bool {
        self.claims.contains(name)
    }

    /// Whether this function that looks memberships up is dropped and made again.
    pub(super) fn remakes_membership(&self, name: &Ident) -> bool {
        self.members.contains(name)
    }

    /// Whether this column takes a type of the same name that is made anew.
    pub(super) fn remakes_type_of(&self, table: &TableName, column: &Ident) -> bool {
        self.remade.contains(&(table, column))
    }

    /// The policies, of any table, that have to step aside.
    pub(super) fn policies(&self, schema: &'a Schema) -> BTreeSet<(&'a TableName, &'a Ident)> {
        let mut found = BTreeSet::new();
        for table in schema.tables.values() {
            let policies = table.policies.iter().filter(|policy| self.carries(table, policy));
            found.extend(policies.map(|policy| (&table.name, &policy.name)));
        }
        found
    }

    fn carries(&self, table: &Table, policy: &Policy) -> bool {
        let texts = policy.using.iter().chain(&policy.with_check);
        let columns = || self.retyped.iter().chain(&self.regenerated);
        texts.into_iter().any(|text| {
            columns().any(|(changed, column)| {
                (**changed == table.name || names(text, &changed.name)) && names(text, column)
            }) || self.calls_remade(text)
                || self.members.iter().any(|function| names(text, function))
        })
    }

    /// Whether a constraint of the table has to step aside.
    pub(super) fn moves_constraint(&self, table: &TableName, constraint: &Constraint) -> bool {
        let place = |column: &Ident| self.regenerated.contains(&(table, column));
        match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                columns.iter().any(place)
            }
            ConstraintKind::ForeignKey(key) => {
                key.columns.iter().any(place)
                    || key
                        .references
                        .iter()
                        .any(|column| self.regenerated.contains(&(&key.table, column)))
            }
            // PostgreSQL keeps `a::text <> ''` as `a <> ''` where `a` is a text, which fits no other type.
            ConstraintKind::Check(text) => {
                let mut columns = self.retyped.iter().chain(&self.regenerated);
                columns.any(|(changed, column)| **changed == *table && names(text, column))
                    || self.calls_remade(text)
            }
        }
    }

    /// Whether an index of the table has to step aside.
    pub(super) fn moves_index(&self, table: &TableName, index: &Index) -> bool {
        let expressions: Vec<&Expression> = index.keys.iter().chain(&index.predicate).collect();
        index.columns.iter().any(|column| {
            let in_text = || {
                expressions
                    .iter()
                    .any(|text| text.as_str() != column.to_string() && names(text, column))
            };
            self.regenerated.contains(&(table, column))
                || (self.retyped.contains(&(table, column)) && in_text())
        })
    }
}

fn names(text: &Expression, name: &Ident) -> bool {
    words::names(text.as_str(), name)
}

/// Whether every old value is still there, in the same order.
pub(crate) fn only_adds_values(old: &EnumType, new: &EnumType) -> bool {
    let mut new = new.values.iter();
    old.values.iter().all(|value| new.any(|other| other == value))
}
