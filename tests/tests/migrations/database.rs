//! Databases of the tests, all on one throwaway server.
//!
//! Migrations run as a managed service lets one run them: as [`OWNER`], who owns the database and may make roles, and whom row
//! security binds like anybody. The superuser writes rows for everybody, and looks.

use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use authz_migrate::migration::script;
use authz_schema::schema::Schema;
use authz_throwaway::Server;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::package::Package;

/// Who owns the databases: no superuser, and without BYPASSRLS.
///
/// One for all databases of a server. Session roles belong to the server, and from PostgreSQL 16 on only who made a role may
/// grant it: see `owner.rs` for a second owner.
pub(crate) const OWNER: &str = "own";

/// A database with a connection of its owner, who migrates, and one of the superuser.
pub(crate) struct Database {
    /// Its URL, with the password of the superuser.
    pub(crate) url: String,
    /// The superuser's.
    pub(crate) connection: PgConnection,
    /// The owner's.
    pub(crate) owner: PgConnection,
}

/// The server of this program. It ends with the process.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start().unwrap())
}

/// Runs a test's future.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

impl Database {
    /// An empty database on the server of this program.
    pub(crate) async fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("db{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        Self::on(server(), name).await
    }

    /// An empty database of this name on a server.
    pub(crate) async fn on(server: &Server, name: String) -> Self {
        Self::owned_by(OWNER, server, name).await
    }

    /// An empty database that belongs to this role, which is made if it is not there.
    pub(crate) async fn owned_by(owner: &str, server: &Server, name: String) -> Self {
        let mut admin = PgConnection::connect(&server.url("postgres")).await.unwrap();
        let role = format!("CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD '{owner}'");
        execute(&mut admin, &unless_there(&role)).await.unwrap();
        execute(&mut admin, &format!("CREATE DATABASE {name} OWNER {owner}"))
            .await
            .unwrap();
        let url = server.url(&name);
        let mut connection = PgConnection::connect(&url).await.unwrap();
        if server.version().major() < 15 {
            // From 15 on `public` belongs to whoever owns the database.
            let sql = format!("ALTER SCHEMA public OWNER TO {owner}");
            execute(&mut connection, &sql).await.unwrap();
        }
        let options: PgConnectOptions = url.parse().unwrap();
        let owner = PgConnection::connect_with(&options.username(owner).password(owner))
            .await
            .unwrap();
        Self {
            url,
            connection,
            owner,
        }
    }

    /// An empty database whose migrations the superuser runs.
    pub(crate) async fn of_superuser() -> Self {
        let mut database = Self::new().await;
        database.owner = PgConnection::connect(&database.url).await.unwrap();
        database
    }

    /// A database with all that a schema declares.
    pub(crate) async fn fresh(schema: &Schema) -> Self {
        let mut database = Self::new().await;
        database.build(schema).await;
        database
    }

    /// Makes all that a schema declares, from nothing.
    pub(crate) async fn build(&mut self, schema: &Schema) {
        self.execute_as_owner(&script(schema).unwrap()).await;
    }

    /// Applies the migrations of a package that have not run yet.
    pub(crate) async fn migrate(&mut self, package: &Package) {
        if let Err(error) = package.migrator().await.run(&mut self.owner).await {
            panic!("{error:?}");
        }
    }

    /// Applies the migrations up to this version that have not run yet.
    pub(crate) async fn migrate_to(&mut self, package: &Package, version: i64) {
        let migrator = package.migrator().await;
        if let Err(error) = migrator.run_to(version, &mut self.owner).await {
            panic!("{error:?}\n{}", package.shown());
        }
    }

    /// Applies the migrations, which must fail, and gives the error.
    pub(crate) async fn fail_to_migrate(&mut self, package: &Package) -> String {
        let error = package.migrator().await.run(&mut self.owner).await.unwrap_err();
        // sqlx keeps its lock when a migration fails.
        self.execute_as_owner("SELECT pg_advisory_unlock_all()").await;
        format!("{error:?}")
    }

    /// Undoes the migrations after this version.
    pub(crate) async fn undo(&mut self, package: &Package, version: i64) {
        if let Err(error) = package.migrator().await.undo(&mut self.owner, version).await {
            panic!("{error:?}");
        }
    }

    /// Runs statements as the owner.
    pub(crate) async fn execute_as_owner(&mut self, sql: &str) {
        execute(&mut self.owner, sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// Runs statements as the superuser.
    pub(crate) async fn execute(&mut self, sql: &str) {
        execute(&mut self.connection, sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// What `pg_dump` says of the schema: its statements, sorted, without the bookkeeping of sqlx.
    ///
    /// Sorted, because privileges stand in the order in which they were granted, which means nothing.
    pub(crate) fn dump(&self) -> Vec<String> {
        let program = server().binaries().program("pg_dump");
        let answer = Command::new(&program)
            .args(["--schema-only", "--no-owner", "--exclude-table=_sqlx_migrations"])
            .arg(&self.url)
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        assert!(
            answer.status.success(),
            "{}",
            String::from_utf8_lossy(&answer.stderr)
        );
        let text = String::from_utf8(answer.stdout).unwrap();
        let statements = text
            .lines()
            // The key of `\restrict` is another each time.
            .filter(|line| {
                !line.starts_with("--")
                    && !line.starts_with("\\restrict")
                    && !line.starts_with("\\unrestrict")
            })
            .collect::<Vec<_>>()
            .join("\n");
        let mut statements: Vec<String> = statements
            .split(";\n")
            .map(|statement| statement.trim().to_owned())
            .collect();
        statements.sort();
        statements
    }

    /// The same, where the order of columns does not count: one that comes back stands last.
    pub(crate) fn dump_unordered(&self) -> Vec<String> {
        let sorted = |statement: String| {
            if !statement.starts_with("CREATE TABLE") {
                return statement;
            }
            let mut lines: Vec<&str> = statement.lines().map(|line| line.trim_end_matches(',')).collect();
            lines.sort_unstable();
            lines.join("\n")
        };
        self.dump().into_iter().map(sorted).collect()
    }
}

/// Statements that make what belongs to the whole server, unless another test has.
pub(crate) fn unless_there(sql: &str) -> String {
    format!("DO $do$ BEGIN {sql}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $do$")
}

/// Runs statements.
pub(crate) async fn execute(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}

/// Asserts that two dumps are equal, and shows where they are not.
#[track_caller]
pub(crate) fn assert_same(what: &str, left: &[String], right: &[String]) {
    let only = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|line| !other.contains(line)).cloned().collect()
    };
    let (left_only, right_only) = (only(left, right), only(right, left));
    assert!(
        left == right,
        "{what}\nonly in the first: {left_only:#?}\nonly in the second: {right_only:#?}"
    );
}
