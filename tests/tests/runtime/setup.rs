//! What most tests begin with.

use authz::{Authz, Builder, Error, Issuer, RejectReason, Transaction};
use authz_tests::database::Database;
use authz_tests::jwks_server::JwksServer;
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use sqlx::postgres::PgConnectOptions;

/// A database and a key whose tokens are believed.
pub(super) struct Setup {
    pub(super) database: Database,
    pub(super) key: SigningKey,
}

impl Setup {
    pub(super) async fn new() -> Self {
        Self {
            database: Database::create().await,
            key: SigningKey::ed25519("one"),
        }
    }

    /// Settings with this key and the roles of this database.
    pub(super) fn builder(&self) -> Builder {
        Authz::builder()
            .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&self.key.jwks()))
            .role(self.database.user())
            .anonymous_role(self.database.anonymous())
    }

    pub(super) async fn connect(&self) -> Authz {
        self.builder()
            .connect_with(self.database.login_options())
            .await
            .unwrap()
    }

    /// One connection, through other options, for users and the anonymous alike: whatever stays behind is found.
    pub(super) async fn connect_one(&self, options: PgConnectOptions) -> Authz {
        // The login role may become what its requests may, and nothing else.
        self.database
            .execute("REVOKE $name_anonymous FROM $name_login")
            .await;
        self.builder()
            .anonymous_role(self.database.user())
            .max_connections(1)
            .connect_with(options)
            .await
            .unwrap()
    }

    pub(super) fn token(&self, sub: &str) -> String {
        self.key.sign(&claims(sub))
    }
}

/// Why a token is refused, if it is.
pub(super) async fn reason(authz: &Authz, token: &str) -> Option<RejectReason> {
    match authz.verify(token).await {
        Ok(_) => None,
        Err(Error::Rejected(reason)) => Some(reason),
        Err(error) => panic!("{error}"),
    }
}

/// A runtime that believes this issuer.
pub(super) async fn trusting(database: &Database, issuer: Issuer) -> Authz {
    Authz::builder()
        .issuer(issuer)
        .role(database.user())
        .anonymous_role(database.anonymous())
        .connect_with(database.login_options())
        .await
        .unwrap()
}

/// The issuer of the tests, with the keys of this server.
pub(super) fn fetching(server: &JwksServer) -> Issuer {
    Issuer::new(ISSUER)
        .audience(AUDIENCE)
        .jwks_url(server.url())
        .allow_loopback_http()
}

/// Role and claims as SQL sees them.
pub(super) async fn identity(tx: &mut Transaction) -> (String, String) {
    sqlx::query_as("SELECT current_user::text, coalesce(current_setting('request.jwt.claims', true), 'NULL')")
        .fetch_one(tx)
        .await
        .unwrap()
}

/// The tasks that SQL sees.
pub(super) async fn tasks(tx: &mut Transaction) -> Vec<String> {
    sqlx::query_scalar("SELECT task FROM todos ORDER BY task")
        .fetch_all(tx)
        .await
        .unwrap()
}

/// Writes one to-do item of a user's.
pub(super) async fn insert(tx: &mut Transaction, user: &str, task: &str) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO todos (user_id, task) VALUES ($1, $2)")
        .bind(user)
        .bind(task)
        .execute(tx)
        .await
        .map(drop)
}
