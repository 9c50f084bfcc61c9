//! What an authorized SELECT costs beside the same SELECT by hand, in round trips and in time.
//!
//! `cargo run --release -p authz-tests --example round_trips`. The ways take turns, request by request, on one connection
//! each, so that whatever else the machine does falls on all alike. Compare the ratios; the times are this machine's.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on may panic")]
#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(clippy::indexing_slicing, reason = "the lists have one entry for each way")]

use std::time::{Duration, Instant};

use authz::{Authz, Issuer};
use authz_tests::database::Database;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use authz_tests::proxy::{Pace, Proxy};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

const REQUESTS: usize = 3000;
const WARM_UP: usize = 200;
const SELECT: &str = "SELECT task FROM todos WHERE user_id = $1";

const WAYS: [&str; 4] = [
    "by hand: begin, SET LOCAL ROLE, set_config, SELECT, commit",
    "by hand: begin_with(all three), no test on acquire, SELECT, commit",
    "authz: begin(token), SELECT, commit; ES256 verified each time",
    "authz: begin_verified(claims), SELECT, commit",
];

/// One way of doing it, with a connection of its own.
struct Bench {
    database: Database,
    token: String,
    claims: authz::VerifiedClaims,
    authz: [Authz; 2],
    pools: [PgPool; 2],
}

impl Bench {
    async fn new(database: Database, through: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        let key = SigningKey::es256("k");
        let token = key.sign(&claims("alice"));
        let options = through(database.login_options()).disable_statement_logging();
        let connect = || async {
            Authz::builder()
                .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks()))
                .cache_bytes(0)
                .role(database.user())
                .anonymous_role(database.anonymous())
                .max_connections(1)
                .connect_with(options.clone())
                .await
                .unwrap()
        };
        let authz = [connect().await, connect().await];
        let claims = authz[1].verify(&token).await.unwrap();
        let pool = || PgPoolOptions::new().max_connections(1);
        let pools = [
            pool().connect_with(options.clone()).await.unwrap(),
            pool()
                .test_before_acquire(false)
                .connect_with(options.clone())
                .await
                .unwrap(),
        ];
        Self {
            database,
            token,
            claims,
            authz,
            pools,
        }
    }

    async fn request(&self, way: usize) {
        let task: String = match way {
            0 => {
                let mut tx = self.pools[0].begin().await.unwrap();
                let role = format!("SET LOCAL ROLE {}", self.database.user());
                tx.execute(AssertSqlSafe(role)).await.unwrap();
                sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
                    .bind(claims("alice").to_string())
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                let task = sqlx::query_scalar(SELECT)
                    .bind("alice")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                task
            }
            1 => {
                let (role, claims) = (self.database.user(), claims("alice"));
                let begin =
                    format!("BEGIN; SET LOCAL request.jwt.claims = E'{claims}'; SET LOCAL ROLE {role}");
                let mut tx = self.pools[1].begin_with(AssertSqlSafe(begin)).await.unwrap();
                let task = sqlx::query_scalar(SELECT)
                    .bind("alice")
                    .fetch_one(&mut *tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                task
            }
            _ => {
                let mut tx = match way {
                    2 => self.authz[0].begin(&self.token).await.unwrap(),
                    _ => self.authz[1].begin_verified(&self.claims).await.unwrap(),
                };
                let task = sqlx::query_scalar(SELECT)
                    .bind("alice")
                    .fetch_one(&mut tx)
                    .await
                    .unwrap();
                tx.commit().await.unwrap();
                task
            }
        };
        assert_eq!(task, "a");
    }
}

#[tokio::main]
async fn main() {
    let database = Database::create().await;
    let proxy = Proxy::start(&database.admin(), Pace::Whole).await;
    let counted = Bench::new(database, |options| proxy.through(options)).await;
    let mut round_trips = Vec::new();
    for way in 0..WAYS.len() {
        for _ in 0..5 {
            counted.request(way).await;
        }
        let before = proxy.round_trips();
        for _ in 0..10 {
            counted.request(way).await;
        }
        // Each request waits for the end of the one before, so the last one's end is missing and the fifth's is counted.
        round_trips.push((proxy.round_trips() - before).div_ceil(10));
    }

    let bench = Bench::new(Database::create().await, |options| options).await;
    let mut times = vec![Vec::with_capacity(REQUESTS); WAYS.len()];
    for number in 0..WARM_UP + REQUESTS {
        for turn in 0..WAYS.len() {
            // Each way follows each other equally often.
            let way = (turn * if number % 2 == 0 { 1 } else { 3 } + number / 2) % WAYS.len();
            let start = Instant::now();
            bench.request(way).await;
            if number >= WARM_UP {
                times[way].push(start.elapsed());
            }
        }
    }

    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let first = median(&mut times[0]);
    println!("{REQUESTS} requests each, taking turns\nround trips  median µs   ratio");
    for (way, name) in WAYS.iter().enumerate() {
        let median = median(&mut times[way]);
        let ratio = median.as_secs_f64() / first.as_secs_f64();
        println!(
            "{:>11}  {:>9}  {ratio:>6.2}  {name}",
            round_trips[way],
            median.as_micros()
        );
    }
}
