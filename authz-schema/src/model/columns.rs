//! `#[column(...)]`: a field as a column.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::schema::{Column, TableName};
use crate::sql::expression::{Expression, Place};
use crate::sql::{Ident, expression};

use super::arguments::Arguments;
use super::{Errors, doc_comment, former_name, ident, types};

const COLUMN_KEYS: &[&str] = &[
    "check",
    "default",
    "identity",
    "index",
    "name",
    "on_delete",
    "on_update",
    "primary_key",
    "readonly",
    "references",
    "renamed_from",
    "server",
    "type",
    "unique",
];

/// Types whose values PostgreSQL can count up.
const IDENTITY_TYPES: &[&str] = &["smallint", "integer", "bigint"];

/// A column with the options that concern its table.
pub(super) struct ColumnModel {
    pub(super) column: Column,
    pub(super) span: Span,
    pub(super) primary_key: Option<Span>,
    pub(super) unique: bool,
    pub(super) index: bool,
    /// Users may not update it.
    pub(super) readonly: bool,
    /// Users may neither insert nor update it.
    pub(super) server: bool,
    pub(super) check: Option<syn::LitStr>,
    pub(super) references: Option<syn::LitStr>,
    pub(super) on_delete: Option<syn::LitStr>,
    pub(super) on_update: Option<syn::LitStr>,
    pub(super) renamed_from: Option<Ident>,
}

/// Reads a field. `None` when its name cannot be told.
pub(super) fn read(
    field: &syn::Field,
    table: Option<&TableName>,
    errors: &mut Errors,
) -> Option<ColumnModel> {
    let mut options = Arguments::of(&field.attrs, "column", COLUMN_KEYS, errors);
    let field_name = field.ident.as_ref()?;
    let name = match options.text("name", errors) {
        Some(text) => ident(&text.value(), text.span(), errors),
        None => ident(&field_name.unraw().to_string(), field_name.span(), errors),
    };
    let column_type = match options.text("type", errors) {
        Some(text) => written_type(&text, errors),
        None => types::of(&field.ty)
            .map_err(|why| errors.add(field.ty.span(), why))
            .ok(),
    };
    let nullable = types::is_option(&field.ty);
    let primary_key = options.flag("primary_key", errors);
    let identity = options.flag("identity", errors);
    let default = options.one("default", errors).and_then(|argument| {
        let span = argument.key.span();
        argument.sql(errors).map(|text| (span, text))
    });
    if let Some(span) = primary_key.filter(|_| nullable) {
        errors.add(span, "a primary key cannot be NULL; remove the `Option`");
    }
    if let Some(span) = identity {
        if nullable {
            errors.add(span, "an identity column cannot be NULL; remove the `Option`");
        }
        if let Some(written) = column_type.as_deref().filter(|ty| !IDENTITY_TYPES.contains(ty)) {
            errors.add(
                span,
                format!("an identity column is i16, i32 or i64, not {written}"),
            );
        }
        if let Some((span, _)) = default {
            errors.add(span, "an identity column has no default; PostgreSQL counts it up");
        }
    }
    let default = default.and_then(|(_, text)| expression_of(&text, Place::Default, errors));
    let model = ColumnModel {
        span: field_name.span(),
        primary_key,
        unique: options.flag("unique", errors).is_some(),
        index: options.flag("index", errors).is_some(),
        readonly: options.flag("readonly", errors).is_some(),
        server: options.flag("server", errors).is_some(),
        check: options
            .one("check", errors)
            .and_then(|argument| argument.sql(errors)),
        references: options.text("references", errors),
        on_delete: options.text("on_delete", errors),
        on_update: options.text("on_update", errors),
        renamed_from: former_name(&mut options, name.as_ref()?, errors),
        column: Column {
            name: name?,
            // A field of unknown type still has a name that policies may use.
            column_type: column_type.unwrap_or_default(),
            not_null: !nullable,
            identity: identity.is_some(),
            default: default.map(|expression| expression.as_str().to_owned()),
            comment: doc_comment(&field.attrs),
        },
    };
    if model.references.is_none() {
        for action in [&model.on_delete, &model.on_update].into_iter().flatten() {
            errors.add(
                action.span(),
                "this needs `references = \"table(column)\"` beside it",
            );
        }
    }
    // A policy is bound to `table`; the check that a table's own name is no column keeps `notes.id` unambiguous.
    if table.is_some_and(|table| table.name == model.column.name) {
        errors.add(
            model.span,
            "a column cannot have its table's name; in a policy it would mean the whole row",
        );
    }
    Some(model)
}

/// Refuses two fields that become one column.
pub(super) fn refuse_same_names(columns: &[ColumnModel], errors: &mut Errors) {
    for (index, column) in columns.iter().enumerate() {
        if columns
            .iter()
            .take(index)
            .any(|earlier| earlier.column.name == column.column.name)
        {
            errors.add(
                column.span,
                format!("the column `{}` stands twice", column.column.name.as_str()),
            );
        }
    }
}

fn expression_of(text: &syn::LitStr, place: Place, errors: &mut Errors) -> Option<Expression> {
    Expression::parse(&text.value(), place)
        .map_err(|error| errors.add(text.span(), error))
        .ok()
}

fn written_type(text: &syn::LitStr, errors: &mut Errors) -> Option<String> {
    let written = text.value();
    match expression::type_name(&written) {
        Some(name) => Some(name),
        None => {
            errors.add(
                text.span(),
                format!("expected an SQL type such as \"citext\" or \"numeric(10, 2)\", not `{written}`"),
            );
            None
        }
    }
}

/// The columns that a user may write with this command: `None` when it is all of them.
pub(super) fn writable(columns: &[ColumnModel], may: impl Fn(&ColumnModel) -> bool) -> Option<Vec<Ident>> {
    let allowed: Vec<_> = columns
        .iter()
        .filter(|column| may(column))
        .map(|column| column.column.name.clone())
        .collect();
    (allowed.len() < columns.len()).then_some(allowed)
}
