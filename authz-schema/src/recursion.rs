//! Policies that come back to a table which is being read already.
//!
//! PostgreSQL adds the SELECT policies of every table that a policy reads, and refuses the query ("infinite recursion
//! detected in policy") where it meets a table again whose policies have a subquery: `fireRIRrules` in its source. Calls of
//! `auth` are written as subqueries, so that nearly every policy has one.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::expression::{Catalog, Expression, OperandKind, Target};
use authz_sql::{AUTH, Ident};

use crate::places::Part;
use crate::schema::{Command, Policy, Table, TableName};

/// The expressions of a policy.
pub(crate) fn clauses(policy: &Policy) -> impl Iterator<Item = (&Expression, Part)> {
    let using = policy
        .using
        .iter()
        .map(|expression| (expression, Part::Using(policy.name.clone())));
    let check = policy.with_check.iter();
    using.chain(check.map(|expression| (expression, Part::WithCheck(policy.name.clone()))))
}

/// Whether a text may read a table, by its letters: most texts read none, and need not be parsed to know that.
pub(crate) fn may_read(text: &str) -> bool {
    let words = ["from", "table"];
    let bytes = text.as_bytes();
    words.iter().any(|word| {
        bytes
            .windows(word.len())
            .any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
    })
}

/// Whether a policy that reads its own table meets SELECT policies with a subquery there.
pub(crate) fn applies_again(policy: &Policy, all: &[Policy]) -> bool {
    let same_role = |other: &&Policy| !other.roles.is_disjoint(&policy.roles);
    policy.command == Command::Select
        || all
            .iter()
            .filter(same_role)
            .any(|other| other.command == Command::Select && has_select(other))
}

fn has_select(policy: &Policy) -> bool {
    clauses(policy).any(|(expression, _)| expression.has_select())
}

/// What to say of a policy that reads its own table.
pub(crate) fn of_itself(table: &TableName, expression: &Expression, catalog: &impl Catalog) -> String {
    format!(
        "this reads {table} itself, whose policies then apply again, without end: PostgreSQL refuses every query; write \
         `{}`, which looks memberships up without them, or call a SECURITY DEFINER function",
        member(table, table, expression, catalog)
    )
}

/// `member = "…"` for what the expression reads of a table, as far as that can be told.
fn member(home: &TableName, table: &TableName, expression: &Expression, catalog: &impl Catalog) -> String {
    let references = expression.references(Some(home), catalog);
    let column = |kind: &OperandKind| {
        let OperandKind::Column(range) = kind else {
            return None;
        };
        let found = references.iter().filter(|found| found.range == *range);
        let mut columns = found.filter_map(|found| match &found.target {
            Target::Column(of, column) if of == table => Some(column.as_str().to_owned()),
            _ => None,
        });
        columns.next()
    };
    let is_user = |kind: &OperandKind| {
        matches!(kind, OperandKind::Call(Some(namespace), name)
            if namespace == AUTH && matches!(name.as_str(), "uid" | "user_id"))
    };
    let (mut group, mut user) = (None, None);
    for operation in expression.operations() {
        let [left, right] = operation.operands.as_slice() else {
            continue;
        };
        match (is_user(&left.kind), is_user(&right.kind)) {
            (true, false) => user = user.or_else(|| column(&right.kind)),
            (false, true) => user = user.or_else(|| column(&left.kind)),
            _ if operation.operator == "=" => {
                group = group
                    .or_else(|| column(&right.kind))
                    .or_else(|| column(&left.kind));
            }
            _ => {}
        }
    }
    let name = match table.namespace.as_str() {
        "public" => table.name.as_str().to_owned(),
        namespace => format!("{namespace}.{}", table.name.as_str()),
    };
    format!(
        "member = \"{name}({}, {})\"",
        group.as_deref().unwrap_or("group"),
        user.as_deref().unwrap_or("user")
    )
}

/// A policy that comes back to its table by way of others.
pub(crate) struct Circle {
    pub(crate) table: TableName,
    pub(crate) part: Part,
    pub(crate) message: String,
    /// The policy that leads on.
    pub(crate) other: (TableName, Part),
}

/// A policy that reads other tables.
struct Reading<'a> {
    policy: &'a Policy,
    part: Part,
    expression: &'a Expression,
    reads: Vec<TableName>,
}

/// The policies that come back to their tables, each text of a table once. `groups` gives the roles whose policies apply to a
/// role: itself, and those that it is a member of.
pub(crate) fn circles(
    tables: &[Table],
    roles: &BTreeMap<Ident, BTreeSet<Ident>>,
    catalog: &impl Catalog,
) -> Vec<Circle> {
    let mut readings: BTreeMap<&TableName, Vec<Reading<'_>>> = BTreeMap::new();
    let governed: BTreeMap<&TableName, &Table> = tables
        .iter()
        .filter(|table| table.row_security)
        .map(|table| (&table.name, table))
        .collect();
    for table in governed.values() {
        for policy in &table.policies {
            for (expression, part) in clauses(policy).filter(|(found, _)| may_read(found.as_str())) {
                if !expression.has_subquery() {
                    continue;
                }
                let mut reads = expression.reads(Some(&table.name), catalog);
                reads.retain(|read| governed.contains_key(read));
                if !reads.is_empty() {
                    readings.entry(&table.name).or_default().push(Reading {
                        policy,
                        part,
                        expression,
                        reads,
                    });
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut reported: BTreeSet<(&TableName, String)> = BTreeSet::new();
    if readings.is_empty() {
        return found;
    }
    for applying in roles.values() {
        let applies = |policy: &Policy| !policy.roles.is_disjoint(applying);
        for (table, own) in &readings {
            // PostgreSQL meets the table again only where its SELECT policies have a subquery.
            let is_met = governed.get(table).is_some_and(|table| {
                table
                    .policies
                    .iter()
                    .any(|policy| policy.command == Command::Select && applies(policy) && has_select(policy))
            });
            if !is_met {
                continue;
            }
            for reading in own.iter().filter(|reading| applies(reading.policy)) {
                let Some(way) = way_back(table, reading, &readings, &applies) else {
                    continue;
                };
                let text = reading.expression.as_str().to_owned();
                if reported.insert((table, text)) {
                    found.push(circle(table, reading, &way, catalog));
                }
            }
        }
    }
    found
}

/// The shortest way from what a policy reads back to its table, by SELECT policies: each with the table it belongs to. Empty
/// where the policy reads its table itself.
fn way_back<'a>(
    table: &TableName,
    reading: &'a Reading<'a>,
    readings: &'a BTreeMap<&'a TableName, Vec<Reading<'a>>>,
    applies: &impl Fn(&Policy) -> bool,
) -> Option<Vec<(&'a TableName, &'a Reading<'a>)>> {
    let mut ways: Vec<(&TableName, Vec<(&TableName, &Reading<'_>)>)> =
        reading.reads.iter().map(|read| (read, Vec::new())).collect();
    let mut seen: BTreeSet<&TableName> = BTreeSet::new();
    let mut next = 0;
    while let Some((at, way)) = ways.get(next).cloned() {
        next += 1;
        if at == table {
            return Some(way);
        }
        if !seen.insert(at) {
            continue;
        }
        let Some((name, onward)) = readings.get_key_value(at) else {
            continue;
        };
        let selects = onward
            .iter()
            .filter(|reading| reading.policy.command == Command::Select && applies(reading.policy));
        for reading in selects {
            for read in &reading.reads {
                let mut longer = way.clone();
                longer.push((name, reading));
                ways.push((read, longer));
            }
        }
    }
    None
}

fn circle(
    table: &TableName,
    reading: &Reading<'_>,
    way: &[(&TableName, &Reading<'_>)],
    catalog: &impl Catalog,
) -> Circle {
    let (Some((first, _)), Some((last, leading))) = (way.first(), way.last()) else {
        return Circle {
            table: table.clone(),
            part: reading.part.clone(),
            message: of_itself(table, reading.expression, catalog),
            other: (table.clone(), reading.part.clone()),
        };
    };
    let onward = way.iter().skip(1).map(|(of, _)| *of).chain([table]);
    let by: Vec<String> = way
        .iter()
        .zip(onward)
        .map(|((of, reading), next)| {
            format!(
                "the policy `{}` of {of} reads {next}",
                reading.policy.name.as_str()
            )
        })
        .collect();
    Circle {
        table: table.clone(),
        part: reading.part.clone(),
        message: format!(
            "the policy `{}` reads {first}, and {}, so that they apply again without end: PostgreSQL refuses every query; \
             write `{}`, which looks memberships up without policies, or call a SECURITY DEFINER function",
            reading.policy.name.as_str(),
            by.join(", and "),
            member(table, first, reading.expression, catalog)
        ),
        other: ((*last).clone(), leading.part.clone()),
    }
}
