//! What a verified token says.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::mem::size_of;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::rules::Times;
use super::trusted::TrustedIssuer;

/// The claims of a token whose signature, issuer, audience and times have been checked.
///
/// Only [`Verifier::verify`](crate::Verifier::verify) and [`Authz::verify`](crate::Authz::verify) make them, so holding some proves that a
/// token was verified. They are good for the verifier that verified them, its clones, and each [`Authz`](crate::Authz) that has it.
///
/// # Security
///
/// `Debug` shows no claim, for claims are personal data.
#[derive(Clone)]
pub struct VerifiedClaims {
    inner: Arc<Inner>,
}

struct Inner {
    members: Map<String, Value>,
    /// All claims as PostgreSQL gets them, once they are asked for.
    json: OnceLock<String>,
    times: Times,
    issuer: Arc<TrustedIssuer>,
    verifier: Arc<Mark>,
}

/// Tells the claims of one verifier from those of others.
#[derive(Debug)]
pub(crate) struct Mark;

impl VerifiedClaims {
    /// Claims that were verified.
    pub(crate) fn new(
        members: Map<String, Value>,
        times: Times,
        issuer: Arc<TrustedIssuer>,
        verifier: &Arc<Mark>,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                members,
                json: OnceLock::new(),
                times,
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

    /// When the token expires, in whole seconds since 1970-01-01 UTC. A fraction of a second is left out.
    #[must_use]
    pub fn exp(&self) -> u64 {
        self.inner.times.end
    }

    /// Any claim by its name. A number has the value that the token says: one that would be rounded is
    /// [`RejectReason::Number`](crate::RejectReason::Number), the times (`exp`, `nbf`, `iat`) excepted.
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

    /// The claims as PostgreSQL gets them: all, or those of these names and `sub`. They are serialised anew, so that no byte of the token's
    /// own text is passed on.
    pub(crate) fn json(&self, forwarded: Option<&[String]>) -> Cow<'_, str> {
        let members = &self.inner.members;
        // A map of strings to JSON values always serialises; were it not so, no claims would be the safe answer.
        let Some(names) = forwarded else {
            let json = || serde_json::to_string(members).unwrap_or_default();
            return self.inner.json.get_or_init(json).into();
        };
        let wanted = |name: &String| name == "sub" || names.contains(name);
        let some: BTreeMap<_, _> = members.iter().filter(|(name, _)| wanted(name)).collect();
        serde_json::to_string(&some).unwrap_or_default().into()
    }

    /// How many bytes of memory they take at most, the text for PostgreSQL included.
    pub(crate) fn memory(&self) -> usize {
        let size = Size::of_members(&self.inner.members);
        size_of::<Inner>() + ALLOCATION + size.values + ALLOCATION + size.text
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

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims").finish_non_exhaustive()
    }
}

/// What an allocation takes beside its content.
const ALLOCATION: usize = 16;

/// What one member of an object takes at most. A node of a B-tree has room for eleven and holds at least five, but for one that stands
/// alone, which holds what there is.
const NODE: usize = 11 * (size_of::<String>() + size_of::<Value>()) + 13 * size_of::<usize>() + ALLOCATION;
const MEMBERS_OF_NODE: usize = 5;

/// The most characters of a number in `serde_json`'s form.
const NUMBER: usize = 32;

/// The memory that values take beside their own place, and the length of their text, both at most.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    values: usize,
    text: usize,
}

impl Size {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) => Self { values: 0, text: 5 },
            // With the feature `arbitrary_precision` of serde_json, a number is a text.
            Value::Number(_) => Self {
                values: NUMBER + ALLOCATION,
                text: NUMBER,
            },
            Value::String(text) => Self::of_text(text),
            Value::Array(values) => {
                let own = Self {
                    values: values.capacity() * size_of::<Value>() + ALLOCATION,
                    text: 2 + values.len(),
                };
                values.iter().map(Self::of).fold(own, Self::and)
            }
            Value::Object(members) => Self::of_members(members),
        }
    }

    fn of_members(members: &Map<String, Value>) -> Self {
        let own = Self {
            values: members.len().div_ceil(MEMBERS_OF_NODE) * NODE,
            text: 2 + 2 * members.len(),
        };
        members
            .iter()
            .map(|(name, value)| Self::of_text(name).and(Self::of(value)))
            .fold(own, Self::and)
    }

    fn of_text(text: &String) -> Self {
        // The worst is a control character: six for one.
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" -_.:/@+,".contains(byte);
        let others = text.bytes().filter(|byte| !plain(byte)).count();
        Self {
            values: text.capacity() + ALLOCATION,
            text: 2 + text.len() + 5 * others,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            values: self.values + other.values,
            text: self.text + other.text,
        }
    }
}
