//! `[[accept]]`: policies and grants that no model declares, and that are meant.

use std::collections::BTreeSet;
use std::fmt;

use authz_sql::{Ident, QualifiedName};
use serde::Deserialize;

/// Access to a declared table that a hand-written migration gives on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Accept {
    /// The table.
    pub table: QualifiedName,
    /// What of it.
    pub what: Accepted,
    /// Why it is right.
    pub reason: String,
}

/// What is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// The policy of this name, whatever it says.
    Policy(Ident),
    /// Privileges of a role.
    Grant(AcceptedGrant),
}

/// `SELECT (id, name), DELETE to reporting`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedGrant {
    /// The role's name; `public` for everybody.
    pub role: String,
    /// The privileges as PostgreSQL names them, each with its column or for the whole table.
    pub privileges: BTreeSet<(String, Option<String>)>,
}

const PRIVILEGES: &[&str] = &[
    "DELETE",
    "INSERT",
    "MAINTAIN",
    "REFERENCES",
    "SELECT",
    "TRIGGER",
    "TRUNCATE",
    "UPDATE",
    "USAGE",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    table: String,
    policy: Option<String>,
    grant: Option<String>,
    reason: String,
}

impl TryFrom<Written> for Accept {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        if written.reason.trim().is_empty() {
            return Err("expected the reason why this access is right".to_owned());
        }
        let what = match (written.policy, written.grant) {
            (Some(policy), None) => Accepted::Policy(Ident::new(policy).map_err(|error| error.to_string())?),
            (None, Some(grant)) => Accepted::Grant(grant.as_str().try_into()?),
            _ => return Err("expected one of `policy` and `grant`".to_owned()),
        };
        let (namespace, name) = written
            .table
            .split_once('.')
            .unwrap_or(("public", &written.table));
        let ident = |name: &str| Ident::new(name.trim_matches('"')).map_err(|error| error.to_string());
        Ok(Self {
            table: QualifiedName {
                namespace: ident(namespace)?,
                name: ident(name)?,
            },
            what,
            reason: written.reason,
        })
    }
}

impl TryFrom<&str> for AcceptedGrant {
    type Error = String;

    fn try_from(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "`{text}` is no grant; expected privileges and a role, such as \"SELECT to reporting\" or \"SELECT (id, \
                 name), UPDATE (name) to editor\""
            )
        };
        let lower = text.to_ascii_lowercase();
        let at = lower.rfind(" to ").ok_or_else(expected)?;
        let (privileges, rest) = text.split_at(at);
        let mut role = rest.get(" to ".len()..).unwrap_or_default().trim();
        let mut option = "";
        if role.to_ascii_lowercase().ends_with(" with grant option") {
            role = role
                .get(..role.len() - " with grant option".len())
                .unwrap_or_default()
                .trim();
            option = " WITH GRANT OPTION";
        }
        let role = match role.strip_prefix('"').and_then(|role| role.strip_suffix('"')) {
            Some(quoted) => quoted.to_owned(),
            None => role.to_ascii_lowercase(),
        };
        if role.is_empty() || !role.chars().all(|c| c != '"') {
            return Err(expected());
        }
        let mut found = BTreeSet::new();
        let mut left = privileges.trim();
        while !left.is_empty() {
            let end = left.find(['(', ',']).unwrap_or(left.len());
            let (word, behind) = left.split_at(end);
            let word = word.trim().to_ascii_uppercase();
            if !PRIVILEGES.contains(&word.as_str()) {
                return Err(expected());
            }
            let privilege = format!("{word}{option}");
            let behind = match behind.strip_prefix('(') {
                Some(list) => {
                    let (columns, behind) = list.split_once(')').ok_or_else(expected)?;
                    for column in columns.split(',') {
                        let column = column.trim().trim_matches('"');
                        if column.is_empty() {
                            return Err(expected());
                        }
                        found.insert((privilege.clone(), Some(column.to_owned())));
                    }
                    behind
                }
                None => {
                    found.insert((privilege, None));
                    behind
                }
            };
            left = behind.trim();
            left = left.strip_prefix(',').map_or(left, str::trim);
        }
        if found.is_empty() {
            return Err(expected());
        }
        Ok(Self {
            role,
            privileges: found,
        })
    }
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            Accepted::Policy(name) => write!(f, "policy {name} on {}", self.table),
            Accepted::Grant(grant) => {
                let privileges: Vec<String> = grant
                    .privileges
                    .iter()
                    .map(|(privilege, column)| match column {
                        Some(column) => format!("{privilege} ({column})"),
                        None => privilege.clone(),
                    })
                    .collect();
                write!(f, "{} on {} to {}", privileges.join(", "), self.table, grant.role)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn read(lines: &str) -> Result<String, String> {
        Config::parse(&format!("[[accept]]\ntable = \"todos\"\n{lines}"))
            .map(|config| config.accept[0].to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_or_a_grant_is_accepted_with_a_reason() {
        let reason = "reason = \"audit\"";
        for (line, expected) in [
            ("policy = \"more\"", "policy more on public.todos"),
            (
                "grant = \"SELECT to reporting\"",
                "SELECT on public.todos to reporting",
            ),
            (
                "grant = \"select (id, task), DELETE to PUBLIC\"",
                "DELETE, SELECT (id), SELECT (task) on public.todos to public",
            ),
            (
                "grant = 'insert to \"Big Boss\" with grant option'",
                "INSERT WITH GRANT OPTION on public.todos to Big Boss",
            ),
        ] {
            assert_eq!(read(&format!("{line}\n{reason}")).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for lines in [
            "policy = \"more\"",
            "policy = \"more\"\nreason = \" \"",
            "reason = \"x\"",
            "policy = \"more\"\ngrant = \"SELECT to a\"\nreason = \"x\"",
            "grant = \"SELECT\"\nreason = \"x\"",
            "grant = \"ALL to a\"\nreason = \"x\"",
            "grant = \"SELECT () to a\"\nreason = \"x\"",
            "grant = \"SELECT (id to a\"\nreason = \"x\"",
            "grant = \" to a\"\nreason = \"x\"",
            "grant = \"SELECT to a\"\nbecause = \"x\"",
        ] {
            assert!(read(lines).is_err(), "{lines}");
        }
    }
}
