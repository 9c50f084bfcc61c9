//! What the runtime knows of a table.

/// A table that a struct declares. Implemented by `#[derive(Table)]`.
///
/// # Example
///
/// ```
/// use authz::Table;
///
/// #[derive(Table)]
/// #[rls(owner = "user_id")]
/// struct Todo {
///     #[column(primary_key, identity)]
///     id: i64,
///     #[column(default = "auth.user_id()")]
///     user_id: String,
/// }
///
/// assert_eq!(Todo::SQL_NAME, "public.todos");
/// assert_eq!(Todo::COLUMNS, ["id", "user_id"]);
/// ```
pub trait Table {
    /// What SQL calls the schema, unquoted.
    const NAMESPACE: &'static str;
    /// The table's name, unquoted.
    const NAME: &'static str;
    /// Namespace and name as SQL, quoted where needed: safe to put into a query's text.
    const SQL_NAME: &'static str;
    /// The columns' names in the order of the fields, unquoted.
    const COLUMNS: &'static [&'static str];
}
