//! An attacker's SQL in Alice's transaction: whatever it does, the next user of that connection is who they are.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use authz::{Authz, Error};
use authz_tests::keys::claims;
use sqlx::{AssertSqlSafe, Executor as _};

use super::setup::{Setup, identity, insert, tasks};

/// Text that wants to outlive its transaction. `$login` is the login role.
pub(super) const HOSTILE: &[&str] = &[
    // The encoding in which the next user's claims are read.
    "SET client_encoding = 'LATIN1'",
    "SET client_encoding = 'GBK'; SET backslash_quote = on",
    "SET client_encoding = 'SJIS'; SET standard_conforming_strings = off",
    // Prepared statements in the place of those that the driver knows.
    "DO $$ BEGIN EXECUTE 'DEALLOCATE sqlx_s_1'; EXECUTE 'PREPARE sqlx_s_1(text, text) AS SELECT 1'; EXCEPTION WHEN OTHERS THEN END $$",
    "DO $$ DECLARE s text; BEGIN FOR s IN SELECT name FROM pg_prepared_statements LOOP EXECUTE format('DEALLOCATE %I', s); \
     EXECUTE format('PREPARE %I(text, text) AS SELECT ''forged''', s); END LOOP; END $$",
    "DEALLOCATE ALL",
    "PREPARE mine AS SELECT 1",
    // The modes of later transactions.
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "SET default_transaction_read_only = on",
    "SET statement_timeout = 1",
    "SET idle_in_transaction_session_timeout = 1",
    "SET transform_null_equals = on; SET search_path = pg_temp, public",
    "SET row_security = off",
    // Locks, channels, the seed of random numbers.
    "SELECT pg_advisory_lock(1), pg_advisory_lock_shared(2)",
    "LISTEN somebody",
    "SELECT setseed(0.5)",
    // Objects that catch what others write.
    "CREATE TEMP TABLE todos (id int, user_id text, task text); GRANT ALL ON todos TO PUBLIC",
    "CREATE TEMP VIEW todos AS SELECT 1 AS id, 'bob'::text AS user_id, 'forged'::text AS task; GRANT ALL ON todos TO PUBLIC",
    "DECLARE held CURSOR WITH HOLD FOR SELECT * FROM public.todos",
    // Another role or identity, for the session.
    "SET SESSION ROLE NONE",
    "SET ROLE $login",
    "SET request.jwt.claims = '{\"sub\": \"alice\"}'",
    "SELECT set_config('request.jwt.claims', '{\"sub\": \"alice\"}', false), set_config('role', 'none', false)",
    // Out of the transaction, where text of several statements is allowed.
    "COMMIT AND CHAIN",
    "COMMIT; SET ROLE $login; SET client_encoding = 'LATIN1'; BEGIN",
    "ROLLBACK; SET SESSION AUTHORIZATION DEFAULT; PREPARE mine AS SELECT 2; BEGIN; SELECT 1 / 0",
    // Notices and errors.
    "SET client_min_messages = debug5; DO $$ BEGIN RAISE NOTICE 'noise'; RAISE EXCEPTION 'stop'; END $$",
];

async fn one_connection(setup: &Setup, several: bool) -> Authz {
    let builder = setup.builder().max_connections(1);
    let builder = if several {
        builder.allow_multiple_statements()
    } else {
        builder
    };
    builder
        .connect_with(setup.database.login_options())
        .await
        .unwrap()
}

/// Bob, whose name another encoding reads as somebody else's, is who he is and sees what is his, so many times.
async fn assert_bob_is_right(setup: &Setup, authz: &Authz, token: &str, times: usize, after: &str) {
    for _ in 0..times {
        let mut tx = authz.begin(token).await.unwrap();
        let (role, claims) = identity(&mut tx).await;
        assert_eq!(role, setup.database.user(), "{after}");
        let claims: serde_json::Value = serde_json::from_str(&claims).unwrap();
        assert_eq!(claims["sub"], "böb", "{after}");
        assert_eq!(tasks(&mut tx).await, ["of böb"], "{after}");
        insert(&mut tx, "böb", "more").await.unwrap();
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn what_hostile_sql_does_ends_with_its_transaction() {
    let setup = Setup::new().await;
    setup
        .database
        .execute("INSERT INTO todos (user_id, task) VALUES ('böb', 'of böb'), ('bÃ¶b', 'of another')")
        .await;
    let (alice, bob) = (setup.token("alice"), setup.token("böb"));
    for several in [false, true] {
        let authz = one_connection(&setup, several).await;
        for sql in HOSTILE {
            let sql = sql.replace("$login", &setup.database.login());
            for end in 0..3 {
                let mut tx = authz.begin(&alice).await.unwrap();
                // Something of the driver's is prepared.
                assert_eq!(tasks(&mut tx).await.len(), 1, "{sql}");
                // Where several statements are refused, the attacker runs them one by one.
                let parts: Vec<&str> = if several || sql.contains("DO $$") {
                    vec![&sql]
                } else {
                    sql.split("; ").collect()
                };
                for part in parts {
                    _ = tx.execute(AssertSqlSafe(part.to_owned())).await;
                }
                match end {
                    0 => _ = tx.commit().await,
                    1 => _ = tx.rollback().await,
                    _ => drop(tx),
                }
                assert_bob_is_right(&setup, &authz, &bob, 3, &sql).await;
            }
        }
        assert_bob_is_right(&setup, &authz, &bob, 100, "all of them").await;
    }
    let locks = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE locktype = 'advisory' AND datname = '$name'";
    assert_eq!(setup.database.count(locks).await, 0);
}

#[tokio::test]
async fn no_text_that_the_server_shows_or_logs_holds_claims() {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    let mut tx = authz.begin(&setup.token("a-secret-subject")).await.unwrap();
    let shown = "SELECT count(*) FROM pg_stat_activity WHERE usename = '$name_login' AND query LIKE '%a-secret-subject%'";
    assert_eq!(setup.database.count(shown).await, 0);
    // The same text for every user.
    let prepared: Vec<String> = sqlx::query_scalar("SELECT statement FROM pg_prepared_statements")
        .fetch_all(&mut tx)
        .await
        .unwrap();
    assert!(
        prepared.iter().any(|text| text.contains("set_config")),
        "{prepared:?}"
    );
    assert!(!prepared.iter().any(|text| text.contains("a-secret-subject")));
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_as_it_was_stays_open() {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    let token = setup.token("alice");
    let mut pids = BTreeSet::new();
    for number in 0..20 {
        let mut tx = authz.begin(&token).await.unwrap();
        let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(&mut tx)
            .await
            .unwrap();
        pids.insert(pid);
        // Settings and temporary objects are cleaned; a failed statement is no reason to close.
        tx.execute("SET search_path = pg_temp").await.unwrap();
        if number % 4 == 3 {
            assert!(tx.execute("SELECT 1 / 0").await.is_err());
        }
        match number % 3 {
            0 => _ = tx.commit().await,
            1 => tx.rollback().await.unwrap(),
            _ => drop(tx),
        }
    }
    assert_eq!(pids.len(), 1, "{pids:?}");
}

#[tokio::test]
async fn a_cancelled_query_ends_at_the_server() {
    let setup = Setup::new().await;
    let authz = setup
        .builder()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(30))
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let token = setup.token("alice");
    for _ in 0..3 {
        let mut tx = authz.begin(&token).await.unwrap();
        let sleep = tx.execute("SELECT pg_sleep(600)");
        let cancelled = tokio::time::timeout(Duration::from_millis(200), sleep).await;
        assert!(cancelled.is_err());
        drop(tx);
    }
    let running = "SELECT count(*) FROM pg_stat_activity \
                   WHERE usename = '$name_login' AND query LIKE '%pg_sleep%' AND state = 'active'";
    assert!(setup.database.count(running).await <= 3);
    let start = Instant::now();
    while setup.database.count(running).await > 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "the server goes on");
    }
    assert_eq!(tasks(&mut authz.begin(&token).await.unwrap()).await, ["a"]);
}

#[tokio::test]
async fn a_service_role_is_bound_by_its_policies_and_has_to_be_allowed() {
    let setup = Setup::new().await;
    let role = setup.database.editor();
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    let authz = setup
        .builder()
        .service_role(&role)
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut tx = authz.service(&role).await.unwrap();
    assert_eq!(identity(&mut tx).await, (role.clone(), String::new()));
    assert_eq!(tasks(&mut tx).await, Vec::<String>::new());
    tx.commit().await.unwrap();
    // Roles of users are no service roles, and neither is one that nobody named.
    for role in [
        setup.database.user(),
        setup.database.login(),
        "postgres".to_owned(),
    ] {
        assert!(
            matches!(authz.service(&role).await, Err(Error::Forbidden)),
            "{role}"
        );
    }
    // A token cannot name one.
    let authz = setup
        .builder()
        .service_role(&role)
        .role_claim("role")
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut claims = claims("alice");
    claims["role"] = role.into();
    let token = setup.key.sign(&claims);
    assert!(matches!(authz.begin(&token).await, Err(Error::Forbidden)));
}

#[tokio::test]
async fn bypass_has_a_login_of_its_own_or_is_refused() {
    let setup = Setup::new().await;
    let refused = setup.connect().await.bypass("a test").await;
    assert!(matches!(refused, Err(Error::Forbidden)));
    let authz = setup
        .builder()
        .bypass_with(setup.database.admin())
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut tx = authz.bypass("counting for the monthly report").await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM todos")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert_eq!(count, 2);
    tx.execute("UPDATE todos SET task = task || '!'; SELECT 1")
        .await
        .unwrap();
    tx.rollback().await.unwrap();
}
