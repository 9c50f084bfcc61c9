//! The arguments of one attribute name, gathered from all its occurrences: `key`, `key = value`, `key(…)`.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Token, bracketed, parenthesized};

use crate::closest::closest;

use super::Errors;

/// What to write for a key that people expect and that is another's to say: attribute, key, words.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    (
        "claim",
        "name",
        "the claim's name is the one that serde reads: `#[serde(rename = \"…\")]`",
    ),
    (
        "claim",
        "path",
        "a claim inside of another is read as `serde_json::Value`, or with `skip` as a struct of its own",
    ),
    (
        "claim",
        "rename",
        "the claim's name is the one that serde reads: `#[serde(rename = \"…\")]`",
    ),
];

/// One argument.
#[derive(Clone)]
pub(super) struct Argument {
    pub(super) key: syn::Ident,
    pub(super) value: Value,
}

/// What follows the key.
#[derive(Clone)]
pub(super) enum Value {
    /// `key`
    Flag,
    /// `key = "text"`, `key = true`
    Literal(syn::Lit),
    /// `key = ["a", "b"]`
    List(Vec<syn::LitStr>),
    /// `key(…)`
    Group(TokenStream),
}

/// The arguments that are still to be read.
pub(super) struct Arguments {
    attribute: &'static str,
    arguments: Vec<Argument>,
    /// Whether a mistake has been reported already.
    pub(super) faulty: bool,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(syn::Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            if input.peek(syn::token::Bracket) {
                let list;
                bracketed!(list in input);
                let items = Punctuated::<syn::LitStr, Token![,]>::parse_terminated(&list)?;
                Value::List(items.into_iter().collect())
            } else {
                Value::Literal(input.parse().map_err(|error| {
                    syn::Error::new(
                        error.span(),
                        format!("expected a literal after `{key} =`, such as \"…\""),
                    )
                })?)
            }
        } else if input.peek(syn::token::Paren) {
            let group;
            parenthesized!(group in input);
            Value::Group(group.parse()?)
        } else {
            Value::Flag
        };
        Ok(Self { key, value })
    }
}

impl Arguments {
    /// Whether one of them makes PostgreSQL read another table: `member`, and SQL with a subquery.
    pub(super) fn read_tables(&self) -> bool {
        let selects = |text: String| text.to_ascii_lowercase().contains("select ");
        self.arguments.iter().any(|argument| {
            argument.key == "member"
                || match &argument.value {
                    Value::Literal(syn::Lit::Str(text)) => selects(text.value()),
                    Value::Group(tokens) => selects(tokens.to_string()),
                    _ => false,
                }
        })
    }

    /// All arguments of `#[attribute(…)]` in `attributes`. Unknown keys are errors.
    pub(super) fn of(
        attributes: &[syn::Attribute],
        attribute: &'static str,
        known: &[&str],
        errors: &mut Errors,
    ) -> Self {
        let mut arguments = Vec::new();
        for found in attributes.iter().filter(|found| found.path().is_ident(attribute)) {
            arguments.extend(Self::parse(found, attribute, known, errors).arguments);
        }
        Self {
            attribute,
            arguments,
            faulty: false,
        }
    }

    /// The arguments of one occurrence.
    pub(super) fn parse(
        found: &syn::Attribute,
        attribute: &'static str,
        known: &[&str],
        errors: &mut Errors,
    ) -> Self {
        let arguments =
            errors.take(found.parse_args_with(Punctuated::<Argument, Token![,]>::parse_terminated));
        Self::checked(
            arguments.into_iter().flatten().collect(),
            attribute,
            known,
            errors,
        )
    }

    /// The arguments in the parentheses of one key.
    pub(super) fn nested(
        group: TokenStream,
        attribute: &'static str,
        known: &[&str],
        errors: &mut Errors,
    ) -> Self {
        use syn::parse::Parser as _;
        let arguments = errors.take(Punctuated::<Argument, Token![,]>::parse_terminated.parse2(group));
        Self::checked(
            arguments.into_iter().flatten().collect(),
            attribute,
            known,
            errors,
        )
    }

    fn checked(
        arguments: Vec<Argument>,
        attribute: &'static str,
        known: &[&str],
        errors: &mut Errors,
    ) -> Self {
        let (fine, unknown) = arguments
            .into_iter()
            .partition(|argument| known.contains(&argument.key.to_string().as_str()));
        let unknown: Vec<Argument> = unknown;
        let faulty = !unknown.is_empty();
        for Argument { key, .. } in unknown {
            let name = key.to_string();
            let elsewhere = ELSEWHERE
                .iter()
                .find(|(of, key, _)| *of == attribute && *key == name);
            let hint = match (elsewhere, closest(&name, known.iter().copied())) {
                (Some((.., words)), _) => (*words).to_owned(),
                (None, Some(close)) => format!("did you mean `{close}`?"),
                (None, None) => format!("expected one of {}", quoted(known)),
            };
            errors.add(
                key.span(),
                format!("unknown key `{name}` in `{attribute}(…)`; {hint}"),
            );
        }
        Self {
            attribute,
            arguments: fine,
            faulty,
        }
    }

    /// Whether every argument has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.arguments.is_empty()
    }

    /// Takes all arguments with this key, for keys that may stand more than once.
    pub(super) fn all(&mut self, key: &str) -> Vec<Argument> {
        let (found, rest) = std::mem::take(&mut self.arguments)
            .into_iter()
            .partition(|a| a.key == key);
        self.arguments = rest;
        found
    }

    /// Takes the argument with this key. A second one is an error at its key.
    pub(super) fn one(&mut self, key: &str, errors: &mut Errors) -> Option<Argument> {
        let mut found = self.all(key).into_iter();
        let first = found.next();
        for again in found {
            errors.add(
                again.key.span(),
                format!("`{key}` stands twice in `{}(…)`", self.attribute),
            );
        }
        first
    }

    /// Takes a key without a value. `Some` is its span.
    pub(super) fn flag(&mut self, key: &str, errors: &mut Errors) -> Option<Span> {
        let argument = self.one(key, errors)?;
        if !matches!(argument.value, Value::Flag) {
            errors.add(argument.key.span(), format!("`{key}` takes no value"));
        }
        Some(argument.key.span())
    }

    /// Takes `key = "text"`.
    pub(super) fn text(&mut self, key: &str, errors: &mut Errors) -> Option<syn::LitStr> {
        let argument = self.one(key, errors)?;
        argument.text(errors)
    }
}

impl Argument {
    /// The value as text.
    pub(super) fn text(self, errors: &mut Errors) -> Option<syn::LitStr> {
        match self.value {
            Value::Literal(syn::Lit::Str(text)) => Some(text),
            _ => {
                errors.add(self.key.span(), format!("expected `{} = \"…\"`", self.key));
                None
            }
        }
    }

    /// The value as an SQL expression: text, or the words `true` and `false`.
    pub(super) fn sql(self, errors: &mut Errors) -> Option<syn::LitStr> {
        match self.value {
            Value::Literal(syn::Lit::Bool(word)) => {
                Some(syn::LitStr::new(&word.value.to_string(), word.span))
            }
            _ => self.text(errors),
        }
    }

    /// The value as one text or a list of texts.
    pub(super) fn texts(self, errors: &mut Errors) -> Vec<syn::LitStr> {
        match self.value {
            Value::Literal(syn::Lit::Str(text)) => vec![text],
            Value::List(texts) => texts,
            _ => {
                errors.add(
                    self.key.span(),
                    format!("expected `{key} = \"…\"` or `{key} = [\"…\", …]`", key = self.key),
                );
                Vec::new()
            }
        }
    }
}

fn quoted(words: &[&str]) -> String {
    words
        .iter()
        .map(|word| format!("`{word}`"))
        .collect::<Vec<_>>()
        .join(", ")
}
