//! What of the differences is a finding: hand-written objects live beside ours, but access that no model declares is
//! reported until it is accepted.

use std::collections::BTreeSet;

use authz_schema::config::{Accept, Accepted};
use authz_schema::schema::{Schema, TableName};

use crate::catalogue::{Difference, Kind, Object, Objects, differences, table_name};

/// What the replay knows beside the two catalogues.
pub(super) struct Known<'a> {
    pub(super) lock: &'a Schema,
    /// The ids of the columns, constraints, indexes and triggers that hand-written migrations made.
    pub(super) by_hand: &'a BTreeSet<String>,
    /// The tables that the platform brings, with its grants.
    pub(super) brought: &'a BTreeSet<TableName>,
    pub(super) accept: &'a [Accept],
}

/// What the migrations make otherwise than the lock declares, without what nobody has to mend.
pub(super) fn findings(declared: &Objects, replayed: &Objects, known: &Known<'_>) -> Vec<Difference> {
    let mut needed: BTreeSet<usize> = BTreeSet::new();
    let mut findings = Vec::new();
    for difference in differences(declared, replayed) {
        let sides = (declared.get(&difference.object), replayed.get(&difference.object));
        findings.extend(known.judge(difference, sides, &mut needed));
    }
    let unneeded = known.accept.iter().enumerate();
    findings.extend(
        unneeded
            .filter(|(number, _)| !needed.contains(number))
            .map(|(_, accept)| known.unneeded(accept)),
    );
    findings
}

impl Known<'_> {
    fn judge(
        &self,
        difference: Difference,
        (declared, replayed): (Option<&Object>, Option<&Object>),
        needed: &mut BTreeSet<usize>,
    ) -> Option<Difference> {
        let kind = declared.or(replayed)?.kind;
        let advised = |advice: String| {
            Some(Difference {
                advice: Some(advice),
                ..difference.clone()
            })
        };
        match (kind, declared, replayed) {
            // No model declares one.
            (Kind::Trigger, ..) => None,
            (Kind::Column | Kind::Constraint | Kind::Index, None, Some(found)) => {
                if found.id.as_ref().is_some_and(|id| self.by_hand.contains(id)) {
                    return None;
                }
                advised(
                    "a file that `cargo authz generate` wrote makes it, and no model declares it; what is written by \
                     hand stands in a migration of its own"
                        .to_owned(),
                )
            }
            (Kind::Table | Kind::Column, Some(declared), Some(found)) => {
                let comment = found.definition.strip_prefix(declared.definition.as_str());
                let only_a_comment = comment.is_some_and(|rest| rest.trim_start().starts_with("comment "));
                (!only_a_comment).then_some(difference)
            }
            (Kind::Policy | Kind::Grant | Kind::SequenceGrant, None, Some(found))
                if self.is_brought(found) =>
            {
                None
            }
            (Kind::Policy, None, Some(found)) => {
                let accepted = self.accept.iter().position(|accept| {
                    let same = |name: &authz_sql::Ident| Some(name.as_str()) == found.part.as_deref();
                    on_table(accept, found) && matches!(&accept.what, Accepted::Policy(name) if same(name))
                });
                match accepted {
                    Some(number) => {
                        needed.insert(number);
                        None
                    }
                    None => advised(advice(found, &format!("policy = {:?}", text(&found.part)))),
                }
            }
            (Kind::Grant | Kind::SequenceGrant, ..) => self.grants(&difference, (declared, replayed), needed),
            (Kind::Usage, ..) => self.usage(difference, (declared, replayed)),
            _ => Some(difference),
        }
    }

    fn is_brought(&self, object: &Object) -> bool {
        let table = table_name(text(&object.namespace).to_owned(), text(&object.table).to_owned());
        table.is_some_and(|table| self.brought.contains(&table))
    }

    /// Privileges, without those that are accepted.
    fn grants(
        &self,
        difference: &Difference,
        (declared, replayed): (Option<&Object>, Option<&Object>),
        needed: &mut BTreeSet<usize>,
    ) -> Option<Difference> {
        let object = declared.or(replayed)?;
        let mut found = list(replayed);
        let expected = list(declared);
        if self.is_brought(object) {
            // What the platform gives beyond the models is its own.
            found.retain(|privilege| expected.contains(privilege));
        }
        let mut extra = Vec::new();
        for privilege in found.clone().difference(&expected) {
            let wanted = ((*privilege).to_owned(), object.part.clone());
            let accepted = self.accept.iter().position(|accept| match &accept.what {
                Accepted::Grant(grant) => {
                    on_table(accept, object)
                        && Some(grant.role.as_str()) == object.role.as_deref()
                        && grant.privileges.contains(&wanted)
                }
                Accepted::Policy(_) => false,
            });
            match accepted {
                Some(number) => {
                    needed.insert(number);
                    found.remove(privilege);
                }
                None => extra.push(*privilege),
            }
        }
        if found == expected {
            return None;
        }
        let columns = object.part.as_ref().map(|column| format!(" ({column})"));
        let columns = columns.unwrap_or_default();
        let option = extra.iter().any(|privilege| privilege.ends_with(OPTION));
        let privileges: Vec<String> = extra
            .iter()
            .map(|privilege| format!("{}{columns}", privilege.trim_end_matches(OPTION)))
            .collect();
        let grant = format!(
            "{} to {}{}",
            privileges.join(", "),
            text(&object.role),
            if option { " with grant option" } else { "" }
        );
        let found: Vec<&str> = found.into_iter().collect();
        Some(Difference {
            found: (!found.is_empty()).then(|| found.join(", ")),
            advice: (!extra.is_empty()).then(|| advice(object, &format!("grant = {grant:?}"))),
            ..difference.clone()
        })
    }

    /// Who may use a namespace. A role of somebody else's sees nothing by that alone.
    fn usage(
        &self,
        difference: Difference,
        (declared, replayed): (Option<&Object>, Option<&Object>),
    ) -> Option<Difference> {
        let expected = list(declared);
        let found = list(replayed);
        let is_ours = |entry: &str| match entry.strip_suffix(" USAGE") {
            Some(role) => {
                let ours = self.lock.session_roles.iter().chain(&self.lock.login_role);
                role == "PUBLIC" || ours.into_iter().any(|ours| ours.to_string() == role)
            }
            None => true,
        };
        let missing = expected.difference(&found).next().is_some();
        let extra = found.difference(&expected).any(|entry| is_ours(entry));
        (missing || extra).then_some(difference)
    }

    fn unneeded(&self, accept: &Accept) -> Difference {
        let why = match self.lock.tables.contains_key(&accept.table) {
            true => "no migration gives it beyond what the models declare",
            false => "no model declares the table",
        };
        Difference {
            object: format!("accepted {accept}"),
            expected: Some(accept.reason.clone()),
            found: None,
            advice: Some(format!("{why}; take the entry out of authz.toml")),
        }
    }
}

const OPTION: &str = " WITH GRANT OPTION";

/// The privileges of a row of the catalogue.
fn list(object: Option<&Object>) -> BTreeSet<&str> {
    object.map_or_else(BTreeSet::new, |object| object.definition.split(", ").collect())
}

fn on_table(accept: &Accept, object: &Object) -> bool {
    object.namespace.as_deref() == Some(accept.table.namespace.as_str())
        && object.table.as_deref() == Some(accept.table.name.as_str())
}

fn text(part: &Option<String>) -> &str {
    part.as_deref().unwrap_or_default()
}

/// What to write where the access is meant.
fn advice(object: &Object, what: &str) -> String {
    let table = format!("{}.{}", text(&object.namespace), text(&object.table));
    format!(
        "it gives or limits access, and no model declares it: declare it, or accept it in authz.toml:\n        \
         [[accept]]\n        table = {table:?}\n        {what}\n        reason = \"…\""
    )
}
