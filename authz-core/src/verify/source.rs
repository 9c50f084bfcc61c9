//! Where the keys of one issuer come from, and how long they are kept.
//!
//! Three clocks rule a fetched set. After [`REFRESH`] it is fetched anew in the background, while it goes on being used. After [`MAX_STALE`]
//! without a fetch that worked it is used no more. And however many tokens with unknown keys arrive, at most one fetch starts within
//! [`COOLDOWN`]: anybody can make up key ids, no signature is needed for that.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_core::future::BoxFuture;
use jsonwebtoken::Algorithm;
use tokio::time::Instant;

use super::key::Key;
use crate::error::{Error, Outage, Reason};

/// From this age on a set is fetched anew in the background.
const REFRESH: Duration = Duration::from_secs(300);
/// The time between two fetches.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The time between two fetches while there is no key at all, so that a start during a short outage is not punished for long.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(5);
/// How long a set is used while fetching fails.
const MAX_STALE: Duration = Duration::from_secs(3600);
/// How many keys are tried for a token that names none.
const MAX_TRIED: usize = 4;

/// The keys of one issuer.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    /// Given in the program.
    Fixed(Arc<[Key]>),
    /// Fetched.
    #[cfg_attr(
        not(feature = "jwks-http"),
        expect(dead_code, reason = "keys are fetched over http alone")
    )]
    Remote(Arc<Remote>),
}

/// Gets the text of a key set.
pub(crate) trait Fetch: Send + Sync {
    /// The text, or why there is none, without secrets: it is logged.
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, &'static str>>;
}

/// Keys that are fetched, and the state of fetching them.
pub(crate) struct Remote {
    fetch: Box<dyn Fetch>,
    state: Mutex<State>,
    /// Held while a fetch runs, so that there is one at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
struct State {
    keys: Option<Arc<[Key]>>,
    /// When the keys were fetched.
    fetched: Option<Instant>,
    /// When the last fetch began, whether it worked or not.
    attempted: Option<Instant>,
}

impl KeySource {
    /// Fetches the keys, so that the first token need not wait. Without success the next token tries again.
    pub(crate) async fn warm_up(&self) {
        if let Self::Remote(remote) = self {
            remote.refreshed().await;
        }
    }

    /// The keys that may have signed a token with this header.
    ///
    /// # Errors
    ///
    /// [`Reason::UnknownKey`] when the issuer has no such key; [`Outage::Keys`] when its keys are not known.
    pub(super) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        let keys = match self {
            Self::Fixed(keys) => fitting(keys, kid, algorithm),
            Self::Remote(remote) => remote.find(kid, algorithm).await?,
        };
        if keys.is_empty() {
            Err(Error::Rejected(Reason::UnknownKey))
        } else {
            Ok(keys)
        }
    }
}

impl Remote {
    #[cfg_attr(
        not(feature = "jwks-http"),
        expect(dead_code, reason = "keys are fetched over http alone")
    )]
    pub(crate) fn new(fetch: impl Fetch + 'static) -> Arc<Self> {
        Arc::new(Self {
            fetch: Box::new(fetch),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        let state = self.state();
        if let Some(keys) = state.usable() {
            let found = fitting(keys, kid, algorithm);
            if !found.is_empty() {
                if state.fetched.is_some_and(|at| at.elapsed() >= REFRESH) && state.may_attempt() {
                    // Nobody waits for it.
                    drop(tokio::spawn(Arc::clone(self).refresh()));
                }
                return Ok(found);
            }
        }
        if state.may_attempt() || self.fetching.try_lock().is_err() {
            self.refreshed().await;
        }
        let keys = self
            .state()
            .usable()
            .cloned()
            .ok_or(Error::Unavailable(Outage::Keys))?;
        Ok(fitting(&keys, kid, algorithm))
    }

    /// Waits for the fetch that is in flight, or for a new one.
    ///
    /// The fetch is a task of its own: a request that is cancelled while it waits does not take it away from the others.
    async fn refreshed(self: &Arc<Self>) {
        // A task that panicked has fetched nothing, which the state says already.
        _ = tokio::spawn(Arc::clone(self).refresh()).await;
    }

    async fn refresh(self: Arc<Self>) {
        let _one_at_a_time = self.fetching.lock().await;
        // Whoever waited for the lock finds the work done.
        if !self.state().may_attempt() {
            return;
        }
        self.lock().attempted = Some(Instant::now());
        let keys = match self.fetch.fetch().await {
            Ok(text) => Key::from_jwks(&text)
                .filter(|keys| !keys.is_empty())
                .ok_or("it holds no usable key"),
            Err(problem) => Err(problem),
        };
        match keys {
            Ok(keys) => {
                let mut state = self.lock();
                state.keys = Some(keys.into());
                state.fetched = Some(Instant::now());
            }
            // The last good keys stay: an outage of the issuer's is none of ours.
            Err(problem) => tracing::warn!(problem, "cannot fetch a key set"),
        }
    }

    fn state(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change of the state is one assignment, so a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn usable(&self) -> Option<&Arc<[Key]>> {
        self.keys
            .as_ref()
            .filter(|_| self.fetched.is_some_and(|at| at.elapsed() < MAX_STALE))
    }

    fn may_attempt(&self) -> bool {
        let cooldown = if self.usable().is_some() {
            COOLDOWN
        } else {
            COOLDOWN_WITHOUT_KEYS
        };
        self.attempted.is_none_or(|at| at.elapsed() >= cooldown)
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

fn fitting(keys: &[Key], kid: Option<&str>, algorithm: Algorithm) -> Vec<Key> {
    keys.iter()
        .filter(|key| key.fits(kid, algorithm))
        .take(MAX_TRIED)
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use futures_util::FutureExt as _;
    use tokio::time::advance;

    use super::*;

    /// A key server in memory, with one P-256 key named `a`.
    #[derive(Clone, Default)]
    struct Server {
        fetches: Arc<AtomicUsize>,
        down: Arc<AtomicBool>,
    }

    impl Fetch for Server {
        fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, &'static str>> {
            Box::pin(async {
                self.fetches.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if self.down.load(Ordering::SeqCst) {
                    return Err("it is down");
                }
                let coordinate = "A".repeat(43);
                Ok(
                    format!(
                        r#"{{"kty":"EC","crv":"P-256","kid":"a","x":"{coordinate}","y":"{coordinate}"}}"#
                    )
                    .into_bytes(),
                )
            })
        }
    }

    impl Server {
        fn fetches(&self) -> usize {
            self.fetches.load(Ordering::SeqCst)
        }

        fn set_down(&self, down: bool) {
            self.down.store(down, Ordering::SeqCst);
        }
    }

    async fn find(source: &KeySource, kid: &str) -> Result<usize, u16> {
        source
            .find(Some(kid), Algorithm::ES256)
            .await
            .map(|keys| keys.len())
            .map_err(|error| error.status())
    }

    fn start() -> (Server, KeySource) {
        let server = Server::default();
        (server.clone(), KeySource::Remote(Remote::new(server)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_kid_refetches_once_in_thirty_seconds_and_is_answered_at_once_in_between() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        for _ in 0..1000 {
            assert_eq!(find(&source, "b").await, Err(401));
        }
        assert_eq!(server.fetches(), 1);
        advance(COOLDOWN).await;
        for _ in 0..1000 {
            assert_eq!(find(&source, "b").await, Err(401));
        }
        assert_eq!(server.fetches(), 2);
        assert_eq!(find(&source, "a").await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_share_one_fetch() {
        let (server, source) = start();
        let all = futures_util::future::join_all((0..100).map(|_| find(&source, "a"))).await;
        assert!(all.iter().all(|found| *found == Ok(1)));
        assert_eq!(server.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_request_does_not_take_the_fetch_from_the_others() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").now_or_never(), None);
        assert_eq!(find(&source, "a").await, Ok(1));
        assert_eq!(server.fetches(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_refreshed_in_the_background_after_five_minutes() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        advance(REFRESH - Duration::from_secs(1)).await;
        assert_eq!(find(&source, "a").await, Ok(1));
        assert_eq!(server.fetches(), 1);
        advance(Duration::from_secs(1)).await;
        assert_eq!(
            find(&source, "a").now_or_never(),
            Some(Ok(1)),
            "nobody waits for the fetch"
        );
        while server.fetches() < 2 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_keeps_the_last_good_keys_for_an_hour() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        server.set_down(true);
        for _ in 0..11 {
            advance(REFRESH).await;
            assert_eq!(find(&source, "a").await, Ok(1));
            assert_eq!(find(&source, "b").await, Err(401));
        }
        advance(REFRESH).await;
        assert_eq!(find(&source, "a").await, Err(503));
        server.set_down(false);
        advance(COOLDOWN_WITHOUT_KEYS).await;
        assert_eq!(find(&source, "a").await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_key_ever_the_answer_is_503_and_the_server_is_not_hammered() {
        let (server, source) = start();
        server.set_down(true);
        for _ in 0..100 {
            assert_eq!(find(&source, "a").await, Err(503));
        }
        assert_eq!(server.fetches(), 1);
    }
}
