//! `#[table(...)]`: keys, checks, references and indexes, and the indexes that policies ask for.

use proc_macro2::Span;

use crate::schema::{
    Constraint, ConstraintKind, ForeignKey, Index, Table, TableName, generated_name, is_led_by,
};
use authz_sql::Ident;
use authz_sql::expression::{Expression, Place};

use super::arguments::Arguments;
use super::columns::ColumnModel;
use super::lists::{self, IndexModel};
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
) -> (Vec<Constraint>, Vec<Index>) {
    let mut made = Made {
        table: scope.table,
        constraints: Vec::new(),
        indexes: Vec::new(),
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
        if let Some(key) = lists::foreign_key(argument, scope, errors) {
            made.foreign_key(key);
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
                made.foreign_key(key);
            }
        }
    }
    (made.constraints, made.indexes)
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

/// Adds an index for each column that a policy compares, unless one leads with it already.
///
/// Not for boolean columns, where an index finds half the table, nor for casts that depend on a setting.
pub(super) fn add_policy_indexes(
    rules: &Rules,
    table: &Table,
    constraints: &[Constraint],
    indexes: &mut Vec<Index>,
) {
    for comparison in &rules.comparisons {
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
        if is_led_by(&key, constraints, indexes) {
            continue;
        }
        let cast = comparison.cast.as_deref().filter(|_| key.starts_with('('));
        let parts: Vec<&str> = [table.name.name.as_str(), column.name.as_str()]
            .into_iter()
            .chain(cast)
            .chain(["idx"])
            .collect();
        if let Ok(name) = Ident::new(generated_name(&parts)) {
            indexes.push(Index::new(
                name,
                vec![Expression::unchecked(key)],
                vec![column.name.clone()],
            ));
        }
    }
}

/// What has been made so far, with the names taken.
struct Made<'a> {
    table: &'a TableName,
    constraints: Vec<Constraint>,
    indexes: Vec<Index>,
}

impl Made<'_> {
    /// A name as PostgreSQL makes them: table, columns, kind; a number behind it where that is taken.
    fn name(&self, columns: &[&str], kind: &str) -> Option<Ident> {
        let taken = |name: &str| {
            self.constraints
                .iter()
                .any(|constraint| constraint.name.as_str() == name)
                || self.indexes.iter().any(|index| index.name.as_str() == name)
        };
        let candidates = (0..).map(|number: u32| {
            let kind = if number == 0 {
                kind.to_owned()
            } else {
                format!("{kind}{number}")
            };
            let parts: Vec<&str> = [self.table.name.as_str()]
                .into_iter()
                .chain(columns.iter().copied())
                .collect();
            generated_name(&[parts.as_slice(), &[kind.as_str()]].concat())
        });
        candidates
            .into_iter()
            .find(|name| !taken(name))
            .and_then(|name| Ident::new(name).ok())
    }

    fn add(&mut self, columns: &[&str], suffix: &str, kind: ConstraintKind) {
        if let Some(name) = self.name(columns, suffix) {
            self.constraints.push(Constraint { name, kind });
        }
    }

    fn unique(&mut self, names: &[Ident], span: Span, errors: &mut Errors) {
        let kind = ConstraintKind::Unique(names.to_vec());
        if self.constraints.iter().any(|constraint| constraint.kind == kind) {
            errors.add(span, "this unique constraint stands twice");
        } else if !names.is_empty() {
            self.add(&names.iter().map(Ident::as_str).collect::<Vec<_>>(), "key", kind);
        }
    }

    fn index(&mut self, model: IndexModel, span: Span, errors: &mut Errors) {
        let names: Vec<&str> = model.named_after.iter().map(Ident::as_str).collect();
        let Some(name) = model.name.clone().or_else(|| self.name(&names, "idx")) else {
            return;
        };
        let index = model.into_index(name);
        if self.indexes.iter().any(|other| other.is_like(&index)) {
            errors.add(span, "this index stands twice");
        } else if self.indexes.iter().any(|other| other.name == index.name) {
            errors.add(
                span,
                format!("the index name `{}` stands twice", index.name.as_str()),
            );
        } else {
            self.indexes.push(index);
        }
    }

    fn check(&mut self, columns: &[&str], text: &syn::LitStr, scope: &Scope<'_>, errors: &mut Errors) {
        if let Some(expression) = scope.expression(text, Place::Check, errors) {
            self.add(columns, "check", ConstraintKind::Check(expression));
        }
    }

    fn foreign_key(&mut self, key: ForeignKey) {
        let names: Vec<String> = key.columns.iter().map(|name| name.as_str().to_owned()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.add(&names, "fkey", ConstraintKind::ForeignKey(key));
    }
}

fn primary_key(
    options: &mut Arguments,
    columns: &[ColumnModel],
    scope: &Scope<'_>,
    made: &mut Made<'_>,
    errors: &mut Errors,
) {
    let flagged: Vec<_> = columns
        .iter()
        .filter_map(|model| Some((model.primary_key?, &model.column.name)))
        .collect();
    let names = match options.one("primary_key", errors) {
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
        made.add(&[], "pkey", ConstraintKind::PrimaryKey(names));
    }
}
