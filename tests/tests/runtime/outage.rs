//! What is not the user's fault is 503, and what can be mended unseen is mended.

use std::time::Duration;

use authz::{Error, Outage, RejectReason};
use authz_tests::keys::claims;
use serde_json::json;

use super::setup::{Setup, tasks};

#[tokio::test]
async fn connections_that_the_server_closed_are_replaced_unseen() {
    let setup = Setup::new().await;
    let authz = setup
        .builder()
        .max_connections(5)
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let token = setup.token("alice");
    for _ in 0..3 {
        let all = futures_util::future::join_all((0..5).map(|_| authz.begin(&token))).await;
        for tx in all {
            tx.unwrap().commit().await.unwrap();
        }
        let kill =
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '$name_login'";
        assert!(setup.database.count(kill).await > 0);
        let mut tx = authz.begin(&token).await.unwrap();
        assert_eq!(tasks(&mut tx).await, ["a"]);
    }
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_is_an_error_and_no_commit() {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    super::setup::insert(&mut tx, "alice", "lost").await.unwrap();
    setup
        .database
        .count("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '$name_login'")
        .await;
    assert!(tx.commit().await.is_err());
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a"]);
}

#[tokio::test]
async fn when_all_connections_are_in_use_the_answer_is_503() {
    let setup = Setup::new().await;
    let authz = setup
        .builder()
        .max_connections(1)
        // Long enough to connect on a busy machine.
        .acquire_timeout(Duration::from_secs(2))
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let held = authz.begin(&setup.token("alice")).await.unwrap();
    let error = authz.begin(&setup.token("bob")).await.unwrap_err();
    assert!(matches!(
        error,
        Error::Unavailable(Outage::Database(sqlx::Error::PoolTimedOut))
    ));
    assert_eq!(error.status(), 503);
    held.rollback().await.unwrap();
}

#[tokio::test]
async fn an_expired_token_is_refused_before_a_connection_is_taken() {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    // The only connection is in use: whoever needed one would wait for 30 s.
    let _held = authz.begin(&setup.token("alice")).await.unwrap();
    let mut expired = claims("alice");
    expired["exp"] = json!(expired["iat"].as_u64().unwrap() - 31);
    let error = authz.begin(&setup.key.sign(&expired)).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(RejectReason::Expired)));
    assert_eq!(error.status(), 401);
}

#[tokio::test]
async fn a_role_that_was_dropped_later_is_an_error_and_spoils_no_connection() {
    let setup = Setup::new().await;
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    let authz = setup
        .builder()
        .role_claim("role")
        .allow_role(setup.database.editor())
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    setup
        .database
        .execute("REVOKE $name_editor FROM $name_login")
        .await;
    let mut editor = claims("alice");
    editor["role"] = json!(setup.database.editor());
    for _ in 0..3 {
        let error = authz.begin(&setup.key.sign(&editor)).await.unwrap_err();
        assert_eq!(error.status(), 503);
    }
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a"]);
    drop(tx);
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    authz
        .begin(&setup.key.sign(&editor))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
}
