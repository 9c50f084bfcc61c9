//! SQL as values: names, literals, and expressions that are parsed once and keep their text. Knows nothing of models.
//!
//! Every name and value that becomes SQL passes through here. What PostgreSQL's grammar decides is asked of the parser,
//! in this crate alone. Without the feature `parse` only names and literals are here, which is all that the runtime needs.

#[cfg(feature = "parse")]
pub mod expression;
#[cfg(feature = "parse")]
pub mod function;
#[cfg(feature = "parse")]
mod lexical;
#[cfg(feature = "parse")]
mod resolve;
#[cfg(feature = "parse")]
pub mod script;
#[cfg(feature = "parse")]
mod tree;
#[cfg(feature = "parse")]
pub mod words;

mod qualified;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::qualified::{QualifiedName, Signature};

/// The namespace of the functions that give the claims of the transaction.
pub const AUTH: &str = "auth";
/// The namespace of the functions that look memberships up, and of those that give claims where [`AUTH`] belongs to the
/// platform.
pub const MEMBERS: &str = "authz";

/// The longest identifier that PostgreSQL keeps whole, in bytes (`NAMEDATALEN - 1`).
///
/// PostgreSQL cuts a longer name with a NOTICE, and two cut names may collide, so we refuse it.
pub const MAX_IDENT_BYTES: usize = 63;

/// A name as PostgreSQL stores it: 1 to 63 bytes, no NUL. `Display` writes it as SQL, quoted where needed.
///
/// Quoting follows `quote_ident`: a name stands bare only if it is lower case letters, digits and
/// underscores and no keyword that is reserved in any supported version.
///
/// # Example
///
/// ```
/// use authz_sql::Ident;
///
/// assert_eq!(Ident::new("todos").unwrap().to_string(), "todos");
/// assert_eq!(Ident::new("User").unwrap().to_string(), r#""User""#);
/// assert_eq!(Ident::new("a\"b").unwrap().to_string(), r#""a""b""#);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ident(String);

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text has more than 63 bytes.
    #[error("the name `{name}` has {bytes} bytes; PostgreSQL keeps 63")]
    TooLong {
        /// The refused name.
        name: String,
        /// Its length in bytes.
        bytes: usize,
    },
    /// The text holds a NUL character, which PostgreSQL cannot store.
    #[error("a name must not hold a NUL character")]
    Nul,
}

impl Ident {
    /// Checks a name.
    ///
    /// # Errors
    ///
    /// [`IdentError`] when the name is empty, over 63 bytes, or holds a NUL.
    pub fn new(name: impl Into<String>) -> Result<Self, IdentError> {
        let name = name.into();
        if name.is_empty() {
            Err(IdentError::Empty)
        } else if name.contains('\0') {
            Err(IdentError::Nul)
        } else if name.len() > MAX_IDENT_BYTES {
            Err(IdentError::TooLong {
                bytes: name.len(),
                name,
            })
        } else {
            Ok(Self(name))
        }
    }

    /// The name as stored, without quotes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.bytes();
        let bare = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            && KEYWORDS.binary_search(&self.as_str()).is_err();
        if bare {
            f.write_str(&self.0)
        } else {
            write!(f, "\"{}\"", self.0.replace('"', "\"\""))
        }
    }
}

impl TryFrom<String> for Ident {
    type Error = IdentError;

    fn try_from(name: String) -> Result<Self, IdentError> {
        Self::new(name)
    }
}

impl From<Ident> for String {
    fn from(name: Ident) -> Self {
        name.0
    }
}

/// Writes a value as a string literal that means the same under every server setting.
///
/// The form is `E'…'` with `\\` and `'` doubled, which does not depend on
/// `standard_conforming_strings` ([string constants with C-style escapes]).
///
/// # Security
///
/// This is the one place where a value becomes SQL text. No input can end the literal. A NUL character, which
/// cannot be sent in SQL at all, is the caller's to refuse: the server closes such a query as malformed.
///
/// [string constants with C-style escapes]: https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-STRINGS-ESCAPE
///
/// # Example
///
/// ```
/// assert_eq!(authz_sql::literal(r"O'Neill \"), r"E'O''Neill \\'");
/// ```
#[must_use]
pub fn literal(value: &str) -> String {
    format!("E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// The keywords that cannot stand bare as a column or table name in some version from 14 to 18: all that
/// `pg_get_keywords()` does not call unreserved, sorted.
const KEYWORDS: &[&str] = &[
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "bigint",
    "binary",
    "bit",
    "boolean",
    "both",
    "case",
    "cast",
    "char",
    "character",
    "check",
    "coalesce",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "dec",
    "decimal",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "extract",
    "false",
    "fetch",
    "float",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "greatest",
    "group",
    "grouping",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "inout",
    "int",
    "integer",
    "intersect",
    "interval",
    "into",
    "is",
    "isnull",
    "join",
    "json",
    "json_array",
    "json_arrayagg",
    "json_exists",
    "json_object",
    "json_objectagg",
    "json_query",
    "json_scalar",
    "json_serialize",
    "json_table",
    "json_value",
    "lateral",
    "leading",
    "least",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "merge_action",
    "national",
    "natural",
    "nchar",
    "none",
    "normalize",
    "not",
    "notnull",
    "null",
    "nullif",
    "numeric",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "out",
    "outer",
    "overlaps",
    "overlay",
    "placing",
    "position",
    "precision",
    "primary",
    "real",
    "references",
    "returning",
    "right",
    "row",
    "select",
    "session_user",
    "setof",
    "similar",
    "smallint",
    "some",
    "substring",
    "symmetric",
    "system_user",
    "table",
    "tablesample",
    "then",
    "time",
    "timestamp",
    "to",
    "trailing",
    "treat",
    "trim",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "values",
    "varchar",
    "variadic",
    "verbose",
    "when",
    "where",
    "window",
    "with",
    "xmlattributes",
    "xmlconcat",
    "xmlelement",
    "xmlexists",
    "xmlforest",
    "xmlnamespaces",
    "xmlparse",
    "xmlpi",
    "xmlroot",
    "xmlserialize",
    "xmltable",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_63_bytes_passes_and_64_is_refused() {
        assert!(Ident::new("a".repeat(63)).is_ok());
        assert_eq!(
            Ident::new("é".repeat(32)),
            Err(IdentError::TooLong {
                name: "é".repeat(32),
                bytes: 64
            })
        );
    }

    #[test]
    fn empty_and_nul_names_are_refused() {
        assert_eq!(Ident::new(""), Err(IdentError::Empty));
        assert_eq!(Ident::new("a\0"), Err(IdentError::Nul));
    }

    #[test]
    fn names_are_quoted_where_postgresql_would_fold_or_misread_them() {
        for (name, sql) in [
            ("todos", "todos"),
            ("_1", "_1"),
            ("1a", "\"1a\""),
            ("user", "\"user\""),
            ("a b", "\"a b\""),
            ("naïve", "\"naïve\""),
            ("a$", "\"a$\""),
            ("\"; DROP TABLE x; --", "\"\"\"; DROP TABLE x; --\""),
        ] {
            assert_eq!(Ident::new(name).unwrap().to_string(), sql);
        }
    }

    #[test]
    fn the_keywords_are_sorted_for_the_search() {
        assert!(KEYWORDS.is_sorted());
    }

    #[test]
    fn no_text_ends_its_literal() {
        for text in ["'", "\\", "\\'", "'; RESET ROLE; --", "$$", "\\\\''"] {
            let sql = literal(text);
            let inner = sql
                .strip_prefix("E'")
                .and_then(|rest| rest.strip_suffix('\''))
                .unwrap();
            let mut chars = inner.chars();
            let mut back = String::new();
            while let Some(c) = chars.next() {
                if c == '\'' || c == '\\' {
                    assert_eq!(chars.next(), Some(c), "a lone {c} in {sql}");
                }
                back.push(c);
            }
            assert_eq!(back, text);
        }
    }
}
