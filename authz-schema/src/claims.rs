//! The types that claims have in SQL.

use crate::auth;

/// What JSON becomes in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A JSON string.
    Text,
    /// A JSON string in one of the forms of `auth.uid()`.
    Uuid,
    /// A JSON boolean.
    Boolean,
    /// A JSON number without a fraction, from and to these.
    Integer(&'static str, &'static str),
    /// A JSON number whose magnitude is zero, or from and to these.
    Float(&'static str, &'static str),
    /// Any JSON number.
    Numeric,
    /// A JSON number of seconds (`NumericDate`, RFC 7519, 2) in the years 1 to 9999, without a fraction.
    Time,
    /// Any JSON but null.
    Json,
    /// A JSON string that is a value of the type.
    Enum,
}

const KINDS: [(&str, Kind); 10] = [
    ("text", Kind::Text),
    ("uuid", Kind::Uuid),
    ("boolean", Kind::Boolean),
    ("smallint", Kind::Integer("-32768", "32767")),
    ("integer", Kind::Integer("-2147483648", "2147483647")),
    (
        "bigint",
        Kind::Integer("-9223372036854775808", "9223372036854775807"),
    ),
    ("real", Kind::Float("1.4e-45", "3.4028235e38")),
    (
        "double precision",
        Kind::Float("5e-324", "1.7976931348623157e308"),
    ),
    ("numeric", Kind::Numeric),
    ("timestamptz", Kind::Time),
];

const JSON: &str = "jsonb";

/// The types that a claim may have beside enum types and arrays, for messages.
pub const TYPES: &str = "text, uuid, boolean, smallint, integer, bigint, real, double precision, numeric, timestamptz or \
                         jsonb, an array of one of these but the last two, or an enum type of the application";

/// Whether a claim may have this type. Enum types have names with their namespace.
#[must_use]
pub fn is_claim_type(sql: &str, is_enum: impl Fn(&str) -> bool) -> bool {
    let known = |name: &str| KINDS.iter().any(|(known, _)| *known == name) || is_enum(name);
    match sql.strip_suffix("[]") {
        Some(item) => item != "timestamptz" && known(item),
        None => sql == JSON || known(sql),
    }
}

/// Whether the function is one of `auth` by itself.
#[must_use]
pub fn is_auth_function(name: &str) -> bool {
    let mut functions = auth::FUNCTIONS.iter();
    functions.any(|signature| {
        signature
            .strip_prefix("auth.")
            .and_then(|rest| rest.strip_suffix("()"))
            == Some(name)
    })
}

/// What JSON becomes for a type that a claim may have.
#[must_use]
pub fn kind(sql: &str) -> Kind {
    match KINDS.iter().find(|(name, _)| *name == sql) {
        Some((_, kind)) => *kind,
        None if sql == JSON => Kind::Json,
        None => Kind::Enum,
    }
}
