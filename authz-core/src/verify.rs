//! Checks tokens: their form, signature, issuer, audience and times.
//!
//! The order matters. Sizes come before any decoding; the issuer picks the keys, so that no issuer can sign for another; no claim but `iss`
//! is looked at before the signature. The cryptography is the library's; what is signed, by which key and what it says is checked here.

mod claims;
#[cfg(feature = "jwks-http")]
mod http;
mod json;
mod key;
mod rules;
mod source;
mod token;
mod trusted;

use crate::error::RejectReason;

pub(crate) use self::claims::Mark;
pub use self::claims::VerifiedClaims;
#[cfg(feature = "jwks-http")]
pub(crate) use self::http::Http;
pub(crate) use self::key::{BadSet, Key};
pub(crate) use self::rules::{Audience, Rules, TokenType};
pub(crate) use self::source::KeySource;
#[cfg(feature = "jwks-http")]
pub(crate) use self::source::Remote;
pub(crate) use self::token::{MAX_TOKEN, Token, media_type};
pub(crate) use self::trusted::TrustedIssuer;

/// Checks the form of a token alone.
///
/// # Errors
///
/// As [`Verifier::verify`](crate::Verifier::verify), for the form.
pub fn parse(token: &str) -> Result<(), RejectReason> {
    Token::parse(token)?.claims().map(drop)
}

/// Checks the form of a token and its signature by the keys of a set, and nothing that it says: its payload may be anything.
///
/// # Errors
///
/// As [`Verifier::verify`](crate::Verifier::verify), for form, key and signature.
pub fn check_signature(jwks: &str, token: &str) -> Result<(), RejectReason> {
    let token = Token::parse(token)?;
    let kid = token.kid.as_deref();
    check(
        jwks,
        kid,
        token.algorithm,
        token.message.as_bytes(),
        &token.signature,
    )
}

/// Checks a signature of any message by those keys of a set that are for this algorithm.
///
/// # Errors
///
/// [`RejectReason::Algorithm`], [`RejectReason::UnknownKey`] or [`RejectReason::Signature`].
pub fn check_message(
    jwks: &str,
    algorithm: &str,
    message: &[u8],
    signature: &[u8],
) -> Result<(), RejectReason> {
    let algorithm = Key::algorithm(algorithm).ok_or(RejectReason::Algorithm)?;
    check(jwks, None, algorithm, message, signature)
}

fn check(
    jwks: &str,
    kid: Option<&str>,
    algorithm: jsonwebtoken::Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), RejectReason> {
    let keys = Key::from_jwks(jwks.as_bytes()).map_err(|_| RejectReason::UnknownKey)?;
    let mut fitting = keys.iter().filter(|key| key.fits(kid, algorithm)).peekable();
    if fitting.peek().is_none() {
        return Err(RejectReason::UnknownKey);
    }
    let signed = fitting.any(|key| key.has_signed(message, signature));
    if signed {
        Ok(())
    } else {
        Err(RejectReason::Signature)
    }
}
