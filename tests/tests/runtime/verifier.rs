//! A verifier without a database, alone and in an [`Authz`], and what it says about keys and issuers.

use std::error::Error as _;
use std::time::Duration;

use authz::{Authz, ConnectError, Error, Issuer, IssuerError, Outage, RejectReason, Verifier};
use authz_tests::database::Database;
use authz_tests::jwks_server::JwksServer;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use serde_json::{Value, json};

use super::setup::{Setup, fetching, identity};

fn issuer(key: &SigningKey) -> Issuer {
    Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks())
}

async fn verifier(issuer: Issuer) -> Verifier {
    Verifier::builder().issuer(issuer).build().await.unwrap()
}

async fn problem(issuer: Issuer) -> IssuerError {
    match Verifier::builder().issuer(issuer).build().await {
        Err(ConnectError::Issuer { problem, .. }) => problem,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("it is taken"),
    }
}

async fn reason(verifier: &Verifier, token: &str) -> Option<RejectReason> {
    match verifier.verify(token).await {
        Ok(_) => None,
        Err(Error::Rejected(reason)) => Some(reason),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn a_verifier_needs_no_database_and_serves_several_authz() {
    let setup = Setup::new().await;
    let verifier = verifier(issuer(&setup.key)).await;
    let claims = verifier.clone().verify(&setup.token("alice")).await.unwrap();
    assert_eq!((claims.sub(), claims.iss()), ("alice", ISSUER));
    let connect = async |names: &[&str]| {
        let builder = Authz::builder().verifier(verifier.clone());
        let builder = builder
            .role(setup.database.user())
            .anonymous_role(setup.database.anonymous());
        let builder = if names.is_empty() {
            builder
        } else {
            builder.forward_claims(names.iter().copied())
        };
        builder
            .connect_with(setup.database.login_options())
            .await
            .unwrap()
    };
    let (one, other) = (connect(&[]).await, connect(&["aud"]).await);
    for (authz, members) in [(&one, 5), (&other, 2), (&one, 5)] {
        let mut tx = authz.begin_verified(&claims).await.unwrap();
        let seen: Value = serde_json::from_str(&identity(&mut tx).await.1).unwrap();
        assert_eq!(
            (seen["sub"].as_str(), seen.as_object().unwrap().len()),
            (Some("alice"), members)
        );
        let again = authz.verify(&setup.token("bob")).await.unwrap();
        assert!(other.begin_verified(&again).await.is_ok());
    }
    // What is said to one is said to all.
    assert!(one.remove_issuer(ISSUER));
    assert_eq!(
        reason(&verifier, &setup.token("alice")).await,
        Some(RejectReason::Issuer)
    );
    assert!(other.begin_verified(&claims).await.is_err());
    assert!(!other.verifier().remove_issuer(ISSUER));

    let strange = self::verifier(issuer(&setup.key)).await;
    let strange = strange.verify(&setup.token("alice")).await.unwrap();
    let error = one.begin_verified(&strange).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(RejectReason::OtherVerifier)));
}

#[tokio::test]
async fn a_verifier_is_refused_beside_settings_of_another() {
    let (database, key) = (Database::create().await, SigningKey::ed25519("k"));
    let verifier = verifier(issuer(&key)).await;
    let builder = || Authz::builder().verifier(verifier.clone());
    for builder in [
        builder().issuer(issuer(&key)),
        builder().leeway(Duration::ZERO),
        builder().cache_bytes(0),
    ] {
        let error = builder.connect_with(database.login_options()).await.unwrap_err();
        assert!(matches!(error, ConnectError::TwoVerifiers), "{error:?}");
    }
    let error = Verifier::builder().build().await.unwrap_err();
    assert!(matches!(error, ConnectError::NoIssuer));
    let twice = Verifier::builder().issuer(issuer(&key)).issuer(issuer(&key));
    assert!(matches!(
        twice.build().await.unwrap_err(),
        ConnectError::DuplicateIssuer { .. }
    ));
}

#[tokio::test]
async fn numbers_reach_sql_and_the_program_with_their_value_or_not_at_all() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let token = |number: &str| {
        let claims = claims("alice").to_string();
        let payload = format!("{}, \"tenant\": {number}}}", claims.strip_suffix('}').unwrap());
        setup.key.sign_text(&setup.key.header().to_string(), &payload)
    };
    for number in [
        "18446744073709551615",
        "18446744073709551614",
        "-9223372036854775808",
        "9007199254740993",
        "0.1",
        "-12.345678901234567",
        "1764108500.1234567",
        "100000000000000000000",
        "1.5e300",
    ] {
        let mut tx = authz.begin(&token(number)).await.unwrap();
        let same = format!(
            "SELECT (current_setting('request.jwt.claims')::jsonb ->> 'tenant')::numeric = {number}::numeric"
        );
        let same: bool = sqlx::query_scalar(sqlx::AssertSqlSafe(same))
            .fetch_one(&mut tx)
            .await
            .unwrap();
        assert!(same, "{number}");
    }
    for number in [
        "123456789012345678901",
        "123456789012345678902",
        "18446744073709551616",
        "-9223372036854775809",
        "0.12345678901234567890",
        "9007199254740993.0",
        "1e-400",
    ] {
        for nested in [
            number.to_owned(),
            format!("[{number}]"),
            format!(r#"{{"id": {number}}}"#),
        ] {
            let error = authz.begin(&token(&nested)).await.unwrap_err();
            assert!(
                matches!(error, Error::Rejected(RejectReason::Number)),
                "{nested}: {error:?}"
            );
        }
        // As a string it is as it is.
        assert!(authz.begin(&token(&format!("\"{number}\""))).await.is_ok());
    }
}

#[tokio::test]
async fn times_with_fraction_and_exponent_are_accepted() {
    let key = SigningKey::ed25519("k");
    let verifier = verifier(issuer(&key)).await;
    let now = jsonwebtoken::get_current_timestamp();
    let sign = |exp: &str, nbf: &str| {
        let payload = format!(
            r#"{{"iss": "{ISSUER}", "aud": "{AUDIENCE}", "sub": "alice", "exp": {exp}, "nbf": {nbf}, "iat": {nbf}}}"#
        );
        key.sign_text(&key.header().to_string(), &payload)
    };
    let (later, before) = (now + 3600, now - 60);
    for (exp, nbf) in [
        (format!("{later}.5"), format!("{before}.5")),
        (format!("{later}.0"), format!("{before}.0")),
        (format!("{later}.123456789"), format!("{before}.123456789")),
        (format!("{later}e0"), format!("{before}E+0")),
        (format!("{later}0E-1"), format!("{before}5e-1")),
        ("4.1024448E9".to_owned(), "1.7E9".to_owned()),
    ] {
        let claims = verifier.verify(&sign(&exp, &nbf)).await.unwrap();
        assert!(claims.exp() >= later, "{exp}");
    }
    for (exp, nbf, expected) in [
        ("1.7E9".to_owned(), "1.6E9".to_owned(), RejectReason::Expired),
        (format!("{}.9", now - 60), "0".to_owned(), RejectReason::Expired),
        (format!("\"{later}.5\""), "0".to_owned(), RejectReason::Expired),
        (
            format!("{later}.5"),
            "4.1E9".to_owned(),
            RejectReason::NotYetValid,
        ),
        (
            format!("{later}.5"),
            format!("{later}.5"),
            RejectReason::NotYetValid,
        ),
    ] {
        assert_eq!(
            reason(&verifier, &sign(&exp, &nbf)).await,
            Some(expected),
            "{exp} {nbf}"
        );
    }
}

#[tokio::test]
async fn one_key_twice_is_one_key_and_two_by_one_id_are_an_error() {
    let (one, other, third) = (
        SigningKey::es256("a"),
        SigningKey::es256("a"),
        SigningKey::es256("b"),
    );
    let base = || Issuer::new(ISSUER).audience(AUDIENCE);
    let set = |keys: &[&SigningKey]| {
        let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
        json!({"keys": keys}).to_string()
    };
    for issuer in [
        base().jwks_json(&set(&[&one, &one])),
        base().jwks_json(&set(&[&one, &one, &one, &third])),
        base().jwks_json(&one.jwks()).jwks_json(&one.jwks()),
        base().jwks_json(&one.jwks()).jwks_json(&set(&[&third, &one])),
        base()
            .public_key_pem(&one.public_key_pem())
            .public_key_pem(&one.public_key_pem()),
    ] {
        let verifier = verifier(issuer).await;
        assert_eq!(reason(&verifier, &one.sign(&claims("alice"))).await, None);
    }
    let same = IssuerError::SameKeyId { kid: "a".to_owned() };
    for issuer in [
        base().jwks_json(&set(&[&one, &other])),
        base().jwks_json(&one.jwks()).jwks_json(&other.jwks()),
        base()
            .jwks_json(&one.jwks())
            .jwks_json(&third.jwks())
            .jwks_json(&set(&[&other, &third])),
    ] {
        assert_eq!(problem(issuer).await, same);
    }
    // In a set with others, neither of the two is used.
    let verifier = verifier(base().jwks_json(&set(&[&one, &other, &third]))).await;
    for (key, expected) in [
        (&one, Some(RejectReason::UnknownKey)),
        (&other, Some(RejectReason::UnknownKey)),
        (&third, None),
    ] {
        assert_eq!(reason(&verifier, &key.sign(&claims("alice"))).await, expected);
    }
}

#[tokio::test]
async fn rsa_keys_with_an_even_modulus_or_an_absurd_exponent_are_no_keys() {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;

    let key = SigningKey::rs256("k");
    let with = |member: &str, bytes: &[u8]| {
        let mut jwk = key.jwk();
        jwk[member] = json!(BASE64.encode(bytes));
        Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&jwk.to_string())
    };
    let modulus = BASE64.decode(key.jwk()["n"].as_str().unwrap()).unwrap();
    let verifier = verifier(with("n", &modulus)).await;
    assert_eq!(reason(&verifier, &key.sign(&claims("alice"))).await, None);
    let mut even = modulus.clone();
    *even.last_mut().unwrap() ^= 1;
    assert_eq!(problem(with("n", &even)).await, IssuerError::BadKey);
    let mut long = vec![0xff; 256];
    long[0] = 0x7f;
    for exponent in [
        &long[..],
        &[1, 0, 0, 0, 0, 0, 0, 0, 1],
        &[4, 0, 0, 0, 1],
        &[1, 0, 0],
        &[2],
        &[1],
        &[0],
        &[],
    ] {
        assert_eq!(
            problem(with("e", exponent)).await,
            IssuerError::BadKey,
            "{exponent:?}"
        );
    }
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        self::verifier(with("e", exponent)).await;
    }
}

#[tokio::test]
async fn a_key_file_that_cannot_be_used_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let base = || Issuer::new(ISSUER).audience(AUDIENCE);
    let missing = folder.path().join("missing.pem");
    let IssuerError::KeyFile { path, source } = problem(base().key_file(&missing)).await else {
        panic!()
    };
    assert_eq!(path, missing);
    let cause = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
    let error = Verifier::builder()
        .issuer(base().key_file(&missing))
        .build()
        .await
        .unwrap_err();
    let shown = format!("{error:?}");
    assert!(
        shown.contains("missing.pem") && shown.contains("No such file"),
        "{shown}"
    );

    let private = folder.path().join("private.json");
    std::fs::write(&private, r#"{"kty": "oct", "k": "aHVudGVyMg", "kid": "hunter2"}"#).unwrap();
    let nonsense = folder.path().join("nonsense.pem");
    std::fs::write(&nonsense, "hunter2").unwrap();
    for (file, expected) in [(private, IssuerError::SecretKey), (nonsense, IssuerError::BadKey)] {
        let error = Verifier::builder()
            .issuer(base().key_file(&file))
            .build()
            .await
            .unwrap_err();
        let shown = format!("{error} {error:?}");
        let ConnectError::Issuer { problem, .. } = error else {
            panic!()
        };
        assert_eq!(problem.source().unwrap().to_string(), expected.to_string());
        assert!(shown.contains(file.to_str().unwrap()), "{shown}");
        assert!(
            !shown.contains("hunter2") && !shown.contains("aHVudGVyMg"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn an_issuer_whose_document_names_another_is_an_error_that_says_which() {
    let key = SigningKey::ed25519("k");
    let server = JwksServer::start(&key.jwks()).await;
    let origin = server.origin();
    let discover = |name: &str| Issuer::discover(name).audience(AUDIENCE).allow_loopback_http();
    let document = |issuer: &Value| {
        let document = json!({"issuer": issuer, "jwks_uri": server.url()});
        server.answer_at("/.well-known/openid-configuration", &document.to_string());
    };
    let slash = format!("{origin}/");
    for (found, given) in [(&slash, &origin), (&origin, &slash)] {
        document(&json!(found));
        let expected = IssuerError::OtherIssuer { found: found.clone() };
        assert_eq!(problem(discover(given)).await, expected);
        assert!(expected.to_string().contains(&format!("`{found}`")));
        let mut theirs = claims("alice");
        theirs["iss"] = json!(found);
        let verifier = verifier(discover(found)).await;
        assert_eq!(reason(&verifier, &key.sign(&theirs)).await, None);
        // At run time too, and then nothing changes.
        let error = verifier.set_issuer(discover(given)).await.unwrap_err();
        assert!(format!("{error:?}").contains(&format!("`{found}`")), "{error:?}");
        assert_eq!(reason(&verifier, &key.sign(&theirs)).await, None);
    }
    // What may be an outage is none.
    for found in [Value::Null, json!(7)] {
        document(&found);
        verifier(discover(&origin)).await;
    }
}

#[tokio::test]
async fn an_outage_of_keys_says_what_was_answered() {
    let key = SigningKey::ed25519("k");
    for (status, body, expected) in [
        ("404 Not Found", "", "the answer is 404 instead of 200"),
        ("200 OK", "<html>", "it is no key set"),
        ("200 OK", r#"{"keys": []}"#, "it holds no usable key"),
    ] {
        let server = JwksServer::start("").await;
        server.answer(status, "", body);
        let verifier = verifier(fetching(&server)).await;
        let error = verifier.verify(&key.sign(&claims("alice"))).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(Outage::Keys(_))), "{error:?}");
        assert_eq!(error.source().unwrap().to_string(), expected);
    }
    // A port where nobody listens, and a password that nobody sees.
    let server = JwksServer::start("").await;
    let url = server.url().replace("http://", "http://user:hunter2@");
    drop(server);
    let down = Issuer::new(ISSUER)
        .audience(AUDIENCE)
        .jwks_url(url)
        .allow_loopback_http();
    let error = verifier(down)
        .await
        .verify(&key.sign(&claims("alice")))
        .await
        .unwrap_err();
    let keys = error.source().unwrap();
    assert!(keys.source().is_some());
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
}

#[tokio::test]
async fn a_new_key_under_an_old_id_is_found_after_thirty_seconds_and_not_before() {
    let (old, new) = (SigningKey::es256("k"), SigningKey::es256("k"));
    let server = JwksServer::start(&old.jwks()).await;
    let verifier = verifier(fetching(&server)).await;
    let (before, after) = (old.sign(&claims("alice")), new.sign(&claims("alice")));
    assert_eq!(reason(&verifier, &before).await, None);
    server.answer("200 OK", "", &new.jwks());
    for _ in 0..100 {
        assert_eq!(reason(&verifier, &after).await, Some(RejectReason::Signature));
    }
    assert_eq!(server.requests(), 1, "the last fetch was just now");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    assert_eq!(reason(&verifier, &after).await, None);
    assert_eq!(reason(&verifier, &before).await, Some(RejectReason::Signature));
    for _ in 0..100 {
        assert_eq!(reason(&verifier, &before).await, Some(RejectReason::Signature));
    }
    assert_eq!(server.requests(), 2);
}
