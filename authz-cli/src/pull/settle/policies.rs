//! Which policies a model can say: one command each, for roles by name.

use std::collections::BTreeSet;

use authz_schema::schema::{Command, MEMBERS_ROLE, Policy, Table};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::{Catalogue, LiveTable, Report, Settled, names};
use crate::catalogue::introspect::{LiveGrant, LivePolicy};
use crate::pull::tidy::{self, Text};

/// A policy that the model shall say.
#[derive(Debug, Clone)]
pub(in crate::pull) struct Wanted {
    /// Its name, where it has one of its own.
    pub(in crate::pull) name: Option<Ident>,
    pub(in crate::pull) command: Command,
    pub(in crate::pull) restrictive: bool,
    pub(in crate::pull) roles: BTreeSet<Ident>,
    pub(in crate::pull) using: Option<String>,
    pub(in crate::pull) with_check: Option<String>,
    /// The policy that it says.
    pub(in crate::pull) of: Ident,
}

const ALL: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

pub(super) fn settle(
    live: &LiveTable,
    catalogue: &Catalogue,
    known: Option<(&LiveTable, &Table)>,
    settled: &mut Settled,
    report: &mut Report,
) {
    let table = &live.name;
    if live.row_security && !live.forced {
        report.differs(
            format!("table {table}"),
            "row security does not bind its owner; the models FORCE it",
        );
        settled
            .align
            .push(format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"));
    }
    let reached = live.grants.iter().any(|grant| !grant.bypasses);
    if !live.row_security && reached {
        report.differs(
            format!("table {table}"),
            "row security is off, so that whoever has a privilege sees and changes every row; the model says \
             `disabled`, and grants nothing",
        );
    }
    for policy in &live.policies {
        if settled.looked_up && policy.roles.iter().flatten().all(is_members_role) {
            continue;
        }
        let same = known.and_then(|(made, locked)| {
            made.policies.contains(policy).then_some(())?;
            locked.policies.iter().find(|locked| locked.name == policy.name)
        });
        let clause = |read: &Option<String>, locked: Option<&Option<Expression>>| -> Option<Text> {
            let read = read.as_deref()?;
            match locked.and_then(Option::as_ref) {
                Some(locked) => Some(tidy::of_lock(locked)),
                None => Some(tidy::policy(read)),
            }
        };
        let using = clause(&policy.using, same.map(|policy| &policy.using));
        let with_check = clause(&policy.with_check, same.map(|policy| &policy.with_check));
        for text in using.iter().chain(&with_check) {
            settled.sources.insert(text.sql.clone(), text.source.clone());
        }
        let sql = |text: &Option<Text>| text.as_ref().map(|text| text.sql.clone());
        one(
            policy,
            &sql(&using),
            &sql(&with_check),
            (live, catalogue),
            settled,
            report,
        );
    }
}

/// Whether it is the role that looks memberships up. Its policies and grants follow from `member`.
pub(super) fn is_members_role(role: &Ident) -> bool {
    role.as_str() == MEMBERS_ROLE
}

fn one(
    policy: &LivePolicy,
    using: &Option<String>,
    with_check: &Option<String>,
    (live, catalogue): (&LiveTable, &Catalogue),
    settled: &mut Settled,
    report: &mut Report,
) {
    let table = settled.table.name.clone();
    let object = format!("policy {} on {table}", policy.name);
    if policy.comment.is_some() {
        report.left_out(format!("comment of {object}"), "no attribute says it");
    }
    let named: BTreeSet<Ident> = policy.roles.iter().flatten().cloned().collect();
    let public = policy.roles.contains(&None);
    let unbound: BTreeSet<&Ident> = named.intersection(&catalogue.unbound_roles).collect();
    if !unbound.is_empty() {
        let text = format!(
            "row security does not bind {}, so that it says nothing of that role",
            names(unbound)
        );
        report.left_out(format!("roles of {object}"), text);
    }
    let bound: BTreeSet<Ident> = named.difference(&catalogue.unbound_roles).cloned().collect();
    // What the database has, as far as values can say it.
    if let Some(command) = policy.command {
        let mut roles = named;
        if public {
            roles.extend(Ident::new("public"));
        }
        settled.table.policies.push(Policy {
            name: policy.name.clone(),
            command,
            restrictive: policy.restrictive,
            roles,
            using: using.clone().map(Expression::unchecked),
            with_check: with_check.clone().map(Expression::unchecked),
        });
    }
    let mut wanted = Vec::new();
    let commands = policy.command.map_or(ALL.to_vec(), |command| vec![command]);
    for command in commands {
        let mut roles = if public {
            granted(live, catalogue, command, &bound)
        } else {
            bound.clone()
        };
        // A model that says a permissive policy grants the command, and pulling must not give what was not there.
        if live.row_security && !policy.restrictive {
            let idle: BTreeSet<Ident> = roles
                .iter()
                .filter(|role| !may(live, command, role))
                .cloned()
                .collect();
            if !idle.is_empty() && !public {
                let text = format!(
                    "{} has no privilege to {}, and a model that says the policy would grant it; left out for that role",
                    names(&idle),
                    command.sql()
                );
                report.left_out(format!("{} of {object}", command.as_str()), text);
            }
            roles.retain(|role| !idle.contains(role));
        }
        if roles.is_empty() {
            continue;
        }
        let reads = command != Command::Insert;
        let writes = matches!(command, Command::Insert | Command::Update);
        wanted.push(Wanted {
            name: policy.command.map(|_| policy.name.clone()),
            command,
            restrictive: policy.restrictive,
            roles,
            using: using.clone().or_else(|| missing(policy)).filter(|_| reads),
            // As PostgreSQL does: without a check of its own, new rows must satisfy USING.
            with_check: with_check
                .clone()
                .or_else(|| using.clone())
                .or_else(|| missing(policy))
                .filter(|_| writes),
            of: policy.name.clone(),
        });
    }
    if public {
        said_of_public(policy, &wanted, &object, settled, report);
    }
    if wanted.is_empty() && policy.command.is_some() && !public {
        // It stays in the database as it is.
        settled.table.policies.retain(|known| known.name != policy.name);
    }
    if policy.command.is_none() && !wanted.is_empty() {
        let count = if wanted.len() == 1 {
            "one policy".to_owned()
        } else {
            format!("{} policies", wanted.len())
        };
        report.differs(
            &object,
            match wanted.len() {
                4 => format!("it is FOR ALL; the model gives each command its own: {count}, the same access"),
                _ => format!(
                    "it is FOR ALL; the model gives each command that its roles may run its own: {count}"
                ),
            },
        );
    }
    settled.wanted.extend(wanted);
}

/// Whether a role has the privilege, on the table or a column, by itself or as everybody has it.
fn may(live: &LiveTable, command: Command, role: &Ident) -> bool {
    live.grants.iter().any(|grant| {
        grant.privilege == command.sql() && grant.role.as_ref().is_none_or(|grantee| grantee == role)
    })
}

/// Without an expression a permissive policy lets no row through, and a restrictive one every row.
fn missing(policy: &LivePolicy) -> Option<String> {
    Some(if policy.restrictive { "true" } else { "false" }.to_owned())
}

/// The roles that PUBLIC means: those that may run the command at all. Where PUBLIC itself may, it is all that the
/// database names.
fn granted(
    live: &LiveTable,
    catalogue: &Catalogue,
    command: Command,
    named: &BTreeSet<Ident>,
) -> BTreeSet<Ident> {
    let may = |grant: &&LiveGrant| grant.privilege == command.sql();
    let public = live.grants.iter().filter(may).any(|grant| grant.role.is_none());
    let roles: BTreeSet<&Ident> = if public {
        let tables = catalogue.tables.iter();
        tables
            .flat_map(|table| {
                let granted = table.grants.iter().filter_map(|grant| grant.role.as_ref());
                let named = table
                    .policies
                    .iter()
                    .flat_map(|policy| policy.roles.iter().flatten());
                granted.chain(named)
            })
            .collect()
    } else {
        live.grants
            .iter()
            .filter(may)
            .filter_map(|grant| grant.role.as_ref())
            .collect()
    };
    let bound = roles
        .into_iter()
        .filter(|role| !catalogue.unbound_roles.contains(*role));
    bound.chain(named).cloned().collect()
}

fn said_of_public(
    policy: &LivePolicy,
    wanted: &[Wanted],
    object: &str,
    settled: &mut Settled,
    report: &mut Report,
) {
    let roles: BTreeSet<&Ident> = wanted.iter().flat_map(|wanted| &wanted.roles).collect();
    if !roles.is_empty() {
        let text = format!(
            "it is TO PUBLIC, which is every role; the model names those that have the privilege: {}",
            names(roles)
        );
        report.differs(object, text);
        return;
    }
    report.left_out(
        object,
        "it is TO PUBLIC, and no role that row security binds has the privilege; name the roles in `to`",
    );
    let source = |text: &Option<String>| {
        let source = text.as_deref().map(tidy::policy)?.source;
        Some(format!("{source:?}"))
    };
    let command = policy.command.map_or("all", Command::as_str);
    let text = match (source(&policy.using), source(&policy.with_check)) {
        (Some(using), Some(check)) => format!("{command}(using = {using}, check = {check})"),
        (Some(text), None) | (None, Some(text)) => format!("{command} = {text}"),
        (None, None) => format!("{command} = false"),
    };
    settled.comments.push(format!(
        "The policy {} is TO PUBLIC: name its roles.\n#[rls({text}, to = [\"…\"])]",
        policy.name
    ));
    if !settled.table.row_security {
        return;
    }
    // It stays in the database as it is.
    settled.table.policies.retain(|known| known.name != policy.name);
}
