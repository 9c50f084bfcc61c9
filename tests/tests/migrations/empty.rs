//! `cargo authz generate --empty`: data migrations of an owner whom FORCE binds.

use authz_cli::command::{CommandError, Outcome};
use authz_throwaway::Server;
use sqlx::{Connection as _, PgConnection};

use crate::database::{Database, block_on};
use crate::package::{Package, Ran, TODOS, edit};

const MORE: &str = "
#[derive(authz::Table)] #[rls(read = \"true\")] #[table(schema = \"app\", name = \"todos\")]
struct AppTodo { id: i64 }
#[derive(authz::Table)] #[rls(disabled = \"public data\")] #[table(name = \"countries\")]
struct Country { id: i64, code: String }
";

/// A database of an owner as managed services give one: no superuser, no BYPASSRLS. The owner's connection.
pub(crate) async fn owned(server: &Server) -> Database {
    let mut database = Database::on(server, "app".to_owned()).await;
    let (_, address) = database.url.split_once('@').unwrap();
    database.url = format!("postgres://own:own@{address}");
    database.connection = PgConnection::connect(&database.url).await.unwrap();
    database
}

#[track_caller]
fn empty(package: &Package, name: &str, on: &[&str]) -> Vec<std::path::PathBuf> {
    let ran = package.run(&[&["generate", "--empty", name], on].concat());
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    let files = package
        .files()
        .into_keys()
        .filter(|file| file.contains(&format!("_{name}.")));
    let mut files: Vec<_> = files.map(|file| package.migrations().join(file)).collect();
    files.sort();
    files.reverse();
    assert_eq!(files.len(), 2, "{}", ran.whole());
    files
}

#[track_caller]
fn refused(ran: &Ran, words: &str) {
    let Err(error @ CommandError::NoTable { .. }) = &ran.result else {
        panic!("{}", ran.whole())
    };
    assert!(error.to_string().contains(words), "{error}");
}

const FILL: &str = "UPDATE public.todos SET task = task || '!';";

#[test]
fn a_backfill_of_an_ordinary_owner_moves_all_rows_and_is_an_error_without_no_force() {
    let package = Package::new(TODOS);
    package.write("29990101000000_start.sql", "SELECT 1;");
    package.generate("create", &[]);
    let lock = package.files().remove("authz.lock").unwrap();
    let files = empty(&package, "fill", &["--on", "todos"]);
    assert_eq!(package.files().remove("authz.lock").unwrap(), lock);
    package.assert_settled();
    edit(&files[0], "-- Your statements.\n", &format!("{FILL}\n"));
    edit(
        &files[1],
        "-- Your statements that undo those of the up file.\n",
        "UPDATE public.todos SET task = rtrim(task, '!');\n",
    );
    let server = Server::start().unwrap();
    block_on(async {
        let mut database = owned(&server).await;
        database.migrate_to(&package, 29990101000001).await;
        database
            .execute(
                "ALTER TABLE todos NO FORCE ROW LEVEL SECURITY; \
                 INSERT INTO todos (user_id, task) VALUES ('alice', 'a'), ('bob', 'b'); \
                 ALTER TABLE todos FORCE ROW LEVEL SECURITY",
            )
            .await;
        let superuser = server.url("app");
        let tasks = async || -> Vec<String> {
            let mut connection = PgConnection::connect(&superuser).await.unwrap();
            sqlx::query_scalar("SELECT task FROM todos ORDER BY id")
                .fetch_all(&mut connection)
                .await
                .unwrap()
        };
        let forced = async || -> bool {
            let mut connection = PgConnection::connect(&superuser).await.unwrap();
            sqlx::query_scalar("SELECT relforcerowsecurity FROM pg_class WHERE relname = 'todos'")
                .fetch_one(&mut connection)
                .await
                .unwrap()
        };
        // The plain way touches no row, and says nothing: why the skeleton is there.
        let touched = sqlx::query("UPDATE todos SET task = 'lost'")
            .execute(&mut database.connection)
            .await
            .unwrap();
        assert_eq!(touched.rows_affected(), 0);

        let good = std::fs::read_to_string(&files[0]).unwrap();
        edit(
            &files[0],
            "ALTER TABLE public.todos NO FORCE ROW LEVEL SECURITY;\n",
            "",
        );
        let error = database.fail_to_migrate(&package).await;
        assert!(
            error.contains("query would be affected by row-level security policy"),
            "{error}"
        );
        assert_eq!(tasks().await, ["a", "b"]);

        std::fs::write(&files[0], good).unwrap();
        database.migrate(&package).await;
        assert_eq!(tasks().await, ["a!", "b!"]);
        assert!(forced().await);
        database.undo(&package, 29990101000001).await;
        assert_eq!(tasks().await, ["a", "b"]);
        assert!(forced().await);
    });
    package.assert_checked();
}

#[test]
fn the_file_begins_with_the_net_and_is_later_than_all_others() {
    let package = Package::new(&format!("{TODOS}\n{MORE}"));
    package.write("0001_start.sql", "SELECT 1;");
    package.generate("create", &[]);
    package.configure("lock_timeout = \"2s\"\n");
    let [up, down] = &empty(&package, "fill", &["--on", "todos", "app.todos"])[..] else {
        panic!("an up and a down file")
    };
    assert!(up.ends_with("0003_fill.up.sql") && down.ends_with("0003_fill.down.sql"));
    for file in [up, down] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(
            text.starts_with("SET LOCAL row_security = off;\nSET LOCAL lock_timeout = '2s';\n"),
            "{text}"
        );
        let (lifted, forced) = text.split_once("-- Your statements").unwrap();
        for table in ["public.todos", "app.todos"] {
            assert!(
                lifted.contains(&format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;\n")),
                "{text}"
            );
            assert!(
                forced.contains(&format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY;\n")),
                "{text}"
            );
        }
        assert_eq!(text.matches("ALTER TABLE ").count(), 4 + 1, "{text}");
    }
    // The next one of ours comes after it.
    package.models(&format!(
        "{TODOS}\n{MORE}\n#[derive(authz::Table)] #[rls(read = \"true\")] struct Tag {{ id: i64 }}"
    ));
    assert!(package.generate("tags", &[]).ends_with("0004_tags.up.sql"));
    package.assert_checked();
}

#[test]
fn tables_without_row_security_stay_alone_and_no_table_gives_the_pattern() {
    let package = Package::new(&format!("{TODOS}\n{MORE}"));
    package.generate("create", &[]);
    let files = empty(&package, "countries", &["--on", "countries"]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(
        text.contains("-- public.countries has no row security") && !text.contains("\nALTER TABLE"),
        "{text}"
    );
    let files = empty(&package, "any", &[]);
    let text = std::fs::read_to_string(&files[0]).unwrap();
    assert!(
        text.contains("--     ALTER TABLE the_table NO FORCE") && !text.contains("\nALTER TABLE"),
        "{text}"
    );
    let before = package.files();
    let ran = package.run(&["generate", "--empty", "dry", "--on", "todos", "--dry-run"]);
    assert!(
        ran.out.contains("ALTER TABLE public.todos NO FORCE"),
        "{}",
        ran.whole()
    );
    assert_eq!(package.files(), before);
}

#[test]
fn a_table_that_no_migration_declares_is_refused_with_the_name_that_was_meant() {
    let package = Package::new(TODOS);
    let run = |table: &str| package.run(&["generate", "--empty", "fill", "--on", table]);
    refused(
        &run("todos"),
        "`cargo authz generate NAME` writes the first migration",
    );
    package.generate("create", &[]);
    let before = package.files();
    refused(&run("todo"), "the table `todo`; did you mean `todos`?");
    refused(&run("public.toods"), "did you mean `public.todos`?");
    refused(
        &run("invoices"),
        "if a struct does, run `cargo authz generate NAME` first",
    );
    assert_eq!(package.files(), before);
    for known in ["todos", "public.todos"] {
        assert!(matches!(run(known).result, Ok(Outcome::Fine)));
    }
}
