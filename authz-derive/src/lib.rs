//! The derive macros of authz, a thin shell: what attributes mean is decided in `authz-schema`, by the same code that
//! `cargo authz` runs. Users get them from the `authz` crate.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::quote;
use syn::ext::IdentExt as _;

/// Declares a table and who may see its rows: `#[table(…)]`, `#[column(…)]`, `#[rls(…)]`.
///
/// The struct implements `authz::Table`. The migration that makes the table is written by `cargo authz generate`,
/// which reads the same attributes from the source.
///
/// # Errors
///
/// Every mistake in an attribute is a compile error at its place, all of them in one compile: an unknown key, a policy
/// that names a column which the struct does not have, a syntax error in SQL, a struct without any `#[rls(…)]`.
#[proc_macro_derive(Table, attributes(table, column, rls))]
pub fn table(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    expand(&input).into()
}

fn expand(input: &syn::DeriveInput) -> TokenStream2 {
    match authz_schema::model::parse_table(input) {
        Ok(table) => {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            let sql_name = table.name.to_string();
            implementation(
                input,
                table.name.namespace.as_str(),
                table.name.name.as_str(),
                &sql_name,
                &columns,
            )
        }
        Err(error) => {
            // An empty implementation, so that code that uses the table does not add errors of its own.
            let errors = error.to_compile_error();
            let name = input.ident.unraw().to_string();
            let empty = implementation(input, "", &name, &name, &[]);
            quote! { #errors #empty }
        }
    }
}

fn implementation(
    input: &syn::DeriveInput,
    namespace: &str,
    name: &str,
    sql_name: &str,
    columns: &[&str],
) -> TokenStream2 {
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #generics ::authz::Table for #ident #arguments #bounds {
            const NAMESPACE: &'static str = #namespace;
            const NAME: &'static str = #name;
            const SQL_NAME: &'static str = #sql_name;
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
        }
    }
}
