//! `cargo authz undo`: the newest migration goes, and the lock is what it was before.

use std::collections::BTreeMap;
use std::fs;

use authz_cli::command::{CommandError, Outcome};
use authz_cli::undo::UndoError;
use serde_json::{Value, json};

use crate::branches::{commit, git_ok};
use crate::database::{Database, block_on};
use crate::json::documented;
use crate::package::{Package, Ran, TODOS, edit};

const TAGS: &str = "#[derive(authz::Table)] #[rls(read = \"true\")] struct Tag { id: i64 }";

/// A server that refuses every connection.
const CLOSED: &str = "postgres://nobody@127.0.0.1:1/app";

/// All that commands write: the migrations and the records.
fn written(package: &Package) -> BTreeMap<String, String> {
    let mut files = package.files();
    let records = fs::read_dir(package.root().join("authz/undo"));
    for entry in records.into_iter().flatten() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, fs::read_to_string(path).unwrap());
    }
    files
}

/// Runs `undo` on a thread of its own: it starts a runtime, which none can inside another.
fn undo(package: &Package, url: &str, more: &[&str]) -> Ran {
    let arguments = [&["undo", "--database-url", url], more].concat();
    std::thread::scope(|scope| scope.spawn(|| package.run(&arguments)).join().unwrap())
}

#[track_caller]
fn assert_undone(ran: &Ran) {
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(ran.out.contains("removed "), "{}", ran.whole());
}

#[track_caller]
fn assert_refused(ran: &Ran, words: &str) {
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(ran.err.contains(words), "{}", ran.whole());
    assert!(ran.err.contains("nothing was done"), "{}", ran.whole());
    assert_eq!(ran.out, "");
}

/// A package with two migrations, and what it had after the first.
fn two_migrations() -> (Package, BTreeMap<String, String>) {
    let package = Package::new(TODOS);
    package.generate("base", &[]);
    let before = written(&package);
    package.models(&format!("{TODOS}\n{TAGS}"));
    package.generate("tags", &[]);
    (package, before)
}

#[test]
fn each_migration_is_taken_back_as_if_it_had_never_been_written() {
    let (package, before) = two_migrations();
    block_on(async {
        let database = Database::new().await;
        assert_undone(&undo(&package, &database.url, &[]));
        assert_eq!(written(&package), before);

        package.generate("tags", &[]);
        package.assert_settled();
        assert_undone(&undo(&package, &database.url, &[]));
        let ran = undo(&package, &database.url, &[]);
        assert_undone(&ran);
        assert!(
            ran.out.contains("removed authz.lock: there was none before"),
            "{}",
            ran.whole()
        );
        assert_eq!(written(&package), BTreeMap::new());

        let ran = undo(&package, &database.url, &[]);
        assert!(
            matches!(ran.result, Ok(Outcome::Fine)) && ran.out.is_empty(),
            "{}",
            ran.whole()
        );
        assert!(ran.err.starts_with("nothing to undo"), "{}", ran.whole());
    });
}

#[test]
fn all_files_of_a_migration_go_and_hand_written_ones_stay() {
    let package = Package::new(TODOS);
    package.generate("base", &[]);
    package.write("29990101000000_by_hand.sql", "SELECT 1;");
    let before = written(&package);
    let indexed = TODOS.replacen(
        "#[column(check = \"char_length(task) > 0\")]",
        "#[column(check = \"char_length(task) > 1\", index)]",
        1,
    );
    assert_ne!(indexed, TODOS);
    package.models(&indexed);
    package.generate("index", &[]);
    assert!(written(&package).len() > before.len() + 3, "it has several parts");
    package.write("29990102000000_by_hand.sql", "SELECT 2;");
    block_on(async {
        let database = Database::new().await;
        let ran = undo(&package, &database.url, &[]);
        assert_undone(&ran);
        assert!(
            ran.err
                .contains("`29990102000000_by_hand.sql` is hand-written and newer")
                && !ran.err.contains("29990101000000"),
            "{}",
            ran.whole()
        );
        package.remove("migrations/29990102000000_by_hand.sql");
        assert_eq!(written(&package), before);
    });
}

#[test]
fn a_migration_that_the_database_has_stays_until_it_is_reverted() {
    let (package, before) = two_migrations();
    let versions: Vec<i64> = before
        .keys()
        .filter_map(|name| name.split_once('_')?.0.parse().ok())
        .collect();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let after = written(&package);
        let ran = undo(&package, &database.url, &["--force"]);
        assert_refused(&ran, "_tags`; run `cargo sqlx migrate revert` first");
        assert!(!ran.whole().contains("password"), "{}", ran.whole());
        let shown: Value =
            serde_json::from_str(&undo(&package, &database.url, &["--format", "json"]).out).unwrap();
        assert_eq!(shown["refused"], json!(["applied"]));
        assert_eq!(shown["applied"].as_array().unwrap().len(), 1);
        assert_eq!(written(&package), after);

        database.undo(&package, versions[0]).await;
        assert_undone(&undo(&package, &database.url, &[]));
        assert_eq!(written(&package), before);
        assert_refused(
            &undo(&package, &database.url, &[]),
            "_base`; run `cargo sqlx migrate revert` first",
        );
    });
}

#[test]
fn a_migration_that_failed_half_way_stays() {
    let (package, _) = two_migrations();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("UPDATE _sqlx_migrations SET success = false WHERE description = 'tags'")
            .await;
        assert_refused(&undo(&package, &database.url, &[]), "has `");
    });
}

#[test]
fn without_a_database_it_says_what_was_not_checked_and_needs_consent() {
    let (package, before) = two_migrations();
    let after = written(&package);
    let ran = undo(&package, CLOSED, &[]);
    assert_refused(&ran, "the database `app` at 127.0.0.1:1 could not be asked");
    assert!(
        ran.err.contains("was not checked") && ran.err.contains("--force"),
        "{}",
        ran.whole()
    );
    let json = undo(&package, CLOSED, &["--format", "json"]);
    let shown: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(
        (json.err.as_str(), &shown["refused"]),
        ("", &json!(["not_asked"]))
    );
    assert_eq!(written(&package), after);

    let ran = undo(&package, CLOSED, &["--force"]);
    assert_undone(&ran);
    assert!(ran.err.contains("was not checked"), "{}", ran.whole());
    assert_eq!(written(&package), before);

    let ran = undo(&package, "postgres://me:secret@host:port/", &["--force"]);
    assert!(
        matches!(ran.result, Err(CommandError::Applied(_))),
        "{}",
        ran.whole()
    );
    assert!(!ran.whole().contains("secret"), "{}", ran.whole());
}

#[test]
fn the_database_of_the_env_file_is_asked() {
    if std::env::var_os("DATABASE_URL").is_some() {
        return;
    }
    let (package, _) = two_migrations();
    package.file(".env", &format!("DATABASE_URL={CLOSED}\n"));
    assert_refused(
        &package.run(&["undo"]),
        "the database `app` at 127.0.0.1:1 could not be asked",
    );
    package.remove(".env");
    assert_refused(&package.run(&["undo"]), "no database was asked");
}

#[test]
fn files_that_were_deleted_by_hand_leave_a_way_out() {
    let (package, before) = two_migrations();
    let added: Vec<String> = package
        .files()
        .into_keys()
        .filter(|name| name.contains("_tags."))
        .collect();
    for name in added {
        package.remove(&format!("migrations/{name}"));
    }
    let ran = package.run(&["generate", "again"]);
    let Err(CommandError::History(problem)) = &ran.result else {
        panic!("{}", ran.whole())
    };
    assert!(
        problem.message.contains("`cargo authz undo`"),
        "{}",
        problem.message
    );
    let ran = undo(&package, CLOSED, &["--force"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert_eq!(written(&package), before);
    package.generate("tags", &[]);
    package.assert_checked();
}

#[test]
fn files_that_were_edited_need_consent() {
    let (package, before) = two_migrations();
    let up = package
        .files()
        .into_keys()
        .find(|name| name.ends_with("_tags.up.sql"))
        .unwrap();
    edit(
        &package.migrations().join(&up),
        "CREATE TABLE",
        "/* mine */ CREATE TABLE",
    );
    block_on(async {
        let database = Database::new().await;
        let ran = undo(&package, &database.url, &[]);
        assert_refused(&ran, &format!("`{up}` was edited"));
        let ran = undo(&package, &database.url, &["--force"]);
        assert_undone(&ran);
        assert_eq!(written(&package), before);
    });
}

#[test]
fn a_project_of_before_is_taken_back_by_its_git_history_or_not_at_all() {
    let package = Package::new(TODOS);
    package.generate("base", &[]);
    let before = package.files();
    fs::remove_dir_all(package.root().join("authz")).unwrap();
    git_ok(&package, &["init", "--quiet", "."]);
    commit(&package, "base");
    let indexed = TODOS.replacen("#[column(check", "#[column(index, check", 1);
    package.models(&format!("{indexed}\n{TAGS}"));
    package.generate("tags", &[]);
    assert_eq!(
        package.files().len(),
        3 + 6,
        "three parts: {:?}",
        package.files().keys()
    );
    commit(&package, "tags");
    fs::remove_dir_all(package.root().join("authz")).unwrap();
    let after = package.files();

    // Committed, and without git.
    fs::rename(package.root().join(".git"), package.root().join("git")).unwrap();
    let ran = undo(&package, CLOSED, &["--force"]);
    assert!(
        matches!(&ran.result, Err(CommandError::Undo(UndoError::NoRecord { .. }))),
        "{}",
        ran.whole()
    );
    assert_eq!(package.files(), after);
    fs::rename(package.root().join("git"), package.root().join(".git")).unwrap();
    let ran = undo(&package, CLOSED, &["--force"]);
    assert_undone(&ran);
    assert_eq!(package.files(), before);

    // All deleted by hand but the lock.
    git_ok(&package, &["checkout", "--quiet", "."]);
    for name in after.keys().filter(|name| name.contains("_tags")) {
        package.remove(&format!("migrations/{name}"));
    }
    assert!(matches!(
        undo(&package, CLOSED, &["--force"]).result,
        Ok(Outcome::Fine)
    ));
    assert_eq!(package.files(), before);

    // The first migration: before it there was no lock.
    assert_undone(&undo(&package, CLOSED, &["--force"]));
    assert_eq!(package.files(), BTreeMap::new());
}

#[test]
fn a_lock_that_was_edited_is_not_made_from_the_record() {
    let (package, _) = two_migrations();
    edit(
        &package.migrations().join("authz.lock"),
        "char_length(task) > 0",
        "char_length(task) > 2",
    );
    let ran = undo(&package, CLOSED, &["--force"]);
    let Err(CommandError::Undo(error @ UndoError::NoRecord { .. })) = &ran.result else {
        panic!("{}", ran.whole())
    };
    assert!(error.to_string().contains("has changed since"), "{error}");
}

#[test]
fn json_is_as_documented() {
    let (package, _) = two_migrations();
    let [example] = &documented("undo")[..] else {
        panic!("docs/commands.md shows `undo` once")
    };
    block_on(async {
        let database = Database::new().await;
        let ran = undo(&package, &database.url, &["--format", "json"]);
        let shown: Value = serde_json::from_str(&ran.out).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&shown), keys(example));
        assert_eq!(
            (&shown["lock"], &shown["refused"]),
            (&example["lock"], &example["refused"])
        );
        assert_eq!(shown["removed"].as_array().unwrap().len(), 2);
        assert_eq!(keys(&shown["database"]), keys(&example["database"]));
    });
}
