//! A foreign key validated over 1,000,000 rows by an owner whom FORCE binds, as migrations do it, beside the same by a superuser:
//! `cargo run --release -p authz-bench --bin validate`.
//!
//! Meanwhile another connection reads and writes both tables, and looks for ACCESS EXCLUSIVE locks. At the end one orphan has to be
//! found.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use authz_bench::median;
use authz_throwaway::Server;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

const RUNS: usize = 5;

/// What a migration says around VALIDATE.
const BY_OWNER: &str = "BEGIN; SET LOCAL row_security = off;
    REVOKE SELECT ON TABLE children FROM CURRENT_USER;
    ALTER TABLE children VALIDATE CONSTRAINT child_of_parent;
    GRANT SELECT ON TABLE children TO CURRENT_USER; COMMIT";
const PLAIN: &str = "ALTER TABLE children VALIDATE CONSTRAINT child_of_parent";
const ADD: &str = "ALTER TABLE children DROP CONSTRAINT IF EXISTS child_of_parent;
    ALTER TABLE children ADD CONSTRAINT child_of_parent FOREIGN KEY (parent_id) REFERENCES parents (id) NOT VALID";

#[tokio::main]
async fn main() -> Result<()> {
    let server = Server::start()?;
    let mut admin = PgConnection::connect(&server.url("postgres")).await?;
    run(&mut admin, "CREATE ROLE own LOGIN CREATEROLE PASSWORD 'own'").await?;
    run(&mut admin, "CREATE DATABASE app OWNER own").await?;
    let mut superuser = PgConnection::connect(&server.url("app")).await?;
    run(
        &mut superuser,
        "SET ROLE own;
        CREATE TABLE parents (id bigint PRIMARY KEY, user_id text NOT NULL);
        CREATE TABLE children (id bigint PRIMARY KEY, user_id text NOT NULL, parent_id bigint NOT NULL);
        RESET ROLE;
        INSERT INTO parents SELECT n, 'u' || n % 100 FROM generate_series(1, 1000000) n;
        INSERT INTO children SELECT n, 'u' || n % 100, n FROM generate_series(1, 1000000) n;
        ANALYZE;
        ALTER TABLE parents ENABLE ROW LEVEL SECURITY; ALTER TABLE parents FORCE ROW LEVEL SECURITY;
        ALTER TABLE children ENABLE ROW LEVEL SECURITY; ALTER TABLE children FORCE ROW LEVEL SECURITY;
        CREATE POLICY mine ON parents USING (user_id = current_setting('me', true));
        CREATE POLICY mine ON children USING (user_id = current_setting('me', true))",
    )
    .await?;
    let url = server.url("app");
    let (_, place) = url.split_once('@').unwrap_or_default();
    let mut owner = PgConnection::connect(&format!("postgres://own:own@{place}")).await?;

    let (mut bound, mut free) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        run(&mut owner, ADD).await?;
        bound.push(timed(&mut owner, BY_OWNER, &url).await?);
        run(&mut owner, ADD).await?;
        free.push(timed(&mut superuser, PLAIN, &url).await?);
    }
    let (bound, free) = (median(&mut bound), median(&mut free));
    println!("superuser, one join        {:>8.2} s", free.as_secs_f64());
    println!(
        "owner, past row security   {:>8.2} s, {:.1} times",
        bound.as_secs_f64(),
        bound.as_secs_f64() / free.as_secs_f64()
    );

    run(&mut owner, "ALTER TABLE children DROP CONSTRAINT child_of_parent").await?;
    run(&mut superuser, "INSERT INTO children VALUES (0, 'u1', 7000000)").await?;
    run(&mut owner, ADD).await?;
    let found = run(&mut owner, BY_OWNER).await;
    ensure!(found.is_err(), "an orphan passed");
    println!(
        "an orphan among 1,000,001 rows is found; reads and writes went on, and no table was locked ACCESS EXCLUSIVE"
    );
    Ok(())
}

/// The time that a statement takes while another connection reads, writes and looks.
async fn timed(connection: &mut PgConnection, sql: &str, url: &str) -> Result<Duration> {
    let mut other = PgConnection::connect(url).await?;
    run(&mut other, "SET lock_timeout = '500ms'").await?;
    let start = Instant::now();
    let work = run(connection, sql);
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => {
                done?;
                return Ok(start.elapsed());
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                run(&mut other, "UPDATE children SET user_id = user_id WHERE id = 5; UPDATE parents SET user_id = user_id WHERE id = 5;
                    SELECT count(*) FROM children WHERE id < 10").await?;
                let locks: i64 = sqlx::query_scalar(
                    "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation::regclass::text IN ('children', 'parents')",
                )
                .fetch_one(&mut other)
                .await?;
                ensure!(locks == 0, "a table is locked");
            }
        }
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(connection)
        .await?;
    Ok(())
}
