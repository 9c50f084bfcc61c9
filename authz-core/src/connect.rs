//! What is checked before the first request: that row security binds the login role.

use std::fmt;

use authz_sql::IdentError;
use sqlx::{Connection as _, PgConnection, Row as _};

use sqlx::postgres::PgConnectOptions;

use crate::error::{IssuerError, debug_is_message};

debug_is_message!(ConnectError);

/// Why [`connect`](crate::Builder::connect) refuses to go on.
///
/// Its `Debug` form is its message with those of its sources, because a `main` that returns it prints that.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No issuer was given, so no token could ever be good.
    #[error("no issuer is given; call `issuer`")]
    NoIssuer,
    /// Two issuers have the same name.
    #[error("the issuer `{iss}` is given twice")]
    DuplicateIssuer {
        /// Its name.
        iss: String,
    },
    /// Both a verifier is given, and settings for another.
    #[error("both `verifier` and its settings are given; give issuers, leeway and cache to the verifier")]
    TwoVerifiers,
    /// An issuer cannot be used as it is configured.
    #[error("issuer `{iss}`: {problem:?}")]
    Issuer {
        /// Its name.
        iss: String,
        /// What is wrong. Its message stands above with those of its sources.
        problem: IssuerError,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomness,
    /// A configured role has no name that PostgreSQL could store.
    #[error("a configured role has an impossible name")]
    RoleName(#[source] IdentError),
    /// Roles are allowed, and no claim picks among them.
    #[error("roles are allowed and no claim picks among them; call `role_claim`")]
    NoRoleClaim,
    /// The database URL cannot be read. It is not shown, for it holds a password.
    #[error("the database URL is not valid; expected `postgres://user:password@host:port/database`")]
    Url,
    /// The database cannot be reached, or refuses the login.
    #[error("cannot connect to the database")]
    Database(#[source] sqlx::Error),
    /// The login role is a superuser or may become one.
    #[error("{0} a superuser, whom row security does not bind; {ADVICE}")]
    Superuser(Who),
    /// The login role has BYPASSRLS or may become a role that has it.
    #[error("{0} a role with BYPASSRLS, which sees every row; {ADVICE}")]
    BypassRls(Who),
    /// The login role has CREATEROLE or may become a role that has it.
    #[error("{0} a role with CREATEROLE, which can make itself a member of others; {ADVICE}")]
    CreateRole(Who),
    /// The login role has REPLICATION or may become a role that has it.
    #[error("{0} a role with REPLICATION, which can read every row from the log; {ADVICE}")]
    Replication(Who),
    /// The login role may read or write the server's files or run programs there.
    #[error("{0} a role that reaches the server's files, where row security does not hold; {ADVICE}")]
    ServerFiles(Who),
    /// The login role owns a table with row security, or may become its owner, who can turn it off.
    #[error("{who} the owner of `{table}`, who can turn its row security off; {ADVICE}")]
    Owner {
        /// Who owns it.
        who: Who,
        /// The table, as SQL.
        table: String,
    },
    /// A session role does not exist.
    #[error("the role `{role}` does not exist; run the migrations, or `CREATE ROLE {role} NOLOGIN`")]
    MissingRole {
        /// Its name.
        role: String,
    },
    /// The login role may not switch to a session role.
    #[error(
        "the login role `{login}` may not SET ROLE to `{role}`; as an administrator `GRANT {role} TO {login}`"
    )]
    NotAMember {
        /// The login role.
        login: String,
        /// The session role.
        role: String,
    },
}

const ADVICE: &str = "connect as a role that owns nothing, made by `CREATE ROLE … LOGIN NOINHERIT`";

/// The login role and the role that makes it too powerful: itself, or another that it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    login: String,
    role: String,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { login, role } = self;
        if login == role {
            write!(f, "the login role `{login}` is")
        } else {
            write!(f, "the login role `{login}` may SET ROLE to `{role}`, which is")
        }
    }
}

/// Connects once and refuses a login role that row security does not bind, or that cannot become the session roles.
pub(crate) async fn check_login_role(
    options: &PgConnectOptions,
    session_roles: &[&str],
) -> Result<(), ConnectError> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .map_err(ConnectError::Database)?;
    let finding = sqlx::query(include_str!("connect/login_role.sql"))
        .bind(session_roles)
        .fetch_optional(&mut connection)
        .await
        .and_then(|row| row.map(|row| refusal(&row)).transpose())
        .map_err(ConnectError::Database)?;
    // A goodbye that gets lost changes nothing.
    _ = connection.close().await;
    finding.map_or(Ok(()), Err)
}

fn refusal(row: &sqlx::postgres::PgRow) -> Result<ConnectError, sqlx::Error> {
    let (login, role): (String, String) = (row.try_get("login")?, row.try_get("role")?);
    let kind: String = row.try_get("kind")?;
    let who = Who { login, role };
    Ok(match kind.as_str() {
        "superuser" => ConnectError::Superuser(who),
        "bypassrls" => ConnectError::BypassRls(who),
        "createrole" => ConnectError::CreateRole(who),
        "replication" => ConnectError::Replication(who),
        "server files" => ConnectError::ServerFiles(who),
        "owner" => ConnectError::Owner {
            who,
            table: row.try_get("object")?,
        },
        "missing" => ConnectError::MissingRole { role: who.role },
        // `not a member`, and whatever else the query may come to find: nothing it finds is harmless.
        _ => ConnectError::NotAMember {
            login: who.login,
            role: who.role,
        },
    })
}
