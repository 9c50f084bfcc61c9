//! Turns a struct of the source into what the derive is given for it.

use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Field, Fields, Item, Token};

use super::names::has_rls;
use super::walk::Walk;

impl Walk<'_> {
    /// Takes a struct (enum, union) as a model if it derives `Table`; `attrs` are its resolved attributes.
    pub(super) fn visit_type_item(&mut self, item: &Item, attrs: Vec<Attribute>) {
        let mut input: DeriveInput = match item {
            Item::Struct(item) => item.clone().into(),
            Item::Enum(item) => item.clone().into(),
            Item::Union(item) => item.clone().into(),
            _ => return,
        };
        if !self.names.derives_table(&attrs) {
            if has_rls(&attrs) {
                let krate = &self.project.authz_crate;
                let message = format!(
                    "`{}` has `#[rls]`, and the scan does not find our derive on it; write `#[derive({krate}::Table)]`",
                    input.ident
                );
                self.error(input.ident.span(), message);
            }
            return;
        }
        if let Some(doubt) = self.doubt.clone() {
            return self.doubtful(doubt, &format!("the table `{}`", input.ident));
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
        self.add_model(input);
    }

    fn fields(&mut self, fields: &Punctuated<Field, Token![,]>) -> Punctuated<Field, Token![,]> {
        let mut kept = Punctuated::new();
        for field in fields {
            let resolved = self.cfg.resolve(&field.attrs);
            if resolved.removed {
                continue;
            }
            if let Some(cfg) = resolved.undecided {
                let doubt = self.doubt_at(cfg.span, cfg.to_string());
                let name = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                self.doubtful(doubt, &format!("the column `{name}`, or an attribute of it,"));
            }
            kept.push(Field {
                attrs: resolved.attrs,
                ..field.clone()
            });
        }
        kept
    }
}
