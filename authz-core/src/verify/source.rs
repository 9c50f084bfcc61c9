//! Where the keys of one issuer come from, and how long they are kept.
//!
//! Four clocks rule a fetched set. After [`REFRESH`] it is fetched anew in the background, while it goes on being used; when nobody has asked
//! for [`IDLE`], the next one waits for that fetch, so that a key which was withdrawn meanwhile is not used once more. Without a fetch that
//! worked for the time that the issuer's settings allow, it is used no more. And however many tokens with unknown keys arrive, at
//! most one fetch starts within [`COOLDOWN`]: anybody can make up key ids, no signature is needed for that. A signature that no key made
//! counts as one: the issuer may have put a new key under an old name.
//!
//! A set that differs from the one before begins a new epoch, in which no token counts as verified before.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_core::future::BoxFuture;
use jsonwebtoken::Algorithm;
use tokio::time::Instant;

use super::key::Key;
use crate::error::{Error, KeysError, Outage, RejectReason};

/// From this age on a set is fetched anew in the background.
const REFRESH: Duration = Duration::from_secs(300);
/// From this age on, unless fetching fails, the new set is waited for.
const IDLE: Duration = Duration::from_secs(600);
/// The time between two fetches.
const COOLDOWN: Duration = Duration::from_secs(30);
/// The time between two fetches while there is no key at all, so that a start during a short outage is not punished for long.
const COOLDOWN_WITHOUT_KEYS: Duration = Duration::from_secs(5);
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
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>>;
}

/// Why there is no key set.
#[derive(Debug, Clone)]
pub(crate) enum FetchError {
    /// It may be there later.
    Unavailable(KeysError),
    /// The address is that of another issuer, by this name: the settings are wrong.
    #[cfg_attr(
        not(feature = "jwks-http"),
        expect(dead_code, reason = "keys are fetched over http alone")
    )]
    OtherIssuer(String),
}

impl FetchError {
    fn as_keys_error(&self) -> KeysError {
        match self {
            Self::Unavailable(error) => error.clone(),
            Self::OtherIssuer(found) => {
                KeysError::new(format!("the discovery document is that of the issuer `{found}`"))
            }
        }
    }
}

impl From<&'static str> for FetchError {
    fn from(problem: &'static str) -> Self {
        Self::Unavailable(KeysError::new(problem))
    }
}

/// Keys that are fetched, and the state of fetching them. The times are read at each token, so that no lock is taken for them.
pub(crate) struct Remote {
    /// The issuer's name, for the log.
    iss: String,
    fetch: Box<dyn Fetch>,
    /// How long a set is used while fetching fails.
    max_stale: Duration,
    keys: RwLock<Arc<[Key]>>,
    epoch: AtomicU64,
    /// When the keys were fetched.
    fetched: Moment,
    /// When the last fetch began, whether it worked or not.
    attempted: Moment,
    /// Why the last fetch brought no keys, if it did not.
    problem: Mutex<Option<FetchError>>,
    /// Held while a fetch runs, so that there is one at a time.
    fetching: tokio::sync::Mutex<()>,
}

/// A point in time, or none yet.
struct Moment {
    start: Instant,
    /// Milliseconds since the start, and one.
    millis: AtomicU64,
}

impl Moment {
    fn never() -> Self {
        Self {
            start: Instant::now(),
            millis: AtomicU64::new(0),
        }
    }

    fn set_now(&self) {
        self.millis.store(self.now() + 1, Ordering::SeqCst);
    }

    /// The time since then.
    fn age(&self) -> Option<Duration> {
        let then = self.millis.load(Ordering::SeqCst).checked_sub(1)?;
        Some(Duration::from_millis(self.now().saturating_sub(then)))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }
}

impl KeySource {
    /// Fetches the keys, so that the first token need not wait. Without success the next token tries again.
    ///
    /// # Errors
    ///
    /// The name of the issuer whose keys these are, where it is another.
    pub(crate) async fn warm_up(&self) -> Result<(), String> {
        let Self::Remote(remote) = self else {
            return Ok(());
        };
        remote.refreshed().await;
        match &*remote.problem() {
            Some(FetchError::OtherIssuer(found)) => Err(found.clone()),
            _ => Ok(()),
        }
    }

    /// Whether there are other keys than those of an epoch, which made none of the signatures of a token. They are fetched once
    /// more, as for a key that is not known.
    pub(crate) async fn has_others_than(&self, epoch: u64) -> bool {
        if let Self::Remote(remote) = self
            && self.epoch() == epoch
        {
            remote.fetched_again().await;
        }
        self.epoch() != epoch
    }

    /// Which set the keys are of. A later set has a higher number.
    pub(crate) fn epoch(&self) -> u64 {
        match self {
            Self::Fixed(_) => 0,
            Self::Remote(remote) => remote.epoch.load(Ordering::SeqCst),
        }
    }

    /// The same, while what was verified with that set may count without looking its key up. Has the set fetched anew when it is time.
    pub(crate) fn usable_epoch(&self) -> Option<u64> {
        match self {
            Self::Fixed(_) => Some(0),
            Self::Remote(remote) => {
                let age = remote.fetched.age().filter(|age| *age < remote.max_stale)?;
                if remote.must_be_awaited(age) {
                    return None;
                }
                remote.refresh_in_background(age);
                Some(remote.epoch.load(Ordering::SeqCst))
            }
        }
    }

    /// The keys that may have signed a token with this header.
    ///
    /// # Errors
    ///
    /// [`RejectReason::UnknownKey`] when the issuer has no such key; [`Outage::Keys`] when its keys are not known.
    pub(crate) async fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        let keys = match self {
            Self::Fixed(keys) => fitting(keys, kid, algorithm),
            Self::Remote(remote) => remote.find(kid, algorithm).await?,
        };
        if keys.is_empty() {
            Err(Error::Rejected(RejectReason::UnknownKey))
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
    pub(crate) fn new(iss: &str, fetch: impl Fetch + 'static, max_stale: Duration) -> Arc<Self> {
        Arc::new(Self {
            iss: iss.to_owned(),
            fetch: Box::new(fetch),
            max_stale,
            keys: RwLock::new(Arc::default()),
            epoch: AtomicU64::new(0),
            fetched: Moment::never(),
            attempted: Moment::never(),
            problem: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        })
    }

    async fn find(self: &Arc<Self>, kid: Option<&str>, algorithm: Algorithm) -> Result<Vec<Key>, Error> {
        if let Some((age, mut keys)) = self.usable() {
            if self.must_be_awaited(age) {
                self.refreshed().await;
                keys = self.usable().map_or(keys, |(_, keys)| keys);
            }
            let found = fitting(&keys, kid, algorithm);
            if !found.is_empty() {
                self.refresh_in_background(age);
                return Ok(found);
            }
        }
        self.fetched_again().await;
        let (_, keys) = self.usable().ok_or_else(|| {
            let problem = self.problem().as_ref().map(FetchError::as_keys_error);
            Error::Unavailable(Outage::Keys(
                problem.unwrap_or_else(|| KeysError::new("the last keys are too old")),
            ))
        })?;
        Ok(fitting(&keys, kid, algorithm))
    }

    /// Waits for the fetch that is in flight, or for a new one where one may begin.
    async fn fetched_again(self: &Arc<Self>) {
        if self.may_attempt() || self.fetching.try_lock().is_err() {
            self.refreshed().await;
        }
    }

    fn problem(&self) -> MutexGuard<'_, Option<FetchError>> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nobody waits for it.
    fn refresh_in_background(self: &Arc<Self>, age: Duration) {
        if age >= REFRESH && self.may_attempt() && self.fetching.try_lock().is_ok() {
            drop(tokio::spawn(Arc::clone(self).refresh()));
        }
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
        if !self.may_attempt() {
            return;
        }
        self.attempted.set_now();
        let keys = match self.fetch.fetch().await {
            Ok(text) => Key::from_jwks(&text).map_err(|problem| problem.as_str().into()),
            Err(problem) => Err(problem),
        };
        let problem = match keys {
            Ok(keys) => {
                self.replace(keys);
                None
            }
            // The last good keys stay: an outage of the issuer's is none of ours.
            Err(problem) => {
                tracing::warn!(iss = self.iss, problem = ?problem.as_keys_error(), "cannot fetch a key set");
                Some(problem)
            }
        };
        *self.problem() = problem;
    }

    fn replace(&self, new: Vec<Key>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let same = keys.len() == new.len() && keys.iter().zip(&new).all(|(old, new)| old.is_same(new));
        if !same {
            *keys = new.into();
            self.epoch.fetch_add(1, Ordering::SeqCst);
        }
        // The keys before the time: whoever sees the time sees the keys.
        self.fetched.set_now();
    }

    /// The keys with their age, unless they are too old.
    fn usable(&self) -> Option<(Duration, Arc<[Key]>)> {
        let age = self.fetched.age().filter(|age| *age < self.max_stale)?;
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        Some((age, keys))
    }

    /// Whether nobody has asked for so long that the keys of then are not believed without a look. While fetching fails they are.
    fn must_be_awaited(&self, age: Duration) -> bool {
        age >= IDLE && self.attempted.age().is_none_or(|attempted| attempted >= age)
    }

    fn may_attempt(&self) -> bool {
        let usable = self.fetched.age().is_some_and(|age| age < self.max_stale);
        let cooldown = if usable { COOLDOWN } else { COOLDOWN_WITHOUT_KEYS };
        self.attempted.age().is_none_or(|age| age >= cooldown)
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

    /// A key server in memory, with one Ed25519 key, named `a`, or `c` once it is rotated.
    #[derive(Clone, Default)]
    struct Server {
        fetches: Arc<AtomicUsize>,
        down: Arc<AtomicBool>,
        rotated: Arc<AtomicBool>,
        /// A new key stands under the name of the old one.
        replaced: Arc<AtomicBool>,
    }

    impl Fetch for Server {
        fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>> {
            Box::pin(async {
                self.fetches.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                if self.down.load(Ordering::SeqCst) {
                    return Err("it is down".into());
                }
                let kid = if self.rotated.load(Ordering::SeqCst) {
                    "c"
                } else {
                    "a"
                };
                // The generator of Ed25519, and its negative.
                let x = if self.replaced.load(Ordering::SeqCst) {
                    "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZuY"
                } else {
                    "WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"
                };
                Ok(format!(r#"{{"kty":"OKP","crv":"Ed25519","kid":"{kid}","x":"{x}"}}"#).into_bytes())
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
            .find(Some(kid), Algorithm::EdDSA)
            .await
            .map(|keys| keys.len())
            .map_err(|error| error.status())
    }

    fn start() -> (Server, KeySource) {
        let server = Server::default();
        let remote = Remote::new(
            "https://issuer.example",
            server.clone(),
            Duration::from_secs(3600),
        );
        (server, KeySource::Remote(remote))
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

    #[tokio::test(start_paused = true)]
    async fn a_key_that_was_withdrawn_while_nobody_asked_is_not_used_once_more() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        let epoch = source.usable_epoch().unwrap();
        server.rotated.store(true, Ordering::SeqCst);
        advance(IDLE).await;
        assert_eq!(
            source.usable_epoch(),
            None,
            "what was verified before is not believed either"
        );
        assert_eq!(find(&source, "a").await, Err(401));
        assert_eq!(find(&source, "c").await, Ok(1));
        assert_eq!((server.fetches(), source.usable_epoch()), (2, Some(epoch + 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn in_an_outage_nobody_waits_for_more_than_one_fetch() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        server.set_down(true);
        advance(IDLE).await;
        assert_eq!(find(&source, "a").await, Ok(1));
        assert_eq!(server.fetches(), 2);
        advance(COOLDOWN).await;
        assert_eq!(find(&source, "a").now_or_never(), Some(Ok(1)));
        assert!(source.usable_epoch().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_key_under_an_old_name_is_found_by_one_fetch_in_thirty_seconds() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        let epoch = source.epoch();
        server.replaced.store(true, Ordering::SeqCst);
        for _ in 0..1000 {
            assert!(!source.has_others_than(epoch).await);
        }
        assert_eq!(server.fetches(), 1, "the last fetch was just now");
        advance(COOLDOWN).await;
        assert!(source.has_others_than(epoch).await);
        for _ in 0..1000 {
            assert!(!source.has_others_than(epoch + 1).await);
        }
        assert!(
            source.has_others_than(epoch).await,
            "whoever has looked at the old keys"
        );
        assert_eq!(server.fetches(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_signature_under_the_same_keys_finds_no_others() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        let epoch = source.epoch();
        for fetches in 2..5 {
            advance(COOLDOWN).await;
            assert!(!source.has_others_than(epoch).await);
            assert!(!source.has_others_than(epoch).await);
            assert_eq!(server.fetches(), fetches);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_says_why_there_are_no_keys() {
        let (server, source) = start();
        server.set_down(true);
        let error = source.find(Some("a"), Algorithm::EdDSA).await.unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            "the keys of the token's issuer are not available: it is down"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_set_again_is_no_new_epoch() {
        let (server, source) = start();
        assert_eq!(find(&source, "a").await, Ok(1));
        let epoch = source.usable_epoch();
        advance(REFRESH).await;
        assert_eq!(find(&source, "a").await, Ok(1));
        while server.fetches() < 2 {
            tokio::task::yield_now().await;
        }
        tokio::task::yield_now().await;
        assert_eq!(source.usable_epoch(), epoch);
    }
}
