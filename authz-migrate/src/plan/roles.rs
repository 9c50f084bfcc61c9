//! Roles and their memberships. They belong to the whole server: created when missing, and never dropped.

use std::collections::BTreeSet;

use authz_schema::schema::{Role, Schema};
use authz_sql::Ident;

use super::{Builder, Op, Step};
use crate::diff::Delta;
use crate::hazard::HazardKind;
use crate::object::Object;
use crate::statement::Statement;

impl Builder<'_> {
    pub(super) fn roles(&mut self) {
        let (old, new) = (&self.old.schema, &self.new.schema);
        for delta in self.diff.session_roles.clone() {
            match delta {
                Delta::Added(role) => self.ensure_role(new, role, "NOLOGIN"),
                Delta::Removed(_) | Delta::Changed(..) => self.roles_stay = true,
            }
        }
        if let Some(login) = &new.login_role {
            let is_new = old.login_role.as_ref() != Some(login);
            if is_new {
                if old.login_role.is_some() && !new.session_roles.is_empty() {
                    let roles: Vec<String> = new.session_roles.iter().map(Ident::to_string).collect();
                    self.hazard(
                        HazardKind::AuthzWidens,
                        format!("lets who logs in as {login} become {}", roles.join(", ")),
                    );
                }
                self.ensure_role(new, login, "LOGIN NOINHERIT");
            }
            for role in &new.session_roles {
                let is_known = !is_new && old.session_roles.contains(role);
                let provided = new.is_existing_role(role) && new.is_existing_role(login);
                if !is_known && !provided {
                    self.membership(Step::Roles, role, login);
                }
            }
        }
        if new.revoked_from_public && !old.revoked_from_public {
            if !old.session_roles.is_empty() {
                self.hazard(
                    HazardKind::AuthzNarrows,
                    "takes TEMPORARY on the database from PUBLIC, and CREATE in the schema public: other roles that make temporary tables \
                     here need a grant of their own",
                );
            }
            self.push(
                Step::Roles,
                Op::Alter,
                Object::Nobody,
                Statement::RevokeFromPublic,
            );
        }
        self.rights_of_public_stay = old.revoked_from_public && !new.revoked_from_public;
        for delta in self.diff.roles.clone() {
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
    fn ensure_role(&mut self, schema: &Schema, role: &Ident, attributes: &'static str) {
        let statement = if schema.is_existing_role(role) {
            Statement::RefuseStrongRole(role.clone())
        } else {
            Statement::EnsureRole {
                role: role.clone(),
                attributes,
            }
        };
        self.push(Step::Roles, Op::Alter, Object::Nobody, statement);
    }

    fn membership(&mut self, step: Step, role: &Ident, member: &Ident) {
        let (role, member) = (role.clone(), member.clone());
        self.push(
            step,
            Op::Alter,
            Object::Nobody,
            Statement::EnsureMembership { role, member },
        );
    }

    /// What `authz.toml` says of a role of ours, where it differs from before.
    fn role_options(&mut self, old: Option<&Role>, new: &Role, schema: &Schema) {
        if new.existing {
            return;
        }
        let name = &new.name;
        if !schema.session_roles.contains(name) && schema.login_role.as_ref() != Some(name) && old.is_none() {
            self.ensure_role(schema, name, "NOLOGIN");
        }
        if old.is_some_and(|old| old.no_inherit) != new.no_inherit {
            if old.is_some() {
                let (kind, how) = if new.no_inherit {
                    (HazardKind::AuthzNarrows, "no longer has")
                } else {
                    (HazardKind::AuthzWidens, "gets")
                };
                self.hazard(kind, format!("{name} {how} the rights of its groups by itself"));
            }
            self.push(
                Step::RoleOptions,
                Op::Alter,
                Object::Nobody,
                Statement::Inherit {
                    role: name.clone(),
                    inherits: !new.no_inherit,
                },
            );
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
            self.membership(Step::RoleOptions, group, name);
        }
        for group in before.difference(&new.member_of) {
            self.hazard(
                HazardKind::AuthzNarrows,
                format!("takes {name} out of {group}, whose rights it loses"),
            );
            self.push(
                Step::RoleOptions,
                Op::Alter,
                Object::Nobody,
                Statement::RevokeMembership {
                    role: group.clone(),
                    member: name.clone(),
                },
            );
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
