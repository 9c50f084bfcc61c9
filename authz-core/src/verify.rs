//! Checks tokens: their form, signature, issuer, audience and times.
//!
//! The order matters. Sizes come before any decoding; the issuer picks the keys, so that no issuer can sign for another; no claim but `iss`
//! is looked at before the signature. jsonwebtoken computes signatures and nothing else, because its own checks of claims pass over those
//! that a token does not have.

#[cfg(feature = "jwks-http")]
mod http;
mod json;
mod key;
mod source;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::crypto::aws_lc;
use serde_json::{Map, Value};

use crate::claims::Claims;
use crate::error::{Error, Reason};

#[cfg(feature = "jwks-http")]
pub(crate) use self::http::Http;
pub(crate) use self::key::Key;
pub(crate) use self::source::KeySource;
#[cfg(feature = "jwks-http")]
pub(crate) use self::source::Remote;

const MAX_TOKEN: usize = 8 * 1024;
const MAX_HEADER: usize = 1024;
const MAX_KID: usize = 256;

/// What is believed, and how exactly time is taken.
#[derive(Debug)]
pub(crate) struct Verifier {
    issuers: Vec<TrustedIssuer>,
    leeway: u64,
    /// Marks the claims that come from here.
    mark: Arc<()>,
}

/// An issuer with all that its tokens are checked against.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) iss: String,
    pub(crate) audience: Audience,
    pub(crate) keys: KeySource,
}

/// For whom tokens must be.
#[derive(Debug)]
pub(crate) enum Audience {
    Any,
    OneOf(Vec<String>),
}

impl Verifier {
    pub(crate) fn new(issuers: Vec<TrustedIssuer>, leeway: Duration) -> Self {
        // Whoever chose another provider before us keeps it; without any, jsonwebtoken panics if both its features are on.
        _ = aws_lc::DEFAULT_PROVIDER.install_default();
        Self {
            issuers,
            leeway: leeway.as_secs(),
            mark: Arc::default(),
        }
    }

    /// Fetches the keys of all issuers at once.
    pub(crate) async fn warm_up(&self) {
        futures_util::future::join_all(self.issuers.iter().map(|issuer| issuer.keys.warm_up())).await;
    }

    pub(crate) async fn verify(&self, token: &str) -> Result<Claims, Error> {
        let token = Token::parse(token)?;
        let iss = token.payload.get("iss").and_then(Value::as_str);
        let issuer = self.issuers.iter().find(|issuer| iss == Some(&*issuer.iss));
        let issuer = issuer.ok_or(Error::Rejected(Reason::Issuer))?;
        let keys = issuer.keys.find(token.kid.as_deref(), token.algorithm).await?;
        if !keys
            .iter()
            .any(|key| key.has_signed(token.message.as_bytes(), token.signature))
        {
            return Err(Error::Rejected(Reason::Signature));
        }
        let exp = self.check_claims(&token.payload, &issuer.audience)?;
        Ok(Claims {
            members: Arc::new(token.payload),
            exp,
            verifier: Arc::clone(&self.mark),
        })
    }

    /// Checks claims that were verified some time ago once more.
    pub(crate) fn check_still_good(&self, claims: &Claims) -> Result<(), Error> {
        if !Arc::ptr_eq(&claims.verifier, &self.mark) {
            return Err(Error::Rejected(Reason::OtherVerifier));
        }
        if self.has_passed(claims.exp) {
            Err(Error::Rejected(Reason::Expired))
        } else {
            Ok(())
        }
    }

    fn check_claims(&self, claims: &Map<String, Value>, audience: &Audience) -> Result<u64, Reason> {
        let exp = claims.get("exp").and_then(Value::as_u64).ok_or(Reason::Expired)?;
        if self.has_passed(exp) {
            return Err(Reason::Expired);
        }
        for name in ["nbf", "iat"] {
            if let Some(value) = claims.get(name) {
                let time = value.as_u64().ok_or(Reason::NotYetValid)?;
                if time > now().saturating_add(self.leeway) {
                    return Err(Reason::NotYetValid);
                }
            }
        }
        if !audience.admits(claims.get("aud")) {
            return Err(Reason::Audience);
        }
        if claims
            .get("sub")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err(Reason::Subject);
        }
        // PostgreSQL's text and jsonb cannot hold one: every query of this user would fail.
        if json::holds_nul(claims) {
            return Err(Reason::Nul);
        }
        Ok(exp)
    }

    fn has_passed(&self, exp: u64) -> bool {
        // RFC 7519, 4.1.4: not accepted on or after this time.
        now() >= exp.saturating_add(self.leeway)
    }
}

impl Audience {
    /// RFC 7519, 4.1.3: a string or an array of strings.
    fn admits(&self, aud: Option<&Value>) -> bool {
        let Self::OneOf(audiences) = self else { return true };
        let named = |value: &Value| {
            value
                .as_str()
                .is_some_and(|aud| audiences.iter().any(|own| own == aud))
        };
        match aud {
            Some(Value::Array(values)) => values.iter().all(Value::is_string) && values.iter().any(named),
            Some(value) => named(value),
            None => false,
        }
    }
}

/// A token taken apart. Nothing in it is believed yet.
struct Token<'a> {
    kid: Option<String>,
    algorithm: jsonwebtoken::Algorithm,
    payload: Map<String, Value>,
    /// What was signed: header and payload as they came.
    message: &'a str,
    signature: &'a str,
}

impl<'a> Token<'a> {
    /// Takes a compact JWS apart, RFC 7515 section 7.1: `header.payload.signature`.
    fn parse(token: &'a str) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(Reason::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(Reason::Malformed)?;
        // Base64 makes four characters of three bytes.
        if header.len() > MAX_HEADER.div_ceil(3) * 4 {
            return Err(Reason::TooLong);
        }
        let mut header = object(header)?;
        // The signature is decoded where it is verified; here its form is checked, which decides between malformed and wrong.
        BASE64_URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| Reason::Malformed)?;
        // RFC 7515, 4.1.11: what is critical and not understood must be refused. We understand none.
        if ["crit", "b64", "zip"]
            .into_iter()
            .any(|name| header.contains_key(name))
        {
            return Err(Reason::Extension);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Key::algorithm);
        let kid = match header.remove("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID => Some(kid),
            Some(Value::String(_)) => return Err(Reason::TooLong),
            Some(_) => return Err(Reason::Malformed),
        };
        let algorithm = algorithm.ok_or(Reason::Algorithm)?;
        Ok(Self {
            kid,
            algorithm,
            payload: object(payload)?,
            message,
            signature,
        })
    }
}

/// Decodes one part. The decoder takes neither padding, nor other alphabets, nor bits beyond the last byte, so that a token has one form.
fn object(part: &str) -> Result<Map<String, Value>, Reason> {
    let text = BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Reason::Malformed)?;
    json::object(&text).ok_or(Reason::Malformed)
}

fn now() -> u64 {
    // A clock before 1970 makes every token one of the future, or expired for want of a better guess.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(u64::MAX, |time| time.as_secs())
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        tracing::debug!(%reason, "a token is rejected");
        Self::Rejected(reason)
    }
}
