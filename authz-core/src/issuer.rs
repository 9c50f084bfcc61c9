//! Whom to believe: the issuers of tokens, as they are configured.

use std::fmt;

use crate::verify::{Audience, Key, KeySource, TrustedIssuer};

/// An issuer whose tokens are accepted, with its audience and its keys.
///
/// # Example
///
/// ```
/// use authz::Issuer;
///
/// let clerk = Issuer::clerk("https://clerk.example.com").audience("todos");
/// let own = Issuer::new("https://login.example.com")
///     .audience("todos")
///     .jwks_url("https://login.example.com/keys.json");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Issuer {
    iss: String,
    audiences: Vec<String>,
    any_audience: bool,
    jwks_url: Option<String>,
    allow_loopback_http: bool,
    keys: Vec<Key>,
    bad_key: bool,
}

/// What is wrong with a configured issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerProblem {
    /// Neither an audience was given nor was every audience allowed.
    #[error(
        "no audience is given; call `audience`, or `any_audience` if its tokens are meant for this program alone"
    )]
    NoAudience,
    /// Neither keys nor an address of keys were given.
    #[error("no keys are given; call `jwks_url`, `jwks_json` or `public_key_pem`")]
    NoKeys,
    /// Both keys and an address of keys were given.
    #[error("both keys and a URL of keys are given; keep one")]
    TwoKeySources,
    /// A key that was given directly cannot be used.
    #[error(
        "a given key cannot be used; expected a public RSA key of 2048 to 8192 bits, P-256, P-384 or Ed25519, \
         and no private key"
    )]
    BadKey,
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

impl Issuer {
    /// An issuer by its name: the exact value of `iss` in its tokens, compared byte by byte (RFC 7519, 4.1.1).
    pub fn new(iss: impl Into<String>) -> Self {
        Self {
            iss: iss.into(),
            audiences: Vec::new(),
            any_audience: false,
            jwks_url: None,
            allow_loopback_http: false,
            keys: Vec::new(),
            bad_key: false,
        }
    }

    /// Clerk. The URL is the *Frontend API URL* of the instance; keys come from `/.well-known/jwks.json` below it.
    ///
    /// Clerk's session tokens have no audience unless a JWT template adds one.
    pub fn clerk(frontend_api_url: impl Into<String>) -> Self {
        let iss = frontend_api_url.into();
        let url = format!("{}/.well-known/jwks.json", iss.trim_end_matches('/'));
        Self::new(iss).jwks_url(url)
    }

    /// Accepts tokens for this audience: `aud` must be it or hold it. Called several times, one of them must match.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepts tokens for any audience, or for none.
    ///
    /// # Security
    ///
    /// A token that the issuer made for another program is then good here. Only for issuers that serve this program alone.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Fetches the keys from this https URL.
    ///
    /// Within 5 s, up to 64 KiB, without following redirects. They are fetched anew every 5 minutes, and when a token names a key that is
    /// not among them, at most once in 30 s. While the URL does not answer, the last keys are used for up to an hour.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.jwks_url = Some(url.into());
        self
    }

    /// Allows the URL of the keys to be http where its host is `localhost`, `127.0.0.1` or `[::1]`. For development and tests.
    pub fn allow_loopback_http(mut self) -> Self {
        self.allow_loopback_http = true;
        self
    }

    /// Takes public keys from the text of a JWK Set (RFC 7517, section 5) or of one JWK. Keys that are not for verifying signatures are
    /// skipped; when none is left, `connect` fails.
    pub fn jwks_json(mut self, text: &str) -> Self {
        match Key::from_jwks(text.as_bytes()).filter(|keys| !keys.is_empty()) {
            Some(keys) => self.keys.extend(keys),
            None => self.bad_key = true,
        }
        self
    }

    /// Takes a public key in PEM (`BEGIN PUBLIC KEY`): RSA for RS256, P-256 for ES256, P-384 for ES384, Ed25519 for `EdDSA`.
    pub fn public_key_pem(mut self, pem: &str) -> Self {
        match Key::from_pem(pem.as_bytes()) {
            Some(key) => self.keys.push(key),
            None => self.bad_key = true,
        }
        self
    }

    /// The name of the issuer.
    pub(crate) fn name(&self) -> &str {
        &self.iss
    }

    /// Checks the settings and makes of them what verifies tokens.
    pub(crate) fn build(self) -> Result<TrustedIssuer, IssuerProblem> {
        let audience = match (self.audiences.is_empty(), self.any_audience) {
            (_, true) => Audience::Any,
            (false, false) => Audience::OneOf(self.audiences),
            (true, false) => return Err(IssuerProblem::NoAudience),
        };
        let keys = match (self.keys.is_empty(), self.jwks_url) {
            _ if self.bad_key => return Err(IssuerProblem::BadKey),
            (false, None) => KeySource::Fixed(self.keys.into()),
            (true, Some(url)) => remote(&url, self.allow_loopback_http)?,
            (true, None) => return Err(IssuerProblem::NoKeys),
            (false, Some(_)) => return Err(IssuerProblem::TwoKeySources),
        };
        Ok(TrustedIssuer {
            iss: self.iss,
            audience,
            keys,
        })
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a password.
        f.debug_struct("Issuer")
            .field("iss", &self.iss)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "jwks-http")]
fn remote(url: &str, allow_loopback_http: bool) -> Result<KeySource, IssuerProblem> {
    let http = crate::verify::Http::new(url, allow_loopback_http)?;
    Ok(KeySource::Remote(crate::verify::Remote::new(http)))
}

#[cfg(not(feature = "jwks-http"))]
fn remote(_: &str, _: bool) -> Result<KeySource, IssuerProblem> {
    Err(IssuerProblem::FetchingIsOff)
}
