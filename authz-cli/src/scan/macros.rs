//! What the scan does about macros: it follows `include!`, and reports models that it sees inside others.

use std::path::PathBuf;

use proc_macro2::{Delimiter, Group, Ident, TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::visit::Visit as _;
use syn::{Attribute, Block, Expr, Item, ItemMod, Lit, Macro, Meta, Token};

use super::names::OurDerive;
use super::place::Place;
use super::walk::Walk;

const IN_MACRO: &str = "`derive(Table)` inside a macro cannot be read from source; write the struct out";
const CLAIMS_IN_MACRO: &str =
    "`derive(Claims)` inside a macro cannot be read from source; write the struct out";
const RLS_IN_MACRO: &str = "`#[rls]` inside a macro cannot be read from source; write the struct out";
const OPAQUE_MODULE: &str =
    "a module that a macro names cannot be followed, and may hold tables; write the `mod` item out";
const OPAQUE_INCLUDE: &str = "an `include!` of a path that only the compiler knows cannot be followed, and may hold \
                              tables; write the path as a literal";

impl Walk<'_> {
    /// Looks at a call of a macro, which may be the definition of one.
    pub(super) fn macro_call(&mut self, called: &Macro) {
        if called
            .path
            .segments
            .last()
            .is_some_and(|name| name.ident == "include")
        {
            self.include(called);
        } else {
            self.opaque_tokens(&called.tokens);
        }
    }

    /// Looks at the arguments of an attribute macro.
    pub(super) fn attribute(&mut self, attr: &Attribute) {
        let read_elsewhere = ["cfg", "cfg_attr", "derive"];
        if let Meta::List(list) = &attr.meta
            && !read_elsewhere.iter().any(|name| attr.path().is_ident(name))
        {
            self.opaque_tokens(&list.tokens);
        }
    }

    /// Looks for models, and ways to them, in code that only the compiler expands.
    pub(super) fn opaque_tokens(&mut self, tokens: &TokenStream) {
        let tokens: Vec<_> = tokens.clone().into_iter().collect();
        let mut rest = tokens.as_slice();
        // The attributes right before a `mod`.
        let mut attrs = TokenStream::new();
        while let Some((_, next)) = rest.split_first() {
            rest = match rest {
                // `derive(…, Table, …)`
                [TokenTree::Ident(word), TokenTree::Group(list), next @ ..] if word == "derive" => {
                    if self.names.list_names(OurDerive::Table, list.stream(), true) {
                        self.hidden(word.span(), IN_MACRO);
                    } else if self.names.list_names(OurDerive::Claims, list.stream(), false) {
                        self.hidden(word.span(), CLAIMS_IN_MACRO);
                    }
                    next
                }
                // `include!(…)`
                [
                    TokenTree::Ident(word),
                    TokenTree::Punct(not),
                    TokenTree::Group(path),
                    next @ ..,
                ] if word == "include" && not.as_char() == '!' => {
                    let tokens = TokenStream::from_iter([
                        word.clone().into(),
                        not.clone().into(),
                        TokenTree::from(path.clone()),
                    ]);
                    if let Ok(called) = syn::parse2::<Macro>(tokens) {
                        self.in_doubt(word, |walk| walk.include(&called));
                    }
                    next
                }
                // `mod $name;`
                [
                    TokenTree::Ident(word),
                    TokenTree::Punct(dollar),
                    TokenTree::Ident(_),
                    TokenTree::Punct(end),
                    next @ ..,
                ] if word == "mod" && dollar.as_char() == '$' && end.as_char() == ';' => {
                    self.hidden(word.span(), OPAQUE_MODULE);
                    next
                }
                // `mod name;` and `mod name { … }`
                [TokenTree::Ident(word), TokenTree::Ident(name), end, next @ ..] if word == "mod" => {
                    self.opaque_module(word, name, end, std::mem::take(&mut attrs));
                    next
                }
                // `#[…]`
                [TokenTree::Punct(hash), TokenTree::Group(group), next @ ..]
                    if hash.as_char() == '#' && group.delimiter() == Delimiter::Bracket =>
                {
                    self.opaque_rls(group, &attrs);
                    attrs.extend([hash.clone().into(), TokenTree::from(group.clone())]);
                    self.opaque_tokens(&group.stream());
                    next
                }
                [TokenTree::Group(group), ..] => {
                    self.opaque_tokens(&group.stream());
                    next
                }
                // The visibility between the attributes and the `mod`.
                [TokenTree::Ident(word), ..] if word == "pub" => next,
                _ => {
                    attrs = TokenStream::new();
                    next
                }
            };
        }
    }

    /// Reports an `#[rls]` whose derive was not already reported among the attributes `before` it.
    fn opaque_rls(&mut self, attr: &Group, before: &TokenStream) {
        let Some(TokenTree::Ident(name)) = attr.stream().into_iter().next() else {
            return;
        };
        let before = Attribute::parse_outer.parse2(before.clone()).unwrap_or_default();
        if name == "rls" && !self.names.derives(OurDerive::Table, &before) {
            self.hidden(name.span(), RLS_IN_MACRO);
        }
    }

    fn opaque_module(&mut self, word: &Ident, name: &Ident, end: &TokenTree, attrs: TokenStream) {
        match end {
            TokenTree::Punct(end) if end.as_char() == ';' => {
                let mut tokens = attrs;
                tokens.extend([
                    TokenTree::from(word.clone()),
                    TokenTree::from(name.clone()),
                    TokenTree::from(end.clone()),
                ]);
                if let Ok(module) = syn::parse2::<ItemMod>(tokens) {
                    self.in_doubt(word, |walk| walk.visit_item(&Item::Mod(module)));
                }
            }
            TokenTree::Group(body) => {
                let place = self.place.inline(&name.unraw().to_string(), None);
                let outer = std::mem::replace(&mut self.place, place);
                self.opaque_tokens(&body.stream());
                self.place = outer;
            }
            _ => {}
        }
    }

    /// Walks what a macro may or may not put into the crate.
    fn in_doubt(&mut self, word: &Ident, walk: impl FnOnce(&mut Self)) {
        let outer = self.doubt.clone();
        if outer.is_none() {
            self.doubt = Some(self.doubt_at(word.span(), "a macro".to_owned()));
        }
        walk(self);
        self.doubt = outer;
    }

    fn include(&mut self, called: &Macro) {
        let span = called
            .path
            .segments
            .last()
            .map_or_else(proc_macro2::Span::call_site, |name| name.ident.span());
        let path = called.parse_body_with(|input: ParseStream<'_>| {
            let path = input.parse::<Expr>()?;
            input.parse::<Option<Token![,]>>()?;
            Ok(self.constant_path(&path))
        });
        let Ok(Some(path)) = path else {
            return self.hidden(span, OPAQUE_INCLUDE);
        };
        let folder = self.file.parent().map(PathBuf::from).unwrap_or_default();
        let file = folder.join(path);
        if !file.is_file() && self.doubt.is_some() {
            return;
        }
        self.read(&file, Place::beside(&file), span, |walk, text| {
            walk.included_text(text);
        });
    }

    /// The included text stands where the call stands: items, or an expression.
    fn included_text(&mut self, text: &str) {
        let statements = |text: &str| {
            if let Ok(file) = syn::parse_file(text) {
                return Ok(file.items.into_iter().map(syn::Stmt::Item).collect());
            }
            Block::parse_within.parse_str(text)
        };
        let Some(statements) = self.parse(text, statements) else {
            return;
        };
        let items = statements.iter().filter_map(|stmt| match stmt {
            syn::Stmt::Item(item) => Some(item),
            _ => None,
        });
        let names = self.names.clone().with(items, &self.cfg);
        let outer = std::mem::replace(&mut self.names, names);
        for statement in &statements {
            self.visit_stmt(statement);
        }
        self.names = outer;
    }

    // `"models.rs"`, `env!("CARGO_MANIFEST_DIR")`, `concat!(…)` of these
    fn constant_path(&self, path: &Expr) -> Option<String> {
        match path {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            Expr::Macro(called) if called.mac.path.is_ident("env") => {
                let name = called.mac.parse_body::<syn::LitStr>().ok()?;
                (name.value() == "CARGO_MANIFEST_DIR").then(|| self.project.root.display().to_string())
            }
            Expr::Macro(called) if called.mac.path.is_ident("concat") => {
                let parts = called
                    .mac
                    .parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated)
                    .ok()?;
                parts.iter().map(|part| self.constant_path(part)).collect()
            }
            Expr::Group(group) => self.constant_path(&group.expr),
            _ => None,
        }
    }
}
