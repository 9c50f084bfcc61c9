//! Functions that policies call: those of the package's own files, and those that look memberships up.

use std::collections::BTreeSet;

use super::access::Direction;
use super::reworked::Reworked;
use super::{Plan, Step};
use crate::auth;
use crate::diff::{Delta, SchemaDiff};
use crate::render;
use authz_schema::schema::{Function, MEMBERS_ROLE, Membership, Schema};
use authz_sql::Ident;
use authz_sql::MEMBERS;

impl Plan {
    pub(super) fn functions(&mut self, diff: &SchemaDiff<'_>, reworked: &Reworked<'_>) {
        for delta in &diff.functions {
            match delta {
                Delta::Added(function) => {
                    // Calls tell functions of one name apart by their arguments, and may come to mean this one.
                    let name = &function.signature.name;
                    if diff.old.functions.keys().any(|other| other.name == *name) {
                        self.function_change(function);
                    }
                    self.create_function(diff.new, function);
                }
                Delta::Removed(function) => {
                    let late = diff.old.tables_call(function);
                    let step = if late {
                        Step::DropFunctions
                    } else {
                        Step::ReplaceFunctions
                    };
                    self.push(step, format!("DROP FUNCTION {}", function.signature));
                }
                Delta::Changed(old, new) => {
                    if old.sql != new.sql {
                        self.function_change(new);
                    }
                    if reworked.remakes_function(&new.signature.name) {
                        self.push(Step::ReplaceFunctions, format!("DROP FUNCTION {}", old.signature));
                        self.create_function(diff.new, new);
                        continue;
                    }
                    if old.sql != new.sql {
                        self.push(step(diff.new, new), new.sql.clone());
                    }
                    self.callers(&new.signature.to_string(), &old.roles, &new.roles);
                }
            }
        }
        for (signature, new) in &diff.new.functions {
            if diff.old.functions.get(signature) == Some(new) && reworked.calls_claim(&new.sql) {
                self.push(Step::ReplaceFunctions, format!("DROP FUNCTION {signature}"));
                self.create_function(diff.new, new);
            }
        }
    }

    /// What a function decides cannot be told from its text.
    fn function_change(&mut self, new: &Function) {
        if !new.roles.is_empty() {
            let what = format!("the function {}", new.signature);
            let message = format!("changes {what}, which policies call");
            self.access_change(Direction::Unknown, message, &what);
        }
    }

    /// Who may call a function that stays.
    fn callers(&mut self, signature: &str, before: &BTreeSet<Ident>, after: &BTreeSet<Ident>) {
        for role in before.difference(after) {
            self.push(
                Step::RevokePrivileges,
                format!("REVOKE ALL ON FUNCTION {signature} FROM {role}"),
            );
        }
        for role in after.difference(before) {
            self.push(
                Step::Functions,
                format!("GRANT EXECUTE ON FUNCTION {signature} TO {role}"),
            );
        }
    }

    fn create_function(&mut self, schema: &Schema, function: &Function) {
        let step = step(schema, function);
        self.push(step, function.sql.clone());
        self.push(
            step,
            format!("REVOKE ALL ON FUNCTION {} FROM PUBLIC", function.signature),
        );
        if !function.roles.is_empty() {
            let roles = render::names(&function.roles);
            self.push(
                step,
                format!("GRANT EXECUTE ON FUNCTION {} TO {roles}", function.signature),
            );
        }
    }

    /// The namespace `authz` and who may use it.
    pub(super) fn members_namespace(&mut self, diff: &SchemaDiff<'_>) {
        let (had, has) = (diff.old.has_members_namespace(), diff.new.has_members_namespace());
        if has && !had {
            self.push(Step::Namespaces, format!("CREATE SCHEMA {MEMBERS}"));
        }
        let (before, after) = (diff.old.members_usages(), diff.new.members_usages());
        for role in after.difference(&before) {
            self.push(
                Step::Functions,
                format!("GRANT USAGE ON SCHEMA {MEMBERS} TO {role}"),
            );
        }
        if had && !has {
            self.push(Step::DropNamespaces, format!("DROP SCHEMA {MEMBERS}"));
        } else {
            for role in before.difference(&after) {
                self.push(
                    Step::RevokePrivileges,
                    format!("REVOKE USAGE ON SCHEMA {MEMBERS} FROM {role}"),
                );
            }
        }
    }

    pub(super) fn memberships(&mut self, diff: &SchemaDiff<'_>, reworked: &Reworked<'_>) {
        let (old, new) = (&diff.old.memberships, &diff.new.memberships);
        if old.is_empty()
            && !new.is_empty()
            && let Ok(role) = Ident::new(MEMBERS_ROLE)
        {
            self.push(Step::Roles, render::ensure_role(&role, "NOLOGIN"));
            if diff.new.auth.is_some() {
                self.push(Step::Functions, auth::grant(&role));
            }
        }
        for delta in &diff.memberships {
            match delta {
                Delta::Added(membership) => self.create_membership(membership),
                Delta::Removed(membership) => {
                    self.push(Step::ReplaceFunctions, drop_membership(membership));
                }
                Delta::Changed(old, new)
                    if old.is_same_function(new) && !reworked.remakes_membership(&new.name) =>
                {
                    self.callers(&signature(new), &old.roles, &new.roles);
                }
                Delta::Changed(old, new) => {
                    self.push(Step::ReplaceFunctions, drop_membership(old));
                    self.create_membership(new);
                }
            }
        }
        for (name, membership) in new {
            if old.get(name) == Some(membership) && reworked.remakes_membership(name) {
                self.push(Step::ReplaceFunctions, drop_membership(membership));
                self.create_membership(membership);
            }
        }
        if new.is_empty() && !old.is_empty() {
            self.roles_stay = true;
            if diff.old.auth.is_some()
                && diff.new.auth.is_some()
                && let Ok(role) = Ident::new(MEMBERS_ROLE)
            {
                self.push(Step::DropFunctions, auth::revoke(&role));
            }
        }
    }

    /// The owner needs CREATE to become the owner, and the migration's role must be a member of it, unless that is a
    /// superuser. Both are taken back at once.
    fn create_membership(&mut self, membership: &Membership) {
        let name = signature(membership);
        for sql in [
            render::create_membership(membership),
            format!("REVOKE ALL ON FUNCTION {name} FROM PUBLIC"),
            format!(
                "GRANT EXECUTE ON FUNCTION {name} TO {}",
                render::names(&membership.roles)
            ),
            format!("GRANT CREATE ON SCHEMA {MEMBERS} TO {MEMBERS_ROLE}"),
            format!("GRANT {MEMBERS_ROLE} TO CURRENT_USER"),
            format!("ALTER FUNCTION {name} OWNER TO {MEMBERS_ROLE}"),
            format!("REVOKE {MEMBERS_ROLE} FROM CURRENT_USER"),
            format!("REVOKE CREATE ON SCHEMA {MEMBERS} FROM {MEMBERS_ROLE}"),
        ] {
            self.push(Step::Functions, sql);
        }
    }
}

fn signature(membership: &Membership) -> String {
    format!("{MEMBERS}.{}()", membership.name)
}

fn drop_membership(membership: &Membership) -> String {
    format!("DROP FUNCTION {}", signature(membership))
}

/// A function that defaults, checks, keys or generated columns call comes before the tables; one that only policies
/// call comes after them, since it may read them.
fn step(schema: &Schema, function: &Function) -> Step {
    if schema.tables_call(function) {
        Step::EarlyFunctions
    } else {
        Step::Functions
    }
}
