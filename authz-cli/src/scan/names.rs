//! Tells the derives `authz::Table`, `authz::Type` and `authz::Claims` from other derives of these names, as far as one
//! file says.
//!
//! Names are not resolved across files. That loses nothing: every model has an `#[rls]`, which no struct without our
//! derive can have, so a struct with `#[rls]` whose derive is not recognised is an error and not an omission. A type or a
//! claim that is not recognised is missed where it is used.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, Path, Token, UseTree};

use super::cfg::Cfg;

/// A derive of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OurDerive {
    Table,
    Type,
    Claims,
}

impl OurDerive {
    fn name(self) -> &'static str {
        match self {
            Self::Table => "Table",
            Self::Type => "Type",
            Self::Claims => "Claims",
        }
    }
}

/// The names that the `use` items of one module or block bring in.
#[derive(Debug, Default, Clone)]
pub(super) struct Scope {
    names: HashMap<String, Vec<String>>,
    /// A glob import from another crate, which may bring in a `Table`.
    foreign_glob: bool,
}

/// The scopes that are in force at one place, the innermost last.
#[derive(Debug, Default, Clone)]
pub(super) struct Names {
    authz: String,
    scopes: Vec<Scope>,
}

impl Names {
    /// A module without any `use`, in a package that calls the authz crate `authz`.
    pub(super) fn new(authz: &str) -> Self {
        Self {
            authz: authz.to_owned(),
            scopes: Vec::new(),
        }
    }

    /// The names of a module inside this one: modules inherit none.
    pub(super) fn module(&self) -> Self {
        Self::new(&self.authz)
    }

    /// Adds the names that `items` bring in, and hides outer ones of the same name.
    pub(super) fn with<'i>(mut self, items: impl Iterator<Item = &'i Item>, cfg: &Cfg<'_>) -> Self {
        let mut scope = Scope::default();
        for item in items {
            match item {
                Item::Use(item) if !cfg.resolve(&item.attrs).removed => {
                    self.add(&mut scope, Vec::new(), &item.tree);
                }
                Item::ExternCrate(item) if !cfg.resolve(&item.attrs).removed => {
                    if let Some((_, name)) = &item.rename {
                        scope
                            .names
                            .insert(name.unraw().to_string(), vec![item.ident.unraw().to_string()]);
                    }
                }
                _ => {}
            }
        }
        self.scopes.push(scope);
        self
    }

    fn add(&self, scope: &mut Scope, mut prefix: Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.unraw().to_string());
                self.add(scope, prefix, &path.tree);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add(scope, prefix.clone(), tree);
                }
            }
            UseTree::Name(name) => add_name(scope, prefix, &name.ident, &name.ident),
            UseTree::Rename(rename) => add_name(scope, prefix, &rename.ident, &rename.rename),
            UseTree::Glob(_) => {
                let first = prefix.first().map(String::as_str);
                let own = [
                    Some(self.authz.as_str()),
                    Some("crate"),
                    Some("self"),
                    Some("super"),
                ];
                scope.foreign_glob |= !own.contains(&first);
            }
        }
    }

    /// Whether one of the derives among `attrs` is this one of ours.
    pub(super) fn derives(&self, derive: OurDerive, attrs: &[Attribute]) -> bool {
        let marked = derive == OurDerive::Table && has_rls(attrs);
        let mut derives = attrs.iter().filter(|attr| attr.path().is_ident("derive"));
        derives.any(|attr| {
            attr.meta
                .require_list()
                .is_ok_and(|list| self.list_names(derive, list.tokens.clone(), marked))
        })
    }

    /// Whether the inside of a `derive(…)` names this one of ours. `$path` of a macro counts as ours if it ends in
    /// its name. `marked` is whether the type has an attribute that only ours knows.
    pub(super) fn list_names(&self, derive: OurDerive, list: TokenStream, marked: bool) -> bool {
        match Punctuated::<Path, Token![,]>::parse_terminated.parse2(list.clone()) {
            Ok(paths) => paths.iter().any(|path| self.is_ours(derive, path, marked)),
            Err(_) => list
                .into_iter()
                .any(|token| matches!(token, TokenTree::Ident(ident) if ident == derive.name())),
        }
    }

    fn is_ours(&self, derive: OurDerive, path: &Path, has_rls: bool) -> bool {
        let path = self.resolve(path);
        if path.last().is_none_or(|last| last != derive.name()) {
            return false;
        }
        match path.as_slice() {
            [first, _, ..] if *first == self.authz => true,
            // Unresolved: `#[macro_use] extern crate`, a glob, or an import that is still missing.
            [_] => has_rls || !self.scopes.iter().any(|scope| scope.foreign_glob),
            // Another crate's `Table`, or ours under a re-export.
            _ => has_rls,
        }
    }

    fn resolve(&self, path: &Path) -> Vec<String> {
        let mut segments: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.unraw().to_string())
            .collect();
        if path.leading_colon.is_some() {
            return segments;
        }
        // A renamed crate and a renamed item of it are two steps; more than a few are a circle.
        for _ in 0..4 {
            let Some((first, rest)) = segments.split_first() else {
                break;
            };
            let known = self.scopes.iter().rev().find_map(|scope| scope.names.get(first));
            let Some(target) = known else { break };
            if target.first() == Some(first) {
                return [target, rest].concat();
            }
            segments = [target, rest].concat();
        }
        segments
    }
}

/// Whether `attrs` has an `#[rls]`.
pub(super) fn has_rls(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| attr.path().is_ident("rls"))
}

fn add_name(scope: &mut Scope, mut prefix: Vec<String>, item: &syn::Ident, name: &syn::Ident) {
    if item == "self" {
        let last = prefix.last().cloned();
        let name = if name == "self" {
            last
        } else {
            Some(name.unraw().to_string())
        };
        scope.names.extend(name.map(|name| (name, prefix)));
    } else {
        prefix.push(item.unraw().to_string());
        scope.names.insert(name.unraw().to_string(), prefix);
    }
}
