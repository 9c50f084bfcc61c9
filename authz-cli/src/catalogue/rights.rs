//! Views and functions that read with their owner's rights.

use serde::Serialize;
use sqlx::PgConnection;

use super::without_search_path;
use crate::server_error::ServerError;

/// A view or function whose owner's rights decide what everybody sees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OwnersRights {
    /// Its kind and name.
    pub object: String,
    /// What that means, and what to write.
    pub message: String,
}

/// The views and functions of a database that read governed tables with an owner's rights. `live` is whether the owner is
/// the one of real use.
pub(crate) async fn owners_rights(
    connection: &mut PgConnection,
    live: bool,
) -> Result<Vec<OwnersRights>, ServerError> {
    without_search_path(connection).await?;
    let rows: Vec<(String, String, String, bool, String)> = sqlx::query_as(include_str!("owners_rights.sql"))
        .fetch_all(connection)
        .await?;
    let note = |(kind, name, owner, bound, tables): (String, String, String, bool, String)| {
        let sees = match (bound, live) {
            (true, false) => {
                format!(
                    "it reads {tables} with the rights of its owner, whom row security binds: it sees no row there; made by a \
                     superuser, or a role with BYPASSRLS, it shows every row to everybody"
                )
            }
            (true, true) => {
                format!(
                    "it reads {tables} with the rights of {owner}, whom row security binds: it sees no row there"
                )
            }
            (false, _) => {
                format!(
                    "it reads {tables} with the rights of {owner}, whom row security does not bind: whoever may use it \
                     sees every row"
                )
            }
        };
        let write = match kind.as_str() {
            "view" => {
                "write `WITH (security_invoker = true)`, so that everybody sees their own rows (from PostgreSQL 15 on)"
            }
            "materialized view" => {
                "let only a role read it that may see all of it, and refresh it as a role with a policy of its own"
            }
            _ => {
                "let a role own it that has a policy of its own on the tables, as `member = …` does, or make it SECURITY \
                 INVOKER"
            }
        };
        OwnersRights {
            object: format!("{kind} {name}"),
            message: format!("{sees}; {write}"),
        }
    };
    Ok(rows.into_iter().map(note).collect())
}
