//! Attacks on tokens, each beside the neighbour that passes. What a form alone decides is in `verify`, what keys decide in
//! `authz-core/src/verify/key.rs`, what needs time to pass in `authz-core/src/verify/source.rs` and `rules.rs`.

use authz::{Authz, Error, Issuer, RejectReason};
use authz_tests::database::Database;
use authz_tests::jwks_server::JwksServer;
use authz_tests::keys::{ALGORITHMS, AUDIENCE, ISSUER, SigningKey, claims, part};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::setup::{Setup, fetching, reason, trusting};

fn issuer(key: &SigningKey) -> Issuer {
    Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks())
}

/// A token signed with HMAC-SHA-256 under any secret.
fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(&header.to_string()), part(&claims.to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let signature = aws_lc_rs::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn each_key_verifies_its_own_algorithm_and_no_other_of_its_family() {
    let database = Database::create().await;
    for alg in ALGORITHMS {
        let key = SigningKey::new(alg, "k");
        let authz = trusting(&database, issuer(&key)).await;
        assert_eq!(reason(&authz, &key.sign(&claims("alice"))).await, None, "{alg}");
        for other in ALGORITHMS.iter().filter(|other| **other != alg) {
            let header = json!({"alg": other, "kid": "k"}).to_string();
            let token = key.sign_text(&header, &claims("alice").to_string());
            assert_eq!(
                reason(&authz, &token).await,
                Some(RejectReason::UnknownKey),
                "{alg} as {other}"
            );
        }
    }
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    let database = Database::create().await;
    for key in [SigningKey::rs256("k"), SigningKey::es256("k")] {
        let authz = trusting(&database, issuer(&key)).await;
        let header = json!({"alg": "HS256", "kid": "k", "typ": "JWT"});
        let jwk = key.jwk();
        for secret in [
            key.public_key_pem().into_bytes(),
            key.public_key_pem().trim_end().as_bytes().to_vec(),
            key.public_key_der(),
            jwk.to_string().into_bytes(),
            key.jwks().into_bytes(),
            Vec::new(),
        ] {
            let token = hs256(&secret, &header, &claims("alice"));
            assert_eq!(reason(&authz, &token).await, Some(RejectReason::UnknownKey));
        }
    }
}

#[tokio::test]
async fn a_shared_secret_serves_hs256_alone_and_only_where_it_is_configured() {
    let database = Database::create().await;
    let secret = [7; 32];
    let issuer = |secret: &[u8]| Issuer::new(ISSUER).audience(AUDIENCE).shared_secret(secret);
    let authz = trusting(&database, issuer(&secret)).await;
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let good = hs256(&secret, &header, &claims("alice"));
    assert_eq!(reason(&authz, &good).await, None);
    assert_eq!(
        reason(&authz, &hs256(&[8; 32], &header, &claims("alice"))).await,
        Some(RejectReason::Signature)
    );
    for alg in ["HS384", "HS512", "none"] {
        let token = hs256(&secret, &json!({"alg": alg}), &claims("alice"));
        assert_eq!(
            reason(&authz, &token).await,
            Some(RejectReason::Algorithm),
            "{alg}"
        );
    }
    // Half a signature, and none.
    let (message, signature) = good.rsplit_once('.').unwrap();
    for cut in [0, 22, 40] {
        let token = format!("{message}.{}", &signature[..cut]);
        assert!(
            matches!(
                reason(&authz, &token).await,
                Some(RejectReason::Signature | RejectReason::Malformed)
            ),
            "{cut}"
        );
    }
    let short = Authz::builder()
        .issuer(issuer(&secret[1..]))
        .connect_with(database.login_options())
        .await
        .unwrap_err();
    assert!(short.to_string().contains("at least 32 bytes"), "{short}");
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_refused_and_asked_for_nowhere() {
    let (database, key, other) = (
        Database::create().await,
        SigningKey::rs256("k"),
        SigningKey::rs256("other"),
    );
    let server = JwksServer::start(&other.jwks()).await;
    let authz = trusting(&database, issuer(&key)).await;
    for (member, value) in [
        ("jwk", other.jwk()),
        ("jku", json!(server.url())),
        ("x5u", json!(server.url())),
        (
            "x5c",
            json!([BASE64_URL_SAFE_NO_PAD.encode(other.public_key_der())]),
        ),
    ] {
        // Signed by the key that it brings, and by the right one.
        for signer in [&other, &key] {
            let mut header = signer.header();
            header[member] = value.clone();
            let token = signer.sign_text(&header.to_string(), &claims("alice").to_string());
            assert_eq!(
                reason(&authz, &token).await,
                Some(RejectReason::EmbeddedKey),
                "{member}"
            );
        }
    }
    let mut thumbprint = key.header();
    thumbprint["x5t"] = json!("AAAA");
    let token = key.sign_text(&thumbprint.to_string(), &claims("alice").to_string());
    assert_eq!(reason(&authz, &token).await, None);
    assert_eq!(server.requests(), 0);
}

#[tokio::test]
async fn signatures_of_another_form_or_without_a_value_are_refused() {
    let database = Database::create().await;
    // The orders of P-256 and P-384 (SEC 2), for r or s modulo the order.
    let orders = [
        (
            "ES256",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ),
        (
            "ES384",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ),
    ];
    for (alg, order) in orders {
        let key = SigningKey::new(alg, "k");
        let authz = trusting(&database, issuer(&key)).await;
        let good = key.sign(&claims("alice"));
        assert_eq!(reason(&authz, &good).await, None);
        let (message, signature) = good.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let (r, s) = signature.split_at(signature.len() / 2);
        let n: Vec<u8> = (0..order.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&order[at..at + 2], 16).unwrap())
            .collect();
        let zero = vec![0; n.len()];
        let one = [&zero[1..], &[1]].concat();
        // In DER: a sequence of two integers.
        let integer = |number: &[u8]| [&[2, u8::try_from(number.len() + 1).unwrap(), 0], number].concat();
        let both = [integer(r), integer(s)].concat();
        let der = [&[0x30, u8::try_from(both.len()).unwrap()], &*both].concat();
        for bad in [
            [&*zero, &zero].concat(),
            [&n, &*zero].concat(),
            [&*zero, &n].concat(),
            [&*n, &n].concat(),
            [&one, &*zero].concat(),
            [&one, &*one].concat(),
            [r, &zero].concat(),
            [&zero, s].concat(),
            [s, r].concat(),
            der,
            signature[1..].to_vec(),
            [&*signature, &[0]].concat(),
            [&[0], &*signature].concat(),
            Vec::new(),
        ] {
            let token = format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(&bad));
            assert_eq!(
                reason(&authz, &token).await,
                Some(RejectReason::Signature),
                "{alg} {bad:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_has_one_form_in_base64() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let token = setup.token("alice");
    let [header, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    // 64 bytes end in four bits that count and two that must be zero: the next letter says the same bytes to a lax decoder.
    let last = signature.chars().last().unwrap();
    let next = char::from(u8::try_from(last).unwrap() + 1);
    let unused_bits = format!("{}{next}", &signature[..signature.len() - 1]);
    for bad in [
        format!("{header}.{payload}.{unused_bits}"),
        format!("{header}.{payload}.{signature}=="),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}\n.{signature}"),
        format!("{header}. {payload}.{signature}"),
        format!("{header}.+{}.{signature}", &payload[1..]),
        format!("{header}.{}/.{signature}", &payload[..payload.len() - 1]),
        format!("{header}.{payload}.{signature}.{signature}.{signature}"),
        format!("{header}.{payload}.{signature}\0"),
    ] {
        assert_eq!(reason(&authz, &bad).await, Some(RejectReason::Malformed), "{bad}");
    }
}

#[tokio::test]
async fn texts_that_are_not_one_plain_json_object_are_refused() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let good = claims("alice").to_string();
    let header = setup.key.header().to_string();
    let signed = |header: &[u8], payload: &[u8]| {
        let encode = |text: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(text);
        let message = format!("{}.{}", encode(header), encode(payload));
        let signature = setup.key.signature(message.as_bytes());
        format!("{message}.{}", encode(&signature))
    };
    assert_eq!(
        reason(&authz, &signed(header.as_bytes(), good.as_bytes())).await,
        None
    );
    let nested = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        format!("{{\"deep\": {value}, {}", &good[1..])
    };
    assert_eq!(
        reason(&authz, &signed(header.as_bytes(), nested(31).as_bytes())).await,
        None
    );
    let with_bom = format!("\u{feff}{good}");
    let deep = nested(32);
    let twice = format!("{good}{good}");
    for payload in [
        with_bom.as_bytes(),
        deep.as_bytes(),
        twice.as_bytes(),
        b"{\"sub\": \"\xff\"}",
        b"{\"sub\": \"\\ud800\"}",
        b"{\"sub\": 1e400}",
        b"{sub: 1}",
        b"null",
        b"",
    ] {
        assert_eq!(
            reason(&authz, &signed(header.as_bytes(), payload)).await,
            Some(RejectReason::Malformed)
        );
    }
    let twice = format!("{{\"alg\": \"none\", {}", &header[1..]);
    assert_eq!(
        reason(&authz, &signed(twice.as_bytes(), good.as_bytes())).await,
        Some(RejectReason::Malformed)
    );
    // A token in a token.
    let inner = setup.token("alice");
    assert_eq!(
        reason(&authz, &signed(header.as_bytes(), inner.as_bytes())).await,
        Some(RejectReason::Malformed)
    );
}

#[tokio::test]
async fn a_token_without_a_key_id_is_tried_with_few_keys_or_refused() {
    let database = Database::create().await;
    let keys: Vec<SigningKey> = (0..6)
        .map(|number| SigningKey::es256(&number.to_string()))
        .collect();
    let jwks = json!({"keys": keys.iter().map(SigningKey::jwk).collect::<Vec<_>>()}).to_string();
    let issuer = || Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&jwks);
    let authz = trusting(&database, issuer()).await;
    let without = json!({"alg": "ES256"}).to_string();
    let payload = claims("alice").to_string();
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(reason(&authz, &key.sign(&claims("alice"))).await, None);
        let expected = (number >= 4).then_some(RejectReason::Signature);
        assert_eq!(
            reason(&authz, &key.sign_text(&without, &payload)).await,
            expected,
            "{number}"
        );
    }
    let strict = trusting(&database, issuer().require_key_id()).await;
    assert_eq!(reason(&strict, &keys[0].sign(&claims("alice"))).await, None);
    assert_eq!(
        reason(&strict, &keys[0].sign_text(&without, &payload)).await,
        Some(RejectReason::UnknownKey)
    );
}

#[tokio::test]
async fn an_id_token_and_a_token_of_another_type_are_no_access_tokens() {
    let database = Database::create().await;
    let key = SigningKey::es256("k");
    let strict = trusting(&database, issuer(&key).token_type("at+jwt").refuse_id_tokens()).await;
    let typed = |typ: Option<&str>, claims: &Value| {
        let mut header = json!({"alg": "ES256", "kid": "k"});
        if let Some(typ) = typ {
            header["typ"] = json!(typ);
        }
        key.sign_text(&header.to_string(), &claims.to_string())
    };
    let plain = claims("alice");
    for (typ, expected) in [
        (Some("at+jwt"), None),
        (Some("application/at+jwt"), None),
        (Some("AT+JWT"), None),
        (Some("JWT"), Some(RejectReason::Type)),
        (Some("application/x/at+jwt"), Some(RejectReason::Type)),
        (None, Some(RejectReason::Type)),
    ] {
        assert_eq!(reason(&strict, &typed(typ, &plain)).await, expected, "{typ:?}");
    }
    for name in ["nonce", "at_hash", "c_hash"] {
        let mut claims = claims("alice");
        claims[name] = json!("x");
        assert_eq!(
            reason(&strict, &typed(Some("at+jwt"), &claims)).await,
            Some(RejectReason::Type),
            "{name}"
        );
        let lax = trusting(&database, issuer(&key)).await;
        assert_eq!(reason(&lax, &typed(None, &claims)).await, None, "{name}");
    }
}

#[tokio::test]
async fn claims_are_what_the_issuers_settings_ask() {
    let database = Database::create().await;
    let key = SigningKey::es256("k");
    let with = |name: &str, value: Value| {
        let mut claims = claims("alice");
        claims[name] = value;
        key.sign(&claims)
    };
    let authz = trusting(
        &database,
        issuer(&key)
            .require_claim("use", "access")
            .require_claim("use", "service")
            .refuse_claim("kind", "refresh")
            .refuse_presence("act"),
    )
    .await;
    assert_eq!(reason(&authz, &with("use", json!("access"))).await, None);
    assert_eq!(reason(&authz, &with("use", json!("service"))).await, None);
    for value in [json!("id"), json!(["access"]), json!(null), json!("ACCESS")] {
        assert_eq!(
            reason(&authz, &with("use", value)).await,
            Some(RejectReason::Claim)
        );
    }
    for (name, value, expected) in [
        ("kind", json!("bearer"), None),
        ("kind", json!("refresh"), Some(RejectReason::Claim)),
        ("act", json!(null), Some(RejectReason::Claim)),
    ] {
        let mut claims = claims("alice");
        claims["use"] = json!("access");
        claims[name] = value;
        assert_eq!(reason(&authz, &key.sign(&claims)).await, expected, "{claims}");
    }

    // For whom a token is may stand in another claim; the first one that is there counts.
    let base = || Issuer::new(ISSUER).jwks_json(&key.jwks());
    let authz = trusting(
        &database,
        base().audience_claims(["aud", "client_id"]).audience("web"),
    )
    .await;
    let mut by_client = claims("alice");
    by_client.as_object_mut().unwrap().remove("aud");
    by_client["client_id"] = json!("web");
    assert_eq!(reason(&authz, &key.sign(&by_client)).await, None);
    by_client["aud"] = json!("other");
    assert_eq!(
        reason(&authz, &key.sign(&by_client)).await,
        Some(RejectReason::Audience)
    );

    let authz = trusting(&database, issuer(&key).subject_is_uuid()).await;
    assert_eq!(
        reason(&authz, &key.sign(&claims("alice"))).await,
        Some(RejectReason::Subject)
    );
    let uuid = "0b8b1cb4-6d9b-4c53-9d53-6a8e1f0f6e11";
    assert_eq!(reason(&authz, &key.sign(&claims(uuid))).await, None);
}

#[tokio::test]
async fn keys_that_rotate_end_what_was_verified_with_those_before() {
    let (database, old, new) = (
        Database::create().await,
        SigningKey::es256("old"),
        SigningKey::es256("new"),
    );
    let server = JwksServer::start(&old.jwks()).await;
    let authz = trusting(&database, fetching(&server)).await;
    let token = old.sign(&claims("alice"));
    // The second time it is found in the cache.
    assert_eq!(reason(&authz, &token).await, None);
    assert_eq!(reason(&authz, &token).await, None);
    assert_eq!(server.requests(), 1);

    // Replacing the issuer takes effect at once, for tokens in the cache too.
    server.answer("200 OK", "", &new.jwks());
    authz.set_issuer(fetching(&server)).await.unwrap();
    assert_eq!(reason(&authz, &token).await, Some(RejectReason::UnknownKey));
    assert_eq!(reason(&authz, &new.sign(&claims("alice"))).await, None);
}

#[tokio::test]
async fn an_issuer_that_is_removed_or_set_otherwise_is_so_from_the_next_request_on() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let token = setup.token("alice");
    let verified = authz.verify(&token).await.unwrap();
    assert_eq!(reason(&authz, &token).await, None);
    let issuer = |audience: &str| {
        Issuer::new(ISSUER)
            .audience(audience)
            .jwks_json(&setup.key.jwks())
    };

    authz.clone().set_issuer(issuer("another")).await.unwrap();
    assert_eq!(reason(&authz, &token).await, Some(RejectReason::Audience));
    let error = authz.begin_verified(&verified).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(RejectReason::Issuer)), "{error}");

    // Settings that cannot work change nothing.
    assert!(authz.set_issuer(Issuer::new(ISSUER)).await.is_err());
    authz.set_issuer(issuer(AUDIENCE)).await.unwrap();
    let verified = authz.verify(&token).await.unwrap();
    assert!(authz.begin_verified(&verified).await.is_ok());

    assert!(!authz.remove_issuer("https://other.example"));
    assert!(authz.remove_issuer(ISSUER));
    assert_eq!(reason(&authz, &token).await, Some(RejectReason::Issuer));
    assert!(authz.begin_verified(&verified).await.is_err());
}

#[tokio::test]
async fn a_token_in_the_cache_expires_at_its_time() {
    let database = Database::create().await;
    let key = SigningKey::es256("k");
    let authz = Authz::builder()
        .issuer(issuer(&key))
        .leeway(std::time::Duration::ZERO)
        .role(database.user())
        .anonymous_role(database.anonymous())
        .connect_with(database.login_options())
        .await
        .unwrap();
    let mut claims = claims("alice");
    claims["exp"] = json!(jsonwebtoken::get_current_timestamp() + 2);
    let token = key.sign(&claims);
    let mut good = 0;
    // Without a pause: the clock of the machine decides, and the same token is asked for all the time.
    loop {
        match reason(&authz, &token).await {
            None => good += 1,
            Some(RejectReason::Expired) => break,
            Some(other) => panic!("{other}"),
        }
    }
    assert!(good > 100, "{good}");
    assert!(jsonwebtoken::get_current_timestamp() >= claims["exp"].as_u64().unwrap());
}

#[tokio::test]
async fn without_a_cache_and_with_a_small_one_the_answers_are_the_same() {
    let setup = Setup::new().await;
    for bytes in [0, 1, 3 * 4096, 1 << 20] {
        let authz = setup
            .builder()
            .cache_bytes(bytes)
            .connect_with(setup.database.login_options())
            .await
            .unwrap();
        let tokens: Vec<String> = (0..10).map(|number| setup.token(&number.to_string())).collect();
        for (number, token) in tokens.iter().enumerate().chain(tokens.iter().enumerate()) {
            assert_eq!(authz.verify(token).await.unwrap().sub(), number.to_string());
        }
    }
}

#[tokio::test]
async fn postgresql_gets_the_claims_that_are_named_and_the_subject() {
    let setup = Setup::new().await;
    let authz = setup
        .builder()
        .forward_claims(["org", "missing"])
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut claims = claims("alice");
    claims["org"] = json!({"id": 7});
    claims["email"] = json!("alice@example.com");
    let claims = authz.verify(&setup.key.sign(&claims)).await.unwrap();
    assert_eq!(claims.get("email").unwrap(), "alice@example.com");
    let mut tx = authz.begin_verified(&claims).await.unwrap();
    let given = super::setup::identity(&mut tx).await.1;
    assert_eq!(
        serde_json::from_str::<Value>(&given).unwrap(),
        json!({"org": {"id": 7}, "sub": "alice"})
    );
}

#[tokio::test]
async fn an_issuer_is_discovered_by_its_own_document_alone() {
    let (database, key) = (Database::create().await, SigningKey::es256("k"));
    let server = JwksServer::start("").await;
    let keys = JwksServer::start(&key.jwks()).await;
    let iss = server.origin();
    let path = "/.well-known/openid-configuration";
    let mut of_issuer = claims("alice");
    of_issuer["iss"] = json!(iss);
    let token = key.sign(&of_issuer);
    let discover = || Issuer::discover(&iss).audience(AUDIENCE).allow_loopback_http();
    // One that names another issuer is of no use ever.
    for other in [format!("{iss}/"), "https://other.example".to_owned()] {
        server.answer_at(
            path,
            &json!({"issuer": other, "jwks_uri": keys.url()}).to_string(),
        );
        let error = Authz::builder()
            .issuer(discover())
            .role(database.user())
            .anonymous_role(database.anonymous())
            .connect_with(database.login_options())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&format!("`{other}`")), "{error}");
        assert_eq!(keys.requests(), 0, "{other}");
    }
    for (document, good) in [
        (json!({"issuer": iss, "jwks_uri": keys.url()}), true),
        (json!({"jwks_uri": keys.url()}), false),
        (json!({"issuer": iss}), false),
        (json!({"issuer": iss, "jwks_uri": "file:///etc/passwd"}), false),
        (
            json!({"issuer": iss, "jwks_uri": "http://169.254.169.254/"}),
            false,
        ),
        (json!([]), false),
    ] {
        server.answer_at(path, &document.to_string());
        let before = keys.requests();
        let authz = trusting(&database, discover()).await;
        let result = authz.verify(&token).await;
        assert_eq!(result.is_ok(), good, "{document}");
        assert_eq!(
            result.err().map_or(0, |error| error.status()),
            if good { 0 } else { 503 }
        );
        assert_eq!(keys.requests() - before, usize::from(good), "{document}");
    }
    let plain = Authz::builder()
        .issuer(Issuer::discover(&iss).audience(AUDIENCE))
        .connect_with(database.login_options())
        .await
        .unwrap_err();
    assert!(plain.to_string().contains("not https"), "{plain}");
}

#[tokio::test]
async fn a_set_that_publishes_a_secret_is_not_believed_and_the_last_one_stays() {
    let (database, key) = (Database::create().await, SigningKey::es256("k"));
    let server = JwksServer::start(&key.jwks()).await;
    let authz = trusting(&database, fetching(&server)).await;
    let oct = json!({"kty": "oct", "k": "AAAA", "alg": "HS256", "kid": "s"});
    server.answer("200 OK", "", &json!({"keys": [key.jwk(), oct]}).to_string());
    assert_eq!(reason(&authz, &key.sign(&claims("alice"))).await, None);
    let fresh = trusting(&database, fetching(&server)).await;
    assert_eq!(
        fresh
            .verify(&key.sign(&claims("alice")))
            .await
            .unwrap_err()
            .status(),
        503
    );
}

#[tokio::test]
async fn an_error_tells_the_client_a_code_and_nothing_of_the_check() {
    let setup = Setup::new().await;
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    let authz = setup
        .builder()
        .role_claim("role")
        .allow_role(setup.database.editor())
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let mut expired = claims("alice");
    expired["exp"] = json!(1);
    for token in [setup.key.sign(&expired), "x".to_owned(), String::new()] {
        let error = authz.begin(&token).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (401, "invalid_token"));
        assert_eq!(error.www_authenticate(), Some("Bearer error=\"invalid_token\""));
    }
    let mut role = claims("alice");
    role["role"] = json!("postgres");
    let error = authz.begin(&setup.key.sign(&role)).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (403, "insufficient_scope"));
    assert_eq!(
        error.www_authenticate(),
        Some("Bearer error=\"insufficient_scope\"")
    );
    authz.close().await;
    let error = authz.begin(&setup.token("alice")).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (503, "temporarily_unavailable"));
    assert_eq!(error.www_authenticate(), None);
}
