//! What a flood of made-up key ids does to those with good tokens: `cargo run --release -p authz-bench --bin flood`.
//!
//! One thread verifies good tokens, each another one, so that each costs a signature check. Another sends 10,000 tokens, each with
//! a key id that nobody has, in a burst, again and again. The two states take turns. Printed are the median and the 99th percentile of the good
//! tokens in both, their ratios, and how often the key set was fetched.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use authz::{Authz, Error, Issuer, RejectReason};
use authz_tests::database::Database;
use authz_tests::jwks_server::JwksServer;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use serde_json::json;

/// How many made-up key ids a burst has.
const BURST: usize = 10_000;
/// How many good tokens a turn has.
const GOOD: usize = 2000;
/// How often the two states take turns.
const ROUNDS: usize = 10;

#[tokio::main]
async fn main() -> Result<()> {
    let (database, key) = (Database::create().await, SigningKey::es256("k"));
    let server = JwksServer::start(&key.jwks()).await;
    let issuer = Issuer::new(ISSUER)
        .audience(AUDIENCE)
        .jwks_url(server.url())
        .allow_loopback_http();
    let authz = Authz::builder()
        .issuer(issuer)
        .cache_bytes(0)
        .role(database.user())
        .anonymous_role(database.anonymous())
        .connect_with(database.login_options())
        .await?;
    let good: Vec<String> = (0..GOOD)
        .map(|number| key.sign(&claims(&number.to_string())))
        .collect();
    let payload = claims("mallory").to_string();
    let bad: Vec<String> = (0..BURST)
        .map(|number| {
            let header = json!({"alg": "ES256", "kid": format!("made up {number}")});
            key.sign_text(&header.to_string(), &payload)
        })
        .collect();

    let (mut quiet, mut flooded) = (Vec::new(), Vec::new());
    let refused = AtomicUsize::new(0);
    let start = Instant::now();
    for _ in 0..ROUNDS {
        quiet.extend(measure(&authz, &good)?);
        let goes_on = AtomicBool::new(true);
        let times = std::thread::scope(|scope| -> Result<Vec<Duration>> {
            let flood = scope.spawn(|| flood(&authz, &bad, &goes_on, &refused));
            let times = measure(&authz, &good);
            goes_on.store(false, Ordering::SeqCst);
            flood
                .join()
                .map_err(|_| anyhow::anyhow!("the flood panicked"))??;
            times
        })?;
        flooded.extend(times);
    }
    let seconds = start.elapsed().as_secs_f64();
    let [quiet, flooded] = [quiet, flooded].map(percentiles);
    println!("state      median µs  p99 µs");
    println!("quiet      {:>9.1}  {:>6.1}", quiet.0, quiet.1);
    println!("in a flood {:>9.1}  {:>6.1}", flooded.0, flooded.1);
    println!(
        "ratio      {:>9.2}  {:>6.2}",
        flooded.0 / quiet.0,
        flooded.1 / quiet.1
    );
    println!(
        "{} tokens with made-up key ids in {seconds:.1} s; the key set was fetched {} times, at the start too",
        refused.load(Ordering::SeqCst),
        server.requests()
    );
    Ok(())
}

/// Sends bursts until it is told to stop; one at least is whole.
fn flood(authz: &Authz, bad: &[String], goes_on: &AtomicBool, refused: &AtomicUsize) -> Result<()> {
    let runtime = runtime()?;
    while goes_on.load(Ordering::SeqCst) {
        for token in bad {
            let error = runtime
                .block_on(authz.verify(token))
                .err()
                .context("a made-up key is taken")?;
            ensure!(
                matches!(error, Error::Rejected(RejectReason::UnknownKey)),
                "{error}"
            );
            refused.fetch_add(1, Ordering::SeqCst);
        }
    }
    Ok(())
}

/// The time of each good token.
fn measure(authz: &Authz, good: &[String]) -> Result<Vec<Duration>> {
    std::thread::scope(|scope| {
        let work = scope.spawn(|| -> Result<Vec<Duration>> {
            let runtime = runtime()?;
            let each = good.iter().map(|token| {
                let start = Instant::now();
                runtime.block_on(authz.verify(token))?;
                Ok(start.elapsed())
            });
            each.collect()
        });
        work.join()
            .map_err(|_| anyhow::anyhow!("the measurement panicked"))?
    })
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// The median and the 99th percentile in µs.
fn percentiles(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    (at(50).as_secs_f64() * 1e6, at(99).as_secs_f64() * 1e6)
}
