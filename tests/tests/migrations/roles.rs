//! Roles belong to the whole server, which other databases share.

use std::sync::Barrier;
use std::thread;

use authz_throwaway::Server;

use crate::database::{Database, OWNER, block_on};
use crate::package::{Package, TODOS, edit};

#[test]
fn databases_of_one_server_can_be_migrated_at_the_same_time() {
    const TOGETHER: usize = 6;
    let server = Server::start().unwrap();
    let package = Package::new(&TODOS.replace(
        "delete = \"auth.user_id() = user_id\"",
        "delete = \"auth.user_id() = user_id\", to = [\"authenticated\", \"editor\"]",
    ));
    package.generate("create", &[]);
    let start = Barrier::new(TOGETHER);
    thread::scope(|scope| {
        for number in 0..TOGETHER {
            let (server, package, start) = (&server, &package, &start);
            scope.spawn(move || {
                block_on(async {
                    let mut database = Database::on(server, format!("race{number}")).await;
                    start.wait();
                    database.migrate(package).await;
                });
            });
        }
    });
    block_on(async {
        let mut database = Database::on(&server, "after".to_owned()).await;
        let members: Vec<(String,)> = sqlx::query_as(
            "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'authenticator'::regrole ORDER BY 1",
        )
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
        assert_eq!(
            members,
            ["anonymous", "authenticated", "editor"].map(|role| (role.to_owned(),))
        );
    });
}

#[test]
fn a_role_that_row_security_does_not_bind_stops_the_migration() {
    for attribute in ["BYPASSRLS", "SUPERUSER"] {
        let server = Server::start().unwrap();
        let package = Package::new(TODOS);
        package.generate("create", &[]);
        block_on(async {
            let mut database = Database::on(&server, "app".to_owned()).await;
            database
                .execute(&format!("CREATE ROLE authenticated {attribute}"))
                .await;
            let text = database.fail_to_migrate(&package).await;
            assert!(
                text.contains("the role authenticated bypasses row security"),
                "{text}"
            );
            database
                .execute(&format!(
                    "ALTER ROLE authenticated NO{attribute}; GRANT authenticated TO {OWNER} WITH ADMIN OPTION"
                ))
                .await;
            database.migrate(&package).await;
        });
    }
}

#[test]
fn the_login_role_has_no_rights_of_its_own() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let (can_login, inherits, superuser, bypasses): (bool, bool, bool, bool) = sqlx::query_as(
            "SELECT rolcanlogin, rolinherit, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = 'authenticator'",
        )
        .fetch_one(&mut database.connection)
        .await
        .unwrap();
        assert_eq!(
            (can_login, inherits, superuser, bypasses),
            (true, false, false, false)
        );
        database.execute("SET ROLE authenticator").await;
        let refused = sqlx::query("SELECT FROM todos")
            .execute(&mut database.connection)
            .await;
        let code = refused
            .unwrap_err()
            .into_database_error()
            .unwrap()
            .code()
            .unwrap()
            .into_owned();
        assert_eq!(code, "42501");
        database
            .execute("RESET ROLE; SET ROLE authenticated; SELECT FROM todos")
            .await;
    });
}

/// Whether PUBLIC may make temporary tables, and objects in `public`.
async fn public_may(database: &mut Database) -> (bool, bool) {
    sqlx::query_as(
        "SELECT has_database_privilege('public', current_database(), 'TEMPORARY'), has_schema_privilege('public', 'public', 'CREATE')",
    )
    .fetch_one(&mut database.connection)
    .await
    .unwrap()
}

#[test]
fn the_first_migration_takes_from_public_what_a_new_database_gives_it() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        // Before PostgreSQL 15 it is so from the start.
        database.execute("GRANT CREATE ON SCHEMA public TO PUBLIC").await;
        assert_eq!(public_may(&mut database).await, (true, true));
        database.migrate(&package).await;
        assert_eq!(public_may(&mut database).await, (false, false));
        // The owner goes on, down and up again.
        database
            .execute_as_owner(
                "CREATE TABLE public.more (id int); DROP TABLE public.more; CREATE TEMP TABLE more (id int)",
            )
            .await;
        database.undo(&package, 0).await;
        assert_eq!(public_may(&mut database).await, (false, false));
        database.migrate(&package).await;
    });
}

#[test]
fn an_owner_of_neither_schema_nor_database_can_migrate() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        let name: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
        database
            .execute(&format!(
                "ALTER DATABASE {name} OWNER TO CURRENT_USER; ALTER SCHEMA public OWNER TO CURRENT_USER;
                 GRANT CREATE ON DATABASE {name} TO {OWNER}; GRANT CREATE ON SCHEMA public TO PUBLIC"
            ))
            .await;
        database.migrate(&package).await;
        assert_eq!(public_may(&mut database).await, (true, true));
    });
}

#[test]
fn a_project_of_before_takes_it_from_public_by_its_next_migration() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let lock = package.migrations().join("authz.lock");
    edit(&lock, "revoked_from_public = true\n", "");
    // A migration of before had no such block.
    let first = package
        .files()
        .into_iter()
        .find(|(name, _)| name.ends_with("_create.up.sql"))
        .unwrap();
    let (before, after) = first.1.split_once("DO $do$ DECLARE\n    here record;").unwrap();
    let (_, after) = after.split_once("END $do$;\n\n").unwrap();
    package.write(&first.0, &format!("{before}{after}"));
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        assert!(public_may(&mut database).await.0);
        let text = std::fs::read_to_string(package.generate("harden", &[])).unwrap();
        assert!(text.contains("REVOKE TEMPORARY ON DATABASE"), "{text}");
        assert!(text.contains("hazard authz-narrows: takes TEMPORARY"), "{text}");
        package.assert_settled();
        database.migrate(&package).await;
        assert_eq!(public_may(&mut database).await, (false, false));
    });
}

#[test]
fn connect_takes_the_login_role_that_the_migrations_make() {
    let server = Server::start().unwrap();
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::on(&server, "app".to_owned()).await;
        database.migrate(&package).await;
        database.execute("ALTER ROLE authenticator PASSWORD 'x'").await;
        let options: sqlx::postgres::PgConnectOptions = server.url("app").parse().unwrap();
        let key = authz_tests::keys::SigningKey::ed25519("one");
        let issuer = authz::Issuer::new(authz_tests::keys::ISSUER)
            .audience(authz_tests::keys::AUDIENCE)
            .jwks_json(&key.jwks());
        let authz = authz::Authz::builder()
            .issuer(issuer)
            .connect_with(options.username("authenticator").password("x"))
            .await
            .unwrap();
        assert_eq!(authz.warnings(), []);
    });
}
