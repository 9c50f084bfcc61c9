//! Public keys, each for one algorithm.
//!
//! A key never serves two algorithms (RFC 8725, 3.1): what the key is decides, and the token's header can only agree.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// More keys than this in one set are a mistake or an attack; the rest is left out.
const MAX_KEYS: usize = 100;

/// The smallest and largest RSA modulus, in bytes: 2048 and 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A public key for one algorithm.
#[derive(Clone)]
pub(crate) struct Key {
    kid: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// A JSON Web Key, RFC 7517, as far as we read it.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    /// The private part. Whoever publishes it has no secret left, so such a key is not used.
    d: Option<Value>,
}

impl Key {
    /// The algorithm that a token's header names, when it is one that we accept.
    pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
        Some(match name {
            "RS256" => Algorithm::RS256,
            "RS384" => Algorithm::RS384,
            "RS512" => Algorithm::RS512,
            "PS256" => Algorithm::PS256,
            "PS384" => Algorithm::PS384,
            "PS512" => Algorithm::PS512,
            "ES256" => Algorithm::ES256,
            "ES384" => Algorithm::ES384,
            // RFC 9864 calls EdDSA with this curve Ed25519.
            "EdDSA" | "Ed25519" => Algorithm::EdDSA,
            _ => return None,
        })
    }

    /// Reads a set of keys, RFC 7517 section 5, or a single key. Keys that we cannot use are skipped, as the RFC says.
    pub(crate) fn from_jwks(text: &[u8]) -> Option<Vec<Self>> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let values = match value.get("keys") {
            Some(keys) => keys.as_array()?.clone(),
            None => vec![value],
        };
        let mut keys: Vec<Self> = values
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(Self::from_jwk)
            .collect();
        // Of two keys by one name, one may have been slipped in; neither is used.
        let names: Vec<_> = keys.iter().map(|key| (key.kid.clone(), key.algorithm)).collect();
        keys.retain(|key| {
            let same = |(kid, algorithm): &&_| *kid == key.kid && *algorithm == key.algorithm;
            key.kid.is_none() || names.iter().filter(same).count() == 1
        });
        Some(keys)
    }

    /// Reads a public key in PEM: RSA (for RS256), P-256 (ES256), P-384 (ES384) or Ed25519 (`EdDSA`).
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            // An uncompressed point is one byte and two coordinates.
            let algorithm = match key.try_get_as_bytes().ok()?.len() {
                65 => Algorithm::ES256,
                97 => Algorithm::ES384,
                _ => return None,
            };
            return Some(Self {
                kid: None,
                algorithm,
                key,
            });
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            return Some(Self {
                kid: None,
                algorithm: Algorithm::EdDSA,
                key,
            });
        }
        let key = DecodingKey::from_rsa_pem(pem).ok()?;
        // The encoding adds some bytes to the modulus. The verifier has the exact limit again.
        (key.try_get_as_bytes().ok()?.len() >= *RSA_BYTES.start()).then_some(Self {
            kid: None,
            algorithm: Algorithm::RS256,
            key,
        })
    }

    fn from_jwk(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk
                .key_ops
                .as_deref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"))
            && jwk.d.is_none();
        if !for_signatures {
            return None;
        }
        let named = match &jwk.alg {
            Some(name) => Some(Self::algorithm(name)?),
            None => None,
        };
        let (own, key) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", None) => (named.filter(|&a| is_rsa(a)), rsa(&jwk)?),
            ("EC", Some("P-256")) => (Some(Algorithm::ES256), point(&jwk, 32)?),
            ("EC", Some("P-384")) => (Some(Algorithm::ES384), point(&jwk, 48)?),
            ("OKP", Some("Ed25519")) => (Some(Algorithm::EdDSA), ed25519(&jwk)?),
            // Above all `oct`: a shared secret in a published set is no secret.
            _ => return None,
        };
        let algorithm = match (own, named) {
            (Some(own), None) => own,
            (Some(own), Some(named)) if own == named => own,
            // RFC 7518 recommends RS256, and every issuer that does not say signs with it.
            (None, None) => Algorithm::RS256,
            _ => return None,
        };
        Some(Self {
            kid: jwk.kid,
            algorithm,
            key,
        })
    }

    /// Whether this key may have signed a token with this header. A key without a name fits every name.
    pub(super) fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let same_kid = match (kid, self.kid.as_deref()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        same_kid && self.algorithm == algorithm
    }

    /// Whether this is this key's signature of the message.
    pub(super) fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        jsonwebtoken::crypto::verify(signature, message, &self.key, self.algorithm).unwrap_or(false)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

fn is_rsa(algorithm: Algorithm) -> bool {
    !matches!(algorithm, Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA)
}

fn rsa(jwk: &Jwk) -> Option<DecodingKey> {
    let modulus = bytes(jwk.n.as_deref()?)?;
    let length = modulus.iter().skip_while(|byte| **byte == 0).count();
    let exponent = bytes(jwk.e.as_deref()?)?;
    let odd = exponent.last().is_some_and(|byte| byte % 2 == 1) && exponent != [1];
    (RSA_BYTES.contains(&length) && odd).then(|| DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn point(jwk: &Jwk, coordinate: usize) -> Option<DecodingKey> {
    let (x, y) = (jwk.x.as_deref()?, jwk.y.as_deref()?);
    let whole = bytes(x)?.len() == coordinate && bytes(y)?.len() == coordinate;
    whole
        .then(|| DecodingKey::from_ec_components(x, y).ok())
        .flatten()
}

fn ed25519(jwk: &Jwk) -> Option<DecodingKey> {
    let x = jwk.x.as_deref()?;
    (bytes(x)?.len() == 32)
        .then(|| DecodingKey::from_ed_components(x).ok())
        .flatten()
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(jwk: &str) -> usize {
        Key::from_jwks(format!(r#"{{"keys": [{jwk}]}}"#).as_bytes())
            .unwrap()
            .len()
    }

    fn rsa_key(modulus_bytes: usize, members: &str) -> String {
        let n = BASE64_URL_SAFE_NO_PAD.encode(vec![0xff; modulus_bytes]);
        format!(r#"{{"kty": "RSA", "n": "{n}", "e": "AQAB"{members}}}"#)
    }

    #[test]
    fn a_key_for_signatures_is_taken_and_one_for_anything_else_skipped() {
        for members in [
            "",
            r#", "use": "sig""#,
            r#", "key_ops": ["verify"]"#,
            r#", "alg": "PS384""#,
        ] {
            assert_eq!(count(&rsa_key(256, members)), 1, "{members}");
        }
        for members in [
            r#", "use": "enc""#,
            r#", "key_ops": ["encrypt"]"#,
            r#", "alg": "RSA-OAEP""#,
            r#", "alg": "ES256""#,
            r#", "alg": "HS256""#,
            r#", "d": "AQAB""#,
            r#", "crv": "P-256""#,
        ] {
            assert_eq!(count(&rsa_key(256, members)), 0, "{members}");
        }
    }

    #[test]
    fn rsa_keys_below_2048_bits_are_skipped() {
        assert_eq!(count(&rsa_key(256, "")), 1);
        assert_eq!(count(&rsa_key(255, "")), 0);
        assert_eq!(count(&rsa_key(128, "")), 0);
    }

    #[test]
    fn a_shared_secret_is_never_a_key() {
        assert_eq!(count(r#"{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}"#), 0);
        assert_eq!(count(r#"{"kty": "oct", "k": "c2VjcmV0"}"#), 0);
    }

    #[test]
    fn a_bad_key_does_not_spoil_the_others() {
        let keys = format!(r#"{{"kty": 5}}, "x", {}"#, rsa_key(256, ""));
        assert_eq!(count(&keys), 1);
    }

    #[test]
    fn two_keys_by_one_name_are_both_skipped() {
        let (one, other) = (rsa_key(256, r#", "kid": "a""#), rsa_key(257, r#", "kid": "a""#));
        assert_eq!(count(&format!("{one}, {other}")), 0);
        let other = rsa_key(257, r#", "kid": "b""#);
        assert_eq!(count(&format!("{one}, {other}")), 2);
    }

    #[test]
    fn a_set_that_is_no_set_is_refused() {
        for text in ["", "[]x", "<html>", r#"{"keys": 5}"#] {
            assert!(Key::from_jwks(text.as_bytes()).is_none(), "{text}");
        }
    }
}
