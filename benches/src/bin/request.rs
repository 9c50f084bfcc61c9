//! What one authorized SELECT costs beside other ways to do it: `cargo run --release -p authz-bench --bin request`.
//!
//! All ways take turns in one process, on one connection each, over loopback; ratios are to `by hand`, which is what a program without authz
//! writes for the same protection. `before` is the SQL that authz sent until its claims became bind values, on a pool of sqlx's. Round trips are
//! counted by a proxy, with the ping by which sqlx's pool takes a connection back.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use authz::{Authz, Issuer};
use authz_bench::median;
use authz_tests::database::Database;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use authz_tests::proxy::{Pace, Proxy};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// How many times the ways take turns.
const ROUNDS: usize = 60;
/// How many requests a turn has.
const TURN: u32 = 50;
const SELECT: &str = "SELECT task FROM todos WHERE id = 1";

struct World {
    authz: Authz,
    token: String,
    /// Of the login role, which may become the user.
    pool: PgPool,
    /// Of the superuser, whom row security does not bind.
    bare: PgPool,
    user: String,
    claims: String,
}

impl World {
    async fn new(
        database: &Database,
        key: &SigningKey,
        through: impl Fn(PgConnectOptions) -> PgConnectOptions,
    ) -> Result<Self> {
        let pool = |options: PgConnectOptions| {
            PgPoolOptions::new()
                .max_connections(1)
                .test_before_acquire(false)
                .connect_lazy_with(through(options).disable_statement_logging())
        };
        let claims = claims("alice");
        Ok(Self {
            authz: Authz::builder()
                .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks()))
                .role(database.user())
                .anonymous_role(database.anonymous())
                .max_connections(1)
                .connect_with(through(database.login_options()))
                .await?,
            token: key.sign(&claims),
            pool: pool(database.login_options()),
            bare: pool(database.admin()),
            user: database.user(),
            claims: claims.to_string(),
        })
    }

    async fn run(&self, way: Way) -> Result<()> {
        match way {
            Way::Authz => {
                let mut tx = self.authz.begin(&self.token).await?;
                sqlx::query(SELECT).fetch_one(&mut tx).await?;
                tx.commit().await?;
            }
            Way::ByHand => {
                let mut tx = self.pool.begin().await?;
                tx.execute(AssertSqlSafe(format!("SET LOCAL ROLE {}", self.user)))
                    .await?;
                sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
                    .bind(&self.claims)
                    .execute(&mut *tx)
                    .await?;
                sqlx::query(SELECT).fetch_one(&mut *tx).await?;
                tx.commit().await?;
            }
            Way::Before => {
                let mut connection = self.pool.acquire().await?;
                let begin = format!(
                    "BEGIN; CLOSE ALL; RESET ALL; DISCARD SEQUENCES; DISCARD TEMP; SET LOCAL request.jwt.claims = '{}'; SET LOCAL ROLE {}",
                    self.claims, self.user
                );
                connection.execute(AssertSqlSafe(begin)).await?;
                sqlx::query(SELECT).fetch_one(&mut *connection).await?;
                connection.execute("SAVEPOINT authz_commit; COMMIT").await?;
            }
            Way::Transaction => {
                let mut tx = self.bare.begin().await?;
                sqlx::query(SELECT).fetch_one(&mut *tx).await?;
                tx.commit().await?;
            }
            Way::Bare => {
                sqlx::query(SELECT).fetch_one(&self.bare).await?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Way {
    ByHand,
    Authz,
    Before,
    Transaction,
    Bare,
}

const WAYS: [(Way, &str); 5] = [
    (Way::ByHand, "by hand: BEGIN, SET ROLE, set_config"),
    (Way::Authz, "authz"),
    (Way::Before, "before: claims in the text of BEGIN"),
    (Way::Transaction, "sqlx transaction, no row security"),
    (Way::Bare, "bare sqlx pool, no row security"),
];

#[tokio::main]
async fn main() -> Result<()> {
    let database = Database::create().await;
    let key = SigningKey::ed25519("k");
    let direct = World::new(&database, &key, |options| options).await?;
    let proxy = Proxy::start(&database.admin(), Pace::Whole).await;
    let counted = World::new(&database, &key, |options| proxy.through(options)).await?;
    let mut times = WAYS.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for ((way, _), times) in WAYS.into_iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..TURN {
                direct.run(way).await?;
            }
            times.push(start.elapsed());
        }
    }
    let times = times.map(|mut times| median(&mut times) / TURN);
    let by_hand = times.first().copied().context("there are ways")?;
    println!("one SELECT by its key, median of {ROUNDS} turns of {TURN}:");
    println!("{:<40}{:>10}{:>14}{:>10}", "way", "µs", "round trips", "ratio");
    for ((way, name), time) in WAYS.into_iter().zip(times) {
        println!(
            "{name:<40}{:>10.0}{:>14}{:>10.2}",
            micros(time),
            round_trips(&proxy, &counted, way).await?,
            micros(time) / micros(by_hand)
        );
    }
    Ok(())
}

/// Round trips of one request, once everything is prepared.
async fn round_trips(proxy: &Proxy, world: &World, way: Way) -> Result<u64> {
    for _ in 0..5 {
        world.run(way).await?;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = proxy.round_trips();
    world.run(way).await?;
    // The pool's ping comes behind.
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(proxy.round_trips() - before)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
