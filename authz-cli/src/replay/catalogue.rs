//! What a database's catalogue says of the objects that a schema declares, as PostgreSQL itself writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use authz_schema::schema::{ClaimFunction, MEMBERS_ROLE, Schema, TableName};
use authz_sql::Ident;
use authz_sql::MEMBERS;
use serde::Serialize;
use sqlx::PgConnection;

use super::run;

/// An object that is not what it is expected to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its kind and name.
    pub object: String,
    /// What it should be, in PostgreSQL's normal form; `None` where there should be none.
    pub expected: Option<String>,
    /// What it is.
    pub found: Option<String>,
}

impl Difference {
    /// Writes it as lines, with these words for the two sides.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn print(&self, expected: &str, found: &str, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.object)?;
        for (who, text) in [(expected, &self.expected), (found, &self.found)] {
            let text = text.as_deref().unwrap_or("missing");
            writeln!(out, "    {who}: {}", text.replace('\n', "\n        "))?;
        }
        Ok(())
    }
}

/// The catalogue's rows: object and definition.
pub(crate) type Objects = BTreeMap<String, String>;

/// The objects of these tables, and what the schema declares beside tables: functions and types.
pub(crate) async fn objects<'a>(
    connection: &mut PgConnection,
    schema: &Schema,
    tables: impl IntoIterator<Item = &'a TableName> + Clone,
) -> Result<Objects, sqlx::Error> {
    let names = |part: fn(&TableName) -> &Ident| -> Vec<String> {
        let tables = tables.clone().into_iter();
        tables.map(|table| part(table).as_str().to_owned()).collect()
    };
    // PostgreSQL writes a name without its namespace where the search path leads to it.
    run(connection, "SET search_path = ''").await?;
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("catalogue.sql"))
        .bind(names(|table| &table.namespace))
        .bind(names(|table| &table.name))
        .bind(function_namespaces(schema))
        .bind(
            schema
                .functions
                .keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
        )
        .bind(schema.enums.keys().map(ToString::to_string).collect::<Vec<_>>())
        .bind(
            schema
                .claims
                .values()
                .map(ClaimFunction::signature)
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// What the roles of a schema are and own, and what future tables would give them.
pub(crate) async fn access(connection: &mut PgConnection, schema: &Schema) -> Result<Objects, sqlx::Error> {
    run(connection, "SET search_path = ''").await?;
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("access.sql"))
        .bind(roles(schema))
        .bind(schema.login_role.as_ref().map(Ident::as_str))
        .bind(
            schema
                .namespaces()
                .into_iter()
                .map(Ident::as_str)
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The namespaces whose functions are all ours.
pub(crate) fn function_namespaces(schema: &Schema) -> Vec<String> {
    let auth = schema.auth.map(|_version| "auth".to_owned());
    let members = schema.has_members_namespace().then(|| MEMBERS.to_owned());
    auth.into_iter().chain(members).collect()
}

/// The roles whose rights are ours to watch: not those that somebody else makes.
pub(crate) fn roles(schema: &Schema) -> Vec<&str> {
    let roles = schema.session_roles.iter().chain(&schema.login_role);
    let ours = roles.filter(|role| !schema.roles.get(*role).is_some_and(|role| role.existing));
    let members = (!schema.memberships.is_empty()).then_some(MEMBERS_ROLE);
    ours.map(Ident::as_str).chain(members).collect()
}

pub(crate) fn differences(expected: &Objects, found: &Objects) -> Vec<Difference> {
    let objects: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differences = objects.into_iter().map(|object| Difference {
        object: object.clone(),
        expected: expected.get(object).cloned(),
        found: found.get(object).cloned(),
    });
    differences
        .filter(|difference| difference.expected != difference.found)
        .collect()
}
