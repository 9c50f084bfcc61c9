//! What a verified token says.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

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
    pub(crate) members: Arc<Map<String, Value>>,
    pub(crate) exp: u64,
    pub(crate) verifier: Arc<()>,
}

impl Claims {
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
        self.exp
    }

    /// Any claim by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// All claims as a type of the caller.
    ///
    /// # Errors
    ///
    /// When the claims do not have the form of that type.
    pub fn deserialize<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        T::deserialize(Value::Object(Map::clone(&self.members)))
    }

    /// The claims as PostgreSQL gets them: serialised anew, so that no byte of the token's own text is passed on.
    pub(crate) fn to_json(&self) -> String {
        // A map of strings to JSON values always serialises; were it not so, no claims would be the safe answer.
        serde_json::to_string(&*self.members).unwrap_or_default()
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
