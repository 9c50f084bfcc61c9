//! Which functions of `auth` and `authz` expressions may call.

use std::collections::BTreeSet;

use super::{Declarations, DeclareError, Subject};
use crate::closest::closest;
use crate::config::Platform;
use crate::schema::{Constraint, Table, TableName};
use authz_sql::expression::Expression;
use authz_sql::{Ident, MEMBERS, QualifiedName};

/// The functions that there are.
pub(super) struct Known {
    platform: Platform,
    claims: BTreeSet<String>,
    memberships: BTreeSet<String>,
    /// Those of hand-written migrations, where these are known.
    elsewhere: Option<BTreeSet<(String, String)>>,
}

impl Known {
    pub(super) fn of(declarations: &Declarations, platform: Platform) -> Self {
        let claims = declarations.claims.iter();
        let memberships = declarations.memberships.iter();
        let folded = |name: &QualifiedName| (name.namespace.as_str().into(), name.name.as_str().into());
        Self {
            platform,
            claims: claims.map(|claim| claim.function.as_str().to_owned()).collect(),
            memberships: memberships.map(super::MembershipUse::function).collect(),
            elsewhere: declarations
                .functions_elsewhere
                .as_ref()
                .map(|names| names.iter().map(folded).collect()),
        }
    }

    /// The calls in the expressions of a table that no function answers.
    pub(super) fn missing_in(&self, table: &Table) -> Vec<DeclareError> {
        let policies = table
            .policies
            .iter()
            .flat_map(|policy| policy.using.iter().chain(&policy.with_check));
        let defaults = table.columns.iter().filter_map(|column| column.default.as_ref());
        let checks = table.constraints.iter().filter_map(Constraint::check);
        self.missing(policies.chain(defaults).chain(checks), &table.name)
    }

    /// The same for these expressions of a table.
    pub(super) fn missing<'a>(
        &self,
        expressions: impl IntoIterator<Item = &'a Expression>,
        table: &TableName,
    ) -> Vec<DeclareError> {
        let mut errors = Vec::new();
        for call in expressions.into_iter().flat_map(Expression::calls) {
            let message = match call.namespace.as_ref().map(Ident::as_str) {
                Some("auth") => self.missing_in_auth(call.name.as_str()),
                Some(MEMBERS) => self.missing_in_members(call.name.as_str()),
                _ => None,
            };
            let error = message.map(|message| DeclareError {
                of: Subject::Table(table.clone()),
                message,
            });
            errors.extend(error.filter(|error| !errors.contains(error)));
        }
        errors
    }

    fn missing_in_auth(&self, name: &str) -> Option<String> {
        let known = self.platform.auth_functions();
        if known.contains(&name) || self.is_elsewhere("auth", name) {
            return None;
        }
        if self.claims.contains(name) {
            return self.wrong_namespace("auth", name);
        }
        if Platform::Postgres.auth_functions().contains(&name) {
            let has: Vec<String> = known.iter().map(|name| format!("auth.{name}()")).collect();
            return Some(format!(
                "this platform has no auth.{name}(); it has {}",
                has.join(", ")
            ));
        }
        // What else a platform's own namespace has is not known.
        (self.platform == Platform::Postgres).then(|| self.nowhere("auth", name, known))?
    }

    fn missing_in_members(&self, name: &str) -> Option<String> {
        if self.memberships.contains(name) || self.is_elsewhere(MEMBERS, name) {
            return None;
        }
        if self.claims.contains(name) {
            return self.wrong_namespace(MEMBERS, name);
        }
        self.nowhere(MEMBERS, name, &[])
    }

    /// The mistake of a call of a claim's function in this namespace, unless it is there.
    fn wrong_namespace(&self, namespace: &str, name: &str) -> Option<String> {
        let right = self.platform.claims_namespace();
        (namespace != right).then(|| {
            let why = if right == MEMBERS {
                "`auth` belongs to the platform"
            } else {
                "the functions of claims are in `auth` here"
            };
            format!("{why}; write {right}.{name}()")
        })
    }

    fn nowhere(&self, namespace: &str, name: &str, more: &[&str]) -> Option<String> {
        self.elsewhere.as_ref()?;
        let claims = self
            .claims
            .iter()
            .filter(|_| namespace == self.platform.claims_namespace());
        let members = self.memberships.iter().filter(|_| namespace == MEMBERS);
        let known = claims.chain(members).map(String::as_str);
        let hint = match closest(name, known.chain(more.iter().copied())) {
            Some(close) => format!("did you mean {namespace}.{close}()?"),
            None => "a field of a struct with `#[derive(Claims)]` makes one, or a migration of your own"
                .to_owned(),
        };
        Some(format!("there is no function {namespace}.{name}(); {hint}"))
    }

    /// Whether a hand-written migration makes it.
    fn is_elsewhere(&self, namespace: &str, name: &str) -> bool {
        self.elsewhere
            .as_ref()
            .is_some_and(|names| names.contains(&(namespace.to_owned(), name.to_owned())))
    }
}
