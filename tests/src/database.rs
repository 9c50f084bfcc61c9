//! A database of its own for each test.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use authz_throwaway::Server;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection};

/// A database with a table `todos`, two rows in it, and roles of its own. It is dropped with this value.
///
/// `todos (id, user_id, task)` has row security: [`user`](Self::user) and [`editor`](Self::editor) see and write the rows whose `user_id` is the
/// claim `sub`; [`anonymous`](Self::anonymous) may select and sees none. One row belongs to `alice`, one to `bob`.
#[derive(Debug)]
pub struct Database {
    /// Its name, which also begins the names of its roles.
    pub name: String,
    admin: PgConnectOptions,
}

/// The server's superuser, on its database `postgres` or that of `DATABASE_URL`.
#[must_use]
pub fn admin() -> PgConnectOptions {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let url = match std::env::var("DATABASE_URL") {
        Ok(url) => url,
        Err(_) => SERVER.get_or_init(|| Server::start().unwrap()).url("postgres"),
    };
    url.parse::<PgConnectOptions>()
        .unwrap()
        .disable_statement_logging()
}

impl Database {
    /// Makes the database, its table and its roles.
    pub async fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "t{}_{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let admin = admin();
        let mut server = PgConnection::connect_with(&admin).await.unwrap();
        server
            .execute(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await
            .unwrap();
        server.close().await.unwrap();
        let database = Self {
            admin: admin.database(&name),
            name,
        };
        database.execute(include_str!("database/roles.sql")).await;
        database.execute(include_str!("database/todos.sql")).await;
        database
    }

    /// The login role: owns nothing, may do nothing but become the others.
    #[must_use]
    pub fn login(&self) -> String {
        format!("{}_login", self.name)
    }

    /// The session role of users.
    #[must_use]
    pub fn user(&self) -> String {
        format!("{}_user", self.name)
    }

    /// Another session role of users, which the login role may not become until a test grants it.
    #[must_use]
    pub fn editor(&self) -> String {
        format!("{}_editor", self.name)
    }

    /// The session role of those without a token.
    #[must_use]
    pub fn anonymous(&self) -> String {
        format!("{}_anonymous", self.name)
    }

    /// How the superuser connects to this database.
    #[must_use]
    pub fn admin(&self) -> PgConnectOptions {
        self.admin.clone()
    }

    /// How the login role connects to this database.
    #[must_use]
    pub fn login_options(&self) -> PgConnectOptions {
        self.admin().username(&self.login()).password("not secret")
    }

    /// Runs statements as the superuser, with `$name` replaced by the name of the database.
    pub async fn execute(&self, sql: &str) {
        let mut connection = PgConnection::connect_with(&self.admin).await.unwrap();
        connection
            .execute(AssertSqlSafe(sql.replace("$name", &self.name)))
            .await
            .unwrap();
        connection.close().await.unwrap();
    }

    /// Asks for one number as the superuser, with `$name` replaced by the name of the database.
    pub async fn count(&self, sql: &str) -> i64 {
        let mut connection = PgConnection::connect_with(&self.admin).await.unwrap();
        let sql = AssertSqlSafe(sql.replace("$name", &self.name));
        let count = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        count
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::env::var_os("DATABASE_URL").is_none() {
            // The server goes as a whole.
            return;
        }
        let name = self.name.clone();
        // A test may end inside of a runtime, where one cannot block.
        let clean_up = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let mut server = PgConnection::connect_with(&admin()).await.unwrap();
                let drop = format!("DROP DATABASE {name} WITH (FORCE)");
                server.execute(AssertSqlSafe(drop)).await.unwrap();
                let roles: Vec<String> =
                    sqlx::query_scalar("SELECT rolname::text FROM pg_roles WHERE starts_with(rolname, $1)")
                        .bind(format!("{name}_"))
                        .fetch_all(&mut server)
                        .await
                        .unwrap();
                for role in roles {
                    server
                        .execute(AssertSqlSafe(format!("DROP ROLE {role}")))
                        .await
                        .unwrap();
                }
            });
        });
        // A failure is printed by the thread; the test itself has its own result.
        _ = clean_up.join();
    }
}
