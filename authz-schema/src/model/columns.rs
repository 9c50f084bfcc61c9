//! `#[column(...)]`: a field as a column.

use proc_macro2::Span;
use syn::ext::IdentExt as _;

use crate::schema::{Column, Identity, TableName};
use authz_sql::expression::{Expression, Place};
use authz_sql::{Ident, expression};

use super::arguments::{Argument, Arguments, Value};
use super::types::{self, Types};
use super::{Errors, Scope, doc_comment, former_name, ident};

const COLUMN_KEYS: &[&str] = &[
    "check",
    "default",
    "generated",
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
    /// The expression of a generated column, which names other columns.
    pub(super) generated: Option<syn::LitStr>,
    /// The type that the compiler must know the SQL type of, where its name does not tell.
    pub(super) undeclared: Option<proc_macro2::TokenStream>,
}

impl ColumnModel {
    /// Whether it has an option that CREATE TABLE would need.
    pub(super) fn says_how_it_is_made(&self) -> bool {
        self.primary_key.is_some()
            || self.unique
            || self.index
            || self.check.is_some()
            || self.references.is_some()
            || self.renamed_from.is_some()
            || self.generated.is_some()
            || self.column.identity.is_some()
            || self.column.default.is_some()
    }
}

/// Reads a field. `None` when its name cannot be told.
pub(super) fn read(
    field: &syn::Field,
    table: Option<&TableName>,
    types: &Types,
    errors: &mut Errors,
) -> Option<ColumnModel> {
    let mut options = Arguments::of(&field.attrs, "column", COLUMN_KEYS, errors);
    let field_name = field.ident.as_ref()?;
    let name = match options.text("name", errors) {
        Some(text) => ident(&text.value(), text.span(), errors),
        None => ident(&field_name.unraw().to_string(), field_name.span(), errors),
    };
    let mut undeclared = None;
    let column_type = match options.text("type", errors) {
        Some(text) => written_type(&text, errors),
        None => types.read(&field.ty, "column", &mut undeclared, errors),
    };
    let nullable = types::is_option(&field.ty);
    let primary_key = options.flag("primary_key", errors);
    let identity = options
        .one("identity", errors)
        .and_then(|argument| identity(argument, errors));
    let generated = options.one("generated", errors).and_then(|argument| {
        let span = argument.key.span();
        argument.sql(errors).map(|text| (span, text))
    });
    let default = options.one("default", errors).and_then(|argument| {
        let span = argument.key.span();
        argument.sql(errors).map(|text| (span, text))
    });
    if let Some(span) = primary_key.filter(|_| nullable) {
        errors.add(span, "a primary key cannot be NULL; remove the `Option`");
    }
    if let Some((span, _)) = identity {
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
    if let Some((span, _)) = &generated
        && (identity.is_some() || default.is_some())
    {
        errors.add(*span, "a generated column has neither `default` nor `identity`");
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
        generated: generated.map(|(_, text)| text),
        undeclared,
        column: Column {
            name: name?,
            // A field of unknown type still has a name that policies may use.
            column_type: column_type.unwrap_or_default(),
            not_null: !nullable,
            identity: identity.map(|(_, identity)| identity),
            // Filled in when all columns are known.
            generated: None,
            default,
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

/// Reads the expressions of generated columns, which may name any column that is not generated itself.
pub(super) fn read_generated(
    columns: &mut [ColumnModel],
    table: &TableName,
    whole: bool,
    errors: &mut Errors,
) {
    let generated: Vec<(usize, syn::LitStr)> = columns
        .iter()
        .enumerate()
        .filter_map(|(index, column)| Some((index, column.generated.clone()?)))
        .collect();
    for (index, text) in generated {
        let scope = Scope {
            table,
            columns: whole.then_some(&*columns),
        };
        let Some(expression) = scope.expression(&text, Place::Generated, errors) else {
            continue;
        };
        let named = scope.read_by(&expression);
        let other = columns
            .iter()
            .find(|column| column.generated.is_some() && named.contains(&column.column.name));
        if let Some(other) = other {
            errors.add(
                text.span(),
                format!(
                    "`{}` is generated too; a generated column reads plain columns only",
                    other.column.name.as_str()
                ),
            );
        } else if let Some(model) = columns.get_mut(index) {
            model.column.generated = Some(expression);
        }
    }
}

/// `identity` or `identity = "by default"`.
fn identity(argument: Argument, errors: &mut Errors) -> Option<(Span, Identity)> {
    let span = argument.key.span();
    match argument.value {
        Value::Flag => Some((span, Identity::Always)),
        Value::Literal(syn::Lit::Str(text)) if text.value() == "by default" => {
            Some((span, Identity::ByDefault))
        }
        _ => {
            errors.add(span, "expected `identity` or `identity = \"by default\"`");
            None
        }
    }
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
