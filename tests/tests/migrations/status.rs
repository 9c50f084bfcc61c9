//! `cargo authz status`: which migrations a database has, and what `generate` would do.

use authz_cli::command::{CommandError, Outcome};
use serde_json::{Value, json};

use crate::database::{Database, block_on};
use crate::json::documented;
use crate::package::{Package, Ran, TODOS, edit};

const TAGS: &str = "#[derive(authz::Table)] #[rls(read = \"true\")] struct Tag { id: i64 }";

/// Runs a command on a thread of its own: it starts a runtime, which none can inside another.
fn status(package: &Package, url: &str, more: &[&str]) -> Ran {
    let arguments = [&["status", "--database-url", url], more].concat();
    std::thread::scope(|scope| scope.spawn(|| package.run(&arguments)).join().unwrap())
}

fn json(package: &Package, url: &str) -> Value {
    let ran = status(package, url, &["--format", "json"]);
    assert_eq!(ran.err, "", "{}", ran.whole());
    serde_json::from_str(&ran.out).unwrap()
}

/// Name and state of each migration.
fn states(status: &Value) -> Vec<String> {
    let migrations = status["migrations"].as_array().unwrap().iter();
    let words = |migration: &Value| {
        let word = |key: &str| migration[key].as_str().unwrap().to_owned();
        format!("{} {}", word("name"), word("state"))
    };
    migrations.map(words).collect()
}

/// A package with a migration of ours, one by hand and another of ours.
fn package() -> Package {
    let package = Package::new(TODOS);
    package.write("0001_start.sql", "SELECT 1;");
    package.generate("create", &[]);
    package.models(&format!("{TODOS}\n{TAGS}"));
    package.generate("tags", &[]);
    package
}

#[test]
fn a_database_that_has_all_is_fine_and_what_is_pending_is_found() {
    let package = package();
    block_on(async {
        let mut database = Database::new().await;
        let ran = status(&package, &database.url, &[]);
        assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
        assert!(
            ran.out
                .contains("migration 1 start (hand-written)\n    pending\n"),
            "{}",
            ran.whole()
        );
        assert!(ran.err.contains("3 pending migrations"), "{}", ran.whole());

        database.migrate_to(&package, 2).await;
        let found = json(&package, &database.url);
        assert_eq!(
            states(&found),
            ["start applied", "create applied", "tags pending"]
        );
        assert_eq!(found["outcome"], "found");

        database.migrate(&package).await;
        let ran = status(&package, &database.url, &[]);
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
        assert!(
            ran.out.contains("migration 3 tags\n    applied 2"),
            "{}",
            ran.whole()
        );
        assert!(
            ran.out
                .ends_with("the migrations declare what the structs do (2 tables)\n")
                && ran.err.is_empty(),
            "{}",
            ran.whole()
        );
    });
}

#[test]
fn what_the_database_and_the_folder_have_otherwise_is_named() {
    let package = package();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        edit(
            &package.migrations().join("0001_start.sql"),
            "SELECT 1",
            "SELECT 11",
        );
        database
            .execute("UPDATE _sqlx_migrations SET success = false WHERE version = 2")
            .await;
        database
            .execute("DELETE FROM _sqlx_migrations WHERE version = 3")
            .await;
        database
            .execute(
                "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (4, 'gone', true, '', 0)",
            )
            .await;
        let found = json(&package, &database.url);
        assert_eq!(
            states(&found),
            ["start changed", "create failed", "tags late", "gone missing"]
        );
        assert_eq!(found["migrations"][3]["generated"], Value::Null);
        let ran = status(&package, &database.url, &[]);
        assert!(
            ran.out
                .contains("migration 4 gone\n    applied, but the file is missing"),
            "{}",
            ran.whole()
        );
    });
}

#[test]
fn without_a_database_it_says_so_and_shows_the_rest() {
    let package = package();
    let closed = "postgres://nobody:secret@127.0.0.1:1/app";
    let ran = status(&package, closed, &[]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(
        ran.err
            .contains("the database `app` at 127.0.0.1:1 could not be asked")
            && ran
                .err
                .contains("whether the migrations are applied is not known"),
        "{}",
        ran.whole()
    );
    assert!(
        ran.out.contains("migration 2 create\n    written\n"),
        "{}",
        ran.whole()
    );
    assert!(!ran.whole().contains("secret"), "{}", ran.whole());
    let found = json(&package, closed);
    assert_eq!(
        states(&found),
        ["start not_asked", "create not_asked", "tags not_asked"]
    );
    assert_eq!(found["database"], Value::Null);

    let ran = status(&package, "mysql://x", &[]);
    assert!(
        matches!(ran.result, Err(CommandError::Applied(_))),
        "{}",
        ran.whole()
    );
}

#[test]
fn structs_that_differ_are_found_with_the_hazards_of_the_next_migration() {
    let package = package();
    let closed = "postgres://nobody@127.0.0.1:1/app";
    package.models(&format!(
        "{}\n{TAGS}",
        TODOS.replace(
            "#[column(default = \"false\")]\n    pub(crate) is_complete: bool,",
            ""
        )
    ));
    let ran = status(&package, closed, &[]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(
        ran.out
            .contains("`cargo authz generate NAME` would write 2 files\n    hazard data-loss: drops"),
        "{}",
        ran.whole()
    );
    let found = json(&package, closed);
    assert_eq!(found["models"]["hazards"][0]["kind"], "data-loss");
    assert_eq!(found["models"]["differ"], true);
}

#[test]
fn parts_and_files_that_contradict_the_lock_are_shown() {
    let package = package();
    let closed = "postgres://nobody@127.0.0.1:1/app";
    let indexed = TODOS.replacen("#[column(check", "#[column(index, check", 1);
    package.models(&format!("{indexed}\n{TAGS}"));
    package.generate("index", &[]);
    let found = json(&package, closed);
    let parts: Vec<&Value> = found["migrations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|migration| &migration["part"])
        .filter(|part| !part.is_null())
        .collect();
    assert!(
        parts.len() > 1 && *parts[0] == json!(format!("1 of {}", parts.len())),
        "{parts:?}"
    );
    package.write("0001_twice.sql", "SELECT 2;");
    let ran = status(&package, closed, &[]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(
        ran.out.contains("0001_twice.sql\n    has the version of"),
        "{}",
        ran.whole()
    );
}

#[test]
fn the_url_may_be_in_the_env_file() {
    if std::env::var_os("DATABASE_URL").is_some() {
        return;
    }
    let package = package();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        package.file(".env", &format!("DATABASE_URL=\"{}\"\n", database.url));
        let ran = std::thread::scope(|scope| scope.spawn(|| package.run(&["status"])).join().unwrap());
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
        assert!(
            ran.out.contains("migration 3 tags\n    applied"),
            "{}",
            ran.whole()
        );
    });
}

#[test]
fn json_is_as_documented() {
    let package = Package::new(TODOS);
    package.write("0001_start.sql", "SELECT 1;");
    package.remove("migrations/0001_start.sql");
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        package.models(&format!("{TODOS}\n{TAGS}"));
        package.generate("tags", &[]);
        let mut shown = json(&package, &database.url);
        let [example] = &documented("status")[..] else {
            panic!("docs/commands.md shows `status` once")
        };
        for (shown, example) in shown["migrations"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .zip(example["migrations"].as_array().unwrap())
        {
            assert_eq!(shown["applied_at"].is_null(), example["applied_at"].is_null());
            shown["version"] = example["version"].clone();
            shown["applied_at"] = example["applied_at"].clone();
        }
        shown["database"] = example["database"].clone();
        assert_eq!(&shown, example);
    });
}
