//! Lists of columns with what stands beside them: `index(a desc, "lower(b)", unique, where = "…")`,
//! `foreign_key(a, b, references = "t(x, y)")`, `unique(a, b)`.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Token, parenthesized};

use crate::schema::{ForeignKey, ForeignKeyAction, Index, TableName};
use authz_sql::Ident;
use authz_sql::expression::{Expression, Place};

use super::arguments::{Argument, Value};
use super::{Errors, Scope};

/// An index as its attribute says it.
pub(super) struct IndexModel {
    pub(super) name: Option<Ident>,
    /// The columns that its default name holds.
    pub(super) named_after: Vec<Ident>,
    keys: Vec<Expression>,
    columns: Vec<Ident>,
    unique: bool,
    method: Option<String>,
    include: Vec<Ident>,
    predicate: Option<Expression>,
}

impl IndexModel {
    /// An index over one column.
    pub(super) fn of(column: &Ident) -> Self {
        Self {
            name: None,
            named_after: vec![column.clone()],
            keys: vec![Expression::unchecked(column.to_string())],
            columns: vec![column.clone()],
            unique: false,
            method: None,
            include: Vec::new(),
            predicate: None,
        }
    }

    pub(super) fn into_index(self, name: Ident) -> Index {
        Index {
            name,
            unique: self.unique,
            method: self.method,
            keys: self.keys,
            include: self.include,
            predicate: self.predicate,
            columns: self.columns,
        }
    }

    fn reads(&mut self, column: Ident) {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
    }
}

/// What stands between two commas.
enum Item {
    /// `column word word`
    Column(syn::Ident, Vec<syn::Ident>),
    /// `"expression" word word`
    Expression(syn::LitStr, Vec<syn::Ident>),
    /// `key = "text"`
    Option(syn::Ident, syn::LitStr),
    /// `key(a, b)`
    Group(syn::Ident, Vec<syn::Ident>),
}

impl Parse for Item {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let words = || {
            let mut words = Vec::new();
            while !input.is_empty() && !input.peek(Token![,]) {
                words.push(input.call(syn::Ident::parse_any)?);
            }
            Ok::<_, syn::Error>(words)
        };
        if input.peek(syn::LitStr) {
            return Ok(Self::Expression(input.parse()?, words()?));
        }
        let name = input.call(syn::Ident::parse_any)?;
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            return Ok(Self::Option(name, input.parse()?));
        }
        if input.peek(syn::token::Paren) {
            let group;
            parenthesized!(group in input);
            let names =
                Punctuated::<syn::Ident, Token![,]>::parse_terminated_with(&group, syn::Ident::parse_any)?;
            return Ok(Self::Group(name, names.into_iter().collect()));
        }
        Ok(Self::Column(name, words()?))
    }
}

/// `index(…)`
pub(super) fn index(argument: Argument, scope: &Scope<'_>, errors: &mut Errors) -> Option<IndexModel> {
    let span = argument.key.span();
    let mut index = IndexModel {
        name: None,
        named_after: Vec::new(),
        keys: Vec::new(),
        columns: Vec::new(),
        unique: false,
        method: None,
        include: Vec::new(),
        predicate: None,
    };
    let mut ordered = None;
    for item in items(argument, errors)? {
        match item {
            Item::Column(word, words) if word == "unique" && words.is_empty() => index.unique = true,
            Item::Column(column, words) => {
                let name = scope.column(&column.unraw().to_string(), column.span(), errors)?;
                let order = order(&words, &mut ordered, errors)?;
                index.keys.push(Expression::unchecked(format!("{name}{order}")));
                index.named_after.push(name.clone());
                index.reads(name);
            }
            Item::Expression(text, words) => {
                let expression = scope.expression(&text, Place::IndexKey, errors)?;
                let order = order(&words, &mut ordered, errors)?;
                index
                    .keys
                    .push(Expression::unchecked(format!("({expression}){order}")));
                for name in scope.read_by(&expression) {
                    index.named_after.push(name.clone());
                    index.reads(name);
                }
            }
            Item::Option(key, text) if key == "method" => {
                index.method = method(&text, errors)?;
            }
            Item::Option(key, text) if key == "where" => {
                let expression = scope.expression(&text, Place::IndexPredicate, errors)?;
                for name in scope.read_by(&expression) {
                    index.reads(name);
                }
                index.predicate = Some(expression);
            }
            Item::Option(key, text) if key == "name" => {
                index.name = super::ident(&text.value(), text.span(), errors);
                index.name.as_ref()?;
            }
            Item::Group(key, names) if key == "include" => {
                for name in names {
                    let name = scope.column(&name.unraw().to_string(), name.span(), errors)?;
                    index.include.push(name.clone());
                    index.reads(name);
                }
            }
            Item::Option(key, _) | Item::Group(key, _) => {
                errors.add(
                    key.span(),
                    format!(
                        "unknown key `{key}` in `index(…)`; expected columns, expressions as text, `unique`, \
                         `method = \"…\"`, `where = \"…\"`, `include(…)` or `name = \"…\"`"
                    ),
                );
                return None;
            }
        }
    }
    if index.keys.is_empty() {
        errors.add(span, "expected at least one column");
        return None;
    }
    if let Some(method) = &index.method {
        if index.unique {
            errors.add(span, format!("only a btree index can be unique, not {method}"));
        }
        if let Some(span) = ordered {
            errors.add(span, format!("only a btree index has an order, not {method}"));
        }
    }
    Some(index)
}

/// The operator class and the order behind a key, as SQL with a space before it.
fn order(words: &[syn::Ident], ordered: &mut Option<Span>, errors: &mut Errors) -> Option<String> {
    let texts: Vec<String> = words.iter().map(ToString::to_string).collect();
    let mut rest: Vec<&str> = texts.iter().map(String::as_str).collect();
    let mut sql = String::new();
    if let Some((first, others)) = rest.split_first()
        && !matches!(*first, "asc" | "desc" | "nulls")
        && (first.contains('_') || first.ends_with("ops"))
    {
        sql.push_str(&format!(" {first}"));
        rest = others.to_vec();
    }
    let order = match rest.as_slice() {
        [] => "",
        ["asc"] => " ASC",
        ["desc"] => " DESC",
        ["nulls", "first"] | ["asc", "nulls", "first"] => " NULLS FIRST",
        ["asc", "nulls", "last"] => " ASC NULLS LAST",
        ["nulls", "last"] => " NULLS LAST",
        ["desc", "nulls", "first"] => " DESC NULLS FIRST",
        ["desc", "nulls", "last"] => " DESC NULLS LAST",
        _ => {
            let at = words.iter().find(|word| *word == *rest.first().unwrap_or(&""));
            errors.add(
                at.map_or_else(Span::call_site, syn::Ident::span),
                "expected `asc` or `desc`, `nulls first` or `nulls last`, or an operator class such as \
                 `text_pattern_ops` before them",
            );
            return None;
        }
    };
    if !order.is_empty() {
        *ordered = words.first().map(syn::Ident::span);
    }
    sql.push_str(order);
    Some(sql)
}

fn method(text: &syn::LitStr, errors: &mut Errors) -> Option<Option<String>> {
    let name = text.value();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        errors.add(
            text.span(),
            "expected an access method, such as \"gin\", \"gist\", \"brin\" or \"hash\"",
        );
        return None;
    }
    Some((name != "btree").then_some(name))
}

/// `foreign_key(a, b, references = "t(x, y)", on_delete = "…")`
pub(super) fn foreign_key(argument: Argument, scope: &Scope<'_>, errors: &mut Errors) -> Option<ForeignKey> {
    let span = argument.key.span();
    let mut columns = Vec::new();
    let (mut target, mut on_delete, mut on_update) = (None, None, None);
    for item in items(argument, errors)? {
        match item {
            Item::Column(column, words) if words.is_empty() => {
                columns.push(scope.column(&column.unraw().to_string(), column.span(), errors)?);
            }
            Item::Option(key, text) if key == "references" => target = Some(text),
            Item::Option(key, text) if key == "on_delete" => on_delete = Some(text),
            Item::Option(key, text) if key == "on_update" => on_update = Some(text),
            Item::Column(key, _) | Item::Option(key, _) | Item::Group(key, _) => {
                errors.add(
                    key.span(),
                    "expected `foreign_key(a, b, references = \"table(x, y)\", on_delete = \"…\")`",
                );
                return None;
            }
            Item::Expression(text, _) => {
                errors.add(text.span(), "expected a column");
                return None;
            }
        }
    }
    let Some(target) = target.filter(|_| !columns.is_empty()) else {
        errors.add(
            span,
            "expected columns and `references = \"table(column, …)\"` in `foreign_key(…)`",
        );
        return None;
    };
    reference(columns, &target, on_delete.as_ref(), on_update.as_ref(), errors)
}

/// A reference of these columns to those that a text such as `table(column)` names.
pub(super) fn reference(
    columns: Vec<Ident>,
    text: &syn::LitStr,
    on_delete: Option<&syn::LitStr>,
    on_update: Option<&syn::LitStr>,
    errors: &mut Errors,
) -> Option<ForeignKey> {
    let mut action = |text: Option<&syn::LitStr>| match text {
        None => ForeignKeyAction::default(),
        Some(text) => foreign_key_action(text, errors),
    };
    let (on_delete, on_update) = (action(on_delete), action(on_update));
    let Some((table, references)) = table_and_columns(&text.value()) else {
        errors.add(text.span(), "expected `table(column)` or `schema.table(column)`");
        return None;
    };
    if references.len() != columns.len() {
        errors.add(
            text.span(),
            format!(
                "{} to refer to for {} that refer; expected one for each",
                plural(references.len()),
                plural(columns.len())
            ),
        );
        return None;
    }
    Some(ForeignKey {
        columns,
        table,
        references,
        on_delete,
        on_update,
    })
}

fn plural(columns: usize) -> String {
    format!("{columns} column{}", if columns == 1 { "" } else { "s" })
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

/// `table(column, …)` or `schema.table(column, …)`
pub(super) fn table_and_columns(text: &str) -> Option<(TableName, Vec<Ident>)> {
    let (table, columns) = text.trim().strip_suffix(')')?.split_once('(')?;
    let (namespace, name) = table.trim().split_once('.').unwrap_or(("public", table.trim()));
    let columns: Option<Vec<Ident>> = columns.split(',').map(plain_name).collect();
    Some((
        TableName {
            namespace: plain_name(namespace)?,
            name: plain_name(name)?,
        },
        columns?,
    ))
}

/// A name as it stands in the schema, without quotes.
pub(super) fn plain_name(text: &str) -> Option<Ident> {
    let text = text.trim();
    let fine = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "\".,()".contains(c));
    fine.then(|| Ident::new(text).ok()).flatten()
}

/// `unique(a, b)`, `primary_key(a, b)`
pub(super) fn plain_columns(argument: Argument, scope: &Scope<'_>, errors: &mut Errors) -> Vec<Ident> {
    let span = argument.key.span();
    let mut columns = Vec::new();
    for item in items(argument, errors).unwrap_or_default() {
        match item {
            Item::Column(column, words) if words.is_empty() => {
                match scope.column(&column.unraw().to_string(), column.span(), errors) {
                    Some(column) => columns.push(column),
                    None => return Vec::new(),
                }
            }
            _ => {
                errors.add(span, "only an index has an order; expected column names");
                return Vec::new();
            }
        }
    }
    columns
}

fn items(argument: Argument, errors: &mut Errors) -> Option<Vec<Item>> {
    let key = argument.key;
    let Value::Group(group) = argument.value else {
        errors.add(key.span(), format!("expected `{key}(column, …)`"));
        return None;
    };
    let items = errors.take(Punctuated::<Item, Token![,]>::parse_terminated.parse2(group))?;
    if items.is_empty() {
        errors.add(key.span(), "expected at least one column");
        return None;
    }
    Some(items.into_iter().collect())
}
