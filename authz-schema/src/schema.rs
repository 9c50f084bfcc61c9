//! The declared set of objects, as plain values: what models declare, what `authz.lock` stores, what a diff compares.
//!
//! Every list of objects that PostgreSQL keeps as a set is sorted by name, so that equal schemas are equal values;
//! columns keep the order of the struct.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sql::{Ident, MAX_IDENT_BYTES};

/// The session role of a request with a verified token.
pub const AUTHENTICATED: &str = "authenticated";
/// The session role of a request without a token.
pub const ANONYMOUS: &str = "anonymous";
/// The login role: what the application connects as. It owns nothing and may only switch to a session role.
pub const LOGIN_ROLE: &str = "authenticator";

/// All that the models of a crate declare.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The version of the functions in the `auth` namespace, or `None` before the first migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<u32>,
    /// The login role, a member of every session role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_role: Option<Ident>,
    /// The roles that transactions switch to: `authenticated`, `anonymous`, and those that policies name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub session_roles: BTreeSet<Ident>,
    /// The tables by name.
    #[serde(
        default,
        rename = "table",
        with = "table_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub tables: BTreeMap<TableName, Table>,
}

/// A table's namespace and name. `Display` writes it as SQL, always qualified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TableName {
    /// What SQL calls the schema; `public` by default.
    pub namespace: Ident,
    /// The table's own name.
    pub name: Ident,
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.name)
    }
}

/// One table with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Namespace and name.
    #[serde(flatten)]
    pub name: TableName,
    /// COMMENT ON TABLE, from the struct's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether row security is enabled and forced; `false` only by `disabled = "reason"`.
    pub row_security: bool,
    /// The columns in the order of the fields.
    #[serde(default, rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Primary key, unique, check and foreign-key constraints by name.
    #[serde(default, rename = "constraint", skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Indexes that are not a constraint's, by name.
    #[serde(default, rename = "index", skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Policies by name.
    #[serde(default, rename = "policy", skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Privileges by role and command.
    #[serde(default, rename = "grant", skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type as SQL text, such as `timestamptz` or `text[]`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// NOT NULL: every field that is not an `Option`.
    pub not_null: bool,
    /// GENERATED ALWAYS AS IDENTITY.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub identity: bool,
    /// The DEFAULT expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// COMMENT ON COLUMN, from the field's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A table constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name, as PostgreSQL would choose it.
    pub name: Ident,
    /// What it demands.
    #[serde(flatten)]
    pub kind: ConstraintKind,
}

/// What a constraint demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// PRIMARY KEY over these columns.
    PrimaryKey(Vec<Ident>),
    /// UNIQUE over these columns.
    Unique(Vec<Ident>),
    /// CHECK of this expression.
    Check(String),
    /// A FOREIGN KEY.
    ForeignKey(ForeignKey),
}

/// A reference of one column to a column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// The referring column.
    pub column: Ident,
    /// The table referred to.
    pub table: TableName,
    /// The column referred to.
    pub references: Ident,
    /// ON DELETE; NO ACTION by default.
    #[serde(default, skip_serializing_if = "ForeignKeyAction::is_default")]
    pub on_delete: ForeignKeyAction,
    /// ON UPDATE; NO ACTION by default.
    #[serde(default, skip_serializing_if = "ForeignKeyAction::is_default")]
    pub on_update: ForeignKeyAction,
}

/// What happens to referring rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are PostgreSQL's own words")]
pub enum ForeignKeyAction {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl ForeignKeyAction {
    /// All actions with the words that attributes and SQL use.
    pub const ALL: [(&str, Self); 5] = [
        ("no action", Self::NoAction),
        ("restrict", Self::Restrict),
        ("cascade", Self::Cascade),
        ("set null", Self::SetNull),
        ("set default", Self::SetDefault),
    ];

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An index that is no constraint's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Its name, as PostgreSQL would choose it.
    pub name: Ident,
    /// The indexed columns or expressions as SQL text, such as `user_id`, `created_at DESC` or `((id)::text)`.
    pub keys: Vec<String>,
    /// The columns that the keys read.
    pub columns: Vec<Ident>,
}

/// A command that a policy covers and a role may be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are PostgreSQL's own words")]
pub enum Command {
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    /// The word in names and attributes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The word in SQL.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A row-security policy for one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name, unique in the table.
    pub name: Ident,
    /// The command that it covers.
    pub command: Command,
    /// AS RESTRICTIVE: it narrows what permissive policies allow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restrictive: bool,
    /// TO these roles.
    pub roles: BTreeSet<Ident>,
    /// USING: which existing rows the command sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<String>,
    /// WITH CHECK: which new rows it may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_check: Option<String>,
}

/// A privilege on a table, or on some of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who gets it.
    pub role: Ident,
    /// What they get.
    pub privilege: Command,
    /// The columns in the order of the table, or `None` for the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Ident>>,
}

impl Schema {
    /// A schema of these tables with everything that follows from them: the `auth` functions and the roles.
    ///
    /// No tables give the empty schema.
    #[must_use]
    pub fn of(tables: impl IntoIterator<Item = Table>) -> Self {
        let tables: BTreeMap<_, _> = tables
            .into_iter()
            .map(|table| (table.name.clone(), table))
            .collect();
        if tables.is_empty() {
            return Self::default();
        }
        let named = tables
            .values()
            .flat_map(|table| &table.policies)
            .flat_map(|policy| policy.roles.iter().cloned());
        let known = [AUTHENTICATED, ANONYMOUS]
            .into_iter()
            .filter_map(|role| Ident::new(role).ok());
        Self {
            auth: Some(crate::auth::VERSION),
            login_role: Ident::new(LOGIN_ROLE).ok(),
            session_roles: known.chain(named).collect(),
            tables,
        }
    }

    /// The namespaces that the tables are in.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&Ident> {
        self.tables.keys().map(|name| &name.namespace).collect()
    }

    /// Which role needs USAGE on which namespace for the grants on its tables.
    #[must_use]
    pub fn usages(&self) -> BTreeSet<(&Ident, &Ident)> {
        let grants = self
            .tables
            .values()
            .flat_map(|table| table.grants.iter().map(move |grant| (table, grant)));
        grants
            .map(|(table, grant)| (&table.name.namespace, &grant.role))
            .collect()
    }
}

impl Table {
    /// The names that the table takes in its namespace: its own, and those of its indexes and of the constraints that
    /// have one.
    pub fn relation_names(&self) -> impl Iterator<Item = &Ident> {
        let own = std::iter::once(&self.name.name);
        let indexes = self.indexes.iter().map(|index| &index.name);
        let constraints = self
            .constraints
            .iter()
            .filter_map(|constraint| match constraint.kind {
                ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => Some(&constraint.name),
                ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => None,
            });
        own.chain(indexes).chain(constraints)
    }
}

/// Joins the parts of a generated name with `_`, and cuts what is over 63 bytes with a hash of the whole, so that
/// two long names never become one.
#[must_use]
pub fn generated_name(parts: &[&str]) -> String {
    let name = parts.join("_");
    if name.len() <= MAX_IDENT_BYTES {
        return name;
    }
    // FNV-1a: short, and the same on every machine and in every version.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    let mut cut = MAX_IDENT_BYTES - 9;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}_{hash:08x}", name.get(..cut).unwrap_or_default())
}

/// The tables as a list in the lock: a map's keys would repeat the names.
mod table_list {
    use std::collections::BTreeMap;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Table, TableName};

    pub(super) fn serialize<S: Serializer>(
        tables: &BTreeMap<TableName, Table>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(tables.values())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<BTreeMap<TableName, Table>, D::Error> {
        let mut tables = BTreeMap::new();
        for table in Vec::<Table>::deserialize(d)? {
            if let Some(twice) = tables.insert(table.name.clone(), table) {
                return Err(D::Error::custom(format!(
                    "the table `{}` stands twice",
                    twice.name
                )));
            }
        }
        Ok(tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_generated_names_stay_different_and_within_63_bytes() {
        let long = "é".repeat(40);
        let [a, b] = ["a", "b"].map(|end| generated_name(&[&long, end]));
        assert_ne!(a, b);
        assert!(Ident::new(a).is_ok() && Ident::new(b).is_ok());
        assert_eq!(generated_name(&["todos", "user_id", "idx"]), "todos_user_id_idx");
    }
}
