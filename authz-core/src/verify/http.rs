//! Fetches a key set over HTTPS, trusting the other side with nothing but its keys.

use std::time::Duration;

use futures_core::future::BoxFuture;
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};

use super::source::Fetch;
use crate::issuer::IssuerProblem;

/// No key set is larger; what is, is not read.
const MAX_BODY: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The address of a key set.
pub(crate) struct Http {
    client: Client,
    url: Url,
}

impl Http {
    /// Checks the address: https, or where it is allowed http on this very machine.
    pub(crate) fn new(url: &str, allow_loopback_http: bool) -> Result<Self, IssuerProblem> {
        let url = Url::parse(url).map_err(|_| IssuerProblem::BadUrl)?;
        // No name but `localhost` (RFC 6761) is sure to mean this machine.
        let loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        let plain = url.scheme() == "http" && allow_loopback_http && loopback;
        if url.scheme() != "https" && !plain {
            return Err(IssuerProblem::NotHttps);
        }
        // Proxies of the environment (HTTPS_PROXY) serve, but none leads to this machine.
        let builder = if loopback {
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
            .map_err(|_| IssuerProblem::NoTls)?;
        Ok(Self { client, url })
    }
}

impl Fetch for Http {
    fn fetch(&self) -> BoxFuture<'_, Result<Vec<u8>, &'static str>> {
        Box::pin(async {
            let request = self
                .client
                .get(self.url.clone())
                .header("accept", "application/json");
            let mut response = request.send().await.map_err(|_| "no answer")?;
            if response.status() != StatusCode::OK {
                return Err("the answer is not 200");
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|_| "the answer broke off")? {
                if body.len() + chunk.len() > MAX_BODY {
                    return Err("the answer is larger than 64 KiB");
                }
                body.extend_from_slice(&chunk);
            }
            Ok(body)
        })
    }
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
}
