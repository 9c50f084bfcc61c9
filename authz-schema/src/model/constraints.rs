//! `#[table(...)]`: keys, checks, references and indexes, and the indexes that policies ask for.

use std::collections::BTreeSet;

use proc_macro2::Span;

use crate::places::{Part, Places};
use crate::schema::{
    Constraint, ConstraintKind, Index, Table, TableName, generated_name, is_led_by, is_led_by_all,
    sequence_name,
};
use authz_sql::Ident;
use authz_sql::expression::{Expression, Place};

use super::arguments::Arguments;
use super::columns::ColumnModel;
use super::lists::{self, IndexModel, ReferenceModel};
use super::policies::Rules;
use super::{Errors, Scope};

pub(super) const TABLE_KEYS: &[&str] = &[
    "check",
    "existing",
    "foreign_key",
    "index",
    "name",
    "primary_key",
    "renamed_from",
    "schema",
    "unique",
];

/// Types whose cast to text gives the same text under every setting, so that it can be indexed.
const TEXT_IS_IMMUTABLE: &[&str] = &["smallint", "integer", "bigint", "uuid", "text", "boolean"];

/// Reads the constraints and the indexes that the user asked for.
pub(super) fn read(
    options: &mut Arguments,
    columns: &[ColumnModel],
    scope: &Scope<'_>,
    errors: &mut Errors,
) -> Made {
    let mut made = Made {
        table: scope.table.clone(),
        sequences: columns
            .iter()
            .filter(|model| model.column.identity.is_some())
            .map(|model| sequence_name(&scope.table.name, &model.column.name))
            .collect(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        named: BTreeSet::new(),
        references: Vec::new(),
        places: Places::default(),
    };
    primary_key(options, columns, scope, &mut made, errors);
    for argument in options.all("unique") {
        let span = argument.key.span();
        let names = lists::plain_columns(argument, scope, errors);
        made.unique(&names, span, errors);
    }
    for argument in options.all("index") {
        let span = argument.key.span();
        if let Some(index) = lists::index(argument, scope, errors) {
            made.index(index, span, errors);
        }
    }
    for argument in options.all("foreign_key") {
        if let Some(reference) = lists::foreign_key(argument, scope, errors) {
            made.foreign_key(reference);
        }
    }
    for argument in options.all("check") {
        if let Some(text) = argument.sql(errors) {
            made.check(&[], &text, scope, errors);
        }
    }
    for model in columns {
        let name = &model.column.name;
        if model.unique {
            made.unique(std::slice::from_ref(name), model.span, errors);
        }
        if model.index {
            let index = IndexModel::of(name);
            made.index(index, model.span, errors);
        }
        if let Some(text) = &model.check {
            made.check(&[name.as_str()], text, scope, errors);
        }
        if let Some(text) = &model.references {
            let (on_delete, on_update) = (model.on_delete.as_ref(), model.on_update.as_ref());
            if let Some(key) = lists::reference(vec![name.clone()], text, on_delete, on_update, errors) {
                made.foreign_key(ReferenceModel {
                    key,
                    span: text.span(),
                    indexed: !model.unindexed,
                });
            }
        }
    }
    made
}

/// Refuses what would say how a table is made that is made elsewhere.
pub(super) fn refuse_what_is_made_elsewhere(
    options: &mut Arguments,
    former_name: Option<&TableName>,
    columns: &[ColumnModel],
    input: &syn::DeriveInput,
    errors: &mut Errors,
) {
    for key in ["check", "foreign_key", "index", "primary_key", "unique"] {
        for argument in options.all(key) {
            errors.add(
                argument.key.span(),
                format!("an `existing` table is made elsewhere; `{key}` would change nothing"),
            );
        }
    }
    if former_name.is_some() {
        errors.add(
            input.ident.span(),
            "an `existing` table is renamed elsewhere; remove `renamed_from`",
        );
    }
    for model in columns.iter().filter(|model| model.says_how_it_is_made()) {
        errors.add(
            model.span,
            "an `existing` table is made elsewhere; its columns take `name`, `type`, `readonly` and `server` only",
        );
    }
}

/// What has been made so far, with the names taken.
pub(super) struct Made {
    table: TableName,
    /// The sequences of identity columns.
    sequences: Vec<String>,
    pub(super) constraints: Vec<Constraint>,
    pub(super) indexes: Vec<Index>,
    /// The indexes whose names the user chose.
    named: BTreeSet<Ident>,
    /// The columns of references that are to have an index.
    references: Vec<(Vec<Ident>, Span)>,
    pub(super) places: Places,
}

impl Made {
    /// Adds an index for each column that a policy compares, unless one leads with it already.
    ///
    /// Not for boolean columns, where an index finds half the table, nor for casts that depend on a setting.
    pub(super) fn policy_indexes(&mut self, rules: &Rules, table: &Table, errors: &mut Errors) {
        // `all` is four policies that compare the same.
        let mut refused: Vec<Ident> = Vec::new();
        for (comparison, span) in &rules.comparisons {
            let Some(column) = table
                .columns
                .iter()
                .find(|column| column.name.as_str() == comparison.column)
            else {
                continue;
            };
            let key = match comparison.cast.as_deref() {
                None if column.column_type == "boolean" => continue,
                None => column.name.to_string(),
                Some("text") if column.column_type == "text" => column.name.to_string(),
                Some("text") if TEXT_IS_IMMUTABLE.contains(&column.column_type.as_str()) => {
                    format!("(({})::text)", column.name)
                }
                Some(_) => continue,
            };
            if is_led_by(&key, &self.constraints, &self.indexes) {
                continue;
            }
            let cast = comparison.cast.as_deref().filter(|_| key.starts_with('('));
            let parts: Vec<&str> = [column.name.as_str()].into_iter().chain(cast).collect();
            let wanted = Ident::new(self.candidate(&parts, "idx")).ok();
            if let Some(wanted) = wanted.filter(|wanted| self.named.contains(wanted)) {
                if refused.contains(&wanted) {
                    continue;
                }
                errors.add(
                    *span,
                    format!(
                        "this policy needs an index on `{}`, of the name `{}`, which `index(…)` gives to another; name \
                         that one otherwise",
                        column.name.as_str(),
                        wanted.as_str()
                    ),
                );
                refused.push(wanted);
            } else if let Some(name) = self.name(&parts, "idx") {
                self.places.note(Part::Index(name.clone()), *span);
                self.indexes.push(Index::new(
                    name,
                    vec![Expression::unchecked(key)],
                    vec![column.name.clone()],
                ));
            }
        }
    }

    /// Adds an index for the columns of each reference, unless one leads with them already: without, a DELETE in the table
    /// referred to reads the whole referring table for each row.
    pub(super) fn reference_indexes(&mut self) {
        let mut references = std::mem::take(&mut self.references);
        // An index on `a, b` serves a reference of `a` too.
        references.sort_by_key(|(columns, _)| std::cmp::Reverse(columns.len()));
        for (columns, span) in references {
            let keys: Vec<String> = columns.iter().map(ToString::to_string).collect();
            if is_led_by_all(&keys, &self.constraints, &self.indexes) {
                continue;
            }
            let parts: Vec<&str> = columns.iter().map(Ident::as_str).collect();
            if let Some(name) = self.name(&parts, "idx") {
                self.places.note(Part::Index(name.clone()), span);
                let keys = keys.into_iter().map(Expression::unchecked).collect();
                self.indexes.push(Index::new(name, keys, columns));
            }
        }
    }

    /// A name as PostgreSQL makes them: table, columns, kind.
    fn candidate(&self, columns: &[&str], kind: &str) -> String {
        let mut parts = vec![self.table.name.as_str()];
        parts.extend(columns);
        parts.push(kind);
        generated_name(&parts)
    }

    /// A name as PostgreSQL makes them, with a number behind it where that is taken.
    fn name(&self, columns: &[&str], kind: &str) -> Option<Ident> {
        let numbered = (1..).map(|number: u32| self.candidate(columns, &format!("{kind}{number}")));
        let mut candidates = [self.candidate(columns, kind)].into_iter().chain(numbered);
        let name = candidates.find(|name| self.holder(name).is_none())?;
        Ident::new(name).ok()
    }

    /// What has this name among what the table's own is named with.
    fn holder(&self, name: &str) -> Option<&'static str> {
        if self.table.name.as_str() == name {
            Some("the table itself")
        } else if self.constraints.iter().any(|other| other.name.as_str() == name) {
            Some("a constraint of the table")
        } else if self.indexes.iter().any(|other| other.name.as_str() == name) {
            Some("another index")
        } else if self.sequences.iter().any(|other| other == name) {
            Some("the sequence of an identity column")
        } else {
            None
        }
    }

    fn add(&mut self, columns: &[&str], suffix: &str, kind: ConstraintKind, span: Span) {
        if let Some(name) = self.name(columns, suffix) {
            self.places.note(Part::Constraint(name.clone()), span);
            self.constraints.push(Constraint { name, kind });
        }
    }

    fn unique(&mut self, names: &[Ident], span: Span, errors: &mut Errors) {
        let kind = ConstraintKind::Unique(names.to_vec());
        if self.constraints.iter().any(|constraint| constraint.kind == kind) {
            errors.add(span, "this unique constraint stands twice");
        } else if !names.is_empty() {
            let names: Vec<&str> = names.iter().map(Ident::as_str).collect();
            self.add(&names, "key", kind, span);
        }
    }

    fn index(&mut self, model: IndexModel, span: Span, errors: &mut Errors) {
        let names: Vec<&str> = model.named_after.iter().map(Ident::as_str).collect();
        let (name, span) = match &model.name {
            Some((name, span)) => {
                if let Some(holder) = self.holder(name.as_str()) {
                    errors.add(
                        *span,
                        format!("`{}` is the name of {holder}; choose another", name.as_str()),
                    );
                    return;
                }
                self.named.insert(name.clone());
                (name.clone(), *span)
            }
            None => match self.name(&names, "idx") {
                Some(name) => (name, span),
                None => return,
            },
        };
        let index = model.into_index(name);
        if self.indexes.iter().any(|other| other.is_like(&index)) {
            errors.add(span, "this index stands twice");
            return;
        }
        self.places.note(Part::Index(index.name.clone()), span);
        self.indexes.push(index);
    }

    fn check(&mut self, columns: &[&str], text: &syn::LitStr, scope: &Scope<'_>, errors: &mut Errors) {
        if let Some(expression) = scope.expression(text, Place::Check, errors) {
            self.add(columns, "check", ConstraintKind::Check(expression), text.span());
        }
    }

    fn foreign_key(&mut self, reference: ReferenceModel) {
        let ReferenceModel { key, span, indexed } = reference;
        if indexed {
            self.references.push((key.columns.clone(), span));
        }
        let columns = key.columns.clone();
        let names: Vec<&str> = columns.iter().map(Ident::as_str).collect();
        self.add(&names, "fkey", ConstraintKind::ForeignKey(key), span);
    }
}

fn primary_key(
    options: &mut Arguments,
    columns: &[ColumnModel],
    scope: &Scope<'_>,
    made: &mut Made,
    errors: &mut Errors,
) {
    let flagged: Vec<_> = columns
        .iter()
        .filter_map(|model| Some((model.primary_key?, &model.column.name)))
        .collect();
    let flag = flagged.first().map(|(span, _)| *span);
    let argument = options.one("primary_key", errors);
    let span = argument.as_ref().map(|argument| argument.key.span());
    let span = span.or(flag).unwrap_or_else(Span::call_site);
    let names = match argument {
        Some(argument) => {
            for (span, _) in flagged {
                errors.add(
                    span,
                    "the primary key stands twice: here and in `#[table(primary_key(…))]`",
                );
            }
            lists::plain_columns(argument, scope, errors)
        }
        None => {
            for (span, _) in flagged.iter().skip(1) {
                errors.add(*span, "a second `primary_key`; write `#[table(primary_key(a, b))]` for a key of several columns");
            }
            flagged
                .into_iter()
                .take(1)
                .map(|(_, name)| name.clone())
                .collect()
        }
    };
    if !names.is_empty() {
        made.add(&[], "pkey", ConstraintKind::PrimaryKey(names), span);
    }
}
