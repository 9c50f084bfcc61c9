//! `#[serde(…)]`, as far as it decides which claim a field reads and how.
//!
//! serde reads the token by the same attributes, so that they are read here and not repeated. What serde refuses is left
//! for serde to say.

use proc_macro2::TokenStream;
use syn::Token;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;

use super::Errors;
use super::arguments::{Argument, Value};

/// The arguments of all `#[serde(…)]` of an item.
pub(super) struct Serde {
    arguments: Vec<Argument>,
}

impl Serde {
    pub(super) fn of(attributes: &[syn::Attribute]) -> Self {
        let ours = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("serde"));
        let lists = ours.filter_map(|attribute| attribute.meta.require_list().ok());
        Self {
            arguments: lists.flat_map(|list| arguments(list.tokens.clone())).collect(),
        }
    }

    /// The first of these keys that stands there.
    pub(super) fn any(&self, keys: &[&str]) -> Option<&syn::Ident> {
        let found = self
            .arguments
            .iter()
            .find(|argument| keys.iter().any(|key| argument.key == *key));
        found.map(|argument| &argument.key)
    }

    /// `key = "…"`, or `key(deserialize = "…")`.
    pub(super) fn text(&self, key: &str) -> Option<syn::LitStr> {
        let found = self.arguments.iter().filter(|argument| argument.key == key);
        found
            .filter_map(|argument| match &argument.value {
                Value::Group(group) => literal(
                    arguments(group.clone())
                        .iter()
                        .find(|argument| argument.key == "deserialize")?,
                ),
                _ => literal(argument),
            })
            .next()
    }

    /// What reads the field in the place of its type: `with = "…"`.
    pub(super) fn with(&self) -> Option<syn::LitStr> {
        self.text("with").or_else(|| self.text("deserialize_with"))
    }
}

fn literal(argument: &Argument) -> Option<syn::LitStr> {
    match &argument.value {
        Value::Literal(syn::Lit::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

fn arguments(tokens: TokenStream) -> Vec<Argument> {
    let parsed = Punctuated::<Argument, Token![,]>::parse_terminated.parse2(tokens);
    parsed.into_iter().flatten().collect()
}

/// A rule of `rename_all`.
#[derive(Clone, Copy)]
pub(super) enum Rule {
    None,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

const RULES: [(&str, Rule); 8] = [
    ("lowercase", Rule::Lower),
    ("UPPERCASE", Rule::Upper),
    ("PascalCase", Rule::Pascal),
    ("camelCase", Rule::Camel),
    ("snake_case", Rule::Snake),
    ("SCREAMING_SNAKE_CASE", Rule::ScreamingSnake),
    ("kebab-case", Rule::Kebab),
    ("SCREAMING-KEBAB-CASE", Rule::ScreamingKebab),
];

impl Rule {
    /// The rule of a struct or an enum.
    pub(super) fn of(container: &Serde, errors: &mut Errors) -> Self {
        let Some(text) = container.text("rename_all") else {
            return Self::None;
        };
        let found = RULES.iter().find(|(name, _)| *name == text.value());
        if found.is_none() {
            let names: Vec<String> = RULES.iter().map(|(name, _)| format!("`{name}`")).collect();
            errors.add(
                text.span(),
                format!(
                    "`{}` is no rule of serde; expected one of {}",
                    text.value(),
                    names.join(", ")
                ),
            );
        }
        found.map_or(Self::None, |(_, rule)| *rule)
    }

    /// A field's name as serde writes it, from snake case.
    pub(super) fn field(self, name: &syn::Ident) -> String {
        let name = name.unraw().to_string();
        match self {
            Self::None | Self::Lower | Self::Snake => name,
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(&name),
            Self::Camel => lower_first(&pascal(&name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// A variant's name as serde writes it, from Pascal case.
    pub(super) fn variant(self, name: &syn::Ident) -> String {
        let name = name.unraw().to_string();
        match self {
            Self::None | Self::Pascal => name,
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => lower_first(&name),
            Self::Snake => snake(&name),
            Self::ScreamingSnake => snake(&name).to_ascii_uppercase(),
            Self::Kebab => snake(&name).replace('_', "-"),
            Self::ScreamingKebab => snake(&name).to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(name: &str) -> String {
    let mut words = String::with_capacity(name.len());
    for word in name.split('_') {
        let mut letters = word.chars();
        words.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        words.push_str(letters.as_str());
    }
    words
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

fn snake(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_serde_writes() {
        let field: syn::Ident = syn::parse_quote!(app_org_id);
        let variant: syn::Ident = syn::parse_quote!(VerySAd);
        for (rule, fields, variants) in [
            (Rule::None, "app_org_id", "VerySAd"),
            (Rule::Lower, "app_org_id", "verysad"),
            (Rule::Upper, "APP_ORG_ID", "VERYSAD"),
            (Rule::Pascal, "AppOrgId", "VerySAd"),
            (Rule::Camel, "appOrgId", "verySAd"),
            (Rule::Snake, "app_org_id", "very_s_ad"),
            (Rule::ScreamingSnake, "APP_ORG_ID", "VERY_S_AD"),
            (Rule::Kebab, "app-org-id", "very-s-ad"),
            (Rule::ScreamingKebab, "APP-ORG-ID", "VERY-S-AD"),
        ] {
            assert_eq!(
                (rule.field(&field), rule.variant(&variant)),
                (fields.into(), variants.into())
            );
        }
        let raw: syn::Ident = syn::parse_quote!(r#type);
        assert_eq!(Rule::Upper.field(&raw), "TYPE");
    }

    #[test]
    fn a_name_for_both_directions_and_one_for_reading_alone_are_found() {
        let input: syn::DeriveInput = syn::parse_quote! {
            #[serde(default, rename(serialize = "a", deserialize = "b"), skip_serializing_if = "Option::is_none")]
            #[serde(with = "x::y", bound(serialize = "T: X"), alias = "c")]
            struct A;
        };
        let serde = Serde::of(&input.attrs);
        assert_eq!(serde.text("rename").unwrap().value(), "b");
        assert_eq!(serde.with().unwrap().value(), "x::y");
        assert!(serde.any(&["alias"]).is_some() && serde.any(&["flatten", "skip"]).is_none());
        let plain: syn::DeriveInput = syn::parse_quote!(
            #[serde(rename = "a")]
            struct A;
        );
        assert_eq!(Serde::of(&plain.attrs).text("rename").unwrap().value(), "a");
    }
}
