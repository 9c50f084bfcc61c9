//! Each kind of change, generated, run, compared with a fresh database, and undone.

use authz_cli::command::Outcome;

use crate::case::unless_known_wrong;
use crate::database::{Database, assert_same, block_on};
use crate::package::{NOTES, Package, TENANCY, TODOS};

/// One change: the models before, and after.
struct Case {
    old: &'static str,
    new: &'static str,
    allow: &'static [&'static str],
}

/// Makes a test of each case, and a list of their names and new sides.
macro_rules! each_case {
    ($($name:ident { old: $old:expr, new: $new:expr, allow: [$($allow:literal),*], })*) => {
        pub(super) fn new_sides() -> Vec<(&'static str, &'static str)> {
            vec![$((stringify!($name), $new)),*]
        }

        $(#[test]
        fn $name() {
            let case = super::Case { old: $old, new: $new, allow: &[$($allow),*] };
            super::unless_known_wrong(stringify!($name), || super::goes_there_and_back(&case));
        })*
    };
}

#[path = "../../../authz-migrate/tests/schema/cases.rs"]
mod cases;

#[path = "../../../authz-migrate/tests/schema/language.rs"]
mod language;

/// The name of each case.
pub(crate) fn names() -> Vec<&'static str> {
    let cases = cases::new_sides().into_iter().chain(language::new_sides());
    cases.map(|(name, _)| name).collect()
}

/// The name of each case with the source of its models after the change.
pub(crate) fn new_sides() -> Vec<(&'static str, String)> {
    let cases = cases::new_sides().into_iter().chain(language::new_sides());
    cases
        .filter(|(_, new)| !new.is_empty())
        .map(|(name, new)| (name, with_imports(new)))
        .collect()
}

fn with_imports(models: &str) -> String {
    format!("use authz::Table;\nuse chrono::{{DateTime, Utc}};\n{models}")
}

fn goes_there_and_back(case: &Case) {
    let package = Package::new(&with_imports(case.old));
    package.generate("old", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let before = database.dump();
        let first = package.migrator().await.iter().last().unwrap().version;

        package.models(&with_imports(case.new));
        if !case.allow.is_empty() {
            assert_refused(&package, case.allow);
        }
        package.generate("new", case.allow);
        package.assert_settled();
        database.migrate(&package).await;
        let after = database.dump();
        let fresh = Database::fresh(&package.lock()).await;
        assert_same("the migrated and a fresh database", &after, &fresh.dump());

        database.undo(&package, first).await;
        assert_same(
            "the database before, and after going back",
            &before,
            &database.dump(),
        );
        database.migrate(&package).await;
        assert_same(
            "the database after, and after going there again",
            &after,
            &database.dump(),
        );
        database.undo(&package, first).await;
        stops_anywhere(&mut database, &package, first, &before).await;
    });
}

/// Asserts that a migration of several files can stop after each of them, and go on or back from there.
async fn stops_anywhere(database: &mut Database, package: &Package, first: i64, before: &[String]) {
    let migrator = package.migrator().await;
    let up = migrator
        .iter()
        .filter(|file| file.migration_type.is_up_migration());
    let versions: Vec<i64> = up
        .map(|file| file.version)
        .filter(|version| *version > first)
        .collect();
    if versions.len() == 1 {
        return;
    }
    let mut previous = first;
    for version in versions {
        database.migrate_to(package, version).await;
        database.undo(package, previous).await;
        database.migrate_to(package, version).await;
        database.undo(package, first).await;
        assert_same(
            &format!("the database before, and after going back from {version}"),
            before,
            &database.dump(),
        );
        previous = version;
    }
}

/// Asserts that nothing is written without consent, nor with consent to one hazard less.
fn assert_refused(package: &Package, allow: &[&str]) {
    let before = package.files();
    for missing in allow {
        let others = allow.iter().filter(|hazard| *hazard != missing);
        let flags = others.flat_map(|hazard| ["--allow", hazard]);
        let arguments: Vec<&str> = ["generate", "new"].into_iter().chain(flags).collect();
        let ran = package.run(&arguments);
        assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
        assert!(
            ran.err
                .contains(&format!("nothing written; to consent: --allow {missing}")),
            "{}",
            ran.whole()
        );
        assert_eq!(package.files(), before);
    }
}

fn is_made_and_unmade(source: &str) {
    let package = Package::new(source);
    block_on(async {
        let mut database = Database::new().await;
        let empty = database.dump();
        package.generate("create", &[]);
        package.assert_settled();
        database.migrate(&package).await;
        let fresh = Database::fresh(&package.lock()).await;
        let made = database.dump();
        assert_same("the migrated and a fresh database", &made, &fresh.dump());
        database.undo(&package, 0).await;
        assert_same(
            "the database before, and after going back",
            &empty,
            &database.dump(),
        );
        database.migrate(&package).await;
        assert_same(
            "the database after, and after going there again",
            &made,
            &database.dump(),
        );
    });
}

#[test]
fn todos_are_made_and_unmade() {
    is_made_and_unmade(TODOS);
}

#[test]
fn tenants_and_users_are_made_and_unmade() {
    is_made_and_unmade(TENANCY);
}

#[test]
fn notes_and_paragraphs_are_made_and_unmade() {
    is_made_and_unmade(NOTES);
}

#[test]
fn rows_stay_where_nothing_is_lost() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("INSERT INTO todos (user_id, task) VALUES ('a', 'buy milk'), ('b', '7')")
            .await;
        let edited = TODOS
            .replace(
                "pub(crate) user_id: String",
                "#[column(type = \"varchar\")] pub(crate) user_id: String",
            )
            .replace("#[column(default = \"false\")]", "#[column(default = \"true\")]")
            .replace("pub(crate) task: String", "pub(crate) task: Option<String>");
        package.models(&edited);
        package.generate("change", &[]);
        database.migrate(&package).await;
        let rows: Vec<(String, String, bool)> =
            sqlx::query_as("SELECT user_id, task, is_complete FROM todos ORDER BY id")
                .fetch_all(&mut database.connection)
                .await
                .unwrap();
        let row = |user: &str, task: &str| (user.to_owned(), task.to_owned(), false);
        assert_eq!(rows, [row("a", "buy milk"), row("b", "7")]);
    });
}

#[test]
fn a_migration_that_fails_half_way_leaves_the_database_as_it_was() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("INSERT INTO todos (user_id, task) VALUES ('a', 'buy milk')")
            .await;
        let before = database.dump();
        // The first new column works; the second then finds a row without a value.
        package.models(&TODOS.replace(
            "pub(crate) user_id",
            "pub(crate) note: Option<String>,\npub(crate) priority: i32,\npub(crate) user_id",
        ));
        package.generate("change", &[]);
        let error = database.fail_to_migrate(&package).await;
        assert!(error.contains("23502"), "{error}");
        assert_same("the database before and after", &before, &database.dump());

        database.execute("DELETE FROM todos").await;
        database.migrate(&package).await;
        assert_ne!(before, database.dump());
    });
}

#[test]
fn rows_that_do_not_fit_stop_the_proof_and_can_be_mended() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("INSERT INTO todos (user_id, task) VALUES ('a', 'buy milk')")
            .await;
        package.models(&TODOS.replace("char_length(task) > 0", "char_length(task) > 10"));
        package.generate("change", &[]);
        let error = database.fail_to_migrate(&package).await;
        assert!(error.contains("23514"), "{error}");
        // New rows are held to it already.
        let insert = "INSERT INTO todos (user_id, task) VALUES ('a', 'short')";
        assert!(
            sqlx::query(insert)
                .execute(&mut database.connection)
                .await
                .is_err()
        );

        database
            .execute("UPDATE todos SET task = 'buy a lot of milk'")
            .await;
        database.migrate(&package).await;
        let fresh = Database::fresh(&package.lock()).await;
        assert_same(
            "the migrated and a fresh database",
            &database.dump(),
            &fresh.dump(),
        );
    });
}

#[test]
fn an_index_that_could_not_be_built_stops_the_migration_and_can_be_mended() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("INSERT INTO todos (user_id, task) VALUES ('a', 'twice'), ('b', 'twice')")
            .await;
        package.models(&TODOS.replace("char_length(task) > 0\"", "char_length(task) > 0\", unique"));
        package.generate("change", &[]);
        let error = database.fail_to_migrate(&package).await;
        assert!(error.contains("23505"), "{error}");
        // The next try skips the index, which is there, but not valid.
        let error = database.fail_to_migrate(&package).await;
        assert!(
            error.contains("not valid") && error.contains("todos_task_key"),
            "{error}"
        );

        database.execute("UPDATE todos SET task = user_id").await;
        database
            .execute("REINDEX INDEX CONCURRENTLY todos_task_key")
            .await;
        database.migrate(&package).await;
        let fresh = Database::fresh(&package.lock()).await;
        assert_same(
            "the migrated and a fresh database",
            &database.dump(),
            &fresh.dump(),
        );
    });
}
