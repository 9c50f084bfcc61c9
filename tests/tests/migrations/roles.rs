//! Roles belong to the whole server, which other databases share.

use std::sync::Barrier;
use std::thread;

use authz_throwaway::Server;

use crate::database::{Database, OWNER, block_on};
use crate::package::{Package, TODOS};

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
