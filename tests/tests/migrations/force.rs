//! docs/force.md keeps its word: its SQL is run as an ordinary owner, and its words about backups are tried.

use std::process::{Command, Output};

use authz_throwaway::Server;
use sqlx::{Connection as _, Executor as _, PgConnection, Row as _};

use crate::database::{Database, block_on, execute};
use crate::empty::owned;
use crate::package::{Package, TODOS};

const PAGE: &str = include_str!("../../../docs/force.md");

/// A statement of the page, and what the comment behind it says.
#[derive(Debug)]
struct Step {
    sql: String,
    expected: Option<String>,
}

/// The steps of each block of SQL.
fn blocks() -> Vec<Vec<Step>> {
    let blocks = PAGE.split("```sql\n").skip(1);
    let steps = |block: &str| {
        let (mut steps, mut sql) = (Vec::new(), String::new());
        for line in block.split("```").next().unwrap().lines() {
            let (code, comment) = match line.split_once(" -- ") {
                Some((code, comment)) => (code, Some(comment.trim().to_owned())),
                None => (line, None),
            };
            sql.push_str(code.trim_end());
            sql.push('\n');
            if code.trim_end().ends_with(';') {
                steps.push(Step {
                    sql: std::mem::take(&mut sql),
                    expected: comment,
                });
            }
        }
        steps
    };
    blocks.map(steps).collect()
}

/// Runs a statement, and says what came of it in the words of the page.
async fn outcome(connection: &mut PgConnection, sql: &str) -> String {
    if sql.trim_start().starts_with("SELECT") {
        let row = match connection.fetch_one(sqlx::AssertSqlSafe(sql.to_owned())).await {
            Ok(row) => row,
            Err(error) => return format!("ERROR: {error}"),
        };
        return row
            .try_get::<i64, _>(0)
            .map(|number| number.to_string())
            .or_else(|_| row.try_get::<bool, _>(0).map(|value| value.to_string()))
            .unwrap();
    }
    match sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await
    {
        Ok(done) => format!("{} rows", done.rows_affected()),
        Err(error) => format!("ERROR: {error}"),
    }
}

fn dump(server: &Server, role: &str, arguments: &[&str]) -> Output {
    let url = server.url("app");
    let (_, place) = url.split_once('@').unwrap();
    let url = match role {
        "own" => format!("postgres://own:own@{place}"),
        role => format!("postgres://{role}:x@{place}"),
    };
    Command::new(server.binaries().program("pg_dump"))
        .args(arguments)
        .arg(url)
        .output()
        .unwrap()
}

#[test]
fn the_sql_of_the_page_does_what_it_says_for_an_ordinary_owner() {
    let server = Server::start().unwrap();
    block_on(async {
        let mut database = owned(&server).await;
        let owner = &mut database.connection;
        let mut superuser = PgConnection::connect(&server.url("app")).await.unwrap();
        let (mut checked, mut refused) = (0, 0);
        for block in blocks() {
            let as_superuser = block[0].sql.starts_with("-- as a superuser");
            let connection = if as_superuser { &mut superuser } else { &mut *owner };
            for Step { sql, expected } in block {
                let found = outcome(connection, &sql).await;
                match &expected {
                    Some(words) if words.starts_with("ERROR: ") => {
                        let words = words.strip_prefix("ERROR: ").unwrap();
                        assert!(
                            found.starts_with("ERROR: ") && found.contains(words),
                            "{sql}{found}"
                        );
                        refused += 1;
                    }
                    Some(words) => assert_eq!(&found, words, "{sql}"),
                    None => assert!(!found.starts_with("ERROR: "), "{sql}{found}"),
                }
                checked += usize::from(expected.is_some());
            }
        }
        assert!(checked > 20 && refused > 4, "{checked}, {refused}");

        // Backups.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let rows_of_notes = |dump: &str| -> usize {
            let (_, rows) = dump
                .split_once("COPY public.notes (id, author) FROM stdin;\n")
                .unwrap();
            rows.lines().take_while(|line| *line != "\\.").count()
        };
        let failed = dump(&server, "own", &[]);
        let words = PAGE.split("```text\n").nth(1).unwrap().lines().next().unwrap();
        assert!(
            !failed.status.success()
                && text(&failed.stderr).contains("query would be affected by row-level security policy")
        );
        assert!(words.ends_with("query would be affected by row-level security policy for table \"notes\""));
        assert!(dump(&server, "own", &["--schema-only"]).status.success());
        let some = dump(&server, "own", &["--enable-row-security"]);
        assert!(some.status.success(), "{}", text(&some.stderr));
        assert_eq!(rows_of_notes(&text(&some.stdout)), 0);
        execute(&mut superuser, "ALTER ROLE backup PASSWORD 'x'")
            .await
            .unwrap();
        let all = dump(
            &server,
            "backup",
            &[
                "--inserts",
                "--no-owner",
                "--no-acl",
                "--table=notes",
                "--table=lines",
            ],
        );
        assert!(all.status.success(), "{}", text(&all.stderr));
        let all = text(&all.stdout);
        assert!(
            all.contains("INSERT INTO public.notes VALUES (2, 'bob')"),
            "{all}"
        );

        // The restore, by an ordinary owner.
        execute(&mut superuser, "CREATE DATABASE restored OWNER own")
            .await
            .unwrap();
        let url = server.url("restored");
        let mut restored =
            PgConnection::connect(&format!("postgres://own:own@{}", url.split_once('@').unwrap().1))
                .await
                .unwrap();
        let statements = all
            .lines()
            // A `pg_dump` that is newer than the server sets what an old one does not know.
            .filter(|line| !line.starts_with('\\') && !line.starts_with("SET transaction_timeout"))
            .collect::<Vec<_>>()
            .join("\n");
        execute(&mut restored, &statements).await.unwrap();
        let mut restored = PgConnection::connect(&url).await.unwrap();
        let count = "SELECT count(*) FROM public.notes";
        assert_eq!(outcome(&mut restored, count).await, "2");
        let forced = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'public.notes'::regclass";
        assert_eq!(outcome(&mut restored, forced).await, "true");
    });
}

#[test]
fn a_reference_to_a_hidden_row_is_accepted_and_one_to_no_row_is_not() {
    let server = Server::start().unwrap();
    block_on(async {
        let mut database = owned(&server).await;
        let connection = &mut database.connection;
        let make = "CREATE TABLE notes (id int PRIMARY KEY); INSERT INTO notes VALUES (1); \
                    CREATE TABLE lines (note int REFERENCES notes ON DELETE CASCADE); \
                    ALTER TABLE notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
                    CREATE ROLE writer; GRANT writer TO own; GRANT INSERT ON lines TO writer; \
                    GRANT SELECT ON notes TO writer; SET ROLE writer";
        execute(connection, make).await.unwrap();
        assert_eq!(outcome(connection, "SELECT count(*) FROM notes").await, "0");
        assert_eq!(
            outcome(connection, "INSERT INTO lines VALUES (1)").await,
            "1 rows"
        );
        let refused = outcome(connection, "INSERT INTO lines VALUES (2)").await;
        assert!(refused.contains("violates foreign key constraint"), "{refused}");

        // CASCADE reaches hidden rows.
        let hide = "RESET ROLE; ALTER TABLE lines ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
                    ALTER TABLE notes NO FORCE ROW LEVEL SECURITY; DELETE FROM notes";
        execute(connection, hide).await.unwrap();
        let mut superuser = PgConnection::connect(&server.url("app")).await.unwrap();
        assert_eq!(outcome(&mut superuser, "SELECT count(*) FROM lines").await, "0");
    });
}

#[test]
fn an_application_reads_the_database_of_another_unless_connect_is_revoked_as_security_md_says() {
    let page = include_str!("../../../SECURITY.md");
    let block = page
        .split("```sql\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let server = Server::start().unwrap();
    block_on(async {
        let mut databases = Vec::new();
        for name in ["my_app", "other"] {
            let package = Package::new(TODOS);
            package.configure(&format!("login_role = \"{name}_authenticator\"\n"));
            package.generate("create", &[]);
            let mut database = Database::on(&server, name.to_owned()).await;
            database.migrate(&package).await;
            let password = format!("ALTER ROLE {name}_authenticator PASSWORD 'x'");
            database.execute(&password).await;
            databases.push(database);
        }
        databases[0]
            .execute("INSERT INTO todos (user_id, task) VALUES ('alice', 'secret')")
            .await;
        let place = databases[0].url.split_once('@').unwrap().1.to_owned();
        let read = async |role: &str| -> Result<i64, sqlx::Error> {
            let mut connection = PgConnection::connect(&format!("postgres://{role}:x@{place}")).await?;
            let become_alice = "BEGIN; SET LOCAL ROLE authenticated; \
                                SELECT set_config('request.jwt.claims', '{\"sub\": \"alice\"}', true)";
            execute(&mut connection, become_alice).await?;
            sqlx::query_scalar("SELECT count(*) FROM todos")
                .fetch_one(&mut connection)
                .await
        };
        assert_eq!(read("other_authenticator").await.unwrap(), 1, "the fault");
        databases[0].execute(block).await;
        let error = read("other_authenticator").await.unwrap_err().to_string();
        assert!(error.contains("permission denied for database"), "{error}");
        assert_eq!(read("my_app_authenticator").await.unwrap(), 1);
    });
}
