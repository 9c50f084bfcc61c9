//! Settings, and what is made of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use authz_sql::{ANONYMOUS, AUTHENTICATED, Ident};
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use crate::authz::{Authz, Inner, Roles};
use crate::connect::{ConnectError, Logins};
use crate::issuer::Issuer;
use crate::pool;
use crate::verifier::{Verifier, VerifierBuilder};

/// Settings of an [`Authz`]. [`Authz::builder`] makes one; at least one [`issuer`](Self::issuer) is needed, or a
/// [`verifier`](Self::verifier).
#[derive(Debug, Clone)]
#[must_use]
pub struct Builder {
    verifier: Option<Verifier>,
    verifying: VerifierBuilder,
    forwarded_claims: Option<Vec<String>>,
    role: String,
    role_claim: Option<String>,
    allowed_roles: Vec<String>,
    anonymous_role: String,
    service_roles: Vec<String>,
    /// Nothing where the URL could not be read.
    bypass: Option<Option<PgConnectOptions>>,
    max_connections: u32,
    acquire_timeout: Duration,
    statement_timeout: Option<Duration>,
    idle_in_transaction_timeout: Option<Duration>,
    multiple_statements: bool,
    logins: BTreeMap<String, String>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            verifier: None,
            verifying: Verifier::builder(),
            forwarded_claims: None,
            role: AUTHENTICATED.to_owned(),
            role_claim: None,
            allowed_roles: Vec::new(),
            anonymous_role: ANONYMOUS.to_owned(),
            service_roles: Vec::new(),
            bypass: None,
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            statement_timeout: None,
            idle_in_transaction_timeout: Some(Duration::from_mins(1)),
            multiple_statements: false,
            logins: BTreeMap::new(),
        }
    }

    /// Verifies tokens with this one, in place of [`issuer`](Self::issuer), [`leeway`](Self::leeway) and [`cache_bytes`](Self::cache_bytes).
    ///
    /// Claims that it verifies, before or later, are good for [`Authz::begin_verified`].
    pub fn verifier(mut self, verifier: Verifier) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// As [`VerifierBuilder::issuer`].
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.verifying = self.verifying.issuer(issuer);
        self
    }

    /// As [`VerifierBuilder::leeway`].
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.verifying = self.verifying.leeway(leeway);
        self
    }

    /// As [`VerifierBuilder::cache_bytes`].
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.verifying = self.verifying.cache_bytes(bytes);
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

    /// How long a request waits for a connection before it gets [`Outage::Database`](crate::Outage::Database). Default 5 s.
    ///
    /// Within this time a server that is just starting is asked again and again.
    pub fn acquire_timeout(mut self, timeout: Duration) -> Self {
        self.acquire_timeout = timeout;
        self
    }

    /// How long a statement may run before the server ends it (`statement_timeout`). Default: as the server has it.
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = Some(timeout);
        self
    }

    /// How long a transaction may wait for its next statement before the server ends it
    /// (`idle_in_transaction_session_timeout`). Default 1 min; 0 means for ever.
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        self.idle_in_transaction_timeout = Some(timeout);
        self
    }

    /// Allows several statements in one text without bind values, as `sqlx::raw_sql` sends them. Default: the server refuses them.
    ///
    /// # Security
    ///
    /// Where user input gets into the text of SQL, what it can do is then whole statements instead of one expression.
    pub fn allow_multiple_statements(mut self) -> Self {
        self.multiple_statements = true;
        self
    }

    /// Allows [`Authz::service`](crate::Authz::service) with this role, which policies name by `to = "…"`. May be called several times. Default: none.
    pub fn service_role(mut self, role: impl Into<String>) -> Self {
        self.service_roles.push(role.into());
        self
    }

    /// The URL of a login for [`Authz::bypass`](crate::Authz::bypass): one that may do what the administration has to. Default: none, and `bypass` is refused.
    ///
    /// It is connected to when it is first used. What row security lets it see is the server's business: a superuser, a role with
    /// BYPASSRLS and one that policies name differ.
    pub fn bypass(mut self, database_url: &str) -> Self {
        self.bypass = Some(database_url.parse().ok());
        self
    }

    /// As [`bypass`](Self::bypass), with options of sqlx, for what a URL cannot say.
    pub fn bypass_with(mut self, options: PgConnectOptions) -> Self {
        self.bypass = Some(Some(options));
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
        let verifier = match self.verifier {
            Some(_) if !self.verifying.is_empty() => return Err(ConnectError::TwoVerifiers),
            Some(ref verifier) => verifier.clone(),
            None => self.verifying.clone().verifier()?,
        };
        let logins = Logins::new(options, &self.logins, &roles)?;
        let warnings = logins.check(&roles).await?;
        verifier.warm_up().await?;
        let open = |options: PgConnectOptions| {
            pool::open(self.with_settings(options), self.max_connections).map_err(ConnectError::Database)
        };
        let pools = roles
            .all()
            .map(|role| Ok((role.clone(), open(logins.of(role).clone())?)))
            .collect::<Result<BTreeMap<_, _>, ConnectError>>()?;
        let bypass = match &self.bypass {
            None => None,
            Some(options) => Some(open(options.clone().ok_or(ConnectError::Url)?)?),
        };
        Ok(Authz {
            inner: Arc::new(Inner {
                verifier,
                forwarded_claims: self.forwarded_claims,
                roles,
                pools,
                bypass,
                acquire_timeout: self.acquire_timeout,
                multiple_statements: self.multiple_statements,
                warnings,
            }),
        })
    }

    /// Settings that come with the start of each connection, and win over those that a role was given by `ALTER ROLE … SET`.
    fn with_settings(&self, options: PgConnectOptions) -> PgConnectOptions {
        let milliseconds = |timeout: Duration| timeout.as_millis().min(i32::MAX as u128).to_string();
        let mut settings = vec![
            ("row_security", "on".to_owned()),
            ("default_transaction_read_only", "off".to_owned()),
            ("default_transaction_deferrable", "off".to_owned()),
            // sqlx logs each notice: users' SQL would write into the log.
            ("client_min_messages", "error".to_owned()),
        ];
        let timeouts = [
            ("statement_timeout", self.statement_timeout),
            (
                "idle_in_transaction_session_timeout",
                self.idle_in_transaction_timeout,
            ),
        ];
        for (name, timeout) in timeouts {
            settings.extend(timeout.map(|timeout| (name, milliseconds(timeout))));
        }
        if cfg!(not(windows)) {
            // A server that finds its client gone ends the statement, so that a cancelled request does not go on there.
            settings.push(("client_connection_check_interval", "2000".to_owned()));
        }
        // What the caller has set stays.
        let given = options.get_options().unwrap_or_default().to_owned();
        settings.retain(|(name, _)| !given.contains(name));
        options.options(settings).disable_statement_logging()
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
            services: self.service_roles.iter().map(ident).collect::<Result<_, _>>()?,
        })
    }
}
