//! Each policy as the server plans and runs it: for each role, for each command.
//!
//! The expression of a policy is run on a made-up row, as the role, with claims: this also runs the functions that it
//! calls, whose bodies nothing else reads. Then each command that the grants allow is planned on the real table. What
//! depends on the values is no finding: the row is made up.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{MEMBERS_ROLE, Schema, TableName};
use authz_sql::Ident;
use serde::Serialize;
use sqlx::PgConnection;

use super::files::completed;
use super::ground::Ground;
use crate::catalogue::{run, table_name};
use crate::places::{Place, Places};
use crate::progress::{count, stage};
use crate::server_error::ServerError;

/// A command that the server refuses to plan or to run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The policy, function or table.
    pub object: String,
    /// The policy's name, where it is known to be the one.
    pub policy: Option<String>,
    /// Its table.
    pub table: Option<String>,
    /// Who runs it.
    pub role: String,
    /// What they run.
    pub command: String,
    /// What the server says.
    #[serde(flatten)]
    pub error: ServerError,
    /// Where it is declared.
    pub declared: Option<Place>,
    /// What to write.
    pub advice: Option<String>,
}

/// A statement to try, and what it is for.
struct Trial {
    table: Option<TableName>,
    part: Part,
    role: String,
    command: String,
    sql: String,
}

enum Part {
    Policy(Ident),
    Function(String),
    Table,
}

/// How many statements go to the server at once.
const BATCH: usize = 100;

/// Tries all policies, grants and functions of the lock.
pub(super) async fn refused(
    ground: &Ground<'_>,
    database: &str,
    lock: &Schema,
    places: &Places,
) -> Result<Vec<Refused>, ServerError> {
    let mut connection = ground.admin(database).await?;
    let mut trials = expressions(&mut connection, lock).await?;
    trials.extend(calls(&mut connection, lock).await?);
    trials.extend(commands(&mut connection, lock).await?);
    stage(format_args!("planning {}", count(trials.len(), "statement")));
    // By role, so that the role changes seldom; sorting keeps the order of the rest.
    trials.sort_by(|a, b| a.role.cmp(&b.role));
    let mut found: Vec<Refused> = Vec::new();
    for batch in trials
        .chunk_by(|a, b| a.role == b.role)
        .flat_map(|same| same.chunks(BATCH))
    {
        let mut left = batch;
        while let Some(first) = left.first() {
            let begin = begin(&first.role);
            let statements: String = left.iter().map(|trial| format!("{};\n", trial.sql)).collect();
            let (number, error) = completed(&mut connection, &format!("{begin}{statements}ROLLBACK;")).await;
            run(&mut connection, "ROLLBACK").await?;
            let Some(error) = error else { break };
            let number = number.saturating_sub(BEGIN_STATEMENTS);
            let Some(trial) = left.get(number) else {
                return Err(error.into());
            };
            note(trial, error.into(), places, &mut found);
            left = left.get(number + 1..).unwrap_or_default();
        }
    }
    drop_those_that_only_lead_there(&mut found);
    found.sort_by(|a, b| (&a.table, &a.object, &a.role).cmp(&(&b.table, &b.object, &b.role)));
    Ok(found)
}

const BEGIN_STATEMENTS: usize = 4;

/// What begins a transaction as a role with claims.
fn begin(role: &str) -> String {
    let claims = serde_json::json!({
        "sub": "00000000-0000-4000-8000-000000000000",
        "role": role,
        "email": "user@example.com",
        "exp": 4_102_444_800_u32,
    });
    let claims = claims.to_string().replace('\'', "''");
    let role = match role {
        "" => "NONE".to_owned(),
        role => format!("\"{}\"", role.replace('"', "\"\"")),
    };
    format!(
        "BEGIN;\nSET LOCAL statement_timeout = '5s';\nSET LOCAL request.jwt.claims = '{claims}';\nSET LOCAL ROLE {role};\n"
    )
}

type PolicyRow = (
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
);

/// The expressions of the policies, each on a row that is made up.
async fn expressions(connection: &mut PgConnection, lock: &Schema) -> Result<Vec<Trial>, ServerError> {
    let (namespaces, names) = tables(lock);
    let rows: Vec<(String, String, String)> = sqlx::query_as(include_str!("../catalogue/rows.sql"))
        .bind(&namespaces)
        .bind(&names)
        .fetch_all(&mut *connection)
        .await?;
    let rows: BTreeMap<(String, String), String> = rows
        .into_iter()
        .map(|(namespace, name, row)| ((namespace, name), row))
        .collect();
    run(connection, "SET search_path = ''").await?;
    let policies: Vec<PolicyRow> = sqlx::query_as(include_str!("../catalogue/policies.sql"))
        .bind(&namespaces)
        .bind(&names)
        .bind(roles(lock))
        .fetch_all(&mut *connection)
        .await?;
    run(connection, "RESET search_path").await?;
    let mut trials: Vec<Trial> = Vec::new();
    for (namespace, name, policy, command, role, using, with_check) in policies {
        let Some(row) = rows.get(&(namespace.clone(), name.clone())) else {
            continue;
        };
        let (Some(table), Ok(policy)) = (table_name(namespace, name), Ident::new(policy)) else {
            continue;
        };
        let row = row.replace('\'', "''");
        let alias = &table.name;
        let clauses: BTreeSet<&String> = [&using, &with_check].into_iter().flatten().collect();
        for clause in clauses {
            trials.push(Trial {
                sql: format!(
                    "SELECT ({clause}) FROM pg_catalog.jsonb_populate_record(NULL::{table}, '{row}'::jsonb) AS {alias}"
                ),
                table: Some(table.clone()),
                part: Part::Policy(policy.clone()),
                role: role.clone(),
                command: command.clone(),
            });
        }
    }
    // One FOR ALL is the same for each command.
    let mut seen = BTreeSet::new();
    trials.retain(|trial| match &trial.part {
        Part::Policy(policy) => seen.insert((trial.sql.clone(), policy.clone(), trial.role.clone())),
        Part::Function(_) | Part::Table => true,
    });
    Ok(trials)
}

/// Calls of the functions in `authz/sql`.
async fn calls(connection: &mut PgConnection, lock: &Schema) -> Result<Vec<Trial>, ServerError> {
    let signatures: Vec<String> = lock.functions.keys().map(ToString::to_string).collect();
    run(connection, "SET search_path = ''").await?;
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("../catalogue/calls.sql"))
        .bind(&signatures)
        .fetch_all(&mut *connection)
        .await?;
    run(connection, "RESET search_path").await?;
    let mut trials = Vec::new();
    for (signature, call) in rows {
        let declared = lock
            .functions
            .iter()
            .find(|(declared, _)| declared.to_string() == signature);
        let callers =
            declared.map(|(_, function)| function.roles.iter().map(|role| role.as_str().to_owned()));
        let mut callers: Vec<String> = callers.into_iter().flatten().collect();
        // What defaults and checks call is run by whoever writes; its body is the same for all.
        if callers.is_empty() {
            callers.push(String::new());
        }
        trials.extend(callers.into_iter().map(|role| Trial {
            table: None,
            part: Part::Function(signature.clone()),
            role,
            command: "call".to_owned(),
            sql: format!("SELECT {call}"),
        }));
    }
    Ok(trials)
}

/// The commands that grants allow, to be planned.
async fn commands(connection: &mut PgConnection, lock: &Schema) -> Result<Vec<Trial>, ServerError> {
    let (namespaces, names) = tables(lock);
    let rows: Vec<(String, String, String, String, String)> =
        sqlx::query_as(include_str!("../catalogue/commands.sql"))
            .bind(&namespaces)
            .bind(&names)
            .bind(roles(lock))
            .fetch_all(connection)
            .await?;
    let trial = |(namespace, name, role, command, statement)| Trial {
        table: table_name(namespace, name),
        part: Part::Table,
        role,
        command,
        sql: format!("EXPLAIN {statement}"),
    };
    Ok(rows.into_iter().map(trial).collect())
}

fn tables(lock: &Schema) -> (Vec<String>, Vec<String>) {
    let names = lock.tables.keys();
    names
        .map(|name| (name.namespace.as_str().to_owned(), name.name.as_str().to_owned()))
        .unzip()
}

/// The roles that requests run as, and the one that looks memberships up.
fn roles(lock: &Schema) -> Vec<&str> {
    let members = (!lock.memberships.is_empty()).then_some(MEMBERS_ROLE);
    lock.session_roles
        .iter()
        .map(Ident::as_str)
        .chain(members)
        .collect()
}

/// Notes an error that no other row would make go away.
fn note(trial: &Trial, error: ServerError, places: &Places, found: &mut Vec<Refused>) {
    let class = error
        .code
        .as_deref()
        .and_then(|code| code.get(..2))
        .unwrap_or_default();
    if !matches!(class, "42" | "54" | "0A") {
        return;
    }
    let table = trial.table.as_ref();
    let table_text = table.map(ToString::to_string);
    let (object, policy, declared) = match &trial.part {
        Part::Policy(policy) => (
            format!("policy {policy} on {}", table_text.as_deref().unwrap_or_default()),
            Some(policy.as_str().to_owned()),
            table.and_then(|table| places.policy(table, policy).or_else(|| places.table(table))),
        ),
        Part::Function(signature) => (format!("function {signature}"), None, places.function(signature)),
        Part::Table => (
            format!("table {}", table_text.as_deref().unwrap_or_default()),
            None,
            table.and_then(|table| places.table(table)),
        ),
    };
    // A policy or function that is known to be the one says it for the commands of its table too.
    // Of a recursion the server names the table where it noticed it, which is another one from each side.
    let known = |refused: &Refused| {
        let same = refused.error.code == error.code
            && (refused.error.message == error.message || error.is("42P17"))
            && refused.role == trial.role;
        same && match &trial.part {
            Part::Table => refused.table == table_text,
            Part::Function(_) => true,
            Part::Policy(_) => refused.object == object,
        }
    };
    if found.iter().any(known) {
        return;
    }
    found.push(Refused {
        advice: advice(&error, &trial.role),
        object,
        policy,
        table: table_text,
        role: trial.role.clone(),
        command: trial.command.clone(),
        error,
        declared: declared.cloned(),
    });
}

/// What to write.
fn advice(error: &ServerError, role: &str) -> Option<String> {
    let denied = error.message.strip_prefix("permission denied for ");
    let (kind, name) = denied
        .and_then(|denied| denied.split_once(' '))
        .unwrap_or_default();
    Some(match error.code.as_deref()? {
        "42P17" | "54001" => {
            "it reads its own table, by itself or through the policies and functions of others; write `member = \
             \"table(group, user)\"`, which looks memberships up without them"
                .to_owned()
        }
        "42501" => match kind {
            "function" => format!(
                "put the function into `authz/sql`, whose functions are granted to the roles of the policies that call \
                 them, or write `GRANT EXECUTE ON FUNCTION {name}(…) TO {role}` where a migration makes it"
            ),
            "schema" => format!("write `GRANT USAGE ON SCHEMA {name} TO {role}` in the migration that makes it"),
            _ => format!(
                "let {role} read it, `#[rls(select = …, to = \"{role}\")]` on the struct of {name}, or look memberships \
                 up with `member = …`, which needs no such right"
            ),
        },
        "42883" | "42804" => {
            "compare values of one type: auth.uid() is uuid, auth.user_id() is text; or cast one of them".to_owned()
        }
        _ => return None,
    })
}

/// A policy that reads a table whose policies read each other has no fault of its own: these are found by themselves.
fn drop_those_that_only_lead_there(found: &mut Vec<Refused>) {
    let own = |refused: &Refused| {
        let table = refused.table.as_deref()?;
        Some(
            table
                .rsplit('.')
                .next()
                .unwrap_or(table)
                .trim_matches('"')
                .to_owned(),
        )
    };
    let mut leads: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for refused in found.iter().filter(|refused| refused.error.is("42P17")) {
        if let (Some(table), Some(relation)) = (own(refused), refused.error.message.split('"').nth(1)) {
            leads.entry(table).or_default().insert(relation.to_owned());
        }
    }
    let comes_back = |table: &str| {
        let mut open: Vec<&str> = vec![table];
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        while let Some(next) = open.pop() {
            for relation in leads.get(next).into_iter().flatten() {
                if relation == table {
                    return true;
                }
                if seen.insert(relation) {
                    open.push(relation);
                }
            }
        }
        false
    };
    let any = leads.keys().any(|table| comes_back(table));
    found.retain(|refused| {
        !any || !refused.error.is("42P17") || own(refused).is_some_and(|table| comes_back(&table))
    });
}
