//! Names of SQL types that mean the same, and which types PostgreSQL compares.

use std::collections::BTreeSet;

use crate::schema::TypeName;

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
