//! What a verified token says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::verify::{Times, TrustedIssuer};

/// The claims of a token whose signature, issuer, audience and times have been checked.
///
/// Only [`Authz::verify`](crate::Authz::verify) makes them, so holding some proves that a token was verified. They are
/// good for the [`Authz`](crate::Authz) that verified them (and its clones).
///
/// # Security
///
/// `Debug` shows no claim, for claims are personal data.
#[derive(Clone)]
pub struct Claims {
    inner: Arc<Inner>,
}

struct Inner {
    members: Map<String, Value>,
    /// The claims as PostgreSQL gets them, once they are asked for.
    json: OnceLock<String>,
    times: Times,
    size: usize,
    issuer: Arc<TrustedIssuer>,
    verifier: Arc<Mark>,
}

/// Tells the claims of one verifier from those of others.
#[derive(Debug)]
pub(crate) struct Mark {
    /// The claims that PostgreSQL gets, and `sub`, if not all.
    pub(crate) forwarded: Option<Vec<String>>,
}

impl Claims {
    /// Claims that were verified, of a token of this size in bytes.
    pub(crate) fn new(
        members: Map<String, Value>,
        times: Times,
        size: usize,
        issuer: Arc<TrustedIssuer>,
        verifier: &Arc<Mark>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                members,
                json: OnceLock::new(),
                times,
                size,
                issuer,
                verifier: Arc::clone(verifier),
            }),
        }
    }

    /// The subject: whom the token speaks of. Never empty.
    #[must_use]
    pub fn sub(&self) -> &str {
        self.text("sub")
    }

    /// The issuer: who vouches for it.
    #[must_use]
    pub fn iss(&self) -> &str {
        self.text("iss")
    }

    /// When the token expires, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn exp(&self) -> u64 {
        self.inner.times.end
    }

    /// Any claim by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.inner.members.get(name)
    }

    /// All claims as a type of the caller.
    ///
    /// # Errors
    ///
    /// When the claims do not have the form of that type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(&self.inner.members)
    }

    /// The claims as PostgreSQL gets them: serialised anew, so that no byte of the token's own text is passed on.
    pub(crate) fn json(&self) -> &str {
        let Inner {
            members, verifier, ..
        } = &*self.inner;
        self.inner.json.get_or_init(|| {
            let json = match &verifier.forwarded {
                None => serde_json::to_string(members),
                Some(names) => {
                    let wanted = |name: &String| name == "sub" || names.contains(name);
                    let some: BTreeMap<_, _> = members.iter().filter(|(name, _)| wanted(name)).collect();
                    serde_json::to_string(&some)
                }
            };
            // A map of strings to JSON values always serialises; were it not so, no claims would be the safe answer.
            json.unwrap_or_default()
        })
    }

    /// How long their token is, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.inner.size
    }

    pub(crate) fn times(&self) -> Times {
        self.inner.times
    }

    pub(crate) fn issuer(&self) -> &TrustedIssuer {
        &self.inner.issuer
    }

    pub(crate) fn is_marked(&self, verifier: &Arc<Mark>) -> bool {
        Arc::ptr_eq(&self.inner.verifier, verifier)
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims").finish_non_exhaustive()
    }
}
