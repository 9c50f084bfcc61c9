//! Checks tokens: their form, signature, issuer, audience and times.
//!
//! The order matters. Sizes come before any decoding; the issuer picks the keys, so that no issuer can sign for another; no claim but `iss`
//! is looked at before the signature. The cryptography is the library's; what is signed, by which key and what it says is checked here.

mod cache;
#[cfg(feature = "jwks-http")]
mod http;
mod json;
mod key;
mod rules;
mod source;
mod token;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use self::cache::{Cache, Entry};
use self::token::{MAX_TOKEN, Token};
use crate::claims::{Claims, Mark};
use crate::error::{Error, Reason};

#[cfg(feature = "jwks-http")]
pub(crate) use self::http::Http;
pub(crate) use self::key::{BadSet, Key};
pub(crate) use self::rules::{Audience, Rules, Times, TokenType};
pub(crate) use self::source::KeySource;
#[cfg(feature = "jwks-http")]
pub(crate) use self::source::Remote;
pub(crate) use self::token::media_type;

/// What is believed, and how exactly time is taken.
#[derive(Debug)]
pub(crate) struct Verifier {
    issuers: RwLock<HashMap<String, Arc<TrustedIssuer>>>,
    cache: Cache,
    leeway: u64,
    /// Marks the claims that come from here.
    mark: Arc<Mark>,
}

/// An issuer with all that its tokens are checked against.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) iss: String,
    pub(crate) rules: Rules,
    pub(crate) keys: KeySource,
    /// Whether it is still believed. What was verified before asks here.
    active: AtomicBool,
}

impl TrustedIssuer {
    pub(crate) fn new(iss: String, rules: Rules, keys: KeySource) -> Self {
        Self {
            iss,
            rules,
            keys,
            active: AtomicBool::new(true),
        }
    }
}

impl Verifier {
    pub(crate) fn new(
        issuers: Vec<TrustedIssuer>,
        leeway: Duration,
        cached_tokens: usize,
        forwarded: Option<Vec<String>>,
    ) -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut secret = [0; 16];
        aws_lc_rs::rand::fill(&mut secret)?;
        let issuers = issuers
            .into_iter()
            .map(|issuer| (issuer.iss.clone(), Arc::new(issuer)));
        Ok(Self {
            issuers: RwLock::new(issuers.collect()),
            cache: Cache::new(cached_tokens, secret),
            leeway: leeway.as_secs(),
            mark: Arc::new(Mark { forwarded }),
        })
    }

    /// Fetches the keys of all issuers at once.
    pub(crate) async fn warm_up(&self) {
        let issuers: Vec<_> = self.read().values().cloned().collect();
        futures_util::future::join_all(issuers.iter().map(|issuer| issuer.keys.warm_up())).await;
    }

    /// Believes an issuer from now on, in place of one of the same name.
    pub(crate) async fn set(&self, issuer: TrustedIssuer) {
        issuer.keys.warm_up().await;
        let issuer = Arc::new(issuer);
        let former = self.write().insert(issuer.iss.clone(), issuer);
        self.forget(former);
    }

    /// Believes an issuer no more. `false` if it was not believed.
    pub(crate) fn remove(&self, iss: &str) -> bool {
        let former = self.write().remove(iss);
        let known = former.is_some();
        self.forget(former);
        known
    }

    fn forget(&self, former: Option<Arc<TrustedIssuer>>) {
        if let Some(issuer) = former {
            issuer.active.store(false, Ordering::SeqCst);
            self.cache.clear();
        }
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Claims, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TooLong.into());
        }
        let id = self.cache.id(token);
        if let Some(entry) = self.cache.get(id)
            && self.is_still_good(&entry)
        {
            return Ok(entry.claims);
        }
        let size = token.len();
        let token = Token::parse(token)?;
        let claims = token.claims()?;
        let iss = claims.get("iss").and_then(Value::as_str);
        let issuer = iss.and_then(|iss| self.read().get(iss).cloned());
        let issuer = issuer.ok_or(Reason::Issuer)?;
        issuer.rules.check_header(&token)?;
        // Before the keys are looked up: should they change meanwhile, the entry is of an epoch that has passed.
        let epoch = issuer.keys.epoch();
        let keys = issuer.keys.find(token.kid.as_deref(), token.algorithm).await?;
        if !keys
            .iter()
            .any(|key| key.has_signed(token.message.as_bytes(), &token.signature))
        {
            return Err(Reason::Signature.into());
        }
        let times = issuer.rules.check_claims(&token, &claims, now(), self.leeway)?;
        let claims = Claims::new(claims, times, size, issuer, &self.mark);
        let entry = Entry {
            claims: claims.clone(),
            epoch,
        };
        self.cache.insert(id, entry);
        Ok(claims)
    }

    /// Whether a token that was good before is so now: its issuer, its times, and the keys that it was checked with.
    fn is_still_good(&self, entry: &Entry) -> bool {
        let claims = &entry.claims;
        claims.issuer().active.load(Ordering::SeqCst)
            && claims.issuer().keys.usable_epoch() == Some(entry.epoch)
            && claims.times().check(now(), self.leeway).is_ok()
    }

    /// Checks claims that were verified some time ago once more.
    pub(crate) fn check_still_good(&self, claims: &Claims) -> Result<(), Error> {
        if !claims.is_marked(&self.mark) {
            return Err(Reason::OtherVerifier.into());
        }
        if !claims.issuer().active.load(Ordering::SeqCst) {
            return Err(Reason::Issuer.into());
        }
        Ok(claims.times().check(now(), self.leeway)?)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, Arc<TrustedIssuer>>> {
        // Each change is one call of the map, so a panic leaves nothing half done.
        self.issuers.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<String, Arc<TrustedIssuer>>> {
        self.issuers.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the form of a token alone.
///
/// # Errors
///
/// As [`Authz::verify`](crate::Authz::verify), for the form.
pub fn parse(token: &str) -> Result<(), Reason> {
    Token::parse(token)?.claims().map(drop)
}

/// Checks the form of a token and its signature by the keys of a set, and nothing that it says: its payload may be anything.
///
/// # Errors
///
/// As [`Authz::verify`](crate::Authz::verify), for form, key and signature.
pub fn check_signature(jwks: &str, token: &str) -> Result<(), Reason> {
    let token = Token::parse(token)?;
    let kid = token.kid.as_deref();
    check(
        jwks,
        kid,
        token.algorithm,
        token.message.as_bytes(),
        &token.signature,
    )
}

/// Checks a signature of any message by those keys of a set that are for this algorithm.
///
/// # Errors
///
/// [`Reason::Algorithm`], [`Reason::UnknownKey`] or [`Reason::Signature`].
pub fn check_message(jwks: &str, algorithm: &str, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
    let algorithm = Key::algorithm(algorithm).ok_or(Reason::Algorithm)?;
    check(jwks, None, algorithm, message, signature)
}

fn check(
    jwks: &str,
    kid: Option<&str>,
    algorithm: jsonwebtoken::Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Reason> {
    let keys = Key::from_jwks(jwks.as_bytes()).map_err(|_| Reason::UnknownKey)?;
    let mut fitting = keys.iter().filter(|key| key.fits(kid, algorithm)).peekable();
    if fitting.peek().is_none() {
        return Err(Reason::UnknownKey);
    }
    let signed = fitting.any(|key| key.has_signed(message, signature));
    if signed { Ok(()) } else { Err(Reason::Signature) }
}

fn now() -> u64 {
    // A clock before 1970 makes every token one of the future, or expired for want of a better guess.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |time| time.as_secs())
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        tracing::debug!(%reason, "a token is rejected");
        Self::Rejected(reason)
    }
}
