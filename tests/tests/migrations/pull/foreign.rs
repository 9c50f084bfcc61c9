//! Databases of others: as Supabase and Neon lay them out.

use std::path::Path;

use authz_throwaway::Server;
use sqlx::{Connection as _, PgConnection};

use super::assert_formatted;
use crate::database::{block_on, execute};
use crate::package::Package;

/// What a user makes, in the scripts: before it stands the platform's part.
const USERS_PART: &str = "-- ── what a user makes ──";

/// Pulls a layout, compares source and script with the files beside it, and runs both.
///
/// `by_hand` is what the report says that a migration of one's own must make.
fn pulled(layout: &str, sql: &str, config: &str, by_hand: &str) {
    let server = Server::start().unwrap();
    let run = async |database: &str, sql: &str| {
        let mut connection = PgConnection::connect(&server.url(database)).await.unwrap();
        execute(&mut connection, sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    };
    block_on(async {
        run("postgres", "CREATE DATABASE live").await;
        run("live", sql).await;
    });
    let package = Package::new("mod models;");
    package.configure(config);
    let models = package.migrations().with_file_name("src").join("models.rs");
    let arguments = [
        "pull",
        "--database-url",
        &server.url("live"),
        "--output",
        models.to_str().unwrap(),
        "--baseline",
        "adopt",
    ];
    let ran = package.run(&arguments);
    assert!(ran.result.is_ok(), "{}", ran.whole());
    let source = std::fs::read_to_string(&models).unwrap();
    assert_formatted(&source);
    let major = server.version().major();
    compare(layout, "rs", &source, major);
    compare(layout, "adopt.sql", &without_versions(&ran.out), major);
    package.assert_settled();

    // The models make a database of their own.
    let (platform, _) = sql.split_once(USERS_PART).unwrap();
    let migrator = block_on(package.migrator());
    block_on(async {
        run("postgres", "CREATE DATABASE fresh").await;
        run("fresh", platform).await;
        run("fresh", by_hand).await;
        let mut fresh = PgConnection::connect(&server.url("fresh")).await.unwrap();
        migrator
            .run(&mut fresh)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{:#?}", package.files()));
    });

    // The script makes the database what the models say, and sqlx takes it for migrated.
    block_on(async {
        run("live", &ran.out).await;
        let mut live = PgConnection::connect(&server.url("live")).await.unwrap();
        migrator.run(&mut live).await.unwrap();
    });
    let other = Package::new("");
    other.configure(config);
    let again = other.run(&["pull", "--database-url", &server.url("live")]);
    assert!(!again.err.contains("differs: "), "{}", again.whole());
    other.models(&again.out);
    other.generate("again", &["authz-widens"]);
    assert_eq!(
        other.lock().tables.keys().collect::<Vec<_>>(),
        package.lock().tables.keys().collect::<Vec<_>>()
    );
    let grants = |package: &Package| -> Vec<_> {
        package
            .lock()
            .tables
            .into_values()
            .map(|table| table.grants)
            .collect()
    };
    assert_eq!(grants(&other), grants(&package));
}

fn without_versions(script: &str) -> String {
    let (before, _) = script.split_once("\nINSERT INTO _sqlx_migrations").unwrap();
    before.to_owned()
}

/// Compares with the file of that name, which is what PostgreSQL before 17 gives; `AUTHZ_UPDATE=1` writes it.
#[track_caller]
fn compare(layout: &str, kind: &str, text: &str, major: u32) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/migrations/pull/{layout}.expected.{kind}"));
    if std::env::var_os("AUTHZ_UPDATE").is_some() {
        std::fs::write(&path, text.as_bytes()).unwrap();
    }
    let mut expected = std::fs::read_to_string(&path).unwrap_or_default();
    if major >= 17 {
        // GRANT ALL has one privilege more there, which is taken back with the others.
        for listed in [
            "REFERENCES, TRIGGER, TRUNCATE",
            "REFERENCES, SELECT, TRIGGER, TRUNCATE",
        ] {
            expected = expected.replace(listed, &format!("MAINTAIN, {listed}"));
        }
    }
    assert!(
        text == expected,
        "{}: run with AUTHZ_UPDATE=1 and read the change\n{text}",
        path.display()
    );
}

#[test]
fn a_supabase_project() {
    pulled("supabase", include_str!("supabase.sql"), "platform = \"supabase\"\n", "
        CREATE DOMAIN public.handle AS text CHECK (VALUE ~ '^[a-z0-9_]+$');
        CREATE FUNCTION public.is_team_admin(team uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN false; END'");
}

#[test]
fn a_neon_project() {
    pulled("neon", include_str!("neon.sql"), "platform = \"neon\"\n", "");
}

#[test]
fn a_database_with_all_that_no_attribute_says() {
    pulled(
        "odd",
        include_str!("odd.sql"),
        "platform = \"postgres\"\n",
        "CREATE TABLE public.parts (id int, at date NOT NULL, note text)",
    );
}
