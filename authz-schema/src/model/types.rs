//! The SQL type of a Rust type, as sqlx maps it.

use std::collections::BTreeMap;

use proc_macro2::TokenStream;
use quote::ToTokens as _;
use syn::spanned::Spanned as _;

use super::Errors;
use crate::types::RUST_TYPES;

/// The types that `#[derive(Type)]` and `type X = Y;` give names to, by their Rust names.
#[derive(Debug, Clone, Default)]
pub struct Types {
    sql: BTreeMap<String, Option<String>>,
    /// The enum types by their SQL names, with how serde reads them otherwise than sqlx does.
    enums: BTreeMap<String, Option<String>>,
    open: bool,
}

/// Why a type has no SQL type.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unknown {
    /// It is none, and the words say what to use instead.
    Never(String),
    /// The name says nothing.
    Name,
}

impl Types {
    /// No types but those that sqlx knows, and the compiler decides about all others: what a derive macro sees.
    #[must_use]
    pub fn of_one_struct() -> Self {
        Self {
            sql: BTreeMap::new(),
            enums: BTreeMap::new(),
            open: true,
        }
    }

    /// The SQL type of a field or of what a newtype holds. Where its name says nothing, that is a mistake, or the compiler's
    /// to judge: then the type is `undeclared`. The attribute is the one that could say the type.
    pub(super) fn read(
        &self,
        ty: &syn::Type,
        attribute: &str,
        undeclared: &mut Option<TokenStream>,
        errors: &mut Errors,
    ) -> Option<String> {
        let why = match self.of(ty) {
            Ok(sql) => return Some(sql),
            Err(Unknown::Never(why)) => why,
            Err(Unknown::Name) => {
                let core = core_of(ty).to_token_stream();
                if self.open {
                    *undeclared = Some(core);
                    return None;
                }
                unknown(&core.to_string().replace(' ', ""), attribute)
            }
        };
        errors.add(ty.span(), why);
        None
    }

    /// Adds a type. Two of the same name with different SQL types cannot be told apart, and are no longer known.
    pub fn add(&mut self, name: &str, sql: &str) {
        self.sql
            .entry(name.to_owned())
            .and_modify(|known| {
                if known.as_deref() != Some(sql) {
                    *known = None;
                }
            })
            .or_insert_with(|| Some(sql.to_owned()));
    }

    /// Adds an enum type by its SQL name, with how serde reads its values otherwise.
    pub fn add_enum(&mut self, sql: &str, serde_differs: Option<String>) {
        self.enums.insert(sql.to_owned(), serde_differs);
    }

    /// Whether an SQL type is an enum type of the application, or may be one.
    pub(super) fn is_enum(&self, sql: &str) -> bool {
        self.enums.contains_key(sql) || (self.open && sql.contains('.'))
    }

    /// How serde reads an enum type otherwise than SQL has it.
    pub(super) fn serde_differs(&self, sql: &str) -> Option<&str> {
        self.enums.get(sql)?.as_deref()
    }

    /// Adds `type name = ty;` where the type is known, and tells whether it is.
    pub fn add_alias(&mut self, name: &str, ty: &syn::Type) -> bool {
        match self.of(ty) {
            Ok(sql) => {
                self.add(name, &sql);
                true
            }
            Err(_) => false,
        }
    }

    /// The SQL type of a field, of what is in it where it is an `Option`.
    fn of(&self, ty: &syn::Type) -> Result<String, Unknown> {
        match self.name_of(generic(ty, "Option").unwrap_or(ty))? {
            name if name == "u8" => Err(Unknown::Never(
                "PostgreSQL has no type for `u8`; use i16, or Vec<u8> for bytea".to_owned(),
            )),
            name => Ok(name),
        }
    }

    fn name_of(&self, ty: &syn::Type) -> Result<String, Unknown> {
        match ty {
            syn::Type::Array(array) => return self.array_of(&array.elem),
            syn::Type::Slice(slice) => return self.array_of(&slice.elem),
            _ => {}
        }
        if let Some(item) = generic(ty, "Vec") {
            return self.array_of(item);
        }
        for pointer in ["Box", "Cow", "Arc"] {
            if let Some(inner) = generic(ty, pointer) {
                return self.name_of(inner);
            }
        }
        if let Some(item) = generic(ty, "PgRange") {
            return match self.name_of(item)?.as_str() {
                "integer" => Ok("int4range".to_owned()),
                "bigint" => Ok("int8range".to_owned()),
                "numeric" => Ok("numrange".to_owned()),
                "timestamp" => Ok("tsrange".to_owned()),
                "timestamptz" => Ok("tstzrange".to_owned()),
                "date" => Ok("daterange".to_owned()),
                other => Err(Unknown::Never(format!(
                    "PostgreSQL has no range of {other}; a range is of i32, i64, a decimal, a date or a timestamp"
                ))),
            };
        }
        let name = last_segment(ty).ok_or(Unknown::Name)?.ident.to_string();
        if let Some(known) = self.sql.get(&name) {
            return known.clone().ok_or_else(|| {
                Unknown::Never(format!(
                    "several types of this package are called `{name}`, with different SQL types; write the type \
                     as `type = \"…\"`"
                ))
            });
        }
        if let Some(known) = RUST_TYPES
            .iter()
            .find(|known| known.names.contains(&name.as_str()))
        {
            return Ok(known.sql.to_owned());
        }
        match name.as_str() {
            // Only as the item of a Vec: bytea.
            "u8" => Ok("u8".to_owned()),
            "u16" | "u32" | "u64" | "u128" | "usize" | "i128" | "isize" => Err(Unknown::Never(format!(
                "PostgreSQL has no type for `{name}`; use i16, i32 or i64"
            ))),
            _ => Err(Unknown::Name),
        }
    }

    fn array_of(&self, item: &syn::Type) -> Result<String, Unknown> {
        match self.name_of(generic(item, "Option").unwrap_or(item))?.as_str() {
            "u8" => Ok("bytea".to_owned()),
            array if array.ends_with("[]") => Err(Unknown::Never(
                "PostgreSQL arrays of arrays have no type of their own; write `#[column(type = \"…[]\")]`"
                    .to_owned(),
            )),
            item => Ok(format!("{item}[]")),
        }
    }
}

/// What to do about a field whose type's name says nothing. The trait `authz::Type` says the same words.
fn unknown(name: &str, attribute: &str) -> String {
    format!(
        "the SQL type of `{name}` is not known; derive `authz::Type` for it, or write `#[{attribute}(type = \"…\")]`"
    )
}

/// The type that decides a field's SQL type: what is in an `Option`, a `Vec`, an array.
fn core_of(ty: &syn::Type) -> &syn::Type {
    match ty {
        syn::Type::Array(array) => return core_of(&array.elem),
        syn::Type::Slice(slice) => return core_of(&slice.elem),
        _ => {}
    }
    for outer in ["Option", "Vec", "Box", "Cow", "Arc", "PgRange"] {
        if let Some(inner) = generic(ty, outer) {
            return core_of(inner);
        }
    }
    ty
}

/// Whether a field may be NULL, for a field whose SQL type is given by `type = "…"`.
pub(super) fn is_option(ty: &syn::Type) -> bool {
    generic(ty, "Option").is_some()
}

/// Why serde reads a type otherwise from JSON than SQL would, for types that tables may have.
pub(super) fn not_as_json(ty: &syn::Type) -> Option<&'static str> {
    let inner = generic(ty, "Option").unwrap_or(ty);
    if matches!(inner, syn::Type::Array(_)) {
        return Some("an array of claims has any number of items; expected `Vec<…>`");
    }
    if generic(inner, "Vec").is_some_and(|item| generic(item, "Option").is_some()) {
        return Some(
            "an array with a null in it is no array of claims; expected `Vec<…>` without `Option` inside",
        );
    }
    let name = last_segment(core_of(ty))?.ident.to_string();
    match name.as_str() {
        "NonZeroI16" | "NonZeroI32" | "NonZeroI64" => Some("SQL does not refuse 0; expected i16, i32 or i64"),
        "Hyphenated" | "Simple" => Some("SQL reads every form of a uuid; expected `Uuid`"),
        _ => None,
    }
}

/// What serde needs to read a time from a number of seconds.
pub(super) fn reader_of_seconds(ty: &syn::Type) -> &'static str {
    let of_time = last_segment(core_of(ty)).is_some_and(|name| name.ident == "OffsetDateTime");
    match (of_time, is_option(ty)) {
        (true, false) => "time::serde::timestamp",
        (true, true) => "time::serde::timestamp::option",
        (false, false) => "chrono::serde::ts_seconds",
        (false, true) => "chrono::serde::ts_seconds_option",
    }
}

fn last_segment(ty: &syn::Type) -> Option<&syn::PathSegment> {
    match ty {
        syn::Type::Path(path) if path.qself.is_none() => path.path.segments.last(),
        syn::Type::Group(group) => last_segment(&group.elem),
        syn::Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// The argument of `name<…>`.
fn generic<'a>(ty: &'a syn::Type, name: &str) -> Option<&'a syn::Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    match &segment.arguments {
        syn::PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                syn::GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_types_map_as_sqlx_maps_them() {
        for (rust, sql, nullable) in [
            ("i64", "bigint", false),
            ("Option<String>", "text", true),
            (
                "std::option::Option<chrono::DateTime<chrono::Utc>>",
                "timestamptz",
                true,
            ),
            ("Vec<u8>", "bytea", false),
            ("Option<Vec<Uuid>>", "uuid[]", true),
            ("sqlx::types::Json<Settings>", "jsonb", false),
            ("Box<str>", "text", false),
            ("Cow<'static, str>", "text", false),
            ("[u8; 32]", "bytea", false),
            ("Vec<Option<i32>>", "integer[]", false),
            ("PgRange<DateTime<Utc>>", "tstzrange", false),
        ] {
            let ty = syn::parse_str(rust).unwrap();
            assert_eq!(
                (Types::default().of(&ty), is_option(&ty)),
                (Ok(sql.to_owned()), nullable),
                "{rust}"
            );
        }
    }

    #[test]
    fn types_without_a_known_sql_type_are_refused() {
        for rust in [
            "u32",
            "Vec<Vec<i32>>",
            "Money",
            "(i32, i32)",
            "&str",
            "usize",
            "u8",
            "Option<u8>",
            "PgRange<String>",
        ] {
            assert!(
                Types::default().of(&syn::parse_str(rust).unwrap()).is_err(),
                "{rust}"
            );
        }
    }

    #[test]
    fn types_of_the_package_are_known_unless_two_differ() {
        let mut types = Types::default();
        types.add("Mood", "public.mood");
        types.add("Date", "text");
        types.add_alias("Moods", &syn::parse_str("Vec<Mood>").unwrap());
        let of = |rust: &str| types.of(&syn::parse_str(rust).unwrap());
        assert_eq!(of("Option<crate::Mood>"), Ok("public.mood".to_owned()));
        assert_eq!(of("Vec<Mood>"), Ok("public.mood[]".to_owned()));
        assert_eq!(of("Moods"), Ok("public.mood[]".to_owned()));
        assert_eq!(of("Date"), Ok("text".to_owned()));
        types.add("Mood", "app.mood");
        assert!(matches!(
            types.of(&syn::parse_str("Mood").unwrap()),
            Err(Unknown::Never(_))
        ));
    }
}
