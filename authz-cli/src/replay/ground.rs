//! Where migrations are replayed: databases of a throwaway server, which an ordinary owner has, with what a platform
//! brings.
//!
//! The owner is as managed services give one: LOGIN CREATEROLE, owner of the database, no SUPERUSER, no BYPASSRLS.

use authz_schema::config::{Config, Platform};
use authz_sql::Ident;
use authz_throwaway::Server;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};

use crate::catalogue::run;
use crate::server_error::ServerError;

const OWNER: &str = "replay_owner";

/// A server with what the migrations expect of it.
pub(crate) struct Ground<'s> {
    server: &'s Server,
    platform: Platform,
    /// The roles that `authz.toml` says somebody else makes.
    given_roles: Vec<Ident>,
    /// Whether the owner is an ordinary one; else the superuser migrates.
    ordinary: bool,
}

impl<'s> Ground<'s> {
    /// A server of our own, with an ordinary owner.
    pub(crate) async fn new(server: &'s Server, config: &Config) -> Result<Self, ServerError> {
        let ground = Self {
            ordinary: true,
            ..Self::of_superuser(server, config)
        };
        let mut admin = ground.admin("postgres").await?;
        let create = format!(
            "CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD '{}'",
            server.password()
        );
        run(&mut admin, &create).await?;
        Ok(ground)
    }

    /// A server that others use too, where the superuser migrates.
    pub(crate) fn of_superuser(server: &'s Server, config: &Config) -> Self {
        let given = config.roles.iter().filter(|(_, role)| role.existing);
        Self {
            server,
            platform: config.platform,
            given_roles: given.map(|(name, _)| name.clone()).collect(),
            ordinary: false,
        }
    }

    /// The role that migrates.
    pub(crate) fn owner(&self) -> &'static str {
        if self.ordinary { OWNER } else { "postgres" }
    }

    /// A new database of the owner, with what the platform brings and nothing else.
    pub(crate) async fn database(&self, name: &str) -> Result<PgConnection, ServerError> {
        let mut admin = self.admin("postgres").await?;
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} OWNER {}", self.owner()),
        )
        .await?;
        // Until PostgreSQL 14 `public` belongs to the superuser; who manages a server gives it to the owner, as later versions do. What PUBLIC
        // may do there is taken by the first migration, and no way back returns it: so it is not there to begin with.
        let mut own = self.admin(name).await?;
        let revoke = match self.platform {
            Platform::Postgres => "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
            Platform::Neon | Platform::Supabase => "",
        };
        let gives = format!(
            "DO $do$ BEGIN IF current_setting('server_version_num')::int < 150000 THEN\n    \
                 ALTER SCHEMA public OWNER TO {}; {revoke}\n\
             END IF; END $do$",
            self.owner()
        );
        run(&mut own, &gives).await?;
        let brings = match self.platform {
            Platform::Postgres => None,
            Platform::Neon => Some(include_str!("platform/neon.sql")),
            Platform::Supabase => Some(include_str!("platform/supabase.sql")),
        };
        if let Some(sql) = brings {
            let mut admin = self.admin(name).await?;
            run(&mut admin, sql).await?;
            // What the platform lets the one do who migrates.
            let owner = self.owner();
            if self.platform == Platform::Supabase {
                let lets = format!(
                    "GRANT ALL ON ALL TABLES IN SCHEMA auth, storage, realtime TO {owner};\n\
                     ALTER TABLE storage.buckets OWNER TO {owner};\nALTER TABLE storage.objects OWNER TO {owner};\n\
                     ALTER TABLE realtime.messages OWNER TO {owner};\nALTER PUBLICATION supabase_realtime OWNER TO {owner};"
                );
                run(&mut admin, &lets).await?;
            }
        }
        self.connect(name).await
    }

    /// A new database that is as another one, which nobody may be connected to.
    pub(crate) async fn copy(&self, from: &str, name: &str) -> Result<PgConnection, ServerError> {
        let mut admin = self.admin("postgres").await?;
        let owner = self.owner();
        run(
            &mut admin,
            &format!("CREATE DATABASE {name} TEMPLATE {from} OWNER {owner}"),
        )
        .await?;
        self.connect(name).await
    }

    /// A connection of the owner.
    pub(crate) async fn connect(&self, database: &str) -> Result<PgConnection, ServerError> {
        let options = self.options(database)?.username(self.owner());
        Ok(PgConnection::connect_with(&options).await?)
    }

    /// A connection of the superuser.
    pub(crate) async fn admin(&self, database: &str) -> Result<PgConnection, ServerError> {
        Ok(PgConnection::connect_with(&self.options(database)?).await?)
    }

    fn options(&self, database: &str) -> Result<PgConnectOptions, ServerError> {
        let options: PgConnectOptions = self.server.url(database).parse()?;
        // What is parallel in a database of no rows costs more than it gives.
        Ok(options.options([("max_parallel_workers_per_gather", "0")]))
    }

    /// Drops databases and all roles that migrations made, so that these can run again as on a new server.
    pub(crate) async fn reset(&self, databases: &[&str]) -> Result<(), ServerError> {
        let mut admin = self.admin("postgres").await?;
        for database in databases {
            run(&mut admin, &format!("DROP DATABASE {database} WITH (FORCE)")).await?;
        }
        let kept: Vec<&str> = self.platform.roles().iter().copied().chain([OWNER]).collect();
        // Those below are the server's own (src/include/access/transam.h, FirstNormalObjectId).
        let roles: Vec<String> = sqlx::query_scalar(
            "SELECT quote_ident(rolname) FROM pg_roles WHERE oid >= 16384 AND rolname <> ALL ($1) ORDER BY oid DESC",
        )
        .bind(kept)
        .fetch_all(&mut admin)
        .await?;
        if !roles.is_empty() {
            run(&mut admin, &format!("DROP ROLE {}", roles.join(", "))).await?;
        }
        Ok(())
    }

    /// Makes the owner a superuser, or takes it back. Running sessions notice it at once.
    pub(crate) async fn set_superuser(&self, superuser: bool) -> Result<(), ServerError> {
        let mut admin = self.admin("postgres").await?;
        let word = if superuser { "SUPERUSER" } else { "NOSUPERUSER" };
        Ok(run(&mut admin, &format!("ALTER ROLE {} {word}", self.owner())).await?)
    }

    /// Whether a file that may not do something can be tried as a superuser.
    pub(crate) fn is_ordinary(&self) -> bool {
        self.ordinary
    }

    /// Makes the roles that are said to be somebody else's, where they are missing. Gives how many.
    pub(crate) async fn give_roles(&self) -> Result<usize, ServerError> {
        if self.given_roles.is_empty() {
            return Ok(0);
        }
        let mut admin = self.admin("postgres").await?;
        let names: Vec<&str> = self.given_roles.iter().map(Ident::as_str).collect();
        let there: Vec<String> =
            sqlx::query_scalar("SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)")
                .bind(&names)
                .fetch_all(&mut admin)
                .await?;
        let missing = self
            .given_roles
            .iter()
            .filter(|role| !there.iter().any(|there| there == role.as_str()));
        let mut made = 0;
        for role in missing {
            run(&mut admin, &format!("CREATE ROLE {role}")).await?;
            run(
                &mut admin,
                &format!("GRANT {role} TO {} WITH ADMIN OPTION", self.owner()),
            )
            .await?;
            made += 1;
        }
        Ok(made)
    }
}
