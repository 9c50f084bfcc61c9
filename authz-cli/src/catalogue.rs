//! What a database's catalogue says of its objects, as PostgreSQL itself writes it: the one reader of `check`, `drift` and
//! `pull`. `objects` gives texts to compare, `introspect` the values that models are made of.

pub(crate) mod introspect;
mod rights;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use authz_schema::schema::{ClaimFunction, MEMBERS_ROLE, Schema, TableName};
use authz_sql::Ident;
use authz_sql::MEMBERS;
use serde::Serialize;
use sqlx::PgConnection;

use crate::server_error::ServerError;

pub use self::rights::OwnersRights;
pub(crate) use self::rights::owners_rights;

/// An object that is not what it is expected to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its kind and name.
    pub object: String,
    /// What it should be, in PostgreSQL's normal form; `None` where there should be none.
    pub expected: Option<String>,
    /// What it is.
    pub found: Option<String>,
    /// What to do, where that is not to mend the migration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
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
        if let Some(advice) = &self.advice {
            writeln!(out, "    {advice}")?;
        }
        Ok(())
    }
}

/// Why a catalogue cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The server fails.
    #[error("the database failed while its catalogue was read")]
    Server(#[source] ServerError),
    /// The catalogue says what no version of PostgreSQL from 14 to 18 says.
    #[error("the catalogue cannot be understood")]
    Json(#[source] serde_json::Error),
    /// The database has no such namespace.
    #[error("the database has no schema `{}`", .0.as_str())]
    NoNamespace(Ident),
    /// The namespace belongs to a platform or an extension.
    #[error("the schema `{}` belongs to the platform or an extension, and no model declares what is in it", .0.as_str())]
    PlatformNamespace(Ident),
}

/// What kind of object a row of the catalogue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Table,
    Column,
    Constraint,
    Index,
    Policy,
    Trigger,
    /// Privileges of one role on a table or a column.
    Grant,
    /// Privileges of one role on a table's sequence.
    SequenceGrant,
    /// Who may use a namespace.
    Usage,
    Other,
}

impl Kind {
    fn of(word: &str) -> Self {
        match word {
            "table" => Self::Table,
            "column" => Self::Column,
            "constraint" => Self::Constraint,
            "index" => Self::Index,
            "policy" => Self::Policy,
            "trigger" => Self::Trigger,
            "grant" => Self::Grant,
            "sequence_grant" => Self::SequenceGrant,
            "usage" => Self::Usage,
            _ => Self::Other,
        }
    }
}

/// An object of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) kind: Kind,
    /// What PostgreSQL says it is; of privileges a list.
    pub(crate) definition: String,
    pub(crate) namespace: Option<String>,
    /// Its table.
    pub(crate) table: Option<String>,
    /// Its own name in the table.
    pub(crate) part: Option<String>,
    /// The role that has the privileges.
    pub(crate) role: Option<String>,
    /// What tells it from all others of the database.
    pub(crate) id: Option<String>,
}

/// The catalogue's rows by what messages call them.
pub(crate) type Objects = BTreeMap<String, Object>;

type Row = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// What is read of a database.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) schema: &'a Schema,
    /// The role that migrates.
    pub(crate) migrator: &'a str,
}

/// The objects of these tables, and what the schema declares beside tables: functions and types.
pub(crate) async fn objects<'a>(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    tables: impl IntoIterator<Item = &'a TableName>,
) -> Result<Objects, ServerError> {
    let schema = wanted.schema;
    let names = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>();
    let lists = Lists {
        tables: tables.into_iter().cloned().collect(),
        namespaces: function_namespaces(schema),
        functions: names(&mut schema.functions.keys().map(ToString::to_string)),
        enums: names(&mut schema.enums.keys().map(ToString::to_string)),
        claims: names(&mut schema.claims.values().map(ClaimFunction::signature)),
    };
    without_search_path(connection).await?;
    read(connection, wanted, lists).await
}

/// All objects of a database but those of the system, of extensions, and the table of sqlx; read again where they may have
/// changed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Everything {
    pub(crate) objects: Objects,
    stamps: BTreeMap<TableName, i64>,
}

impl Everything {
    /// Reads what has changed since, or all of it. PostgreSQL writes another text for what nobody touched where something is
    /// renamed, so that then all is read.
    pub(crate) async fn read(
        &self,
        connection: &mut PgConnection,
        wanted: Wanted<'_>,
        bookkeeping: &str,
        renamed: bool,
    ) -> Result<Self, ServerError> {
        let tables = all_tables(connection, bookkeeping).await?;
        let stamps = stamps(connection).await?;
        without_search_path(connection).await?;
        let changed = |table: &&TableName| renamed || self.stamps.get(*table) != stamps.get(*table);
        let read_again: BTreeSet<TableName> = tables.iter().filter(changed).cloned().collect();
        let mut objects = self.objects.clone();
        objects.retain(|_, object| {
            let names = object.namespace.clone().zip(object.table.clone());
            let table = names.and_then(|(namespace, name)| table_name(namespace, name));
            object.is_of_table()
                && table.is_some_and(|table| tables.contains(&table) && !read_again.contains(&table))
        });
        let others: Vec<Row> = sqlx::query_as(include_str!("catalogue/others.sql"))
            .fetch_all(&mut *connection)
            .await?;
        let others: Objects = others.into_iter().map(object).collect();
        let namespaces = others.values().filter_map(|object| object.namespace.clone());
        let namespaces: BTreeSet<String> = namespaces.collect();
        let enums: Vec<String> =
            sqlx::query_scalar("SELECT oid::regtype::text FROM pg_type WHERE typtype = 'e' AND oid >= 16384")
                .fetch_all(&mut *connection)
                .await?;
        let lists = Lists {
            tables: read_again.into_iter().collect(),
            namespaces: namespaces.into_iter().collect(),
            functions: Vec::new(),
            enums,
            claims: Vec::new(),
        };
        objects.extend(read(connection, wanted, lists).await?);
        objects.extend(others);
        run(connection, "RESET search_path").await?;
        Ok(Self { objects, stamps })
    }
}

impl Object {
    fn is_of_table(&self) -> bool {
        !matches!(self.kind, Kind::Usage | Kind::Other)
    }
}

/// A number for each table that is another one after each change of it.
async fn stamps(connection: &mut PgConnection) -> Result<BTreeMap<TableName, i64>, ServerError> {
    let rows: Vec<(String, String, i64)> = sqlx::query_as(include_str!("catalogue/fingerprints.sql"))
        .fetch_all(connection)
        .await?;
    let stamps = rows
        .into_iter()
        .filter_map(|(namespace, name, stamp)| Some((table_name(namespace, name)?, stamp)));
    Ok(stamps.collect())
}

/// All tables but those of the system, of extensions, and the table of sqlx.
pub(crate) async fn all_tables(
    connection: &mut PgConnection,
    bookkeeping: &str,
) -> Result<BTreeSet<TableName>, ServerError> {
    let tables: Vec<(String, String)> = sqlx::query_as(include_str!("catalogue/all.sql"))
        .bind(bookkeeping)
        .fetch_all(connection)
        .await?;
    let names = tables.into_iter();
    Ok(names
        .filter_map(|(namespace, name)| table_name(namespace, name))
        .collect())
}

struct Lists {
    tables: Vec<TableName>,
    namespaces: Vec<String>,
    functions: Vec<String>,
    enums: Vec<String>,
    claims: Vec<String>,
}

async fn read(
    connection: &mut PgConnection,
    wanted: Wanted<'_>,
    lists: Lists,
) -> Result<Objects, ServerError> {
    let part = |part: fn(&TableName) -> &Ident| -> Vec<String> {
        let tables = lists.tables.iter();
        tables.map(|table| part(table).as_str().to_owned()).collect()
    };
    let existing = lists.tables.iter().map(|name| {
        let table = wanted.schema.tables.get(name);
        table.is_some_and(|table| table.existing)
    });
    let rows: Vec<Row> = sqlx::query_as(include_str!("catalogue/objects.sql"))
        .bind(part(|table| &table.namespace))
        .bind(part(|table| &table.name))
        .bind(existing.collect::<Vec<_>>())
        .bind(lists.namespaces)
        .bind(lists.functions)
        .bind(lists.enums)
        .bind(lists.claims)
        .bind(wanted.migrator)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(object).collect())
}

fn object((kind, name, definition, namespace, table, part, role, id): Row) -> (String, Object) {
    let object = Object {
        kind: Kind::of(&kind),
        definition,
        namespace,
        table,
        part,
        role,
        id,
    };
    (name, object)
}

/// What the roles of a schema are and own, and what future tables would give them.
pub(crate) async fn access(connection: &mut PgConnection, schema: &Schema) -> Result<Objects, ServerError> {
    without_search_path(connection).await?;
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("catalogue/access.sql"))
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
    let row =
        |(name, definition)| object(("role".to_owned(), name, definition, None, None, None, None, None));
    Ok(rows.into_iter().map(row).collect())
}

/// The roles of the schema that have rights which row security does not bind, or that lead to such.
pub(crate) async fn strong_roles(
    connection: &mut PgConnection,
    schema: &Schema,
) -> Result<Vec<Difference>, ServerError> {
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("catalogue/strong_roles.sql"))
        .bind(roles(schema))
        .fetch_all(connection)
        .await?;
    let difference = |(role, rights)| Difference {
        object: format!("role {role}"),
        expected: Some("no rights of its own".to_owned()),
        found: Some(rights),
        advice: None,
    };
    Ok(rows.into_iter().map(difference).collect())
}

/// The functions that are not among these signatures: oid and definition, in the order in which they were made.
pub(crate) async fn other_functions(
    connection: &mut PgConnection,
    signatures: &[String],
) -> Result<Vec<(i64, String)>, ServerError> {
    without_search_path(connection).await?;
    let functions = sqlx::query_as(include_str!("catalogue/functions.sql"))
        .bind(signatures)
        .fetch_all(&mut *connection)
        .await?;
    run(connection, "RESET search_path").await?;
    Ok(functions)
}

/// The ids of the columns, constraints, indexes and triggers that there are.
pub(crate) async fn made(connection: &mut PgConnection) -> Result<BTreeSet<String>, ServerError> {
    let ids: Vec<String> = sqlx::query_scalar(include_str!("catalogue/made.sql"))
        .fetch_all(connection)
        .await?;
    Ok(ids.into_iter().collect())
}

/// PostgreSQL writes a name without its namespace where the search path leads to it.
async fn without_search_path(connection: &mut PgConnection) -> Result<(), ServerError> {
    Ok(run(connection, "SET search_path = ''").await?)
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

/// A table by its two names.
pub(crate) fn table_name(namespace: String, name: String) -> Option<TableName> {
    Some(TableName {
        namespace: Ident::new(namespace).ok()?,
        name: Ident::new(name).ok()?,
    })
}

pub(crate) fn differences(expected: &Objects, found: &Objects) -> Vec<Difference> {
    let objects: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let text = |objects: &Objects, name: &String| objects.get(name).map(|object| object.definition.clone());
    let differences = objects.into_iter().map(|object| Difference {
        object: object.clone(),
        expected: text(expected, object),
        found: text(found, object),
        advice: None,
    });
    differences
        .filter(|difference| difference.expected != difference.found)
        .collect()
}

/// Runs statements.
pub(crate) async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}
