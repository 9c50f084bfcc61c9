//! Row security, policies and grants: who may see and do what, and which way a change of it goes.

use std::collections::BTreeSet;

use authz_schema::schema::{Grant, Policy, Table, TableName};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::{Builder, Op, Step};
use crate::diff::{Delta, TableDiff};
use crate::hazard::HazardKind;
use crate::object::Object;
use crate::statement::Statement;
use crate::texts::{Catalog, Lookups, implies};

/// Which way access goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// Somebody may see or do more than before.
    Widens,
    /// Nobody may see or do more than before.
    Narrows,
    /// Nothing shows which.
    Unknown,
}

impl Builder<'_> {
    /// Removing the last policy keeps row security on: then nobody sees a row. Only `disabled` turns it off.
    pub(super) fn row_security(&mut self, diff: &TableDiff<'_>) {
        let name = &diff.new.name;
        let object = Object::RowSecurity(name.clone());
        match (diff.old.row_security, diff.new.row_security) {
            (false, true) => {
                self.hazard(
                    HazardKind::AuthzNarrows,
                    format!("turns row security of {name} on"),
                );
                self.push(
                    Step::RowSecurity,
                    Op::Create,
                    object,
                    Statement::EnableRowSecurity(name.clone()),
                );
            }
            (true, false) => {
                self.hazard(
                    HazardKind::RlsDisable,
                    format!("turns row security of {name} off"),
                );
                self.push(
                    Step::RowSecurity,
                    Op::Drop,
                    object,
                    Statement::DisableRowSecurity(name.clone()),
                );
            }
            _ => {}
        }
    }

    pub(super) fn policies(&mut self, diff: &TableDiff<'_>) {
        let name = &diff.new.name;
        for delta in &diff.policies {
            self.policy_hazard(name, delta);
            match delta {
                Delta::Added(policy) => self.create_policy(name, policy),
                Delta::Removed(policy) => self.drop_policy(name, policy),
                Delta::Changed(old, new)
                    if must_rebuild(old, new)
                        || self.is_aside(&Object::Policy(name.clone(), new.name.clone())) =>
                {
                    self.drop_policy(name, old);
                    self.create_policy(name, new);
                }
                Delta::Changed(_, new) => self.alter_policy(name, new),
            }
        }
        self.kept_policies(diff.old, diff.new);
    }

    /// Drops and creates again the unchanged policies that cannot stay, and sets those anew whose text would be another
    /// than that of a new database.
    pub(super) fn kept_policies(&mut self, old: &Table, new: &Table) {
        for policy in &new.policies {
            if !old.policies.contains(policy) {
                continue;
            }
            let texts: Vec<&Expression> = policy.using.iter().chain(&policy.with_check).collect();
            if self.is_aside(&Object::Policy(new.name.clone(), policy.name.clone())) {
                self.drop_policy(&new.name, policy);
                self.create_policy(&new.name, policy);
            } else if self.selects_renamed(&new.name, &texts) {
                self.alter_policy(&new.name, policy);
            }
        }
    }

    pub(super) fn create_policy(&mut self, table: &TableName, policy: &Policy) {
        self.push(
            Step::Policies,
            Op::Create,
            Object::Policy(table.clone(), policy.name.clone()),
            Statement::CreatePolicy {
                table: table.clone(),
                policy: policy.clone(),
            },
        );
    }

    fn alter_policy(&mut self, table: &TableName, policy: &Policy) {
        self.push(
            Step::Policies,
            Op::Alter,
            Object::Policy(table.clone(), policy.name.clone()),
            Statement::AlterPolicy {
                table: table.clone(),
                policy: policy.clone(),
            },
        );
    }

    pub(super) fn drop_policy(&mut self, table: &TableName, policy: &Policy) {
        self.push(
            Step::DropPolicies,
            Op::Drop,
            Object::Policy(table.clone(), policy.name.clone()),
            Statement::DropPolicy {
                table: table.clone(),
                policy: policy.name.clone(),
            },
        );
    }

    pub(super) fn policy_hazard(&mut self, table: &TableName, delta: &Delta<'_, Policy>) {
        use Direction::{Narrows, Widens};
        let (Delta::Added(policy) | Delta::Removed(policy) | Delta::Changed(_, policy)) = delta;
        let what = format!("the policy {} of {table}", policy.name);
        let (direction, message) = match delta {
            Delta::Added(policy) => (
                if policy.restrictive { Narrows } else { Widens },
                format!("adds {what}"),
            ),
            Delta::Removed(policy) => (
                if policy.restrictive { Widens } else { Narrows },
                format!("drops {what}"),
            ),
            Delta::Changed(old, new) => {
                let old = Lookups::of(&self.old.schema, &self.new.schema).renewed(old);
                if old == **new {
                    return;
                }
                policy_change(&what, &old, new, &self.new_catalog)
            }
        };
        self.access_change(direction, message, &what);
    }

    /// Names the way that a change of access goes. Where nothing shows it, the change may widen, and needs consent.
    pub(super) fn access_change(&mut self, direction: Direction, message: String, what: &str) {
        match direction {
            Direction::Widens => self.hazard(HazardKind::AuthzWidens, message),
            Direction::Narrows => self.hazard(HazardKind::AuthzNarrows, message),
            Direction::Unknown => {
                self.hazard(HazardKind::AuthzChanged, message);
                self.hazard(
                    HazardKind::AuthzWidens,
                    format!("may widen: nothing shows that {what} admits no more than before"),
                );
            }
        }
    }

    pub(super) fn grant(&mut self, table: &TableName, grant: &Grant) {
        self.push(
            Step::Grants,
            Op::Create,
            Object::Grant(table.clone(), grant.role.clone(), grant.privilege),
            Statement::Grant {
                table: table.clone(),
                grant: grant.clone(),
            },
        );
    }

    pub(super) fn revoke(&mut self, table: &TableName, grant: &Grant) {
        self.push(
            Step::RevokePrivileges,
            Op::Drop,
            Object::Grant(table.clone(), grant.role.clone(), grant.privilege),
            Statement::Revoke {
                table: table.clone(),
                role: grant.role.clone(),
                privilege: grant.privilege,
            },
        );
    }

    pub(super) fn alter_grant(&mut self, diff: &TableDiff<'_>, delta: &Delta<'_, Grant>) {
        let table = &diff.new.name;
        let message = |verb: &str, grant: &Grant| {
            format!(
                "{verb} {} on {table} {} {}",
                grant.privilege.sql(),
                if verb == "grants" { "to" } else { "from" },
                grant.role
            )
        };
        match delta {
            Delta::Added(grant) => {
                self.hazard(HazardKind::AuthzWidens, message("grants", grant));
                self.grant(table, grant);
            }
            Delta::Removed(grant) => {
                self.hazard(HazardKind::AuthzNarrows, message("revokes", grant));
                self.revoke(table, grant);
            }
            Delta::Changed(old, new) => {
                // Only a column that stays can be gained or lost: a new one was nobody's before.
                let stays = |column: &&Ident| has_column(diff.old, column) && has_column(diff.new, column);
                let before: BTreeSet<&Ident> = granted(old, diff.old).filter(stays).collect();
                let after: BTreeSet<&Ident> = granted(new, diff.new).filter(stays).collect();
                if !before.is_subset(&after) {
                    self.hazard(HazardKind::AuthzNarrows, message("revokes columns of", old));
                }
                if !after.is_subset(&before) {
                    self.hazard(HazardKind::AuthzWidens, message("grants", new));
                }
                // A grant adds to what is there, and one of the table stands beside those of columns.
                if !before.is_subset(&after) || old.columns.is_some() != new.columns.is_some() {
                    self.revoke(table, old);
                }
                self.grant(table, new);
            }
        }
    }
}

/// The columns that a grant covers.
fn granted<'a>(grant: &'a Grant, table: &'a Table) -> Box<dyn Iterator<Item = &'a Ident> + 'a> {
    match &grant.columns {
        Some(columns) => Box::new(columns.iter()),
        None => Box::new(table.columns.iter().map(|column| &column.name)),
    }
}

fn has_column(table: &Table, name: &Ident) -> bool {
    table.columns.iter().any(|column| column.name == *name)
}

/// Which way a change of a policy goes, with its words.
fn policy_change(what: &str, old: &Policy, new: &Policy, catalog: &Catalog) -> (Direction, String) {
    let more = !new.roles.is_subset(&old.roles);
    let fewer = !old.roles.is_subset(&new.roles);
    let roles_widen = if new.restrictive { fewer } else { more };
    let clauses = [(&old.using, &new.using), (&old.with_check, &new.with_check)];
    let ways: Vec<Direction> = clauses
        .into_iter()
        .filter(|(old, new)| old != new)
        .map(|(old, new)| clause_change(old.as_ref(), new.as_ref(), catalog))
        .collect();
    let message = format!("changes {what}");
    let texts = |how: &str| format!("{message}: {how}{}", texts(old, new));
    match (old.restrictive, new.restrictive) {
        (true, false) => (Direction::Widens, texts("from restrictive to permissive, ")),
        (false, true) => (Direction::Narrows, texts("from permissive to restrictive, ")),
        // The new command gains a policy, or the old one loses a restriction.
        _ if old.command != new.command => (Direction::Widens, texts("")),
        _ if ways.is_empty() => (
            if roles_widen {
                Direction::Widens
            } else {
                Direction::Narrows
            },
            format!("{message}: its roles"),
        ),
        _ if roles_widen || ways.contains(&Direction::Widens) => (Direction::Widens, texts("")),
        _ if ways.contains(&Direction::Unknown) => (Direction::Unknown, texts("")),
        _ => (Direction::Narrows, texts("")),
    }
}

/// Which way a change of USING or WITH CHECK goes. A clause that comes or goes leaves another in charge.
fn clause_change(old: Option<&Expression>, new: Option<&Expression>, catalog: &Catalog) -> Direction {
    match (old, new) {
        (Some(old), Some(new)) if implies(new, old, catalog) => Direction::Narrows,
        (Some(old), Some(new)) if implies(old, new, catalog) => Direction::Widens,
        _ => Direction::Unknown,
    }
}

fn texts(old: &Policy, new: &Policy) -> String {
    let text = |policy: &Policy| {
        let clause =
            |word: &str, text: &Option<Expression>| text.as_ref().map(|text| format!("{word} ({text})"));
        let clauses = [
            clause("USING", &policy.using),
            clause("WITH CHECK", &policy.with_check),
        ];
        format!(
            "{} {}",
            policy.command.sql(),
            clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
        )
    };
    format!("`{}` becomes `{}`", text(old), text(new)).replace('\n', " ")
}

/// ALTER POLICY can change neither the command nor the kind, and cannot clear a clause.
fn must_rebuild(old: &Policy, new: &Policy) -> bool {
    old.command != new.command
        || old.restrictive != new.restrictive
        || (old.using.is_some() && new.using.is_none())
        || (old.with_check.is_some() && new.with_check.is_none())
}
