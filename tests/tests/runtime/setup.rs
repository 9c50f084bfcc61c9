//! What most tests begin with.

use authz::{Authz, Builder, Issuer, Transaction};
use authz_tests::database::Database;
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
