//! The presets of issuers: which tokens each accepts, which it refuses, and what a setting by hand takes the place of.
//!
//! The tokens have the claims that `docs/providers.md` says. They are signed by a key that is given by hand, which takes the place of the
//! preset's: no test asks a provider.

use authz::{Error, Issuer, RejectReason, Verifier};
use authz_tests::keys::{SigningKey, claims};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

const SECRET: [u8; 32] = [7; 32];

async fn reason(verifier: &Verifier, token: &str) -> Option<RejectReason> {
    match verifier.verify(token).await {
        Ok(_) => None,
        Err(Error::Rejected(reason)) => Some(reason),
        Err(error) => panic!("{error:?}"),
    }
}

async fn verifier(issuer: Issuer) -> Verifier {
    Verifier::builder().issuer(issuer).build().await.unwrap()
}

/// Claims of this issuer, with others; null takes one away.
fn with(iss: &str, others: &Value) -> Value {
    let mut all = claims("alice");
    all.as_object_mut().unwrap().remove("aud");
    all["iss"] = json!(iss);
    for (name, value) in others.as_object().unwrap() {
        match value {
            Value::Null => _ = all.as_object_mut().unwrap().remove(name),
            value => all[name] = value.clone(),
        }
    }
    all
}

/// Checks tokens with these claims, each with the reason why it is refused, if it is.
async fn check(issuer: Issuer, iss: &str, tokens: &[(Value, Option<RejectReason>)]) {
    let key = SigningKey::es256("k");
    let verifier = verifier(issuer.jwks_json(&key.jwks())).await;
    for (claims, expected) in tokens {
        let token = key.sign(&with(iss, claims));
        assert_eq!(reason(&verifier, &token).await, *expected, "{iss}: {claims}");
    }
    // Neither another issuer nor another spelling of this one.
    for other in [
        "https://evil.example".to_owned(),
        format!("{iss}/"),
        iss.to_uppercase(),
    ] {
        let token = key.sign(&with(&other, &tokens[0].0));
        if other != iss {
            assert_eq!(
                reason(&verifier, &token).await,
                Some(RejectReason::Issuer),
                "{other}"
            );
        }
    }
    let stranger = SigningKey::es256("k").sign(&with(iss, &tokens[0].0));
    assert_eq!(
        reason(&verifier, &stranger).await,
        Some(RejectReason::Signature),
        "{iss}"
    );
}

/// Checks headers of tokens that are good otherwise.
async fn check_headers(issuer: Issuer, claims: &Value, headers: &[(Value, Option<RejectReason>)]) {
    let key = SigningKey::es256("k");
    let verifier = verifier(issuer.jwks_json(&key.jwks())).await;
    for (header, expected) in headers {
        let token = key.sign_text(&header.to_string(), &claims.to_string());
        assert_eq!(reason(&verifier, &token).await, *expected, "{header}");
    }
}

const AUDIENCE: Option<RejectReason> = Some(RejectReason::Audience);
const CLAIM: Option<RejectReason> = Some(RejectReason::Claim);

#[tokio::test]
async fn clerk() {
    let iss = "https://clerk.example.com";
    let clerk = || Issuer::clerk(iss);
    let session =
        json!({"azp": "https://example.com", "sid": "sess_1", "sts": "active", "fva": [0, -1], "v": 2});
    let template = json!({"aud": "todos"});
    let mut elsewhere = session.clone();
    elsewhere["azp"] = json!("https://evil.com");
    let mut native = session.clone();
    native["azp"] = Value::Null;
    check(
        clerk().authorized_party("https://example.com"),
        iss,
        &[
            (session.clone(), None),
            (elsewhere.clone(), AUDIENCE),
            (native.clone(), AUDIENCE),
            (template.clone(), AUDIENCE),
            (json!({"azp": ["https://example.com"]}), AUDIENCE),
        ],
    )
    .await;
    check(
        clerk()
            .authorized_party("https://www.example.com")
            .authorized_party("https://example.com"),
        iss,
        &[(session.clone(), None), (elsewhere, AUDIENCE)],
    )
    .await;
    check(
        clerk().audience("todos"),
        iss,
        &[(template.clone(), None), (session.clone(), AUDIENCE)],
    )
    .await;
    // Both are demanded, where both are said.
    let both = json!({"aud": "todos", "azp": "https://example.com"});
    for issuer in [
        clerk().audience("todos").authorized_party("https://example.com"),
        clerk().authorized_party("https://example.com").audience("todos"),
    ] {
        let tokens = [
            (both.clone(), None),
            (template.clone(), AUDIENCE),
            (session.clone(), AUDIENCE),
        ];
        check(issuer, iss, &tokens).await;
    }
    let own = clerk()
        .any_audience()
        .require_presence("sid")
        .refuse_presence("aud");
    check(own, iss, &[(native, None), (template, CLAIM)]).await;
    let good = with(iss, &session);
    let header = |name: &str| json!({"alg": "ES256", "kid": "k", "typ": name});
    let page = || clerk().authorized_party("https://example.com");
    let wrong = Some(RejectReason::Type);
    check_headers(
        page(),
        &good,
        &[
            (header("JWT"), None),
            (header("at+jwt"), wrong),
            (json!({"alg": "ES256"}), wrong),
        ],
    )
    .await;
    // By hand: that type and no longer the preset's.
    check_headers(
        page().token_type("at+jwt"),
        &good,
        &[(header("at+jwt"), None), (header("JWT"), wrong)],
    )
    .await;
    check_headers(
        page().token_type("at+jwt").token_type("JWT"),
        &good,
        &[
            (header("at+jwt"), None),
            (header("JWT"), None),
            (header("dpop+jwt"), wrong),
        ],
    )
    .await;
}

#[tokio::test]
async fn stack_auth() {
    let iss = "https://api.stack-auth.com/api/v1/projects/p1";
    let (own, other) = (json!({"aud": "p1"}), json!({"aud": "p2"}));
    let anonymous = json!({"aud": "p1:anon"});
    check(
        Issuer::stack_auth("p1"),
        iss,
        &[
            (own.clone(), None),
            (other.clone(), AUDIENCE),
            (anonymous, AUDIENCE),
            (json!({}), AUDIENCE),
        ],
    )
    .await;
    check(
        Issuer::stack_auth("p1").audience("p2"),
        iss,
        &[(other, None), (own, AUDIENCE)],
    )
    .await;
}

#[tokio::test]
async fn auth0() {
    let iss = "https://example.eu.auth0.com/";
    let auth0 = || Issuer::auth0("example.eu.auth0.com");
    let access = json!({"aud": ["api", "https://example.eu.auth0.com/userinfo"], "azp": "c1"});
    check(
        auth0().audience("api"),
        iss,
        &[
            (access.clone(), None),
            (json!({"aud": "c1", "nonce": "n"}), AUDIENCE),
            (json!({}), AUDIENCE),
        ],
    )
    .await;
    check(
        auth0().audience("api").authorized_party("c2"),
        iss,
        &[(json!({"aud": "api", "azp": "c2"}), None), (access, AUDIENCE)],
    )
    .await;
}

#[tokio::test]
async fn firebase_and_gcp_identity_platform() {
    let iss = "https://securetoken.google.com/p1";
    let id = json!({"aud": "p1", "auth_time": 1, "firebase": {"sign_in_provider": "password"}});
    for preset in [Issuer::firebase, Issuer::gcp_identity_platform] {
        check(
            preset("p1"),
            iss,
            &[
                (id.clone(), None),
                (json!({"aud": "p2"}), AUDIENCE),
                (json!({}), AUDIENCE),
            ],
        )
        .await;
        check(
            preset("p1").audience("p2"),
            iss,
            &[(json!({"aud": "p2"}), None), (id.clone(), AUDIENCE)],
        )
        .await;
        let headers = [
            (json!({"alg": "ES256", "kid": "k"}), None),
            (json!({"alg": "ES256"}), Some(RejectReason::UnknownKey)),
        ];
        check_headers(preset("p1"), &with(iss, &id), &headers).await;
    }
}

#[tokio::test]
async fn google() {
    let iss = "https://accounts.google.com";
    let (own, other) = (
        json!({"aud": "c1", "azp": "c1"}),
        json!({"aud": "c2", "azp": "c2"}),
    );
    check(
        Issuer::google("c1"),
        iss,
        &[(own.clone(), None), (other.clone(), AUDIENCE)],
    )
    .await;
    check(
        Issuer::google("c1").audience("c2"),
        iss,
        &[(other.clone(), None), (own.clone(), AUDIENCE)],
    )
    .await;
    let two = Issuer::google("c1").audience("c2").audience("c1");
    check(two, iss, &[(other, None), (own, None)]).await;
}

#[tokio::test]
async fn stytch() {
    let session = json!({"aud": ["project-live-1"], "https://stytch.com/session": {"id": "session-live-1"}});
    let machine = json!({"aud": ["project-live-1"], "client_id": "m2m-1"});
    let iss = "stytch.com/project-live-1";
    for preset in [Issuer::stytch, Issuer::stytch_b2b] {
        let preset = || preset("project-live-1");
        check(
            preset(),
            iss,
            &[
                (session.clone(), None),
                (machine.clone(), CLAIM),
                (json!({"aud": "project-live-2"}), AUDIENCE),
            ],
        )
        .await;
        let machines = preset().refuse_presence("https://stytch.com/session");
        check(
            machines,
            iss,
            &[(machine.clone(), None), (session.clone(), CLAIM)],
        )
        .await;
        let named = json!({"aud": "project-live-1", "https://stytch.com/session": "s"});
        let by_hand = preset().require_claim("https://stytch.com/session", "s");
        check(
            by_hand,
            iss,
            &[(named, None), (session.clone(), CLAIM), (machine.clone(), CLAIM)],
        )
        .await;
    }
}

#[tokio::test]
async fn keycloak() {
    let iss = "https://login.example.com/realms/main";
    let keycloak = || Issuer::keycloak("https://login.example.com/", "main").audience("api");
    let of = |typ: &str| json!({"aud": ["account", "api"], "azp": "web", "typ": typ});
    let kinds = |refused: &[&str]| -> Vec<_> {
        ["Bearer", "Refresh", "Offline", "Logout", "ID"]
            .iter()
            .map(|typ| (of(typ), refused.contains(typ).then_some(RejectReason::Claim)))
            .collect()
    };
    check(keycloak(), iss, &kinds(&["Refresh", "Offline", "Logout", "ID"])).await;
    // A refusal by hand is one more: nothing that the preset refuses is let in by it.
    check(
        keycloak().refuse_claim("typ", "Bearer"),
        iss,
        &kinds(&["Bearer", "Refresh", "Offline", "Logout", "ID"]),
    )
    .await;
    // What is demanded by hand counts alone.
    check(
        keycloak().require_claim("typ", "Offline"),
        iss,
        &kinds(&["Bearer", "Refresh", "Logout", "ID"]),
    )
    .await;
    check(
        keycloak()
            .require_claim("typ", "Bearer")
            .require_claim("typ", "ID"),
        iss,
        &kinds(&["Refresh", "Offline", "Logout"]),
    )
    .await;
    let by_party = Issuer::keycloak("https://login.example.com", "main").authorized_party("web");
    check(
        by_party,
        iss,
        &[
            (of("Bearer"), None),
            (json!({"aud": "api", "azp": "other"}), AUDIENCE),
        ],
    )
    .await;
}

#[tokio::test]
async fn supabase() {
    let iss = "https://abcd.supabase.co/auth/v1";
    let supabase = || Issuer::supabase("https://abcd.supabase.co");
    let user = json!({"aud": "authenticated", "role": "authenticated"});
    let client = json!({"aud": "authenticated", "client_id": "c1"});
    let other = json!({"aud": "authenticated", "client_id": "c2"});
    check(
        supabase(),
        iss,
        &[
            (user.clone(), None),
            (client.clone(), CLAIM),
            (json!({"aud": "anon"}), AUDIENCE),
        ],
    )
    .await;
    check(
        supabase().audience("api"),
        iss,
        &[(json!({"aud": "api"}), None), (user.clone(), AUDIENCE)],
    )
    .await;
    let one_client = supabase().require_claim("client_id", "c1");
    check(
        one_client,
        iss,
        &[
            (client.clone(), None),
            (user.clone(), CLAIM),
            (other.clone(), CLAIM),
        ],
    )
    .await;
    let any_client = supabase().require_presence("client_id");
    check(any_client, iss, &[(client, None), (other, None), (user, CLAIM)]).await;
}

/// A token with HS256.
fn sign_with_secret(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!(
        "{}.{}",
        part(&json!({"alg": "HS256", "typ": "JWT"})),
        part(claims)
    );
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &SECRET), message.as_bytes());
    format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn supabase_with_secret() {
    let iss = "https://abcd.supabase.co/auth/v1";
    let preset = || Issuer::supabase_with_secret("https://abcd.supabase.co", SECRET);
    let good = sign_with_secret(&with(iss, &json!({"aud": "authenticated"})));
    let verifier = verifier(preset()).await;
    assert_eq!(reason(&verifier, &good).await, None);
    for (claims, expected) in [
        (json!({"aud": "authenticated", "client_id": "c1"}), CLAIM),
        (json!({"aud": "other"}), AUDIENCE),
        (
            json!({"aud": "authenticated", "sub": null, "role": "service_role"}),
            Some(RejectReason::Subject),
        ),
        (
            json!({"aud": "authenticated", "iss": "supabase"}),
            Some(RejectReason::Issuer),
        ),
    ] {
        let token = sign_with_secret(&with(iss, &claims));
        assert_eq!(reason(&verifier, &token).await, expected, "{claims}");
    }
    // Keys by hand take the place of the secret.
    let key = SigningKey::es256("k");
    let verifier = self::verifier(preset().jwks_json(&key.jwks())).await;
    assert_eq!(reason(&verifier, &good).await, Some(RejectReason::UnknownKey));
    let token = key.sign(&with(iss, &json!({"aud": "authenticated"})));
    assert_eq!(reason(&verifier, &token).await, None);
}

#[tokio::test]
async fn cognito() {
    let iss = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbC";
    let cognito = || Issuer::cognito("us-east-1_AbC").audience("c1");
    let id = json!({"aud": "c1", "token_use": "id"});
    let access = json!({"client_id": "c1", "token_use": "access"});
    let (other_id, other_access) = (
        json!({"aud": "c2", "token_use": "id"}),
        json!({"client_id": "c2", "token_use": "access"}),
    );
    let (unsaid, custom) = (json!({"aud": "c1"}), json!({"aud": "c1", "token_use": "custom"}));
    check(
        cognito(),
        iss,
        &[
            (id.clone(), None),
            (access.clone(), None),
            (other_id, AUDIENCE),
            (other_access, AUDIENCE),
            (unsaid.clone(), CLAIM),
            (custom.clone(), CLAIM),
        ],
    )
    .await;
    let kinds = |id_is: bool, access_is: bool, custom_is: bool| {
        let expected = |good: bool| (!good).then_some(RejectReason::Claim);
        [
            (id.clone(), expected(id_is)),
            (access.clone(), expected(access_is)),
            (custom.clone(), expected(custom_is)),
            (unsaid.clone(), CLAIM),
        ]
    };
    check(
        cognito().require_claim("token_use", "access"),
        iss,
        &kinds(false, true, false),
    )
    .await;
    check(
        cognito().require_claim("token_use", "id"),
        iss,
        &kinds(true, false, false),
    )
    .await;
    check(
        cognito().require_claim("token_use", "custom"),
        iss,
        &kinds(false, false, true),
    )
    .await;
    let two = cognito()
        .require_claim("token_use", "id")
        .require_claim("token_use", "custom");
    check(two, iss, &kinds(true, false, true)).await;
    check(
        cognito().refuse_claim("token_use", "id"),
        iss,
        &kinds(false, true, false),
    )
    .await;
    let by_aud = cognito().audience_claims(["aud"]);
    check(by_aud, iss, &[(id, None), (access, AUDIENCE)]).await;
}

#[tokio::test]
async fn entra_id() {
    let presets = [
        (
            Issuer::entra_id("t1"),
            "https://login.microsoftonline.com/t1/v2.0",
        ),
        (
            Issuer::azure_ad("t1"),
            "https://login.microsoftonline.com/t1/v2.0",
        ),
        (Issuer::entra_id_v1("t1"), "https://sts.windows.net/t1/"),
        (Issuer::azure_ad_v1("t1"), "https://sts.windows.net/t1/"),
    ];
    for (preset, iss) in presets {
        let own = json!({"aud": "api", "tid": "t1", "scp": "read"});
        let service = json!({"aud": "api", "tid": "t1", "roles": ["read"]});
        check(
            preset.clone().audience("api"),
            iss,
            &[
                (own.clone(), None),
                (service.clone(), None),
                (json!({"aud": "other"}), AUDIENCE),
                (json!({}), AUDIENCE),
            ],
        )
        .await;
        check(
            preset.clone().audience("api").require_presence("scp"),
            iss,
            &[(own, None), (service, CLAIM)],
        )
        .await;
    }
}

#[tokio::test]
async fn descope() {
    let (session, refresh) = (json!({"drn": "DS"}), json!({"drn": "DSR"}));
    check(
        Issuer::descope("P1"),
        "P1",
        &[
            (session.clone(), None),
            (refresh.clone(), CLAIM),
            (json!({}), None),
        ],
    )
    .await;
    check(
        Issuer::descope("P1").audience("api"),
        "P1",
        &[
            (json!({"aud": "api"}), None),
            (session.clone(), AUDIENCE),
            (json!({"aud": "api", "drn": "DSR"}), CLAIM),
        ],
    )
    .await;
    let sessions = Issuer::descope("P1").require_claim("drn", "DS");
    check(
        sessions,
        "P1",
        &[
            (session.clone(), None),
            (refresh.clone(), CLAIM),
            (json!({}), CLAIM),
        ],
    )
    .await;
    let refreshes = Issuer::descope("P1").require_claim("drn", "DSR");
    check(refreshes, "P1", &[(refresh, None), (session, CLAIM)]).await;
}

#[tokio::test]
async fn neon_auth_and_better_auth() {
    let neon = "https://ep-xx.aws.neon.tech";
    let app = "https://app.example.com";
    for (issuer, iss) in [
        (Issuer::neon_auth("https://ep-xx.aws.neon.tech/neondb/auth"), neon),
        (Issuer::better_auth(app), app),
    ] {
        let (own, other) = (json!({"aud": iss}), json!({"aud": "api"}));
        check(
            issuer.clone(),
            iss,
            &[
                (own.clone(), None),
                (other.clone(), AUDIENCE),
                (json!({}), AUDIENCE),
            ],
        )
        .await;
        check(issuer.audience("api"), iss, &[(other, None), (own, AUDIENCE)]).await;
    }
}

#[tokio::test]
async fn workos() {
    let iss = "https://api.workos.com/user_management/c1";
    let session = json!({"sid": "session_1", "org_id": "org_1"});
    check(
        Issuer::workos("c1"),
        iss,
        &[(session.clone(), None), (json!({"aud": "api"}), None)],
    )
    .await;
    check(
        Issuer::workos("c1").audience("api"),
        iss,
        &[(json!({"aud": "api"}), None), (session, AUDIENCE)],
    )
    .await;
}

#[tokio::test]
async fn okta_and_discovery() {
    let okta = "https://example.okta.com/oauth2/aus1";
    let other = "https://login.example.com";
    for (issuer, iss) in [
        (Issuer::okta(okta).audience("api"), okta),
        (Issuer::discover(other).audience("api"), other),
    ] {
        let good = json!({"aud": "api"});
        check(
            issuer.clone(),
            iss,
            &[
                (good.clone(), None),
                (json!({"aud": "c1"}), AUDIENCE),
                (json!({}), AUDIENCE),
            ],
        )
        .await;
        // Without a preset's audience there is nothing to take the place of: both are good.
        check(
            issuer.audience("c1"),
            iss,
            &[(good, None), (json!({"aud": "c1"}), None)],
        )
        .await;
    }
}
