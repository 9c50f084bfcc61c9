//! What the lock declares, made anew beside what hand-written migrations make.

use std::path::PathBuf;

use authz_migrate::migration::script_statements;
use authz_schema::auth;
use authz_schema::schema::{ClaimFunction, MEMBERS_ROLE, Schema};
use authz_sql::MEMBERS;
use sqlx::PgConnection;

use super::{Failure, ReplayError};
use crate::catalogue::{function_namespaces, other_functions, run};
use crate::folder::LOCK;
use crate::places::Places;

/// Drops what the lock declares and makes it from the lock. CASCADE may take what is not ours: nobody looks at that, but
/// policies may call functions that read our tables, so that these come back before the policies do.
pub(crate) async fn remake(
    connection: &mut PgConnection,
    lock: &Schema,
    places: &Places,
) -> Result<(), ReplayError> {
    let failed = |statement: &str, error: sqlx::Error| {
        ReplayError::Declared(Box::new(Failure {
            file: PathBuf::from(LOCK),
            line: None,
            statement: Some(statement.to_owned()),
            error: error.into(),
            declared: places.of_statement(statement, None).cloned(),
        }))
    };
    let functions = other_functions(connection, &functions(lock)).await;
    let functions = functions.map_err(|error| {
        ReplayError::Declared(Box::new(Failure {
            file: PathBuf::from(LOCK),
            line: None,
            statement: None,
            error,
            declared: None,
        }))
    })?;
    let clear = clear(lock);
    run(connection, &clear)
        .await
        .map_err(|error| failed(&clear, error))?;
    let mut functions = Some(functions);
    let statements = script_statements(lock).map_err(ReplayError::Plan)?;
    for statement in statements.iter().map(String::as_str) {
        if statement.starts_with("CREATE POLICY ")
            && let Some(functions) = functions.take()
        {
            restore(connection, functions)
                .await
                .map_err(|error| failed("", error))?;
        }
        // The migrations made the namespaces, and hand-written ones may have put more into them.
        let made = match statement.strip_prefix("CREATE SCHEMA ") {
            Some(namespace) => run(connection, &format!("CREATE SCHEMA IF NOT EXISTS {namespace}")).await,
            None => run(connection, statement).await,
        };
        made.map_err(|error| failed(statement, error))?;
    }
    Ok(())
}

/// The signatures of the functions that the lock declares.
fn functions(lock: &Schema) -> Vec<String> {
    let auth = lock.auth.map(|_version| auth::FUNCTIONS.map(str::to_owned));
    let members = lock.memberships.keys().map(|name| format!("{MEMBERS}.{name}()"));
    let claims = lock.claims.values().map(ClaimFunction::signature);
    claims
        .chain(auth.into_iter().flatten())
        .chain(members)
        .chain(lock.functions.keys().map(ToString::to_string))
        .collect()
}

/// The statements that drop the declared tables, types and functions, and take the roles' rights on namespaces away. Of a
/// table that is made elsewhere only what is declared on it goes.
fn clear(lock: &Schema) -> String {
    let mut sql = String::new();
    let roles = lock.session_roles.iter().map(ToString::to_string);
    let members = (!lock.memberships.is_empty()).then(|| MEMBERS_ROLE.to_owned());
    let roles: Vec<String> = roles.chain(members).collect();
    // A lock may name a role that no migration makes.
    let revoke = |on: String| -> String {
        let statements = roles.iter().map(|role| {
            format!(
                "DO $do$ BEGIN REVOKE ALL ON {on} FROM {role}; \
                 EXCEPTION WHEN undefined_object OR invalid_schema_name OR undefined_table THEN NULL; END $do$;\n"
            )
        });
        statements.collect()
    };
    for (name, table) in &lock.tables {
        if !table.existing {
            sql.push_str(&format!("DROP TABLE IF EXISTS {name} CASCADE;\n"));
            continue;
        }
        // Its policies and grants are declared, or made by hand and then of nobody's but ours to judge.
        sql.push_str(&include_str!("open.sql").replace("$table", &name.to_string()));
        sql.push_str(&format!(
            "ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;\n"
        ));
    }
    sql.extend(
        functions(lock)
            .iter()
            .map(|function| format!("DROP FUNCTION IF EXISTS {function} CASCADE;\n")),
    );
    sql.extend(
        lock.enums
            .keys()
            .map(|name| format!("DROP TYPE IF EXISTS {name} CASCADE;\n")),
    );
    let mut namespaces: Vec<String> = lock.namespaces().iter().map(ToString::to_string).collect();
    for namespace in function_namespaces(lock) {
        sql.push_str(&format!(
            "CREATE SCHEMA IF NOT EXISTS {namespace};\nREVOKE ALL ON SCHEMA {namespace} FROM PUBLIC;\n"
        ));
        namespaces.push(namespace);
    }
    sql.extend(
        namespaces
            .iter()
            .map(|namespace| revoke(format!("SCHEMA {namespace}"))),
    );
    sql
}

/// Makes those functions again that are gone.
async fn restore(connection: &mut PgConnection, functions: Vec<(i64, String)>) -> Result<(), sqlx::Error> {
    for (oid, definition) in functions {
        let gone: bool = sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM pg_proc WHERE oid::bigint = $1)")
            .bind(oid)
            .fetch_one(&mut *connection)
            .await?;
        if gone {
            run(connection, &definition).await?;
        }
    }
    Ok(())
}
