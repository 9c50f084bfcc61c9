//! An issuer of tokens on loopback, in the place of Clerk, Auth0 or your own: it signs JWTs, and publishes the public
//! key as a JWKS (RFC 7517) over HTTP.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use chrono::{Duration, Utc};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

pub(crate) struct Issuer {
    /// What tokens name as `iss`.
    pub(crate) url: String,
    key: EncodingKey,
}

impl Issuer {
    /// Makes a key and serves its public half until the program ends.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
        let key = EncodingKey::from_ec_der(pkcs8.as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        jwk.common.key_id = Some("quickstart".to_owned());
        let jwks = serde_json::to_string(&JwkSet { keys: vec![jwk] })?;

        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(serve(listener, jwks));
        Ok(Self { url, key })
    }

    pub(crate) fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }

    /// A token for `user` that expires in `lifetime`, or has expired if that is negative.
    pub(crate) fn token(&self, user: &str, lifetime: Duration) -> anyhow::Result<String> {
        let claims = serde_json::json!({
            "iss": self.url,
            "aud": "todos",
            "sub": user,
            "exp": (Utc::now() + lifetime).timestamp(),
        });
        let header = Header {
            kid: Some("quickstart".to_owned()),
            ..Header::new(Algorithm::ES256)
        };
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

/// Answers every request with the JWKS.
async fn serve(listener: TcpListener, jwks: String) -> std::io::Result<()> {
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{jwks}",
        jwks.len()
    );
    loop {
        let (mut socket, _) = listener.accept().await?;
        // The request is small and comes in one piece; what it asks for does not matter.
        let _read = socket.read(&mut [0; 4096]).await?;
        socket.write_all(response.as_bytes()).await?;
    }
}
