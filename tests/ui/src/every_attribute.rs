//! The generated code is silent under the strictest lints.
#![deny(warnings, missing_docs, clippy::all)]

use authz::Table;

/// A project.
#[derive(Debug, Table)]
#[table(name = "work items", schema = "app", unique(title, owner_id), index(owner_id, rank desc), check = "rank < 100")]
#[rls(read = "auth.user_id() = owner_id", to = ["authenticated", "editor"])]
#[rls(modify = "auth.user_id() = owner_id")]
#[rls(select = "not hidden", restrictive, name = "visible")]
#[rls(
    update(using = "auth.user_id() = owner_id", check = "rank > 0"),
    name = "may rank"
)]
pub struct WorkItem {
    /// The key.
    #[column(primary_key, identity)]
    pub id: i64,
    /// Who owns it.
    #[column(
        default = "auth.user_id()",
        readonly,
        index,
        references = "users(id)",
        on_delete = "cascade"
    )]
    pub owner_id: String,
    /// The title.
    #[column(
        name = "title",
        type = "varchar(200)",
        unique,
        check = "char_length(title) > 0"
    )]
    pub r#type: String,
    /// Its place.
    #[column(server, default = "0")]
    pub rank: i32,
    /// Whether it is hidden.
    #[column(default = false)]
    pub hidden: bool,
    /// Free text.
    pub note: Option<String>,
}

/// A table without row security.
#[derive(Debug, Table)]
#[rls(disabled = "only the server reads it")]
pub struct Job {
    /// The key.
    #[column(primary_key)]
    pub id: i32,
}

/// Checks the names that the derive made.
///
/// # Panics
///
/// When one is another.
pub fn check() {
    assert_eq!(WorkItem::SQL_NAME, "app.\"work items\"");
    assert_eq!(
        WorkItem::COLUMNS,
        ["id", "owner_id", "title", "rank", "hidden", "note"]
    );
    assert_eq!((Job::NAMESPACE, Job::NAME), ("public", "jobs"));
}
