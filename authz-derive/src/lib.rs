//! The derive macros of authz, a thin shell: what attributes mean is decided in `authz-schema`, by the same code that
//! `cargo authz` runs. Users get them from the `authz` crate.

mod collect;
mod runtime;

use authz_schema::model::{ClaimsModel, Model, TypeModel, Types};
use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;
use quote::{quote, quote_spanned};
use syn::Path;
use syn::ext::IdentExt as _;

/// Declares a table and who may see its rows: `#[table(…)]`, `#[column(…)]`, `#[rls(…)]`.
///
/// The struct implements the trait of the same name. The migration that makes the table is written by `cargo authz generate`,
/// which reads the same attributes from the source.
///
/// # Errors
///
/// Every mistake in an attribute is a compile error at its place, all of them in one compile: an unknown key, a policy
/// that names a column which the struct does not have, a syntax error in SQL, a struct without any `#[rls(…)]`.
///
#[doc = include_str!("../attributes.md")]
#[proc_macro_derive(Table, attributes(authz, table, column, rls))]
pub fn table(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive("Table", &input, expand)
}

/// Gives an enum or a newtype an SQL type, so that fields of models may have it.
///
/// Stands beside `sqlx::Type`, whose `#[sqlx(…)]` attributes it reads: an enum becomes `CREATE TYPE … AS ENUM` under its
/// `type_name`, with values as sqlx writes them; a struct around one value has the type of the value; an enum with
/// `#[repr(i32)]` is an integer. The type implements the trait of the same name.
///
/// # Errors
///
/// Every mistake is a compile error at its place: an enum without `type_name`, a variant that holds something, a value
/// that stands twice or has more than 63 bytes.
///
/// All attributes stand at [`Table`](macro@Table#derivetype), and `#[authz(crate = "…")]` for a crate of another name too.
#[proc_macro_derive(Type, attributes(authz, sql_type, value, sqlx))]
pub fn sql_type(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive("Type", &input, expand_type)
}

/// Gives the claims of a token types: fields in Rust, and a function for each in SQL, such as `auth.org_id()`.
///
/// Stands beside `serde::Deserialize`, whose `#[serde(…)]` attributes it reads: the claim of a field is the one that serde
/// reads. `#[claim(function = "…")]` names the function otherwise than the field, `#[claim(type = "…")]` says an SQL type
/// that the Rust type does not tell, and `#[claim(skip)]` leaves the function out. The struct implements the trait of the
/// same name, so that the claims of a verified token become it; the migration that makes the functions is written
/// by `cargo authz generate`.
///
/// # Errors
///
/// Every mistake is a compile error at its place: an unknown key, a type that no claim can have, two fields with one
/// function, a function that `auth` has already.
///
/// All attributes stand at [`Table`](macro@Table#deriveclaims), and `#[authz(crate = "…")]` for a crate of another name too.
#[proc_macro_derive(Claims, attributes(authz, claim, serde))]
pub fn claims(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive("Claims", &input, expand_claims)
}

/// What a derive of this name adds to an item.
fn derive(
    name: &str,
    input: &syn::DeriveInput,
    expand: fn(&syn::DeriveInput, &Path) -> TokenStream2,
) -> TokenStream {
    let collected = collect::collect(name, input);
    let (authz, mistakes) = runtime::crate_path(input);
    let mistakes = mistakes.map(|error| error.to_compile_error());
    let expanded = expand(input, &authz);
    quote! { #mistakes #collected #expanded }.into()
}

fn expand_claims(input: &syn::DeriveInput, authz: &Path) -> TokenStream2 {
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    let implementation = |names: &[String]| {
        quote! {
            #[automatically_derived]
            impl #generics #authz::Claims for #ident #arguments #bounds {
                const NAMES: &'static [&'static str] = &[#(#names),*];
            }
        }
    };
    match authz_schema::model::parse_claims(input, &Types::of_one_struct()) {
        Ok(ClaimsModel {
            names, undeclared, ..
        }) => {
            let claims = implementation(&names);
            let declared = undeclared.iter().map(|ty| has_sql_type(ty, authz));
            quote! { #claims #(#declared)* }
        }
        Err(error) => {
            let errors = error.to_compile_error();
            let empty = implementation(&[]);
            quote! { #errors #empty }
        }
    }
}

fn expand_type(input: &syn::DeriveInput, authz: &Path) -> TokenStream2 {
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    let implementation = |name: &TokenStream2| {
        quote! {
            #[automatically_derived]
            impl #generics #authz::Type for #ident #arguments #bounds {
                const SQL_NAME: &'static str = #name;
            }
        }
    };
    match authz_schema::model::parse_type(input, &Types::of_one_struct()) {
        Ok(TypeModel {
            undeclared: Some(inner),
            ..
        }) => implementation(&quote! { <#inner as #authz::Type>::SQL_NAME }),
        Ok(TypeModel { sql, .. }) => implementation(&quote! { #sql }),
        Err(error) => {
            let errors = error.to_compile_error();
            let empty = implementation(&quote! { "" });
            quote! { #errors #empty }
        }
    }
}

fn expand(input: &syn::DeriveInput, authz: &Path) -> TokenStream2 {
    match authz_schema::model::parse_model(input, &Types::of_one_struct()) {
        Ok(Model {
            table, undeclared, ..
        }) => {
            let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            let sql_name = table.name.to_string();
            let table = implementation(
                input,
                authz,
                table.name.namespace.as_str(),
                table.name.name.as_str(),
                &sql_name,
                &columns,
            );
            let declared = undeclared.iter().map(|ty| has_sql_type(ty, authz));
            quote! { #table #(#declared)* }
        }
        Err(error) => {
            // An empty implementation, so that code that uses the table does not add errors of its own.
            let errors = error.to_compile_error();
            let name = input.ident.unraw().to_string();
            let empty = implementation(input, authz, "", &name, &name, &[]);
            quote! { #errors #empty }
        }
    }
}

/// Asks the compiler for the SQL type of a field whose type's name does not tell it; the error stands at the field.
fn has_sql_type(ty: &TokenStream2, authz: &Path) -> TokenStream2 {
    let span = ty
        .clone()
        .into_iter()
        .next()
        .map_or_else(proc_macro2::Span::call_site, |token| token.span());
    quote_spanned! { span =>
        #[allow(unused_qualifications)]
        const _: &str = <#ty as #authz::Type>::SQL_NAME;
    }
}

fn implementation(
    input: &syn::DeriveInput,
    authz: &Path,
    namespace: &str,
    name: &str,
    sql_name: &str,
    columns: &[&str],
) -> TokenStream2 {
    let ident = &input.ident;
    let (generics, arguments, bounds) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #generics #authz::Table for #ident #arguments #bounds {
            const NAMESPACE: &'static str = #namespace;
            const NAME: &'static str = #name;
            const SQL_NAME: &'static str = #sql_name;
            const COLUMNS: &'static [&'static str] = &[#(#columns),*];
        }
    }
}
