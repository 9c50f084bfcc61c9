//! Policies as `#[rls(…)]`: those of one kind, with the same roles and with the names that the model gives by itself, in one.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::declare::claim_for;
use authz_schema::schema::{AUTHENTICATED, Command, Membership, Table};
use authz_sql::Ident;

use super::draft::{self, Draft, Item};
use super::{Report, Settled};
use crate::pull::settle::Wanted;
use crate::pull::tidy;

/// What one attribute says.
struct Group<'a> {
    policies: Vec<&'a Wanted>,
    /// The name, where it is not the model's own.
    name: Option<&'a Ident>,
}

pub(super) fn add(
    settled: &Settled,
    memberships: &BTreeMap<Ident, Membership>,
    draft: &mut Draft,
    report: &mut Report,
) {
    let table = &settled.table;
    if !table.row_security {
        draft
            .rls
            .push(Item::fixed("disabled = \"row security is off in the database\""));
        for group in groups(settled, memberships) {
            let text = text(&group, settled, memberships).replace('\n', ", ");
            draft.note(format!("Without row security this binds nobody:\n#[rls({text})]"));
        }
        for policy in &table.policies {
            report.left_out(
                format!("policy {} on {}", policy.name, table.name),
                "row security is off, so that it binds nobody",
            );
        }
        return;
    }
    if settled.wanted.is_empty() {
        report.differs(
            format!("table {}", table.name),
            "no policy lets anybody see a row; the model says so by a restrictive policy that no row satisfies",
        );
    }
    for group in groups(settled, memberships) {
        let names: BTreeSet<&Ident> = group.policies.iter().map(|policy| &policy.of).collect();
        let object = format!("policy {}", crate::pull::settle::names(names));
        draft
            .rls
            .push(Item::of(object, text(&group, settled, memberships)));
    }
}

/// The policies in the order of their names, so that the model's numbers come out right.
fn groups<'a>(settled: &'a Settled, memberships: &BTreeMap<Ident, Membership>) -> Vec<Group<'a>> {
    let mut wanted: Vec<&Wanted> = settled.wanted.iter().collect();
    let order = |policy: &Wanted| {
        let name = policy.name.as_ref().map_or("", Ident::as_str);
        // `_2` before `_10`.
        (
            policy.restrictive,
            number_behind(name),
            policy.of.clone(),
            policy.command,
        )
    };
    wanted.sort_by_key(|policy| order(policy));
    // A permissive SELECT comes first: without it the parser refuses UPDATE and DELETE.
    wanted.sort_by_key(|policy| policy.restrictive || policy.command != Command::Select);
    let named: BTreeSet<&str> = wanted
        .iter()
        .filter_map(|policy| Some(policy.name.as_ref()?.as_str()))
        .collect();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut groups: Vec<Group<'_>> = Vec::new();
    // Those with the model's names are written first, as their numbers depend on each other alone.
    let mut with_names: Vec<&Wanted> = Vec::new();
    for policy in wanted {
        let default = default_name(&settled.table, policy, &taken);
        match &policy.name {
            Some(name) if name.as_str() != default => {
                with_names.push(policy);
                continue;
            }
            // A name of the model that the database has for another policy.
            None if named.contains(default.as_str()) => {
                taken.insert(default);
                let free = default_name(&settled.table, policy, &taken);
                taken.insert(free);
            }
            _ => _ = taken.insert(default),
        }
        let fits = |group: &Group<'_>| {
            group.policies.iter().all(|other| {
                other.restrictive == policy.restrictive
                    && other.roles == policy.roles
                    && other.command != policy.command
                    && whose(&[other], settled, memberships) == whose(&[policy], settled, memberships)
            })
        };
        // Only the last group with that command's roles keeps the order of the numbers.
        match groups.iter_mut().rev().find(|group| fits(group)) {
            Some(group) => group.policies.push(policy),
            None => groups.push(Group {
                policies: vec![policy],
                name: None,
            }),
        }
    }
    let with_names = with_names.into_iter().map(|policy| Group {
        policies: vec![policy],
        name: policy.name.as_ref(),
    });
    groups.extend(with_names);
    groups.sort_by_key(|group| {
        let selects = |policy: &&Wanted| !policy.restrictive && policy.command == Command::Select;
        !group.policies.iter().any(selects)
    });
    groups
}

fn number_behind(name: &str) -> u32 {
    let number = name.rsplit_once('_').and_then(|(_, number)| number.parse().ok());
    number.unwrap_or(1)
}

/// `<table>_<command>_<roles>`, with a number where that is taken: as the model does it.
fn default_name(table: &Table, policy: &Wanted, taken: &BTreeSet<String>) -> String {
    let mut parts = vec![table.name.name.as_str(), policy.command.as_str()];
    parts.extend(policy.roles.iter().map(Ident::as_str));
    let base = parts.join("_");
    let numbered = (2..).map(|number: u32| format!("{base}_{number}"));
    [base.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| !taken.contains(name))
        .unwrap_or(base)
}

/// The items of the attribute, one a line.
fn text(group: &Group<'_>, settled: &Settled, memberships: &BTreeMap<Ident, Membership>) -> String {
    let mut items = Vec::new();
    if let Some(name) = group.name {
        items.push(format!("name = {}", draft::text(name.as_str())));
    }
    if group.policies.iter().any(|policy| policy.restrictive) {
        items.push("restrictive".to_owned());
    }
    let mut policies = group.policies.clone();
    policies.sort_by_key(|policy| policy.command);
    items.extend(commands(&policies, settled, memberships));
    if let Some(first) = policies.first() {
        let roles: Vec<String> = first
            .roles
            .iter()
            .map(|role| draft::text(role.as_str()))
            .collect();
        match roles.as_slice() {
            [role] if *role == draft::text(AUTHENTICATED) => {}
            [role] => items.push(format!("to = {role}")),
            roles => items.push(format!("to = [{}]", roles.join(", "))),
        }
    }
    items.join("\n")
}

/// The keys for the commands.
fn commands(
    policies: &[&Wanted],
    settled: &Settled,
    memberships: &BTreeMap<Ident, Membership>,
) -> Vec<String> {
    let source = |sql: &String| settled.sources.get(sql).unwrap_or(sql).clone();
    let words = |policies: &[&Wanted]| -> Vec<String> {
        policies
            .iter()
            .map(|policy| policy.command.as_str().to_owned())
            .collect()
    };
    if let Some(whose) = whose(policies, settled, memberships) {
        let mut items = if policies.len() == 4 {
            Vec::new()
        } else {
            words(policies)
        };
        items.push(whose);
        return items;
    }
    if let (Some(sql), 4) = (only_expression(policies), policies.len()) {
        return vec![format!("all = {}", expression(&source(sql)))];
    }
    policies
        .iter()
        .map(|policy| {
            let command = policy.command.as_str();
            match (&policy.using, &policy.with_check) {
                (Some(using), Some(check)) if using != check => format!(
                    "{command}(using = {}, check = {})",
                    expression(&source(using)),
                    expression(&source(check))
                ),
                (Some(text), _) | (None, Some(text)) => format!("{command} = {}", expression(&source(text))),
                (None, None) => format!("{command} = false"),
            }
        })
        .collect()
}

fn expression(source: &str) -> String {
    match source {
        "true" | "false" => source.to_owned(),
        _ => draft::text(source),
    }
}

/// The expression, where there is only one.
fn only_expression<'a>(policies: &[&'a Wanted]) -> Option<&'a String> {
    let mut expressions = policies
        .iter()
        .flat_map(|policy| policy.using.iter().chain(&policy.with_check));
    let first = expressions.next()?;
    expressions.all(|other| other == first).then_some(first)
}

/// `owner = "…"` or `member = "…"` for policies that they become.
fn whose(
    policies: &[&Wanted],
    settled: &Settled,
    memberships: &BTreeMap<Ident, Membership>,
) -> Option<String> {
    let sql = only_expression(policies)?;
    let sql = settled
        .sources
        .get(sql)
        .map_or_else(|| sql.clone(), |source| tidy::said(source));
    let table = &settled.table.name.name;
    for column in &settled.table.columns {
        let claim = claim_for(&column.column_type).unwrap_or("auth.user_id()");
        let owned = format!("(SELECT {claim}) = ");
        if let Some(named) = sql.strip_prefix(&owned)
            && (named == column.name.to_string() || named == format!("{table}.{}", column.name))
        {
            return Some(format!("owner = {}", draft::text(column.name.as_str())));
        }
        for membership in memberships.values() {
            if sql != format!("{} = {}", column.name, membership.groups()) {
                continue;
            }
            let mut text = String::new();
            if column.name != membership.group {
                text.push_str(&format!("{} in ", column.name.as_str()));
            }
            if membership.table.namespace.as_str() != "public" {
                text.push_str(&format!("{}.", membership.table.namespace.as_str()));
            }
            text.push_str(&format!(
                "{}({}, {})",
                membership.table.name.as_str(),
                membership.group.as_str(),
                membership.user.as_str()
            ));
            if let Some(condition) = &membership.condition {
                // The server evaluates its calls once a query; the attribute says them plain.
                text.push_str(&format!(" where {}", condition.unwrapped()));
            }
            return Some(format!("member = {}", draft::text(&text)));
        }
    }
    None
}
