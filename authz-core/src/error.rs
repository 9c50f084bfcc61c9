//! What can go wrong with a request, told apart by the answer that the client should get.

use std::fmt;

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

debug_is_message!(Error, Outage, CommitError);

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
    Rejected(Reason),
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
            Self::Rejected(Reason::Missing) => Some("Bearer"),
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
    Keys,
    /// The database did not give a transaction: it is down, all connections are in use, or it refused the role.
    #[error("the database gave no transaction")]
    Database(#[source] sqlx::Error),
}

/// Which check a token failed. Says nothing of the token's contents, so it can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
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
    /// `exp` is missing, is not an integer, or has passed.
    Expired,
    /// `nbf` or `iat` is not an integer or lies in the future.
    NotYetValid,
    /// `sub` is missing, empty, not a string, or not a uuid where it must be one.
    Subject,
    /// A claim that the issuer's settings ask for is missing or another, or one that they refuse is there.
    Claim,
    /// A text in the claims holds a NUL character, which PostgreSQL cannot store.
    Nul,
    /// The claims were verified by another [`Authz`](crate::Authz).
    OtherVerifier,
}

impl fmt::Display for Reason {
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
            Self::OtherVerifier => "its claims were verified elsewhere",
        })
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConnectError, IssuerProblem};

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
            problem: IssuerProblem::NoAudience,
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
    fn an_outage_names_its_source_once() {
        let error = Error::Unavailable(Outage::Database(sqlx::Error::PoolClosed));
        assert_eq!(error.to_string(), "the database gave no transaction");
        assert_eq!(
            returned(error),
            format!("the database gave no transaction: {}", sqlx::Error::PoolClosed)
        );
        assert_eq!(
            returned(Error::Rejected(Reason::Expired)),
            "the token is rejected: it has expired"
        );
    }
}
