//! Writes what a derive is given into the directory that `AUTHZ_COLLECT_DIR` names, for `cargo authz --expand`.
//!
//! One file for each item: fields with a zero byte between them, in the order of [`collect`]. File names are hashes, so that
//! nothing in the source decides where anything is written. Without the variable, which only that command sets, nothing
//! happens.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::{env, fs};

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote_spanned};

/// Writes the item, and returns nothing, or an error for the compiler if that fails.
pub(crate) fn collect(derive: &str, input: &syn::DeriveInput) -> TokenStream {
    let Some(directory) = env::var_os("AUTHZ_COLLECT_DIR").filter(|name| !name.is_empty()) else {
        return TokenStream::new();
    };
    let span = input.ident.span().unwrap();
    let file = span.local_file().unwrap_or_else(|| span.file().into());
    // rustc runs in the workspace's folder, and names files from there.
    let file = env::current_dir().unwrap_or_default().join(file);
    let text = [
        derive.to_owned(),
        env::var("CARGO_MANIFEST_DIR").unwrap_or_default(),
        file.to_string_lossy().into_owned(),
        span.line().to_string(),
        span.column().to_string(),
        input.to_token_stream().to_string(),
    ]
    .join("\0");
    match write(&directory, &text) {
        Ok(()) => TokenStream::new(),
        Err(error) => {
            let message = format!("this item cannot be written into AUTHZ_COLLECT_DIR: {error}");
            quote_spanned! { input.ident.span() => ::core::compile_error!(#message); }
        }
    }
}

fn write(directory: &OsStr, text: &str) -> std::io::Result<()> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    fs::write(
        Path::new(directory).join(format!("{:016x}.model", hasher.finish())),
        text,
    )
}
