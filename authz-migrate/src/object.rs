//! What a schema is made of, in the grain of `pg_depend`: each object can come, go and change by itself.

use authz_schema::schema::{Command, TableName, TypeName};
use authz_sql::{Ident, QualifiedName, Signature};

/// One object. Two schemas call it by one name, which is the new one wherever it was renamed (see `world`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Object {
    /// A namespace of the application, or `authz`.
    Namespace(Ident),
    /// The namespace `auth` with its functions.
    Auth,
    /// An enum type.
    Enum(TypeName),
    /// One of its values.
    Value(TypeName, String),
    /// A function that gives a claim.
    Claim(QualifiedName),
    /// A function of the package.
    Function(Signature),
    /// A function that looks memberships up.
    Membership(Ident),
    /// A table.
    Table(TableName),
    /// A column with its type.
    Column(TableName, Ident),
    /// A column's DEFAULT.
    Default(TableName, Ident),
    /// A column's NOT NULL.
    NotNull(TableName, Ident),
    /// A column's identity, with the sequence that it counts by.
    Identity(TableName, Ident),
    /// A key, a check or a foreign key.
    Constraint(TableName, Ident),
    /// An index that is no key's.
    Index(TableName, Ident),
    /// Whether row security is on.
    RowSecurity(TableName),
    /// A policy.
    Policy(TableName, Ident),
    /// A privilege on a table.
    Grant(TableName, Ident, Command),
    /// A comment on an object.
    Comment(Box<Self>),
    /// Something that nothing depends on: roles, privileges on namespaces and functions.
    Nobody,
}

impl Object {
    /// The table that it belongs to.
    pub(crate) fn table(&self) -> Option<&TableName> {
        match self {
            Self::Table(table)
            | Self::Column(table, _)
            | Self::Default(table, _)
            | Self::NotNull(table, _)
            | Self::Identity(table, _)
            | Self::Constraint(table, _)
            | Self::Index(table, _)
            | Self::RowSecurity(table)
            | Self::Policy(table, _)
            | Self::Grant(table, ..) => Some(table),
            Self::Comment(of) => of.table(),
            _ => None,
        }
    }
}
