//! Each kind of change, generated, run, compared with a fresh database, and undone.

use authz_cli::command::Outcome;

use crate::database::{Database, assert_same, block_on};
use crate::package::{NOTES, Package, TENANCY, TODOS};

/// One change: the models before, and after.
struct Case {
    old: &'static str,
    new: &'static str,
    allow: &'static [&'static str],
}

/// Makes a test of each case.
macro_rules! each_case {
    ($($name:ident { old: $old:expr, new: $new:expr, allow: [$($allow:literal),*], })*) => {
        $(#[test]
        fn $name() {
            super::goes_there_and_back(&super::Case { old: $old, new: $new, allow: &[$($allow),*] });
        })*
    };
}

#[path = "../../../authz-schema/tests/schema/cases.rs"]
mod cases;

fn goes_there_and_back(case: &Case) {
    let source = |models: &str| format!("use authz::Table;\nuse chrono::{{DateTime, Utc}};\n{models}");
    let package = Package::new(&source(case.old));
    package.generate("old", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let before = database.dump();
        let first = package.migrator().await.iter().last().unwrap().version;

        package.models(&source(case.new));
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
    });
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
        // The new column comes first and works; the CHECK then finds a row that does not fit.
        package.models(
            &TODOS
                .replace("char_length(task) > 0", "char_length(task) > 100")
                .replace(
                    "pub(crate) user_id",
                    "pub(crate) note: Option<String>,\npub(crate) user_id",
                ),
        );
        package.generate("change", &[]);
        let error = package
            .migrator()
            .await
            .run(&mut database.connection)
            .await
            .unwrap_err();
        assert!(format!("{error:?}").contains("23514"), "{error:?}");
        assert_same("the database before and after", &before, &database.dump());

        database.execute("DELETE FROM todos").await;
        database.migrate(&package).await;
        assert_ne!(before, database.dump());
    });
}
