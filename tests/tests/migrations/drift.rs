//! `cargo authz drift`: a live database against the migrations.

use authz_cli::command::{CommandError, Outcome};
use authz_cli::drift::DriftError;
use authz_throwaway::Server;
use serde_json::Value;

use crate::database::{Database, assert_same, block_on, server};
use crate::json::documented;
use crate::package::{NOTES, ORGANISATIONS, Package, Ran, TENANCY, TODOS, edit};

fn drift(package: &Package, database: &Database) -> Ran {
    run(package, &["drift", "--database-url", &database.url])
}

/// Runs a command on a thread of its own: it starts a runtime, which none can inside another.
fn run(package: &Package, arguments: &[&str]) -> Ran {
    std::thread::scope(|scope| scope.spawn(|| package.run(arguments)).join().unwrap())
}

#[track_caller]
fn assert_none(ran: &Ran) {
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
}

/// The objects that are found.
#[track_caller]
fn found(ran: &Ran) -> Vec<&str> {
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    ran.out.lines().filter(|line| !line.starts_with(' ')).collect()
}

/// A database by the migrations of a package, to which somebody then does this. The table's other role is of the test
/// alone, since roles belong to the server.
#[track_caller]
fn tampered(server: &Server, role: &str, sql: &str) -> Ran {
    let source = TODOS.replacen(
        "#[rls(",
        &format!("#[rls(select = \"is_complete\", to = \"{role}\")]\n#[rls("),
        1,
    );
    let package = Package::new(&source);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::on(server, role.to_owned()).await;
        database.migrate(&package).await;
        assert_none(&drift(&package, &database));
        database.execute(sql).await;
        drift(&package, &database)
    })
}

#[track_caller]
fn assert_tampered(role: &str, sql: &str, object: &str, migrations: &str, database: &str) {
    assert_tampered_on(server(), role, sql, object, [migrations, database]);
}

#[track_caller]
fn assert_tampered_on(
    server: &Server,
    role: &str,
    sql: &str,
    object: &str,
    [migrations, database]: [&str; 2],
) {
    let ran = tampered(server, role, sql);
    assert_eq!(found(&ran), [object], "{}", ran.whole());
    let [expected, live] =
        [("migrations", migrations), ("database", database)].map(|(who, text)| format!("    {who}: {text}"));
    assert!(
        ran.out.contains(&expected) && ran.out.contains(&live),
        "{}",
        ran.whole()
    );
    assert!(
        ran.err.contains("is not what its 1 migration made"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_database_that_migrations_made_has_no_drift_and_is_not_changed() {
    let package = Package::new(&format!("mod a {{ {TODOS} }} mod b {{ {TENANCY} }}"));
    package.generate("create", &[]);
    package.models(&format!(
        "mod a {{ {TODOS} }} mod b {{ {TENANCY} }} mod c {{ {NOTES} }}"
    ));
    package.generate("notes", &["authz-widens"]);
    package.write("29990101000000_by_hand.sql", "CREATE TABLE audit (line text);");
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        // What the models do not declare is not looked at.
        database
            .execute("CREATE TABLE elsewhere (id int); ALTER TABLE audit ADD at date")
            .await;
        let before = database.dump();
        let ran = drift(&package, &database);
        assert_none(&ran);
        assert_eq!(ran.out, "");
        assert!(
            ran.err.contains("is what its 3 migrations made"),
            "{}",
            ran.whole()
        );
        assert!(!ran.err.contains("warning"), "{}", ran.whole());
        assert!(!ran.whole().contains(server().password()), "{}", ran.whole());
        assert_same("before and after", &before, &database.dump());
    });
}

#[test]
fn a_changed_function_of_a_claim_and_its_comment() {
    let package = Package::new(ORGANISATIONS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        assert_none(&drift(&package, &database));
        database
            .execute(
                "CREATE OR REPLACE FUNCTION auth.org_id() RETURNS uuid STABLE PARALLEL SAFE RETURN NULL::uuid; \
                 COMMENT ON FUNCTION auth.auth_time() IS 'When'; GRANT EXECUTE ON FUNCTION auth.roles() TO PUBLIC; \
                 CREATE FUNCTION auth.new_id() RETURNS uuid RETURN NULL::uuid",
            )
            .await;
        let ran = drift(&package, &database);
        assert_eq!(
            found(&ran),
            ["auth_time", "new_id", "org_id", "roles"].map(|name| format!("function auth.{name}()"))
        );
    });
}

#[test]
fn a_changed_policy() {
    assert_tampered(
        "drift_policy",
        "ALTER POLICY todos_select_authenticated ON todos USING (true)",
        "policy todos_select_authenticated on public.todos",
        "AS PERMISSIVE FOR SELECT TO authenticated USING ((( SELECT auth.user_id() AS user_id) = user_id))",
        "AS PERMISSIVE FOR SELECT TO authenticated USING (true)",
    );
}

#[test]
fn row_security_that_is_not_forced() {
    assert_tampered(
        "drift_force",
        "ALTER TABLE todos NO FORCE ROW LEVEL SECURITY",
        "table public.todos",
        "row security forced comment",
        "row security comment",
    );
}

#[test]
fn row_security_that_is_off() {
    assert_tampered(
        "drift_off",
        "ALTER TABLE todos DISABLE ROW LEVEL SECURITY",
        "table public.todos",
        "row security forced",
        "no row security forced",
    );
}

#[test]
fn a_grant_to_a_role() {
    assert_tampered(
        "drift_grant",
        "GRANT DELETE ON todos TO drift_grant",
        "grants to drift_grant on public.todos",
        "SELECT\n",
        "DELETE, SELECT\n",
    );
}

#[test]
fn a_grant_to_public() {
    assert_tampered(
        "drift_public",
        "GRANT SELECT ON todos TO PUBLIC",
        "grants to PUBLIC on public.todos",
        "missing",
        "SELECT",
    );
}

#[test]
fn a_grant_on_a_column() {
    assert_tampered(
        "drift_column_grant",
        "GRANT UPDATE (inserted_at) ON todos TO drift_column_grant",
        "grants to drift_column_grant on column public.todos.inserted_at",
        "missing",
        "UPDATE",
    );
}

#[test]
fn a_grant_on_a_sequence() {
    assert_tampered(
        "drift_sequence",
        "GRANT USAGE ON SEQUENCE todos_id_seq TO drift_sequence",
        "grants to drift_sequence on sequence public.todos_id_seq",
        "missing",
        "USAGE",
    );
}

#[test]
fn the_right_to_make_tables_for_everybody() {
    assert_tampered(
        "drift_usage",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "usage of schema public",
        "authenticated USAGE, drift_usage USAGE, PUBLIC USAGE",
        "authenticated USAGE, drift_usage USAGE, PUBLIC CREATE, PUBLIC USAGE",
    );
}

#[test]
fn a_column_that_was_added_by_hand() {
    assert_tampered(
        "drift_column",
        "ALTER TABLE todos ADD secret text DEFAULT 'x'",
        "column public.todos.secret",
        "missing",
        "text DEFAULT 'x'::text",
    );
}

#[test]
fn a_dropped_index() {
    assert_tampered(
        "drift_index",
        "DROP INDEX todos_user_id_idx",
        "index todos_user_id_idx on public.todos",
        "CREATE INDEX todos_user_id_idx ON public.todos USING btree (user_id)",
        "missing",
    );
}

#[test]
fn a_replaced_function() {
    assert_tampered(
        "drift_function",
        "CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text STABLE PARALLEL SAFE RETURN 'root'::text",
        "function auth.user_id()",
        "CREATE OR REPLACE FUNCTION auth.user_id()",
        "CREATE OR REPLACE FUNCTION auth.user_id()",
    );
}

/// On a server of its own, since all databases of a server have these roles.
#[test]
fn roles_that_row_security_does_not_bind() {
    let server = Server::start().unwrap();
    let ran = tampered(&server, "drift_strong", "ALTER ROLE drift_strong BYPASSRLS");
    assert_eq!(found(&ran), ["rights of role drift_strong"], "{}", ran.whole());
    assert!(
        ran.out
            .ends_with("    migrations: missing\n    database: BYPASSRLS\n"),
        "{}",
        ran.whole()
    );
    // The login role can switch to whatever it is a member of; a plain role of another database is none of our business.
    block_on(async {
        let mut database = Database::on(&server, "after".to_owned()).await;
        let sql = "ALTER ROLE drift_strong NOBYPASSRLS; CREATE ROLE plain; GRANT plain TO authenticator";
        database.execute(sql).await;
    });
    assert_tampered_on(
        &server,
        "drift_member",
        "GRANT pg_read_all_data TO drift_member",
        "memberships of role drift_member",
        ["missing", "pg_read_all_data"],
    );
    block_on(async {
        let mut database = Database::on(&server, "between".to_owned()).await;
        database
            .execute("REVOKE pg_read_all_data FROM drift_member")
            .await;
    });
    assert_tampered_on(
        &server,
        "drift_login",
        "GRANT postgres TO authenticator",
        "memberships of role authenticator",
        [
            "anonymous, authenticated, drift_login",
            "anonymous, authenticated, drift_login, postgres",
        ],
    );
}

#[test]
fn a_session_role_that_owns_a_table() {
    assert_tampered(
        "drift_owner",
        "CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO drift_owner",
        "relations of role drift_owner",
        "missing",
        "public.owned",
    );
}

#[test]
fn a_grant_to_the_login_role() {
    assert_tampered(
        "drift_granted",
        "CREATE TABLE owned (id int); GRANT SELECT ON owned TO authenticator",
        "grants to login role authenticator",
        "missing",
        "SELECT on public.owned",
    );
}

#[test]
fn default_privileges_that_open_future_tables() {
    for (role, to, wide, object) in [
        (
            "drift_default",
            "drift_default",
            " IN SCHEMA public",
            "default privileges of drift_default on future tables in schema public",
        ),
        (
            "drift_defaults",
            "PUBLIC",
            "",
            "default privileges of PUBLIC on future tables",
        ),
    ] {
        assert_tampered(
            role,
            &format!("ALTER DEFAULT PRIVILEGES{wide} GRANT SELECT ON TABLES TO {to}"),
            object,
            "missing",
            "SELECT",
        );
    }
}

#[test]
fn a_database_that_is_behind_is_compared_at_its_version() {
    let package = Package::new(&format!("mod a {{ {TODOS} }} mod c {{ {NOTES} }}"));
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        // Notes go, and a column comes; neither is there yet.
        package.models(&TODOS.replace("is_complete: bool", "is_complete: Option<bool>"));
        let path = package.generate("less", &["data-loss", "authz-narrows", "authz-widens"][..1]);
        let name = path.file_name().unwrap().to_str().unwrap();
        let (version, _) = name.split_once('_').unwrap();
        let ran = drift(&package, &database);
        assert_none(&ran);
        assert_eq!(
            ran.out,
            format!("migration {version} less\n    pending: the database does not have it yet\n")
        );

        database
            .execute("ALTER TABLE notes NO FORCE ROW LEVEL SECURITY")
            .await;
        assert_eq!(found(&drift(&package, &database))[1..], ["table public.notes"]);
    });
}

#[test]
fn migrations_that_are_not_the_same_there_as_here() {
    let package = Package::new(TODOS);
    let up = package.generate("create", &[]);
    package.write("29990101000000_one.sql", "SELECT 1;");
    package.write("29990101000001_two.sql", "SELECT 2;");
    package.write("29990101000002_three.sql", "SELECT 3;");
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        edit(&up, "lock_timeout = '5s'", "lock_timeout = '6s'");
        std::fs::remove_file(package.migrations().join("29990101000000_one.sql")).unwrap();
        database
            .execute("UPDATE _sqlx_migrations SET success = false WHERE version = 29990101000001")
            .await;
        package.write("29980101000000_late.sql", "SELECT 1;");
        package.write("29990101000003_next.sql", "SELECT 1;");
        let ran = run(
            &package,
            &["drift", "--format", "json", "--database-url", &database.url],
        );
        assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
        let document: Value = serde_json::from_str(&ran.out).unwrap();
        let states: Vec<[&str; 2]> = document["migrations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|migration| ["description", "state"].map(|key| migration[key].as_str().unwrap()))
            .collect();
        assert_eq!(
            states,
            [
                ["create", "changed"],
                ["late", "late"],
                ["one", "unknown"],
                ["two", "failed"],
                ["next", "pending"]
            ]
        );
        assert_eq!(document["applied"], 4);
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let [example] = &documented("drift")[..] else {
            panic!("docs/commands.md shows `drift` once")
        };
        assert_eq!(keys(&document), keys(example));
        assert_eq!(keys(&document["database"]), keys(&example["database"]));
        assert_eq!(keys(&document["migrations"][0]), keys(&example["migrations"][0]));
        assert_eq!(document["differences"], serde_json::json!([]));
    });
}

#[test]
fn the_table_of_sqlx_is_the_one_of_its_configuration() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    std::fs::write(
        package.root().join("sqlx.toml"),
        "[migrate]\ntable-name = \"ops.\\\"Applied\\\"\"\ncreate-schemas = [\"ops\"]\n",
    )
    .unwrap();
    block_on(async {
        let mut database = Database::new().await;
        let mut migrator = package.migrator().await;
        migrator.create_schema("ops");
        migrator.dangerous_set_table_name("ops.\"Applied\"");
        migrator.run(&mut database.owner).await.unwrap();
        assert_none(&drift(&package, &database));
    });
}

#[test]
fn what_keeps_it_from_running_is_an_error_without_the_password() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let error = |url: &str| {
        let ran = package.run(&["drift", "--database-url", url]);
        let Err(error) = ran.result else {
            panic!("{}", ran.whole())
        };
        let mut text = Vec::new();
        assert_eq!(
            authz_cli::command::exit_code(Err(error), &mut text),
            std::process::ExitCode::from(2)
        );
        String::from_utf8(text).unwrap()
    };
    let database = block_on(Database::new());
    let text = error(&database.url);
    assert!(
        text.contains("has no table `_sqlx_migrations`") && text.contains("cargo sqlx migrate run"),
        "{text}"
    );

    let wrong = database.url.replace(server().password(), "hunter2");
    let text = error(&wrong);
    assert!(
        text.contains("cannot connect to `") && !text.contains("hunter2"),
        "{text}"
    );
    let text = error("postgres://user:hunter2@127.0.0.1:port/x");
    assert!(
        text.contains("the database URL is not one") && !text.contains("hunter2"),
        "{text}"
    );
    let ran = package.run(&["drift", "--database-url", ""]);
    assert!(
        matches!(ran.result, Err(CommandError::Drift(DriftError::NoUrl))),
        "{}",
        ran.whole()
    );
}
