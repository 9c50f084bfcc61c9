//! Whom to believe: the issuers of tokens, as they are configured.

mod presets;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::error::IssuerError;
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
    allow_loopback_http: bool,
    keep_keys: Duration,
    requires_key_id: bool,
    refuses_id_tokens: bool,
    subject_is_uuid: bool,
    /// What a preset says. What is said by hand takes its place.
    preset: Settings,
    own: Settings,
}

/// Settings of which those of a preset give way to those by hand.
#[derive(Clone, Default)]
struct Settings {
    audience: Option<Allowed>,
    audience_claims: Vec<String>,
    parties: Vec<String>,
    /// In lower case; none for the usual ones.
    token_types: Vec<String>,
    required: Vec<(String, Vec<String>)>,
    refused: Vec<(String, String)>,
    present: Vec<String>,
    absent: Vec<String>,
    keys: GivenKeys,
}

/// For whom tokens may be.
#[derive(Clone)]
enum Allowed {
    Anybody,
    OneOf(Vec<String>),
}

/// What is wrong with a file.
type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Keys, and where others are to be had.
#[derive(Clone, Default)]
struct GivenKeys {
    source: Option<Source>,
    keys: Vec<Key>,
    files: Vec<PathBuf>,
    problem: Option<IssuerError>,
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

impl Issuer {
    /// An issuer by its name: the exact value of `iss` in its tokens, compared byte by byte (RFC 7519, 4.1.1).
    pub fn new(iss: impl Into<String>) -> Self {
        Self {
            iss: iss.into(),
            allow_loopback_http: false,
            keep_keys: Duration::from_secs(3600),
            requires_key_id: false,
            refuses_id_tokens: false,
            subject_is_uuid: false,
            preset: Settings::default(),
            own: Settings::default(),
        }
    }

    /// Any OpenID provider, by its name: the URL of its keys stands in the document at `/.well-known/openid-configuration` below
    /// it (OpenID Connect Discovery 1.0, section 4), whose `issuer` must be the same name, byte by byte.
    ///
    /// # Security
    ///
    /// The document cannot name keys that are not on https, nor on this machine or at an address of the network behind it.
    pub fn discover(iss: impl Into<String>) -> Self {
        let mut issuer = Self::new(iss);
        issuer.own.keys.source = Some(Source::Discovery);
        issuer.preset()
    }

    /// Makes what was said so far the preset, which what is said by hand takes the place of.
    fn preset(self) -> Self {
        Self {
            preset: self.own,
            own: Settings::default(),
            ..self
        }
    }

    /// Accepts tokens for this audience: `aud` must be it or hold it. Called several times, one of them must match. The audience of
    /// a preset is none of them.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        match &mut self.own.audience {
            Some(Allowed::OneOf(audiences)) => audiences.push(audience.into()),
            other => *other = Some(Allowed::OneOf(vec![audience.into()])),
        }
        self
    }

    /// Accepts tokens that were made for this page or client: `azp` must be it, or one of them when called several times. A token
    /// without `azp` is refused. Beside an [`audience`](Self::audience), both must match.
    pub fn authorized_party(mut self, azp: impl Into<String>) -> Self {
        self.own.parties.push(azp.into());
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
        self.own.audience_claims = names.into_iter().map(Into::into).collect();
        self
    }

    /// Accepts tokens for any audience, or for none.
    ///
    /// # Security
    ///
    /// A token that the issuer made for another program is then good here. Only for issuers that serve this program alone.
    pub fn any_audience(mut self) -> Self {
        self.own.audience = Some(Allowed::Anybody);
        self
    }

    /// Accepts tokens whose header has this `typ` and no others, such as `at+jwt` for access tokens (RFC 9068). May be called several
    /// times. Case and a leading `application/` do not count. By default a token has none, `JWT` or `at+jwt`. The type of a preset is
    /// accepted no more.
    pub fn token_type(mut self, name: &str) -> Self {
        self.own.token_types.push(crate::verify::media_type(name));
        self
    }

    /// Refuses tokens with a claim that only ID tokens have: `nonce`, `at_hash`, `c_hash`. An ID token tells a program who has logged in;
    /// it is no key to an API.
    pub fn refuse_id_tokens(mut self) -> Self {
        self.refuses_id_tokens = true;
        self
    }

    /// Accepts tokens in which this claim is this text and no others. Called several times for one claim, it must be one of them.
    ///
    /// What a preset says of the claim, whether it accepts or refuses, no longer counts.
    pub fn require_claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        let (name, text) = (name.into(), text.into());
        match self.own.required.iter_mut().find(|(known, _)| *known == name) {
            Some((_, texts)) => texts.push(text),
            None => self.own.required.push((name, vec![text])),
        }
        self
    }

    /// Refuses tokens in which this claim is this text, and those that a preset refuses.
    pub fn refuse_claim(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.own.refused.push((name.into(), text.into()));
        self
    }

    /// Refuses tokens without this claim, whatever it says. That a preset refuses tokens with it no longer counts.
    pub fn require_presence(mut self, name: impl Into<String>) -> Self {
        self.own.present.push(name.into());
        self
    }

    /// Refuses tokens with this claim, whatever it says. That a preset asks for it no longer counts.
    pub fn refuse_presence(mut self, name: impl Into<String>) -> Self {
        self.own.absent.push(name.into());
        self
    }

    /// Refuses tokens that name no key. By default the keys of the token's algorithm are tried, four at most.
    pub fn require_key_id(mut self) -> Self {
        self.requires_key_id = true;
        self
    }

    /// Refuses tokens whose `sub` is no uuid. For policies with `auth.uid()`, which is NULL for others.
    pub fn subject_is_uuid(mut self) -> Self {
        self.subject_is_uuid = true;
        self
    }

    /// Fetches the keys from this https URL. It takes the place of a preset's keys, and of the URL of an earlier call.
    ///
    /// Within 5 s, up to 64 KiB, without following redirects, and the first 100 keys of the set. They are fetched anew every 5 minutes, and
    /// when a token names a key that is not among them or has a signature that its key did not make, at most once in 30 s: until then,
    /// tokens of a new key are refused, also where it has the id of an old one. While the URL does not answer, the last keys are used
    /// for up to an hour. A set with a private key or a shared secret in it is refused. A key that stands in the set twice counts
    /// once; of two different keys with one key id and algorithm neither is used.
    pub fn jwks_url(mut self, url: impl Into<String>) -> Self {
        self.own.keys.source = Some(Source::Jwks(url.into()));
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

    /// Takes public keys from the text of a JWK Set (RFC 7517, section 5) or of one JWK. They take the place of a preset's keys.
    ///
    /// Keys that are not for verifying signatures are skipped, and so are those behind the first 100 of a set; when none is left,
    /// `connect` fails. A key that stands in the set twice counts once; of two different keys with one key id and algorithm
    /// neither is used. May be called several times: keys of all calls count. The same key in two of them counts once; where two calls
    /// give different keys with one key id and algorithm, `connect` fails.
    pub fn jwks_json(mut self, text: &str) -> Self {
        self.own.keys.add_set(text.as_bytes());
        self
    }

    /// Takes public keys from a file when it connects: a key in PEM, a JWK, or a JWK Set, as [`jwks_json`](Self::jwks_json) takes it.
    pub fn key_file(mut self, path: impl AsRef<Path>) -> Self {
        self.own.keys.files.push(path.as_ref().to_owned());
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
            Some(key) => self.own.keys.keys.push(key),
            None => self.own.keys.problem = Some(IssuerError::ShortSecret),
        }
        self
    }

    /// Takes a public key in PEM (`BEGIN PUBLIC KEY`): RSA for RS256, P-256 for ES256, P-384 for ES384, Ed25519 for `EdDSA`.
    pub fn public_key_pem(mut self, pem: &str) -> Self {
        match Key::from_pem(pem.as_bytes()) {
            Some(key) => self.own.keys.keys.push(key),
            None => self.own.keys.problem = Some(IssuerError::BadKey),
        }
        self
    }

    /// The name of the issuer.
    pub(crate) fn name(&self) -> &str {
        &self.iss
    }

    /// Checks the settings and makes of them what verifies tokens.
    pub(crate) fn build(self) -> Result<TrustedIssuer, IssuerError> {
        let settings = self.own.over(self.preset);
        let audience = match settings.audience {
            None if settings.parties.is_empty() => return Err(IssuerError::NoAudience),
            None | Some(Allowed::Anybody) => Audience::Any,
            Some(Allowed::OneOf(values)) => Audience::OneOf {
                claims: or_else(settings.audience_claims, || vec!["aud".to_owned()]),
                values,
            },
        };
        let keys = match settings.keys.read()? {
            Ok(keys) => KeySource::Fixed(keys.into()),
            Err(source) => remote(&self.iss, &source, self.allow_loopback_http, self.keep_keys)?,
        };
        let rules = Rules {
            audience,
            parties: settings.parties,
            token_type: match settings.token_types {
                types if types.is_empty() => TokenType::Usual,
                types => TokenType::OneOf(types),
            },
            requires_key_id: self.requires_key_id,
            refuses_id_tokens: self.refuses_id_tokens,
            subject_is_uuid: self.subject_is_uuid,
            required: settings.required,
            refused: settings.refused,
            present: settings.present,
            absent: settings.absent,
        };
        Ok(TrustedIssuer::new(self.iss, rules, keys))
    }
}

impl Settings {
    /// These, and where they say nothing, those of a preset.
    fn over(self, mut preset: Self) -> Self {
        let requires = |name: &String| self.required.iter().any(|(own, _)| own == name);
        let (needs, forbids) = (
            |name: &String| self.present.contains(name),
            |name: &String| self.absent.contains(name),
        );
        preset
            .required
            .retain(|(name, _)| !requires(name) && !forbids(name));
        preset.refused.retain(|(name, _)| !requires(name));
        preset.present.retain(|name| !requires(name) && !forbids(name));
        preset.absent.retain(|name| !requires(name) && !needs(name));
        Self {
            audience: self.audience.or(preset.audience),
            audience_claims: or_else(self.audience_claims, || preset.audience_claims),
            parties: or_else(self.parties, || preset.parties),
            token_types: or_else(self.token_types, || preset.token_types),
            required: [self.required, preset.required].concat(),
            refused: [self.refused, preset.refused].concat(),
            present: [self.present, preset.present].concat(),
            absent: [self.absent, preset.absent].concat(),
            keys: if self.keys.is_empty() {
                preset.keys
            } else {
                self.keys
            },
        }
    }
}

impl GivenKeys {
    fn is_empty(&self) -> bool {
        self.source.is_none() && self.keys.is_empty() && self.files.is_empty() && self.problem.is_none()
    }

    /// The keys, those in files included, or where they are to be had.
    fn read(mut self) -> Result<Result<Vec<Key>, Source>, IssuerError> {
        for path in std::mem::take(&mut self.files) {
            self.add_file(&path)
                .map_err(|source| IssuerError::KeyFile { path, source })?;
        }
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        let keys = Key::once(self.keys);
        if let Some(kid) = keys.iter().find_map(|key| key.rival(&keys)?.kid()) {
            return Err(IssuerError::SameKeyId { kid: kid.to_owned() });
        }
        match (keys.is_empty(), self.source) {
            (false, None) => Ok(Ok(keys)),
            (true, Some(source)) => Ok(Err(source)),
            (true, None) => Err(IssuerError::NoKeys),
            (false, Some(_)) => Err(IssuerError::TwoKeySources),
        }
    }

    fn add_file(&mut self, path: &Path) -> Result<(), Cause> {
        let text = std::fs::read(path).map_err(|error| -> Cause { Arc::new(error) })?;
        let keys = match Key::from_pem(&text) {
            Some(key) => vec![key],
            None => Key::from_jwks(&text).map_err(|bad| -> Cause { Arc::new(problem_of(bad)) })?,
        };
        self.keys.extend(keys);
        Ok(())
    }

    fn add_set(&mut self, jwks: &[u8]) {
        match Key::from_jwks(jwks) {
            Ok(keys) => self.keys.extend(keys),
            Err(bad) => self.problem = Some(problem_of(bad)),
        }
    }
}

fn problem_of(bad: BadSet) -> IssuerError {
    match bad {
        BadSet::Secret => IssuerError::SecretKey,
        BadSet::Ambiguous(kid) => IssuerError::SameKeyId { kid },
        BadSet::Malformed | BadSet::Empty => IssuerError::BadKey,
    }
}

fn or_else<T>(own: Vec<T>, preset: impl FnOnce() -> Vec<T>) -> Vec<T> {
    if own.is_empty() { preset() } else { own }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a password.
        f.debug_struct("Issuer")
            .field("iss", &self.iss)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "jwks-http")]
fn remote(
    iss: &str,
    source: &Source,
    allow_loopback_http: bool,
    keep_keys: Duration,
) -> Result<KeySource, IssuerError> {
    use crate::verify::{Http, Remote};

    let http = match source {
        Source::Jwks(url) => Http::new(url, allow_loopback_http)?,
        Source::Discovery => Http::discover(iss, allow_loopback_http)?,
    };
    Ok(KeySource::Remote(Remote::new(iss, http, keep_keys)))
}

#[cfg(not(feature = "jwks-http"))]
fn remote(_: &str, _: &Source, _: bool, _: Duration) -> Result<KeySource, IssuerError> {
    Err(IssuerError::FetchingIsOff)
}
