//! One claim of each type.

use chrono::{DateTime, Utc};
use uuid::Uuid;

#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize, sqlx::Type, authz::Type)]
#[sqlx(type_name = "plan", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum Plan {
    Free,
    VeryPro,
}

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, authz::Type)]
pub(crate) struct OrgId(Uuid);

#[derive(Debug, Clone, serde::Serialize, serde::Deserialize, authz::Claims)]
pub(crate) struct EveryClaim {
    pub(crate) a_text: Option<String>,
    pub(crate) a_uuid: Option<Uuid>,
    pub(crate) a_boolean: Option<bool>,
    pub(crate) a_smallint: Option<i16>,
    pub(crate) an_integer: Option<i32>,
    pub(crate) a_bigint: Option<i64>,
    pub(crate) a_real: Option<f32>,
    pub(crate) a_double: Option<f64>,
    #[claim(type = "numeric")]
    pub(crate) a_numeric: Option<f64>,
    #[serde(default, with = "chrono::serde::ts_seconds_option")]
    pub(crate) a_time: Option<DateTime<Utc>>,
    pub(crate) a_json: Option<serde_json::Value>,
    pub(crate) a_plan: Option<Plan>,
    pub(crate) a_newtype: Option<OrgId>,
    pub(crate) texts: Option<Vec<String>>,
    pub(crate) uuids: Option<Vec<OrgId>>,
    pub(crate) booleans: Option<Vec<bool>>,
    pub(crate) smallints: Option<Vec<i16>>,
    pub(crate) bigints: Option<Vec<i64>>,
    pub(crate) doubles: Option<Vec<f64>>,
    pub(crate) plans: Option<Vec<Plan>>,
    /// SQL takes any JSON, and Rust this list alone.
    #[claim(type = "jsonb")]
    pub(crate) numbers: Option<Vec<u8>>,
}
