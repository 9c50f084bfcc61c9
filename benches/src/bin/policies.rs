//! What policies cost beside an explicit WHERE: `cargo run --release -p authz-bench --bin policies [rows]`.
//!
//! The tables and policies are those of `cargo authz sql`. Each statement runs in turns as a superuser, whom row security does not
//! bind, with the condition in its text, and as `authenticated` without it; both are prepared, and both go over a socket. Printed
//! are the medians of the execution time that EXPLAIN ANALYZE reports, of the time that the client waits, and the median ratio
//! of the pairs: with the claims alone, and with the user's id beside them in `request.jwt.claim.sub`.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use authz_bench::median;
use authz_cli::cli::{Cargo, CargoCommand};
use authz_cli::command;
use clap::Parser as _;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, raw_sql};

const MODELS: &str = r#"
use authz::Table;

#[derive(Table)]
#[table(index(inserted_at))]
#[rls(owner = "user_id")]
struct Owned {
    #[column(primary_key)]
    id: i64,
    #[column(default = "auth.user_id()")]
    user_id: String,
    team_id: i64,
    public: bool,
    inserted_at: chrono::DateTime<chrono::Utc>,
    title: String,
}

#[derive(Table)]
#[table(index(inserted_at))]
#[rls(member = "team_members(team_id, user_id)")]
struct Shared {
    #[column(primary_key)]
    id: i64,
    user_id: String,
    team_id: i64,
    public: bool,
    inserted_at: chrono::DateTime<chrono::Utc>,
    title: String,
}

#[derive(Table)]
#[table(index(inserted_at))]
#[rls(owner = "user_id")]
#[rls(read, member = "team_members(team_id, user_id)")]
#[rls(select = "public")]
struct Mixed {
    #[column(primary_key)]
    id: i64,
    user_id: String,
    team_id: i64,
    public: bool,
    inserted_at: chrono::DateTime<chrono::Utc>,
    title: String,
}

#[derive(Table)]
#[table(primary_key(team_id, user_id))]
#[rls(read, member = "team_members(team_id, user_id)")]
struct TeamMember {
    team_id: i64,
    user_id: String,
}
"#;

/// How many pairs a point has; what reads more rows has fewer.
const PAIRS: usize = 400;
/// How many rows a bulk insert has.
const BULK: usize = 100_000;

const TEAMS: &str = "team_id = ANY (ARRAY(SELECT team_id FROM team_members WHERE user_id = 'USER'))";

#[tokio::main]
async fn main() -> Result<()> {
    let rows: u32 = match std::env::args().nth(1) {
        Some(rows) => rows.parse().context("expected a number of rows")?,
        None => 1_000_000,
    };
    let server = authz_throwaway::Server::builder().setting("jit", "off").start()?;
    let url = server.url("postgres");
    let mut bare = PgConnection::connect(&url).await?;
    raw_sql(AssertSqlSafe(script()?)).execute(&mut bare).await?;
    raw_sql(AssertSqlSafe(data(rows))).execute(&mut bare).await?;
    raw_sql("VACUUM (ANALYZE)").execute(&mut bare).await?;
    let mut bound = PgConnection::connect(&url).await?;
    raw_sql("SET ROLE authenticated").execute(&mut bound).await?;

    println!(
        "{:<34} {:>10} {:>7} {:>7} {:>7}   the same, waited for",
        "", "explicit", "policy", "ratio", "beside"
    );
    let mut pair = Pair { bare, bound };
    let own = "user_id = 'USER'";
    let mixed = format!("({own} OR public OR {TEAMS})");
    let id = rows / 2 + 5;
    let user = format!("user_{}", id % 10_000);
    for (name, condition, table, user, id) in [
        ("owner", own, "owneds", user.as_str(), id),
        ("member of 10", TEAMS, "shareds", "member_10", id),
        ("member of 100", TEAMS, "shareds", "member_100", id),
        ("member of 1,000", TEAMS, "shareds", "member_1000", id),
        ("owner, member or public, own row", &mixed, "mixeds", &user, id),
    ] {
        let condition = condition.replace("USER", user);
        let point = format!("SELECT * FROM {table} WHERE id = {id}");
        let newest = (
            format!("SELECT * FROM {table}"),
            "ORDER BY inserted_at DESC LIMIT 50",
        );
        let count = format!("SELECT count(*) FROM {table}");
        let update = format!("UPDATE {table} SET title = 'x' WHERE id = {id}");
        pair.compare(
            &format!("{name}: point"),
            user,
            &format!("{point} AND {condition}"),
            &point,
            PAIRS,
        )
        .await?;
        let (head, tail) = newest;
        let explicit = format!("{head} WHERE {condition} {tail}");
        pair.compare(
            &format!("{name}: newest 50"),
            user,
            &explicit,
            &format!("{head} {tail}"),
            15,
        )
        .await?;
        pair.compare(
            &format!("{name}: count"),
            user,
            &format!("{count} WHERE {condition}"),
            &count,
            15,
        )
        .await?;
        if table != "mixeds" {
            let explicit = format!("{update} AND {condition}");
            pair.compare(&format!("{name}: update by key"), user, &explicit, &update, PAIRS)
                .await?;
        }
    }
    let insert = |columns: &str, values: &str| {
        format!(
            "INSERT INTO owneds (id, team_id, public, inserted_at, title{columns}) \
             SELECT -n, n, false, now(), 'title'{values} FROM generate_series(1, {BULK}) n"
        )
    };
    let (bound, by_default) = (insert(", user_id", ", 'user_1'"), insert("", ""));
    pair.compare("insert 100,000, the user's id bound", "user_1", &bound, &bound, 7)
        .await?;
    pair.compare("insert 100,000, by DEFAULT", "user_1", &bound, &by_default, 7)
        .await?;
    Ok(())
}

/// The connections that take turns.
struct Pair {
    bare: PgConnection,
    bound: PgConnection,
}

impl Pair {
    /// Runs both in turns and prints a line. What they write is rolled back.
    async fn compare(
        &mut self,
        name: &str,
        user: &str,
        explicit: &str,
        policy: &str,
        pairs: usize,
    ) -> Result<()> {
        let mut line = format!("{name:<34}");
        let mut waited = String::new();
        for (beside, shown) in [("", true), (user, false)] {
            let claims = json!({
                "sub": user, "iss": "https://clerk.example.com", "aud": "todos", "role": "authenticated",
                "iat": 1_800_000_000, "exp": 1_900_000_000, "email": "someone@example.com",
            });
            sqlx::query("SELECT set_config('request.jwt.claims', $1, false), set_config('request.jwt.claim.sub', $2, false)")
                .bind(claims.to_string())
                .bind(beside)
                .execute(&mut self.bound)
                .await?;
            let executed = self.turns(explicit, policy, pairs, execution).await?;
            let trips = self.turns(explicit, policy, pairs, wait).await?;
            if shown {
                line += &format!(
                    " {:>10} {:>7} {:>7.2}",
                    micros(executed.0),
                    micros(executed.1),
                    executed.2
                );
                waited = format!(
                    "   {:>7} {:>7} {:>7.2}",
                    micros(trips.0),
                    micros(trips.1),
                    trips.2
                );
            } else {
                line += &format!(" {:>7.2}", executed.2);
                waited += &format!(" {:>7.2}", trips.2);
            }
        }
        println!("{line}{waited}");
        Ok(())
    }

    /// The medians of both, and of the ratios.
    async fn turns(
        &mut self,
        explicit: &str,
        policy: &str,
        pairs: usize,
        measure: impl AsyncFn(&mut PgConnection, &str) -> Result<Duration>,
    ) -> Result<(Duration, Duration, f64)> {
        let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..pairs + 1 {
            let one = measure(&mut self.bare, explicit).await?;
            let other = measure(&mut self.bound, policy).await?;
            // The first plans and fills caches.
            if number > 0 {
                without.push(one);
                with.push(other);
                ratios.push(other.as_secs_f64() / one.as_secs_f64());
            }
        }
        ratios.sort_by(f64::total_cmp);
        let ratio = ratios.get(ratios.len() / 2).copied().context("no pair ran")?;
        Ok((median(&mut without), median(&mut with), ratio))
    }
}

/// What EXPLAIN ANALYZE says.
async fn execution(connection: &mut PgConnection, query: &str) -> Result<Duration> {
    let explain = format!("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {query}");
    let mut transaction = connection.begin().await?;
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_one(&mut *transaction)
        .await?;
    transaction.rollback().await?;
    let time = plan.pointer("/0/Execution Time").and_then(Value::as_f64);
    Ok(Duration::from_secs_f64(
        time.context("EXPLAIN gave no time")? / 1e3,
    ))
}

/// How long the client waits for the answer of a prepared statement.
async fn wait(connection: &mut PgConnection, query: &str) -> Result<Duration> {
    let mut transaction = connection.begin().await?;
    let start = Instant::now();
    sqlx::query(AssertSqlSafe(query.to_owned()))
        .fetch_all(&mut *transaction)
        .await?;
    let time = start.elapsed();
    transaction.rollback().await?;
    Ok(time)
}

fn micros(time: Duration) -> String {
    format!("{:.0}", time.as_secs_f64() * 1e6)
}

/// What `cargo authz sql` prints for the models.
fn script() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let manifest = folder.path().join("Cargo.toml");
    fs::write(
        &manifest,
        "[package]\nname = \"policies\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )?;
    fs::create_dir(folder.path().join("src"))?;
    fs::write(folder.path().join("src/lib.rs"), MODELS)?;
    let manifest = manifest.to_str().context("the folder's name is not UTF-8")?;
    let line = ["cargo", "authz", "sql", "--manifest-path", manifest];
    let CargoCommand::Authz(parsed) = Cargo::try_parse_from(line)?.command;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let ran = command::run(&parsed.command, &mut out, &mut err);
    ensure!(ran.is_ok(), "{}", String::from_utf8_lossy(&err));
    Ok(String::from_utf8(out)?)
}

fn data(rows: u32) -> String {
    let mut sql = String::new();
    for table in ["owneds", "shareds", "mixeds"] {
        sql += &format!(
            "INSERT INTO {table} (id, user_id, team_id, public, inserted_at, title) \
             SELECT n, 'user_' || n % 10000, n % 10000, n % 1000 = 0, '2026-01-01'::timestamptz + n * interval '1 second', \
             repeat('x', 50) FROM generate_series(1, {rows}) n;\n"
        );
    }
    for teams in [10, 100, 1000] {
        sql += &format!(
            "INSERT INTO team_members (team_id, user_id) SELECT n, 'member_{teams}' FROM generate_series(0, {teams} - 1) n;\n"
        );
    }
    sql + "INSERT INTO team_members (team_id, user_id) SELECT n % 10000, 'other_' || n / 10 FROM generate_series(0, 99999) n;"
}
