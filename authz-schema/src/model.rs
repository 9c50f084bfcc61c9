//! A table from its annotated struct: `#[table]`, `#[column]` and `#[rls]` parsed once, for the derive and for
//! `cargo authz` alike; and what stands beside tables, SQL types and claims.
//!
//! Attribute → arguments → table. Every mistake is recorded at its span and reading goes on, so that one compile
//! shows them all.

mod arguments;
mod claims;
mod columns;
mod constraints;
mod lists;
mod policies;
mod serde;
mod sql_type;
mod types;

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::ext::IdentExt as _;

use crate::closest::no_such_column;
use crate::conditions::{Known, NO_ENUMS, mistakes};
use crate::declare::MembershipUse;
use crate::declare::references::mistake_in;
use crate::places::{Part, Places};
use crate::renames::{Renames, conflict, conflicts};
use crate::schema::{ConstraintKind, Table, TableName, TypeName};
use authz_sql::Ident;
use authz_sql::expression::{Catalog, Expression, Place};
use authz_sql::{QualifiedName, is_reserved_namespace};

use self::arguments::Arguments;
use self::columns::ColumnModel;

pub use self::claims::{ClaimField, ClaimsModel, parse_claims};
pub use self::sql_type::{TypeModel, parse_type};
pub use self::types::Types;

/// What a struct with `#[derive(Table)]` declares.
#[derive(Debug, Clone)]
pub struct Model {
    /// The table.
    pub table: Table,
    /// What it and its parts were called before (`renamed_from`).
    pub renames: Renames,
    /// The memberships that its policies ask for.
    pub memberships: Vec<MembershipUse>,
    /// Where its parts stand.
    pub places: Places,
    /// The types of fields that the compiler must know an SQL type of, since their names do not tell it. Their
    /// columns have an empty type here.
    pub undeclared: Vec<proc_macro2::TokenStream>,
}

/// Reads the table that a struct with `#[derive(Table)]` declares.
///
/// # Errors
///
/// All mistakes of the struct, combined, each at its span: see the attribute reference in `docs/attributes.md`.
pub fn parse_model(input: &syn::DeriveInput, types: &Types) -> syn::Result<Model> {
    let mut errors = Errors::default();
    let model = read(input, types, &mut errors);
    errors.finish()?;
    model.ok_or_else(|| syn::Error::new(input.ident.span(), "this struct declares no table"))
}

/// The mistakes found so far.
#[derive(Debug, Default)]
struct Errors {
    all: Option<syn::Error>,
    count: usize,
}

impl Errors {
    fn add(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(syn::Error::new(span, message));
    }

    fn push(&mut self, error: syn::Error) {
        self.count += 1;
        match &mut self.all {
            Some(first) => first.combine(error),
            None => self.all = Some(error),
        }
    }

    /// Records the error, if it is one.
    fn take<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    fn finish(self) -> syn::Result<()> {
        self.all.map_or(Ok(()), Err)
    }
}

fn read(input: &syn::DeriveInput, types: &Types, errors: &mut Errors) -> Option<Model> {
    let fields = match &input.data {
        syn::Data::Struct(syn::DataStruct {
            fields: syn::Fields::Named(fields),
            ..
        }) => &fields.named,
        _ => {
            errors.add(
                input.ident.span(),
                "expected a struct with named fields; each field is a column",
            );
            return None;
        }
    };
    if let Some(parameter) = input.generics.params.first() {
        errors.add(
            syn::spanned::Spanned::span(parameter),
            "a table's struct cannot have generic parameters",
        );
    }
    let mut options = Arguments::of(&input.attrs, "table", constraints::TABLE_KEYS, errors);
    let (name, name_span) = table_name(input, &mut options, errors);
    let existing = options.flag("existing", errors).is_some();
    let mut columns: Vec<ColumnModel> = fields
        .iter()
        .filter_map(|field| columns::read(field, name.as_ref(), types, errors))
        .collect();
    columns::refuse_same_names(&columns, errors);
    // Without the table's name, or that of a column, later checks would report mistakes that are none.
    let name = name?;
    let whole = columns.len() == fields.len();
    columns::read_generated(&mut columns, &name, whole, errors);
    let mut table = Table {
        existing,
        comment: doc_comment(&input.attrs).filter(|_| !existing),
        row_security: true,
        columns: columns.iter().map(|column| column.column.clone()).collect(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        policies: Vec::new(),
        grants: Vec::new(),
        name,
    };
    let mut places = Places::default();
    places.note(Part::Name, name_span);
    let former_name = former_place(&mut options, &table.name, errors).map(|(former, span)| {
        places.note(Part::FormerName, span);
        former
    });
    let scope = Scope {
        table: &table.name,
        columns: whole.then_some(columns.as_slice()),
    };
    if existing {
        constraints::refuse_what_is_made_elsewhere(
            &mut options,
            former_name.as_ref(),
            &columns,
            input,
            errors,
        );
        table.columns.iter_mut().for_each(|column| column.comment = None);
    }
    let mut made = constraints::read(&mut options, &columns, &scope, errors);
    let mut rules = policies::read(input, &scope, errors);
    table.row_security = rules.row_security;
    table.grants = policies::grants(&rules.policies, &columns);
    if !existing {
        made.policy_indexes(&rules, &table, errors);
        made.reference_indexes();
    }
    table.policies = std::mem::take(&mut rules.policies);
    table.constraints = made.constraints;
    table.indexes = made.indexes;
    table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
    table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    table.policies.sort_by(|a, b| a.name.cmp(&b.name));
    places.extend(made.places);
    refuse_references_to_itself(&table, whole, &places, errors);
    places.extend(rules.places);
    refuse_renames(&columns, &rules.renamed, errors);
    for column in &columns {
        places.extend(column.places.clone());
    }
    Some(Model {
        renames: renames(&table, former_name, &columns, &rules.renamed),
        memberships: rules.memberships,
        places,
        undeclared: columns
            .into_iter()
            .filter_map(|column| column.undeclared)
            .collect(),
        table,
    })
}

/// `renamed_from = "…"`: a name other than today's.
fn former_name(options: &mut Arguments, today: &Ident, errors: &mut Errors) -> Option<(Ident, Span)> {
    let text = options.text("renamed_from", errors)?;
    let former = ident(&text.value(), text.span(), errors)?;
    differs(&text, former == *today, errors).then_some((former, text.span()))
}

/// `renamed_from = "notes"` for an object of the same namespace, `renamed_from = "app.notes"` for one of another.
fn former_place(
    options: &mut Arguments,
    today: &QualifiedName,
    errors: &mut Errors,
) -> Option<(QualifiedName, Span)> {
    let text = options.text("renamed_from", errors)?;
    let value = text.value();
    let former = match value.split_once('.') {
        None => today.renamed(&ident(&value, text.span(), errors)?),
        Some((namespace, name)) => {
            let (Some(namespace), Some(name)) = (lists::plain_name(namespace), lists::plain_name(name))
            else {
                errors.add(text.span(), "expected a name such as \"notes\" or \"app.notes\"");
                return None;
            };
            QualifiedName { namespace, name }
        }
    };
    differs(&text, former == *today, errors).then_some((former, text.span()))
}

fn differs(text: &syn::LitStr, same: bool, errors: &mut Errors) -> bool {
    if same {
        errors.add(
            text.span(),
            format!("`{}` is today's name; expected the former one", text.value()),
        );
    }
    !same
}

/// Refuses renames inside of one table or type (today's and former name, and where it stands) that cannot all be.
fn refuse_conflicts<N: PartialEq>(
    renamed: &[(N, N, Span)],
    kind: &str,
    text: impl Fn(&N) -> &str,
    errors: &mut Errors,
) {
    let pairs: Vec<(&N, &N)> = renamed.iter().map(|(today, former, _)| (today, former)).collect();
    for (number, first) in conflicts(&pairs) {
        if let (Some((_, former, span)), Some((first, _))) = (renamed.get(number), pairs.get(first)) {
            errors.add(*span, conflict(kind, text(former), text(first)));
        }
    }
}

/// Refuses references of the table to columns of its own that it does not have, or that are no key.
fn refuse_references_to_itself(table: &Table, whole: bool, places: &Places, errors: &mut Errors) {
    for constraint in table.constraints.iter().filter(|_| whole) {
        if let ConstraintKind::ForeignKey(key) = &constraint.kind
            && key.table == table.name
            && let Some(message) = mistake_in(table, key, table, &NO_ENUMS)
            && let Some(span) = places.of(&Part::Constraint(constraint.name.clone()))
        {
            errors.add(span, message);
        }
    }
}

fn refuse_renames(columns: &[ColumnModel], policies: &[(Ident, Ident, Span)], errors: &mut Errors) {
    let renamed: Vec<(Ident, Ident, Span)> = columns
        .iter()
        .filter_map(|model| {
            let (former, span) = model.renamed_from.clone()?;
            Some((model.column.name.clone(), former, span))
        })
        .collect();
    refuse_conflicts(&renamed, "column", Ident::as_str, errors);
    refuse_conflicts(policies, "policy", Ident::as_str, errors);
}

fn renames(
    table: &Table,
    former_name: Option<TableName>,
    columns: &[ColumnModel],
    policies: &[(Ident, Ident, Span)],
) -> Renames {
    let columns = columns.iter().filter_map(|model| {
        Some((
            table.name.clone(),
            model.column.name.clone(),
            model.renamed_from.as_ref()?.0.clone(),
        ))
    });
    Renames {
        columns: columns.collect(),
        tables: former_name
            .into_iter()
            .map(|former| (table.name.clone(), former))
            .collect(),
        policies: policies
            .iter()
            .map(|(name, former, _)| (table.name.clone(), name.clone(), former.clone()))
            .collect(),
        ..Renames::default()
    }
}

/// The table's name, and where it stands.
fn table_name(
    input: &syn::DeriveInput,
    options: &mut Arguments,
    errors: &mut Errors,
) -> (Option<TableName>, Span) {
    let namespace = match options.text("schema", errors) {
        Some(text) if is_reserved_namespace(&text.value()) => {
            errors.add(
                text.span(),
                format!("`{}` is not for tables; choose another schema", text.value()),
            );
            None
        }
        Some(text) => ident(&text.value(), text.span(), errors),
        None => Ident::new("public").ok(),
    };
    let (name, span) = match options.text("name", errors) {
        Some(text) => (text.value(), text.span()),
        None => (
            plural(&snake_case(&input.ident.unraw().to_string())),
            input.ident.span(),
        ),
    };
    let name = ident(&name, span, errors);
    (
        namespace.and_then(|namespace| {
            Some(TableName {
                namespace,
                name: name?,
            })
        }),
        span,
    )
}

/// The table that expressions stand in, to resolve their columns.
struct Scope<'a> {
    table: &'a TableName,
    /// `None` when a field could not be read: then a name that is missing may be that field's.
    columns: Option<&'a [ColumnModel]>,
}

impl Scope<'_> {
    /// Parses an expression and checks that each column it names is one of the struct's.
    fn expression(&self, text: &syn::LitStr, place: Place, errors: &mut Errors) -> Option<Expression> {
        let expression = match Expression::parse(&text.value(), place) {
            Ok(expression) => expression,
            Err(error) => {
                errors.add(text.span(), error);
                return None;
            }
        };
        let own_name = self.table.name.as_str();
        let Some(columns) = self.columns else {
            return Some(expression);
        };
        let mut fine = true;
        for column in expression.columns(own_name) {
            if column
                .qualifier
                .as_deref()
                .is_some_and(|qualifier| qualifier != own_name)
            {
                let qualifier = column.qualifier.unwrap_or_default();
                errors.add(
                    text.span(),
                    format!("`{qualifier}` is not the table `{own_name}`; other tables need a subquery"),
                );
                fine = false;
            } else if !columns
                .iter()
                .any(|known| known.column.name.as_str() == column.name)
            {
                errors.add(text.span(), self.no_such_column(&column.name, columns));
                fine = false;
            }
        }
        if fine {
            let is_condition = matches!(place, Place::Policy | Place::Check | Place::IndexPredicate);
            for message in mistakes(&expression, self.table, is_condition, self) {
                errors.add(text.span(), message);
                fine = false;
            }
        }
        fine.then_some(expression)
    }

    /// The type of a column; empty where only the compiler knows it.
    fn type_of(&self, name: &Ident) -> &str {
        self.columns
            .into_iter()
            .flatten()
            .find(|known| known.column.name == *name)
            .map_or("", |known| known.column.column_type.as_str())
    }

    /// The table's columns that an expression names.
    fn read_by(&self, expression: &Expression) -> Vec<Ident> {
        let named = expression.columns(self.table.name.as_str());
        named
            .into_iter()
            .filter_map(|column| Ident::new(column.name).ok())
            .collect()
    }

    /// Checks a column name that stands alone in an attribute.
    fn column(&self, name: &str, span: Span, errors: &mut Errors) -> Option<Ident> {
        if let Some(columns) = self.columns
            && !columns.iter().any(|known| known.column.name.as_str() == name)
        {
            errors.add(span, self.no_such_column(name, columns));
            return None;
        }
        ident(name, span, errors)
    }

    fn no_such_column(&self, name: &str, columns: &[ColumnModel]) -> String {
        let known = columns.iter().map(|column| column.column.name.as_str());
        no_such_column(self.table.name.as_str(), name, known)
    }
}

impl Catalog for Scope<'_> {
    fn has_column(&self, table: &TableName, column: &str) -> bool {
        let columns = self.columns.into_iter().flatten();
        table == self.table
            && columns
                .into_iter()
                .any(|known| known.column.name.as_str() == column)
    }
}

impl Known for Scope<'_> {
    fn column_type(&self, table: &TableName, column: &Ident) -> Option<String> {
        let known = table == self.table;
        known
            .then(|| self.type_of(column).to_owned())
            .filter(|column_type| !column_type.is_empty())
    }

    fn function_type(&self, _: Option<&str>, _: &str) -> Option<String> {
        None
    }

    fn enums(&self) -> &BTreeSet<TypeName> {
        // Which types are enums is known to `cargo authz` alone.
        &NO_ENUMS
    }
}

fn ident(name: &str, span: Span, errors: &mut Errors) -> Option<Ident> {
    Ident::new(name).map_err(|error| errors.add(span, error)).ok()
}

/// The doc comment as one text, without the space that follows `///`.
fn doc_comment(attributes: &[syn::Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let text = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned())
        .collect::<Vec<_>>()
        .join("\n");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before: Option<char> = None;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c.is_uppercase() {
            let starts_word = match before {
                None | Some('_') => false,
                Some(before) => !before.is_uppercase() || rest.peek().is_some_and(|next| next.is_lowercase()),
            };
            if starts_word {
                snake.push('_');
            }
            snake.extend(c.to_lowercase());
        } else {
            snake.push(c);
        }
        before = Some(c);
    }
    snake
}

/// The regular English plural. Where it is wrong, the user writes `#[table(name = "people")]`.
fn plural(name: &str) -> String {
    let ends_with = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match name.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ends_with(&["s", "x", "z", "ch", "sh"]) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_table_names_are_snake_case_plurals() {
        for (rust, sql) in [
            ("Todo", "todos"),
            ("UserProfile", "user_profiles"),
            ("HTTPRequest", "http_requests"),
            ("Category", "categories"),
            ("Day", "days"),
            ("Address", "addresses"),
            ("Box", "boxes"),
            ("Branch", "branches"),
            ("V2Token", "v2_tokens"),
        ] {
            assert_eq!(plural(&snake_case(rust)), sql);
        }
    }

    #[test]
    fn doc_comments_keep_their_lines() {
        let input: syn::DeriveInput = syn::parse_quote! {
            /// First.
            ///
            ///   indented
            struct A {}
        };
        assert_eq!(doc_comment(&input.attrs).as_deref(), Some("First.\n\n  indented"));
    }
}
