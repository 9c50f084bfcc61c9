//! Databases of the tests, all on one throwaway server.
//!
//! Migrations run as a managed service lets one run them: as [`OWNER`], who owns the database and may make roles, and whom row
//! security binds like anybody. The superuser writes rows for everybody, and looks.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::thread;

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
    place: Place,
}

/// The server of this program. It ends with the process.
pub(crate) fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    // Nothing is replicated from it, so less goes into its log.
    let start = || {
        Server::builder()
            .setting("wal_level", "minimal")
            .setting("max_wal_senders", "0")
            // No query here runs long enough to be compiled, and where the estimates say otherwise it takes ten times as long.
            .setting("jit", "off")
            .start()
    };
    SERVER.get_or_init(|| start().unwrap())
}

/// The URL of a server without a database.
fn address(server: &Server) -> String {
    let url = server.url("postgres");
    url.rsplit_once('/').unwrap().0.to_owned()
}

/// Databases that no test uses any more and that are as new, by server and owner. Making one takes ten times as long as clearing one.
static CLEARED: Mutex<Vec<Place>> = Mutex::new(Vec::new());

/// Clears databases that no test uses any more, one after the other, and removes those of which something is left.
static LEFT: LazyLock<Sender<Place>> = LazyLock::new(|| {
    let (sender, left): (_, Receiver<Place>) = channel();
    let clear_all = move || {
        for place in left {
            match block_on(place.clear()) {
                Ok(true) => CLEARED.lock().unwrap().push(place),
                // The server of one test alone may have ended meanwhile, and its databases with it.
                Ok(false) | Err(_) => block_on(place.remove()).unwrap_or_default(),
            }
        }
    };
    thread::Builder::new()
        .name("databases that are left".to_owned())
        .spawn(clear_all)
        .unwrap();
    sender
});

/// Where a database is.
#[derive(Clone, Default)]
struct Place {
    /// The address of its server, with the password of the superuser.
    server: String,
    name: String,
    owner: String,
    /// What its fingerprint was when it was new.
    new: String,
}

impl Place {
    fn url(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }

    /// Drops what the test made. Whether the database is as it was when it was new.
    async fn clear(&self) -> Result<bool, sqlx::Error> {
        let mut connection = PgConnection::connect(&self.url()).await?;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        execute(&mut connection, others).await?;
        execute(&mut connection, CLEAR).await?;
        Ok(fingerprint(&mut connection).await? == self.new)
    }

    async fn remove(&self) -> Result<(), sqlx::Error> {
        let mut admin = PgConnection::connect(&format!("{}/postgres", self.server)).await?;
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        execute(&mut admin, &sql).await
    }
}

/// What drops everything that a test may have made, or most of it.
const CLEAR: &str = include_str!("database/clear.sql");

async fn fingerprint(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    sqlx::query_scalar(include_str!("database/fingerprint.sql"))
        .fetch_one(connection)
        .await
}

impl Drop for Database {
    fn drop(&mut self) {
        LEFT.send(std::mem::take(&mut self.place)).unwrap_or_default();
    }
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
        let is_here = |place: &Place| place.server == address(server()) && place.owner == OWNER;
        let cleared = {
            let mut all = CLEARED.lock().unwrap();
            all.iter().position(is_here).map(|at| all.swap_remove(at))
        };
        if let Some(place) = cleared {
            return Self::at(place).await;
        }
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
        // Copying files writes each page once; the other way, of PostgreSQL 15 and later, writes it to the log as well.
        let strategy = if server.version().major() < 15 {
            ""
        } else {
            "STRATEGY file_copy"
        };
        let sql = format!("CREATE DATABASE {name} OWNER {owner} {strategy}");
        execute(&mut admin, &sql).await.unwrap();
        let mut place = Place {
            server: address(server),
            name,
            owner: owner.to_owned(),
            new: String::new(),
        };
        let mut connection = PgConnection::connect(&place.url()).await.unwrap();
        // A database that nobody was granted anything on has no list of privileges, and never again once it had one.
        let sql = format!("GRANT TEMPORARY ON DATABASE {} TO PUBLIC", place.name);
        execute(&mut connection, &sql).await.unwrap();
        if server.version().major() < 15 {
            // From 15 on `public` belongs to whoever owns the database, and PUBLIC makes nothing there.
            let sql =
                format!("ALTER SCHEMA public OWNER TO {owner}; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
            execute(&mut connection, &sql).await.unwrap();
        }
        place.new = fingerprint(&mut connection).await.unwrap();
        Self::at(place).await
    }

    /// Connects to a database that is as new.
    async fn at(place: Place) -> Self {
        let url = place.url();
        let options: PgConnectOptions = url.parse().unwrap();
        let connection = PgConnection::connect_with(&options).await.unwrap();
        let owner = PgConnection::connect_with(&options.username(&place.owner).password(&place.owner))
            .await
            .unwrap();
        Self {
            url,
            connection,
            owner,
            place,
        }
    }

    /// Drops everything that a schema declares.
    pub(crate) async fn clear(&mut self) {
        self.execute(CLEAR).await;
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

    /// What `pg_dump` says of the schema: its statements, sorted, without the bookkeeping of sqlx. Where the server's programs come without
    /// it, as downloaded ones do, what the catalogue says.
    ///
    /// Sorted, because privileges stand in the order in which they were granted, which means nothing.
    pub(crate) fn dump(&self) -> Vec<String> {
        let program = server().binaries().program("pg_dump");
        if !program.is_file() {
            return self.catalogue();
        }
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

    /// What the catalogue says of the schema: a text for each object, sorted, without owners and the bookkeeping of sqlx.
    fn catalogue(&self) -> Vec<String> {
        let read = async || {
            let mut connection = PgConnection::connect(&self.url).await?;
            execute(&mut connection, "SET search_path = ''").await?;
            let texts = sqlx::query_scalar(include_str!("database/catalogue.sql"))
                .fetch_all(&mut connection)
                .await?;
            connection.close().await?;
            Ok::<_, sqlx::Error>(texts)
        };
        // The caller may be inside of a runtime, where one cannot block.
        thread::scope(|scope| scope.spawn(|| block_on(read())).join())
            .unwrap()
            .unwrap_or_else(|error| panic!("{error:?}"))
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

#[test]
fn the_catalogue_tells_apart_whatever_a_migration_may_change() {
    block_on(async {
        let mut database = Database::new().await;
        let role = format!("catalogue_{}", std::process::id());
        database
            .execute(&format!(
                "CREATE ROLE {role};
                 CREATE TYPE mood AS ENUM ('happy', 'sad');
                 CREATE FUNCTION f(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n';
                 CREATE TABLE p (id bigint PRIMARY KEY);
                 CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int DEFAULT 1, m mood, p bigint REFERENCES p);
                 CREATE POLICY reading ON t FOR SELECT TO {role} USING (n > 0);
                 CREATE VIEW v AS SELECT n FROM t"
            ))
            .await;
        let changes = [
            "CREATE SCHEMA s",
            "COMMENT ON SCHEMA public IS 'ours'",
            "GRANT CREATE ON SCHEMA public TO $role",
            "ALTER TYPE mood ADD VALUE 'calm' BEFORE 'sad'",
            "ALTER TYPE mood RENAME VALUE 'calm' TO 'content'",
            "REVOKE USAGE ON TYPE mood FROM PUBLIC",
            "CREATE DOMAIN d AS int CHECK (VALUE > 0)",
            "CREATE OR REPLACE FUNCTION f(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n + 1'",
            "ALTER FUNCTION f SECURITY DEFINER",
            "ALTER FUNCTION f SET search_path = ''",
            "REVOKE EXECUTE ON FUNCTION f FROM PUBLIC",
            "COMMENT ON FUNCTION f IS 'next'",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE t FORCE ROW LEVEL SECURITY",
            "ALTER POLICY reading ON t USING (n > 1)",
            "ALTER POLICY reading ON t TO PUBLIC",
            "ALTER POLICY reading ON t RENAME TO looking",
            "COMMENT ON POLICY looking ON t IS 'look'",
            "CREATE POLICY closed ON t AS RESTRICTIVE FOR INSERT WITH CHECK (n < 9)",
            "GRANT SELECT ON t TO $role",
            "GRANT SELECT ON t TO $role WITH GRANT OPTION",
            "GRANT UPDATE (n) ON t TO $role",
            "GRANT USAGE ON SEQUENCE t_id_seq TO $role",
            "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO $role",
            "ALTER TABLE t ALTER n SET DEFAULT 2",
            "ALTER TABLE t ALTER n SET NOT NULL",
            "ALTER TABLE t ALTER id SET GENERATED BY DEFAULT",
            "ALTER TABLE t ALTER id SET INCREMENT 2",
            "ALTER TABLE t ADD twice int GENERATED ALWAYS AS (n * 2) STORED",
            "ALTER TABLE t ALTER n DROP EXPRESSION IF EXISTS, ALTER twice DROP EXPRESSION",
            "ALTER TABLE t ALTER twice TYPE bigint",
            "ALTER TABLE t ADD word text COLLATE \"C\"",
            "COMMENT ON COLUMN t.word IS 'a word'",
            "ALTER TABLE t ADD CONSTRAINT small CHECK (n < 100) NOT VALID",
            "ALTER TABLE t VALIDATE CONSTRAINT small",
            "COMMENT ON CONSTRAINT small ON t IS 'small'",
            "ALTER TABLE t DROP CONSTRAINT t_p_fkey, ADD CONSTRAINT t_p_fkey FOREIGN KEY (p) REFERENCES p ON DELETE CASCADE",
            "CREATE INDEX i ON t (n)",
            "ALTER INDEX i RENAME TO j",
            "CREATE UNIQUE INDEX k ON t (word) WHERE n > 0",
            "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION g()",
            "ALTER TABLE t DISABLE TRIGGER touch",
            "CREATE OR REPLACE VIEW v AS SELECT n FROM t WHERE n > 0",
            "ALTER VIEW v SET (security_barrier = true)",
            "CREATE SEQUENCE q",
            "ALTER SEQUENCE q OWNED BY t.n",
            "ALTER TABLE t SET (fillfactor = 70)",
            "CREATE UNLOGGED TABLE u (n int)",
            "ALTER TABLE u SET LOGGED",
            "ALTER TABLE t RENAME n TO number",
        ];
        let mut before = database.catalogue();
        assert_eq!(before, database.catalogue());
        for change in changes {
            database.execute(&change.replace("$role", &role)).await;
            let after = database.catalogue();
            assert_ne!(before, after, "{change}");
            before = after;
        }
        database
            .execute(&format!("DROP OWNED BY {role}; DROP ROLE {role}"))
            .await;
    });
}
