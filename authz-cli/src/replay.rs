//! What the migrations make and what the lock declares, side by side on a throwaway server.
//!
//! Both databases run all migrations, so that functions of hand-written ones are there; in the second, the declared
//! objects are then dropped and made again from the lock. Text of ours is never compared with the server's: both sides
//! are the server's own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use authz_schema::auth;
use authz_schema::diff::SchemaDiff;
use authz_schema::plan::Plan;
use authz_schema::schema::{Schema, TableName};
use authz_schema::sql::Ident;
use authz_throwaway::Server;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection as _, PgConnection};

/// An object that is not what the lock declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its kind and name.
    pub object: String,
    /// What the lock declares, in PostgreSQL's normal form.
    pub declared: Option<String>,
    /// What the migrations make.
    pub replayed: Option<String>,
}

/// Why the comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no server to replay on.
    #[error("no throwaway PostgreSQL server could be started; `--no-replay` compares without one")]
    Server(#[from] authz_throwaway::Error),
    /// The runtime could not start.
    #[error("no async runtime could be started")]
    Runtime(#[from] std::io::Error),
    /// sqlx cannot read the folder, or a migration fails.
    #[error("the migrations in `{}` cannot be applied to an empty database", folder.display())]
    Migrate {
        /// The folder.
        folder: PathBuf,
        /// Which and why.
        source: Box<MigrateError>,
    },
    /// What the lock declares cannot be created.
    #[error("what the lock declares cannot be created")]
    Declared(#[source] sqlx::Error),
    /// The server's catalogue cannot be read.
    #[error("the throwaway server failed")]
    Database(#[source] sqlx::Error),
}

/// The catalogue's rows: object and definition.
type Objects = BTreeMap<String, String>;

/// Compares what the migrations in `folder` make with what `lock` declares.
///
/// # Errors
///
/// [`ReplayError`] when there is no server, or a migration fails on an empty database.
pub fn compare(folder: &Path, lock: &Schema) -> Result<Vec<Difference>, ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = Server::start()?;
    runtime.block_on(async {
        let mut replayed = replay(&server, "replayed", folder).await?;
        // Roles belong to the server: with one that is too strong the same migrations would not run once more.
        let strong = strong_roles(&mut replayed, lock)
            .await
            .map_err(ReplayError::Database)?;
        if !strong.is_empty() {
            return Ok(strong);
        }
        let mut declared = replay(&server, "declared", folder).await?;
        remake(&mut declared, lock).await.map_err(ReplayError::Declared)?;
        let replayed = objects(&mut replayed, lock)
            .await
            .map_err(ReplayError::Database)?;
        let declared = objects(&mut declared, lock)
            .await
            .map_err(ReplayError::Database)?;
        Ok(differences(&declared, &replayed))
    })
}

async fn replay(server: &Server, database: &str, folder: &Path) -> Result<PgConnection, ReplayError> {
    let connect = async |database: &str| PgConnection::connect(&server.url(database)).await;
    let create = async {
        let mut admin = connect("postgres").await?;
        run(&mut admin, &format!("CREATE DATABASE {database}")).await?;
        connect(database).await
    };
    let mut connection = create.await.map_err(ReplayError::Database)?;
    if folder.is_dir() {
        let failed = |source| ReplayError::Migrate {
            folder: folder.to_owned(),
            source: Box::new(source),
        };
        let migrator = Migrator::new(folder).await.map_err(failed)?;
        migrator
            .run_direct(None, &mut connection, false)
            .await
            .map_err(failed)?;
    }
    Ok(connection)
}

/// The roles of the lock to which the migrations gave rights that row security does not bind, or that lead to such.
async fn strong_roles(connection: &mut PgConnection, lock: &Schema) -> Result<Vec<Difference>, sqlx::Error> {
    let roles = lock.session_roles.iter().chain(&lock.login_role);
    let names: Vec<String> = roles.map(|role| role.as_str().to_owned()).collect();
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("replay/roles.sql"))
        .bind(names)
        .fetch_all(connection)
        .await?;
    let difference = |(role, rights)| Difference {
        object: format!("role {role}"),
        declared: Some("no rights of its own".to_owned()),
        replayed: Some(rights),
    };
    Ok(rows.into_iter().map(difference).collect())
}

/// Drops what the lock declares and makes it from the lock. CASCADE may take what is not ours: nobody looks at that, but
/// policies may call functions that read our tables, so that these come back before the policies do.
async fn remake(connection: &mut PgConnection, lock: &Schema) -> Result<(), sqlx::Error> {
    let functions = foreign_functions(connection).await?;
    run(connection, &clear(lock)).await?;
    let mut functions = Some(functions);
    let empty = Schema::default();
    for statement in Plan::of(&SchemaDiff::of(&empty, lock)).statements() {
        if statement.starts_with("CREATE POLICY ")
            && let Some(functions) = functions.take()
        {
            restore(connection, functions).await?;
        }
        // The migrations made the namespaces, and hand-written ones may have put more into them.
        match statement.strip_prefix("CREATE SCHEMA ") {
            Some(namespace) => {
                run(connection, &format!("CREATE SCHEMA IF NOT EXISTS {namespace}")).await?;
            }
            None => run(connection, statement).await?,
        }
    }
    Ok(())
}

/// The statements that drop the declared tables and functions, and take the roles' rights on namespaces away.
fn clear(lock: &Schema) -> String {
    let mut sql: String = lock
        .tables
        .keys()
        .map(|table| format!("DROP TABLE IF EXISTS {table} CASCADE;\n"))
        .collect();
    let mut namespaces: Vec<String> = lock.namespaces().iter().map(ToString::to_string).collect();
    if lock.auth.is_some() {
        sql.extend(auth::FUNCTIONS.map(|function| format!("DROP FUNCTION IF EXISTS {function} CASCADE;\n")));
        sql.push_str("CREATE SCHEMA IF NOT EXISTS auth;\nREVOKE ALL ON SCHEMA auth FROM PUBLIC;\n");
        namespaces.push("auth".to_owned());
    }
    for namespace in namespaces {
        for role in &lock.session_roles {
            // A lock may name a role that no migration makes.
            sql.push_str(&format!(
                "DO $do$ BEGIN REVOKE ALL ON SCHEMA {namespace} FROM {role}; \
                 EXCEPTION WHEN undefined_object OR invalid_schema_name THEN NULL; END $do$;\n"
            ));
        }
    }
    sql
}

/// The functions that the lock does not declare: oid and definition, in the order in which they were made.
async fn foreign_functions(connection: &mut PgConnection) -> Result<Vec<(i64, String)>, sqlx::Error> {
    // PostgreSQL writes a name without its namespace where the search path leads to it.
    run(connection, "SET search_path = ''").await?;
    let functions = sqlx::query_as(include_str!("replay/functions.sql"))
        .bind(auth::FUNCTIONS.map(str::to_owned).to_vec())
        .fetch_all(&mut *connection)
        .await?;
    run(connection, "RESET search_path").await?;
    Ok(functions)
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

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn objects(connection: &mut PgConnection, lock: &Schema) -> Result<Objects, sqlx::Error> {
    let names = |part: fn(&TableName) -> &Ident| -> Vec<String> {
        lock.tables
            .keys()
            .map(|table| part(table).as_str().to_owned())
            .collect()
    };
    run(connection, "SET search_path = ''").await?;
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("replay/catalogue.sql"))
        .bind(names(|table| &table.namespace))
        .bind(names(|table| &table.name))
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().collect())
}

fn differences(declared: &Objects, replayed: &Objects) -> Vec<Difference> {
    let objects: BTreeSet<&String> = declared.keys().chain(replayed.keys()).collect();
    let differences = objects.into_iter().map(|object| Difference {
        object: object.clone(),
        declared: declared.get(object).cloned(),
        replayed: replayed.get(object).cloned(),
    });
    differences
        .filter(|difference| difference.declared != difference.replayed)
        .collect()
}
