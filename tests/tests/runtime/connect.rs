//! A login role that row security does not bind is refused, and the allowed neighbour is not.

use authz::{Authz, Builder, ConnectError, Issuer, IssuerError, Warning};
use authz_tests::keys::{AUDIENCE, ISSUER, claims};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::postgres::PgConnectOptions;

use super::setup::{Setup, tasks};

async fn refusal(builder: Builder, options: PgConnectOptions) -> ConnectError {
    let error = builder.connect_with(options).await.unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("not secret"), "{shown}");
    error
}

/// Runs SQL, expects a refusal whose text begins so, undoes it, and expects none.
async fn assert_refused_while(setup: &Setup, sql: &str, undo: &str, text: &str) {
    setup.database.execute(sql).await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    let text = text.replace("$name", &setup.database.name);
    assert!(error.to_string().starts_with(&text), "{sql}: {error}");
    setup.database.execute(undo).await;
    setup.connect().await;
}

#[tokio::test]
async fn a_superuser_is_refused() {
    let setup = Setup::new().await;
    let error = refusal(setup.builder(), setup.database.admin()).await;
    assert!(matches!(error, ConnectError::Superuser(_)), "{error}");
    let url = authz_tests::database::admin();
    let error = refusal(setup.builder(), url).await;
    assert!(
        error
            .to_string()
            .contains("is a superuser, whom row security does not bind; connect as"),
        "{error}"
    );
}

#[tokio::test]
async fn a_login_role_with_a_dangerous_attribute_is_refused() {
    let setup = Setup::new().await;
    for (attribute, text) in [
        ("BYPASSRLS", "a role with BYPASSRLS"),
        ("CREATEROLE", "a role with CREATEROLE"),
        ("REPLICATION", "a role with REPLICATION"),
    ] {
        assert_refused_while(
            &setup,
            &format!("ALTER ROLE $name_login {attribute}"),
            &format!("ALTER ROLE $name_login NO{attribute}"),
            &format!("the login role `$name_login` is {text}"),
        )
        .await;
        // Attributes are not inherited, and can be assumed by SET ROLE, also over two steps.
        assert_refused_while(
            &setup,
            &format!("CREATE ROLE $name_other {attribute}; GRANT $name_other TO $name_user"),
            "DROP ROLE $name_other",
            &format!("the login role `$name_login` may SET ROLE to `$name_other`, which is {text}"),
        )
        .await;
    }
}

#[tokio::test]
async fn a_login_role_that_reaches_the_servers_files_is_refused() {
    let setup = Setup::new().await;
    for role in [
        "pg_execute_server_program",
        "pg_read_server_files",
        "pg_write_server_files",
    ] {
        assert_refused_while(
            &setup,
            &format!("GRANT {role} TO $name_login"),
            &format!("REVOKE {role} FROM $name_login"),
            &format!("the login role `$name_login` may SET ROLE to `{role}`"),
        )
        .await;
    }
}

#[tokio::test]
async fn the_owner_of_a_governed_table_is_refused_although_row_security_is_forced() {
    let setup = Setup::new().await;
    for owner in ["$name_login", "$name_user"] {
        setup
            .database
            .execute(&format!("ALTER TABLE todos OWNER TO {owner}"))
            .await;
        let error = refusal(setup.builder(), setup.database.login_options()).await;
        assert!(
            matches!(&error, ConnectError::Owner { table, .. } if table == "public.todos"),
            "{error}"
        );
        // Without row security there is nothing to turn off.
        setup
            .database
            .execute("ALTER TABLE todos DISABLE ROW LEVEL SECURITY")
            .await;
        setup.connect().await;
        setup
            .database
            .execute("ALTER TABLE todos ENABLE ROW LEVEL SECURITY")
            .await;
    }
    assert_refused_while(
        &setup,
        "ALTER TABLE todos OWNER TO CURRENT_USER;
         CREATE TABLE parts (id int) PARTITION BY RANGE (id);
         ALTER TABLE parts ENABLE ROW LEVEL SECURITY;
         ALTER TABLE parts OWNER TO $name_login",
        "DROP TABLE parts",
        "the login role `$name_login` is the owner of `public.parts`",
    )
    .await;
}

/// What a refusal says to do, done: the text in its last backticks, each statement run by the superuser.
fn remedy(error: &ConnectError) -> String {
    let text = error.to_string();
    text.split('`').nth_back(1).unwrap().to_owned()
}

/// Runs SQL, expects a refusal that says so, does what it advises, and expects none.
async fn assert_the_advice_helps(setup: &Setup, sql: &str, text: &str) {
    setup.database.execute(sql).await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    let text = text.replace("$name", &setup.database.name);
    assert!(error.to_string().contains(&text), "{sql}: {error:?}");
    let remedy = remedy(&error).replace('…', "CURRENT_USER");
    setup.database.execute(&remedy).await;
    if let Err(error) = setup.builder().connect_with(setup.database.login_options()).await {
        panic!("{sql}; {remedy}: {error:?}");
    }
}

/// The major version of the server.
async fn version(setup: &Setup) -> i64 {
    setup
        .database
        .count("SELECT current_setting('server_version_num')::bigint / 10000")
        .await
}

const AUTH: &str = "CREATE SCHEMA auth;
    CREATE FUNCTION auth.user_id() RETURNS text LANGUAGE sql RETURN current_setting('request.jwt.claims', true)::jsonb ->> 'sub';
    GRANT USAGE ON SCHEMA auth TO $name_user";

#[tokio::test]
async fn an_owner_of_what_policies_rest_on_is_refused() {
    let setup = Setup::new().await;
    setup.database.execute(AUTH).await;
    setup
        .database
        .execute(
            "CREATE SCHEMA elsewhere;
             CREATE FUNCTION elsewhere.is_allowed() RETURNS boolean LANGUAGE sql RETURN true;
             CREATE POLICY asks ON todos AS RESTRICTIVE USING (elsewhere.is_allowed());
             CREATE TYPE public.mood AS ENUM ('fine');
             CREATE FUNCTION public.same(text, text) RETURNS boolean LANGUAGE sql RETURN $1 IS NOT DISTINCT FROM $2;
             CREATE OPERATOR public.=== (FUNCTION = public.same, LEFTARG = text, RIGHTARG = text);
             CREATE SCHEMA governed;
             CREATE TABLE governed.notes (id int);
             ALTER TABLE governed.notes ENABLE ROW LEVEL SECURITY",
        )
        .await;
    setup.connect().await;
    for owner in ["$name_login", "$name_user"] {
        for (object, name) in [
            ("FUNCTION auth.user_id()", "the function `auth.user_id()`"),
            (
                "FUNCTION elsewhere.is_allowed()",
                "the function `elsewhere.is_allowed()`",
            ),
            (
                "FUNCTION public.same(text, text)",
                "the function `public.same(pg_catalog.text,pg_catalog.text)`",
            ),
            (
                "OPERATOR public.=== (text, text)",
                "the operator `public.===(pg_catalog.text,pg_catalog.text)`",
            ),
            ("TYPE public.mood", "the type `public.mood`"),
            ("SCHEMA auth", "the schema `auth`"),
            ("SCHEMA public", "the schema `public`"),
            ("SCHEMA governed", "the schema `governed`"),
            ("SCHEMA elsewhere", "the schema `elsewhere`"),
            ("DATABASE $name", "the database `$name`"),
        ] {
            let sql = format!("ALTER {object} OWNER TO {owner}");
            assert_the_advice_helps(&setup, &sql, &format!("the owner of {name}, and can change it")).await;
        }
    }
    // What nobody else's query meets may be theirs.
    setup
        .database
        .execute(
            "CREATE SCHEMA queue AUTHORIZATION $name_user;
             CREATE TABLE queue.jobs (id int);
             CREATE FUNCTION queue.next() RETURNS int LANGUAGE sql RETURN 1;
             ALTER TABLE queue.jobs OWNER TO $name_user;
             ALTER FUNCTION queue.next() OWNER TO $name_user",
        )
        .await;
    assert_eq!(
        setup
            .connect()
            .await
            .warnings()
            .iter()
            .filter(|warning| !is_temporary(warning))
            .count(),
        0
    );
}

#[tokio::test]
async fn privileges_that_reach_around_the_policies_are_refused() {
    let setup = Setup::new().await;
    setup.database.execute(AUTH).await;
    let mut privileges = vec![
        ("TRUNCATE", "ON public.todos", "TRUNCATE on `public.todos`"),
        ("TRIGGER", "ON public.todos", "TRIGGER on `public.todos`"),
        ("REFERENCES", "ON public.todos", "REFERENCES on `public.todos`"),
        (
            "REFERENCES (id)",
            "ON public.todos",
            "REFERENCES (id) on `public.todos`",
        ),
        ("CREATE", "ON SCHEMA public", "CREATE on `public`"),
        ("CREATE", "ON SCHEMA auth", "CREATE on `auth`"),
        ("CREATE", "ON SCHEMA pg_catalog", "CREATE on `pg_catalog`"),
        ("CREATE", "ON DATABASE $name", "CREATE on `$name`"),
        (
            "EXECUTE",
            "ON FUNCTION pg_read_file(text)",
            "EXECUTE on `pg_catalog.pg_read_file(text)`",
        ),
        (
            "EXECUTE",
            "ON FUNCTION pg_ls_dir(text)",
            "EXECUTE on `pg_catalog.pg_ls_dir(text)`",
        ),
        (
            "EXECUTE",
            "ON FUNCTION lo_import(text)",
            "EXECUTE on `pg_catalog.lo_import(text)`",
        ),
        (
            "EXECUTE",
            "ON FUNCTION pg_reload_conf()",
            "EXECUTE on `pg_catalog.pg_reload_conf()`",
        ),
        (
            "UPDATE",
            "ON pg_catalog.pg_authid",
            "UPDATE on `pg_catalog.pg_authid`",
        ),
        (
            "SELECT",
            "ON pg_catalog.pg_authid",
            "SELECT on `pg_catalog.pg_authid`",
        ),
        (
            "SELECT (rolpassword)",
            "ON pg_catalog.pg_authid",
            "SELECT (rolpassword) on `pg_catalog.pg_authid`",
        ),
        (
            "SELECT",
            "ON pg_catalog.pg_statistic",
            "SELECT on `pg_catalog.pg_statistic`",
        ),
        (
            "INSERT",
            "ON pg_catalog.pg_auth_members",
            "INSERT on `pg_catalog.pg_auth_members`",
        ),
        (
            "DELETE",
            "ON pg_catalog.pg_policy",
            "DELETE on `pg_catalog.pg_policy`",
        ),
        (
            "UPDATE (relrowsecurity)",
            "ON pg_catalog.pg_class",
            "UPDATE (relrowsecurity) on `pg_catalog.pg_class`",
        ),
    ];
    let version = version(&setup).await;
    if version >= 15 {
        privileges.push((
            "SET",
            "ON PARAMETER session_replication_role",
            "SET on `session_replication_role`",
        ));
        privileges.push((
            "ALTER SYSTEM",
            "ON PARAMETER work_mem",
            "ALTER SYSTEM on `work_mem`",
        ));
    }
    if version >= 17 {
        privileges.push(("MAINTAIN", "ON public.todos", "MAINTAIN on `public.todos`"));
    }
    for (privilege, on, text) in privileges {
        for (grantee, has) in [
            ("$name_login", "the login role `$name_login` has"),
            (
                "$name_anonymous",
                "`$name_anonymous`, which the login role `$name_login` may become, has",
            ),
            ("PUBLIC", "PUBLIC, which is every role, has"),
        ] {
            assert_the_advice_helps(
                &setup,
                &format!("GRANT {privilege} {on} TO {grantee}"),
                &format!("{has} {text}"),
            )
            .await;
        }
    }
    // Over a role in between.
    assert_the_advice_helps(
        &setup,
        "CREATE ROLE $name_between; GRANT $name_between TO $name_user; GRANT TRUNCATE ON todos TO $name_between",
        "`$name_between`, which the login role `$name_login` may become, has TRUNCATE",
    )
    .await;
    // What everybody may at first, what others may, and what reaches no governed table are fine.
    setup
        .database
        .execute(
            "GRANT EXECUTE ON FUNCTION pg_catalog.lower(text), pg_catalog.pg_cancel_backend(int) TO $name_user;
             GRANT SELECT ON pg_catalog.pg_class, pg_catalog.pg_stat_activity TO $name_user;
             GRANT UPDATE ON pg_catalog.pg_settings TO $name_user;
             GRANT TRUNCATE ON todos TO $name_editor;
             CREATE TABLE public.scratch (id int);
             GRANT ALL ON public.scratch TO $name_user;
             CREATE SCHEMA queue;
             GRANT ALL ON SCHEMA queue TO $name_user",
        )
        .await;
    setup.connect().await;
}

#[tokio::test]
async fn the_advice_names_who_granted_and_keeps_the_owner_able_to_migrate() {
    let setup = Setup::new().await;
    setup
        .database
        .execute(
            "CREATE ROLE $name_other;
             GRANT TRUNCATE ON todos TO $name_other WITH GRANT OPTION;
             SET ROLE $name_other;
             GRANT TRUNCATE ON todos TO $name_user",
        )
        .await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    let expected = "as $name_other `REVOKE TRUNCATE ON TABLE public.todos FROM $name_user`";
    let expected = expected.replace("$name", &setup.database.name);
    assert!(error.to_string().ends_with(&expected), "{error}");
    let undo = format!("SET ROLE $name_other; {}", remedy(&error));
    setup.database.execute(&undo).await;
    setup.connect().await;

    // As on PostgreSQL 14: a superuser owns `public`, and the owner of the database makes tables there by a right of PUBLIC.
    setup
        .database
        .execute(
            "CREATE ROLE $name_owner; ALTER DATABASE $name OWNER TO $name_owner;
             ALTER SCHEMA public OWNER TO CURRENT_USER; GRANT CREATE ON SCHEMA public TO PUBLIC",
        )
        .await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    assert!(
        error
            .to_string()
            .contains("; as a superuser `ALTER SCHEMA public OWNER TO"),
        "{error}"
    );
    setup.database.execute(&remedy(&error)).await;
    setup.connect().await;
    setup
        .database
        .execute("SET ROLE $name_owner; CREATE TABLE public.later (id int); DROP TABLE public.later")
        .await;
    setup
        .database
        .execute("ALTER DATABASE $name OWNER TO CURRENT_USER; ALTER SCHEMA public OWNER TO CURRENT_USER")
        .await;
}

#[tokio::test]
async fn a_member_of_a_role_of_postgresql_is_refused() {
    let setup = Setup::new().await;
    let version = version(&setup).await;
    let mut roles = vec![
        "pg_read_all_data",
        "pg_write_all_data",
        "pg_monitor",
        "pg_read_all_settings",
        "pg_read_all_stats",
        "pg_stat_scan_tables",
        "pg_signal_backend",
    ];
    if version >= 15 {
        roles.push("pg_checkpoint");
    }
    if version >= 16 {
        roles.push("pg_create_subscription");
    }
    if version >= 17 {
        roles.push("pg_maintain");
    }
    if version >= 18 {
        roles.push("pg_signal_autovacuum_worker");
    }
    for role in roles {
        for member in ["$name_login", "$name_user"] {
            assert_the_advice_helps(
                &setup,
                &format!("GRANT {role} TO {member}"),
                &format!("may SET ROLE to `{role}`, which is a role of PostgreSQL"),
            )
            .await;
        }
    }
    if version >= 16 {
        setup
            .database
            .execute("GRANT pg_use_reserved_connections TO $name_login")
            .await;
        setup.connect().await;
    }
}

#[tokio::test]
async fn a_setting_of_the_login_role_is_refused_unless_it_is_known_to_be_harmless() {
    let setup = Setup::new().await;
    for (name, value) in [
        ("row_security", "off"),
        ("default_transaction_read_only", "on"),
        ("default_transaction_isolation", "serializable"),
        ("search_path", "pg_temp, public"),
        ("role", "$name_user"),
        ("request.jwt.claims", "{}"),
        ("check_function_bodies", "off"),
        ("standard_conforming_strings", "off"),
        ("session_preload_libraries", "nonsense"),
    ] {
        for place in ["", " IN DATABASE $name"] {
            let sql = format!("ALTER ROLE $name_login{place} SET {name} = '{value}'");
            setup.database.execute(&sql).await;
            // The server does not let a session begin with some of them, or begins it in another role.
            let Err(error) = setup.builder().connect_with(setup.database.login_options()).await else {
                panic!("{sql}");
            };
            if name != "session_preload_libraries" {
                let expected =
                    format!("has a setting of its own for `{name}`, which is not known to be harmless");
                assert!(error.to_string().contains(&expected), "{sql}: {error}");
                setup.database.execute(&remedy(&error)).await;
            } else {
                setup
                    .database
                    .execute(&format!("ALTER ROLE $name_login{place} RESET {name}"))
                    .await;
            }
            setup.connect().await;
        }
    }
    // A role may give itself a setting.
    let mut login = sqlx::PgConnection::connect_with(&setup.database.login_options())
        .await
        .unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "ALTER ROLE {} SET default_transaction_read_only = on",
        setup.database.login()
    )))
    .execute(&mut login)
    .await
    .unwrap();
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    assert!(matches!(&error, ConnectError::Setting { name, .. } if name == "default_transaction_read_only"));
    setup.database.execute(&remedy(&error)).await;
    // Those that change nothing but time and form, and those of others.
    setup
        .database
        .execute(
            "ALTER ROLE $name_login SET statement_timeout = '10s';
             ALTER ROLE $name_login SET timezone = 'UTC';
             ALTER ROLE $name_login IN DATABASE $name SET work_mem = '8MB';
             ALTER ROLE $name_login SET application_name = 'app=x';
             ALTER ROLE $name_login IN DATABASE postgres SET row_security = off;
             ALTER ROLE $name_user SET row_security = off;
             ALTER DATABASE $name SET search_path = public, extensions",
        )
        .await;
    setup.connect().await;
}

#[tokio::test]
async fn a_login_role_that_can_become_more_than_its_requests_is_refused() {
    let setup = Setup::new().await;
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    let error = refusal(setup.builder(), setup.database.login_options()).await;
    assert!(
        matches!(&error, ConnectError::OtherRole { role, .. } if *role == setup.database.editor()),
        "{error}"
    );
    // A claim may pick it: then every request can become it by SQL, which is named.
    let allowed = || {
        setup
            .builder()
            .role_claim("role")
            .allow_role(setup.database.editor())
    };
    let authz = allowed()
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let role = setup.database.editor();
    assert!(
        authz
            .warnings()
            .contains(&Warning::SharedLogin { role: role.clone() })
    );

    // Or it has a login of its own, which may become nothing else.
    setup
        .database
        .execute(
            "REVOKE $name_editor FROM $name_login;
             CREATE ROLE $name_editors LOGIN NOINHERIT PASSWORD 'not secret' IN ROLE $name_editor",
        )
        .await;
    let name = &setup.database.name;
    let options = setup.database.login_options();
    let url = format!(
        "postgres://{name}_editors:not%20secret@localhost:{}/{name}?host={}",
        options.get_port(),
        options.get_socket().map_or_else(
            || options.get_host().to_owned(),
            |path| path.display().to_string()
        ),
    );
    let builder = || allowed().login_for_role(&role, &url);
    let authz = builder().connect_with(options.clone()).await.unwrap();
    assert!(
        authz.warnings().iter().all(is_temporary),
        "{:?}",
        authz.warnings()
    );
    let mut claims = claims("alice");
    for (picked, login) in [
        (role.clone(), format!("{name}_editors")),
        (setup.database.user(), setup.database.login()),
    ] {
        claims["role"] = json!(picked);
        let mut tx = authz.begin(&setup.key.sign(&claims)).await.unwrap();
        let (session, current): (String, String) =
            sqlx::query_as("SELECT session_user::text, current_user::text")
                .fetch_one(&mut tx)
                .await
                .unwrap();
        assert_eq!((session, current), (login, picked));
        assert_eq!(tasks(&mut tx).await, ["a"]);
    }
    for (sql, undo) in [
        (
            "GRANT $name_user TO $name_editors",
            "REVOKE $name_user FROM $name_editors",
        ),
        (
            "GRANT $name_editor TO $name_login",
            "REVOKE $name_editor FROM $name_login",
        ),
    ] {
        setup.database.execute(sql).await;
        let error = refusal(builder(), options.clone()).await;
        assert!(matches!(error, ConnectError::OtherRole { .. }), "{sql}: {error}");
        setup.database.execute(undo).await;
        builder().connect_with(options.clone()).await.unwrap();
    }
    // A role that a session role is a member of adds nothing to it.
    setup
        .database
        .execute("CREATE ROLE $name_less; GRANT $name_less TO $name_user; GRANT $name_less TO $name_login")
        .await;
    setup.connect().await;
    let error = refusal(setup.builder().login_for_role("x", &url), options).await;
    assert!(matches!(error, ConnectError::UnusedLogin { .. }), "{error}");
}

#[tokio::test]
async fn a_role_that_can_make_others_members_is_refused() {
    let setup = Setup::new().await;
    assert_the_advice_helps(
        &setup,
        "GRANT $name_user TO $name_login WITH ADMIN OPTION",
        "`$name_login` may make others members of `$name_user`",
    )
    .await;
}

fn is_temporary(warning: &Warning) -> bool {
    matches!(warning, Warning::Temporary { .. })
}

#[tokio::test]
async fn what_is_a_matter_of_degree_is_named_and_not_refused() {
    let setup = Setup::new().await;
    let warnings = async || -> Vec<String> {
        let authz = setup.connect().await;
        authz.warnings().iter().map(ToString::to_string).collect()
    };
    let name = &setup.database.name;
    let temporary = warnings().await;
    assert!(
        matches!(temporary.as_slice(), [one] if one.contains("`PUBLIC` may make temporary tables")),
        "{temporary:?}"
    );
    setup
        .database
        .execute("REVOKE TEMPORARY ON DATABASE $name FROM PUBLIC")
        .await;
    assert_eq!(warnings().await, [""; 0]);
    setup
        .database
        .execute("GRANT TEMPORARY ON DATABASE $name TO $name_user")
        .await;
    let temporary = warnings().await;
    assert!(
        matches!(temporary.as_slice(), [one] if one.contains(&format!("FROM {name}_user`"))),
        "{temporary:?}"
    );
    setup
        .database
        .execute("REVOKE TEMPORARY ON DATABASE $name FROM $name_user")
        .await;

    for (sql, undo, text) in [
        (
            "CREATE FUNCTION everything() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.todos'",
            "DROP FUNCTION everything()",
            "may call `public.everything()`, which is SECURITY DEFINER",
        ),
        (
            "CREATE VIEW everything AS SELECT * FROM todos; GRANT SELECT ON everything TO $name_user",
            "DROP VIEW everything",
            "`$name_user` may use the view `public.everything`",
        ),
        (
            "CREATE VIEW one AS SELECT * FROM todos; CREATE VIEW two AS SELECT * FROM one; GRANT SELECT (id) ON two TO $name_user",
            "DROP VIEW two; DROP VIEW one",
            "`$name_user` may use the view `public.two`",
        ),
        (
            "CREATE MATERIALIZED VIEW everything AS SELECT * FROM todos; GRANT SELECT ON everything TO PUBLIC",
            "DROP MATERIALIZED VIEW everything",
            "may use the view `public.everything`",
        ),
        (
            "CREATE TABLE more () INHERITS (todos); GRANT SELECT ON more TO $name_user",
            "DROP TABLE more",
            "`$name_user` may use `public.more`, a part of a table",
        ),
        (
            "CREATE TABLE sessions (id int); ALTER TABLE sessions OWNER TO $name_login",
            "DROP TABLE sessions",
            "`$name_login` owns `public.sessions`",
        ),
    ] {
        setup.database.execute(sql).await;
        let found = warnings().await;
        let text = text.replace("$name", name);
        assert!(
            matches!(found.as_slice(), [one] if one.contains(&text)),
            "{sql}: {found:?}"
        );
        setup.database.execute(undo).await;
        assert_eq!(warnings().await, [""; 0], "{undo}");
    }
    // What no session role reaches, what policies ask, and what shows no governed row.
    setup
        .database
        .execute(
            "CREATE ROLE $name_poor; GRANT CREATE ON SCHEMA public TO $name_poor;
             CREATE FUNCTION kept() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.todos';
             REVOKE EXECUTE ON FUNCTION kept() FROM PUBLIC;
             CREATE FUNCTION asked() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS 'SELECT true';
             CREATE POLICY asks ON todos AS RESTRICTIVE USING (asked());
             CREATE FUNCTION of_the_poor() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
             ALTER FUNCTION of_the_poor() OWNER TO $name_poor;
             CREATE VIEW kept_view AS SELECT * FROM todos;
             CREATE VIEW numbers AS SELECT 1 AS one; GRANT SELECT ON numbers TO PUBLIC",
        )
        .await;
    if version(&setup).await >= 15 {
        setup
            .database
            .execute(
                "CREATE VIEW asked_view WITH (security_invoker = on) AS SELECT * FROM todos;
                 GRANT SELECT ON asked_view TO PUBLIC",
            )
            .await;
    }
    assert_eq!(warnings().await, [""; 0]);
}

/// The event trigger that the threat model page shows.
fn no_drop_owned() -> &'static str {
    let page = include_str!("../../../docs/threat-model.md");
    let block = page
        .split("```sql\n")
        .find(|block| block.contains("CREATE EVENT TRIGGER"))
        .unwrap();
    block.split("```").next().unwrap()
}

#[tokio::test]
async fn drop_owned_is_named_where_it_shows_more_and_the_event_trigger_prevents_it() {
    let setup = Setup::new().await;
    let restrictive = async || -> usize {
        let authz = setup.connect().await;
        authz
            .warnings()
            .iter()
            .filter(|warning| matches!(warning, Warning::Restrictive { .. }))
            .count()
    };
    setup
        .database
        .execute("CREATE POLICY few ON todos AS RESTRICTIVE TO $name_user USING (false)")
        .await;
    assert_eq!(restrictive().await, 0);
    // Now `user` has the rights of another role, whose policy and grant stay.
    setup.database.execute("GRANT $name_editor TO $name_user").await;
    assert_eq!(restrictive().await, 1);
    let authz = setup.connect().await;
    let seen = async || {
        tasks(&mut authz.begin(&setup.token("alice")).await.unwrap())
            .await
            .len()
    };
    assert_eq!(seen().await, 0);

    setup.database.execute(no_drop_owned()).await;
    assert_eq!(restrictive().await, 0);
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let error = sqlx::query("DROP OWNED BY CURRENT_USER")
        .execute(&mut tx)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("DROP OWNED"), "{error}");
    drop(tx);
    assert_eq!(seen().await, 0);

    setup.database.execute("DROP EVENT TRIGGER no_drop_owned").await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    sqlx::query("DROP OWNED BY CURRENT_USER")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(seen().await, 1);
}

#[tokio::test]
async fn an_operator_in_public_takes_no_part_in_what_connect_asks() {
    let setup = Setup::new().await;
    setup
        .database
        .execute(
            "CREATE FUNCTION public.never(name, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RAISE ''it took part''; END';
             CREATE OPERATOR public.= (FUNCTION = public.never, LEFTARG = name, RIGHTARG = text);
             CREATE OPERATOR public.<> (FUNCTION = public.never, LEFTARG = name, RIGHTARG = text);
             ALTER DATABASE $name SET search_path = public, pg_catalog",
        )
        .await;
    setup.connect().await;
}

#[tokio::test]
async fn session_roles_must_exist_and_be_open_to_the_login_role() {
    let setup = Setup::new().await;
    let builder = setup.builder().role("nobody of this name");
    let error = refusal(builder, setup.database.login_options()).await;
    assert!(matches!(&error, ConnectError::MissingRole { role } if role == "nobody of this name"));
    let builder = setup.builder().role("none");
    assert!(matches!(
        refusal(builder, setup.database.login_options()).await,
        ConnectError::MissingRole { .. }
    ));
    assert_refused_while(
        &setup,
        "REVOKE $name_anonymous FROM $name_login",
        "GRANT $name_anonymous TO $name_login",
        "the login role `$name_login` may not SET ROLE to `$name_anonymous`; as an administrator `GRANT",
    )
    .await;
}

#[tokio::test]
async fn settings_that_cannot_work_are_named() {
    let setup = Setup::new().await;
    let jwks = setup.key.jwks();
    let issuer = || Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&jwks);
    let connect = async |builder: Builder| refusal(builder, setup.database.login_options()).await;

    assert!(matches!(connect(Authz::builder()).await, ConnectError::NoIssuer));
    let twice = setup.builder().issuer(issuer());
    assert!(matches!(
        connect(twice).await,
        ConnectError::DuplicateIssuer { .. }
    ));
    let unpicked = setup.builder().allow_role(setup.database.editor());
    assert!(matches!(connect(unpicked).await, ConnectError::NoRoleClaim));
    assert!(matches!(
        connect(setup.builder().role("x".repeat(64))).await,
        ConnectError::RoleName(_)
    ));
    for (issuer, expected) in [
        (Issuer::new("x").jwks_json(&jwks), IssuerError::NoAudience),
        (Issuer::new("x").audience("y"), IssuerError::NoKeys),
        (
            issuer().jwks_url("https://issuer.example"),
            IssuerError::TwoKeySources,
        ),
        (
            Issuer::new("x").any_audience().jwks_json("{}"),
            IssuerError::BadKey,
        ),
        (
            Issuer::new("x").any_audience().public_key_pem("nonsense"),
            IssuerError::BadKey,
        ),
        (
            Issuer::new("x").any_audience().jwks_url("nonsense"),
            IssuerError::BadUrl,
        ),
        (
            Issuer::new("x").any_audience().jwks_url("http://127.0.0.1/"),
            IssuerError::NotHttps,
        ),
    ] {
        let error = connect(Authz::builder().issuer(issuer)).await;
        assert!(
            matches!(error, ConnectError::Issuer { problem, .. } if problem == expected),
            "{expected}"
        );
    }
}

#[tokio::test]
async fn no_error_shows_the_database_url() {
    let setup = Setup::new().await;
    for url in [
        "postgres://app:hunter2@127.0.0.1:1/db?sslmode=hunter2",
        "hunter2",
        "postgres://app:hunter2@127.0.0.1:1/db",
    ] {
        let error = setup.builder().connect(url).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}
