//! The entrance: from a token to a transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use authz_sql::Ident;
use serde_json::Value;
use sqlx::postgres::PgPool;

use crate::builder::{Builder, build};
use crate::claims::Claims;
use crate::connect::{ConnectError, Warning};
use crate::error::{Error, Outage};
use crate::issuer::Issuer;
use crate::transaction::Transaction;
use crate::verify::Verifier;

/// Verifies tokens and begins transactions that carry their claims. Cheap to clone; one serves a whole program.
///
/// It is no sqlx executor: a query needs a transaction, and a transaction needs verified claims or the explicit word
/// [`anonymous`](Self::anonymous).
///
/// ```compile_fail
/// # async fn example(authz: authz::Authz) -> Result<(), sqlx::Error> {
/// sqlx::query("SELECT * FROM todos").fetch_all(&authz).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Authz {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) verifier: Verifier,
    pub(crate) roles: Roles,
    /// One for each session role.
    pub(crate) pools: BTreeMap<Ident, PgPool>,
    /// What `connect` found and did not refuse.
    pub(crate) warnings: Vec<Warning>,
}

/// The session roles and how one is picked. Names come from here, never from a token.
pub(crate) struct Roles {
    pub(crate) default: Ident,
    pub(crate) claim: Option<String>,
    pub(crate) allowed: Vec<Ident>,
    pub(crate) anonymous: Ident,
}

impl Authz {
    /// Settings for a new one.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use authz::{Authz, Issuer};
    ///
    /// # async fn example(database_url: &str) -> Result<(), authz::ConnectError> {
    /// let authz = Authz::builder()
    ///     .issuer(Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com"))
    ///     .connect(database_url)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Verifies a token and begins a transaction with its claims. `BEGIN`, role and claims go in one round trip.
    ///
    /// The token is the bare JWT, without `Bearer`. A token that is not good is refused before any connection is taken.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] for a token that is not good, [`Error::Forbidden`] for a role that is not allowed, [`Error::Unavailable`] when the
    /// issuer's keys or the database are not to be had.
    pub async fn begin(&self, token: &str) -> Result<Transaction, Error> {
        let claims = self.verify(token).await?;
        self.begin_verified(&claims).await
    }

    /// Verifies a token (RFC 7519, following RFC 8725) without touching the database.
    ///
    /// Accepted algorithms: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and `EdDSA` with Ed25519; each key serves one. Required claims: `iss`, `aud`
    /// (unless any audience is accepted), `exp`, and `sub`, a string that is not empty. Size: up to 8 KiB. A token that was good before is
    /// found again without a signature check, see [`Builder::cached_tokens`].
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] or [`Error::Unavailable`], as for [`begin`](Self::begin).
    ///
    /// # Security
    ///
    /// Whether the token has been revoked is not checked; it is good until it expires.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        self.inner.verifier.verify(token).await
    }

    /// Believes an issuer from now on, or believes it by other settings: with the same name it takes the place of the one before.
    ///
    /// Its keys are fetched first. From then on each token is checked by the new settings, also one that was verified before.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Issuer`] when the settings cannot be used; then nothing changes. An issuer that does not answer is no error.
    pub async fn set_issuer(&self, issuer: Issuer) -> Result<(), ConnectError> {
        self.inner.verifier.set(build(issuer)?).await;
        Ok(())
    }

    /// Believes an issuer no more: from the next request on none of its tokens is good, nor claims that were verified before.
    /// Transactions that have begun go on. `false` if there was no such issuer.
    #[expect(clippy::must_use_candidate, reason = "removing twice is fine")]
    pub fn remove_issuer(&self, iss: &str) -> bool {
        self.inner.verifier.remove(iss)
    }

    /// Begins a transaction with claims that were verified before.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin); [`Error::Rejected`] also when the claims have expired meanwhile, were verified by another `Authz`, or when
    /// their issuer is no longer believed.
    pub async fn begin_verified(&self, claims: &Claims) -> Result<Transaction, Error> {
        self.inner.verifier.check_still_good(claims)?;
        let role = self.inner.roles.pick(claims)?;
        self.begin_as(role, claims.json()).await
    }

    /// Begins a transaction for somebody unknown: the anonymous role, no claims.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the database is not to be had.
    pub async fn anonymous(&self) -> Result<Transaction, Error> {
        self.begin_as(&self.inner.roles.anonymous, "").await
    }

    /// What `connect` found and did not refuse: ways around row security that may be meant, such as a SECURITY DEFINER function
    /// that session roles may call. Each was logged as a warning, too.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.inner.warnings
    }

    /// Closes all connections, after the transactions that run have ended.
    pub async fn close(&self) {
        futures_util::future::join_all(self.inner.pools.values().map(PgPool::close)).await;
    }

    async fn begin_as(&self, role: &Ident, claims: &str) -> Result<Transaction, Error> {
        let unavailable = |error| Error::Unavailable(Outage::Database(error));
        // There is a pool for every role that can be picked.
        let pool = self
            .inner
            .pools
            .get(role)
            .ok_or_else(|| unavailable(sqlx::Error::PoolClosed))?;
        Transaction::begin(pool, role, claims).await.map_err(|error| {
            tracing::warn!(%role, "no transaction could begin");
            unavailable(error)
        })
    }
}

impl fmt::Debug for Authz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authz").finish_non_exhaustive()
    }
}

impl Roles {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Ident> {
        [&self.default, &self.anonymous].into_iter().chain(&self.allowed)
    }

    fn pick(&self, claims: &Claims) -> Result<&Ident, Error> {
        match self.claim.as_deref().and_then(|name| claims.get(name)) {
            None | Some(Value::Null) => Ok(&self.default),
            Some(value) => [&self.default]
                .into_iter()
                .chain(&self.allowed)
                .find(|role| value.as_str() == Some(role.as_str()))
                .ok_or(Error::Forbidden),
        }
    }
}
