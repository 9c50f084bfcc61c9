//! `#[table(...)]`: keys, checks, references and indexes, and the indexes that policies ask for.

use proc_macro2::Span;

use crate::schema::{
    Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Index, Table, TableName, generated_name,
};
use crate::sql::Ident;
use crate::sql::expression::Place;

use super::arguments::{Argument, Arguments, Value};
use super::columns::ColumnModel;
use super::policies::Rules;
use super::{Errors, Scope};

pub(super) const TABLE_KEYS: &[&str] = &[
    "check",
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
        let names = plain_columns(argument, scope, errors);
        made.unique(&names, span, errors);
    }
    for argument in options.all("index") {
        let span = argument.key.span();
        if let Some((keys, names)) = index_keys(argument, scope, errors) {
            made.index(keys, names, span, errors);
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
            made.index(vec![name.to_string()], vec![name.clone()], model.span, errors);
        }
        if let Some(text) = &model.check {
            made.check(&[name.as_str()], text, scope, errors);
        }
        if let Some(text) = &model.references {
            made.foreign_key(model, text, errors);
        }
    }
    (made.constraints, made.indexes)
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
        let leads = |index: &Index| {
            index.keys.first().is_some_and(|first| {
                let order = first.strip_prefix(&key);
                matches!(order, Some("" | " ASC" | " DESC"))
            })
        };
        let constraint_leads = |constraint: &Constraint| match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                columns.first().is_some_and(|first| first.to_string() == key)
            }
            ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => false,
        };
        if indexes.iter().any(leads) || constraints.iter().any(constraint_leads) {
            continue;
        }
        let cast = comparison.cast.as_deref().filter(|_| key.starts_with('('));
        let parts: Vec<&str> = [table.name.name.as_str(), column.name.as_str()]
            .into_iter()
            .chain(cast)
            .chain(["idx"])
            .collect();
        if let Ok(name) = Ident::new(generated_name(&parts)) {
            indexes.push(Index {
                name,
                keys: vec![key],
                columns: vec![column.name.clone()],
            });
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

    fn index(&mut self, keys: Vec<String>, columns: Vec<Ident>, span: Span, errors: &mut Errors) {
        if self.indexes.iter().any(|index| index.keys == keys) {
            errors.add(span, "this index stands twice");
        } else if let Some(name) = self.name(&columns.iter().map(Ident::as_str).collect::<Vec<_>>(), "idx") {
            self.indexes.push(Index { name, keys, columns });
        }
    }

    fn check(&mut self, columns: &[&str], text: &syn::LitStr, scope: &Scope<'_>, errors: &mut Errors) {
        if let Some(expression) = scope.expression(text, Place::Check, errors) {
            self.add(
                columns,
                "check",
                ConstraintKind::Check(expression.as_str().to_owned()),
            );
        }
    }

    fn foreign_key(&mut self, model: &ColumnModel, text: &syn::LitStr, errors: &mut Errors) {
        let mut action = |text: Option<&syn::LitStr>| match text {
            None => ForeignKeyAction::default(),
            Some(text) => foreign_key_action(text, errors),
        };
        let (on_delete, on_update) = (action(model.on_delete.as_ref()), action(model.on_update.as_ref()));
        let Some((table, references)) = reference(&text.value()) else {
            errors.add(text.span(), "expected `table(column)` or `schema.table(column)`");
            return;
        };
        let column = model.column.name.clone();
        let parts = [column.as_str().to_owned()];
        let kind = ConstraintKind::ForeignKey(ForeignKey {
            column,
            table,
            references,
            on_delete,
            on_update,
        });
        self.add(&[parts[0].as_str()], "fkey", kind);
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
            plain_columns(argument, scope, errors)
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

/// `key(a, b)`
fn plain_columns(argument: Argument, scope: &Scope<'_>, errors: &mut Errors) -> Vec<Ident> {
    let span = argument.key.span();
    match index_keys(argument, scope, errors) {
        Some((keys, columns))
            if keys
                .iter()
                .zip(&columns)
                .all(|(key, column)| *key == column.to_string()) =>
        {
            columns
        }
        Some(_) => {
            errors.add(span, "only an index has an order; expected column names");
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// `key(a, b desc)`
fn index_keys(
    argument: Argument,
    scope: &Scope<'_>,
    errors: &mut Errors,
) -> Option<(Vec<String>, Vec<Ident>)> {
    use syn::ext::IdentExt as _;
    use syn::parse::Parser as _;
    let Value::Group(group) = argument.value else {
        errors.add(
            argument.key.span(),
            format!("expected `{}(column, …)`", argument.key),
        );
        return None;
    };
    let parser = |input: syn::parse::ParseStream<'_>| {
        let mut items = Vec::new();
        while !input.is_empty() {
            let column = input.call(syn::Ident::parse_any)?;
            let order: Option<syn::Ident> = (!input.is_empty() && !input.peek(syn::Token![,]))
                .then(|| input.parse())
                .transpose()?;
            if !input.is_empty() {
                input.parse::<syn::Token![,]>()?;
            }
            items.push((column, order));
        }
        Ok(items)
    };
    let items = errors.take(parser.parse2(group))?;
    if items.is_empty() {
        errors.add(argument.key.span(), "expected at least one column");
        return None;
    }
    let mut keys = Vec::new();
    let mut columns = Vec::new();
    for (column, order) in items {
        let name = scope.column(&column.unraw().to_string(), column.span(), errors)?;
        match order.map(|word| (word.to_string(), word.span())) {
            None => keys.push(name.to_string()),
            Some((word, _)) if word == "asc" || word == "desc" => {
                keys.push(format!("{name} {}", word.to_ascii_uppercase()));
            }
            Some((_, span)) => {
                errors.add(span, "expected `asc` or `desc`");
                return None;
            }
        }
        columns.push(name);
    }
    Some((keys, columns))
}

fn foreign_key_action(text: &syn::LitStr, errors: &mut Errors) -> ForeignKeyAction {
    let written = text.value().to_ascii_lowercase().replace('_', " ");
    match ForeignKeyAction::ALL
        .into_iter()
        .find(|(words, _)| *words == written)
    {
        Some((_, action)) => action,
        None => {
            let known: Vec<_> = ForeignKeyAction::ALL
                .iter()
                .map(|(words, _)| format!("`{words}`"))
                .collect();
            errors.add(text.span(), format!("expected one of {}", known.join(", ")));
            ForeignKeyAction::default()
        }
    }
}

/// `table(column)` or `schema.table(column)`
fn reference(text: &str) -> Option<(TableName, Ident)> {
    let (table, column) = text.trim().strip_suffix(')')?.split_once('(')?;
    let (namespace, name) = table.trim().split_once('.').unwrap_or(("public", table.trim()));
    let ident = |text: &str| {
        let text = text.trim();
        let fine = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\".,()".contains(c));
        fine.then(|| Ident::new(text).ok()).flatten()
    };
    Some((
        TableName {
            namespace: ident(namespace)?,
            name: ident(name)?,
        },
        ident(column)?,
    ))
}
