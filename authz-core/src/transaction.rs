//! One request's transaction: it carries an identity, and gives no way to the connection beneath it.
//!
//! sqlx's own `Transaction` cannot be trusted with one (0.9.0): a cancelled `begin` returns its connection to the pool inside the open
//! transaction, `commit` says `Ok` after a failed statement, and a nested `begin` may end the outer transaction while the program goes on.
//! So this one begins and ends by its own statements and asks the server how it stands.
//!
//! Role and claims go to the server as bind values, so that no text holds them: not in a log, not in `pg_stat_activity`.
//!
//! A connection goes back to its pool only after the server confirmed the end of the transaction, and that all is as it was when the
//! connection was opened. On every other way (an error, a cancelled future, a panic, a runtime that shuts down) [`Guard`] closes it.

mod bypass;
mod guard;
mod rows;
mod savepoint;
mod scope;
mod statement;

use std::borrow::Cow;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use authz_sql::{CLAIMS_SETTING, Ident};

pub use self::bypass::Bypass;
use self::guard::Guard;
pub use self::savepoint::Savepoint;
pub use self::scope::Scope;
use self::scope::runs_queries;
use crate::error::CommitError;
use crate::pool::Pool;

/// Claims first: once the role is set, it is the user's business.
const SET_UP: &str = "SELECT pg_catalog.set_config($1, $2, true), pg_catalog.set_config('role', $3, true)";

/// As whom a transaction runs.
#[derive(Clone)]
pub(crate) struct Identity {
    /// Nobody's: the login role's own.
    role: Option<Ident>,
    /// A JSON text, or nothing. ASCII alone, which means the same in every encoding.
    claims: String,
}

impl Identity {
    pub(crate) fn new(role: &Ident, claims: &str) -> Self {
        Self {
            role: Some(role.clone()),
            claims: ascii(claims).into_owned(),
        }
    }

    fn has_role(&self) -> bool {
        self.role.is_some()
    }

    /// The login role itself, without claims.
    pub(crate) fn login() -> Self {
        Self {
            role: None,
            claims: String::new(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// The same JSON in ASCII: what is not stands in strings alone, where `\uXXXX` means the same (RFC 8259, section 7).
fn ascii(json: &str) -> Cow<'_, str> {
    if json.is_ascii() {
        return Cow::Borrowed(json);
    }
    let mut text = String::with_capacity(json.len() * 2);
    for letter in json.chars() {
        if letter.is_ascii() {
            text.push(letter);
        } else {
            for unit in letter.encode_utf16(&mut [0; 2]) {
                // Writing to a string never fails.
                _ = write!(text, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(text)
}

/// Begins on a connection, and makes it the identity's.
async fn set_up(guard: &mut Guard, identity: &Identity) -> Result<(), sqlx::Error> {
    guard.pooled()?.begin().await?;
    sqlx::query(SET_UP)
        .bind(CLAIMS_SETTING)
        .bind(&identity.claims)
        .bind(identity.role.as_ref().map_or("none", Ident::as_str))
        .execute(guard.connection()?)
        .await
        .map(drop)
}

/// One request's transaction: its role and claims are set, and row security decides what it sees.
///
/// `&mut Transaction` is an sqlx [`Executor`](sqlx::Executor), so all of sqlx's queries run on it; what it leads to is a [`Scope`]. Changes are kept by [`commit`](Self::commit) alone; dropping it
/// rolls back.
///
/// # Security
///
/// SQL that runs here can leave the role again (`RESET ROLE`), but only for the login role, which `connect` has found powerless. It can also
/// set other claims for the rest of the transaction, so user input never belongs into the text of SQL: bind it.
///
/// # Example
///
/// ```no_run
/// # async fn example(authz: authz::Authz, bearer_token: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let mut tx = authz.begin(bearer_token).await?;
/// sqlx::query("INSERT INTO todos (task) VALUES ($1)").bind("buy milk").execute(&mut tx).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a transaction that is dropped is rolled back"]
pub struct Transaction {
    scope: Scope,
}

runs_queries!([] Transaction);

impl Transaction {
    pub(crate) async fn begin(
        pool: &Pool,
        within: Duration,
        identity: Identity,
        as_text: bool,
    ) -> Result<Self, sqlx::Error> {
        let scope = Scope::begin(pool, within, identity, as_text).await?;
        Ok(Self { scope })
    }

    /// Makes the changes permanent.
    ///
    /// # Errors
    ///
    /// [`CommitError::RolledBack`] when a statement had failed and was not undone by a savepoint: nothing is kept.
    /// [`CommitError::AlreadyEnded`] when a statement had itself ended the transaction. [`CommitError::Database`] for all else.
    pub async fn commit(mut self) -> Result<(), CommitError> {
        self.scope.commit().await
    }

    /// Undoes the changes. Dropping the transaction does so as well, without telling whether it worked.
    ///
    /// # Errors
    ///
    /// When the connection breaks; then too nothing is kept.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.scope.rollback().await
    }
}
