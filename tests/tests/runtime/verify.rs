//! Tokens: each refusal beside the neighbour that passes.

use authz::{Authz, Error, Issuer, RejectReason};
use authz_tests::database::Database;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims, part};
use serde_json::{Value, json};

use super::setup::{Setup, identity, reason, trusting};

#[tokio::test]
async fn each_kind_of_key_verifies_as_jwk_and_as_pem() {
    let database = Database::create().await;
    for key in [
        SigningKey::rs256("k"),
        SigningKey::es256("k"),
        SigningKey::new("ES384", "k"),
        SigningKey::ed25519("k"),
    ] {
        let issuer = || Issuer::new(ISSUER).audience(AUDIENCE);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        for issuer in [
            issuer().jwks_json(&key.jwks()),
            issuer().jwks_json(&key.jwk().to_string()),
            issuer().public_key_pem(&key.public_key_pem()),
            issuer().key_file(file("key.pem", &key.public_key_pem())),
            issuer().key_file(file("jwk.json", &key.jwk().to_string())),
            issuer().key_file(file("jwks.json", &key.jwks())),
        ] {
            let authz = trusting(&database, issuer).await;
            let token = key.sign(&claims("alice"));
            let verified = authz.verify(&token).await.unwrap();
            assert_eq!((verified.sub(), verified.iss()), ("alice", ISSUER));
            let mut tampered = token.clone();
            let forged = part(&claims("bob").to_string());
            let payload = token.find('.').unwrap() + 1..token.rfind('.').unwrap();
            tampered.replace_range(payload, &forged);
            assert_eq!(reason(&authz, &tampered).await, Some(RejectReason::Signature));
        }
    }
}

#[tokio::test]
async fn a_key_serves_its_own_algorithm_alone() {
    let database = Database::create().await;
    let key = SigningKey::rs256("k");
    let other = SigningKey::rs256("k");
    let authz = trusting(
        &database,
        Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks()),
    )
    .await;
    let payload = claims("alice").to_string();
    let header = |alg: &str| json!({"alg": alg, "kid": "k"}).to_string();
    assert_eq!(
        reason(&authz, &key.sign_text(&header("RS256"), &payload)).await,
        None
    );
    assert_eq!(
        reason(&authz, &other.sign_text(&header("RS256"), &payload)).await,
        Some(RejectReason::Signature)
    );
    for alg in ["RS384", "PS256", "ES256", "EdDSA", "HS256"] {
        assert_eq!(
            reason(&authz, &key.sign_text(&header(alg), &payload)).await,
            Some(RejectReason::UnknownKey),
            "{alg}"
        );
    }
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS384", "HS512", "rs256", "ES256K", "RSA1_5",
    ] {
        assert_eq!(
            reason(&authz, &key.sign_text(&header(alg), &payload)).await,
            Some(RejectReason::Algorithm),
            "{alg}"
        );
        let unsigned = format!("{}.{}.", part(&header(alg)), part(&payload));
        assert_eq!(
            reason(&authz, &unsigned).await,
            Some(RejectReason::Algorithm),
            "{alg}"
        );
    }
}

#[tokio::test]
async fn headers_that_ask_for_more_are_refused() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let payload = claims("alice").to_string();
    for (member, value, expected) in [
        ("typ", json!("at+jwt"), None),
        ("typ", json!("application/AT+JWT"), None),
        ("typ", json!("jwt"), None),
        ("typ", json!("logout+jwt"), Some(RejectReason::Type)),
        ("typ", json!("dpop+jwt"), Some(RejectReason::Type)),
        ("typ", json!(["JWT"]), Some(RejectReason::Malformed)),
        ("cty", json!("JWT"), Some(RejectReason::Extension)),
        ("cty", json!("application/json"), None),
        ("enc", json!("A256GCM"), Some(RejectReason::Extension)),
        ("crit", json!(["exp"]), Some(RejectReason::Extension)),
        ("crit", json!([]), Some(RejectReason::Extension)),
        ("b64", json!(false), Some(RejectReason::Extension)),
        ("zip", json!("DEF"), Some(RejectReason::Extension)),
        ("kid", json!(5), Some(RejectReason::Malformed)),
        ("kid", json!(["one"]), Some(RejectReason::Malformed)),
        ("kid", json!("../../dev/null"), Some(RejectReason::UnknownKey)),
        ("kid", json!("' OR 1 = 1 --"), Some(RejectReason::UnknownKey)),
        ("kid", json!("x".repeat(257)), Some(RejectReason::TooLong)),
        ("alg", json!(["EdDSA"]), Some(RejectReason::Algorithm)),
        ("alg", Value::Null, Some(RejectReason::Algorithm)),
    ] {
        let mut header = setup.key.header();
        header[member] = value;
        let token = setup.key.sign_text(&header.to_string(), &payload);
        assert_eq!(reason(&authz, &token).await, expected, "{header}");
    }
    let without_kid = json!({"alg": "EdDSA"}).to_string();
    assert_eq!(
        reason(&authz, &setup.key.sign_text(&without_kid, &payload)).await,
        None
    );
}

#[tokio::test]
async fn claims_are_checked_one_by_one() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let now = claims("alice")["iat"].as_u64().unwrap();
    let missing = || Value::String("missing".to_owned());
    for (name, value, expected) in [
        // The clocks may differ by 30 s; the test leaves itself 10.
        ("exp", json!(now - 20), None),
        ("exp", json!(now - 30), Some(RejectReason::Expired)),
        ("exp", json!(now + 1), None),
        ("exp", json!((now + 60).to_string()), Some(RejectReason::Expired)),
        ("exp", json!(now as f64 + 60.5), None),
        ("exp", json!(now as f64 - 29.0), None),
        ("exp", json!(now as f64 - 30.5), Some(RejectReason::Expired)),
        ("nbf", json!(now as f64 + 20.5), None),
        ("nbf", json!(now as f64 + 60.5), Some(RejectReason::NotYetValid)),
        ("iat", json!(now as f64), None),
        ("exp", json!(-1), Some(RejectReason::Expired)),
        ("exp", Value::Null, Some(RejectReason::Expired)),
        ("exp", missing(), Some(RejectReason::Expired)),
        ("exp", json!(u64::MAX), None),
        ("nbf", json!(now), None),
        ("nbf", json!(now + 20), None),
        ("nbf", json!(now + 60), Some(RejectReason::NotYetValid)),
        ("nbf", json!("0"), Some(RejectReason::NotYetValid)),
        ("nbf", json!(-1), Some(RejectReason::NotYetValid)),
        ("iat", json!(now + 60), Some(RejectReason::NotYetValid)),
        ("iat", missing(), None),
        (
            "iss",
            json!("https://issuer.example/"),
            Some(RejectReason::Issuer),
        ),
        ("iss", json!("https://ISSUER.example"), Some(RejectReason::Issuer)),
        ("iss", json!([ISSUER]), Some(RejectReason::Issuer)),
        ("iss", missing(), Some(RejectReason::Issuer)),
        ("aud", json!(["other", AUDIENCE]), None),
        ("aud", json!("todo"), Some(RejectReason::Audience)),
        ("aud", json!("todos2"), Some(RejectReason::Audience)),
        ("aud", json!(["other"]), Some(RejectReason::Audience)),
        ("aud", json!([]), Some(RejectReason::Audience)),
        ("aud", json!([[AUDIENCE]]), Some(RejectReason::Audience)),
        ("aud", json!([AUDIENCE, 5]), Some(RejectReason::Audience)),
        ("aud", json!({AUDIENCE: true}), Some(RejectReason::Audience)),
        ("aud", Value::Null, Some(RejectReason::Audience)),
        ("aud", missing(), Some(RejectReason::Audience)),
        ("sub", json!(""), Some(RejectReason::Subject)),
        ("sub", json!(5), Some(RejectReason::Subject)),
        ("sub", Value::Null, Some(RejectReason::Subject)),
        ("sub", missing(), Some(RejectReason::Subject)),
        ("sub", json!("a\0"), Some(RejectReason::Nul)),
        ("other", json!({"deep": ["\0"]}), Some(RejectReason::Nul)),
        ("other\0", json!(1), Some(RejectReason::Nul)),
        ("other", json!("\\u0000"), None),
    ] {
        let mut claims = claims("alice");
        if value == missing() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
        assert_eq!(
            reason(&authz, &setup.key.sign(&claims)).await,
            expected,
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn any_audience_is_accepted_only_by_an_explicit_word() {
    let setup = Setup::new().await;
    let issuer = Issuer::new(ISSUER).any_audience().jwks_json(&setup.key.jwks());
    let authz = trusting(&setup.database, issuer).await;
    let mut claims = claims("alice");
    claims["aud"] = json!("anything");
    assert_eq!(reason(&authz, &setup.key.sign(&claims)).await, None);
    claims.as_object_mut().unwrap().remove("aud");
    assert_eq!(reason(&authz, &setup.key.sign(&claims)).await, None);
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let token = setup.token("alice");
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    assert_eq!(reason(&authz, &token).await, None);
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!("{token}.x.y"),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        format!("Bearer {token}"),
        format!("{header}=.{payload}.{signature}"),
        format!(r#"{{"payload":"{payload}","signatures":[]}}"#),
        format!("{header}..{signature}"),
        format!("{}.{payload}.{signature}", part("[]")),
        format!("{}.{payload}.{signature}", part("{\"alg\":")),
    ] {
        assert_eq!(reason(&authz, &bad).await, Some(RejectReason::Malformed), "{bad}");
    }
    let twice = format!(r#"{{"sub": "bob", {}"#, &claims("alice").to_string()[1..]);
    let doubled = setup.key.sign_text(&setup.key.header().to_string(), &twice);
    assert_eq!(reason(&authz, &doubled).await, Some(RejectReason::Malformed));
}

#[tokio::test]
async fn a_token_may_have_8_kib_and_its_header_one() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let with_text = |length: usize| {
        let mut claims = claims("alice");
        claims["text"] = json!("x".repeat(length));
        setup.key.sign(&claims)
    };
    let longest = (0..8192)
        .rev()
        .find(|length| with_text(*length).len() <= 8192)
        .unwrap();
    assert_eq!(reason(&authz, &with_text(longest)).await, None);
    assert_eq!(
        reason(&authz, &with_text(longest + 2)).await,
        Some(RejectReason::TooLong)
    );
    assert_eq!(
        reason(&authz, &"x".repeat(10 << 20)).await,
        Some(RejectReason::TooLong)
    );
    let with_header = |length: usize| {
        let mut header = setup.key.header();
        header["text"] = json!("x".repeat(length));
        setup
            .key
            .sign_text(&header.to_string(), &claims("alice").to_string())
    };
    assert_eq!(reason(&authz, &with_header(900)).await, None);
    assert_eq!(
        reason(&authz, &with_header(1024)).await,
        Some(RejectReason::TooLong)
    );
}

#[tokio::test]
async fn no_issuer_can_sign_for_another() {
    let database = Database::create().await;
    let (one, other) = (SigningKey::es256("same"), SigningKey::es256("same"));
    let authz = Authz::builder()
        .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&one.jwks()))
        .issuer(
            Issuer::new("https://other.example")
                .audience(AUDIENCE)
                .jwks_json(&other.jwks()),
        )
        .role(database.user())
        .anonymous_role(database.anonymous())
        .connect_with(database.login_options())
        .await
        .unwrap();
    let mut others = claims("alice");
    others["iss"] = json!("https://other.example");
    assert_eq!(reason(&authz, &one.sign(&claims("alice"))).await, None);
    assert_eq!(reason(&authz, &other.sign(&others)).await, None);
    assert_eq!(
        reason(&authz, &other.sign(&claims("alice"))).await,
        Some(RejectReason::Signature)
    );
    assert_eq!(
        reason(&authz, &one.sign(&others)).await,
        Some(RejectReason::Signature)
    );
}

#[tokio::test]
async fn the_claim_picks_among_the_allowed_roles_alone() {
    let setup = Setup::new().await;
    setup.database.execute("GRANT $name_editor TO $name_login").await;
    let authz = setup
        .builder()
        .role_claim("role")
        .allow_role(setup.database.editor())
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let begin = async |role: Value| {
        let mut claims = claims("alice");
        claims["role"] = role;
        authz.begin(&setup.key.sign(&claims)).await
    };
    let (user, editor) = (setup.database.user(), setup.database.editor());
    for (role, expected) in [
        (json!(editor), &editor),
        (json!(user), &user),
        (Value::Null, &user),
    ] {
        assert_eq!(identity(&mut begin(role).await.unwrap()).await.0, *expected);
    }
    for role in [
        json!(setup.database.anonymous()),
        json!(setup.database.login()),
        json!("postgres"),
        json!("pg_read_all_data"),
        json!("none"),
        json!(""),
        json!(editor.to_uppercase()),
        json!(format!("\"{editor}\"")),
        json!(format!("{editor} ")),
        json!([editor]),
        json!(true),
    ] {
        let error = begin(role.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Forbidden), "{role}");
        assert_eq!(error.status(), 403);
    }
    // Without a role claim in the configuration, the token's has no say.
    setup
        .database
        .execute("REVOKE $name_editor FROM $name_login")
        .await;
    let authz = setup.connect().await;
    let mut claims = claims("alice");
    claims["role"] = json!("postgres");
    let mut tx = authz.begin(&setup.key.sign(&claims)).await.unwrap();
    assert_eq!(identity(&mut tx).await.0, user);
}

#[tokio::test]
async fn claims_are_good_for_the_authz_that_verified_them_and_its_clones() {
    let setup = Setup::new().await;
    let (one, other) = (setup.connect().await, setup.connect().await);
    let claims = one.verify(&setup.token("alice")).await.unwrap();
    assert!(one.clone().begin_verified(&claims).await.is_ok());
    let error = other.begin_verified(&claims).await.unwrap_err();
    assert!(matches!(error, Error::Rejected(RejectReason::OtherVerifier)));
}

#[tokio::test]
async fn neither_claims_nor_errors_show_what_a_token_holds() {
    let setup = Setup::new().await;
    let authz = setup.connect().await;
    let token = setup.token("alice-secret");
    let claims = authz.verify(&token).await.unwrap();
    assert_eq!(claims.get("sub").unwrap(), "alice-secret");
    assert_eq!(claims.deserialize::<Value>().unwrap()["aud"], AUDIENCE);
    let error = authz.verify(&token[..token.len() - 4]).await.unwrap_err();
    let shown = format!("{claims:?} {error} {error:?} {authz:?} {:?}", setup.builder());
    assert!(
        !shown.contains("alice-secret") && !shown.contains(&token[..20]),
        "{shown}"
    );
}
