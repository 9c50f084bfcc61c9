//! A fresh database: on a throwaway server, or on the server of `DATABASE_URL` if that is set.

use anyhow::Context as _;
use authz_throwaway::Server;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _};

pub(crate) struct Database {
    /// As whom migrations run: the owner of the tables.
    pub(crate) owner: PgConnectOptions,
    /// As whom the application runs: a role without any rights of its own.
    pub(crate) application: PgConnectOptions,
    admin: PgConnectOptions,
    name: String,
    /// Stops when it is dropped.
    _server: Option<Server>,
}

impl Database {
    pub(crate) async fn create() -> anyhow::Result<Self> {
        let (url, server) = match std::env::var("DATABASE_URL") {
            Ok(url) => (url, None),
            Err(_) => {
                let server = Server::start()?;
                (server.url("postgres"), Some(server))
            }
        };
        let admin: PgConnectOptions = url.parse().context("DATABASE_URL is no PostgreSQL URL")?;
        let name = format!("authz_quickstart_{}", std::process::id());
        execute(&admin, format!("CREATE DATABASE {name}")).await?;
        let owner = admin.clone().database(&name);
        let application = owner.clone().username(&name);
        Ok(Self {
            owner,
            application,
            admin,
            name,
            _server: server,
        })
    }

    /// Makes the login role, once the migrations have made the roles that it may switch to.
    pub(crate) async fn create_login_role(&mut self) -> anyhow::Result<()> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes)?;
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = &self.name;
        execute(
            &self.owner,
            format!(
                "CREATE ROLE {name} LOGIN NOINHERIT PASSWORD '{password}';
                 GRANT authenticated, anonymous TO {name}"
            ),
        )
        .await?;
        self.application = self.application.clone().password(&password);
        Ok(())
    }

    /// Leaves a server of yours as it was, but for the roles `authenticated`, `anonymous` and `authenticator`.
    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        execute(&self.admin, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await?;
        execute(&self.admin, format!("DROP ROLE IF EXISTS {}", self.name)).await
    }
}

async fn execute(options: &PgConnectOptions, sql: String) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .context("the database does not answer")?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    Ok(connection.close().await?)
}
