//! Settings, and what is made of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authz_sql::{ANONYMOUS, AUTHENTICATED, Ident};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::authz::{Authz, Inner, Roles};
use crate::connect::{ConnectError, Logins};
use crate::issuer::Issuer;
use crate::verify::{TrustedIssuer, Verifier};

/// Settings of an [`Authz`]. [`Authz::builder`] makes one; at least one [`issuer`](Self::issuer) is needed.
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    issuers: Vec<Issuer>,
    leeway: Duration,
    cached_tokens: usize,
    forwarded_claims: Option<Vec<String>>,
    role: String,
    role_claim: Option<String>,
    allowed_roles: Vec<String>,
    anonymous_role: String,
    max_connections: u32,
    acquire_timeout: Duration,
    logins: BTreeMap<String, String>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            issuers: Vec::new(),
            leeway: Duration::from_secs(30),
            cached_tokens: 10_000,
            forwarded_claims: None,
            role: AUTHENTICATED.to_owned(),
            role_claim: None,
            allowed_roles: Vec::new(),
            anonymous_role: ANONYMOUS.to_owned(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(30),
            logins: BTreeMap::new(),
        }
    }

    /// Accepts the tokens of this issuer. May be called several times; each issuer's tokens are checked with its own keys only.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// How far the issuer's clock may differ from ours when `exp`, `nbf` and `iat` are checked. Default 30 s; counted in whole seconds.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How many verified tokens are remembered, so that the same one costs no signature check again. Default 10,000; 0 remembers none. A
    /// token of over 1 KiB counts as several.
    ///
    /// The token itself is not kept. Each time it comes back its times are checked, that its issuer is still believed, and that the
    /// issuer's keys are those that it was checked with.
    pub fn cached_tokens(mut self, number: usize) -> Self {
        self.cached_tokens = number;
        self
    }

    /// Gives PostgreSQL these claims and `sub`, and no others. Default: all. May be called several times.
    ///
    /// Each query whose policies read a claim parses what PostgreSQL was given: 8 KiB cost twice as much as 100 bytes.
    pub fn forward_claims<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        let names = names.into_iter().map(Into::into);
        self.forwarded_claims.get_or_insert_default().extend(names);
        self
    }

    /// The session role of a user whose token names none. Default `authenticated`.
    pub fn role(mut self, role: impl Into<String>) -> Self {
        self.role = role.into();
        self
    }

    /// The claim that picks the session role among the allowed ones. Default: none does.
    ///
    /// A token without the claim gets the default role; one that names a role that is not allowed is refused with [`Error::Forbidden`](crate::Error::Forbidden).
    pub fn role_claim(mut self, name: impl Into<String>) -> Self {
        self.role_claim = Some(name.into());
        self
    }

    /// Allows a session role to be picked by the claim. The default role always is. May be called several times.
    pub fn allow_role(mut self, role: impl Into<String>) -> Self {
        self.allowed_roles.push(role.into());
        self
    }

    /// The session role of requests without a token. Default `anonymous`.
    pub fn anonymous_role(mut self, role: impl Into<String>) -> Self {
        self.anonymous_role = role.into();
        self
    }

    /// Gives the requests of one session role a login of their own, by the URL of its database: transactions with this role
    /// connect as that login role, all others as that of [`connect`](Self::connect).
    ///
    /// # Security
    ///
    /// SQL that an attacker gets into a request can become every role that the login role may become, whatever the token says. A role that
    /// may do more than the others is out of its reach only with another login role, which is a member of this one alone.
    pub fn login_for_role(mut self, role: impl Into<String>, database_url: impl Into<String>) -> Self {
        self.logins.insert(role.into(), database_url.into());
        self
    }

    /// How many connections are open at most, for each session role. Default 10.
    ///
    /// Each session role has connections of its own, opened when they are needed and closed after 10 idle minutes, because PostgreSQL plans a
    /// prepared statement anew when the role changes (86 µs against 484 µs for one SELECT). With the roles `authenticated` and `anonymous` the
    /// server sees at most twice this number.
    pub fn max_connections(mut self, number: u32) -> Self {
        self.max_connections = number;
        self
    }

    /// How long a request waits for a connection before it gets [`Outage::Database`](crate::Outage::Database). Default 30 s.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// Connects to the database of a URL such as `postgres://user:password@host:port/database`.
    ///
    /// Checks the settings and the login role, and fetches the issuers' keys. An issuer that does not answer is logged and no error.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] names what is wrong with the settings, with the connection, or with the login role: one that row security does not
    /// bind is refused, as is one that cannot switch to the session roles.
    pub async fn connect(self, database_url: &str) -> Result<Authz, ConnectError> {
        let options = database_url.parse().map_err(|_| ConnectError::Url)?;
        self.connect_with(options).await
    }

    /// Connects with options of sqlx, for what a URL cannot say.
    ///
    /// sqlx's logging of statements is turned off on these connections: it would write users' claims into the log.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    pub async fn connect_with(self, options: PgConnectOptions) -> Result<Authz, ConnectError> {
        let roles = self.roles()?;
        let verifier = self.verifier()?;
        let logins = Logins::new(options, &self.logins, &roles)?;
        let warnings = logins.check(&roles).await?;
        verifier.warm_up().await;
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.acquire_timeout)
            // `Transaction::begin` notices a dead connection itself, one round trip cheaper.
            .test_before_acquire(false);
        let pools: BTreeMap<_, _> = roles
            .all()
            .map(|role| {
                let pool = pool.clone().connect_lazy_with(logins.of(role).clone());
                (role.clone(), pool)
            })
            .collect();
        Ok(Authz {
            inner: Arc::new(Inner {
                verifier,
                roles,
                pools,
                warnings,
            }),
        })
    }

    fn roles(&self) -> Result<Roles, ConnectError> {
        if self.role_claim.is_none() && !self.allowed_roles.is_empty() {
            return Err(ConnectError::NoRoleClaim);
        }
        let ident = |name: &String| Ident::new(name).map_err(ConnectError::RoleName);
        Ok(Roles {
            default: ident(&self.role)?,
            claim: self.role_claim.clone(),
            allowed: self.allowed_roles.iter().map(ident).collect::<Result<_, _>>()?,
            anonymous: ident(&self.anonymous_role)?,
        })
    }

    fn verifier(&self) -> Result<Verifier, ConnectError> {
        let mut trusted = Vec::new();
        for (position, issuer) in self.issuers.iter().enumerate() {
            let iss = issuer.name().to_owned();
            if self
                .issuers
                .iter()
                .take(position)
                .any(|other| other.name() == iss)
            {
                return Err(ConnectError::DuplicateIssuer { iss });
            }
            trusted.push(build(issuer.clone())?);
        }
        if trusted.is_empty() {
            Err(ConnectError::NoIssuer)
        } else {
            Verifier::new(
                trusted,
                self.leeway,
                self.cached_tokens,
                self.forwarded_claims.clone(),
            )
            .map_err(|_| ConnectError::NoRandomness)
        }
    }
}

/// Checks the settings of an issuer.
pub(crate) fn build(issuer: Issuer) -> Result<TrustedIssuer, ConnectError> {
    let iss = issuer.name().to_owned();
    issuer
        .build()
        .map_err(|problem| ConnectError::Issuer { iss, problem })
}
