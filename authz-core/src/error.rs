//! What can go wrong with a request, told apart by the answer that the client should get.

use std::fmt;

/// Why a request has no transaction. [`Error::status`] is the HTTP status that fits.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The token proves nothing: 401. The reason is for logs; a client should learn no more than that.
    #[error("the token is rejected: {0}")]
    Rejected(Reason),
    /// The token is good, and what it asks for is not allowed: 403. It names a role that is not among the allowed ones.
    #[error("the role that the token asks for is not allowed")]
    Forbidden,
    /// It cannot be decided or done now, and may be later: 503.
    #[error("{0}")]
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
}

/// What a request would need and does not have at the moment.
#[derive(Debug, thiserror::Error)]
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
    /// The token has more than 8 KiB, its header more than 1 KiB, or its key id more than 256 bytes.
    TooLong,
    /// The token is no compact JWS: three parts in base64url, of which the first two are JSON objects without repeated members.
    Malformed,
    /// The header names an algorithm that is not accepted, or none.
    Algorithm,
    /// The header asks for an extension (`crit`, `b64`, `zip`); RFC 7515 has those rejected that are not understood.
    Extension,
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
    /// `sub` is missing, empty, or not a string.
    Subject,
    /// A text in the claims holds a NUL character, which PostgreSQL cannot store.
    Nul,
    /// The claims were verified by another [`Authz`](crate::Authz).
    OtherVerifier,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "it is too long",
            Self::Malformed => "it is not a well-formed JWT",
            Self::Algorithm => "its algorithm is not accepted",
            Self::Extension => "it asks for an extension that is not supported",
            Self::Issuer => "its issuer is not configured",
            Self::UnknownKey => "its key is unknown",
            Self::Signature => "its signature is wrong",
            Self::Audience => "it is meant for another audience",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet",
            Self::Subject => "it has no subject",
            Self::Nul => "a claim holds a NUL character",
            Self::OtherVerifier => "its claims were verified elsewhere",
        })
    }
}

/// Why a commit was none.
#[derive(Debug, thiserror::Error)]
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
