//! The statements that lead from one schema to another, in an order in which each of them can run.
//!
//! All run in one transaction. Policies step aside before what they read changes and come back after it; a table
//! gets its policies before anybody is granted anything on it; nothing is dropped with CASCADE.

mod access;
mod tables;

use crate::auth;
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::{Hazard, HazardKind};
use crate::render;
use crate::schema::Schema;
use crate::sql::Ident;

/// When a statement runs. The order of the variants is the order in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Roles,
    Namespaces,
    Auth,
    Renames,
    RevokePrivileges,
    DropPolicies,
    DropForeignKeys,
    DropConstraints,
    CreateTables,
    AlterColumns,
    AddConstraints,
    CreateForeignKeys,
    CreateIndexes,
    Policies,
    RowSecurity,
    DropColumns,
    DropTables,
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
}

impl Plan {
    /// Plans the way that a diff asks for.
    #[must_use]
    pub fn of(diff: &SchemaDiff<'_>) -> Self {
        let mut plan = Self::default();
        let rebuilt = access::policies_to_rebuild(diff);
        plan.roles(diff);
        plan.auth(diff);
        plan.namespaces(diff.old, diff.new);
        for delta in &diff.tables {
            match delta {
                Delta::Added(table) => plan.create_table(table),
                Delta::Removed(table) => plan.drop_table(table),
                Delta::Changed(..) => {}
            }
        }
        for table in diff.new.tables.values() {
            if let Some(altered) = diff.altered.iter().find(|altered| altered.new.name == table.name) {
                plan.alter_table(altered, &rebuilt);
            } else if let Some(old) = diff.old.tables.get(&table.name) {
                plan.rebuild_policies(old, table, &rebuilt, &[]);
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

    /// Roles belong to the whole server: created when missing, and never dropped.
    fn roles(&mut self, diff: &SchemaDiff<'_>) {
        let (old, new) = (diff.old, diff.new);
        for delta in &diff.session_roles {
            match delta {
                Delta::Added(role) => self.push(Step::Roles, render::ensure_role(role, "NOLOGIN")),
                Delta::Removed(_) | Delta::Changed(..) => self.roles_stay = true,
            }
        }
        if let Some(login) = &new.login_role {
            if old.login_role.is_none() {
                self.push(Step::Roles, render::ensure_role(login, "LOGIN NOINHERIT"));
            }
            let added = diff.session_roles.iter().filter_map(|delta| match delta {
                Delta::Added(role) => Some(*role),
                Delta::Removed(_) | Delta::Changed(..) => None,
            });
            for role in added {
                self.push(Step::Roles, render::ensure_membership(role, login));
            }
        }
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
        let own = |namespace: &&Ident| namespace.as_str() != "public";
        let (before, after) = (old.namespaces(), new.namespaces());
        for namespace in after.difference(&before).copied().filter(own) {
            self.push(Step::Namespaces, format!("CREATE SCHEMA {namespace}"));
        }
        for namespace in before.difference(&after).copied().filter(own) {
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
    }
}
