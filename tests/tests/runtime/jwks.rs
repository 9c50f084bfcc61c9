//! Keys that are fetched. What needs time to pass is tested in `authz-core/src/verify/source.rs`, on a clock that stands still.

use authz::{Error, Outage, RejectReason};
use authz_tests::database::Database;
use authz_tests::jwks_server::JwksServer;
use authz_tests::keys::{SigningKey, claims};
use serde_json::json;

use super::setup::{fetching, trusting};

#[tokio::test]
async fn keys_are_fetched_once_and_a_flood_of_unknown_keys_fetches_no_more() {
    let (database, key) = (Database::create().await, SigningKey::es256("known"));
    let server = JwksServer::start(&key.jwks()).await;
    let authz = trusting(&database, fetching(&server)).await;
    authz
        .begin(&key.sign(&claims("alice")))
        .await
        .unwrap()
        .commit()
        .await
        .unwrap();
    let payload = claims("alice").to_string();
    let burst = (0..10_000).map(|number| {
        let header = json!({"alg": key.header()["alg"], "kid": format!("made up {number}")});
        key.sign_text(&header.to_string(), &payload)
    });
    let tokens: Vec<String> = burst.collect();
    let all = futures_util::future::join_all(tokens.iter().map(|token| authz.verify(token))).await;
    for result in all {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Rejected(RejectReason::UnknownKey)));
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_is_503_and_not_401() {
    let (database, key) = (Database::create().await, SigningKey::es256("k"));
    let good = key.jwks();
    let elsewhere = JwksServer::start(&good).await;
    let redirect = format!("Location: {}\r\n", elsewhere.url());
    // One byte more than 64 KiB, and as much as that.
    let padded = |length: usize| format!("{good}{}", " ".repeat(length - good.len()));
    for (status, headers, body, accepted) in [
        ("200 OK", "", good.clone(), true),
        ("200 OK", "", padded(64 * 1024), true),
        ("200 OK", "", padded(64 * 1024 + 1), false),
        ("302 Found", redirect.as_str(), good.clone(), false),
        ("301 Moved Permanently", redirect.as_str(), String::new(), false),
        ("500 Internal Server Error", "", good.clone(), false),
        ("404 Not Found", "", good.clone(), false),
        ("200 OK", "", "<html>".to_owned(), false),
        ("200 OK", "", r#"{"keys": []}"#.to_owned(), false),
    ] {
        let server = JwksServer::start("").await;
        server.answer(status, headers, &body);
        let authz = trusting(&database, fetching(&server)).await;
        let result = authz.verify(&key.sign(&claims("alice"))).await;
        assert_eq!(result.is_ok(), accepted, "{status}");
        if let Err(error) = result {
            assert!(matches!(error, Error::Unavailable(Outage::Keys(_))), "{status}");
            assert_eq!(error.status(), 503);
        }
        assert_eq!(server.requests(), 1, "{status}");
    }
    assert_eq!(elsewhere.requests(), 0, "no redirect is followed");
}

#[tokio::test]
async fn a_key_server_that_is_down_does_not_keep_the_program_from_starting() {
    let (database, key) = (Database::create().await, SigningKey::es256("k"));
    let server = JwksServer::start(&key.jwks()).await;
    server.answer("503 Service Unavailable", "", "");
    let authz = trusting(&database, fetching(&server)).await;
    let error = authz.begin(&key.sign(&claims("alice"))).await.unwrap_err();
    assert_eq!(error.status(), 503);
    authz.begin_anonymous().await.unwrap().commit().await.unwrap();
}
