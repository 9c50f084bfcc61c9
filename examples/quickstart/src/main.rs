//! From an annotated struct to isolated users, on a real PostgreSQL: run it with `cargo run -p quickstart`.
//!
//! It needs no database and no configuration. Each step says what must hold, and the program fails if it does not.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program shows what happens"
)]

mod database;
mod issuer;
mod todo;

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use authz::{Authz, Transaction};
use chrono::Duration;
use sqlx::migrate::MigrationType;
use sqlx::postgres::PgPoolOptions;

use crate::database::Database;
use crate::todo::Todo;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    let mut database = Database::create().await?;
    let result = tour(&mut database).await;
    database.drop().await?;
    result
}

async fn tour(database: &mut Database) -> anyhow::Result<()> {
    println!("── The struct in src/todo.rs became this migration (`cargo authz generate create_todos`):\n");
    let migrator = sqlx::migrate!();
    for migration in migrator
        .iter()
        .filter(|migration| migration.migration_type != MigrationType::ReversibleDown)
    {
        println!("{}", migration.sql.as_str());
    }
    let owner = PgPoolOptions::new()
        .max_connections(1)
        .connect_with(database.owner.clone())
        .await?;
    migrator.run(&owner).await?;
    owner.close().await;
    database.create_login_role().await?;
    println!("── sqlx applied it.\n");

    let issuer = issuer::Issuer::start().await?;
    let authz = Authz::builder()
        .issuer(
            authz::Issuer::new(&issuer.url)
                .audience("todos")
                .jwks_url(issuer.jwks_url())
                // Only for an issuer on this machine: keys must come over https otherwise.
                .allow_loopback_http(),
        )
        .max_connections(1)
        .connect_with(database.application.clone())
        .await?;
    println!(
        "── The application connects as a role that owns nothing; tokens come from {}.\n",
        issuer.url
    );

    let (alice, bob) = (
        issuer.token("alice", Duration::hours(1))?,
        issuer.token("bob", Duration::hours(1))?,
    );
    for (token, tasks) in [
        (&alice, &["buy milk", "call mum"][..]),
        (&bob, &["water the plants"]),
    ] {
        let mut tx = authz.begin(token).await?;
        for task in tasks {
            // No owner is named: the column's default is auth.user_id().
            sqlx::query!("INSERT INTO todos (task) VALUES ($1)", task)
                .execute(&mut tx)
                .await?;
        }
        tx.commit().await?;
    }

    let hers = todos(authz.begin(&alice).await?).await?;
    show("alice sees her own two rows", &hers);
    ensure!(
        hers.len() == 2 && hers.iter().all(|todo| todo.user_id == "alice"),
        "alice must see her 2 rows"
    );

    let his = todos(authz.begin(&bob).await?).await?;
    show("bob sees his one row", &his);
    ensure!(
        his.len() == 1 && his.iter().all(|todo| todo.user_id == "bob"),
        "bob must see his 1 row"
    );

    let mut tx = authz.begin_anonymous().await?;
    let refused = sqlx::query("SELECT * FROM todos").fetch_all(&mut tx).await;
    ensure!(
        sqlstate(&refused).as_deref() == Some("42501"),
        "anonymous has no privilege on todos, and must be told so"
    );
    drop(tx);
    println!(
        "── anonymous sees none: no policy names the role, so it has no privilege on the table (42501).\n"
    );

    let mut tx = authz.begin(&bob).await?;
    let updated = sqlx::query!("UPDATE todos SET task = 'mine now' WHERE user_id = 'alice'")
        .execute(&mut tx)
        .await?;
    let deleted = sqlx::query!("DELETE FROM todos WHERE user_id = 'alice'")
        .execute(&mut tx)
        .await?;
    ensure!(
        updated.rows_affected() == 0 && deleted.rows_affected() == 0,
        "bob must not touch alice's rows"
    );
    println!("── bob's UPDATE and DELETE of alice's rows touch 0 rows.");

    let forged = sqlx::query!("INSERT INTO todos (user_id, task) VALUES ('alice', 'pay bob')")
        .execute(&mut tx)
        .await;
    ensure!(
        sqlstate(&forged).as_deref() == Some("42501"),
        "bob must not insert in alice's name"
    );
    println!("── bob's INSERT in alice's name is refused: SQLSTATE 42501.");
    ensure!(
        tx.commit().await.is_err(),
        "a transaction with a failed statement must not say that it committed"
    );

    // The pool has one connection and this transaction holds it. The expired token is refused all the same, since
    // no connection is taken before a token is verified.
    let held = authz.begin(&alice).await?;
    let expired = authz.begin(&issuer.token("alice", Duration::hours(-1))?).await;
    let error = expired.err().context("an expired token must be refused")?;
    ensure!(error.status() == 401, "an expired token is a 401");
    held.rollback().await?;
    println!("── an expired token is refused before any connection is taken: {error} (401).\n");

    ensure!(
        todos(authz.begin(&alice).await?).await?.len() == 2,
        "alice must still have her 2 rows"
    );
    println!("Everything held.");
    Ok(())
}

/// Reads all rows. There is no WHERE: PostgreSQL adds it.
async fn todos(mut tx: Transaction) -> anyhow::Result<Vec<Todo>> {
    let todos = sqlx::query_as!(Todo, "SELECT * FROM todos ORDER BY id")
        .fetch_all(&mut tx)
        .await?;
    tx.commit().await?;
    Ok(todos)
}

fn show(what: &str, todos: &[Todo]) {
    println!("── {what}:");
    for Todo {
        id,
        user_id,
        task,
        is_complete,
        inserted_at,
    } in todos
    {
        let done = if *is_complete { "x" } else { " " };
        println!(
            "     {id} [{done}] {task:<18} {user_id:<6} {}",
            inserted_at.format("%F %R")
        );
    }
    println!();
}

fn sqlstate<T>(result: &Result<T, sqlx::Error>) -> Option<String> {
    let error = result.as_ref().err()?.as_database_error()?;
    error.code().map(|code| code.into_owned())
}
