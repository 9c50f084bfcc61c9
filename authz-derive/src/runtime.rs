//! Where generated code finds the `authz` crate: `::authz`, or what `#[authz(crate = "…")]` says for a dependency by another name.

use syn::{Attribute, DeriveInput, LitStr, Path, parse_quote};

/// The path of the crate, with the mistakes in the attribute, if it has any.
pub(crate) fn crate_path(input: &DeriveInput) -> (Path, Option<syn::Error>) {
    let mut found: Option<Path> = None;
    let mut errors: Option<syn::Error> = None;
    for attribute in input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("authz"))
    {
        match read(attribute, found.is_some()) {
            Ok(path) => found = Some(path),
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    (found.unwrap_or_else(|| parse_quote!(::authz)), errors)
}

/// `crate = "path"`, once.
fn read(attribute: &Attribute, is_known: bool) -> Result<Path, syn::Error> {
    let mut found = is_known.then(|| parse_quote!(::authz));
    let mut path = None;
    attribute.parse_nested_meta(|meta| {
        if !meta.path.is_ident("crate") {
            return Err(meta.error("expected `crate = \"path\"`, the only key of `#[authz(…)]`"));
        }
        let text: LitStr = meta.value()?.parse()?;
        let parsed = text.parse_with(Path::parse_mod_style).map_err(|_| {
            syn::Error::new(
                text.span(),
                "expected the path of the authz crate, such as `my_authz` or `crate::authz`",
            )
        })?;
        if found.replace(parsed.clone()).is_some() {
            return Err(meta.error("`crate` is given twice"));
        }
        path = Some(parsed);
        Ok(())
    })?;
    path.ok_or_else(|| syn::Error::new_spanned(attribute, "expected `crate = \"path\"`"))
}
