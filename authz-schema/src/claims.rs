//! The SQL of functions that give claims: `auth.org_id()`.
//!
//! None of them raises for any JSON. What would raise stands behind a CASE of its own, since AND promises no order, and
//! what reads the items of an array gets one whatever the claim is, since a parallel query may evaluate it early.

use crate::auth;
use crate::schema::ClaimFunction;
use crate::sql::literal;

/// What JSON becomes in SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
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

/// CREATE FUNCTION. Claims come from `auth.jwt()`, which every platform has.
pub(crate) fn create(claim: &ClaimFunction) -> String {
    format!("CREATE FUNCTION {}", definition(claim))
}

/// CREATE OR REPLACE FUNCTION, for another claim of the same type.
pub(crate) fn replace(claim: &ClaimFunction) -> String {
    format!("CREATE OR REPLACE FUNCTION {}", definition(claim))
}

fn definition(claim: &ClaimFunction) -> String {
    let name = literal(&claim.claim);
    let value = format!("auth.jwt() -> {name}");
    let body = match claim.claim_type.strip_suffix("[]") {
        Some(item) => array(item, &value),
        None => one(&claim.claim_type, &value, &format!("(auth.jwt() ->> {name})")),
    };
    format!(
        "{} RETURNS {} STABLE PARALLEL SAFE\nRETURN {body}",
        claim.signature(),
        claim.claim_type
    )
}

fn kind(sql: &str) -> Kind {
    match KINDS.iter().find(|(name, _)| *name == sql) {
        Some((_, kind)) => *kind,
        None if sql == JSON => Kind::Json,
        None => Kind::Enum,
    }
}

/// One JSON value as this type: an expression that is a jsonb, and one that is its text where it is a string.
fn one(sql: &str, value: &str, text: &str) -> String {
    let when = |is: &str, then: &str| {
        let then = then.replace('\n', "\n    ");
        format!("CASE WHEN jsonb_typeof({value}) = '{is}' THEN\n    {then}\nEND")
    };
    match kind(sql) {
        Kind::Text => when("string", text),
        Kind::Uuid => when("string", &auth::uuid_of(text)),
        Kind::Boolean => when("boolean", &format!("({value})::boolean")),
        Kind::Integer(from, to) => when(
            "number",
            &format!(
                "CASE WHEN scale(({value})::numeric) = 0\n    AND ({value})::numeric BETWEEN {from} AND {to} THEN\n    \
                 ({value})::{sql}\nEND"
            ),
        ),
        // A double first, as a program reads it: a decimal may round otherwise.
        Kind::Float(from, to) => when(
            "number",
            &format!(
                "CASE WHEN abs(({value})::numeric) BETWEEN {from} AND {to} THEN\n    \
                 ({value})::double precision::{sql}\nWHEN ({value})::numeric = 0 THEN 0 END"
            ),
        ),
        Kind::Numeric => when("number", &format!("({value})::numeric")),
        Kind::Time => when(
            "number",
            &format!(
                "CASE WHEN scale(({value})::numeric) = 0\n    \
                 AND ({value})::numeric BETWEEN -62135596800 AND 253402300799 THEN\n    \
                 to_timestamp(({value})::double precision)\nEND"
            ),
        ),
        Kind::Json => format!("nullif({value}, 'null'::jsonb)"),
        Kind::Enum => when(
            "string",
            &format!("CASE WHEN {text} = ANY (enum_range(NULL::{sql})::text[]) THEN {text}::{sql} END"),
        ),
    }
}

/// A JSON array of which every item is of the type.
fn array(item: &str, value: &str) -> String {
    let one = one(item, "element", "(element #>> '{}')").replace('\n', "\n            ");
    format!(
        "CASE WHEN jsonb_typeof({value}) = 'array' THEN (\n    \
             SELECT CASE WHEN count(*) = count(item) THEN coalesce(array_agg(item ORDER BY place), '{{}}') END\n    \
             FROM (\n        \
                 SELECT place,\n            {one} AS item\n        \
                 FROM jsonb_array_elements(CASE WHEN jsonb_typeof({value}) = 'array' THEN {value} ELSE '[]' END)\n            \
                     WITH ORDINALITY AS elements (element, place)\n    \
             ) AS items\n\
         ) END"
    )
}
