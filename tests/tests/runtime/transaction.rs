//! Beginning, ending, failing and giving up: what a careful reader expects.

use authz::{Authz, CommitError, Scope, Transaction};
use futures_util::{FutureExt as _, StreamExt as _};
use sqlx::Executor as _;

use super::setup::{Setup, identity, insert, tasks};

async fn start() -> (Setup, Authz) {
    let setup = Setup::new().await;
    let authz = setup.connect_one(setup.database.login_options()).await;
    (setup, authz)
}

/// The connection, whichever it is, is clean for the next user.
async fn assert_clean(setup: &Setup, authz: &Authz) {
    let mut tx = authz.begin_anonymous().await.unwrap();
    assert_eq!(identity(&mut tx).await, (setup.database.user(), String::new()));
    let fresh: bool = sqlx::query_scalar("SELECT pg_current_xact_id_if_assigned() IS NULL")
        .fetch_one(&mut tx)
        .await
        .unwrap();
    assert!(fresh, "the transaction is somebody else's");
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn commit_keeps_and_drop_and_rollback_undo() {
    let (setup, authz) = start().await;
    let token = setup.token("alice");
    for (task, end) in [("committed", 0), ("rolled back", 1), ("dropped", 2)] {
        let mut tx = authz.begin(&token).await.unwrap();
        insert(&mut tx, "alice", task).await.unwrap();
        match end {
            0 => tx.commit().await.unwrap(),
            1 => tx.rollback().await.unwrap(),
            _ => drop(tx),
        }
    }
    let mut tx = authz.begin(&token).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a", "committed"]);
}

#[tokio::test]
async fn a_commit_after_a_failed_statement_is_an_error_and_keeps_nothing() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "lost").await.unwrap();
    assert!(tx.execute("SELECT 1 / 0").await.is_err());
    assert!(matches!(tx.commit().await, Err(CommitError::RolledBack)));
    assert_clean(&setup, &authz).await;
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'lost'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_row_that_is_not_there_spoils_no_transaction() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "kept").await.unwrap();
    let missing: Result<i64, _> = sqlx::query_scalar("SELECT id FROM todos WHERE false")
        .fetch_one(&mut tx)
        .await;
    assert!(matches!(missing, Err(sqlx::Error::RowNotFound)));
    tx.commit().await.unwrap();
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'kept'")
            .await,
        1
    );
}

#[tokio::test]
async fn a_commit_that_a_deferred_constraint_refuses_is_an_error() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    tx.execute("SET CONSTRAINTS ALL DEFERRED").await.unwrap();
    insert(&mut tx, "alice", "a").await.unwrap();
    let error = tx.commit().await.unwrap_err();
    assert!(
        matches!(&error, CommitError::Database(sqlx::Error::Database(error)) if error.is_unique_violation())
    );
    assert_clean(&setup, &authz).await;
}

/// Runs text of several statements too, one connection for all.
async fn start_with_text() -> (Setup, Authz) {
    let setup = Setup::new().await;
    setup
        .database
        .execute("REVOKE $name_anonymous FROM $name_login")
        .await;
    let authz = setup
        .builder()
        .anonymous_role(setup.database.user())
        .max_connections(1)
        .allow_multiple_statements()
        .connect_with(setup.database.login_options())
        .await
        .unwrap();
    (setup, authz)
}

#[tokio::test]
async fn sql_that_would_end_the_transaction_is_refused_and_spoils_nothing() {
    let (setup, authz) = start().await;
    for sql in [
        "COMMIT",
        "COMMIT AND CHAIN",
        "/* x */ ROLLBACK",
        ";;abort",
        "END",
        "BEGIN",
        "PREPARE TRANSACTION 'x'",
        "SAVEPOINT mine",
        "COPY todos FROM STDIN",
    ] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        let before = identity(&mut tx).await;
        let error = tx.execute(sql).await.unwrap_err();
        assert!(matches!(error, sqlx::Error::Protocol(_)), "{sql}: {error}");
        assert_eq!(identity(&mut tx).await, before, "{sql}");
        tx.commit().await.unwrap();
        assert_clean(&setup, &authz).await;
    }
}

#[tokio::test]
async fn several_statements_in_one_text_are_refused_by_the_server_unless_the_builder_allows_them() {
    let sql = "SELECT 1; RESET ROLE";
    let (setup, authz) = start().await;
    for raw in [false, true] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        let result = if raw {
            sqlx::raw_sql(sql).execute(&mut tx).await
        } else {
            tx.execute(sql).await
        };
        let error = result.unwrap_err().into_database_error().unwrap();
        assert_eq!(error.code().unwrap(), "42601", "{error}");
        assert!(matches!(tx.commit().await, Err(CommitError::RolledBack)));
        assert_clean(&setup, &authz).await;
    }
    let (setup, authz) = start_with_text().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    sqlx::raw_sql("SELECT 1; SELECT 2")
        .execute(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_clean(&setup, &authz).await;
}

#[tokio::test]
async fn a_transaction_that_text_of_several_statements_has_ended_cannot_be_committed() {
    let (setup, authz) = start_with_text().await;
    for sql in [
        "COMMIT",
        "ROLLBACK",
        "ABORT",
        "END",
        "COMMIT AND CHAIN",
        "ROLLBACK AND CHAIN",
        "COMMIT; BEGIN",
    ] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        insert(&mut tx, "alice", sql).await.unwrap();
        tx.execute(sql).await.unwrap();
        // What follows runs as the login role, without claims: it sees nothing.
        assert_eq!(identity(&mut tx).await, (setup.database.login(), String::new()));
        assert!(
            matches!(tx.commit().await, Err(CommitError::AlreadyEnded)),
            "{sql}"
        );
        assert_clean(&setup, &authz).await;
    }
}

#[tokio::test]
async fn a_copy_that_hides_in_text_is_an_error_at_once_and_keeps_nothing() {
    let (setup, authz) = start_with_text().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "lost").await.unwrap();
    let text = "CREATE TEMP TABLE mine (n int); COPY mine FROM STDIN";
    assert!(matches!(tx.execute(text).await, Err(sqlx::Error::Protocol(_))));
    assert!(tx.execute("SELECT 1").await.is_err());
    assert!(matches!(tx.commit().await, Err(CommitError::RolledBack)));
    assert_clean(&setup, &authz).await;
}

#[tokio::test]
async fn what_sqlx_users_write_runs() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    // sqlx's own transactions want `&mut *tx`.
    let task: String = sqlx::query_scalar("SELECT task FROM todos")
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(task, "a");
    let mut part = tx.savepoint().await.unwrap();
    let task: String = sqlx::query_scalar("SELECT task FROM todos")
        .fetch_one(&mut *part)
        .await
        .unwrap();
    assert_eq!(task, "a");
    part.release().await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_savepoint_that_was_dropped_takes_nothing_along_that_came_after_it() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let mut part = tx.savepoint().await.unwrap();
    insert_in(&mut part, "undone").await;
    drop(part);
    insert(&mut tx, "alice", "kept").await.unwrap();
    let mut part = tx.savepoint().await.unwrap();
    insert_in(&mut part, "second").await;
    // Cancelled before it ran, or after: both are the same to what stands before the savepoint.
    _ = part.release().now_or_never();
    insert(&mut tx, "alice", "last").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a", "kept", "last", "second"]);
}

async fn insert_in(scope: &mut Scope, task: &str) {
    sqlx::query("INSERT INTO todos (user_id, task) VALUES ('alice', $1)")
        .bind(task)
        .execute(scope)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_statement_that_a_migration_made_stale_runs_again_or_fails_once() {
    let (setup, authz) = start().await;
    let all = "SELECT * FROM todos";
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    sqlx::query(all).fetch_all(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    for (column, first) in [("one", true), ("two", false), ("three", true)] {
        let add = format!("ALTER TABLE todos ADD {column} int");
        setup.database.execute(&add).await;
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        if first {
            // Nothing has happened in the transaction: it is begun anew.
            let rows = sqlx::query(all).fetch_all(&mut tx).await.unwrap();
            assert_eq!(rows.len(), 1, "{column}");
            assert_eq!(identity(&mut tx).await.0, setup.database.user());
            tx.commit().await.unwrap();
            continue;
        }
        insert(&mut tx, "alice", "lost").await.unwrap();
        let error = sqlx::query(all).fetch_all(&mut tx).await.unwrap_err();
        assert_eq!(error.into_database_error().unwrap().code().unwrap(), "0A000");
        assert!(matches!(tx.commit().await, Err(CommitError::RolledBack)));
        // Once, and never again on that connection.
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        insert(&mut tx, "alice", "undone").await.unwrap();
        assert_eq!(sqlx::query(all).fetch_all(&mut tx).await.unwrap().len(), 2);
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_failed_statement_in_a_savepoint_leaves_the_transaction_whole() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "before").await.unwrap();
    let mut part = tx.savepoint().await.unwrap();
    part.execute("INSERT INTO todos (user_id, task) VALUES ('alice', 'undone')")
        .await
        .unwrap();
    assert!(
        part.execute("INSERT INTO todos (user_id, task) VALUES ('bob', 'forged')")
            .await
            .is_err()
    );
    part.rollback().await.unwrap();
    let mut part = tx.savepoint().await.unwrap();
    part.execute("INSERT INTO todos (user_id, task) VALUES ('alice', 'kept')")
        .await
        .unwrap();
    part.release().await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a", "before", "kept"]);
}

#[tokio::test]
async fn a_dropped_savepoint_is_undone_with_the_parts_in_it() {
    let (setup, authz) = start().await;
    let insert_sql = |task: &str| format!("INSERT INTO todos (user_id, task) VALUES ('alice', '{task}')");
    let run = |task| sqlx::AssertSqlSafe(insert_sql(task));
    for last_word in [true, false] {
        let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
        let mut outer = tx.savepoint().await.unwrap();
        outer.execute(run("outer")).await.unwrap();
        let mut inner = outer.savepoint().await.unwrap();
        inner.execute(run("inner")).await.unwrap();
        inner.release().await.unwrap();
        let mut failed = outer.savepoint().await.unwrap();
        assert!(failed.execute("SELECT 1 / 0").await.is_err());
        drop(failed);
        outer.execute(run("outer again")).await.unwrap();
        drop(outer);
        // Whether a statement follows or the commit itself, the part is undone first.
        if last_word {
            tx.execute(run("after")).await.unwrap();
        }
        tx.commit().await.unwrap();
    }
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["a", "after"]);
}

#[tokio::test]
async fn a_savepoint_that_failed_cannot_be_released() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    insert(&mut tx, "alice", "kept").await.unwrap();
    let mut part = tx.savepoint().await.unwrap();
    assert!(part.execute("SELECT 1 / 0").await.is_err());
    assert!(part.release().await.is_err());
    tx.commit().await.unwrap();
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'kept'")
            .await,
        1
    );
}

#[tokio::test]
async fn claims_changed_in_a_savepoint_are_restored_when_it_is_undone() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let before = identity(&mut tx).await;
    let mut part = tx.savepoint().await.unwrap();
    part.execute("SET LOCAL request.jwt.claims = 'x'").await.unwrap();
    part.execute("RESET ROLE").await.unwrap();
    drop(part);
    assert_eq!(identity(&mut tx).await, before);
}

#[tokio::test]
async fn a_stream_dropped_half_read_harms_nothing() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let mut rows = sqlx::query("SELECT generate_series(1, 100000)").fetch(&mut tx);
    assert!(rows.next().await.unwrap().is_ok());
    drop(rows);
    assert_eq!(tasks(&mut tx).await, ["a"]);
    let mut rows = sqlx::query("SELECT generate_series(1, 100000)").fetch(&mut tx);
    assert!(rows.next().await.unwrap().is_ok());
    drop(rows);
    drop(tx);
    assert_clean(&setup, &authz).await;
}

#[tokio::test]
async fn a_panic_rolls_back() {
    let (setup, authz) = start().await;
    let mut tx = authz.begin(&setup.token("alice")).await.unwrap();
    let panicked = tokio::spawn(async move {
        insert(&mut tx, "alice", "panic").await.unwrap();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert_clean(&setup, &authz).await;
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'panic'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_runtime_that_shuts_down_rolls_back() {
    let setup = Setup::new().await;
    let (options, token) = (setup.database.login_options(), setup.token("alice"));
    let builder = setup.builder();
    // The transaction outlives its runtime, and is dropped where there is none.
    let outlived: (Authz, Transaction) = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let authz = builder.connect_with(options).await.unwrap();
            let mut held = authz.begin(&token).await.unwrap();
            insert(&mut held, "alice", "held").await.unwrap();
            let mut kept = authz.begin(&token).await.unwrap();
            insert(&mut kept, "alice", "in a task").await.unwrap();
            drop(tokio::spawn(async move {
                std::future::pending::<()>().await;
                drop(kept);
            }));
            (authz, held)
        })
    })
    .join()
    .unwrap();
    std::thread::spawn(move || drop(outlived)).join().unwrap();
    while setup
        .database
        .count("SELECT count(*) FROM pg_stat_activity WHERE usename = '$name_login'")
        .await
        > 0
    {}
    assert_eq!(setup.database.count("SELECT count(*) FROM todos").await, 2);
}
