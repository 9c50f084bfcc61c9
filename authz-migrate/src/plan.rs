//! The statements that lead from one schema to another, in an order in which each of them can run.
//!
//! All run in one transaction. Policies step aside before what they read changes and come back after it; a table
//! gets its policies before anybody is granted anything on it; nothing is dropped with CASCADE.

mod access;
mod claims;
mod columns;
mod functions;
mod reworked;
mod roles;
mod tables;
mod types;

use crate::auth;
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::{Hazard, HazardKind};
use authz_schema::schema::Schema;

use self::reworked::Reworked;
pub(crate) use self::reworked::only_adds_values;

/// When a statement runs. The order of the variants is the order in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Roles,
    RoleOptions,
    Namespaces,
    Auth,
    Renames,
    Types,
    RevokePrivileges,
    DropPolicies,
    DropForeignKeys,
    DropConstraints,
    ReplaceFunctions,
    ReplaceClaims,
    RemakeEnums,
    Claims,
    EarlyFunctions,
    DropGenerated,
    RetypeEnums,
    CreateTables,
    AlterColumns,
    AddGenerated,
    AddConstraints,
    CreateForeignKeys,
    CreateIndexes,
    Functions,
    Policies,
    RowSecurity,
    DropColumns,
    DropTables,
    DropFunctions,
    DropClaims,
    DropTypes,
    Grants,
    Comments,
    DropAuth,
    DropNamespaces,
}

/// One statement, without its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    step: Step,
    sql: String,
}

/// The way from one schema to another.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    statements: Vec<Statement>,
    /// Dangers of the statements, the gravest first.
    pub hazards: Vec<Hazard>,
    /// Whether session roles are no longer declared. They stay on the server, with their memberships.
    pub roles_stay: bool,
    /// Whether CHECKs and foreign keys of old tables are added NOT VALID, for a later file to validate.
    validates_later: bool,
    /// Whether row security stays on, on a table that was made elsewhere.
    pub row_security_stays: bool,
}

impl Plan {
    /// Plans the way that a diff asks for.
    #[must_use]
    pub fn of(diff: &SchemaDiff<'_>) -> Self {
        Self::default().with(diff)
    }

    /// Plans the same, but adds CHECKs and foreign keys of old tables NOT VALID, for a later file to validate.
    pub(crate) fn validated_later(diff: &SchemaDiff<'_>) -> Self {
        let plan = Self {
            validates_later: true,
            ..Self::default()
        };
        plan.with(diff)
    }

    fn with(self, diff: &SchemaDiff<'_>) -> Self {
        let mut plan = self;
        let reworked = Reworked::of(diff);
        let mut rebuilt = reworked.policies(diff.old);
        // The text before may be taken for one with a renamed column; then the one after names what is retyped.
        rebuilt.extend(reworked.policies(diff.new));
        plan.roles(diff);
        plan.auth(diff);
        plan.namespaces(diff.before, diff.new);
        plan.enums(diff);
        plan.claims(diff, &reworked);
        plan.functions(diff, &reworked);
        plan.members_namespace(diff);
        plan.memberships(diff, &reworked);
        for delta in &diff.tables {
            match delta {
                Delta::Added(table) => plan.create_table(table),
                Delta::Removed(table) => {
                    plan.drop_table(table, &rebuilt);
                    plan.free_dropped_table(table, &reworked);
                }
                Delta::Changed(..) => {}
            }
        }
        for table in diff.new.tables.values() {
            if let Some(altered) = diff.altered.iter().find(|altered| altered.new.name == table.name) {
                plan.alter_table(altered, &reworked, &rebuilt);
            } else if let Some(old) = diff.old.tables.get(&table.name) {
                plan.rebuild_policies(old, table, &rebuilt, &[]);
            }
            if let Some(old) = diff.old.tables.get(&table.name) {
                plan.step_aside(old, table, &reworked);
            }
        }
        plan.statements.sort_by_key(|statement| statement.step);
        plan.hazards.sort();
        plan
    }

    /// The plan with renames before it: it was made for the new names.
    #[must_use]
    pub fn after(mut self, renames: Vec<String>) -> Self {
        let renames = renames.into_iter().map(|sql| Statement {
            step: Step::Renames,
            sql,
        });
        self.statements.splice(0..0, renames);
        self.statements.sort_by_key(|statement| statement.step);
        self
    }

    /// The statements in order, without semicolons.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|statement| statement.sql.as_str())
    }

    fn push(&mut self, step: Step, sql: impl Into<String>) {
        self.statements.push(Statement {
            step,
            sql: sql.into(),
        });
    }

    fn hazard(&mut self, kind: HazardKind, message: impl Into<String>) {
        self.hazards.push(Hazard {
            kind,
            message: message.into(),
        });
    }

    fn auth(&mut self, diff: &SchemaDiff<'_>) {
        match (diff.old.auth, diff.new.auth) {
            (None, Some(_)) => {
                for sql in auth::create(&diff.new.session_roles) {
                    self.push(Step::Auth, sql);
                }
            }
            (Some(_), None) => {
                for sql in auth::drop() {
                    self.push(Step::DropAuth, sql);
                }
            }
            (Some(_), Some(_)) => {
                for delta in &diff.session_roles {
                    match delta {
                        Delta::Added(role) => self.push(Step::Auth, auth::grant(role)),
                        Delta::Removed(role) => self.push(Step::DropAuth, auth::revoke(role)),
                        Delta::Changed(..) => {}
                    }
                }
            }
            (None, None) => {}
        }
    }

    fn namespaces(&mut self, old: &Schema, new: &Schema) {
        let (before, after) = (old.namespaces(), new.namespaces());
        for namespace in new.made_namespaces().difference(&before) {
            self.push(Step::Namespaces, format!("CREATE SCHEMA {namespace}"));
        }
        for namespace in old.made_namespaces().difference(&after) {
            self.push(Step::DropNamespaces, format!("DROP SCHEMA {namespace}"));
        }
        let (usages_before, usages_after) = (old.usages(), new.usages());
        for (namespace, role) in usages_after.difference(&usages_before) {
            self.push(
                Step::Grants,
                format!("GRANT USAGE ON SCHEMA {namespace} TO {role}"),
            );
        }
        for (namespace, role) in usages_before.difference(&usages_after) {
            self.push(
                Step::DropAuth,
                format!("REVOKE USAGE ON SCHEMA {namespace} FROM {role}"),
            );
        }
        let (sequences_before, sequences_after) = (old.sequence_usages(), new.sequence_usages());
        for (sequence, role) in sequences_after.difference(&sequences_before) {
            self.push(
                Step::Grants,
                format!("GRANT USAGE ON SEQUENCE {sequence} TO {role}"),
            );
        }
        for (sequence, role) in sequences_before.difference(&sequences_after) {
            self.push(
                Step::RevokePrivileges,
                format!("REVOKE USAGE ON SEQUENCE {sequence} FROM {role}"),
            );
        }
    }
}
