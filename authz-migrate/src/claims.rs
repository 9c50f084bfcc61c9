//! The SQL of functions that give claims: `auth.org_id()`.
//!
//! None of them raises for any JSON. What would raise stands behind a CASE of its own, since AND promises no order, and
//! what reads the items of an array gets one whatever the claim is, since a parallel query may evaluate it early.

use crate::auth;
use authz_schema::claims::{Kind, kind};
use authz_schema::schema::ClaimFunction;
use authz_sql::literal;

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
