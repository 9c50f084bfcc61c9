//! The Rust type of an SQL type, as sqlx maps it.

use authz_schema::types::RUST_TYPES;

/// A Rust type for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RustType {
    /// Its text, without `Option`.
    pub(super) text: String,
    /// The SQL type as the model says it.
    pub(super) sql: String,
    /// Whether the Rust type alone says the SQL type.
    pub(super) says: bool,
    /// What to import.
    pub(super) imports: Vec<(&'static str, &'static str)>,
    /// The feature of sqlx that it needs.
    pub(super) feature: Option<&'static str>,
    /// Nothing is known of the SQL type: `String` is a guess.
    pub(super) guess: bool,
}

/// SQL types whose values sqlx reads as a type of another: by their name without length or precision.
const READ_AS: &[(&str, &str)] = &[
    ("varchar", "text"),
    ("char", "text"),
    ("bpchar", "text"),
    ("name", "text"),
    ("citext", "text"),
    ("numeric", "numeric"),
    ("timestamptz", "timestamptz"),
    ("timestamp", "timestamp"),
    ("time", "time"),
    ("interval", "interval"),
    ("json", "jsonb"),
    ("cidr", "inet"),
    ("smallserial", "smallint"),
    ("serial", "integer"),
    ("bigserial", "bigint"),
    ("hstore", "hstore"),
    ("ltree", "ltree"),
    ("lquery", "lquery"),
    ("cube", "cube"),
    ("bit", "varbit"),
    ("varbit", "varbit"),
];

/// The Rust type for an SQL type as `format_type` writes it.
pub(super) fn of(formatted: &str) -> RustType {
    let sql = model_name(formatted);
    if let Some(item) = sql.strip_suffix("[]") {
        let item = of_model_name(item);
        return RustType {
            text: format!("Vec<{}>", item.text),
            sql,
            // Vec<Vec<u8>> is bytea[] all the same.
            ..item
        };
    }
    of_model_name(&sql)
}

fn of_model_name(sql: &str) -> RustType {
    let known = |name: &str| {
        let mut written = RUST_TYPES.iter().filter(|known| !known.written.is_empty());
        written.find(|known| known.sql == name)
    };
    let bare = sql.split('(').next().unwrap_or_default().trim_end();
    // Types of extensions live in the namespace that these were made in.
    let bare = match bare.rsplit_once('.') {
        Some((_, name @ ("citext" | "cube" | "hstore" | "lquery" | "ltree"))) => name,
        _ => bare,
    };
    let as_other = || {
        let (_, other) = READ_AS.iter().find(|(name, _)| *name == bare)?;
        known(other)
    };
    let (entry, says, guess) = match known(sql) {
        Some(entry) => (Some(entry), true, false),
        None => (as_other(), false, as_other().is_none()),
    };
    let (text, imports, feature) = entry.map_or(("String", &[][..], None), |known| {
        (known.written, known.imports, known.feature)
    });
    RustType {
        text: text.to_owned(),
        sql: sql.to_owned(),
        says,
        imports: imports.to_vec(),
        feature,
        guess,
    }
}

/// A type's name as models write it: `timestamp(3) with time zone` → `timestamptz(3)`.
pub(super) fn model_name(formatted: &str) -> String {
    let (item, array) = match formatted.strip_suffix("[]") {
        Some(item) => (item, "[]"),
        None => (formatted, ""),
    };
    // Where the length or precision stands, another name may go on behind it.
    let (before, precision, after) = match (item.find('('), item.find(')')) {
        (Some(open), Some(close)) => (
            item.get(..open).unwrap_or_default(),
            item.get(open..=close).unwrap_or_default(),
            item.get(close + 1..).unwrap_or_default(),
        ),
        _ => (item, "", ""),
    };
    let long = format!("{before}{after}");
    let short = match long.as_str() {
        "character varying" => "varchar",
        "character" if !precision.is_empty() => "char",
        "bit varying" => "varbit",
        "timestamp with time zone" => "timestamptz",
        "timestamp without time zone" => "timestamp",
        "time with time zone" => "timetz",
        "time without time zone" => "time",
        _ => return formatted.to_owned(),
    };
    format!("{short}{precision}{array}")
}

#[cfg(test)]
mod tests {
    use authz_schema::model::{Types, parse_model};

    use super::*;

    #[test]
    fn types_come_back_as_the_model_reads_them() {
        for known in RUST_TYPES.iter().filter(|known| !known.written.is_empty()) {
            let (sql, rust) = (known.sql, known.written);
            let source = format!("#[rls(disabled = \"probe\")] struct Probe {{ a: {rust}, b: Vec<{rust}> }}");
            let model = parse_model(&syn::parse_str(&source).unwrap(), &Types::default()).unwrap();
            let types: Vec<&str> = model
                .table
                .columns
                .iter()
                .map(|column| column.column_type.as_str())
                .collect();
            assert_eq!(types, [sql, &format!("{sql}[]")]);
        }
    }

    #[test]
    fn long_names_become_the_short_ones() {
        for (formatted, name) in [
            ("timestamp(3) with time zone", "timestamptz(3)"),
            ("character varying(20)[]", "varchar(20)[]"),
            ("character(3)", "char(3)"),
            ("numeric(10,2)", "numeric(10,2)"),
            ("public.mood", "public.mood"),
        ] {
            assert_eq!(model_name(formatted), name);
        }
    }

    #[test]
    fn a_type_that_nothing_is_known_of_is_a_guess() {
        assert!(of("tsvector").guess && of("public.email[]").guess);
        assert!(!of("bigserial").guess && !of("extensions.hstore").guess);
        let varchar = of("character varying(20)");
        assert_eq!(
            (varchar.text.as_str(), varchar.says, varchar.guess),
            ("String", false, false)
        );
    }
}
