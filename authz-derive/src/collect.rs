//! Writes what a derive is given into the folder that [`FOLDER_VARIABLE`] names, for `cargo authz --expand`: one file for each
//! item. Without the variable, which only that command sets, nothing happens.

use std::path::Path;
use std::{env, fs};

use authz_schema::collect::{CollectedItem, FOLDER_VARIABLE};
use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote_spanned};

/// Writes the item, and returns nothing, or an error for the compiler if that fails.
pub(crate) fn collect(derive: &str, input: &syn::DeriveInput) -> TokenStream {
    let Some(folder) = env::var_os(FOLDER_VARIABLE).filter(|name| !name.is_empty()) else {
        return TokenStream::new();
    };
    let span = input.ident.span().unwrap();
    let file = span.local_file().unwrap_or_else(|| span.file().into());
    // rustc runs in the workspace's folder, and names files from there.
    let file = env::current_dir().unwrap_or_default().join(file);
    let item = CollectedItem {
        derive: derive.to_owned(),
        package: env::var("CARGO_MANIFEST_DIR").unwrap_or_default(),
        file: file.to_string_lossy().into_owned(),
        line: span.line(),
        column: span.column(),
        tokens: input.to_token_stream().to_string(),
    };
    match fs::write(Path::new(&folder).join(item.file_name()), item.to_text()) {
        Ok(()) => TokenStream::new(),
        Err(error) => {
            let message = format!("this item cannot be written into {FOLDER_VARIABLE}: {error}");
            quote_spanned! { input.ident.span() => ::core::compile_error!(#message); }
        }
    }
}
