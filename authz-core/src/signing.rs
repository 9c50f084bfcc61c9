//! Signs tokens, for applications that are their own issuer, and for development and tests.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::EncodingKey;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::debug_is_message;

/// The least bytes of an RSA modulus: 2048 bits, as for keys that verify.
const MIN_RSA: usize = 256;

/// A private key that signs tokens: P-256 (ES256), Ed25519 (`EdDSA`) or RSA (RS256).
///
/// Its key id is the thumbprint of its public key (RFC 7638), so that the same key has the same id everywhere.
///
/// # Example
///
/// ```
/// use authz::{Issuer, SigningKey};
///
/// # fn main() -> Result<(), authz::SigningError> {
/// let key = SigningKey::generate()?;
/// let token = key.sign(&serde_json::json!({
///     "iss": "https://login.example.com", "aud": "todos", "sub": "alice", "exp": 4_102_444_800_u64
/// }))?;
/// let issuer = Issuer::new("https://login.example.com").audience("todos").jwks_json(&key.jwks());
/// # let _ = (token, issuer);
/// # Ok(())
/// # }
/// ```
///
/// # Security
///
/// Whoever has the key can be every user. A program that only verifies tokens needs [`jwks`](Self::jwks) alone.
pub struct SigningKey {
    kid: String,
    pair: Pair,
}

enum Pair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

debug_is_message!(SigningError);

/// Why there is no key or no token.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The text is no private key that signs tokens.
    #[error("expected a private key in PEM: P-256 or Ed25519 in PKCS#8, or RSA of at least 2048 bits")]
    Key,
    /// The claims are no JSON object.
    #[error("expected claims that serialise to a JSON object")]
    Claims,
    /// The cryptographic library failed, for instance because the system gives no random numbers.
    #[error("the cryptographic library failed")]
    Crypto,
}

impl SigningKey {
    /// Makes a new key for ES256.
    ///
    /// # Errors
    ///
    /// [`SigningError::Crypto`] where the system gives no random numbers.
    pub fn generate() -> Result<Self, SigningError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING);
        Ok(Self::new(Pair::Es256(pair.map_err(|_| SigningError::Crypto)?)))
    }

    /// Reads a private key in PEM, as `openssl genpkey` writes it.
    ///
    /// # Errors
    ///
    /// [`SigningError::Key`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, SigningError> {
        let pem = pem.as_bytes();
        let pair = if let Ok(key) = EncodingKey::from_ec_pem(pem) {
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_bytes())
                .map(Pair::Es256)
                .map_err(|_| SigningError::Key)
        } else if let Ok(key) = EncodingKey::from_ed_pem(pem) {
            Ed25519KeyPair::from_pkcs8_maybe_unchecked(key.as_bytes())
                .map(Pair::EdDsa)
                .map_err(|_| SigningError::Key)
        } else {
            let key = EncodingKey::from_rsa_pem(pem).map_err(|_| SigningError::Key)?;
            RsaKeyPair::from_der(key.as_bytes())
                .ok()
                .filter(|pair| pair.public_modulus_len() >= MIN_RSA)
                .map(Pair::Rs256)
                .ok_or(SigningError::Key)
        };
        pair.map(Self::new)
    }

    /// The private key in PEM (PKCS#8), to be kept secret.
    ///
    /// # Errors
    ///
    /// [`SigningError::Crypto`] where the library cannot write it.
    pub fn to_pem(&self) -> Result<String, SigningError> {
        let der = match &self.pair {
            Pair::Es256(pair) => pair.to_pkcs8v1().map(|der| BASE64_STANDARD.encode(der)),
            Pair::EdDsa(pair) => pair.to_pkcs8v1().map(|der| BASE64_STANDARD.encode(der)),
            Pair::Rs256(pair) => pair
                .as_der()
                .map(|der: Pkcs8V1Der<'_>| BASE64_STANDARD.encode(der.as_ref())),
        };
        let text = der.map_err(|_| SigningError::Crypto)?;
        let mut pem = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (line, behind) = rest.split_at_checked(64).unwrap_or((rest, ""));
            pem.push_str(line);
            pem.push('\n');
            rest = behind;
        }
        pem.push_str("-----END PRIVATE KEY-----\n");
        Ok(pem)
    }

    /// Its name in headers and key sets.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key as a JSON Web Key (RFC 7517).
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = self.pair.members();
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.kid));
            members.insert("alg".to_owned(), json!(self.pair.alg()));
            members.insert("use".to_owned(), json!("sig"));
        }
        jwk
    }

    /// The public key as a JSON Web Key Set, to be published or given to [`Issuer::jwks_json`](crate::Issuer::jwks_json).
    #[must_use]
    pub fn jwks(&self) -> String {
        json!({"keys": [self.public_jwk()]}).to_string()
    }

    /// Signs claims: a JWT in compact form. They go in as they are: give at least `iss`, `aud`, `sub` and `exp`.
    ///
    /// # Errors
    ///
    /// [`SigningError::Claims`] for what is no JSON object; [`SigningError::Crypto`] where signing fails.
    pub fn sign<T: Serialize>(&self, claims: &T) -> Result<String, SigningError> {
        let claims = serde_json::to_value(claims).map_err(|_| SigningError::Claims)?;
        if !claims.is_object() {
            return Err(SigningError::Claims);
        }
        let header = json!({"alg": self.pair.alg(), "kid": self.kid, "typ": "JWT"});
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(message.as_bytes())?;
        Ok(format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature)))
    }

    fn new(pair: Pair) -> Self {
        // RFC 7638, 3: the required members in the order of their names, without spaces.
        let thumbprint = digest(&SHA256, pair.members().to_string().as_bytes());
        Self {
            kid: BASE64_URL_SAFE_NO_PAD.encode(thumbprint),
            pair,
        }
    }
}

impl Pair {
    fn alg(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
        }
    }

    /// What a JWK must have of the public key.
    fn members(&self) -> Value {
        let base64 = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Es256(pair) => {
                // An uncompressed point: 4, then two coordinates of 32 bytes.
                let point = pair.public_key().as_ref();
                let coordinate = |at: usize| base64(point.get(at..at + 32).unwrap_or_default());
                json!({"crv": "P-256", "kty": "EC", "x": coordinate(1), "y": coordinate(33)})
            }
            Self::EdDsa(pair) => {
                json!({"crv": "Ed25519", "kty": "OKP", "x": base64(pair.public_key().as_ref())})
            }
            Self::Rs256(pair) => {
                let key = pair.public_key();
                let n = base64(key.modulus().big_endian_without_leading_zero());
                json!({"e": base64(key.exponent().big_endian_without_leading_zero()), "kty": "RSA", "n": n})
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(pair) => pair
                .sign(&random, message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SigningError::Crypto),
            Self::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| SigningError::Crypto)?;
                Ok(signature)
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::string_slice, reason = "a panic is a failed test")]
mod tests {
    use super::*;
    use crate::verify::check_signature;

    fn pem(der: &[u8]) -> String {
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der)
        )
    }

    #[test]
    fn each_kind_of_key_signs_what_its_public_part_verifies() {
        let ed: Pkcs8V1Der<'_> = Ed25519KeyPair::generate().unwrap().as_der().unwrap();
        let size = aws_lc_rs::rsa::KeySize::Rsa2048;
        let rsa: Pkcs8V1Der<'_> = RsaKeyPair::generate(size).unwrap().as_der().unwrap();
        for (key, alg) in [
            (SigningKey::generate().unwrap(), "ES256"),
            (SigningKey::from_pem(&pem(ed.as_ref())).unwrap(), "EdDSA"),
            (SigningKey::from_pem(&pem(rsa.as_ref())).unwrap(), "RS256"),
        ] {
            assert_eq!(key.public_jwk()["alg"], alg);
            let token = key.sign(&json!({"sub": "alice"})).unwrap();
            assert_eq!(check_signature(&key.jwks(), &token), Ok(()), "{alg}");
            let again = SigningKey::from_pem(&key.to_pem().unwrap()).unwrap();
            assert_eq!((again.kid(), again.jwks()), (key.kid(), key.jwks()));
            let other = SigningKey::generate().unwrap();
            assert!(check_signature(&other.jwks(), &token).is_err());
            assert!(!key.jwks().contains("\"d\""));
        }
    }

    #[test]
    fn a_key_id_is_the_thumbprint_of_rfc_8037() {
        // RFC 8037, appendix A.1 to A.3: the key of RFC 8032, 7.1, test 1.
        let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
        let bytes: Vec<u8> = (0..64)
            .step_by(2)
            .map(|at| u8::from_str_radix(&seed[at..at + 2], 16).unwrap())
            .collect();
        let head = [
            0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
        ];
        let key = SigningKey::from_pem(&pem(&[&head[..], &bytes].concat())).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn what_is_no_key_and_what_are_no_claims_is_refused() {
        for text in [
            "",
            "x",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        ] {
            assert_eq!(SigningKey::from_pem(text).unwrap_err(), SigningError::Key);
        }
        let key = SigningKey::generate().unwrap();
        for claims in [json!([]), json!("x"), Value::Null] {
            assert_eq!(key.sign(&claims).unwrap_err(), SigningError::Claims);
        }
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}
