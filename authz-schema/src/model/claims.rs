//! `#[derive(Claims)]`: the claims of a token as fields, each of which SQL gets by a function.
//!
//! The name of a claim is what serde reads, so that Rust and SQL cannot mean two claims by one field.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::claims;
use crate::declare::DeclaredClaim;
use authz_sql::{Ident, expression};

use super::arguments::Arguments;
use super::serde::{Rule, Serde};
use super::types::{self, Types};
use super::{Errors, doc_comment, ident};

const CLAIM_KEYS: &[&str] = &["function", "skip", "type"];

/// What a struct with `#[derive(Claims)]` declares.
#[derive(Debug, Clone)]
pub struct ClaimsModel {
    /// The claims that get a function, in the order of the fields.
    pub claims: Vec<ClaimField>,
    /// The names of all claims that the struct reads.
    pub names: Vec<String>,
    /// The types of fields that the compiler must know an SQL type of, since their names do not tell it. Their claims have
    /// an empty type here.
    pub undeclared: Vec<proc_macro2::TokenStream>,
}

/// A field with its claim.
#[derive(Debug, Clone)]
pub struct ClaimField {
    /// What it declares.
    pub declared: DeclaredClaim,
    /// Where its function is named.
    pub span: Span,
}

/// Reads a struct with `#[derive(Claims)]`.
///
/// # Errors
///
/// All mistakes of the struct, combined, each at its span: see the attribute reference in `docs/attributes.md`.
pub fn parse_claims(input: &syn::DeriveInput, types: &Types) -> syn::Result<ClaimsModel> {
    let mut errors = Errors::default();
    let model = read(input, types, &mut errors);
    errors.finish()?;
    model.ok_or_else(|| syn::Error::new(input.ident.span(), "this struct declares no claims"))
}

fn read(input: &syn::DeriveInput, types: &Types, errors: &mut Errors) -> Option<ClaimsModel> {
    let fields = match &input.data {
        syn::Data::Struct(syn::DataStruct {
            fields: syn::Fields::Named(fields),
            ..
        }) => &fields.named,
        _ => {
            errors.add(
                input.ident.span(),
                "expected a struct with named fields; each field is a claim",
            );
            return None;
        }
    };
    if let Some(parameter) = input.generics.params.first() {
        errors.add(
            parameter.span(),
            "a struct of claims cannot have generic parameters",
        );
    }
    for attribute in input.attrs.iter().filter(|found| found.path().is_ident("claim")) {
        errors.add(attribute.path().span(), "`#[claim(…)]` stands on a field");
    }
    let container = Serde::of(&input.attrs);
    if let Some(key) = container.any(&["from", "transparent", "try_from"]) {
        errors.add(
            key.span(),
            format!(
                "with `{key}` serde reads other fields than these; a struct of claims is read by its own"
            ),
        );
    }
    let rule = Rule::of(&container, errors);
    let mut model = ClaimsModel {
        claims: Vec::new(),
        names: Vec::new(),
        undeclared: Vec::new(),
    };
    for field in fields {
        read_field(field, rule, types, &mut model, errors);
    }
    Some(model)
}

fn read_field(
    field: &syn::Field,
    rule: Rule,
    types: &Types,
    model: &mut ClaimsModel,
    errors: &mut Errors,
) -> Option<()> {
    let mut options = Arguments::of(&field.attrs, "claim", CLAIM_KEYS, errors);
    let serde = Serde::of(&field.attrs);
    let name = field.ident.as_ref()?;
    let function = options.text("function", errors);
    let written = options.text("type", errors);
    let skip = options.flag("skip", errors);
    if let Some(skip) = skip
        && (function.is_some() || written.is_some())
    {
        errors.add(skip, "`skip` makes no function, and excludes every other key");
    }
    if serde.any(&["skip", "skip_deserializing"]).is_some() {
        return None;
    }
    if let Some(key) = serde.any(&["flatten", "alias"]) {
        errors.add(
            key.span(),
            format!(
                "with `{key}` serde reads other claims than the one that the field names, which SQL does not"
            ),
        );
        return None;
    }
    let claim = claim_name(name, &serde, rule, model, errors);
    model.names.extend(claim.clone());
    if skip.is_some() {
        return None;
    }
    let (function_name, span) = match &function {
        Some(text) => (text.value(), text.span()),
        None => (name.unraw().to_string(), name.span()),
    };
    let function = function_of(&function_name, span, model, errors);
    let mut undeclared = None;
    let claim_type = match &written {
        Some(text) => written_type(text, types, errors),
        None => type_of(field, &serde, types, &mut undeclared, errors),
    };
    // The compiler decides about a type whose name says nothing.
    let claim_type = claim_type.or_else(|| undeclared.as_ref().map(|_| String::new()));
    model.undeclared.extend(undeclared);
    model.claims.push(ClaimField {
        span,
        declared: DeclaredClaim {
            function: function?,
            claim: claim?,
            claim_type: claim_type?,
            comment: doc_comment(&field.attrs),
        },
    });
    Some(())
}

/// The claim's name in the token, which is serde's.
fn claim_name(
    field: &syn::Ident,
    serde: &Serde,
    rule: Rule,
    model: &ClaimsModel,
    errors: &mut Errors,
) -> Option<String> {
    let (name, span) = match serde.text("rename") {
        Some(text) => (text.value(), text.span()),
        None => (rule.field(field), field.span()),
    };
    if name.is_empty() || name.contains(char::is_control) {
        errors.add(span, "a claim's name is not empty and holds no control character");
        None
    } else if model.names.contains(&name) {
        errors.add(span, format!("the claim `{name}` stands twice"));
        None
    } else {
        Some(name)
    }
}

fn function_of(name: &str, span: Span, model: &ClaimsModel, errors: &mut Errors) -> Option<Ident> {
    const WAY_OUT: &str = "`#[claim(function = \"…\")]`";
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if !starts || !name.chars().all(plain) {
        errors.add(
            span,
            format!("a function's name is of lower-case letters, digits and `_`; write {WAY_OUT}"),
        );
        return None;
    }
    if claims::is_auth_function(name) {
        errors.add(
            span,
            format!("auth.{name}() is there already, with a meaning of its own; name this one otherwise: {WAY_OUT}"),
        );
        return None;
    }
    let twice = model
        .claims
        .iter()
        .any(|field| field.declared.function.as_str() == name);
    if twice {
        errors.add(span, format!("the function `{name}` stands twice"));
        return None;
    }
    ident(name, span, errors)
}

fn written_type(text: &syn::LitStr, types: &Types, errors: &mut Errors) -> Option<String> {
    let name = expression::type_name(&text.value()).filter(|name| is_claim_type(name, types));
    if name.is_none() {
        errors.add(
            text.span(),
            format!("expected {}, with its schema", claims::TYPES),
        );
    }
    name
}

fn is_claim_type(sql: &str, types: &Types) -> bool {
    claims::is_claim_type(sql, |name| types.is_enum(name))
}

/// The SQL type by the Rust type, where serde reads that as it is.
fn type_of(
    field: &syn::Field,
    serde: &Serde,
    types: &Types,
    undeclared: &mut Option<proc_macro2::TokenStream>,
    errors: &mut Errors,
) -> Option<String> {
    let ty = &field.ty;
    if let Some(why) = types::not_as_json(ty) {
        errors.add(ty.span(), why);
        return None;
    }
    let sql = types.read(ty, "claim", undeclared, errors)?;
    if !is_claim_type(&sql, types) {
        errors.add(
            ty.span(),
            format!("a claim cannot be {sql}; expected {}", claims::TYPES),
        );
        return None;
    }
    match (serde.with(), sql == "timestamptz") {
        (None, true) => {
            errors.add(
                ty.span(),
                format!(
                    "a time in a token is a number of seconds (RFC 7519, 2); write `#[serde(with = \"{}\")]`",
                    types::reader_of_seconds(ty)
                ),
            );
            return None;
        }
        (Some(path), true) if reads_no_seconds(&path.value()) => {
            errors.add(
                path.span(),
                format!(
                    "a time in a token is a number of seconds (RFC 7519, 2); expected \"{}\"",
                    types::reader_of_seconds(ty)
                ),
            );
            return None;
        }
        (Some(path), false) => {
            errors.add(
                path.span(),
                "serde reads this field by a function, so that its type does not tell what the token holds; write \
                 `#[claim(type = \"…\")]`",
            );
            return None;
        }
        _ => {}
    }
    if let Some(why) = types.serde_differs(sql.trim_end_matches("[]")) {
        errors.add(ty.span(), why);
        return None;
    }
    Some(sql)
}

/// Whether a module that chrono or time has for serde reads something else than seconds.
fn reads_no_seconds(path: &str) -> bool {
    ["micro", "milli", "nano", "iso8601", "rfc2822", "rfc3339"]
        .iter()
        .any(|other| path.contains(other))
}
