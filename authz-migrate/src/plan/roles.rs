//! Roles and their memberships. They belong to the whole server: created when missing, and never dropped.

use std::collections::BTreeSet;

use super::{Plan, Step};
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::HazardKind;
use crate::render;
use authz_schema::schema::{Role, Schema};
use authz_sql::Ident;

impl Plan {
    pub(super) fn roles(&mut self, diff: &SchemaDiff<'_>) {
        let (old, new) = (diff.old, diff.new);
        for delta in &diff.session_roles {
            match delta {
                Delta::Added(role) => self.ensure_role(new, role, "NOLOGIN"),
                Delta::Removed(_) | Delta::Changed(..) => self.roles_stay = true,
            }
        }
        if let Some(login) = &new.login_role {
            let is_new = old.login_role.as_ref() != Some(login);
            if is_new {
                self.ensure_role(new, login, "LOGIN NOINHERIT");
            }
            for role in &new.session_roles {
                let is_known = !is_new && old.session_roles.contains(role);
                let provided = new.is_existing_role(role) && new.is_existing_role(login);
                if !is_known && !provided {
                    self.push(Step::Roles, render::ensure_membership(role, login));
                }
            }
        }
        for delta in &diff.roles {
            match delta {
                Delta::Added(role) => {
                    // Until now nothing was said of it.
                    let plain = plain(role);
                    let known = old.session_roles.contains(&role.name) && !role.existing;
                    self.role_options(known.then_some(&plain), role, new);
                }
                Delta::Changed(old, role) => self.role_options(Some(old), role, new),
                Delta::Removed(role) if !role.existing && new.session_roles.contains(&role.name) => {
                    self.role_options(Some(role), &plain(role), new);
                }
                Delta::Removed(_) => {}
            }
        }
    }

    /// Creates a role that is ours, and refuses any that row security would not bind.
    fn ensure_role(&mut self, schema: &Schema, role: &Ident, attributes: &str) {
        let sql = if schema.is_existing_role(role) {
            render::refuse_strong_role(role)
        } else {
            render::ensure_role(role, attributes)
        };
        self.push(Step::Roles, sql);
    }

    /// What `authz.toml` says of a role of ours, where it differs from before.
    fn role_options(&mut self, old: Option<&Role>, new: &Role, schema: &Schema) {
        if new.existing {
            return;
        }
        let name = &new.name;
        if !schema.session_roles.contains(name) && schema.login_role.as_ref() != Some(name) && old.is_none() {
            self.push(Step::Roles, render::ensure_role(name, "NOLOGIN"));
        }
        if old.is_some_and(|old| old.no_inherit) != new.no_inherit {
            let word = if new.no_inherit { "NOINHERIT" } else { "INHERIT" };
            if old.is_some() {
                let (kind, how) = if new.no_inherit {
                    (HazardKind::AuthzNarrows, "no longer has")
                } else {
                    (HazardKind::AuthzWidens, "gets")
                };
                self.hazard(kind, format!("{name} {how} the rights of its groups by itself"));
            }
            self.push(Step::RoleOptions, format!("ALTER ROLE {name} {word}"));
        }
        let none = BTreeSet::new();
        let before = old.map_or(&none, |old| &old.member_of);
        for group in new.member_of.difference(before) {
            if old.is_some() {
                self.hazard(
                    HazardKind::AuthzWidens,
                    format!("makes {name} a member of {group}, whose rights it gets"),
                );
            }
            self.push(Step::RoleOptions, render::ensure_membership(group, name));
        }
        for group in before.difference(&new.member_of) {
            self.hazard(
                HazardKind::AuthzNarrows,
                format!("takes {name} out of {group}, whose rights it loses"),
            );
            self.push(Step::RoleOptions, format!("REVOKE {group} FROM {name}"));
        }
    }
}

/// The role as it is when nothing is said of it.
fn plain(role: &Role) -> Role {
    Role {
        no_inherit: false,
        member_of: BTreeSet::new(),
        ..role.clone()
    }
}
