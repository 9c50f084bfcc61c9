//! Whom to believe: the issuers of tokens, as they are configured.

mod presets;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::debug_is_message;
use crate::verify::{Audience, BadSet, Key, KeySource, Rules, TokenType, TrustedIssuer};

/// An issuer whose tokens are accepted, with its audience and its keys.
///
/// # Example
///
/// ```
/// use authz::Issuer;
///
/// let clerk = Issuer::clerk("https://clerk.example.com").authorized_party("https://example.com");
/// let own = Issuer::new("https://login.example.com")
///     .audience("todos")
///     .jwks_url("https://login.example.com/keys.json");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Issuer {
    iss: String,
    audiences: Vec<String>,
    audience_claims: Vec<String>,
    any_audience: bool,
    source: Option<Source>,
    allow_loopback_http: bool,
    keep_keys: Duration,
    keys: Vec<Key>,
    files: Vec<PathBuf>,
    problem: Option<IssuerProblem>,
    rules: Rules,
}

/// Where keys are fetched from.
#[derive(Clone)]
enum Source {
    Jwks(
        #[cfg_attr(
            not(feature = "jwks-http"),
            expect(dead_code, reason = "keys are fetched over http alone")
        )]
        String,
    ),
    Discovery,
}

debug_is_message!(IssuerProblem);

/// What is wrong with a configured issuer.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerProblem {
    /// Neither an audience was given nor was every audience allowed.
    #[error(
        "no audience is given; call `audience`, or `any_audience` if its tokens are meant for this program alone"
    )]
    NoAudience,
    /// Neither keys nor an address of keys were given.
    #[error(
        "no keys are given; call `discover`, `jwks_url`, `jwks_json`, `public_key_pem`, `key_file` or `shared_secret`"
    )]
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
    /// A given set holds a private key or a shared secret: what verifies tokens should not be able to sign them.
    #[error(
        "a given key set holds a private key or a shared secret; expected public keys, and secrets by `shared_secret`"
    )]
    SecretKey,
    /// A shared secret is too short.
    #[error("the shared secret is too short; expected at least 32 bytes, as RFC 7518 demands for HS256")]
    ShortSecret,
    /// A file of keys cannot be read.
    #[error("a file of keys cannot be read")]
    KeyFile,
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
            audience_claims: vec!["aud".to_owned()],
            any_audience: false,
            source: None,
            allow_loopback_http: false,
            keep_keys: Duration::from_secs(3600),
            keys: Vec::new(),
            files: Vec::new(),
            problem: None,
            rules: Rules {
                audience: Audience::Any,
                token_type: TokenType::Usual,
                requires_key_id: false,
                refuses_id_tokens: false,
                subject_is_uuid: false,
                required: Vec::new(),
                refused: Vec::new(),
                present: Vec::new(),
                absent: Vec::new(),
            },
        }
    }

    /// Any OpenID provider, by its name: the URL of its keys stands in the document at `/.well-known/openid-configuration` below
    /// it (OpenID Connect Discovery 1.0, section 4), whose `issuer` must be the same name, byte by byte.
    ///
    /// # Security
    ///
    /// The document cannot name keys that are not on https, nor on this machine or at an address of the network behind it.
    pub fn discover(iss: impl Into<String>) -> Self {
        Self {
            source: Some(Source::Discovery),
            ..Self::new(iss)
        }
    }

    /// Accepts tokens for this audience: `aud` must be it or hold it. Called several times, one of them must match.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.any_audience = false;
        self.audiences.push(audience.into());
        self
    }

    /// Names the claim that says for whom a token is, where that is not `aud`. Of several the first one that a token has counts.
    ///
    /// ```
    /// use authz::Issuer;
    ///
    /// // The client that a token was made for, at an issuer whose tokens have no `aud`.
    /// let issuer = Issuer::discover("https://login.example.com").audience_claims(["azp"]).audience("todos-web");
    /// ```
    pub fn audience_claims<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.audience_claims = names.into_iter().map(Into::into).collect();
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

    /// Accepts tokens whose header has this `typ` and no others, such as `at+jwt` for access tokens (RFC 9068). May be called several
    /// times. Case and a leading `application/` do not count. By default a token has none, `JWT` or `at+jwt`.
    pub fn token_type(mut self, name: &str) -> Self {
        let name = crate::verify::media_type(name);
        match &mut self.rules.token_type {
            TokenType::OneOf(types) => types.push(name),
            usual @ TokenType::Usual => *usual = TokenType::OneOf(vec![name]),
        }
        self
    }

    /// Refuses tokens with a claim that only ID tokens have: `nonce`, `at_hash`, `c_hash`. An ID token tells a program who has logged in;
    /// it is no key to an API.
    pub fn refuse_id_tokens(mut self) -> Self {
        self.rules.refuses_id_tokens = true;
        self
    }

    /// Accepts tokens in which this claim is this text and no others. Called several times for one claim, it must be one of them.
    pub fn require_claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        match self.rules.required.iter_mut().find(|(known, _)| *known == name) {
            Some((_, texts)) => texts.push(text),
            None => self.rules.required.push((name, vec![text])),
        }
        self
    }

    /// Refuses tokens in which this claim is this text.
    pub fn refuse_claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.rules.refused.push((name.into(), text.into()));
        self
    }

    /// Refuses tokens without this claim, whatever it says.
    pub fn require_presence(mut self, name: impl Into<String>) -> Self {
        self.rules.present.push(name.into());
        self
    }

    /// Refuses tokens with this claim, whatever it says.
    pub fn refuse_presence(mut self, name: impl Into<String>) -> Self {
        self.rules.absent.push(name.into());
        self
    }

    /// Refuses tokens that name no key. By default the keys of the token's algorithm are tried, four at most.
    pub fn require_key_id(mut self) -> Self {
        self.rules.requires_key_id = true;
        self
    }

    /// Refuses tokens whose `sub` is no uuid. For policies with `auth.uid()`, which is NULL for others.
    pub fn subject_is_uuid(mut self) -> Self {
        self.rules.subject_is_uuid = true;
        self
    }

    /// Fetches the keys from this https URL.
    ///
    /// Within 5 s, up to 64 KiB, without following redirects. They are fetched anew every 5 minutes, and when a token names a key that is
    /// not among them, at most once in 30 s. While the URL does not answer, the last keys are used for up to an hour. A set with a
    /// private key or a shared secret in it is refused.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.source = Some(Source::Jwks(url.into()));
        self
    }

    /// How long the last keys are used while no others can be fetched. Default an hour. After that the answer is 503.
    pub fn keep_keys(mut self, time: Duration) -> Self {
        self.keep_keys = time;
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
        self.add_keys(text.as_bytes());
        self
    }

    /// Takes public keys from a file when it connects: a key in PEM, a JWK, or a JWK Set.
    pub fn key_file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().to_owned());
        self
    }

    /// Takes a secret of at least 32 bytes that the issuer and this program share, for HS256. A token of another algorithm is never
    /// checked with it, and it is never taken from a key set.
    ///
    /// # Security
    ///
    /// Whoever knows it can be every user. Prefer an issuer with a key pair.
    pub fn shared_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        match Key::from_secret(secret.as_ref()) {
            Some(key) => self.keys.push(key),
            None => self.problem = Some(IssuerProblem::ShortSecret),
        }
        self
    }

    /// Takes a public key in PEM (`BEGIN PUBLIC KEY`): RSA for RS256, P-256 for ES256, P-384 for ES384, Ed25519 for `EdDSA`.
    pub fn public_key_pem(mut self, pem: &str) -> Self {
        match Key::from_pem(pem.as_bytes()) {
            Some(key) => self.keys.push(key),
            None => self.problem = Some(IssuerProblem::BadKey),
        }
        self
    }

    /// The name of the issuer.
    pub(crate) fn name(&self) -> &str {
        &self.iss
    }

    /// Checks the settings and makes of them what verifies tokens.
    pub(crate) fn build(mut self) -> Result<TrustedIssuer, IssuerProblem> {
        for file in std::mem::take(&mut self.files) {
            let text = std::fs::read(file).map_err(|_| IssuerProblem::KeyFile)?;
            match Key::from_pem(&text) {
                Some(key) => self.keys.push(key),
                None => self.add_keys(&text),
            }
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let audience = match (self.audiences.is_empty(), self.any_audience) {
            (_, true) => Audience::Any,
            (false, false) => Audience::OneOf {
                claims: self.audience_claims,
                values: self.audiences,
            },
            (true, false) => return Err(IssuerProblem::NoAudience),
        };
        let keys = match (self.keys.is_empty(), self.source) {
            (false, None) => KeySource::Fixed(self.keys.into()),
            (true, Some(source)) => remote(&self.iss, &source, self.allow_loopback_http, self.keep_keys)?,
            (true, None) => return Err(IssuerProblem::NoKeys),
            (false, Some(_)) => return Err(IssuerProblem::TwoKeySources),
        };
        let rules = Rules {
            audience,
            ..self.rules
        };
        Ok(TrustedIssuer::new(self.iss, rules, keys))
    }

    fn add_keys(&mut self, jwks: &[u8]) {
        match Key::from_jwks(jwks) {
            Ok(keys) => self.keys.extend(keys),
            Err(BadSet::Secret) => self.problem = Some(IssuerProblem::SecretKey),
            Err(_) => self.problem = Some(IssuerProblem::BadKey),
        }
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
fn remote(
    iss: &str,
    source: &Source,
    allow_loopback_http: bool,
    keep_keys: Duration,
) -> Result<KeySource, IssuerProblem> {
    use crate::verify::{Http, Remote};

    let http = match source {
        Source::Jwks(url) => Http::new(url, allow_loopback_http)?,
        Source::Discovery => Http::discover(iss, allow_loopback_http)?,
    };
    Ok(KeySource::Remote(Remote::new(http, keep_keys)))
}

#[cfg(not(feature = "jwks-http"))]
fn remote(_: &str, _: &Source, _: bool, _: Duration) -> Result<KeySource, IssuerProblem> {
    Err(IssuerProblem::FetchingIsOff)
}
