//! Evaluates `#[cfg]` and `#[cfg_attr]` with the selected features on the host.

use std::collections::BTreeSet;
use std::fmt;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{Attribute, LitBool, LitStr, Meta, Token};

/// What decides about `cfg`.
#[derive(Debug)]
pub(super) struct Cfg<'p> {
    features: &'p BTreeSet<String>,
}

/// The answer to a `cfg`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Truth {
    Yes,
    No,
    Unknown,
}

/// A `cfg` that only the compiler can answer.
#[derive(Debug, Clone)]
pub(super) struct Undecided {
    pub(super) span: Span,
    predicate: String,
}

/// Attributes as the compiler sees them once `cfg` and `cfg_attr` are gone.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    /// Whether a `cfg` removes what the attributes stand on.
    pub(super) removed: bool,
    /// The first `cfg` that could not be answered.
    pub(super) undecided: Option<Undecided>,
    pub(super) attrs: Vec<Attribute>,
}

impl<'p> Cfg<'p> {
    pub(super) fn new(features: &'p BTreeSet<String>) -> Self {
        Self { features }
    }

    /// Resolves the `cfg`s among `attrs`.
    pub(super) fn resolve(&self, attrs: &[Attribute]) -> Resolved {
        let mut resolved = Resolved::default();
        for attr in attrs {
            self.resolve_one(attr, &mut resolved);
        }
        resolved
    }

    fn resolve_one(&self, attr: &Attribute, resolved: &mut Resolved) {
        let Meta::List(list) = &attr.meta else {
            resolved.attrs.push(attr.clone());
            return;
        };
        if list.path.is_ident("cfg") {
            match self.evaluate(list.tokens.clone()) {
                Truth::Yes => {}
                Truth::No => resolved.removed = true,
                Truth::Unknown => resolved.note(attr.span(), &list.tokens),
            }
        } else if list.path.is_ident("cfg_attr") {
            let mut parts = split_at_commas(list.tokens.clone()).into_iter();
            let predicate = parts.next().unwrap_or_default();
            let truth = self.evaluate(predicate.clone());
            // What is no plain `Meta`, such as `unsafe(no_mangle)`, decides nothing here.
            for meta in parts.filter_map(|part| syn::parse2::<Meta>(part).ok()) {
                match truth {
                    Truth::Yes => self.resolve_one(&Attribute { meta, ..attr.clone() }, resolved),
                    Truth::Unknown if decides(&meta) => resolved.note(attr.span(), &predicate),
                    Truth::No | Truth::Unknown => {}
                }
            }
        } else {
            resolved.attrs.push(attr.clone());
        }
    }

    fn evaluate(&self, predicate: TokenStream) -> Truth {
        let parser = |input: ParseStream<'_>| {
            let truth = self.predicate(input)?;
            input.parse::<Option<Token![,]>>()?;
            Ok(truth)
        };
        parser.parse2(predicate).unwrap_or(Truth::Unknown)
    }

    // `true`, `unix`, `feature = "x"`, `all(…)`, `any(…)`, `not(…)`
    fn predicate(&self, input: ParseStream<'_>) -> syn::Result<Truth> {
        if input.peek(LitBool) {
            return Ok(input.parse::<LitBool>()?.value.into());
        }
        let name = input.call(syn::Ident::parse_any)?.to_string();
        if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            let mut parts = Vec::new();
            while !content.is_empty() {
                parts.push(self.predicate(&content)?);
                if !content.is_empty() {
                    content.parse::<Token![,]>()?;
                }
            }
            let has = |truth| parts.contains(&truth);
            return Ok(match name.as_str() {
                "all" if has(Truth::No) => Truth::No,
                "any" if has(Truth::Yes) => Truth::Yes,
                "all" | "any" if has(Truth::Unknown) => Truth::Unknown,
                "all" => Truth::Yes,
                "any" => Truth::No,
                "not" if has(Truth::Yes) => Truth::No,
                "not" if has(Truth::No) => Truth::Yes,
                _ => Truth::Unknown,
            });
        }
        if input.parse::<Option<Token![=]>>()?.is_none() {
            return Ok(flag(&name));
        }
        let value = input.parse::<LitStr>()?.value();
        Ok(match name.as_str() {
            "feature" => self.features.contains(&value).into(),
            "target_os" => (value == std::env::consts::OS).into(),
            "target_family" => (value == std::env::consts::FAMILY).into(),
            "target_arch" => (value == std::env::consts::ARCH).into(),
            "target_pointer_width" => (value == usize::BITS.to_string()).into(),
            "target_endian" => (value
                == if cfg!(target_endian = "big") {
                    "big"
                } else {
                    "little"
                })
            .into(),
            _ => Truth::Unknown,
        })
    }
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`cfg({})`", self.predicate)
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

impl Resolved {
    fn note(&mut self, span: Span, predicate: &TokenStream) {
        self.undecided.get_or_insert_with(|| Undecided {
            span,
            predicate: predicate.to_string(),
        });
    }
}

fn flag(name: &str) -> Truth {
    match name {
        "debug_assertions" => Truth::Yes,
        "test" | "doc" | "doctest" | "miri" | "rust_analyzer" => Truth::No,
        "unix" => cfg!(unix).into(),
        "windows" => cfg!(windows).into(),
        _ => Truth::Unknown,
    }
}

/// Whether an attribute, if it is there, changes the models.
fn decides(meta: &Meta) -> bool {
    let ours = ["cfg", "cfg_attr", "claim", "column", "path", "rls", "table"];
    match meta {
        Meta::List(list) if list.path.is_ident("derive") => {
            contains_ident(&list.tokens, "Table") || contains_ident(&list.tokens, "Claims")
        }
        meta => ours.iter().any(|name| meta.path().is_ident(name)),
    }
}

fn contains_ident(tokens: &TokenStream, name: &str) -> bool {
    tokens
        .clone()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(ident) if ident == name))
}

fn split_at_commas(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![Vec::new()];
    for token in tokens {
        match (token, parts.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => parts.push(Vec::new()),
            (token, Some(last)) => last.push(token),
            (_, None) => {}
        }
    }
    parts
        .into_iter()
        .filter(|part: &Vec<TokenTree>| !part.is_empty())
        .map(TokenStream::from_iter)
        .collect()
}
