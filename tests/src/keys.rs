//! Keys made for one test, and tokens that they sign, good ones and bad ones.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// The issuer of [`claims`].
pub const ISSUER: &str = "https://issuer.example";
/// The audience of [`claims`].
pub const AUDIENCE: &str = "todos";

/// The algorithms that the runtime accepts for public keys.
pub const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// A private key with a name, for one algorithm.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    alg: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Claims that are good for an hour: issuer, audience, subject, `iat` and `exp`.
#[must_use]
pub fn claims(sub: &str) -> Value {
    let now = jsonwebtoken::get_current_timestamp();
    json!({"iss": ISSUER, "aud": AUDIENCE, "sub": sub, "iat": now, "exp": now + 3600})
}

impl SigningKey {
    /// A new key for one of [`ALGORITHMS`]; RSA has 2048 bits.
    #[must_use]
    pub fn new(alg: &str, kid: &str) -> Self {
        let pair = match alg {
            "ES256" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            "ES384" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap()),
            "EdDSA" => Pair::Ed25519(Ed25519KeyPair::generate().unwrap()),
            _ => Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        Self {
            kid: kid.to_owned(),
            alg: alg.to_owned(),
            pair,
        }
    }

    /// An RSA key of 2048 bits, for RS256.
    #[must_use]
    pub fn rs256(kid: &str) -> Self {
        Self::new("RS256", kid)
    }

    /// A P-256 key, for ES256.
    #[must_use]
    pub fn es256(kid: &str) -> Self {
        Self::new("ES256", kid)
    }

    /// An Ed25519 key, for `EdDSA`.
    #[must_use]
    pub fn ed25519(kid: &str) -> Self {
        Self::new("EdDSA", kid)
    }

    /// The public key as a JWK.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let Self { kid, alg, pair } = self;
        match pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let n = base64(key.modulus().big_endian_without_leading_zero());
                let e = base64(key.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "alg": alg, "n": n, "e": e})
            }
            Pair::Ec(pair) => {
                // An uncompressed point: 4, then the coordinates.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let crv = if alg == "ES256" { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": crv, "kid": kid, "use": "sig", "alg": alg, "x": base64(x), "y": base64(y)})
            }
            Pair::Ed25519(pair) => {
                let x = base64(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "alg": alg, "x": x})
            }
        }
    }

    /// The public key as a set of one.
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({"keys": [self.jwk()]}).to_string()
    }

    /// The public key in DER, as a `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn public_key_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der().unwrap(),
            Pair::Ec(pair) => pair.public_key().as_der().unwrap(),
            Pair::Ed25519(pair) => pair.public_key().as_der().unwrap(),
        };
        der.as_ref().to_vec()
    }

    /// The public key in PEM.
    #[must_use]
    pub fn public_key_pem(&self) -> String {
        let text = BASE64_STANDARD.encode(self.public_key_der());
        format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
    }

    /// The usual header of this key's tokens.
    #[must_use]
    pub fn header(&self) -> Value {
        json!({"alg": self.alg, "kid": self.kid, "typ": "JWT"})
    }

    /// A token with these claims.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_text(&self.header().to_string(), &claims.to_string())
    }

    /// A token with any header and payload, sound or not, and a signature that fits.
    #[must_use]
    pub fn sign_text(&self, header: &str, payload: &str) -> String {
        let message = format!("{}.{}", part(header), part(payload));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The signature of a message.
    #[must_use]
    pub fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match &*self.alg {
                    "RS256" => &RSA_PKCS1_SHA256,
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    _ => &RSA_PSS_SHA512,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).unwrap();
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }
}

/// One part of a token: the text in base64url.
#[must_use]
pub fn part(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}
