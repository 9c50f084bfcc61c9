//! What `authz.toml` says of roles.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::Ident;

use super::{DeclareError, Subject};
use crate::closest::slip;
use crate::config::{Config, RoleConfig};
use crate::places::Part;
use crate::schema::Role;

/// Makes session roles of those that no policy names and that have something to say, and refuses the others: they would do
/// nothing, and nobody would notice a slip in a name.
pub(super) fn add_those_of_no_policy(
    config: &Config,
    login_role: Option<&Ident>,
    session_roles: &mut BTreeSet<Ident>,
    errors: &mut Vec<DeclareError>,
) {
    let groups: BTreeSet<&Ident> = config.roles.values().flat_map(|said| &said.member_of).collect();
    let is_known = |name: &Ident| session_roles.contains(name) || login_role == Some(name);
    let known = || session_roles.iter().chain(login_role).map(Ident::as_str);
    let mut added = BTreeSet::new();
    for (name, said) in &config.roles {
        let mistake = |message: String| DeclareError::new(Subject::Role(name.clone()), Part::Name, message);
        for group in &said.member_of {
            // One that is said more of, or that a policy names, is meant.
            if !is_known(group)
                && !config.roles.contains_key(group)
                && let Some(close) = slip(group.as_str(), known())
            {
                errors.push(mistake(format!(
                    "no policy names the role `{}`; did you mean `{close}`?",
                    group.as_str()
                )));
            }
        }
        if is_known(name) || groups.contains(name) {
            continue;
        }
        let unsaid = known().filter(|other| !config.roles.keys().any(|role| role.as_str() == *other));
        if let Some(close) = slip(name.as_str(), unsaid) {
            errors.push(mistake(format!(
                "no policy names the role `{}`; did you mean `{close}`?",
                name.as_str()
            )));
        } else if says_something(said) {
            added.insert(name.clone());
        } else {
            errors.push(mistake(format!(
                "no policy names the role `{0}`, so that this does nothing; write a policy with `to = \"{0}\"`, or \
                 remove it",
                name.as_str()
            )));
        }
    }
    session_roles.extend(added);
}

/// Whether a role without any policy is made by this.
fn says_something(said: &RoleConfig) -> bool {
    !said.existing && (said.inherit == Some(false) || !said.member_of.is_empty())
}

/// What is said of the roles that are used, and of those that these are members of.
pub(super) fn said<'a>(config: &Config, used: impl Iterator<Item = &'a Ident>) -> BTreeMap<Ident, Role> {
    let mut roles = BTreeMap::new();
    // Those that only others are members of are made for them, so that they stand here even if nothing is said of them.
    let mut names: Vec<(Ident, bool)> = used.map(|name| (name.clone(), false)).collect();
    while let Some((name, is_group)) = names.pop() {
        let said = config.roles.get(&name).cloned().unwrap_or_default();
        let role = Role {
            existing: said.existing || config.platform.roles().contains(&name.as_str()),
            no_inherit: said.inherit == Some(false),
            member_of: said.member_of,
            name: name.clone(),
        };
        let is_special = role.existing || role.no_inherit || !role.member_of.is_empty();
        if (is_special || is_group) && !roles.contains_key(&name) {
            names.extend(role.member_of.iter().map(|group| (group.clone(), true)));
            roles.insert(name, role);
        }
    }
    roles
}
