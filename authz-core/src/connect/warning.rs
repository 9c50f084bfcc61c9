//! What `connect` names and does not refuse.

use std::fmt;

use sqlx::Row as _;

/// A way around row security that may be meant: what [`Authz::warnings`](crate::Authz::warnings) lists.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A session role may call a SECURITY DEFINER function whose owner reaches tables with row security.
    DefinerFunction {
        /// The function, as SQL.
        function: String,
        /// Whose rights it has.
        owner: String,
        /// One of the roles that may call it.
        role: String,
    },
    /// A session role may use a view over a table with row security that reads as its owner, or a materialized view.
    OwnersView {
        /// The view, as SQL.
        view: String,
        /// Whose rights it has.
        owner: String,
        /// One of the roles that may use it.
        role: String,
    },
    /// A session role may use a partition or child of a table with row security which has none itself.
    Part {
        /// The table, as SQL.
        table: String,
        /// One of the roles that may use it.
        role: String,
    },
    /// A role can take itself out of a restrictive policy by `DROP OWNED`, and gets rows through another role even so.
    Restrictive {
        /// The policy and its table, as SQL.
        policy: String,
        /// One of the roles that can.
        role: String,
    },
    /// A role may make temporary tables.
    Temporary {
        /// The database, as SQL.
        database: String,
        /// Who was given the right, as SQL: a role, or PUBLIC.
        grantee: String,
    },
    /// The login role or a session role owns a table, a view or a sequence beside those with row security.
    OwnedRelation {
        /// The relation, as SQL.
        relation: String,
        /// Its owner.
        role: String,
    },
    /// A role that a claim picks is open to the login role of another session role.
    SharedLogin {
        /// The role that a claim picks.
        role: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DefinerFunction {
                function,
                owner,
                role,
            } => write!(
                f,
                "`{role}` may call `{function}`, which is SECURITY DEFINER and sees the rows that `{owner}` sees"
            ),
            Self::OwnersView { view, owner, role } => write!(
                f,
                "`{role}` may use the view `{view}`, which sees the rows that its owner `{owner}` sees; since PostgreSQL 15 a view \
                 with `security_invoker` sees those of the role"
            ),
            Self::Part { table, role } => write!(
                f,
                "`{role}` may use `{table}`, a part of a table with row security that has none itself; \
                 `ALTER TABLE {table} ENABLE ROW LEVEL SECURITY`, or revoke it from the role"
            ),
            Self::Restrictive { policy, role } => write!(
                f,
                "`{role}` can remove the restrictive policy `{policy}` by DROP OWNED, and sees rows through another role then; an event \
                 trigger prevents DROP OWNED, see docs/threat-model.md"
            ),
            Self::Temporary { database, grantee } => write!(
                f,
                "`{grantee}` may make temporary tables, which take the place of tables in later statements of the same connection; as \
                 its owner `REVOKE TEMPORARY ON DATABASE {database} FROM {grantee}`"
            ),
            Self::OwnedRelation { relation, role } => {
                write!(f, "`{role}` owns `{relation}`, and can change or drop it")
            }
            Self::SharedLogin { role } => write!(
                f,
                "SQL that an attacker writes can become `{role}` in every request, because the login role may; give `{role}` a login \
                 of its own by `login_for_role`"
            ),
        }
    }
}

impl Warning {
    /// Reads a row of `warnings.sql`.
    pub(super) fn read(row: &sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        let (kind, role): (String, String) = (row.try_get("kind")?, row.try_get("role")?);
        let (object, owner): (String, String) = (row.try_get("object")?, row.try_get("owner")?);
        Ok(match kind.as_str() {
            "function" => Self::DefinerFunction {
                function: object,
                owner,
                role,
            },
            "view" => Self::OwnersView {
                view: object,
                owner,
                role,
            },
            "part" => Self::Part { table: object, role },
            "restrictive" => Self::Restrictive { policy: object, role },
            "temporary" => Self::Temporary {
                database: object,
                grantee: role,
            },
            _ => Self::OwnedRelation {
                relation: object,
                role,
            },
        })
    }
}
