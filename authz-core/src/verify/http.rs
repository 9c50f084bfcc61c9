//! Fetches a key set over HTTPS, trusting the other side with nothing but its keys.

use std::time::Duration;

use futures_core::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use serde_json::Value;

use super::json;
use super::source::{Fetch, FetchError};
use crate::error::{IssuerError, KeysError};

/// No key set is larger; what is, is not read.
const MAX_BODY: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What OpenID Connect Discovery 1.0, section 4, puts behind the issuer.
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// The address of a key set, or of the document that names it.
pub(crate) struct Http {
    client: Client,
    url: Url,
    /// The issuer that the document must name, where the address is that of the document.
    discovers: Option<String>,
    allow_loopback_http: bool,
}

impl Http {
    /// The address of a key set: https, or where it is allowed http on this very machine.
    pub(crate) fn new(url: &str, allow_loopback_http: bool) -> Result<Self, IssuerError> {
        let url = Url::parse(url).map_err(|_| IssuerError::BadUrl)?;
        let plain = is_plain_loopback(&url) && allow_loopback_http;
        if url.scheme() != "https" && !plain {
            return Err(IssuerError::NotHttps);
        }
        // Proxies of the environment (HTTPS_PROXY) serve, but none leads to this machine.
        let builder = if is_loopback(&url) {
            Client::builder().no_proxy()
        } else {
            Client::builder()
        };
        let client = builder
            .https_only(!plain)
            // A redirect could lead into the network behind us.
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .user_agent(concat!("authz/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| IssuerError::NoTls)?;
        Ok(Self {
            client,
            url,
            discovers: None,
            allow_loopback_http,
        })
    }

    /// The address of an issuer's discovery document, which names that of the keys.
    pub(crate) fn discover(iss: &str, allow_loopback_http: bool) -> Result<Self, IssuerError> {
        // "Any terminating / MUST be removed before appending" (Discovery 1.0, 4.1).
        let url = format!("{}{DISCOVERY_PATH}", iss.trim_end_matches('/'));
        let http = Self::new(&url, allow_loopback_http)?;
        Ok(Self {
            discovers: Some(iss.to_owned()),
            ..http
        })
    }

    async fn keys(&self) -> Result<Vec<u8>, FetchError> {
        let Some(iss) = &self.discovers else {
            return self.get(self.url.clone()).await;
        };
        let document = self.get(self.url.clone()).await?;
        let document = json::object(&document).ok_or("the discovery document is no JSON object")?;
        // Compared byte by byte, else one issuer could stand for another (Discovery 1.0, 4.3).
        match document.get("issuer").and_then(Value::as_str) {
            None => return Err("the discovery document names no issuer".into()),
            Some(found) if found != iss => return Err(FetchError::OtherIssuer(shown(found))),
            Some(_) => {}
        }
        let url = document.get("jwks_uri").and_then(Value::as_str);
        let url = url.and_then(|url| Url::parse(url).ok());
        let url = url.ok_or("the discovery document names no URL of keys")?;
        if !self.may_be_named(&url) {
            let problem =
                "the discovery document names a URL of keys that is not https, or of this machine or network";
            return Err(problem.into());
        }
        self.get(url).await
    }

    /// Whether a document may send us there: not to where the one who wrote it could not go.
    fn may_be_named(&self, url: &Url) -> bool {
        if url.host_str() == self.url.host_str() && url.scheme() == self.url.scheme() {
            return true;
        }
        let plain = is_plain_loopback(url) && self.allow_loopback_http && is_loopback(&self.url);
        // A name that leads into the network behind us has no certificate that we would take.
        plain || (url.scheme() == "https" && url.domain().is_some_and(|name| !is_local_name(name)))
    }

    async fn get(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        // A URL may hold a password.
        let caused = |problem: &'static str| {
            move |cause: reqwest::Error| {
                FetchError::Unavailable(KeysError::new(problem).caused_by(cause.without_url()))
            }
        };
        let request = self.client.get(url).header("accept", "application/json");
        let mut response = request.send().await.map_err(caused("no answer"))?;
        if response.status() != StatusCode::OK {
            let problem = format!("the answer is {} instead of 200", response.status().as_u16());
            return Err(FetchError::Unavailable(KeysError::new(problem)));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(caused("the answer broke off"))? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err("the answer is larger than 64 KiB".into());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

impl Fetch for Http {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, FetchError>> {
        // Both requests of a discovery share the time.
        let keys = tokio::time::timeout(TOTAL_TIMEOUT, self.keys());
        Box::pin(async { keys.await.unwrap_or_else(|_| Err("no answer in time".into())) })
    }
}

/// A name from outside, as it may stand in a log.
fn shown(name: &str) -> String {
    name.chars().take(200).flat_map(char::escape_debug).collect()
}

/// Whether the host is sure to mean this machine: no name but `localhost` is (RFC 6761).
fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

fn is_plain_loopback(url: &Url) -> bool {
    url.scheme() == "http" && is_loopback(url)
}

fn is_local_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_refused_but_on_this_machine_when_allowed() {
        for (url, allowed, good) in [
            ("https://issuer.example/jwks.json", false, true),
            ("http://issuer.example/jwks.json", false, false),
            ("http://issuer.example/jwks.json", true, false),
            ("http://127.0.0.1:1/jwks.json", false, false),
            ("http://127.0.0.1:1/jwks.json", true, true),
            ("http://localhost:1/jwks.json", true, true),
            ("http://[::1]:1/jwks.json", true, true),
            ("http://127.0.0.1.evil.example/jwks.json", true, false),
            ("http://localhost@evil.example/jwks.json", true, false),
            ("file:///etc/passwd", true, false),
            ("jwks.json", true, false),
        ] {
            assert_eq!(Http::new(url, allowed).is_ok(), good, "{url}, allowed: {allowed}");
        }
    }

    #[test]
    fn a_discovery_document_cannot_send_us_into_the_network_behind_us() {
        let outside = Http::discover("https://issuer.example/", true).unwrap();
        assert_eq!(
            outside.url.as_str(),
            "https://issuer.example/.well-known/openid-configuration"
        );
        for (url, good) in [
            ("https://issuer.example/keys", true),
            ("https://keys.example/", true),
            ("http://issuer.example/keys", false),
            ("http://127.0.0.1/keys", false),
            ("http://localhost/keys", false),
            ("https://127.0.0.1/keys", false),
            ("https://169.254.169.254/latest", false),
            ("https://[::1]/keys", false),
            ("https://localhost/keys", false),
            ("https://kubernetes/keys", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(outside.may_be_named(&Url::parse(url).unwrap()), good, "{url}");
        }
        let here = Http::discover("http://127.0.0.1:1", true).unwrap();
        assert!(here.may_be_named(&Url::parse("http://127.0.0.1:2/keys").unwrap()));
        assert!(Http::discover("http://127.0.0.1:1", false).is_err());
    }
}
