//! SQL types: which Rust types have them, which of their names mean the same, and which of them PostgreSQL compares.

use std::collections::BTreeSet;

use crate::schema::TypeName;

/// A Rust type of an SQL type, as sqlx maps them.
#[derive(Debug, Clone, Copy)]
pub struct RustType {
    /// The SQL type.
    pub sql: &'static str,
    /// The last segments of the paths of the Rust types that have it. None where generics decide.
    pub names: &'static [&'static str],
    /// The Rust type that `cargo authz pull` writes; empty where it writes none.
    pub written: &'static str,
    /// What that needs: modules and names.
    pub imports: &'static [(&'static str, &'static str)],
    /// The feature of sqlx that it needs.
    pub feature: Option<&'static str>,
}

const CHRONO: &str = "sqlx::types::chrono";
const TYPES: &str = "sqlx::types";
const PG: &str = "sqlx::postgres::types";

/// The SQL types that models have without saying so. `authz::Type` is implemented for the same Rust types.
pub const RUST_TYPES: &[RustType] = &[
    RustType {
        sql: "boolean",
        names: &["bool"],
        written: "bool",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "\"char\"",
        names: &["i8"],
        written: "i8",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "smallint",
        names: &["i16", "NonZeroI16"],
        written: "i16",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "integer",
        names: &["i32", "NonZeroI32"],
        written: "i32",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "bigint",
        names: &["i64", "NonZeroI64"],
        written: "i64",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "real",
        names: &["f32"],
        written: "f32",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "double precision",
        names: &["f64"],
        written: "f64",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "text",
        names: &["String", "str", "Text"],
        written: "String",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "citext",
        names: &["PgCiText"],
        written: "",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "uuid",
        names: &["Uuid", "Hyphenated", "Simple"],
        written: "Uuid",
        imports: &[(TYPES, "Uuid")],
        feature: Some("uuid"),
    },
    RustType {
        sql: "timestamptz",
        names: &["DateTime", "OffsetDateTime"],
        written: "DateTime<Utc>",
        imports: &[(CHRONO, "DateTime"), (CHRONO, "Utc")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "timestamp",
        names: &["NaiveDateTime", "PrimitiveDateTime"],
        written: "NaiveDateTime",
        imports: &[(CHRONO, "NaiveDateTime")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "date",
        names: &["NaiveDate", "Date"],
        written: "NaiveDate",
        imports: &[(CHRONO, "NaiveDate")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "time",
        names: &["NaiveTime", "Time"],
        written: "NaiveTime",
        imports: &[(CHRONO, "NaiveTime")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "timetz",
        names: &["PgTimeTz"],
        written: "",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "interval",
        names: &["PgInterval"],
        written: "PgInterval",
        imports: &[(PG, "PgInterval")],
        feature: None,
    },
    RustType {
        sql: "numeric",
        names: &["Decimal", "BigDecimal"],
        written: "Decimal",
        imports: &[(TYPES, "Decimal")],
        feature: Some("rust_decimal"),
    },
    RustType {
        sql: "money",
        names: &["PgMoney"],
        written: "PgMoney",
        imports: &[(PG, "PgMoney")],
        feature: None,
    },
    RustType {
        sql: "jsonb",
        names: &["Json", "Value", "JsonValue", "RawValue", "JsonRawValue"],
        written: "serde_json::Value",
        imports: &[],
        feature: Some("json"),
    },
    RustType {
        sql: "inet",
        names: &["IpNetwork", "IpNet", "IpAddr"],
        written: "IpNetwork",
        imports: &[("sqlx::types::ipnetwork", "IpNetwork")],
        feature: Some("ipnetwork"),
    },
    RustType {
        sql: "macaddr",
        names: &["MacAddress"],
        written: "MacAddress",
        imports: &[("sqlx::types::mac_address", "MacAddress")],
        feature: Some("mac_address"),
    },
    RustType {
        sql: "varbit",
        names: &["BitVec"],
        written: "BitVec",
        imports: &[(TYPES, "BitVec")],
        feature: Some("bit-vec"),
    },
    RustType {
        sql: "oid",
        names: &["Oid"],
        written: "Oid",
        imports: &[(PG, "Oid")],
        feature: None,
    },
    RustType {
        sql: "hstore",
        names: &["PgHstore"],
        written: "PgHstore",
        imports: &[(PG, "PgHstore")],
        feature: None,
    },
    RustType {
        sql: "ltree",
        names: &["PgLTree"],
        written: "PgLTree",
        imports: &[(PG, "PgLTree")],
        feature: None,
    },
    RustType {
        sql: "lquery",
        names: &["PgLQuery"],
        written: "PgLQuery",
        imports: &[(PG, "PgLQuery")],
        feature: None,
    },
    RustType {
        sql: "cube",
        names: &["PgCube"],
        written: "PgCube",
        imports: &[(PG, "PgCube")],
        feature: None,
    },
    RustType {
        sql: "point",
        names: &["PgPoint"],
        written: "PgPoint",
        imports: &[(PG, "PgPoint")],
        feature: None,
    },
    RustType {
        sql: "line",
        names: &["PgLine"],
        written: "PgLine",
        imports: &[(PG, "PgLine")],
        feature: None,
    },
    RustType {
        sql: "lseg",
        names: &["PgLSeg"],
        written: "PgLSeg",
        imports: &[(PG, "PgLSeg")],
        feature: None,
    },
    RustType {
        sql: "box",
        names: &["PgBox"],
        written: "PgBox",
        imports: &[(PG, "PgBox")],
        feature: None,
    },
    RustType {
        sql: "path",
        names: &["PgPath"],
        written: "PgPath",
        imports: &[(PG, "PgPath")],
        feature: None,
    },
    RustType {
        sql: "polygon",
        names: &["PgPolygon"],
        written: "PgPolygon",
        imports: &[(PG, "PgPolygon")],
        feature: None,
    },
    RustType {
        sql: "circle",
        names: &["PgCircle"],
        written: "PgCircle",
        imports: &[(PG, "PgCircle")],
        feature: None,
    },
    RustType {
        sql: "bytea",
        names: &[],
        written: "Vec<u8>",
        imports: &[],
        feature: None,
    },
    RustType {
        sql: "int4range",
        names: &[],
        written: "PgRange<i32>",
        imports: &[(PG, "PgRange")],
        feature: None,
    },
    RustType {
        sql: "int8range",
        names: &[],
        written: "PgRange<i64>",
        imports: &[(PG, "PgRange")],
        feature: None,
    },
    RustType {
        sql: "numrange",
        names: &[],
        written: "PgRange<Decimal>",
        imports: &[(TYPES, "Decimal"), (PG, "PgRange")],
        feature: Some("rust_decimal"),
    },
    RustType {
        sql: "tsrange",
        names: &[],
        written: "PgRange<NaiveDateTime>",
        imports: &[(CHRONO, "NaiveDateTime"), (PG, "PgRange")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "tstzrange",
        names: &[],
        written: "PgRange<DateTime<Utc>>",
        imports: &[(CHRONO, "DateTime"), (CHRONO, "Utc"), (PG, "PgRange")],
        feature: Some("chrono"),
    },
    RustType {
        sql: "daterange",
        names: &[],
        written: "PgRange<NaiveDate>",
        imports: &[(CHRONO, "NaiveDate"), (PG, "PgRange")],
        feature: Some("chrono"),
    },
];

/// Other names of a type, and the name that PostgreSQL shows.
const NAMES: &[(&[&str], &str)] = &[
    (&["bool"], "boolean"),
    (&["int2"], "smallint"),
    (&["int", "int4"], "integer"),
    (&["int8"], "bigint"),
    (&["float4"], "real"),
    (&["float", "float8"], "double precision"),
    (&["decimal", "dec"], "numeric"),
    (&["varchar"], "character varying"),
    (&["char", "bpchar"], "character"),
    (&["timestamptz"], "timestamp with time zone"),
    (&["timestamp"], "timestamp without time zone"),
    (&["timetz"], "time with time zone"),
    (&["time"], "time without time zone"),
    (&["varbit"], "bit varying"),
];

/// Types of which each compares with each, by casts that PostgreSQL makes itself
/// (<https://www.postgresql.org/docs/current/catalog-pg-cast.html>, `castcontext` `i`).
const FAMILIES: &[&[&str]] = &[
    &[
        "smallint",
        "integer",
        "bigint",
        "real",
        "double precision",
        "numeric",
        "oid",
    ],
    &[
        "text",
        "character varying",
        "character",
        "name",
        "citext",
        "\"char\"",
    ],
    &["uuid"],
    &["boolean"],
    &["bytea"],
    &["date", "timestamp with time zone", "timestamp without time zone"],
    &["time with time zone", "time without time zone", "interval"],
    &["jsonb"],
    &["inet", "cidr"],
];

/// A type as PostgreSQL shows it, without length and precision, which comparisons ignore.
#[must_use]
pub fn canonical(sql: &str) -> String {
    let sql = sql.trim();
    if let Some(item) = sql.strip_suffix("[]") {
        // An array of arrays has the type of an array.
        return format!("{}[]", canonical(item.trim_end_matches("[]")));
    }
    let folded = if sql.contains('"') {
        sql.to_owned()
    } else {
        sql.to_ascii_lowercase()
    };
    let name = folded.strip_prefix("pg_catalog.").unwrap_or(&folded);
    let plain = match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close => format!(
            "{}{}",
            name.get(..open).unwrap_or_default().trim_end(),
            name.get(close + 1..).unwrap_or_default()
        ),
        _ => name.to_owned(),
    };
    let known = NAMES.iter().find(|(names, _)| names.contains(&plain.as_str()));
    known.map_or(plain, |(_, name)| (*name).to_owned())
}

/// Whether PostgreSQL compares values of these types. `None` where one of them is not known: then it may.
#[must_use]
pub fn compare(one: &str, other: &str, enums: &BTreeSet<TypeName>) -> Option<bool> {
    let (one, other) = (canonical(one), canonical(other));
    match (one.strip_suffix("[]"), other.strip_suffix("[]")) {
        (Some(one), Some(other)) => compare(one, other, enums),
        (Some(item), None) | (None, Some(item)) => {
            let scalar = if one.ends_with("[]") { &other } else { &one };
            family(item, enums).and(family(scalar, enums)).map(|_| false)
        }
        (None, None) => Some(family(&one, enums)? == family(&other, enums)?),
    }
}

/// What tells whether types compare. Each enum type compares with itself alone.
fn family(canonical: &str, enums: &BTreeSet<TypeName>) -> Option<Family> {
    let known = FAMILIES.iter().position(|names| names.contains(&canonical));
    known.map(Family::Known).or_else(|| {
        let name = enums
            .iter()
            .find(|name| name.to_string() == canonical || name.name.as_str() == canonical)?;
        Some(Family::Enum(name.clone()))
    })
}

#[derive(PartialEq, Eq)]
enum Family {
    Known(usize),
    Enum(TypeName),
}

#[cfg(test)]
mod tests {
    use authz_sql::Ident;

    use super::*;

    #[test]
    fn types_have_one_name() {
        for (written, name) in [
            ("INT", "integer"),
            ("varchar(20)", "character varying"),
            ("numeric(10, 2)[]", "numeric[]"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("pg_catalog.int8", "bigint"),
            ("int[][]", "integer[]"),
            ("\"char\"", "\"char\""),
            ("app.mood", "app.mood"),
        ] {
            assert_eq!(canonical(written), name, "{written}");
        }
    }

    #[test]
    fn types_compare_as_in_postgresql() {
        let ident = |name: &str| Ident::new(name).unwrap();
        let enums = BTreeSet::from([TypeName {
            namespace: ident("public"),
            name: ident("mood"),
        }]);
        for (one, other, compares) in [
            ("uuid", "uuid", Some(true)),
            ("bigint", "numeric(10,2)", Some(true)),
            ("text", "varchar(20)", Some(true)),
            ("citext", "text", Some(true)),
            ("date", "timestamptz", Some(true)),
            ("uuid", "text", Some(false)),
            ("bigint", "text", Some(false)),
            ("boolean", "integer", Some(false)),
            ("public.mood", "text", Some(false)),
            ("public.mood", "public.mood", Some(true)),
            ("uuid[]", "uuid", Some(false)),
            ("integer[]", "bigint[]", Some(true)),
            ("uuid", "email", None),
            ("email[]", "text", None),
        ] {
            assert_eq!(compare(one, other, &enums), compares, "{one} = {other}");
            assert_eq!(compare(other, one, &enums), compares, "{other} = {one}");
        }
    }
}
