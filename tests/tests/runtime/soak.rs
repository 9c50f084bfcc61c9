//! Many users on few connections, while requests are cancelled, panic, run hostile SQL and lose their connections: nobody ever
//! meets another's identity or rows, and what was committed is there.
//!
//! `AUTHZ_SOAK` says how many requests each pool serves.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use authz::Authz;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use super::hostile::HOSTILE;
use super::setup::{Setup, identity};

/// Requests for each pool; the gate tries more.
const REQUESTS: u64 = 600;
const TASKS: u64 = 64;
const USERS: u64 = 7;

/// What is counted.
#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    /// Another's identity, or another's row.
    leaks: AtomicU64,
    /// Requests that took longer than any should.
    hangs: AtomicU64,
    cancelled: AtomicU64,
    failed: AtomicU64,
    /// How many connections the server had at a time, looked at every 300 ms.
    most_connections: AtomicU64,
    committed: Mutex<BTreeSet<String>>,
    undone: Mutex<BTreeSet<String>>,
}

/// One request of a user: who they are, what they see, and a row that is committed or not.
async fn request(
    authz: &Authz,
    token: &str,
    user: &str,
    counts: &Counts,
    mark: &str,
    what: u64,
) -> Result<(), ()> {
    let mut tx = authz.begin(token).await.map_err(drop)?;
    let (_, claims) = identity_of(&mut tx).await?;
    if !claims.contains(&format!("\"{user}\"")) {
        counts.leaks.fetch_add(1, Ordering::Relaxed);
    }
    let owners: Vec<String> = sqlx::query_scalar("SELECT DISTINCT user_id FROM todos")
        .fetch_all(&mut tx)
        .await
        .map_err(drop)?;
    if owners.iter().any(|owner| owner != user) {
        counts.leaks.fetch_add(1, Ordering::Relaxed);
    }
    sqlx::query("INSERT INTO todos (user_id, task) VALUES ($1, $2)")
        .bind(user)
        .bind(mark)
        .execute(&mut tx)
        .await
        .map_err(drop)?;
    match what % 8 {
        0..3 => {
            tx.commit().await.map_err(drop)?;
            counts.committed.lock().unwrap().insert(mark.to_owned());
        }
        3 => {
            tx.rollback().await.map_err(drop)?;
            counts.undone.lock().unwrap().insert(mark.to_owned());
        }
        4 => {
            drop(tx);
            counts.undone.lock().unwrap().insert(mark.to_owned());
        }
        5 => {
            counts.undone.lock().unwrap().insert(mark.to_owned());
            std::panic::resume_unwind(Box::new("on purpose"));
        }
        6 => {
            // Only what cannot commit what came before it.
            let harmless: Vec<_> = HOSTILE.iter().filter(|sql| !sql.contains("COMMIT")).collect();
            let sql = harmless[usize::try_from(what).unwrap() % harmless.len()];
            _ = tx.execute(AssertSqlSafe(sql.replace("$login", "nobody"))).await;
            counts.undone.lock().unwrap().insert(mark.to_owned());
            drop(tx);
        }
        _ => {
            // Cancelled by whoever runs this; else it is undone.
            _ = tx.execute("SELECT pg_sleep(0.05)").await;
            counts.undone.lock().unwrap().insert(mark.to_owned());
        }
    }
    Ok(())
}

async fn identity_of(tx: &mut authz::Transaction) -> Result<(String, String), ()> {
    sqlx::query_as("SELECT current_user::text, current_setting('request.jwt.claims', true)")
        .fetch_one(tx)
        .await
        .map_err(drop)
}

async fn soak(setup: &Setup, pool: u32, requests: u64) -> Arc<Counts> {
    let authz = setup
        .builder()
        .max_connections(pool)
        .acquire_timeout(Duration::from_secs(20))
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    let counts = Arc::new(Counts::default());
    let users: Vec<String> = (0..USERS).map(|number| format!("user{number}x")).collect();
    let tokens: Vec<String> = users.iter().map(|user| setup.token(user)).collect();
    let (users, tokens) = (Arc::new(users), Arc::new(tokens));
    let tasks = (0..TASKS).map(|task| {
        let (authz, counts) = (authz.clone(), Arc::clone(&counts));
        let (users, tokens) = (Arc::clone(&users), Arc::clone(&tokens));
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(u64::from(pool) * 1000 + task);
            for number in 0..requests / TASKS {
                let user = usize::try_from(random.u64(0..USERS)).unwrap();
                let (what, patience) = (random.u64(..), random.u64(0..40));
                let mark = format!("{pool} {task} {number}");
                let (authz, counts_of_it) = (authz.clone(), Arc::clone(&counts));
                let (user, token) = (users[user].clone(), tokens[user].clone());
                // A panic ends a task of its own.
                let mut run =
                    tokio::spawn(
                        async move { request(&authz, &token, &user, &counts_of_it, &mark, what).await },
                    );
                counts.requests.fetch_add(1, Ordering::Relaxed);
                let limit = if what % 8 == 7 {
                    Duration::from_millis(patience)
                } else {
                    Duration::from_secs(60)
                };
                match tokio::time::timeout(limit, &mut run).await {
                    Ok(Ok(Err(()))) => _ = counts.failed.fetch_add(1, Ordering::Relaxed),
                    Ok(_) => {}
                    Err(_) => {
                        run.abort();
                        let counter = if what % 8 == 7 {
                            &counts.cancelled
                        } else {
                            &counts.hangs
                        };
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        })
    });
    let all = tokio::spawn(futures_util::future::join_all(tasks));
    // Meanwhile the server loses connections.
    while !all.is_finished() {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let open = "SELECT count(*) FROM pg_stat_activity WHERE usename = '$name_login'";
        let open = u64::try_from(setup.database.count(open).await).unwrap();
        counts.most_connections.fetch_max(open, Ordering::Relaxed);
        let kill = "SELECT count(pg_terminate_backend(pid)) FROM (SELECT pid FROM pg_stat_activity \
                    WHERE usename = '$name_login' ORDER BY random() LIMIT 1) AS one";
        setup.database.count(kill).await;
    }
    for task in all.await.unwrap() {
        task.unwrap();
    }
    authz.close().await;
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_cancellation_kills_panics_and_hostile_sql_nobody_is_somebody_else() {
    let requests = std::env::var("AUTHZ_SOAK").map_or(REQUESTS, |text| text.parse().unwrap());
    let setup = Setup::new().await;
    // The key on the task makes each mark the only one.
    for pool in [1, 2, 16] {
        let counts = soak(&setup, pool, requests).await;
        let numbers = [&counts.leaks, &counts.hangs].map(|number| number.load(Ordering::Relaxed));
        assert_eq!(numbers, [0, 0], "leaks and hangs of a pool of {pool}");
        let most = counts.most_connections.load(Ordering::Relaxed);
        assert!(
            most <= u64::from(pool) + 1,
            "{most} connections of a pool of {pool}"
        );
        let (committed, undone) = (
            std::mem::take(&mut *counts.committed.lock().unwrap()),
            std::mem::take(&mut *counts.undone.lock().unwrap()),
        );
        assert!(!committed.is_empty() && !undone.is_empty());
        let marks: BTreeSet<String> = {
            let sql = format!("SELECT task FROM todos WHERE task LIKE '{pool} %'");
            let mut admin = PgConnection::connect_with(&setup.database.admin()).await.unwrap();
            let all: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .fetch_all(&mut admin)
                .await
                .unwrap();
            all.into_iter().collect()
        };
        let lost: Vec<_> = committed.difference(&marks).collect();
        assert!(lost.is_empty(), "committed, and not there: {lost:?}");
        let kept: Vec<_> = undone.intersection(&marks).collect();
        assert!(kept.is_empty(), "undone, and there: {kept:?}");
        println!(
            "pool of {pool}: {} requests, {} committed, {} undone, {} cancelled, {} failed with their connection, at most {} connections",
            counts.requests.load(Ordering::Relaxed),
            committed.len(),
            undone.len(),
            counts.cancelled.load(Ordering::Relaxed),
            counts.failed.load(Ordering::Relaxed),
            most,
        );
    }
    // Nothing runs on.
    let authz = setup.connect().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(identity(&mut tx).await.0, setup.database.user());
}
