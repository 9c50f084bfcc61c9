//! Texts that say the same: spaces, comments, the case of bare words and parentheses around a whole part make no difference.
//!
//! A schema takes the texts of the one before it where they are only spelled otherwise, so that nothing behind sees a change.

use authz_schema::schema::{Column, ConstraintKind, Schema, Table};
use authz_sql::expression::Expression;

/// The new schema with the old one's texts where they say the same.
pub(crate) fn kept(old: &Schema, new: &Schema) -> Schema {
    let mut kept = new.clone();
    for (name, table) in &mut kept.tables {
        if let Some(old) = old.tables.get(name) {
            keep_table(old, table);
        }
    }
    kept
}

fn keep_table(old: &Table, new: &mut Table) {
    for column in &mut new.columns {
        if let Some(old) = old.columns.iter().find(|old| old.name == column.name) {
            keep_column(old, column);
        }
    }
    for constraint in &mut new.constraints {
        let old = old.constraints.iter().find(|old| old.name == constraint.name);
        if let Some(ConstraintKind::Check(old)) = old.map(|old| &old.kind)
            && let ConstraintKind::Check(text) = &mut constraint.kind
        {
            keep(old, text);
        }
    }
    for index in &mut new.indexes {
        let old = old.indexes.iter().find(|old| old.name == index.name);
        keep_optional(old.and_then(|old| old.predicate.as_ref()), &mut index.predicate);
    }
    for policy in &mut new.policies {
        if let Some(old) = old.policies.iter().find(|old| old.name == policy.name) {
            keep_optional(old.using.as_ref(), &mut policy.using);
            keep_optional(old.with_check.as_ref(), &mut policy.with_check);
        }
    }
}

fn keep_column(old: &Column, new: &mut Column) {
    keep_optional(old.default.as_ref(), &mut new.default);
    keep_optional(old.generated.as_ref(), &mut new.generated);
}

fn keep_optional(old: Option<&Expression>, new: &mut Option<Expression>) {
    if let (Some(old), Some(new)) = (old, new) {
        keep(old, new);
    }
}

fn keep(old: &Expression, new: &mut Expression) {
    if old.same(new) {
        old.clone_into(new);
    }
}
