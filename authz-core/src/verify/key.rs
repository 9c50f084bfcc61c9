//! Keys, each for one algorithm.
//!
//! A key never serves two algorithms (RFC 8725, 3.1): what the key is decides, and the token's header can only agree. Public keys are
//! parsed once, when they arrive, so that a point off its curve is refused there and a verification is the signature check alone.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::json;

/// More keys than this in one set are a mistake or an attack; the rest is left out.
const MAX_KEYS: usize = 100;

/// The most bits of an RSA exponent, as `BoringSSL` and its relatives have it (RFC 8017, 3.1 asks for an odd number from 3).
const MAX_EXPONENT_BITS: u32 = 33;

/// The smallest and largest RSA modulus, in bytes: 2048 and 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// The least bytes of a shared secret for HS256 (RFC 7518, 3.2): as many as the hash has.
const MIN_SECRET: usize = 32;

/// The points of small order on Ed25519, under which a signature can be good for many messages, in all their encodings but for
/// the sign of x, which is the highest bit of the last byte.
const SMALL_ORDER: [[u8; 32]; 7] = [
    point_of(0x00, 0x00, 0x00),
    point_of(0x01, 0x00, 0x00),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
    // p - 1, p and p + 1, of which the last two stand for 0 and 1.
    point_of(0xec, 0xff, 0x7f),
    point_of(0xed, 0xff, 0x7f),
    point_of(0xee, 0xff, 0x7f),
];

/// Thirty-two bytes: one, thirty alike, one.
const fn point_of(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    let [start, .., end] = &mut bytes;
    *start = first;
    *end = last;
    bytes
}

/// A key for one algorithm.
#[derive(Clone)]
pub(crate) struct Key {
    inner: Arc<Inner>,
}

struct Inner {
    kid: Option<String>,
    algorithm: Algorithm,
    check: Check,
}

/// What tells whether a signature is good.
enum Check {
    Public(ParsedPublicKey),
    Shared(Box<hmac::Key>),
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
}

/// Why a whole set of keys is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BadSet {
    /// It is no JSON Web Key Set, or a member stands in it twice.
    Malformed,
    /// It publishes a private key or a shared secret: whoever reads it can sign.
    Secret,
    /// It has no key that we can use.
    Empty,
    /// All that it has are different keys by one id: this one, or several.
    Ambiguous(String),
}

impl BadSet {
    /// For the log.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Malformed => "it is no key set",
            Self::Secret => "it publishes a private key or a shared secret",
            Self::Empty => "it holds no usable key",
            Self::Ambiguous(_) => "it holds different keys by one key id and algorithm, and no other key",
        }
    }
}

impl Key {
    /// The algorithm that a token's header names, when it is one that we accept.
    pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
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
            // No key of this algorithm comes from a set: only a secret that the program gave serves it.
            "HS256" => Algorithm::HS256,
            _ => return None,
        })
    }

    /// Reads a set of keys, RFC 7517 section 5, or a single key. Keys that we cannot use are skipped, as the RFC says.
    pub(crate) fn from_jwks(text: &[u8]) -> Result<Vec<Self>, BadSet> {
        let mut set = json::object(text).ok_or(BadSet::Malformed)?;
        let values = match set.remove("keys") {
            Some(Value::Array(keys)) => keys,
            Some(_) => return Err(BadSet::Malformed),
            None => vec![Value::Object(set)],
        };
        if values.iter().any(is_secret) {
            return Err(BadSet::Secret);
        }
        if values.len() > MAX_KEYS {
            tracing::warn!(
                keys = values.len(),
                "a key set is too large: the keys behind the first {MAX_KEYS} are not used"
            );
        }
        let keys = values.into_iter().take(MAX_KEYS).filter_map(|value| {
            let key = Self::from_jwk(value);
            if key.is_none() {
                tracing::warn!("a key of a key set is skipped: it cannot be used for verifying signatures");
            }
            key
        });
        let keys = Self::once(keys);
        // Of two keys by one name, one may have been slipped in; neither is used.
        let (clear, ambiguous): (Vec<_>, Vec<_>) =
            keys.iter().cloned().partition(|key| key.rival(&keys).is_none());
        for key in &ambiguous {
            tracing::warn!(
                kid = key.kid(),
                "a key of a key set is skipped: another key has the same key id and algorithm"
            );
        }
        match ambiguous.first().and_then(Self::kid) {
            _ if !clear.is_empty() => Ok(clear),
            Some(kid) => Err(BadSet::Ambiguous(kid.to_owned())),
            None => Err(BadSet::Empty),
        }
    }

    /// Leaves out what is the same key under the same name once more.
    pub(crate) fn once(keys: impl IntoIterator<Item = Self>) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for key in keys {
            if all.iter().any(|known| known.is_same(&key)) {
                tracing::warn!(kid = key.kid(), "a key is given twice, and counts once");
            } else {
                all.push(key);
            }
        }
        all
    }

    /// Another of these keys that has the same name and algorithm.
    pub(crate) fn rival<'a>(&self, keys: &'a [Self]) -> Option<&'a Self> {
        let (kid, algorithm) = (self.kid()?, self.inner.algorithm);
        keys.iter().find(|other| {
            other.kid() == Some(kid) && other.inner.algorithm == algorithm && !other.is_same(self)
        })
    }

    /// Its name, if it has one.
    pub(crate) fn kid(&self) -> Option<&str> {
        self.inner.kid.as_deref()
    }

    /// Reads a public key in PEM: RSA (for RS256), P-256 (ES256), P-384 (ES384) or Ed25519 (`EdDSA`).
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        if let Ok(key) = DecodingKey::from_ec_pem(pem) {
            let point = key.try_get_as_bytes().ok()?;
            // An uncompressed point is one byte and two coordinates.
            let algorithm = match point.len() {
                65 => Algorithm::ES256,
                97 => Algorithm::ES384,
                _ => return None,
            };
            return ec(algorithm, point).map(|check| Self::new(None, algorithm, check));
        }
        if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            let check = ed25519(key.try_get_as_bytes().ok()?)?;
            return Some(Self::new(None, Algorithm::EdDSA, check));
        }
        let key = DecodingKey::from_rsa_pem(pem).ok()?;
        let (n, e) = rsa_components(key.try_get_as_bytes().ok()?)?;
        let check = rsa(Algorithm::RS256, n, e)?;
        Some(Self::new(None, Algorithm::RS256, check))
    }

    /// A secret that the issuer and the program share, for HS256.
    pub(crate) fn from_secret(secret: &[u8]) -> Option<Self> {
        let key = || Check::Shared(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)));
        (secret.len() >= MIN_SECRET).then(|| Self::new(None, Algorithm::HS256, key()))
    }

    fn new(kid: Option<String>, algorithm: Algorithm, check: Check) -> Self {
        Self {
            inner: Arc::new(Inner {
                kid,
                algorithm,
                check,
            }),
        }
    }

    fn from_jwk(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let for_signatures = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk
                .key_ops
                .as_deref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures {
            return None;
        }
        let named = match &jwk.alg {
            Some(name) => Some(Self::algorithm(name)?),
            None => None,
        };
        let own = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            // RFC 7518 recommends RS256, and every issuer that does not say signs with it.
            ("RSA", None) => named
                .filter(|&named| rsa_parameters(named).is_some())
                .or_else(|| named.is_none().then_some(Algorithm::RS256))?,
            ("EC", Some("P-256")) => Algorithm::ES256,
            ("EC", Some("P-384")) => Algorithm::ES384,
            ("OKP", Some("Ed25519")) => Algorithm::EdDSA,
            _ => return None,
        };
        if named.is_some_and(|named| named != own) {
            return None;
        }
        let bytes = |text: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let check = match own {
            Algorithm::ES256 => ec(own, &point(&bytes(&jwk.x)?, &bytes(&jwk.y)?, 32)?)?,
            Algorithm::ES384 => ec(own, &point(&bytes(&jwk.x)?, &bytes(&jwk.y)?, 48)?)?,
            Algorithm::EdDSA => ed25519(&bytes(&jwk.x)?)?,
            _ => rsa(own, &bytes(&jwk.n)?, &bytes(&jwk.e)?)?,
        };
        Some(Self::new(jwk.kid, own, check))
    }

    /// Whether this key may have signed a token with this header. A key without a name fits every name.
    pub(crate) fn fits(&self, kid: Option<&str>, algorithm: Algorithm) -> bool {
        let same_kid = match (kid, self.inner.kid.as_deref()) {
            (Some(wanted), Some(own)) => wanted == own,
            _ => true,
        };
        same_kid && self.inner.algorithm == algorithm
    }

    /// Whether this is this key's signature of the message.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.inner.check {
            Check::Public(key) => key.verify_sig(message, signature).is_ok(),
            // In constant time.
            Check::Shared(key) => hmac::verify(key, message, signature).is_ok(),
        }
    }

    /// Whether it is the same key under the same name.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let (own, other) = (&self.inner, &other.inner);
        let same_key = match (&own.check, &other.check) {
            (Check::Public(own), Check::Public(other)) => own.as_ref() == other.as_ref(),
            // Secrets do not change while the program runs.
            _ => Arc::ptr_eq(own, other),
        };
        own.kid == other.kid && own.algorithm == other.algorithm && same_key
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.inner.algorithm)
            .finish_non_exhaustive()
    }
}

/// Whether a key holds what only its owner may know: a shared secret, or the private part of a pair.
fn is_secret(jwk: &Value) -> bool {
    jwk.get("kty").and_then(Value::as_str) == Some("oct")
        || ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]
            .into_iter()
            .any(|private| jwk.get(private).is_some())
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn rsa(algorithm: Algorithm, modulus: &[u8], exponent: &[u8]) -> Option<Check> {
    let (n, e) = (without_zeros(modulus), without_zeros(exponent));
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let usual_exponent = is_odd(e) && e != [1] && bits(e) <= u64::from(MAX_EXPONENT_BITS);
    // A product of odd primes is odd.
    if !RSA_BYTES.contains(&n.len()) || !is_odd(n) || !usual_exponent || has_roca_fingerprint(n) {
        return None;
    }
    let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(rsa_parameters(algorithm)?);
    key.ok().map(Check::Public)
}

/// How many bits a number without zeros at its start has.
fn bits(number: &[u8]) -> u64 {
    let zeros = number.first().map_or(0, |byte| byte.leading_zeros());
    (8 * number.len() as u64).saturating_sub(u64::from(zeros))
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// Whether a modulus is of the form that the broken generator of CVE-2017-15361 made, whose keys can be factored: modulo
/// each small prime it is a power of 65537 (Nemec and others, "The Return of Coppersmith's Attack", 2017, section 3).
fn has_roca_fingerprint(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.into_iter().all(|prime| {
        let rest = modulus
            .iter()
            .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..prime).any(|_| {
            let found = power == rest;
            power = power * (65537 % prime) % prime;
            found
        })
    })
}

/// The two numbers of an `RSAPublicKey`, RFC 8017 appendix A.1.1: `SEQUENCE { INTEGER, INTEGER }` in DER.
fn rsa_components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, rest) = der_value(der, 0x30)?;
    let (modulus, exponent) = der_value(sequence, 0x02)?;
    let (exponent, end) = der_value(exponent, 0x02)?;
    (rest.is_empty() && end.is_empty()).then_some((modulus, exponent))
}

/// The content of a DER value with this tag, and what follows it.
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, first], rest) = der.split_first_chunk()?;
    let long = usize::from(first & 0x7f);
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x82 => {
            let (length, rest) = rest.split_at_checked(long)?;
            (
                length.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)),
                rest,
            )
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length)).flatten()
}

fn point(x: &[u8], y: &[u8], coordinate: usize) -> Option<Vec<u8>> {
    (x.len() == coordinate && y.len() == coordinate).then(|| [&[4], x, y].concat())
}

/// An uncompressed point; one that is not on the curve is refused.
fn ec(algorithm: Algorithm, point: &[u8]) -> Option<Check> {
    let key = match algorithm {
        Algorithm::ES256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point),
        _ => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point),
    };
    key.ok().map(Check::Public)
}

fn ed25519(x: &[u8]) -> Option<Check> {
    let mut y = <[u8; 32]>::try_from(x).ok()?;
    let [.., last] = &mut y;
    *last &= 0x7f;
    if SMALL_ORDER.contains(&y) {
        return None;
    }
    ParsedPublicKey::new(&ED25519, x).ok().map(Check::Public)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Warnings;

    /// The generator of P-256 (SEC 2, 2.4.2).
    const GENERATOR: ([u8; 32], [u8; 32]) = (
        [
            0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2,
            0x77, 0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
        ],
        [
            0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16,
            0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
        ],
    );

    fn count(jwk: &str) -> usize {
        Key::from_jwks(format!(r#"{{"keys": [{jwk}]}}"#).as_bytes()).map_or(0, |keys| keys.len())
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
    fn a_set_that_publishes_a_secret_is_refused_as_a_whole() {
        let good = rsa_key(256, "");
        for secret in [
            r#"{"kty": "oct", "k": "c2VjcmV0", "alg": "HS256"}"#.to_owned(),
            r#"{"kty": "oct"}"#.to_owned(),
            rsa_key(256, r#", "d": "AQAB""#),
            r#"{"kty": "OKP", "crv": "Ed25519", "x": "", "d": ""}"#.to_owned(),
        ] {
            let set = format!(r#"{{"keys": [{good}, {secret}]}}"#);
            assert_eq!(
                Key::from_jwks(set.as_bytes()).unwrap_err(),
                BadSet::Secret,
                "{set}"
            );
        }
    }

    #[test]
    fn a_member_that_stands_twice_spoils_the_set() {
        let set = format!(r#"{{"keys": [{}]}}"#, rsa_key(256, r#", "kid": "a", "kid": "b""#));
        assert_eq!(Key::from_jwks(set.as_bytes()).unwrap_err(), BadSet::Malformed);
    }

    #[test]
    fn rsa_keys_that_are_weak_in_other_ways_are_skipped() {
        let n = BASE64_URL_SAFE_NO_PAD.encode(vec![0xff; 256]);
        let exponent = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        for (e, expected) in [
            (exponent(&[1, 0, 1]), 1),
            (exponent(&[3]), 1),
            (exponent(&[17]), 1),
            (exponent(&[0, 0, 3]), 1),
            (exponent(&[0xff; 4]), 1),
            (exponent(&[1, 0xff, 0xff, 0xff, 0xff]), 1),
            (exponent(&[2, 0, 0, 0, 1]), 0),
            (exponent(&[1, 0, 0, 0, 0, 0, 0, 0, 1]), 0),
            (exponent(&[0xff; 256]), 0),
            (exponent(&[1]), 0),
            (exponent(&[0, 1]), 0),
            (exponent(&[0]), 0),
            (exponent(&[2]), 0),
            (exponent(&[1, 0, 0]), 0),
            (String::new(), 0),
        ] {
            assert_eq!(
                count(&format!(r#"{{"kty": "RSA", "n": "{n}", "e": "{e}"}}"#)),
                expected,
                "{e}"
            );
        }
        for (last, expected) in [(0xff, 1), (0xfd, 1), (0xfe, 0), (0x80, 0), (0, 0)] {
            for length in [256, 384, 512] {
                let mut modulus = vec![0xff; length];
                modulus[length - 1] = last;
                let n = BASE64_URL_SAFE_NO_PAD.encode(modulus);
                assert_eq!(
                    count(&format!(r#"{{"kty": "RSA", "n": "{n}", "e": "AQAB"}}"#)),
                    expected,
                    "{length} {last}"
                );
            }
        }
        assert_eq!(count(&rsa_key(1024, "")), 1);
        assert_eq!(count(&rsa_key(1025, "")), 0);
    }

    #[test]
    fn a_modulus_of_the_broken_generator_is_recognised() {
        // 1 is the zeroth power of 65537, whatever the modulus; so is every product of such numbers.
        assert!(has_roca_fingerprint(&[1]));
        assert!(has_roca_fingerprint(&[1, 0, 1]));
        // 65537 squared.
        assert!(has_roca_fingerprint(&[1, 0, 2, 0, 1]));
        assert!(!has_roca_fingerprint(&[2]));
        assert!(!has_roca_fingerprint(&[0xff; 256]));
    }

    #[test]
    fn points_off_the_curve_and_of_small_order_are_skipped() {
        let ec = |x: &[u8], y: &[u8]| {
            let (x, y) = (BASE64_URL_SAFE_NO_PAD.encode(x), BASE64_URL_SAFE_NO_PAD.encode(y));
            count(&format!(
                r#"{{"kty": "EC", "crv": "P-256", "x": "{x}", "y": "{y}"}}"#
            ))
        };
        let (x, y) = GENERATOR;
        assert_eq!(ec(&x, &y), 1);
        let mut off = y;
        off[31] ^= 1;
        assert_eq!(ec(&x, &off), 0);
        assert_eq!(ec(&[0; 32], &[0; 32]), 0);
        assert_eq!(ec(&x[1..], &y), 0);
        let ed = |x: &[u8]| {
            let x = BASE64_URL_SAFE_NO_PAD.encode(x);
            count(&format!(r#"{{"kty": "OKP", "crv": "Ed25519", "x": "{x}"}}"#))
        };
        for small in SMALL_ORDER {
            assert_eq!(ed(&small), 0);
            let mut negative = small;
            negative[31] |= 0x80;
            assert_eq!(ed(&negative), 0);
        }
        // The generator.
        let mut generator = [0x66; 32];
        generator[0] = 0x58;
        assert_eq!(ed(&generator), 1);
        assert_eq!(ed(&generator[1..]), 0);
    }

    #[test]
    fn a_shared_secret_has_at_least_256_bits() {
        assert!(Key::from_secret(&[7; 32]).is_some());
        assert!(Key::from_secret(&[7; 31]).is_none());
    }

    #[test]
    fn a_bad_key_does_not_spoil_the_others() {
        let keys = format!(r#"{{"kty": 5}}, "x", {}"#, rsa_key(256, ""));
        assert_eq!(count(&keys), 1);
    }

    #[test]
    fn two_different_keys_by_one_name_are_both_skipped() {
        let (one, other) = (rsa_key(256, r#", "kid": "a""#), rsa_key(257, r#", "kid": "a""#));
        let set = |keys: &str| Key::from_jwks(format!(r#"{{"keys": [{keys}]}}"#).as_bytes());
        for keys in [
            format!("{one}, {other}"),
            format!("{one}, {one}, {other}"),
            format!("{other}, {one}, {other}, {one}"),
        ] {
            assert_eq!(set(&keys).unwrap_err(), BadSet::Ambiguous("a".to_owned()));
            let third = rsa_key(258, r#", "kid": "b""#);
            assert_eq!(count(&format!("{keys}, {third}")), 1);
        }
        let other = rsa_key(257, r#", "kid": "b""#);
        assert_eq!(count(&format!("{one}, {other}")), 2);
        // A key serves one algorithm: these are two by one name.
        let pss = rsa_key(256, r#", "kid": "a", "alg": "PS256""#);
        assert_eq!(count(&format!("{one}, {pss}")), 2);
    }

    #[test]
    fn one_key_twice_in_a_set_is_one_key() {
        for key in [
            rsa_key(256, r#", "kid": "a""#),
            rsa_key(256, ""),
            rsa_key(256, r#", "alg": "PS512""#),
        ] {
            for times in 1..4 {
                assert_eq!(count(&vec![key.clone(); times].join(",")), 1, "{times} of {key}");
            }
        }
        let spelt = rsa_key(256, r#", "kid": "a", "alg": "RS256", "use": "sig""#);
        assert_eq!(count(&format!("{spelt}, {}", rsa_key(256, r#", "kid": "a""#))), 1);
        let (one, other) = (rsa_key(256, r#", "kid": "a""#), rsa_key(256, r#", "kid": "b""#));
        assert_eq!(count(&format!("{one}, {other}")), 2, "two names");
        assert_eq!(
            count(&format!("{}, {}", rsa_key(256, ""), rsa_key(257, ""))),
            2,
            "no names"
        );
    }

    #[test]
    fn a_set_has_a_hundred_keys_and_no_more() {
        let keys = |number: usize| {
            let keys = (0..number).map(|number| rsa_key(256, &format!(r#", "kid": "{number}""#)));
            count(&keys.collect::<Vec<_>>().join(","))
        };
        assert_eq!(keys(99), 99);
        assert_eq!(keys(100), 100);
        assert_eq!(keys(101), 100);
    }

    #[test]
    fn the_log_says_which_keys_of_a_set_are_not_used_and_why() {
        let log = Warnings::new();
        let read = |keys: &str| {
            drop(Key::from_jwks(format!(r#"{{"keys": [{keys}]}}"#).as_bytes()));
            log.take()
        };
        let (one, other) = (rsa_key(256, r#", "kid": "a""#), rsa_key(257, r#", "kid": "a""#));
        assert_eq!(read(&one), [""; 0]);
        let twice = read(&format!("{one}, {one}"));
        assert!(twice.len() == 1 && twice[0].contains("given twice"), "{twice:?}");
        assert!(twice[0].contains(r#"kid="a""#), "{twice:?}");
        let rivals = read(&format!("{one}, {other}"));
        assert!(
            rivals.len() == 2 && rivals.iter().all(|line| line.contains("same key id")),
            "{rivals:?}"
        );
        let unusable = read(&format!("{one}, {}", rsa_key(255, r#", "kid": "b""#)));
        assert!(
            unusable.len() == 1 && unusable[0].contains("cannot be used"),
            "{unusable:?}"
        );
        let many = |number: usize| {
            let keys = (0..number).map(|number| rsa_key(256, &format!(r#", "kid": "{number}""#)));
            read(&keys.collect::<Vec<_>>().join(","))
        };
        assert_eq!(many(100), [""; 0]);
        let over = many(101);
        assert!(over.len() == 1 && over[0].contains("keys=101"), "{over:?}");
        assert!(over[0].contains("first 100"), "{over:?}");
    }

    #[test]
    fn a_set_that_is_no_set_is_refused() {
        for text in ["", "[]x", "<html>", r#"{"keys": 5}"#] {
            assert_eq!(
                Key::from_jwks(text.as_bytes()).unwrap_err(),
                BadSet::Malformed,
                "{text}"
            );
        }
    }
}
