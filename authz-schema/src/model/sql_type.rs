//! `#[derive(Type)]`: an enum or a newtype as an SQL type, under the name that `#[sqlx(…)]` gives it.
//!
//! sqlx encodes and decodes by the same attributes, so that they are read here and not repeated.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::places::{Part, Places};
use crate::renames::Renames;
use crate::schema::{EnumType, TypeName};
use authz_sql::{Ident, is_reserved_namespace};

use super::arguments::Arguments;
use super::lists::plain_name;
use super::serde::{Rule, Serde};
use super::types::Types;
use super::{Errors, differs, doc_comment, former_place, refuse_conflicts, snake_case};

const SQLX_KEYS: &[&str] = &["default", "no_pg_array", "rename_all", "transparent", "type_name"];

/// What a type with `#[derive(Type)]` declares.
#[derive(Debug, Clone)]
pub struct TypeModel {
    /// Its SQL type, such as `public.mood` or `uuid`; empty where only the compiler knows what a newtype holds.
    pub sql: String,
    /// The enum type that migrations make.
    pub enum_type: Option<EnumType>,
    /// What it and its values were called before (`renamed_from`).
    pub renames: Renames,
    /// Where its parts stand.
    pub places: Places,
    /// What a newtype holds, where its name does not tell the SQL type.
    pub undeclared: Option<proc_macro2::TokenStream>,
    /// How serde would read a value of the enum type otherwise than sqlx does, for claims.
    pub serde_differs: Option<String>,
}

/// Reads an enum or a newtype with `#[derive(Type)]`.
///
/// # Errors
///
/// All mistakes of the type, combined, each at its span.
pub fn parse_type(input: &syn::DeriveInput, types: &Types) -> syn::Result<TypeModel> {
    let mut errors = Errors::default();
    let model = read(input, types, &mut errors);
    errors.finish()?;
    model.ok_or_else(|| syn::Error::new(input.ident.span(), "this type declares no SQL type"))
}

fn read(input: &syn::DeriveInput, types: &Types, errors: &mut Errors) -> Option<TypeModel> {
    if let Some(parameter) = input.generics.params.first() {
        errors.add(parameter.span(), "an SQL type cannot have generic parameters");
    }
    let mut sqlx = sqlx_options(&input.attrs, errors);
    let mut own = Arguments::of(&input.attrs, "sql_type", &["renamed_from"], errors);
    let written = sqlx.text("type_name", errors);
    match &input.data {
        syn::Data::Enum(data) => match integer_repr(&input.attrs) {
            Some(sql) => Some(plain(sql.to_owned())),
            None => enum_type(input, data, written, &mut sqlx, &mut own, errors),
        },
        syn::Data::Struct(data) => match (&data.fields, written) {
            (syn::Fields::Unnamed(fields), written) if fields.unnamed.len() == 1 => {
                newtype(&fields.unnamed.first()?.ty, written, types, errors)
            }
            _ => {
                errors.add(
                    input.ident.span(),
                    "expected an enum, or a struct around one value such as `struct UserId(Uuid)`; a composite type \
                     is made by a migration of your own and named by `#[column(type = \"…\")]`",
                );
                None
            }
        },
        syn::Data::Union(_) => {
            errors.add(
                input.ident.span(),
                "expected an enum, or a struct around one value",
            );
            None
        }
    }
}

fn plain(sql: String) -> TypeModel {
    TypeModel {
        sql,
        enum_type: None,
        renames: Renames::default(),
        places: Places::default(),
        undeclared: None,
        serde_differs: None,
    }
}

fn newtype(
    inner: &syn::Type,
    written: Option<syn::LitStr>,
    types: &Types,
    errors: &mut Errors,
) -> Option<TypeModel> {
    if let Some(written) = written {
        let name = authz_sql::expression::type_name(&written.value());
        if name.is_none() {
            errors.add(written.span(), "expected an SQL type such as \"citext\"");
        }
        return name.map(plain);
    }
    let mut undeclared = None;
    match types.read(inner, "column", &mut undeclared, errors) {
        Some(sql) => Some(plain(sql)),
        None => undeclared.map(|inner| TypeModel {
            undeclared: Some(inner),
            ..plain(String::new())
        }),
    }
}

fn enum_type(
    input: &syn::DeriveInput,
    data: &syn::DataEnum,
    written: Option<syn::LitStr>,
    sqlx: &mut Arguments,
    own: &mut Arguments,
    errors: &mut Errors,
) -> Option<TypeModel> {
    let rename_all = sqlx.text("rename_all", errors);
    let Some(written) = written else {
        let name = snake_case(&input.ident.unraw().to_string());
        errors.add(
            input.ident.span(),
            format!("expected the type's name: `#[sqlx(type_name = \"{name}\")]`"),
        );
        return None;
    };
    let text = written.value();
    let (namespace, name) = text.split_once('.').unwrap_or(("public", text.as_str()));
    let (Some(namespace), Some(name)) = (plain_name(namespace), plain_name(name)) else {
        errors.add(written.span(), "expected a name such as \"mood\" or \"app.mood\"");
        return None;
    };
    // sqlx looks the type up by this text, which PostgreSQL folds to lower case.
    if text.chars().any(char::is_uppercase) {
        errors.add(
            written.span(),
            "expected a name in lower case, as sqlx looks it up",
        );
        return None;
    }
    if is_reserved_namespace(namespace.as_str()) {
        errors.add(
            written.span(),
            format!("`{}` is not for types; choose another schema", namespace.as_str()),
        );
        return None;
    }
    let name = TypeName { namespace, name };
    let mut renames = Renames::default();
    let mut places = Places::default();
    places.note(Part::Name, written.span());
    if let Some((former, span)) = former_place(own, &name, errors) {
        renames.enums.push((name.clone(), former));
        places.note(Part::FormerName, span);
    }
    let mut former_values: Vec<(String, String, Span)> = Vec::new();
    let mut values: Vec<String> = Vec::new();
    // A rule that is none is serde's to refuse.
    let serde_rule = Rule::of(&Serde::of(&input.attrs), &mut Errors::default());
    let mut serde_differs = None;
    for variant in &data.variants {
        if !matches!(variant.fields, syn::Fields::Unit) {
            errors.add(
                variant.ident.span(),
                "a value of an enum type holds nothing; expected a plain variant",
            );
            continue;
        }
        let mut options = Arguments::of(&variant.attrs, "sqlx", &["rename", "default"], errors);
        let value = match options.text("rename", errors) {
            Some(text) => text.value(),
            None => renamed(&variant.ident.unraw().to_string(), rename_all.as_ref(), errors)?,
        };
        // PostgreSQL keeps a value as a name.
        if let Err(error) = Ident::new(value.as_str()) {
            errors.add(variant.ident.span(), error);
        }
        if values.contains(&value) {
            errors.add(variant.ident.span(), format!("the value `{value}` stands twice"));
        }
        let mut options = Arguments::of(&variant.attrs, "value", &["renamed_from"], errors);
        if let Some(former) = options.text("renamed_from", errors)
            && differs(&former, former.value() == value, errors)
        {
            former_values.push((value.clone(), former.value(), former.span()));
        }
        let serde_name = match Serde::of(&variant.attrs).text("rename") {
            Some(text) => text.value(),
            None => serde_rule.variant(&variant.ident),
        };
        if serde_name != value && serde_differs.is_none() {
            serde_differs = Some(format!(
                "serde reads `{serde_name}` for the value `{value}` of {name}; give `{}` the same names by \
                 `#[serde(rename_all = \"…\")]`, or write `#[claim(type = \"{name}\")]`",
                input.ident
            ));
        }
        values.push(value);
    }
    refuse_conflicts(&former_values, "value", String::as_str, errors);
    let former_values = former_values
        .into_iter()
        .map(|(value, former, _)| (name.clone(), value, former));
    renames.enum_values.extend(former_values);
    if data.variants.is_empty() {
        errors.add(input.ident.span(), "expected at least one value");
    }
    Some(TypeModel {
        sql: name.to_string(),
        enum_type: Some(EnumType {
            name,
            values,
            comment: doc_comment(&input.attrs),
        }),
        renames,
        places,
        undeclared: None,
        serde_differs,
    })
}

/// `#[sqlx(…)]` of the type. Keys of other derives of sqlx mean nothing here.
fn sqlx_options(attributes: &[syn::Attribute], errors: &mut Errors) -> Arguments {
    Arguments::of(attributes, "sqlx", SQLX_KEYS, errors)
}

/// The SQL type of an enum that sqlx stores as a number: `#[repr(i32)]`.
fn integer_repr(attributes: &[syn::Attribute]) -> Option<&'static str> {
    let mut found = None;
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("repr"))
    {
        // Other words of `repr` are the compiler's to judge.
        drop(attribute.parse_nested_meta(|meta| {
            for (rust, sql) in [("i16", "smallint"), ("i32", "integer"), ("i64", "bigint")] {
                if meta.path.is_ident(rust) {
                    found = Some(sql);
                }
            }
            Ok(())
        }));
    }
    found
}

/// A variant's name under `rename_all`, as sqlx writes it.
fn renamed(name: &str, rule: Option<&syn::LitStr>, errors: &mut Errors) -> Option<String> {
    use heck::{
        ToKebabCase as _, ToLowerCamelCase as _, ToShoutySnakeCase as _, ToSnakeCase as _,
        ToUpperCamelCase as _,
    };
    let Some(rule) = rule else {
        return Some(name.to_owned());
    };
    Some(match rule.value().as_str() {
        "lowercase" => name.to_lowercase(),
        "snake_case" => name.to_snake_case(),
        "UPPERCASE" => name.to_uppercase(),
        "SCREAMING_SNAKE_CASE" => name.to_shouty_snake_case(),
        "kebab-case" => name.to_kebab_case(),
        "camelCase" => name.to_lower_camel_case(),
        "PascalCase" => name.to_upper_camel_case(),
        other => {
            errors.add(
                rule.span(),
                format!(
                    "`{other}` is no rule of sqlx; expected `lowercase`, `snake_case`, `UPPERCASE`, \
                     `SCREAMING_SNAKE_CASE`, `kebab-case`, `camelCase` or `PascalCase`"
                ),
            );
            return None;
        }
    })
}
