//! Takes a token apart, strictly and before any cryptography. Nothing in it is believed yet.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};

use super::json::{self, Bad};
use super::key::Key;
use crate::error::RejectReason;

/// The longest token, in bytes.
pub(crate) const MAX_TOKEN: usize = 8 * 1024;
/// The longest header, in bytes of JSON.
const MAX_HEADER: usize = 1024;
/// The longest key id, in bytes.
const MAX_KID: usize = 256;

/// The longest part in base64 that a header may be: four characters of three bytes.
const MAX_HEADER_PART: usize = MAX_HEADER.div_ceil(3) * 4;

/// A compact JWS, RFC 7515 section 7.1: `header.payload.signature`.
pub(crate) struct Token<'a> {
    pub(crate) kid: Option<String>,
    pub(crate) algorithm: Algorithm,
    /// `typ` in lower case, without the `application/` that it may leave out (RFC 7515, 4.1.9).
    pub(super) token_type: Option<String>,
    /// The payload's bytes, whatever they are.
    payload: Vec<u8>,
    /// What was signed: header and payload as they came.
    pub(crate) message: &'a str,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Reads the form of a token: sizes, three parts in canonical base64url, a header that is a JSON object without repeated members
    /// and asks for nothing which we do not do. The payload is read by [`claims`](Self::claims).
    pub(crate) fn parse(token: &'a str) -> Result<Self, RejectReason> {
        if token.len() > MAX_TOKEN {
            return Err(RejectReason::TooLong);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(RejectReason::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(RejectReason::Malformed)?;
        if header.len() > MAX_HEADER_PART {
            return Err(RejectReason::TooLong);
        }
        let mut header = json::object(&decode(header)?).ok_or(RejectReason::Malformed)?;
        let signature = decode(signature)?;
        // RFC 7515, 4.1.11: what is critical and not understood must be refused. We understand none. A JWT in a JWT and an
        // encrypted one (RFC 7519, 5.2; RFC 7516) are other formats.
        if ["crit", "b64", "zip", "enc"]
            .into_iter()
            .any(|name| header.contains_key(name))
            || header.get("cty").is_some_and(is_jwt)
        {
            return Err(RejectReason::Extension);
        }
        // A key that the token brings along is nobody's (CVE-2018-0114; RFC 8725, 3.10).
        if ["jwk", "jku", "x5c", "x5u"]
            .into_iter()
            .any(|name| header.contains_key(name))
        {
            return Err(RejectReason::EmbeddedKey);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Key::algorithm);
        let kid = match header.remove("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID => Some(kid),
            Some(Value::String(_)) => return Err(RejectReason::TooLong),
            Some(_) => return Err(RejectReason::Malformed),
        };
        let token_type = match header.remove("typ") {
            None => None,
            Some(Value::String(name)) => Some(media_type(&name)),
            Some(_) => return Err(RejectReason::Malformed),
        };
        Ok(Self {
            kid,
            algorithm: algorithm.ok_or(RejectReason::Algorithm)?,
            token_type,
            payload: decode(payload)?,
            message,
            signature,
        })
    }

    /// The payload as claims: a JSON object without repeated members, whose numbers keep their value.
    pub(crate) fn claims(&self) -> Result<Map<String, Value>, RejectReason> {
        json::claims(&self.payload).map_err(|bad| match bad {
            Bad::Form => RejectReason::Malformed,
            Bad::Number => RejectReason::Number,
        })
    }

    /// Whether a text in the payload may hold a NUL character, which JSON can only write as an escape.
    pub(super) fn may_hold_nul(&self) -> bool {
        self.payload.contains(&b'\\')
    }
}

/// The name of a media type as it is compared: in lower case, without `application/`.
pub(crate) fn media_type(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    match name.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.to_owned(),
        _ => name,
    }
}

fn is_jwt(content_type: &Value) -> bool {
    // Whatever is no text is no content type either.
    content_type.as_str().is_none_or(|name| media_type(name) == "jwt")
}

/// Decodes one part. The decoder takes neither padding, nor other alphabets, nor bits beyond the last byte, so that a token has one form.
fn decode(part: &str) -> Result<Vec<u8>, RejectReason> {
    BASE64_URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| RejectReason::Malformed)
}
