//! Reads a database's catalogue into plain values. Every text is PostgreSQL's own.
//!
//! One read-only transaction with an empty search path, so that names are whole and nothing changes. What no struct
//! declares is listed too: nothing is left out in silence.

use std::collections::BTreeSet;

use authz_schema::auth::FUNCTIONS;
use authz_schema::config::Platform;
use authz_schema::schema::{Command, EnumType, TableName};
use authz_sql::Ident;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sqlx::{AssertSqlSafe, PgConnection};

use super::CatalogueError;

/// What a catalogue says of some namespaces.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) tables: Vec<LiveTable>,
    pub(crate) enums: Vec<LiveEnum>,
    /// The roles that row security does not bind.
    pub(crate) unbound_roles: BTreeSet<Ident>,
    /// What no struct declares.
    pub(crate) others: Vec<Other>,
    /// Whose database it looks like.
    pub(crate) platform: Platform,
}

/// A table with all that belongs to it.
#[derive(Debug, Deserialize)]
pub(crate) struct LiveTable {
    #[serde(flatten)]
    pub(crate) name: TableName,
    /// Why it is no table of its own, such as `partitioned`.
    pub(crate) special: String,
    /// What no attribute says of it, such as `UNLOGGED`.
    pub(crate) options: String,
    pub(crate) row_security: bool,
    pub(crate) forced: bool,
    pub(crate) comment: Option<String>,
    #[serde(skip)]
    pub(crate) columns: Vec<LiveColumn>,
    #[serde(skip)]
    pub(crate) constraints: Vec<LiveConstraint>,
    #[serde(skip)]
    pub(crate) indexes: Vec<LiveIndex>,
    #[serde(skip)]
    pub(crate) policies: Vec<LivePolicy>,
    #[serde(skip)]
    pub(crate) grants: Vec<LiveGrant>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveColumn {
    table: TableName,
    pub(crate) name: Ident,
    #[serde(rename = "type")]
    pub(crate) column_type: String,
    /// `pg_type.typtype` of the type, or of an array's items.
    pub(crate) type_kind: String,
    /// Its name in the catalogue, or that of an array's items.
    pub(crate) type_name: TableName,
    pub(crate) not_null: bool,
    pub(crate) identity: Option<LiveIdentity>,
    pub(crate) generated: Option<Generated>,
    pub(crate) default: Option<String>,
    /// The sequence that goes with the column.
    pub(crate) sequence: Option<String>,
    /// Whether the default counts by that sequence, as `serial` does.
    pub(crate) counts: bool,
    pub(crate) sequence_options: Option<String>,
    pub(crate) collation: Option<String>,
    pub(crate) options: Option<String>,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LiveIdentity {
    Always,
    ByDefault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Generated {
    Stored,
    Virtual,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveConstraint {
    table: TableName,
    pub(crate) name: Ident,
    /// `pg_constraint.contype`
    pub(crate) kind: String,
    pub(crate) columns: Vec<Ident>,
    pub(crate) expression: Option<String>,
    pub(crate) references: Option<LiveReference>,
    pub(crate) options: Option<String>,
    pub(crate) definition: String,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveReference {
    pub(crate) table: TableName,
    pub(crate) columns: Vec<Ident>,
    /// `pg_constraint.confdeltype`
    pub(crate) on_delete: String,
    pub(crate) on_update: String,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveIndex {
    table: TableName,
    pub(crate) name: Ident,
    pub(crate) unique: bool,
    pub(crate) method: String,
    pub(crate) keys: Vec<String>,
    /// Which keys are no plain columns.
    pub(crate) expressions: Vec<bool>,
    pub(crate) include: Vec<Ident>,
    pub(crate) predicate: Option<String>,
    pub(crate) columns: Vec<Ident>,
    pub(crate) options: Option<String>,
    pub(crate) definition: String,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LivePolicy {
    table: TableName,
    pub(crate) name: Ident,
    /// `None` for ALL.
    pub(crate) command: Option<Command>,
    pub(crate) restrictive: bool,
    /// `None` among them is PUBLIC.
    pub(crate) roles: BTreeSet<Option<Ident>>,
    pub(crate) using: Option<String>,
    pub(crate) with_check: Option<String>,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveGrant {
    table: TableName,
    pub(crate) column: Option<Ident>,
    /// `None` is PUBLIC.
    pub(crate) role: Option<Ident>,
    /// Row security does not bind the role.
    pub(crate) bypasses: bool,
    pub(crate) privilege: String,
    pub(crate) grantable: bool,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveEnum {
    pub(crate) name: TableName,
    pub(crate) values: Vec<String>,
    pub(crate) comment: Option<String>,
}

impl LiveEnum {
    /// As models declare it.
    pub(crate) fn declared(&self) -> EnumType {
        EnumType {
            name: self.name.clone(),
            values: self.values.clone(),
            comment: self.comment.clone(),
        }
    }
}

/// Something that no struct declares.
#[derive(Debug, Deserialize)]
pub(crate) struct Other {
    pub(crate) object: String,
    pub(crate) why: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Namespace {
    name: Ident,
    of_extension: bool,
}

/// Reads what stands in these namespaces; in all that are no platform's where none is named.
pub(crate) async fn read(
    connection: &mut PgConnection,
    asked: &[Ident],
) -> Result<Catalogue, CatalogueError> {
    run(
        connection,
        "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = ''",
    )
    .await?;
    let catalogue = read_all(connection, asked).await;
    // Nothing was written; a connection that failed is closed by its owner.
    run(connection, "ROLLBACK").await?;
    catalogue
}

async fn read_all(connection: &mut PgConnection, asked: &[Ident]) -> Result<Catalogue, CatalogueError> {
    let all: Vec<Namespace> = rows(connection, include_str!("introspect/namespaces.sql"), &[]).await?;
    if let Some(missing) = asked
        .iter()
        .find(|name| !all.iter().any(|namespace| namespace.name == **name))
    {
        return Err(CatalogueError::NoNamespace(missing.clone()));
    }
    let of_platform =
        |namespace: &Namespace| namespace.of_extension || is_of_a_platform(namespace.name.as_str());
    if let Some(other) = all
        .iter()
        .find(|namespace| asked.contains(&namespace.name) && of_platform(namespace))
    {
        return Err(CatalogueError::PlatformNamespace(other.name.clone()));
    }
    let ours = all
        .into_iter()
        .filter(|namespace| !of_platform(namespace) && (asked.is_empty() || asked.contains(&namespace.name)));
    let names: Vec<String> = ours.map(|namespace| namespace.name.into()).collect();
    let mut tables: Vec<LiveTable> = rows(connection, include_str!("introspect/tables.sql"), &names).await?;
    let mut catalogue = Catalogue {
        enums: rows(connection, include_str!("introspect/enums.sql"), &names).await?,
        others: rows(connection, include_str!("introspect/others.sql"), &names).await?,
        unbound_roles: rows(connection, include_str!("introspect/roles.sql"), &[])
            .await?
            .into_iter()
            .collect(),
        platform: rows(connection, include_str!("introspect/platform.sql"), &[])
            .await?
            .pop()
            .unwrap_or_default(),
        tables: Vec::new(),
    };
    if asked.is_empty() && catalogue.platform == Platform::Postgres {
        let ours = FUNCTIONS.map(str::to_owned);
        let functions: Vec<Other> = rows(connection, include_str!("introspect/auth.sql"), &ours).await?;
        catalogue.others.extend(functions);
    }
    macro_rules! parts {
        ($($field:ident: $part:ty),*) => {
            $(let sql = include_str!(concat!("introspect/", stringify!($field), ".sql"));
            for part in rows::<$part>(connection, sql, &names).await? {
                place(&mut tables, part, |part| &part.table, |table| &mut table.$field);
            })*
        };
    }
    parts!(
        columns: LiveColumn,
        constraints: LiveConstraint,
        indexes: LiveIndex,
        policies: LivePolicy,
        grants: LiveGrant
    );
    let (bookkeeping, tables) = tables
        .into_iter()
        .partition(|table| is_bookkeeping(table.name.name.as_str()));
    catalogue.tables = tables;
    let bookkeeping: Vec<LiveTable> = bookkeeping;
    catalogue
        .others
        .extend(bookkeeping.into_iter().map(|table| Other {
            object: format!("table {}", table.name),
            why: Some("it is the bookkeeping of a migration tool".to_owned()),
        }));
    Ok(catalogue)
}

/// Puts a part into its table. Those of tables that are not ours are dropped.
fn place<T>(
    tables: &mut [LiveTable],
    part: T,
    of: impl Fn(&T) -> &TableName,
    list: impl Fn(&mut LiveTable) -> &mut Vec<T>,
) {
    if let Ok(index) = tables.binary_search_by(|table| table.name.cmp(of(&part)))
        && let Some(table) = tables.get_mut(index)
    {
        list(table).push(part);
    }
}

/// The tables in which other migration tools keep what has run.
fn is_bookkeeping(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "__diesel_schema_migrations",
        "__drizzle_migrations",
        "_prisma_migrations",
        "alembic_version",
        "flyway_schema_history",
        "goose_db_version",
        "schema_migrations",
        "seaql_migrations",
    ];
    NAMES.contains(&name)
}

/// The namespaces that Supabase and Neon bring, and those of their services.
fn is_of_a_platform(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "auth",
        "cron",
        "extensions",
        "graphql",
        "graphql_public",
        "net",
        "neon_auth",
        "pgbouncer",
        "realtime",
        "storage",
        "tiger",
        "vault",
    ];
    NAMES.contains(&name) || name.starts_with("pgsodium") || name.starts_with("supabase_")
}

async fn run(connection: &mut PgConnection, sql: &'static str) -> Result<(), CatalogueError> {
    sqlx::raw_sql(sql)
        .execute(connection)
        .await
        .map(drop)
        .map_err(|error| CatalogueError::Server(error.into()))
}

/// The rows of a query that gives each as JSON.
async fn rows<T: DeserializeOwned>(
    connection: &mut PgConnection,
    sql: &'static str,
    namespaces: &[String],
) -> Result<Vec<T>, CatalogueError> {
    let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
    if sql.contains("$1") {
        query = query.bind(namespaces);
    }
    let texts: Vec<String> = query
        .fetch_all(connection)
        .await
        .map_err(|error| CatalogueError::Server(error.into()))?;
    texts
        .iter()
        .map(|text| serde_json::from_str(text).map_err(CatalogueError::Json))
        .collect()
}
