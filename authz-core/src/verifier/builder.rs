//! Settings of a verifier.

use std::time::Duration;

use super::Verifier;
use crate::connect::ConnectError;
use crate::issuer::Issuer;
use crate::verify::TrustedIssuer;

/// How many bytes of memory verified tokens take at most, where nothing is said.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Settings of a [`Verifier`]. [`Verifier::builder`] makes one.
#[derive(Debug, Clone)]
#[must_use]
pub struct VerifierBuilder {
    issuers: Vec<Issuer>,
    leeway: Option<Duration>,
    cache_bytes: Option<usize>,
}

impl VerifierBuilder {
    pub(crate) fn new() -> Self {
        Self {
            issuers: Vec::new(),
            leeway: None,
            cache_bytes: None,
        }
    }

    /// Accepts the tokens of this issuer. May be called several times; each issuer's tokens are checked with its own keys only.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// How far the issuer's clock may differ from ours when `exp`, `nbf` and `iat` are checked. Default 30 s; counted in whole seconds.
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = Some(leeway);
        self
    }

    /// How many bytes of memory verified tokens may take, so that the same one costs no signature check again. Default 32 MiB, which is
    /// room for some 10,000 tokens of 1 KiB with a dozen claims; 0 remembers none.
    ///
    /// Memory is counted as it is taken: a token of 8 KiB that is full of small objects takes half a mebibyte. The token
    /// itself is not kept. Each time it comes back its times are checked, that its issuer is still trusted, and that the issuer's
    /// keys are those that it was checked with.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = Some(bytes);
        self
    }

    /// Checks the settings, and fetches the issuers' keys. An issuer that does not answer is logged and no error.
    ///
    /// # Errors
    ///
    /// [`ConnectError::NoIssuer`], [`ConnectError::DuplicateIssuer`], and [`ConnectError::Issuer`] for one whose settings cannot be used, or for
    /// whose name discovery gives another.
    pub async fn build(self) -> Result<Verifier, ConnectError> {
        let verifier = self.verifier()?;
        verifier.warm_up().await?;
        Ok(verifier)
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.issuers.is_empty() && self.leeway.is_none() && self.cache_bytes.is_none()
    }

    /// Checks the settings, and fetches nothing yet.
    pub(crate) fn verifier(self) -> Result<Verifier, ConnectError> {
        let mut trusted: Vec<TrustedIssuer> = Vec::new();
        for issuer in self.issuers {
            let iss = issuer.name();
            if trusted.iter().any(|other| other.iss == iss) {
                return Err(ConnectError::DuplicateIssuer { iss: iss.to_owned() });
            }
            trusted.push(self::trusted(issuer)?);
        }
        if trusted.is_empty() {
            return Err(ConnectError::NoIssuer);
        }
        let leeway = self.leeway.unwrap_or(Duration::from_secs(30));
        Verifier::new(trusted, leeway, self.cache_bytes.unwrap_or(CACHE_BYTES))
    }
}

/// Checks the settings of an issuer.
pub(super) fn trusted(issuer: Issuer) -> Result<TrustedIssuer, ConnectError> {
    let iss = issuer.name().to_owned();
    issuer
        .build()
        .map_err(|problem| ConnectError::Issuer { iss, problem })
}
