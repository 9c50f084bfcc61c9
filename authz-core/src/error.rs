//! What can go wrong with a request, told apart by the answer that the client should get.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Makes the `Debug` form of errors the message with those of its sources. A `main` that returns an error prints that form, and an
/// `unwrap` too: the name of a variant would hide what to do.
macro_rules! debug_is_message {
    ($($error:ty),+) => {$(
        impl std::fmt::Debug for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                crate::error::write_chain(self, f)
            }
        }
    )+};
}

pub(crate) use debug_is_message;

debug_is_message!(Error, Outage, KeysError, IssuerError, CommitError);

/// Writes an error and its sources, the outermost first.
pub(crate) fn write_chain(error: &dyn std::error::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let mut source = error.source();
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

/// Why a request has no transaction. [`Error::status`] is the HTTP status that fits.
///
/// Its `Debug` form is its message with those of its sources.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token proves nothing: 401. The reason is for logs; a client should learn no more than that.
    #[error("the token is rejected: {0}")]
    Rejected(RejectReason),
    /// The token is good, and what it asks for is not allowed: 403. It names a role that is not among the allowed ones.
    #[error("the role that the token asks for is not allowed")]
    Forbidden,
    /// It cannot be decided or done now, and may be later: 503.
    #[error(transparent)]
    Unavailable(Outage),
}

impl Error {
    /// The HTTP status that fits: 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Rejected(_) => 401,
            Self::Forbidden => 403,
            Self::Unavailable(_) => 503,
        }
    }

    /// What the client may be told: a code of RFC 6750, section 3.1, or `temporarily_unavailable`. It never says which check failed.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(_) => "invalid_token",
            Self::Forbidden => "insufficient_scope",
            Self::Unavailable(_) => "temporarily_unavailable",
        }
    }

    /// The value of the header `WWW-Authenticate` for a 401 or 403, as RFC 6750, section 3, has it. A request that brought no token is
    /// told nothing but the scheme.
    #[must_use]
    pub fn www_authenticate(&self) -> Option<&'static str> {
        match self {
            Self::Rejected(RejectReason::Missing) => Some("Bearer"),
            Self::Rejected(_) => Some("Bearer error=\"invalid_token\""),
            Self::Forbidden => Some("Bearer error=\"insufficient_scope\""),
            Self::Unavailable(_) => None,
        }
    }
}

/// What a request would need and does not have at the moment.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Outage {
    /// The issuer's keys could not be fetched, or those that were are too old to be trusted.
    #[error("the keys of the token's issuer are not available")]
    Keys(#[source] KeysError),
    /// The database did not give a transaction: it is down, all connections are in use, or it refused the role.
    #[error("the database gave no transaction")]
    Database(#[source] sqlx::Error),
}

/// Why the keys of an issuer could not be fetched, as far as the last attempt says. It holds no URL, since a URL may hold a password.
#[derive(Clone, thiserror::Error)]
#[error("{problem}")]
pub struct KeysError {
    problem: Cow<'static, str>,
    #[source]
    cause: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl KeysError {
    pub(crate) fn new(problem: impl Into<Cow<'static, str>>) -> Self {
        Self {
            problem: problem.into(),
            cause: None,
        }
    }

    /// The same with what the library says, which must show no URL.
    #[cfg_attr(
        not(feature = "jwks-http"),
        expect(dead_code, reason = "keys are fetched over http alone")
    )]
    pub(crate) fn caused_by(self, cause: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            cause: Some(Arc::new(cause)),
            ..self
        }
    }
}

/// Which check a token failed. Says nothing of the token's contents, so it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The request has no token.
    Missing,
    /// The header `Authorization` stands twice, or is not `Bearer` and one token.
    Header,
    /// The token has more than 8 KiB, its header more than 1 KiB, or its key id more than 256 bytes.
    TooLong,
    /// The token is no compact JWS: three parts in base64url, of which the first two are JSON objects without repeated members, at most 32 deep.
    Malformed,
    /// The header names an algorithm that is not accepted, or none.
    Algorithm,
    /// The header asks for an extension (`crit`, `b64`, `zip`), which RFC 7515 has rejected where it is not understood, or says that
    /// the content is encrypted or another JWT.
    Extension,
    /// The header brings a key along, or the address of one (`jwk`, `jku`, `x5c`, `x5u`).
    EmbeddedKey,
    /// The header's `typ` is not that of a token for this use, or an ID token came where those are refused.
    Type,
    /// `iss` is missing or names no configured issuer.
    Issuer,
    /// The issuer has no key with this key id and algorithm.
    UnknownKey,
    /// The signature does not fit.
    Signature,
    /// `aud` is missing, has the wrong form, or names none of the configured audiences.
    Audience,
    /// `exp` is missing, is not a number, or has passed.
    Expired,
    /// `nbf` or `iat` is not a number, is negative, or lies in the future.
    NotYetValid,
    /// `sub` is missing, empty, not a string, or not a uuid where it must be one.
    Subject,
    /// A claim that the issuer's settings ask for is missing or another, or one that they refuse is there.
    Claim,
    /// A text in the claims holds a NUL character, which PostgreSQL cannot store.
    Nul,
    /// A number in the claims has more digits than would be kept: an integer of over 64 bits, or a decimal of over 17 digits. Two
    /// such numbers could become one. As a string it is accepted.
    Number,
    /// The claims were verified by another [`Verifier`](crate::Verifier).
    OtherVerifier,
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none",
            Self::Header => "the Authorization header is not `Bearer` and one token",
            Self::TooLong => "it is too long",
            Self::Malformed => "it is not a well-formed JWT",
            Self::Algorithm => "its algorithm is not accepted",
            Self::Extension => "it asks for an extension that is not supported",
            Self::EmbeddedKey => "it brings its own key",
            Self::Type => "it is of another type",
            Self::Issuer => "its issuer is not configured",
            Self::UnknownKey => "its key is unknown",
            Self::Signature => "its signature is wrong",
            Self::Audience => "it is meant for another audience",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Subject => "it has no usable subject",
            Self::Claim => "a claim is not as its issuer's settings ask",
            Self::Nul => "a claim holds a NUL character",
            Self::Number => "a claim holds a number with more digits than can be kept",
            Self::OtherVerifier => "its claims were verified elsewhere",
        })
    }
}

impl From<RejectReason> for Error {
    fn from(reason: RejectReason) -> Self {
        tracing::debug!(%reason, "a token is rejected");
        Self::Rejected(reason)
    }
}

/// What is wrong with a configured issuer.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// Neither an audience was given nor was every audience allowed.
    #[error(
        "no audience is given; call `audience` or `authorized_party`, or `any_audience` if its tokens are meant for this program alone"
    )]
    NoAudience,
    /// Neither keys nor an address of keys were given.
    #[error(
        "no keys are given; call `discover`, `jwks_url`, `jwks_json`, `public_key_pem`, `key_file` or `shared_secret`"
    )]
    NoKeys,
    /// Both keys and an address of keys were given.
    #[error("both keys and a URL of keys are given; keep one")]
    TwoKeySources,
    /// A key that was given directly cannot be used.
    #[error(
        "a given key cannot be used; expected a public RSA key of 2048 to 8192 bits with a usual exponent, P-256, P-384 or \
         Ed25519, for signatures, and no private key"
    )]
    BadKey,
    /// A given set holds a private key or a shared secret: what verifies tokens should not be able to sign them.
    #[error(
        "a given key set holds a private key or a shared secret; expected public keys, and secrets by `shared_secret`"
    )]
    SecretKey,
    /// A shared secret is too short.
    #[error("the shared secret is too short; expected at least 32 bytes, as RFC 7518 demands for HS256")]
    ShortSecret,
    /// Two different keys that are given, by one call or by several, have the same key id and algorithm.
    #[error(
        "two different keys that are given have the key id `{kid}`; expected one key for each id and algorithm"
    )]
    SameKeyId {
        /// The key id.
        kid: String,
    },
    /// A file of keys cannot be read, or holds no key that can be used.
    #[error("the key file `{}` cannot be used", path.display())]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// An error of `std::io`, or one of these about what the file holds.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The discovery document at the address of the issuer is that of another issuer.
    #[error(
        "its discovery document names the issuer `{found}`; give the issuer by exactly that name, where a slash at the end counts"
    )]
    OtherIssuer {
        /// The name in the document.
        found: String,
    },
    /// The address of the keys is no URL.
    #[error("the URL of its keys is not valid")]
    BadUrl,
    /// The address of the keys is not https.
    #[error("the URL of its keys is not https; http is for this machine alone, after `allow_loopback_http`")]
    NotHttps,
    /// TLS could not be set up, for instance because the system has no root certificates.
    #[error("TLS cannot be set up on this machine")]
    NoTls,
    /// An address was given, and the feature that fetches it is off.
    #[error("its keys cannot be fetched; turn on the feature `jwks-http` of authz, or give the keys")]
    FetchingIsOff,
}

/// Two are equal that say the same, their sources included.
impl PartialEq for IssuerError {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

impl Eq for IssuerError {}

/// Why a commit was none.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A statement had failed, so the transaction was rolled back as a whole. sqlx's own `commit` says `Ok` here.
    #[error("nothing was committed, because a statement of the transaction had failed")]
    RolledBack,
    /// A statement had already ended the transaction (`COMMIT` or `ROLLBACK` as SQL text). Whether its changes were
    /// kept is for the one who wrote that statement to say.
    #[error("a statement had ended the transaction before its commit")]
    AlreadyEnded,
    /// The server refused the commit, for instance because a deferred constraint failed, and nothing was committed; or
    /// the connection broke, and it is unknown whether something was.
    #[error("the database did not confirm the commit")]
    Database(#[source] sqlx::Error),
}

impl CommitError {
    /// The HTTP status that fits.
    ///
    /// | what happened | status |
    /// |---|---|
    /// | a deferred constraint failed (SQLSTATE class 23) | 409 |
    /// | a deferred trigger found that the user may not (42501) | 403 |
    /// | another transaction was in the way (class 40), the server is short of something or goes down (classes 53, 57 and 58), or the connection broke (class 08, or no answer) | 503 |
    /// | all else: statements of the program are wrong | 500 |
    ///
    /// With 503 for a broken connection it is unknown whether the changes were kept: before a request is tried again it has to be
    /// one that may be done twice.
    #[must_use]
    pub fn status(&self) -> u16 {
        let Self::Database(error) = self else {
            return 500;
        };
        let Some(error) = error.as_database_error() else {
            return 503;
        };
        let code = error.code().unwrap_or_default();
        match code.get(..2) {
            _ if code == "42501" => 403,
            Some("23") => 409,
            Some("08" | "40" | "53" | "57" | "58") => 503,
            _ => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::{ConnectError, IssuerError};

    /// What `main` prints when it returns the error.
    fn returned(error: impl std::error::Error + 'static) -> String {
        let error: Box<dyn std::error::Error> = Box::new(error);
        format!("{error:?}")
    }

    #[test]
    fn a_main_that_returns_an_error_prints_what_happened_and_what_to_do() {
        let missing = ConnectError::MissingRole {
            role: "authenticated".to_owned(),
        };
        assert_eq!(
            returned(missing),
            "the role `authenticated` does not exist; run the migrations, or `CREATE ROLE authenticated NOLOGIN`"
        );
        let issuer = ConnectError::Issuer {
            iss: "https://login.example.com".to_owned(),
            problem: IssuerError::NoAudience,
        };
        assert!(
            returned(issuer)
                .starts_with("issuer `https://login.example.com`: no audience is given; call `audience`")
        );
        assert_eq!(
            returned(ConnectError::Database(sqlx::Error::PoolTimedOut)),
            format!("cannot connect to the database: {}", sqlx::Error::PoolTimedOut)
        );
    }

    #[test]
    fn an_outage_of_keys_keeps_its_cause() {
        let cause = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = Error::Unavailable(Outage::Keys(KeysError::new("no answer").caused_by(cause)));
        assert_eq!(error.status(), 503);
        let keys = error.source().unwrap();
        assert_eq!(keys.to_string(), "no answer");
        assert_eq!(keys.source().unwrap().to_string(), "connection refused");
        assert_eq!(
            returned(error),
            "the keys of the token's issuer are not available: no answer: connection refused"
        );
        let plain = Error::Unavailable(Outage::Keys(KeysError::new("the answer is not 200")));
        assert!(plain.source().unwrap().source().is_none());
        assert!(Error::Rejected(RejectReason::Expired).source().is_none());
    }

    #[test]
    fn a_commit_that_was_none_has_a_status() {
        for (error, status) in [
            (CommitError::RolledBack, 500),
            (CommitError::AlreadyEnded, 500),
            (CommitError::Database(sqlx::Error::PoolClosed), 503),
            (
                CommitError::Database(sqlx::Error::Io(std::io::ErrorKind::BrokenPipe.into())),
                503,
            ),
        ] {
            assert_eq!(error.status(), status, "{error}");
        }
    }

    #[test]
    fn an_outage_names_its_source_once() {
        let error = Error::Unavailable(Outage::Database(sqlx::Error::PoolClosed));
        assert_eq!(error.to_string(), "the database gave no transaction");
        assert_eq!(
            returned(error),
            format!("the database gave no transaction: {}", sqlx::Error::PoolClosed)
        );
        assert_eq!(
            returned(Error::Rejected(RejectReason::Expired)),
            "the token is rejected: it has expired"
        );
    }
}
