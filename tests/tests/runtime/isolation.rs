//! Who sees what, and that claims are data whatever they hold.

use authz_tests::keys::claims;
use authz_tests::proxy::{Pace, Proxy};
use serde_json::{Value, json};
use sqlx::Executor as _;

use super::setup::{Setup, identity, insert, tasks};

#[tokio::test]
async fn each_user_sees_own_rows_and_the_anonymous_none() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    for (sub, rows) in [("alice", vec!["a"]), ("bob", vec!["b"]), ("carol", vec![])] {
        let mut tx = authz.begin(&setup.token(sub)).await.unwrap();
        assert_eq!(tasks(&mut tx).await, rows, "{sub}");
    }
    let mut tx = authz.begin_anonymous().await.unwrap();
    assert_eq!(tasks(&mut tx).await, Vec::<String>::new());
    assert_eq!(
        identity(&mut tx).await,
        (setup.database.anonymous(), String::new())
    );
}

#[tokio::test]
async fn a_user_writes_own_rows_and_nobody_elses() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "new").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let error = insert(&mut tx, "bob", "forged").await.unwrap_err();
    assert_eq!(error.into_database_error().unwrap().code().unwrap(), "42501");
    drop(tx);
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a", "new"]);
    assert_eq!(setup.database.count("SELECT count(*) FROM todos").await, 3);
}

#[tokio::test]
async fn claims_are_data_whatever_they_hold() {
    let setup = Setup::new().await;
    for standard_conforming_strings in ["on", "off"] {
        let options = setup.database.login_options();
        let options = options.options([("standard_conforming_strings", standard_conforming_strings)]);
        let authz = setup.connect_one(options).await;
        for text in [
            "'; RESET ROLE; --",
            "'; COMMIT; SET ROLE postgres; --",
            r"\'; RESET ROLE; --",
            r"\\'; RESET ROLE; --",
            r"\x27\047\u0027",
            "''",
            "\"",
            "\\",
            "$$; RESET ROLE; $$",
            "E'",
            "line\nbreak\ttab\r\u{1}\u{7f}",
            "ünï © 💩 \u{2028} \u{feff}",
            "?1 $1 :name %s",
        ] {
            let mut all = claims("alice");
            all["text"] = json!(text);
            all[text] = json!([text, {"nested": text}]);
            let mut tx = authz.begin(&setup.key.sign(&all)).await.unwrap();
            let (role, seen) = identity(&mut tx).await;
            assert_eq!(role, setup.database.user(), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&seen).unwrap(), all, "{text:?}");
            let parsed: String =
                sqlx::query_scalar("SELECT current_setting('request.jwt.claims')::jsonb ->> 'text'")
                    .fetch_one(&mut tx)
                    .await
                    .unwrap();
            assert_eq!(parsed, text);
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_role_with_an_awkward_name_is_quoted() {
    let setup = Setup::new().await;
    let role = format!(r#"{}_Ro"le; '\"#, setup.database.name);
    let quoted = role.replace('"', "\"\"");
    setup
        .database
        .execute(&format!(
            r#"CREATE ROLE "{quoted}"; GRANT "{quoted}" TO $name_login; REVOKE $name_user FROM $name_login"#
        ))
        .await;
    let authz = setup
        .builder()
        .role(&role)
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(identity(&mut tx).await.0, role);
    drop(tx);
    authz.close().await;
    setup.database.execute(&format!(r#"DROP ROLE "{quoted}""#)).await;
}

#[tokio::test]
async fn sql_that_leaves_the_role_finds_a_login_role_without_rights() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    for escape in [
        "RESET ROLE",
        "SET ROLE NONE",
        "SET LOCAL ROLE NONE",
        "SELECT set_config('role', 'none', false)",
    ] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        tx.execute(escape).await.unwrap();
        assert_eq!(identity(&mut tx).await.0, setup.database.login());
        let error = tx.execute("SELECT * FROM todos").await.unwrap_err();
        assert_eq!(
            error.into_database_error().unwrap().code().unwrap(),
            "42501",
            "{escape}"
        );
    }
    for escape in ["SET ROLE postgres", "SET SESSION AUTHORIZATION postgres"] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        assert!(tx.execute(escape).await.is_err(), "{escape}");
    }
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    tx.execute("SET row_security = off").await.unwrap();
    assert!(
        tx.execute("SELECT * FROM todos").await.is_err(),
        "no silent way around row security"
    );
}

#[tokio::test]
async fn nothing_that_sql_left_on_a_connection_reaches_the_next_user() {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    for sql in [
        "SET search_path = pg_temp",
        "SET request.jwt.claims = '{\"sub\": \"alice\"}'",
        "SET app.secret = 'of alice'",
        "CREATE TEMP TABLE todos AS SELECT 1 AS id, 'x' AS user_id, 'fake' AS task",
        "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM public.todos",
        "CREATE TEMP SEQUENCE numbers START 42",
        "SELECT nextval('numbers')",
        "SET SESSION ROLE NONE",
    ] {
        tx.execute(sql).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = authz.begin_anonymous().await.unwrap();
    assert_eq!(identity(&mut tx).await, (setup.database.user(), String::new()));
    assert_eq!(tasks(&mut tx).await, Vec::<String>::new());
    drop(tx);
    let mut tx = authz.begin(&setup.token("bob")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["b"]);
    let left: (Option<String>, i64) = sqlx::query_as(
        "SELECT nullif(current_setting('app.secret', true), ''), (SELECT count(*) FROM pg_cursors WHERE name = 'held')",
    )
    .fetch_one(&mut tx)
    .await
    .unwrap();
    assert_eq!(left, (None, 0));
    assert!(tx.execute("SELECT lastval()").await.is_err());
}

#[tokio::test]
async fn many_users_on_few_connections_never_meet() {
    let setup = Setup::new().await;
    let authz = setup
        .builder()
        .max_connections(3)
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let requests = (0..300).map(|number| {
        let (authz, token) = (authz.clone(), setup.token(&format!("user {}", number % 7)));
        async move {
            let mut tx = authz.begin(&token).await.unwrap();
            let (_, seen) = identity(&mut tx).await;
            let seen: Value = serde_json::from_str(&seen).unwrap();
            assert_eq!(seen["sub"], format!("user {}", number % 7));
            match number % 3 {
                0 => tx.commit().await.unwrap(),
                1 => tx.rollback().await.unwrap(),
                _ => drop(tx),
            }
        }
    });
    futures_util::future::join_all(requests.map(tokio::spawn))
        .await
        .into_iter()
        .for_each(Result::unwrap);
}

#[tokio::test]
async fn an_authorized_select_takes_four_round_trips() {
    let setup = Setup::new().await;
    let proxy = Proxy::start(&setup.database.admin(), Pace::Whole).await;
    let authz = setup
        .connect_one(proxy.through(setup.database.login_options()))
        .await;
    let token = setup.token("alice");
    let mut counts = Vec::new();
    for _ in 0..12 {
        let mut tx = authz.begin(&token).await.unwrap();
        counts.push(proxy.round_trips());
        assert_eq!(tasks(&mut tx).await, ["a"]);
        tx.commit().await.unwrap();
    }
    // BEGIN; role and claims as bind values; SELECT; COMMIT, behind which the connection is cleaned and examined. The first request
    // connects and prepares.
    let each: Vec<u64> = counts.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(each, [4; 10]);
}
