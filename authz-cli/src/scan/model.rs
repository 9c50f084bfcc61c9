//! Turns a struct, an enum or a type alias of the source into what the derive is given for it.

use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Field, Fields, Item, Token, Variant};

use super::Declares;
use super::names::{OurDerive, has_rls};
use super::walk::Walk;

impl Walk<'_> {
    /// Takes `type name = ty;` as a struct around the type.
    pub(super) fn visit_alias(&mut self, alias: &syn::ItemType) {
        if alias.generics.params.is_empty() && self.doubt.is_none() {
            let syn::ItemType { vis, ident, ty, .. } = alias;
            self.add_model(Declares::Alias, syn::parse_quote!(#vis struct #ident(#ty);));
        }
    }

    /// Takes a struct (enum, union) as a model if it derives `Table`, `Type` or `Claims`; `attrs` are its resolved attributes.
    pub(super) fn visit_type_item(&mut self, item: &Item, attrs: Vec<Attribute>) {
        let mut input: DeriveInput = match item {
            Item::Struct(item) => item.clone().into(),
            Item::Enum(item) => item.clone().into(),
            Item::Union(item) => item.clone().into(),
            _ => return,
        };
        let declares = if self.names.derives(OurDerive::Table, &attrs) {
            Declares::Table
        } else if self.names.derives(OurDerive::Type, &attrs) {
            Declares::Type
        } else if self.names.derives(OurDerive::Claims, &attrs) {
            Declares::Claims
        } else {
            if has_rls(&attrs) {
                let krate = &self.project.authz_crate;
                let message = format!(
                    "`{}` has `#[rls]`, and the scan does not find our derive on it; write `#[derive({krate}::Table)]`",
                    input.ident
                );
                self.hidden(input.ident.span(), &message);
            }
            return;
        };
        if let Some(doubt) = self.doubt.clone() {
            return self.doubtful(doubt, &format!("the {} `{}`", declares.word(), input.ident));
        }
        input.attrs = attrs
            .into_iter()
            .filter(|attr| !attr.path().is_ident("derive"))
            .collect();
        if let syn::Data::Struct(data) = &mut input.data {
            match &mut data.fields {
                Fields::Named(fields) => fields.named = self.fields(&fields.named),
                Fields::Unnamed(fields) => fields.unnamed = self.fields(&fields.unnamed),
                _ => {}
            }
        }
        if let syn::Data::Enum(data) = &mut input.data {
            data.variants = self.variants(&data.variants);
        }
        self.add_model(declares, input);
    }

    fn variants(&mut self, variants: &Punctuated<Variant, Token![,]>) -> Punctuated<Variant, Token![,]> {
        let mut kept = Punctuated::new();
        for variant in variants {
            if let Some(attrs) = self.resolved(&variant.attrs, &format!("the value `{}`", variant.ident)) {
                kept.push(Variant {
                    attrs,
                    ..variant.clone()
                });
            }
        }
        kept
    }

    /// The attributes of a part of a model; `None` where a `cfg` removes it.
    fn resolved(&mut self, attrs: &[Attribute], what: &str) -> Option<Vec<Attribute>> {
        let resolved = self.cfg.resolve(attrs);
        if resolved.removed {
            return None;
        }
        if let Some(cfg) = resolved.undecided {
            let doubt = self.doubt_at(cfg.span, cfg.to_string());
            self.doubtful(doubt, &format!("{what}, or an attribute of it,"));
        }
        Some(resolved.attrs)
    }

    fn fields(&mut self, fields: &Punctuated<Field, Token![,]>) -> Punctuated<Field, Token![,]> {
        let mut kept = Punctuated::new();
        for field in fields {
            let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
            if let Some(attrs) = self.resolved(&field.attrs, &format!("the field `{name}`")) {
                kept.push(Field {
                    attrs,
                    ..field.clone()
                });
            }
        }
        kept
    }
}
