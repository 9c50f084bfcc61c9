//! What the migrations make and what the lock declares, side by side on a throwaway server.
//!
//! Both databases run all migrations, so that functions of hand-written ones are there; in the second, the declared
//! objects are then dropped and made again from the lock. Text of ours is never compared with the server's: both sides
//! are the server's own.

pub mod catalogue;

use std::io;
use std::path::{Path, PathBuf};

use authz_migrate::migration::script_statements;
use authz_schema::auth;
use authz_schema::schema::{ClaimFunction, MEMBERS_ROLE, Schema};
use authz_sql::MEMBERS;
use authz_throwaway::{Binaries, Server};
use sqlx::migrate::{MigrateError, Migration, MigrationSource as _, Migrator, ResolveWith};
use sqlx::{Connection as _, PgConnection};

use self::catalogue::{Difference, differences, objects};
use crate::progress::{count, stage};
use crate::project::SqlxSettings;

/// Why the comparison could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no server to replay on.
    #[error("no throwaway PostgreSQL server could be started; `check --no-replay` needs none")]
    Server(#[from] authz_throwaway::Error),
    /// The runtime could not start.
    #[error("no async runtime could be started")]
    Runtime(#[from] io::Error),
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

/// Compares what the migrations in `folder` make with what `lock` declares.
///
/// # Errors
///
/// [`ReplayError`] when there is no server, or a migration fails on an empty database.
pub fn compare(folder: &Path, lock: &Schema) -> Result<Vec<Difference>, ReplayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let server = start()?;
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
        let replayed = objects(&mut replayed, lock, lock.tables.keys())
            .await
            .map_err(ReplayError::Database)?;
        let declared = objects(&mut declared, lock, lock.tables.keys())
            .await
            .map_err(ReplayError::Database)?;
        Ok(differences(&declared, &replayed))
    })
}

/// A new database with all that the migrations in `folder` make.
pub(crate) async fn replay(
    server: &Server,
    database: &str,
    folder: &Path,
) -> Result<PgConnection, ReplayError> {
    let settings = SqlxSettings::default();
    let mut connection = new_database(server, database).await?;
    let migrations = migrations(folder, &settings).await?;
    apply(&mut connection, folder, &settings, migrations).await?;
    Ok(connection)
}

/// Starts a throwaway server.
pub(crate) fn start() -> Result<Server, authz_throwaway::Error> {
    let binaries = Binaries::find()?;
    stage(format_args!("starting PostgreSQL {}", binaries.version()));
    Server::builder().binaries(binaries).start()
}

/// A new and empty database.
pub(crate) async fn new_database(server: &Server, database: &str) -> Result<PgConnection, ReplayError> {
    let connect = async |database: &str| PgConnection::connect(&server.url(database)).await;
    let create = async {
        let mut admin = connect("postgres").await?;
        run(&mut admin, &format!("CREATE DATABASE {database}")).await?;
        connect(database).await
    };
    create.await.map_err(ReplayError::Database)
}

/// The migrations in `folder` that sqlx applies, the oldest first.
pub(crate) async fn migrations(
    folder: &Path,
    settings: &SqlxSettings,
) -> Result<Vec<Migration>, ReplayError> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let source = ResolveWith(folder, settings.resolve_config());
    let failed = |source| ReplayError::Migrate {
        folder: folder.to_owned(),
        source: Box::new(MigrateError::Source(source)),
    };
    let mut migrations = source.resolve().await.map_err(failed)?;
    migrations.retain(|migration| migration.migration_type.is_up_migration());
    Ok(migrations)
}

/// Applies migrations to a database as `sqlx migrate run` does.
pub(crate) async fn apply(
    connection: &mut PgConnection,
    folder: &Path,
    settings: &SqlxSettings,
    migrations: Vec<Migration>,
) -> Result<(), ReplayError> {
    stage(format_args!("replaying {}", count(migrations.len(), "migration")));
    let mut migrator = Migrator::with_migrations(migrations);
    for namespace in settings.create_schemas() {
        migrator.create_schema(namespace.to_owned());
    }
    migrator.dangerous_set_table_name(settings.table_name().to_owned());
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|source| ReplayError::Migrate {
            folder: folder.to_owned(),
            source: Box::new(source),
        })
}

/// The roles of the lock to which the migrations gave rights that row security does not bind, or that lead to such.
async fn strong_roles(connection: &mut PgConnection, lock: &Schema) -> Result<Vec<Difference>, sqlx::Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(include_str!("replay/roles.sql"))
        .bind(catalogue::roles(lock))
        .fetch_all(connection)
        .await?;
    let difference = |(role, rights)| Difference {
        object: format!("role {role}"),
        expected: Some("no rights of its own".to_owned()),
        found: Some(rights),
    };
    Ok(rows.into_iter().map(difference).collect())
}

/// Drops what the lock declares and makes it from the lock. CASCADE may take what is not ours: nobody looks at that, but
/// policies may call functions that read our tables, so that these come back before the policies do.
pub(crate) async fn remake(connection: &mut PgConnection, lock: &Schema) -> Result<(), sqlx::Error> {
    let functions = foreign_functions(connection, lock).await?;
    run(connection, &clear(lock)).await?;
    let mut functions = Some(functions);
    let statements = script_statements(lock).map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
    for statement in statements.iter().map(String::as_str) {
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
        for policy in &table.policies {
            sql.push_str(&format!("DROP POLICY IF EXISTS {} ON {name};\n", policy.name));
        }
        sql.push_str(&format!(
            "ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY;\n"
        ));
        sql.push_str(&revoke(name.to_string()));
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
    for namespace in catalogue::function_namespaces(lock) {
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

/// The functions that the lock does not declare: oid and definition, in the order in which they were made.
async fn foreign_functions(
    connection: &mut PgConnection,
    lock: &Schema,
) -> Result<Vec<(i64, String)>, sqlx::Error> {
    // PostgreSQL writes a name without its namespace where the search path leads to it.
    run(connection, "SET search_path = ''").await?;
    let functions = sqlx::query_as(include_str!("replay/functions.sql"))
        .bind(functions(lock))
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
