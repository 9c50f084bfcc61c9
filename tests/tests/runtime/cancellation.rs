//! A future may be dropped whenever it waits: a client hangs up, a timeout fires. Nothing of its user may remain.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use authz::Authz;
use authz_tests::proxy::{Pace, Proxy};

use super::setup::{Setup, identity, insert, tasks};

/// Polls a future at most so many times, each time after it asked for it, then drops it: `None`.
struct Cancelled<F> {
    future: Option<Pin<Box<F>>>,
    polls: usize,
}

impl<F: Future> Cancelled<F> {
    fn after(polls: usize, future: F) -> Self {
        Self {
            future: Some(Box::pin(future)),
            polls,
        }
    }
}

impl<F: Future> Future for Cancelled<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            self.future = None;
            return Poll::Ready(None);
        }
        self.polls -= 1;
        let output = self.future.as_mut().unwrap().as_mut().poll(context).map(Some);
        if output.is_pending() && self.polls == 0 {
            self.future = None;
            return Poll::Ready(None);
        }
        output
    }
}

/// A pool of one, behind a proxy that passes every answer on in small pieces, so that there is something to wait for.
async fn start() -> (Setup, Proxy, Authz) {
    let setup = Setup::new().await;
    let proxy = Proxy::start(&setup.database.admin(), Pace::Pieces).await;
    let authz = setup
        .connect_one(proxy.through(setup.database.login_options()))
        .await;
    (setup, proxy, authz)
}

/// The next user of the pool of one has nothing of Alice's, neither with a token nor without.
async fn assert_nothing_remains(setup: &Setup, authz: &Authz, polls: usize) {
    let mut tx = authz.begin_anonymous().await.unwrap();
    assert_eq!(
        identity(&mut tx).await,
        (setup.database.user(), String::new()),
        "after {polls} polls"
    );
    let fresh: bool = sqlx::query_scalar(
        "SELECT now() <> statement_timestamp() AND pg_current_xact_id_if_assigned() IS NULL",
    )
    .fetch_one(&mut tx)
    .await
    .unwrap();
    assert!(fresh, "after {polls} polls");
    tx.commit().await.unwrap();
    let mut tx = authz.begin(&setup.token("bob")).await.unwrap();
    assert_eq!(tasks(&mut tx).await, ["b"], "after {polls} polls");
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_begin_cancelled_anywhere_leaves_nothing_to_the_next_user() {
    let (setup, _proxy, authz) = start().await;
    let token = setup.token("alice");
    let mut cancelled = 0;
    for polls in 0.. {
        // On a new connection (as after a cancelled begin) and on one that is already open.
        for open in [false, true] {
            if open {
                authz.begin_anonymous().await.unwrap().commit().await.unwrap();
            }
            match Cancelled::after(polls, authz.begin(&token)).await {
                Some(tx) => {
                    tx.unwrap().rollback().await.unwrap();
                    if !open {
                        assert!(
                            cancelled > 10,
                            "only {cancelled} places to cancel: the proxy does not work"
                        );
                        return;
                    }
                }
                None => cancelled += 1,
            }
            assert_nothing_remains(&setup, &authz, polls).await;
        }
    }
}

#[tokio::test]
async fn a_query_cancelled_anywhere_leaves_nothing_to_the_next_user() {
    let (setup, _proxy, authz) = start().await;
    let token = setup.token("alice");
    for polls in 0.. {
        let mut tx = authz.begin(&token).await.unwrap();
        let done = Cancelled::after(polls, insert(&mut tx, "alice", "cancelled")).await;
        drop(tx);
        assert_nothing_remains(&setup, &authz, polls).await;
        if done.is_some() {
            break;
        }
    }
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'cancelled'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_commit_cancelled_anywhere_commits_all_or_nothing_and_leaves_nothing() {
    let (setup, _proxy, authz) = start().await;
    let token = setup.token("alice");
    for polls in 0.. {
        let mut tx = authz.begin(&token).await.unwrap();
        for half in 0..2 {
            insert(&mut tx, "alice", &format!("{polls} {half}"))
                .await
                .unwrap();
        }
        let done = Cancelled::after(polls, tx.commit()).await;
        assert_nothing_remains(&setup, &authz, polls).await;
        let sql = format!("SELECT count(*) FROM todos WHERE task LIKE '{polls} %'");
        assert_eq!(setup.database.count(&sql).await % 2, 0);
        if let Some(result) = done {
            result.unwrap();
            assert_eq!(setup.database.count(&sql).await, 2);
            break;
        }
    }
}

#[tokio::test]
async fn a_savepoint_cancelled_anywhere_undoes_its_part_alone() {
    let (setup, _proxy, authz) = start().await;
    let token = setup.token("alice");
    for polls in 0.. {
        let mut tx = authz.begin(&token).await.unwrap();
        insert(&mut tx, "alice", &format!("{polls} before"))
            .await
            .unwrap();
        let part = async {
            let mut part = tx.savepoint().await.unwrap();
            let sql = sqlx::query("INSERT INTO todos (user_id, task) VALUES ('alice', 'part')");
            sql.execute(&mut part).await.unwrap();
            part.rollback().await.unwrap();
        };
        let done = Cancelled::after(polls, part).await;
        tx.commit().await.unwrap();
        if done.is_some() {
            break;
        }
    }
    assert_eq!(
        setup
            .database
            .count("SELECT count(*) FROM todos WHERE task = 'part'")
            .await,
        0
    );
}
