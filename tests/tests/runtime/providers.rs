//! Tokens of real providers, their keys changing and failing while requests run.

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authz::{Authz, Builder, Error, Issuer, RejectReason};
use authz_tests::database::Database;
use authz_tests::keys::{SigningKey, claims, part};
use authz_tests::provider::{Provider, Tokens};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use tokio::sync::RwLock;

use super::setup::tasks;

/// When a key set is fetched again for a key that is not in it, and when anyway.
const COOLDOWN: Duration = Duration::from_secs(30);
const REFRESH: Duration = Duration::from_secs(300);

async fn start(name: &'static str) -> Option<Provider> {
    Provider::start(name, env!("CARGO_TARGET_TMPDIR")).await
}

/// How each provider is trusted.
fn issuer(provider: &Provider) -> Issuer {
    let issuer = match &provider.jwks_url {
        Some(url) => Issuer::new(&provider.issuer).jwks_url(url),
        None => Issuer::discover(&provider.issuer),
    };
    issuer.allow_loopback_http()
}

fn builder(database: &Database) -> Builder {
    Authz::builder()
        .role(database.user())
        .anonymous_role(database.anonymous())
        // The clock is moved while requests run.
        .acquire_timeout(REFRESH * 1000)
}

async fn trusting(database: &Database, issuer: Issuer) -> Authz {
    builder(database)
        .issuer(issuer)
        .connect_with(database.login_options())
        .await
        .unwrap()
}

async fn reason(authz: &Authz, token: &str) -> Option<RejectReason> {
    match authz.verify(token).await {
        Ok(_) => None,
        Err(Error::Rejected(reason)) => Some(reason),
        Err(error) => panic!("{error}"),
    }
}

/// One access token for `todos`.
async fn token(provider: &Provider, user: &str, algorithm: &str) -> String {
    provider
        .tokens(user, algorithm, "todos", 1)
        .await
        .access
        .remove(0)
}

async fn give_a_task(database: &Database, sub: &str, task: &str) {
    let sql = format!("INSERT INTO todos (user_id, task) VALUES ('{sub}', '{task}')");
    database.execute(&sql).await;
}

/// Lets time pass as far as keys are concerned; claims are compared with the clock of the machine.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_token_of_each_provider_opens_the_rows_of_its_subject_and_no_others() {
    let (Some(oidc), Some(better)) = (start("oidc-provider").await, start("better-auth").await) else {
        return;
    };
    let database = Database::create().await;
    let authz = builder(&database)
        .issuer(issuer(&oidc).audience("todos"))
        .issuer(issuer(&better).audience("todos"))
        .connect_with(database.login_options())
        .await
        .unwrap();
    let mut seen = Vec::new();
    for provider in [&oidc, &better] {
        for algorithm in &provider.algorithms {
            for user in ["carol", "dave"] {
                let user = format!("{user}-{algorithm}");
                let Tokens { sub, access, .. } = provider.tokens(&user, algorithm, "todos", 1).await;
                let verified = authz.verify(&access[0]).await.unwrap();
                assert_eq!((verified.sub(), verified.iss()), (&*sub, &*provider.issuer));
                give_a_task(&database, &sub, &user).await;
                let mut tx = authz.begin(&access[0]).await.unwrap();
                assert_eq!(tasks(&mut tx).await, [user]);
                seen.push(algorithm.as_str());
            }
        }
    }
    assert_eq!(seen, ["RS256", "RS256", "ES256", "ES256", "EdDSA", "EdDSA"]);
    // Two of the fixture, whom no provider knows.
    assert_eq!(database.count("SELECT count(*) FROM todos").await, 8);
}

async fn other_audiences_are_refused(name: &'static str) {
    let Some(provider) = start(name).await else { return };
    let database = Database::create().await;
    let todos = trusting(&database, issuer(&provider).audience("todos")).await;
    let notes = trusting(&database, issuer(&provider).audience("notes")).await;
    for algorithm in &provider.algorithms {
        let Tokens { access, id, .. } = provider.tokens("carol", algorithm, "todos", 1).await;
        assert_eq!(reason(&todos, &access[0]).await, None);
        assert_eq!(reason(&notes, &access[0]).await, Some(RejectReason::Audience));
        // It says to a client that somebody logged in, and is no permission to anything.
        for token in id {
            assert_eq!(reason(&todos, &token).await, Some(RejectReason::Audience));
            let client = issuer(&provider)
                .audience("todos")
                .audience(format!("app-{algorithm}"));
            for strict in [client.clone().token_type("at+jwt"), client.refuse_id_tokens()] {
                let strict = trusting(&database, strict).await;
                assert_eq!(reason(&strict, &access[0]).await, None);
                assert_eq!(reason(&strict, &token).await, Some(RejectReason::Type));
            }
        }
        let for_notes = provider.tokens("carol", algorithm, "notes", 1).await.access;
        assert_eq!(reason(&todos, &for_notes[0]).await, Some(RejectReason::Audience));
        assert_eq!(reason(&notes, &for_notes[0]).await, None);
    }
}

#[tokio::test]
async fn tokens_of_oidc_provider_for_another_audience_and_id_tokens_are_refused() {
    other_audiences_are_refused("oidc-provider").await;
}

#[tokio::test]
async fn tokens_of_better_auth_for_another_audience_are_refused() {
    other_audiences_are_refused("better-auth").await;
}

async fn tampered_tokens_are_refused(name: &'static str) {
    let Some(provider) = start(name).await else { return };
    let database = Database::create().await;
    let authz = trusting(&database, issuer(&provider).audience("todos")).await;
    for algorithm in &provider.algorithms {
        let (good, other) = (
            token(&provider, "carol", algorithm).await,
            token(&provider, "dave", algorithm).await,
        );
        let parts: Vec<&str> = good.split('.').collect();
        let [header, payload, signature] = *parts else {
            panic!("{good}")
        };
        let others: Vec<&str> = other.split('.').collect();
        assert_eq!(reason(&authz, &good).await, None);
        assert_eq!(reason(&authz, &other).await, None);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut flipped = bytes.clone();
        flipped[0] ^= 1;
        for forged in [
            format!("{header}.{}.{signature}", others[1]),
            format!("{header}.{payload}.{}", others[2]),
            format!("{header}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(flipped)),
            format!(
                "{header}.{payload}.{}",
                BASE64_URL_SAFE_NO_PAD.encode(&bytes[1..])
            ),
            format!(
                "{header}.{payload}.{}",
                BASE64_URL_SAFE_NO_PAD.encode([&*bytes, &[0]].concat())
            ),
            format!("{header}.{payload}."),
        ] {
            assert_eq!(
                reason(&authz, &forged).await,
                Some(RejectReason::Signature),
                "{forged}"
            );
        }
        let unsigned = format!("{}.{payload}.", part(r#"{"alg": "none"}"#));
        assert_eq!(reason(&authz, &unsigned).await, Some(RejectReason::Algorithm));
    }
}

#[tokio::test]
async fn tampered_tokens_of_oidc_provider_are_refused() {
    tampered_tokens_are_refused("oidc-provider").await;
}

#[tokio::test]
async fn tampered_tokens_of_better_auth_are_refused() {
    tampered_tokens_are_refused("better-auth").await;
}

async fn wrong_clocks_are_noticed(name: &'static str) {
    let Some(provider) = start(name).await else { return };
    let database = Database::create().await;
    let authz = trusting(&database, issuer(&provider).audience("todos")).await;
    for algorithm in &provider.algorithms {
        // Tokens are good for an hour; the clocks may differ by 30 s, of which the test leaves itself 10.
        for (seconds, expected) in [
            (0, None),
            (-3600 + 60, None),
            (-3600 - 31, Some(RejectReason::Expired)),
            (20, None),
            (120, Some(RejectReason::NotYetValid)),
        ] {
            provider.set_clock(seconds).await;
            let token = token(&provider, "carol", algorithm).await;
            assert_eq!(
                reason(&authz, &token).await,
                expected,
                "{algorithm}, {seconds} s ahead"
            );
        }
    }
}

#[tokio::test]
async fn expired_tokens_of_oidc_provider_and_those_of_the_future_are_refused() {
    wrong_clocks_are_noticed("oidc-provider").await;
}

#[tokio::test]
async fn expired_tokens_of_better_auth_and_those_of_the_future_are_refused() {
    wrong_clocks_are_noticed("better-auth").await;
}

async fn keys_may_change(name: &'static str) {
    let Some(provider) = start(name).await else { return };
    let database = Database::create().await;
    let authz = trusting(&database, issuer(&provider).audience("todos")).await;
    let algorithm = provider.algorithms.last().unwrap();
    let first = token(&provider, "carol", algorithm).await;
    assert_eq!(reason(&authz, &first).await, None);

    provider.rotate().await;
    let second = token(&provider, "carol", algorithm).await;
    pass(COOLDOWN).await;
    assert_eq!(reason(&authz, &second).await, None);
    assert_eq!(reason(&authz, &first).await, None);

    provider.rotate().await;
    let third = token(&provider, "carol", algorithm).await;
    provider.retire().await;
    pass(COOLDOWN).await;
    assert_eq!(
        reason(&authz, &first).await,
        None,
        "the set has not been fetched since"
    );
    assert_eq!(reason(&authz, &third).await, None);
    for retired in [&first, &second] {
        assert_eq!(reason(&authz, retired).await, Some(RejectReason::UnknownKey));
        let another = trusting(&database, issuer(&provider).audience("todos")).await;
        assert_eq!(reason(&another, retired).await, Some(RejectReason::UnknownKey));
        assert_eq!(reason(&another, &third).await, None);
    }
}

#[tokio::test]
async fn keys_of_oidc_provider_change_while_it_runs_and_retired_ones_are_good_no_more() {
    keys_may_change("oidc-provider").await;
}

#[tokio::test]
async fn keys_of_better_auth_change_while_it_runs_and_retired_ones_are_good_no_more() {
    keys_may_change("better-auth").await;
}

/// Requests that eight clients send one after the other, each with the next token.
struct Load {
    authz: Authz,
    /// Valid tokens, with the only task that each may see.
    tokens: RwLock<Vec<(String, String)>>,
    begun: AtomicUsize,
    good: AtomicUsize,
    lost: Mutex<Vec<Error>>,
    over: AtomicBool,
}

impl Load {
    async fn client(self: Arc<Self>) {
        while !self.over.load(Ordering::SeqCst) {
            let number = self.begun.fetch_add(1, Ordering::SeqCst);
            let (token, task) = {
                let tokens = self.tokens.read().await;
                tokens[number % tokens.len()].clone()
            };
            match self.authz.begin(&token).await {
                Ok(mut tx) => {
                    assert_eq!(tasks(&mut tx).await, [task]);
                    tx.commit().await.unwrap();
                    self.good.fetch_add(1, Ordering::SeqCst);
                }
                Err(error) => self.lost.lock().unwrap().push(error),
            }
        }
    }

    /// Waits until so many more requests have begun.
    async fn go_on(&self, requests: usize) {
        let until = self.begun.load(Ordering::SeqCst) + requests;
        while self.begun.load(Ordering::SeqCst) < until && !self.over.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }

    async fn add(&self, tokens: Tokens, task: &str) {
        let tokens = tokens.access.into_iter().map(|token| (token, task.to_owned()));
        self.tokens.write().await.extend(tokens);
    }
}

/// Ends the load, also when a client panics: the others then need not wait for it.
struct Over(Arc<Load>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::SeqCst);
    }
}

async fn an_outage_loses_nothing(name: &'static str) {
    let Some(provider) = start(name).await else { return };
    let database = Database::create().await;
    let authz = trusting(&database, issuer(&provider).audience("todos")).await;
    let load = Arc::new(Load {
        authz: authz.clone(),
        tokens: RwLock::default(),
        begun: AtomicUsize::default(),
        good: AtomicUsize::default(),
        lost: Mutex::default(),
        over: AtomicBool::default(),
    });
    for algorithm in &provider.algorithms {
        for user in ["carol", "dave"] {
            let user = format!("{user}-{algorithm}");
            // Enough that hardly any comes twice before the end of the outage.
            let count = 300 / provider.algorithms.len();
            let tokens = provider.tokens(&user, algorithm, "todos", count).await;
            give_a_task(&database, &tokens.sub, &user).await;
            load.add(tokens, &user).await;
        }
    }
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let over = Over(Arc::clone(&load));
            tokio::spawn(async move { Arc::clone(&over.0).client().await })
        })
        .collect();
    load.go_on(100).await;

    provider.go_down().await;
    let stranger = SigningKey::ed25519("unknown");
    let mut forged = claims("carol");
    forged["iss"] = json!(provider.issuer);
    for _ in 0..3 {
        // Another fetch is due, and fails.
        pass(REFRESH).await;
        assert!(authz.verify(&stranger.sign(&forged)).await.is_err());
        load.go_on(150).await;
    }

    provider.come_back().await;
    provider.rotate().await;
    let mut signed_anew = Vec::new();
    for algorithm in &provider.algorithms {
        let user = format!("carol-{algorithm}");
        signed_anew.push((provider.tokens(&user, algorithm, "todos", 50).await, user));
    }
    pass(COOLDOWN).await;
    for (tokens, user) in signed_anew {
        load.add(tokens, &user).await;
    }
    let tokens = load.tokens.read().await.len();
    load.go_on(2 * tokens).await;

    drop(Over(Arc::clone(&load)));
    for client in clients {
        client.await.unwrap();
    }
    let lost = mem::take(&mut *load.lost.lock().unwrap());
    assert!(lost.is_empty(), "{} lost: {:?}", lost.len(), lost[0]);
    let good = load.good.load(Ordering::SeqCst);
    assert_eq!(good, load.begun.load(Ordering::SeqCst));
    assert!(good >= 550 + 2 * tokens, "{good}");
    assert_eq!(provider.fetches().await, 2, "at the start, and after the outage");
}

#[tokio::test]
async fn an_outage_of_oidc_provider_in_the_middle_of_load_loses_no_valid_request() {
    an_outage_loses_nothing("oidc-provider").await;
}

#[tokio::test]
async fn an_outage_of_better_auth_in_the_middle_of_load_loses_no_valid_request() {
    an_outage_loses_nothing("better-auth").await;
}
