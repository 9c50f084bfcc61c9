//! Projects of organisations, for whoever the token says to act for one of them.

use authz::Table;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What tokens say beside `sub`.
#[derive(Debug, Clone, PartialEq, serde::Deserialize, authz::Claims)]
pub(crate) struct Session {
    /// The organisation that the user acts for.
    pub(crate) org_id: Option<Uuid>,
    #[serde(rename = "https://example.com/roles", default)]
    pub(crate) roles: Vec<String>,
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub(crate) auth_time: Option<DateTime<Utc>>,
}

/// A project. Its organisation reads it; those in it with the role that the project names change it.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(select = "org_id = auth.org_id()")]
#[rls(insert = "org_id = auth.org_id() and editors = any (auth.roles())")]
#[rls(update = "org_id = auth.org_id() and editors = any (auth.roles())")]
pub(crate) struct Project {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    #[column(default = "auth.org_id()", readonly)]
    pub(crate) org_id: Uuid,
    pub(crate) name: String,
    #[column(default = "'editor'")]
    pub(crate) editors: String,
}
