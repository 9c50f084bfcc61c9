//! Statements as values: what a plan is made of. Only the writer turns them into text.

use std::collections::BTreeSet;

use authz_schema::schema::{
    ClaimFunction, Column, Command, Constraint, EnumType, Function, Grant, Identity, Index, Membership,
    Policy, Table, TableName, TypeName,
};
use authz_sql::{Ident, Signature};

use crate::names::Name;
use crate::object::Object;

/// One change of the database. A few are several sentences that belong together.
///
/// Tables, columns and so on stand here by the names that the plan knows them by; the writer knows what the server
/// calls them when the statement runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    /// Creates a role where it is missing, and refuses one that row security would not bind.
    EnsureRole { role: Ident, attributes: &'static str },
    /// Refuses a role that row security would not bind.
    RefuseStrongRole(Ident),
    /// Makes a role a member of another.
    EnsureMembership { role: Ident, member: Ident },
    /// Takes a role out of another.
    RevokeMembership { role: Ident, member: Ident },
    /// INHERIT or NOINHERIT.
    Inherit { role: Ident, inherits: bool },
    /// Fails unless who migrates may give functions to the role that owns those which look memberships up.
    RequireMembersRole,

    /// Takes from PUBLIC what a new database gives it, where who migrates may.
    RevokeFromPublic,
    /// CREATE SCHEMA.
    CreateNamespace(Ident),
    /// DROP SCHEMA.
    DropNamespace(Ident),
    /// USAGE on a namespace.
    GrantUsage { namespace: Ident, role: Ident },
    /// USAGE on a namespace, taken back.
    RevokeUsage { namespace: Ident, role: Ident },
    /// USAGE on a sequence that is written as SQL.
    GrantSequence { sequence: String, role: Ident },
    /// USAGE on a sequence, taken back.
    RevokeSequence { sequence: String, role: Ident },

    /// The functions of `auth`.
    CreateAuth { version: u32, roles: BTreeSet<Ident> },
    /// The bodies of another version of the functions of `auth`.
    ReplaceAuth(u32),
    /// All of `auth`.
    DropAuth,
    /// The functions of `auth`, for one role.
    GrantAuth(Ident),
    /// The functions of `auth`, taken from one role.
    RevokeAuth(Ident),

    /// CREATE TYPE … AS ENUM.
    CreateEnum(EnumType),
    /// DROP TYPE.
    DropEnum(TypeName),
    /// ALTER TYPE … ADD VALUE beside its neighbour.
    AddValue {
        item: TypeName,
        value: String,
        place: Option<ValuePlace>,
    },

    /// CREATE FUNCTION of a claim, for these callers.
    CreateClaim {
        claim: ClaimFunction,
        callers: BTreeSet<Ident>,
    },
    /// CREATE OR REPLACE FUNCTION of a claim.
    ReplaceClaim(ClaimFunction),
    /// DROP FUNCTION of a claim.
    DropClaim(ClaimFunction),
    /// CREATE FUNCTION of the package, for the roles that it names.
    CreateFunction(Function),
    /// CREATE OR REPLACE FUNCTION of the package.
    ReplaceFunction(Function),
    /// DROP FUNCTION of the package.
    DropFunction(Signature),
    /// A function that looks memberships up, with its owner and its callers.
    CreateMembership(Membership),
    /// CREATE OR REPLACE of one, for other names of what it reads.
    ReplaceMembership(Membership),
    /// Who may call a function that looks memberships up.
    MembershipCallers {
        name: Ident,
        gains: BTreeSet<Ident>,
        loses: BTreeSet<Ident>,
    },
    /// DROP FUNCTION that looks memberships up.
    DropMembership(Ident),
    /// EXECUTE on functions that are written as SQL.
    GrantExecute { functions: String, role: Ident },
    /// EXECUTE on functions, taken back.
    RevokeExecute { functions: String, role: Ident },

    /// CREATE TABLE with its columns, and the constraints that are named here.
    CreateTable {
        table: Table,
        constraints: BTreeSet<Ident>,
    },
    /// DROP TABLE.
    DropTable(TableName),
    /// ENABLE and FORCE ROW LEVEL SECURITY.
    EnableRowSecurity(TableName),
    /// NO FORCE and DISABLE ROW LEVEL SECURITY.
    DisableRowSecurity(TableName),
    /// ADD COLUMN; the name of its NOT NULL where the server would choose another.
    AddColumn {
        table: TableName,
        column: Column,
        not_null: Option<String>,
    },
    /// DROP COLUMN.
    DropColumn { table: TableName, column: Ident },
    /// TYPE … USING.
    Retype {
        table: TableName,
        column: Ident,
        to: String,
        by_text: bool,
    },
    /// DROP EXPRESSION.
    DropExpression { table: TableName, column: Ident },
    /// SET DEFAULT.
    SetDefault { table: TableName, column: Column },
    /// DROP DEFAULT.
    DropDefault { table: TableName, column: Ident },
    /// SET NOT NULL; its name where the server would choose another.
    SetNotNull {
        table: TableName,
        column: Ident,
        not_null: Option<String>,
    },
    /// DROP NOT NULL.
    DropNotNull { table: TableName, column: Ident },
    /// ADD GENERATED … AS IDENTITY, which counts from behind the rows.
    AddIdentity {
        table: TableName,
        column: Ident,
        identity: Identity,
    },
    /// SET GENERATED.
    SetIdentity {
        table: TableName,
        column: Ident,
        identity: Identity,
    },
    /// DROP IDENTITY.
    DropIdentity { table: TableName, column: Ident },

    /// ADD CONSTRAINT.
    AddConstraint {
        table: TableName,
        constraint: Constraint,
        how: Validation,
    },
    /// DROP CONSTRAINT.
    DropConstraint { table: TableName, constraint: Ident },
    /// VALIDATE CONSTRAINT.
    Validate {
        table: TableName,
        constraint: Constraint,
    },
    /// SET NOT NULL, which a CHECK that is dropped after it has proved.
    ProvenNotNull {
        table: TableName,
        column: Ident,
        check: Ident,
        not_null: Option<String>,
    },
    /// ADD CONSTRAINT … USING INDEX, in the place of an old key where there is one.
    UseIndex {
        table: TableName,
        old: Option<Ident>,
        new: Constraint,
        index: Ident,
    },
    /// Fails unless indexes are valid.
    AssertValid(Vec<(TableName, Ident)>),

    /// CREATE INDEX.
    CreateIndex {
        table: TableName,
        index: Index,
        concurrently: bool,
    },
    /// DROP INDEX.
    DropIndex {
        table: TableName,
        index: Ident,
        concurrently: bool,
    },

    /// CREATE POLICY.
    CreatePolicy { table: TableName, policy: Policy },
    /// ALTER POLICY.
    AlterPolicy { table: TableName, policy: Policy },
    /// DROP POLICY.
    DropPolicy { table: TableName, policy: Ident },
    /// GRANT on a table.
    Grant { table: TableName, grant: Grant },
    /// REVOKE on a table.
    Revoke {
        table: TableName,
        role: Ident,
        privilege: Command,
    },

    /// COMMENT ON a table, a column, a type, or a function of a claim.
    Comment { of: Object, text: Option<String> },

    /// Gives an object another name, which may be in another namespace.
    Rename { object: Object, to: Name },
    /// Gives what PostgreSQL named after a table and its columns the names that it has in a new table.
    FollowNames {
        /// The table after.
        table: Table,
        /// The sequences of identity columns by their names before and after.
        sequences: Vec<(Ident, Ident)>,
        /// The columns whose NOT NULL is renamed, with the name after.
        not_null: Vec<(Ident, String)>,
    },
}

/// Where a new value goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ValuePlace {
    After(String),
    Before(String),
}

/// Whether the rows that are there are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Validation {
    /// At once, or there are no rows.
    Now,
    /// At once, where row security may hide rows from who migrates.
    NowBehindRowSecurity,
    /// Later, or never: NOT VALID.
    Later,
}
