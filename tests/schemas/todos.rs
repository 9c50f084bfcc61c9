//! To-do items with one policy for each command.

use authz::Table;
use sqlx::types::chrono::{DateTime, Utc};

/// One to-do item. Its owner, and nobody else, may see or change it.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(
    select = "auth.user_id() = user_id",
    insert = "auth.user_id() = user_id",
    update = "auth.user_id() = user_id",
    delete = "auth.user_id() = user_id"
)]
pub(crate) struct Todo {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    #[column(default = "auth.user_id()")]
    pub(crate) user_id: String,
    #[column(check = "char_length(task) > 0")]
    pub(crate) task: String,
    #[column(default = "false")]
    pub(crate) is_complete: bool,
    #[column(default = "now()", readonly)]
    pub(crate) inserted_at: DateTime<Utc>,
}
