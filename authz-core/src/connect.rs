//! What is checked before the first request: that row security binds the login role, and whatever it may become.

mod logins;
mod warning;

use std::fmt;

use authz_sql::IdentError;
use sqlx::{Connection as _, PgConnection, Row as _};

use sqlx::postgres::PgConnectOptions;

use crate::error::{IssuerError, debug_is_message};

pub(crate) use self::logins::Logins;
pub use self::warning::Warning;

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
    /// The login role or a session role owns what policies rest on, or the database.
    #[error("{who} the owner of the {object}, and can change it; as an administrator `{remedy}`")]
    OtherOwner {
        /// Who owns it.
        who: Who,
        /// What it is, as SQL: `schema auth`.
        object: String,
        /// What to do, as SQL.
        remedy: String,
    },
    /// The login role or a session role is a member of a role that PostgreSQL makes, such as `pg_read_all_data`.
    #[error("{who} a role of PostgreSQL with rights beyond the policies; as an administrator `{remedy}`")]
    PredefinedRole {
        /// Who is a member.
        who: Who,
        /// What to do, as SQL.
        remedy: String,
    },
    /// The login role or a session role has a privilege that reaches around the policies, perhaps by a grant to PUBLIC.
    #[error("{grantee} {privilege} on `{object}`, {reason}; {remedy}")]
    Privilege {
        /// Who has it.
        grantee: Box<Grantee>,
        /// The privilege, as SQL.
        privilege: String,
        /// What it is a privilege on, as SQL.
        object: String,
        /// What it is good for.
        reason: &'static str,
        /// What to do, and as whom.
        remedy: String,
    },
    /// The login role may switch to a role that none of its requests may become. SQL that an attacker writes could.
    #[error(
        "the login role `{login}` may SET ROLE to `{role}`, which its requests may not become, but SQL in them can; \
         call `allow_role` if requests may, or as an administrator `{remedy}` and give `{role}` a login of its own"
    )]
    OtherRole {
        /// The login role.
        login: String,
        /// The role.
        role: String,
        /// What to do, as SQL.
        remedy: String,
    },
    /// The login role or a session role may make others members of a role.
    #[error("`{member}` may make others members of `{role}`; as an administrator `{remedy}`")]
    AdminOption {
        /// Who may.
        member: String,
        /// The role.
        role: String,
        /// What to do, as SQL.
        remedy: String,
    },
    /// The login role has a setting of its own that may change what its queries do. A role can give itself such a setting.
    #[error(
        "the login role `{login}` has a setting of its own for `{name}`, which is not known to be harmless; \
         as an administrator `{remedy}`"
    )]
    Setting {
        /// The login role.
        login: String,
        /// The setting.
        name: String,
        /// What to do, as SQL.
        remedy: String,
    },
    /// A login was given for a role that no request becomes.
    #[error("a login is given for the role `{role}`, which no request becomes; call `allow_role`")]
    UnusedLogin {
        /// The role.
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

/// A role that has a privilege: the login role, another that it may become, or PUBLIC, to whom all belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grantee {
    login: String,
    role: String,
}

impl fmt::Display for Grantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { login, role } = self;
        if role == "PUBLIC" {
            f.write_str("PUBLIC, which is every role, has")
        } else if login == role {
            write!(f, "the login role `{login}` has")
        } else {
            write!(f, "`{role}`, which the login role `{login}` may become, has")
        }
    }
}

/// Settings that a login role may have of its own: they change how long a query takes, or how a value is written, and not what it may do.
/// Lower case.
const HARMLESS_SETTINGS: &[&str] = &[
    "application_name",
    "auto_explain.log_min_duration",
    "client_connection_check_interval",
    "client_min_messages",
    "cpu_index_tuple_cost",
    "cpu_operator_cost",
    "cpu_tuple_cost",
    "cursor_tuple_fraction",
    "datestyle",
    "deadlock_timeout",
    "default_statistics_target",
    "effective_cache_size",
    "effective_io_concurrency",
    "enable_async_append",
    "enable_bitmapscan",
    "enable_distinct_reordering",
    "enable_gathermerge",
    "enable_group_by_reordering",
    "enable_hashagg",
    "enable_hashjoin",
    "enable_incremental_sort",
    "enable_indexonlyscan",
    "enable_indexscan",
    "enable_material",
    "enable_memoize",
    "enable_mergejoin",
    "enable_nestloop",
    "enable_parallel_append",
    "enable_parallel_hash",
    "enable_partition_pruning",
    "enable_partitionwise_aggregate",
    "enable_partitionwise_join",
    "enable_presorted_aggregate",
    "enable_self_join_elimination",
    "enable_seqscan",
    "enable_sort",
    "enable_tidscan",
    "from_collapse_limit",
    "geqo",
    "geqo_threshold",
    "hash_mem_multiplier",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "intervalstyle",
    "jit",
    "jit_above_cost",
    "jit_inline_above_cost",
    "jit_optimize_above_cost",
    "join_collapse_limit",
    "lc_messages",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
    "lock_timeout",
    "log_duration",
    "log_lock_waits",
    "log_min_duration_statement",
    "log_min_error_statement",
    "log_min_messages",
    "log_statement",
    "log_temp_files",
    "logical_decoding_work_mem",
    "maintenance_io_concurrency",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "min_parallel_index_scan_size",
    "min_parallel_table_scan_size",
    "parallel_leader_participation",
    "parallel_setup_cost",
    "parallel_tuple_cost",
    "pg_stat_statements.track",
    "pgaudit.log",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
    "statement_timeout",
    "tcp_keepalives_count",
    "tcp_keepalives_idle",
    "tcp_keepalives_interval",
    "tcp_user_timeout",
    "temp_buffers",
    "temp_file_limit",
    "timezone",
    "track_activities",
    "track_functions",
    "track_io_timing",
    "transaction_timeout",
    "work_mem",
];

/// Connects once and refuses a login role that row security does not bind, or that cannot become just these session roles. Gives what is
/// to be named and is not refused.
async fn check_login_role(
    options: &PgConnectOptions,
    session_roles: &[&str],
) -> Result<Vec<Warning>, ConnectError> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .map_err(ConnectError::Database)?;
    let found = examine(&mut connection, session_roles)
        .await
        .map_err(ConnectError::Database)?;
    // A goodbye that gets lost changes nothing.
    _ = connection.close().await;
    found
}

async fn examine(
    connection: &mut PgConnection,
    session_roles: &[&str],
) -> Result<Result<Vec<Warning>, ConnectError>, sqlx::Error> {
    let (search_path, version): (String, i32) = sqlx::query_as(
        "SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_setting('server_version_num')::pg_catalog.int4",
    )
    .fetch_one(&mut *connection)
    .await?;
    // What is examined shall not take part: an operator that somebody made in `public`.
    sqlx::query("SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false)")
        .execute(&mut *connection)
        .await?;
    let role = sqlx::query(include_str!("connect/login_role.sql"))
        .bind(session_roles)
        .bind(&search_path)
        .bind(HARMLESS_SETTINGS)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(row) = role {
        return refusal(&row).map(Err);
    }
    if version >= 150_000 {
        let parameter = sqlx::query(include_str!("connect/parameters.sql"))
            .bind(HARMLESS_SETTINGS)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = parameter {
            return refusal(&row).map(Err);
        }
    }
    let rows = sqlx::query(include_str!("connect/warnings.sql"))
        .bind(&search_path)
        .fetch_all(connection)
        .await?;
    rows.iter().map(Warning::read).collect::<Result<_, _>>().map(Ok)
}

fn refusal(row: &sqlx::postgres::PgRow) -> Result<ConnectError, sqlx::Error> {
    let (login, role): (String, String) = (row.try_get("login")?, row.try_get("role")?);
    let kind: String = row.try_get("kind")?;
    Ok(match kind.as_str() {
        "superuser" => ConnectError::Superuser(Who { login, role }),
        "bypassrls" => ConnectError::BypassRls(Who { login, role }),
        "createrole" => ConnectError::CreateRole(Who { login, role }),
        "replication" => ConnectError::Replication(Who { login, role }),
        "server files" => ConnectError::ServerFiles(Who { login, role }),
        "owner" => ConnectError::Owner {
            who: Who { login, role },
            table: row.try_get("object")?,
        },
        "missing" => ConnectError::MissingRole { role },
        "other owner" => {
            let (object, kind): (String, String) = (row.try_get("object")?, row.try_get("detail")?);
            ConnectError::OtherOwner {
                who: Who { login, role },
                object: format!("{kind} `{object}`"),
                remedy: row.try_get("remedy")?,
            }
        }
        "predefined" => ConnectError::PredefinedRole {
            who: Who { login, role },
            remedy: row.try_get("remedy")?,
        },
        "privilege" => {
            let privilege: String = row.try_get("detail")?;
            ConnectError::Privilege {
                grantee: Box::new(Grantee { login, role }),
                reason: reason(&privilege),
                privilege,
                object: row.try_get("object")?,
                remedy: row.try_get("remedy")?,
            }
        }
        "other role" => ConnectError::OtherRole {
            login,
            role,
            remedy: row.try_get("remedy")?,
        },
        "admin option" => ConnectError::AdminOption {
            member: role,
            role: row.try_get("object")?,
            remedy: row.try_get("remedy")?,
        },
        "setting" => ConnectError::Setting {
            login,
            name: row.try_get("object")?,
            remedy: row.try_get("remedy")?,
        },
        // `not a member`, and whatever else the query may come to find: nothing it finds is harmless.
        _ => ConnectError::NotAMember { login, role },
    })
}

/// What a privilege is good for. Those with a column behind them are REFERENCES, or privileges on the catalogue.
fn reason(privilege: &str) -> &'static str {
    match privilege.split(' ').next() {
        Some("TRUNCATE") => "which deletes every row, whatever the policies say",
        Some("TRIGGER") => "so that code of its own can run as other users",
        Some("REFERENCES") => {
            "so that a foreign key tells which hidden rows there are, and keeps them from being deleted"
        }
        Some("MAINTAIN") => "so that it can lock the table against everybody",
        Some("CREATE") => "so that what it makes there can take part in other users' queries",
        Some("EXECUTE") => {
            "which PostgreSQL keeps from everybody at first, since it reaches beyond the rows of tables"
        }
        Some("SET" | "ALTER") => "which may turn off what the policies rest on",
        _ => {
            "which PostgreSQL keeps from everybody at first, since roles, passwords or rows of others can stand there"
        }
    }
}
