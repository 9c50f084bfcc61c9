//! What verifies tokens, without a database: the issuers that are trusted, and the tokens that were verified before.

mod builder;
mod cache;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use self::builder::trusted;
use self::cache::{Cache, Entry};
use crate::connect::ConnectError;
use crate::error::{Error, IssuerError, RejectReason};
use crate::issuer::Issuer;
use crate::verify::{MAX_TOKEN, Mark, Token, TrustedIssuer, VerifiedClaims};

pub use self::builder::VerifierBuilder;

/// Verifies tokens, without a database. Cheap to clone; one serves a whole program.
///
/// An [`Authz`](crate::Authz) has one. A program that verifies tokens in other places too makes it first, and gives it to the `Authz` by
/// [`Builder::verifier`](crate::Builder::verifier): keys and verified tokens are then the same for both, and claims that one verified are good
/// for the other.
///
/// # Example
///
/// ```no_run
/// use authz::{Authz, Issuer, Verifier};
///
/// # async fn example(database_url: &str, bearer_token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder()
///     .issuer(Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com"))
///     .build()
///     .await?;
/// let claims = verifier.verify(bearer_token).await?;
///
/// let authz = Authz::builder().verifier(verifier).connect(database_url).await?;
/// let tx = authz.begin_verified(&claims).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Verifier {
    inner: Arc<Inner>,
}

struct Inner {
    issuers: RwLock<Issuers>,
    cache: Cache,
    leeway: u64,
    /// Marks the claims that come from here.
    mark: Arc<Mark>,
}

/// Who is trusted, and what was last said about it.
#[derive(Default)]
struct Issuers {
    trusted: HashMap<String, Arc<TrustedIssuer>>,
    /// How many times somebody was set or removed.
    words: u64,
    /// How many are being set, and wait for their keys.
    pending: usize,
    /// The number of the last word on an issuer that took effect while others were pending.
    last: HashMap<String, u64>,
}

impl Verifier {
    /// Settings for a new one; at least one issuer is needed.
    pub fn builder() -> VerifierBuilder {
        VerifierBuilder::new()
    }

    /// Verifies a token (RFC 7519, following RFC 8725).
    ///
    /// Accepted algorithms: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and `EdDSA` with Ed25519; each key serves one. Required claims: `iss`, `aud`
    /// (unless any audience is accepted), `exp`, and `sub`, a string that is not empty. Size: up to 8 KiB. A token that was good before is
    /// found again without a signature check, see [`VerifierBuilder::cache_bytes`].
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] for a token that is not good, [`Error::Unavailable`] when the issuer's keys are not to be had.
    ///
    /// # Security
    ///
    /// Whether the token has been revoked is not checked; it is good until it expires.
    pub async fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        if token.len() > MAX_TOKEN {
            return Err(RejectReason::TooLong.into());
        }
        let inner = &*self.inner;
        let id = inner.cache.id(token);
        if let Some(entry) = inner.cache.get(id)
            && inner.is_still_good(&entry)
        {
            return Ok(entry.claims);
        }
        let token = Token::parse(token)?;
        let claims = token.claims()?;
        let iss = claims.get("iss").and_then(Value::as_str);
        let issuer = inner
            .trusted(iss.unwrap_or_default())
            .ok_or(RejectReason::Issuer)?;
        issuer.rules.check_header(&token)?;
        let epoch = signing_epoch(&issuer, &token).await?;
        let times = issuer.rules.check_claims(&token, &claims, now(), inner.leeway)?;
        let claims = VerifiedClaims::new(claims, times, issuer, &inner.mark);
        let entry = Entry {
            claims: claims.clone(),
            epoch,
        };
        inner.cache.insert(id, entry);
        Ok(claims)
    }

    /// Trusts an issuer from now on, or trusts it by other settings: with the same name it takes the place of the one before.
    ///
    /// Its keys are fetched first. From then on each token is checked by the new settings, also one that was verified before. Of several
    /// calls about one issuer, [`remove_issuer`](Self::remove_issuer) included, the one that was made last counts, whichever ends last.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Issuer`] when the settings cannot be used, or when discovery answers for another issuer; then nothing changes.
    /// An issuer that does not answer is no error.
    pub async fn set_issuer(&self, issuer: Issuer) -> Result<(), ConnectError> {
        let issuer = trusted(issuer)?;
        let pending = Pending::new(self);
        issuer.fetch_keys().await?;
        pending.set(issuer);
        Ok(())
    }

    /// Trusts an issuer no more: from the next request on none of its tokens is good, nor claims that were verified before.
    /// `false` if it was not trusted.
    #[expect(clippy::must_use_candidate, reason = "removing twice is fine")]
    pub fn remove_issuer(&self, iss: &str) -> bool {
        let former = {
            let mut issuers = self.inner.write();
            issuers.words += 1;
            if issuers.pending > 0 {
                let word = issuers.words;
                issuers.last.insert(iss.to_owned(), word);
            }
            issuers.trusted.remove(iss)
        };
        let known = former.is_some();
        self.inner.forget(former);
        known
    }

    fn new(trusted: Vec<TrustedIssuer>, leeway: Duration, cache_bytes: usize) -> Result<Self, ConnectError> {
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret).map_err(|_| ConnectError::NoRandomness)?;
        let trusted = trusted
            .into_iter()
            .map(|issuer| (issuer.iss.clone(), Arc::new(issuer)));
        let issuers = Issuers {
            trusted: trusted.collect(),
            ..Issuers::default()
        };
        Ok(Self {
            inner: Arc::new(Inner {
                issuers: RwLock::new(issuers),
                cache: Cache::new(cache_bytes, secret),
                leeway: leeway.as_secs(),
                mark: Arc::new(Mark),
            }),
        })
    }

    /// Fetches the keys of all issuers at once.
    pub(crate) async fn warm_up(&self) -> Result<(), ConnectError> {
        let issuers: Vec<_> = self.inner.read().trusted.values().cloned().collect();
        let all = issuers.iter().map(|issuer| issuer.fetch_keys());
        futures_util::future::join_all(all).await.into_iter().collect()
    }

    /// Checks claims that were verified some time ago once more.
    pub(crate) fn check_still_good(&self, claims: &VerifiedClaims) -> Result<(), Error> {
        if !claims.is_marked(&self.inner.mark) {
            return Err(RejectReason::OtherVerifier.into());
        }
        if !claims.issuer().is_active() {
            return Err(RejectReason::Issuer.into());
        }
        Ok(claims.times().check(now(), self.inner.leeway)?)
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").finish_non_exhaustive()
    }
}

impl Inner {
    fn trusted(&self, iss: &str) -> Option<Arc<TrustedIssuer>> {
        let issuers = self.read();
        let found = issuers.trusted.get(iss);
        if found.is_none() {
            let other = iss
                .strip_suffix('/')
                .map_or_else(|| format!("{iss}/"), str::to_owned);
            if let Some(issuer) = issuers.trusted.get(&other) {
                issuer.warn_of_slash();
            }
        }
        found.cloned()
    }

    /// Whether a token that was good before is so now: its issuer, its times, and the keys that it was checked with.
    fn is_still_good(&self, entry: &Entry) -> bool {
        let claims = &entry.claims;
        claims.issuer().is_active()
            && claims.issuer().keys.usable_epoch() == Some(entry.epoch)
            && claims.times().check(now(), self.leeway).is_ok()
    }

    fn forget(&self, former: Option<Arc<TrustedIssuer>>) {
        if let Some(issuer) = former {
            issuer.deactivate();
            self.cache.clear();
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Issuers> {
        // Each change is complete in itself, so a panic leaves nothing half done.
        self.issuers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Issuers> {
        self.issuers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An issuer that is being set. Also where its keys never come, because nobody waits for them any more, it is no longer pending.
struct Pending<'a> {
    verifier: &'a Verifier,
    word: u64,
}

impl<'a> Pending<'a> {
    fn new(verifier: &'a Verifier) -> Self {
        let mut issuers = verifier.inner.write();
        issuers.words += 1;
        issuers.pending += 1;
        Self {
            verifier,
            word: issuers.words,
        }
    }

    /// Trusts it, unless something later was said about it meanwhile.
    fn set(self, issuer: TrustedIssuer) {
        let inner = &self.verifier.inner;
        let former = {
            let mut issuers = inner.write();
            let iss = issuer.iss.clone();
            if issuers.last.get(&iss).is_some_and(|last| *last > self.word) {
                return;
            }
            issuers.last.insert(iss.clone(), self.word);
            issuers.trusted.insert(iss, Arc::new(issuer))
        };
        inner.forget(former);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut issuers = self.verifier.inner.write();
        issuers.pending -= 1;
        if issuers.pending == 0 {
            issuers.last.clear();
        }
    }
}

impl TrustedIssuer {
    async fn fetch_keys(&self) -> Result<(), ConnectError> {
        let other = self.keys.warm_up().await;
        other.map_err(|found| ConnectError::Issuer {
            iss: self.iss.clone(),
            problem: IssuerError::OtherIssuer { found },
        })
    }
}

/// The epoch of the keys of which one has signed the token.
async fn signing_epoch(issuer: &TrustedIssuer, token: &Token<'_>) -> Result<u64, Error> {
    let mut is_last = false;
    loop {
        // Before the keys are looked up: should they change meanwhile, the entry is of an epoch that has passed.
        let epoch = issuer.keys.epoch();
        let keys = issuer.keys.find(token.kid.as_deref(), token.algorithm).await?;
        let message = token.message.as_bytes();
        if keys.iter().any(|key| key.has_signed(message, &token.signature)) {
            return Ok(epoch);
        }
        // The issuer may have put a new key under an old name.
        if is_last || !issuer.keys.has_others_than(epoch).await {
            return Err(RejectReason::Signature.into());
        }
        is_last = true;
    }
}

fn now() -> u64 {
    // A clock before 1970 makes every token one of the future, or expired for want of a better guess.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::json;

    use super::*;
    use crate::log::Warnings;
    use crate::signing::SigningKey;

    const ISS: &str = "https://issuer.example";

    fn issuer(key: &SigningKey) -> Issuer {
        Issuer::new(ISS).any_audience().jwks_json(&key.jwks())
    }

    fn token(key: &SigningKey, sub: &str) -> String {
        let claims = json!({"iss": ISS, "sub": sub, "exp": 4_102_444_800_u64});
        key.sign(&claims).unwrap()
    }

    async fn verifier(key: &SigningKey) -> Verifier {
        Verifier::builder().issuer(issuer(key)).build().await.unwrap()
    }

    async fn is_good(verifier: &Verifier, key: &SigningKey) -> bool {
        verifier.verify(&token(key, "alice")).await.is_ok()
    }

    /// Claims of a token of 8 KiB that take as much memory as can be: each value is an object of its own.
    fn hungry(number: usize) -> Value {
        let small: Vec<_> = (0..650).map(|_| json!({"": 0})).collect();
        json!({"iss": ISS, "sub": number.to_string(), "exp": 4_102_444_800_u64, "x": small})
    }

    #[tokio::test]
    async fn verified_tokens_take_no_more_memory_than_they_may() {
        let key = SigningKey::generate().unwrap();
        for bytes in [1 << 20, 8 << 20] {
            let builder = Verifier::builder().issuer(issuer(&key)).cache_bytes(bytes);
            let verifier = builder.build().await.unwrap();
            let mut most = 0;
            for number in 0..200 {
                let token = key.sign(&hungry(number)).unwrap();
                assert!(token.len() < MAX_TOKEN, "{}", token.len());
                verifier.verify(&token).await.unwrap();
                let (_, held) = verifier.inner.cache.held();
                assert!(held <= bytes as u64, "{held}");
                most = most.max(held);
            }
            // It is used, and each such token counts for what it takes: 650 nodes of a tree, and 650 empty texts and numbers.
            let (tokens, held) = verifier.inner.cache.held();
            assert!(most > bytes as u64 / 3, "{most} of {bytes}");
            let each = held / tokens as u64;
            assert!(each > 650 * 632, "{each}");
            for number in 0..2000 {
                verifier.verify(&token(&key, &number.to_string())).await.unwrap();
                assert!(verifier.inner.cache.held().1 <= bytes as u64);
            }
            let (tokens, held) = verifier.inner.cache.held();
            let each = held / tokens as u64;
            assert!((500..4096).contains(&each), "a small token takes {each}");
        }
        let none = Verifier::builder().issuer(issuer(&key)).cache_bytes(0);
        let none = none.build().await.unwrap();
        assert!(is_good(&none, &key).await);
        assert_eq!(none.inner.cache.held(), (0, 0));
    }

    /// Says something about the issuer while an earlier word still waits for its keys.
    async fn overtaken(verifier: &Verifier, later: impl AsyncFn(&Verifier), earlier: &SigningKey) {
        let pending = Pending::new(verifier);
        later(verifier).await;
        pending.set(trusted(issuer(earlier)).unwrap());
    }

    #[tokio::test]
    async fn the_last_word_about_an_issuer_counts() {
        let [old, early, late] = [(); 3].map(|()| SigningKey::generate().unwrap());
        // Removed.
        let verifier = verifier(&old).await;
        overtaken(
            &verifier,
            async |verifier| assert!(verifier.remove_issuer(ISS)),
            &early,
        )
        .await;
        assert!(!is_good(&verifier, &early).await && !is_good(&verifier, &old).await);
        // Removed although it was not there yet.
        overtaken(
            &verifier,
            async |verifier| assert!(!verifier.remove_issuer(ISS)),
            &early,
        )
        .await;
        assert!(!is_good(&verifier, &early).await);
        // Set otherwise.
        let set = async |verifier: &Verifier| verifier.set_issuer(issuer(&late)).await.unwrap();
        overtaken(&verifier, set, &early).await;
        assert!(is_good(&verifier, &late).await && !is_good(&verifier, &early).await);
        // Removed and set again.
        let again = async |verifier: &Verifier| {
            verifier.remove_issuer(ISS);
            verifier.set_issuer(issuer(&old)).await.unwrap();
        };
        overtaken(&verifier, again, &early).await;
        assert!(is_good(&verifier, &old).await && !is_good(&verifier, &early).await);
        // What is said of another issuer, and what was begun and given up, is no word about this one.
        let other = async |verifier: &Verifier| {
            verifier.remove_issuer("https://other.example");
            drop(Pending::new(verifier));
        };
        overtaken(&verifier, other, &early).await;
        assert!(is_good(&verifier, &early).await);
        // A later call counts, also when the first is over before it.
        verifier.set_issuer(issuer(&late)).await.unwrap();
        assert!(is_good(&verifier, &late).await);
        let issuers = verifier.inner.read();
        assert!(issuers.last.is_empty() && issuers.pending == 0);
    }

    #[tokio::test]
    async fn the_log_says_once_that_an_issuer_differs_by_a_slash() {
        let key = SigningKey::generate().unwrap();
        let log = Warnings::new();
        for name in [ISS.to_owned(), format!("{ISS}/")] {
            let other = name
                .strip_suffix('/')
                .map_or_else(|| format!("{name}/"), str::to_owned);
            let issuer = Issuer::new(&name).any_audience().jwks_json(&key.jwks());
            let verifier = Verifier::builder().issuer(issuer).build().await.unwrap();
            for (iss, warnings) in [("https://other.example", 0), (&other, 1), (&other, 0), (&name, 0)] {
                let claims = json!({"iss": iss, "sub": "alice", "exp": 4_102_444_800_u64});
                let is_good = verifier.verify(&key.sign(&claims).unwrap()).await.is_ok();
                assert_eq!(is_good, iss == name);
                let said = log.take();
                assert_eq!(said.len(), warnings, "{iss}: {said:?}");
                assert!(
                    said.iter()
                        .all(|line| line.contains("slash") && line.contains(&name))
                );
            }
        }
    }

    #[tokio::test]
    async fn an_issuer_that_is_set_by_nobody_any_more_changes_nothing() {
        let [old, new] = [(); 2].map(|()| SigningKey::generate().unwrap());
        let verifier = verifier(&old).await;
        let pending = Issuer::new(ISS).any_audience().jwks_json(&new.jwks());
        // Keys that are given need no waiting: it is done or it is not begun.
        drop(verifier.set_issuer(pending.clone()));
        assert!(is_good(&verifier, &old).await);
        assert!(verifier.set_issuer(pending).now_or_never().is_some());
        assert!(is_good(&verifier, &new).await && !is_good(&verifier, &old).await);
    }
}
