//! What a verification costs beside the bare signature check: `cargo run --release -p authz-bench --bin verify`.
//!
//! All ways take turns in one process, so that what else the machine does meets each of them. The token has the claims of a usual
//! session token, some 700 bytes. `bare` is the check of aws-lc-rs, the crypto library, from the bytes of a key; `parsed` the same with a
//! key that was parsed before, which the runtime does too; `jsonwebtoken` its check of the signature alone.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use authz::{Authz, Issuer};
use authz_bench::median;
use authz_tests::database::Database;
use authz_tests::keys::{ALGORITHMS, AUDIENCE, ISSUER, SigningKey, claims};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};

/// How many times the ways take turns.
const ROUNDS: usize = 60;
/// How many verifications a turn has.
const TURN: u32 = 40;

#[tokio::main]
async fn main() -> Result<()> {
    // An application that never calls jsonwebtoken need not do this.
    _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let database = Database::create().await;
    println!("uncached, median of {ROUNDS} turns of {TURN}:");
    println!(
        "algorithm   bare µs  parsed µs  jsonwebtoken µs  authz µs  authz / bare  authz / parsed  authz / jsonwebtoken"
    );
    for alg in ALGORITHMS {
        let key = SigningKey::new(alg, "k");
        let authz = connect(&database, &key, 0).await?;
        let token = key.sign(&usual_claims("user_29w83sxmDNGwOuEthce5gg56FcC"));
        let (message, signature) = token.rsplit_once('.').context("a token has parts")?;
        let raw = BASE64_URL_SAFE_NO_PAD.decode(signature)?;
        let parsed = parsed(alg, &key.public_key_der())?;
        let jwk: Jwk = serde_json::from_value(key.jwk())?;
        let decoding = DecodingKey::from_jwk(&jwk)?;
        let algorithm: Algorithm = alg.parse()?;
        let der = key.public_key_der();
        let [mut bare, mut with_parsed, mut jsonwebtoken, mut ours] = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            bare.push(turn(|| is_signed(alg, &der, message.as_bytes(), &raw))?);
            with_parsed.push(turn(|| parsed.verify_sig(message.as_bytes(), &raw).is_ok())?);
            jsonwebtoken.push(turn(|| {
                jsonwebtoken::crypto::verify(signature, message.as_bytes(), &decoding, algorithm)
                    .unwrap_or(false)
            })?);
            ours.push(turn_of(&authz, &token).await?);
        }
        let [bare, with_parsed, jsonwebtoken, ours] =
            [&mut bare, &mut with_parsed, &mut jsonwebtoken, &mut ours].map(|times| micros(median(times)));
        println!(
            "{alg:<10}{bare:>9.1}  {with_parsed:>9.1}  {jsonwebtoken:>15.1}  {ours:>8.1}  {:>12.2}  {:>14.2}  {:>20.2}",
            ours / bare,
            ours / with_parsed,
            ours / jsonwebtoken
        );
    }

    let key = SigningKey::es256("k");
    let authz = connect(&database, &key, 8 << 20).await?;
    let token = key.sign(&usual_claims("alice"));
    authz.verify(&token).await?;
    let (mut cached, mut selects) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        cached.push(turn_of(&authz, &token).await?);
        let start = Instant::now();
        for _ in 0..TURN {
            let mut tx = authz.begin(&token).await?;
            let tasks: Vec<String> = sqlx::query_scalar("SELECT task FROM todos")
                .fetch_all(&mut tx)
                .await?;
            tx.commit().await?;
            ensure!(tasks.len() == 1, "alice has one row");
        }
        selects.push(start.elapsed() / TURN);
    }
    let (cached, select) = (micros(median(&mut cached)), micros(median(&mut selects)));
    println!(
        "\ncached: {cached:.2} µs; one authorized SELECT with it: {select:.0} µs; ratio {:.2} %",
        cached / select * 100.0
    );
    Ok(())
}

async fn connect(database: &Database, key: &SigningKey, cache_bytes: usize) -> Result<Authz> {
    let issuer = Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks());
    let builder = Authz::builder().issuer(issuer).cache_bytes(cache_bytes);
    let builder = builder.role(database.user()).anonymous_role(database.anonymous());
    Ok(builder.connect_with(database.login_options()).await?)
}

/// Claims as a provider's session tokens have them.
fn usual_claims(sub: &str) -> serde_json::Value {
    let mut claims = claims(sub);
    let more = serde_json::json!({
        "azp": "https://app.example.com",
        "sid": "sess_29w83sxmDNGwOuEthce5gg56FcC",
        "email": "someone@example.com",
        "role": "member",
        "permissions": ["documents:read", "documents:write"],
        "o": {"id": "org_29w83sxmDNGwOuEthce5gg56FcC", "slug": "acme", "role": "admin"}
    });
    if let (Some(claims), serde_json::Value::Object(more)) = (claims.as_object_mut(), more) {
        claims.extend(more);
    }
    claims
}

fn parsed(alg: &str, der: &[u8]) -> Result<ParsedPublicKey> {
    let key = match alg {
        "RS256" => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der),
        "RS384" => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, der),
        "RS512" => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, der),
        "PS256" => ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der),
        "PS384" => ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, der),
        "PS512" => ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, der),
        "ES256" => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, der),
        "ES384" => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, der),
        _ => ParsedPublicKey::new(&ED25519, der),
    };
    key.ok().context("a good key")
}

/// The check from the bytes of the key.
fn is_signed(alg: &str, der: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let result = match alg {
        "RS256" => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).verify(message, signature),
        "RS384" => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA384, der).verify(message, signature),
        "RS512" => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, der).verify(message, signature),
        "PS256" => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, der).verify(message, signature),
        "PS384" => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA384, der).verify(message, signature),
        "PS512" => UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, der).verify(message, signature),
        "ES256" => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, der).verify(message, signature),
        "ES384" => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, der).verify(message, signature),
        _ => UnparsedPublicKey::new(&ED25519, der).verify(message, signature),
    };
    result.is_ok()
}

/// The time of one check, over a turn.
fn turn(check: impl Fn() -> bool) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..TURN {
        ensure!(black_box(check()), "a good signature is refused");
    }
    Ok(start.elapsed() / TURN)
}

async fn turn_of(authz: &Authz, token: &str) -> Result<Duration> {
    let start = Instant::now();
    for _ in 0..TURN {
        black_box(authz.verify(black_box(token)).await?);
    }
    Ok(start.elapsed() / TURN)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
