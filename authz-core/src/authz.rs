//! The entrance: from a token to a transaction.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use authz_sql::Ident;
use serde_json::Value;

use crate::builder::Builder;
use crate::connect::{ConnectError, Warning};
use crate::error::{Error, Outage};
use crate::issuer::Issuer;
use crate::pool::{self, Pool};
use crate::transaction::{Bypass, Identity, Transaction};
use crate::verifier::Verifier;
use crate::verify::VerifiedClaims;

/// Verifies tokens and begins transactions that carry their claims. Cheap to clone; one serves a whole program.
///
/// It is no sqlx executor: a query needs a transaction, and a transaction needs verified claims or the explicit word
/// [`begin_anonymous`](Self::begin_anonymous).
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
    /// The claims that PostgreSQL gets, and `sub`, if not all.
    pub(crate) forwarded_claims: Option<Vec<String>>,
    pub(crate) roles: Roles,
    /// One for each session role.
    pub(crate) pools: BTreeMap<Ident, Pool>,
    pub(crate) bypass: Option<Pool>,
    pub(crate) acquire_timeout: Duration,
    pub(crate) multiple_statements: bool,
    /// What `connect` found and did not refuse.
    pub(crate) warnings: Vec<Warning>,
}

/// The session roles and how one is picked. Names come from here, never from a token.
pub(crate) struct Roles {
    pub(crate) default: Ident,
    pub(crate) claim: Option<String>,
    pub(crate) allowed: Vec<Ident>,
    pub(crate) anonymous: Ident,
    /// Those of programs that have no token.
    pub(crate) services: Vec<Ident>,
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

    /// As [`Verifier::verify`]: verifies a token without touching the database.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] or [`Error::Unavailable`], as for [`begin`](Self::begin).
    pub async fn verify(&self, token: &str) -> Result<VerifiedClaims, Error> {
        self.inner.verifier.verify(token).await
    }

    /// What verifies its tokens.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.inner.verifier
    }

    /// As [`Verifier::set_issuer`].
    ///
    /// # Errors
    ///
    /// [`ConnectError::Issuer`] when the settings cannot be used; then nothing changes. An issuer that does not answer is no error.
    pub async fn set_issuer(&self, issuer: Issuer) -> Result<(), ConnectError> {
        self.inner.verifier.set_issuer(issuer).await
    }

    /// As [`Verifier::remove_issuer`]. Transactions that have begun go on.
    #[expect(clippy::must_use_candidate, reason = "removing twice is fine")]
    pub fn remove_issuer(&self, iss: &str) -> bool {
        self.inner.verifier.remove_issuer(iss)
    }

    /// Begins a transaction with claims that were verified before.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin); [`Error::Rejected`] also when the claims have expired meanwhile, were verified by another verifier, or when
    /// their issuer is no longer believed.
    pub async fn begin_verified(&self, claims: &VerifiedClaims) -> Result<Transaction, Error> {
        self.inner.verifier.check_still_good(claims)?;
        let role = self.inner.roles.pick(claims)?;
        let json = claims.json(self.inner.forwarded_claims.as_deref());
        self.begin_as(role, &json).await
    }

    /// Begins a transaction for somebody unknown: the anonymous role, no claims.
    ///
    /// # Errors
    ///
    /// [`Error::Unavailable`] when the database is not to be had.
    pub async fn begin_anonymous(&self) -> Result<Transaction, Error> {
        self.begin_as(&self.inner.roles.anonymous, "").await
    }

    /// Begins a transaction for a program that has no token, such as a worker, a cron job or a webhook: a role of
    /// [`Builder::service_role`], and no claims. Row security binds it like anybody.
    ///
    /// Each call is a tracing event at level INFO.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] for a role that the builder did not allow, [`Error::Unavailable`] when the database is not to be had.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn example(authz: authz::Authz) -> Result<(), Box<dyn std::error::Error>> {
    /// // In the model: #[rls(read, to = "mailer")]; in the builder: .service_role("mailer")
    /// let mut tx = authz.service("mailer").await?;
    /// sqlx::query("SELECT address FROM letters").fetch_all(&mut tx).await?;
    /// tx.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn service(&self, role: &str) -> Result<Transaction, Error> {
        let services = &self.inner.roles.services;
        let role = services
            .iter()
            .find(|allowed| allowed.as_str() == role)
            .ok_or(Error::Forbidden)?;
        tracing::info!(%role, "a transaction of a service role begins");
        self.begin_as(role, "").await
    }

    /// Begins a transaction over the login of [`Builder::bypass`], for administration. The reason goes into a tracing event at level WARN.
    ///
    /// # Errors
    ///
    /// [`Error::Forbidden`] where the builder has no such login, [`Error::Unavailable`] when the database is not to be had.
    pub async fn bypass(&self, reason: &str) -> Result<Bypass, Error> {
        let pool = self.inner.bypass.as_ref().ok_or(Error::Forbidden)?;
        tracing::warn!(reason, "a transaction bypasses the session roles");
        Bypass::begin(pool, self.inner.acquire_timeout)
            .await
            .map_err(|error| Error::Unavailable(Outage::Database(error)))
    }

    /// What `connect` found and did not refuse: ways around row security that may be meant, such as a SECURITY DEFINER function
    /// that session roles may call. Each was logged as a warning, too.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.inner.warnings
    }

    /// Closes all connections, after the transactions that run have ended.
    pub async fn close(&self) {
        let pools = self.inner.pools.values().chain(&self.inner.bypass);
        futures_util::future::join_all(pools.map(pool::close)).await;
    }

    async fn begin_as(&self, role: &Ident, claims: &str) -> Result<Transaction, Error> {
        let unavailable = |error| Error::Unavailable(Outage::Database(error));
        // There is a pool for every role that can be picked.
        let Inner {
            pools,
            acquire_timeout,
            multiple_statements,
            ..
        } = &*self.inner;
        let pool = pools
            .get(role)
            .ok_or_else(|| unavailable(sqlx::Error::PoolClosed))?;
        let identity = Identity::new(role, claims);
        Transaction::begin(pool, *acquire_timeout, identity, *multiple_statements)
            .await
            .map_err(|error| {
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
        [&self.default, &self.anonymous]
            .into_iter()
            .chain(&self.allowed)
            .chain(&self.services)
    }

    fn pick(&self, claims: &VerifiedClaims) -> Result<&Ident, Error> {
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
