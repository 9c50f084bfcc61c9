//! The generated code is silent under the strictest lints.
#![deny(warnings, missing_docs, clippy::all)]

use authz::{Claims, Table, Type as _};

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

/// A state.
#[derive(Debug, Clone, Copy, authz::Type)]
#[sqlx(type_name = "app.state", rename_all = "snake_case")]
#[sql_type(renamed_from = "status")]
pub enum State {
    /// Nothing is done.
    Open,
    /// All is done.
    #[sqlx(rename = "finished")]
    #[value(renamed_from = "done")]
    Done,
}

/// A number of its own.
#[derive(Debug, Clone, Copy, authz::Type)]
#[repr(i16)]
pub enum Level {
    /// The only one.
    One = 1,
}

/// A key.
#[derive(Debug, Clone, authz::Type)]
#[sqlx(transparent)]
pub struct Key(pub String);

/// A key of keys.
#[derive(Debug, Clone, authz::Type)]
pub struct KeyOfKeys(pub Key);

/// A line of an item.
#[derive(Debug, Table)]
#[table(
    foreign_key(item_id, owner, references = "app.items(id, owner_id)", on_delete = "cascade", index = false),
    index("lower(body)" text_pattern_ops, item_id desc nulls last, unique, where = "item_id > 0", include(owner), name = "lines_by_body"),
    index(tags, method = "gin")
)]
#[rls(read, insert, owner = "owner")]
#[rls(
    select,
    member = "item_id in app.members(item, person) where level > 1",
    to = "editor"
)]
#[rls(
    select = "current_user = 'x' or item_id = 1",
    restrictive,
    unindexed = "few rows",
    name = "few",
    renamed_from = "some"
)]
pub struct Line {
    /// The item.
    #[column(identity = "by default")]
    pub item_id: i64,
    /// Who owns it.
    pub owner: Key,
    /// Where it stands.
    pub states: Vec<State>,
    /// How far it is.
    pub level: Option<Level>,
    /// More.
    pub keys: Vec<Option<KeyOfKeys>>,
    /// Its text.
    pub body: String,
    /// Words.
    pub tags: Vec<String>,
    /// Twice the item.
    #[column(generated = "item_id * 2")]
    pub double: i64,
}

/// A table of another.
#[derive(Debug, Table)]
#[table(existing, schema = "app")]
#[rls(select = "person = auth.user_id()")]
pub struct Member {
    /// The item.
    pub item: i64,
    /// Who.
    #[column(readonly)]
    pub person: String,
    /// How far.
    pub level: i32,
}

/// What tokens say.
#[derive(Debug, Claims)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Session {
    /// For whom the user acts.
    pub org_id: Option<Key>,
    /// What the user may do.
    #[serde(rename = "https://example.com/roles", default)]
    pub roles: Vec<String>,
    /// How far the user is.
    #[claim(function = "level_of_user")]
    pub level: Option<i32>,
    /// What the user has paid for.
    #[serde(rename(deserialize = "plan", serialize = "p"))]
    pub state: State,
    /// Some texts.
    pub r#type: Vec<KeyOfKeys>,
    /// Words between spaces.
    #[serde(deserialize_with = "words")]
    #[claim(type = "text")]
    pub scope: Vec<String>,
    /// A number of its own.
    #[claim(type = "app.state[]")]
    pub states: Vec<u8>,
    /// For Rust alone.
    #[claim(skip)]
    pub nested: Option<Key>,
    /// Not in the token.
    #[serde(skip)]
    pub seen: bool,
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
    assert_eq!(Line::COLUMNS.len(), 8);
    assert_eq!((State::SQL_NAME, Level::SQL_NAME), ("app.state", "smallint"));
    assert_eq!(KeyOfKeys::SQL_NAME, "text");
    assert_eq!(
        Session::NAMES,
        [
            "orgId",
            "https://example.com/roles",
            "level",
            "plan",
            "type",
            "scope",
            "states",
            "nested"
        ]
    );
    assert_eq!((Job::NAMESPACE, Job::NAME), ("public", "jobs"));
}
