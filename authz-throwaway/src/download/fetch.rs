//! From the registry to a file whose content is the pinned one.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{ACCEPT, AUTHORIZATION};
use reqwest::{Certificate, Client, NoProxy, Proxy, Response, StatusCode, Url};

use super::builds::Build;
use super::npm::Npm;
use super::progress::{Progress, say};
use crate::DownloadError;

const SCOPE: &str = "@embedded-postgres";
const NPM_REGISTRY: &str = "registry.npmjs.org";
/// How long to wait before each further attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a registry may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The list of a package's versions has some hundred kilobytes.
const MAXIMAL_DOCUMENT: usize = 16 << 20;
/// The largest archive has 55 MB.
const MAXIMAL_ARCHIVE: u64 = 256 << 20;

/// Downloads a build's archive into a file, and checks it.
pub(super) fn archive(build: &Build, npm: &Npm, file: &Path) -> Result<(), DownloadError> {
    say(format_args!(
        "fetching PostgreSQL {} for {} from {} (`AUTHZ_POSTGRES=installed` never does)",
        build.version,
        build.platform,
        shown(&npm.registry)
    ));
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(DownloadError::Local)?;
        runtime.block_on(download(build, npm, file))
    };
    // In a thread of its own: the caller may be in a runtime already, where no other can be entered.
    thread::scope(|scope| scope.spawn(work).join()).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

async fn download(build: &Build, npm: &Npm, file: &Path) -> Result<(), DownloadError> {
    let client = client(npm)?;
    let url = tarball(build, npm, &client).await?;
    let mut attempts = PAUSES.into_iter();
    loop {
        let error = match attempt(&client, npm, &url, file).await {
            Ok(sha512) if sha512 == build.sha512 => return Ok(()),
            Ok(_) => {
                return Err(DownloadError::Checksum { url: shown(&url) });
            }
            Err(error) => error,
        };
        match attempts.next().filter(|_| error.is_transient()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

/// Writes what a URL answers into a file, and returns its SHA-512 in base64.
async fn attempt(client: &Client, npm: &Npm, url: &Url, file: &Path) -> Result<String, DownloadError> {
    let mut response = get(client, npm, url, "application/octet-stream, */*").await?;
    let mut progress = Progress::new(response.content_length());
    let mut file = File::create(file).map_err(DownloadError::Local)?;
    let mut context = Context::new(&SHA512);
    let mut size = 0_u64;
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(url, error))? {
        size = size.saturating_add(chunk.len().try_into().unwrap_or(u64::MAX));
        if size > MAXIMAL_ARCHIVE {
            return Err(DownloadError::Checksum { url: shown(url) });
        }
        context.update(&chunk);
        file.write_all(&chunk).map_err(DownloadError::Local)?;
        progress.add(chunk.len());
    }
    Ok(STANDARD.encode(context.finish()))
}

/// Where the registry has the archive: what its document says, or where registries have it by convention if there is no document.
async fn tarball(build: &Build, npm: &Npm, client: &Client) -> Result<Url, DownloadError> {
    let join = |path: &str| {
        npm.registry.join(path).map_err(|_| DownloadError::Setting {
            key: "registry",
            expected: "the URL of a registry",
        })
    };
    let conventional = join(&format!(
        "{SCOPE}/{platform}/-/{platform}-{version}.tgz",
        platform = build.platform,
        version = build.package_version
    ))?;
    let document = join(&format!("{SCOPE}%2f{}", build.platform))?;
    let mut attempts = PAUSES.into_iter();
    let text = loop {
        // The short form: only what is needed to install.
        let accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
        let error = match text(client, npm, &document, accept).await {
            Ok(text) => break text,
            Err(DownloadError::Status {
                status: 404 | 405, ..
            }) => return Ok(conventional),
            Err(error) => error,
        };
        match attempts.next().filter(|_| error.is_transient()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    };
    let document_json: serde_json::Value =
        serde_json::from_slice(&text).map_err(|_| DownloadError::NoRegistry {
            url: shown(&document),
        })?;
    let known = document_json
        .get("versions")
        .and_then(|versions| versions.get(build.package_version));
    let Some(known) = known else {
        return Err(DownloadError::NoVersion {
            package: format!("{SCOPE}/{}@{}", build.platform, build.package_version),
            registry: shown(&npm.registry),
        });
    };
    let named = known
        .get("dist")
        .and_then(|dist| dist.get("tarball"))
        .and_then(serde_json::Value::as_str)
        .and_then(|url| Url::parse(url).ok());
    Ok(named.map_or(conventional, |url| replace_host(url, &npm.registry)))
}

/// As npm does by default (`replace-registry-host`): a mirror may repeat the addresses of npm's own registry.
fn replace_host(url: Url, registry: &Url) -> Url {
    if url.host_str() != Some(NPM_REGISTRY) || registry.host_str() == Some(NPM_REGISTRY) {
        return url;
    }
    let path = url.path().trim_start_matches('/').to_owned();
    registry.join(&path).unwrap_or(url)
}

async fn text(client: &Client, npm: &Npm, url: &Url, accept: &str) -> Result<Vec<u8>, DownloadError> {
    let mut response = get(client, npm, url, accept).await?;
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(url, error))? {
        text.extend_from_slice(&chunk);
        if text.len() > MAXIMAL_DOCUMENT {
            return Err(DownloadError::NoRegistry { url: shown(url) });
        }
    }
    Ok(text)
}

async fn get(client: &Client, npm: &Npm, url: &Url, accept: &str) -> Result<Response, DownloadError> {
    let mut request = client.get(url.clone()).header(ACCEPT, accept);
    if let Some(authorization) = npm.authorization(url) {
        request = request.header(AUTHORIZATION, authorization);
    }
    let response = request.send().await.map_err(|error| failed(url, error))?;
    if response.status() == StatusCode::OK {
        Ok(response)
    } else {
        Err(DownloadError::Status {
            url: shown(url),
            status: response.status().as_u16(),
        })
    }
}

fn client(npm: &Npm) -> Result<Client, DownloadError> {
    let mut builder = Client::builder()
        .user_agent(concat!("authz-throwaway/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        // Its own reading of the environment is not npm's.
        .no_proxy()
        .tls_danger_accept_invalid_certs(!npm.strict_ssl);
    if let Some(url) = &npm.proxy {
        let no_proxy = npm.no_proxy.as_deref().and_then(NoProxy::from_string);
        let proxy = Proxy::all(url).map_err(|_| DownloadError::Setting {
            key: "proxy",
            expected: "the URL of a proxy, such as `http://proxy.example.com:8080`",
        })?;
        builder = builder.proxy(proxy.no_proxy(no_proxy));
    }
    // As in Node: where certificates are configured, those of the system and of `NODE_EXTRA_CA_CERTS` do not count.
    if let Some(pem) = &npm.ca {
        builder = builder.tls_certs_only(certificates(pem, "cafile")?);
    } else if let Some(pem) = &npm.extra_ca {
        builder = builder.tls_certs_merge(certificates(pem, "NODE_EXTRA_CA_CERTS")?);
    }
    builder
        .build()
        .map_err(|error| DownloadError::Tls(Box::new(error)))
}

fn certificates(pem: &[u8], key: &'static str) -> Result<Vec<Certificate>, DownloadError> {
    Certificate::from_pem_bundle(pem)
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or(DownloadError::Setting {
            key,
            expected: "certificates in PEM",
        })
}

fn failed(url: &Url, error: reqwest::Error) -> DownloadError {
    DownloadError::Unreachable {
        url: shown(url),
        source: Box::new(error.without_url()),
    }
}

/// A URL without what may be secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Neither can fail for http.
    _ = url.set_username("");
    _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

impl DownloadError {
    /// Whether another attempt may go better.
    fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            _ => false,
        }
    }
}
