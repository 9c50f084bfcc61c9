//! Which privileges a model can say: SELECT, INSERT, UPDATE and DELETE of roles that row security binds.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{Command, Grant};
use authz_sql::Ident;

use super::policies::is_members_role;
use super::{LiveTable, Report, Settled, names};

/// The role that stands for all.
pub(in crate::pull) const PUBLIC: &str = "PUBLIC";

const COMMANDS: [Command; 4] = [Command::Select, Command::Insert, Command::Update, Command::Delete];

pub(super) fn settle(live: &LiveTable, settled: &mut Settled, report: &mut Report) {
    let table = &live.name;
    let mut grants: BTreeMap<(Ident, Command), Option<BTreeSet<Ident>>> = BTreeMap::new();
    let mut others: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let mut unbound: BTreeSet<&Ident> = BTreeSet::new();
    let mut public: BTreeSet<&str> = BTreeSet::new();
    for grant in &live.grants {
        let Some(role) = &grant.role else {
            public.insert(&grant.privilege);
            if grant.column.is_none() {
                settled.public.insert(grant.privilege.clone());
            }
            continue;
        };
        if settled.looked_up && is_members_role(role) {
            continue;
        }
        if grant.bypasses {
            unbound.insert(role);
            continue;
        }
        let command = COMMANDS
            .into_iter()
            .find(|command| command.sql() == grant.privilege);
        if grant.grantable {
            others.entry(role.to_string()).or_default().insert("GRANT OPTION");
        }
        match command {
            None => {
                others
                    .entry(role.to_string())
                    .or_default()
                    .insert(&grant.privilege);
            }
            Some(command) => {
                let columns = grants
                    .entry((role.clone(), command))
                    .or_insert_with(|| Some(BTreeSet::new()));
                match (&grant.column, columns) {
                    (Some(column), Some(columns)) => _ = columns.insert(column.clone()),
                    (None, columns) => *columns = None,
                    (Some(_), None) => {}
                }
            }
        }
    }
    if !unbound.is_empty() {
        report.left_out(
            format!("grants to {} on {table}", names(unbound)),
            "row security does not bind that role, and models grant it nothing",
        );
    }
    if !public.is_empty() {
        let privileges = list(&public);
        report.left_out(
            format!("grants to PUBLIC on {table}"),
            format!(
                "{privileges}: models grant to roles by name; PUBLIC is every role, the login role included"
            ),
        );
        settled
            .align
            .push(format!("REVOKE {privileges} ON TABLE {table} FROM {PUBLIC}"));
    }
    for (role, privileges) in others {
        let mut kept = privileges.clone();
        if kept.remove("GRANT OPTION") {
            settled.align.push(format!(
                "REVOKE GRANT OPTION FOR ALL ON TABLE {table} FROM {role}"
            ));
        }
        if !kept.is_empty() {
            settled
                .align
                .push(format!("REVOKE {} ON TABLE {table} FROM {role}", list(&kept)));
        }
        report.left_out(
            format!("grants to {role} on {table}"),
            format!(
                "{}: models grant SELECT, INSERT, UPDATE and DELETE alone",
                list(&privileges)
            ),
        );
    }
    let order: Vec<&Ident> = settled.table.columns.iter().map(|column| &column.name).collect();
    settled.table.grants = grants
        .into_iter()
        .map(|((role, privilege), columns)| Grant {
            role,
            privilege,
            columns: columns.map(|columns| {
                let listed = order.iter().filter(|name| columns.contains(*name));
                listed.map(|name| (*name).clone()).collect()
            }),
        })
        .collect();
}

fn list(privileges: &BTreeSet<&str>) -> String {
    privileges.iter().copied().collect::<Vec<_>>().join(", ")
}
