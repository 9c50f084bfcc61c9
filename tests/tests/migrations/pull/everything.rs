//! Models with one of each thing that attributes say.

use authz::Table;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};

/// How somebody feels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, authz::Type)]
#[sqlx(type_name = "mood", rename_all = "snake_case")]
pub enum Mood {
    Happy,
    VerySad,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, authz::Type)]
#[sqlx(type_name = "app.odd")]
pub enum Odd {
    #[sqlx(rename = "a b")]
    One,
    #[sqlx(rename = "self")]
    Two,
}

/// A place, by two numbers.
///
/// "Quoted", and with a \ in it.
#[derive(Debug, Table)]
#[table(
    schema = "app",
    name = "Odd places",
    primary_key(x, y),
    check = "x <> y",
    check = "x > 0"
)]
#[rls(select = true, to = ["anonymous", "authenticated"])]
pub struct Place {
    pub x: i32,
    pub y: i32,
    /// What people call it.
    #[column(default = "'it''s \\ a \"place\"'")]
    pub label: String,
    #[column(default = "'a b'")]
    pub odd: Option<Odd>,
}

#[derive(Debug, Table)]
#[table(
    foreign_key(x, y, references = "app.spots(x, y)", on_delete = "cascade", on_update = "set null"),
    unique(slug, kind),
    index(created_at desc nulls last, kind),
    index(kind asc nulls first, name = "by_kind"),
    index("lower(slug)", unique, where = "x is null"),
    index(data jsonb_path_ops, method = "gin"),
    index(slug text_pattern_ops, include(kind)),
    index("(data ->> 'a')" desc, name = "by_a"),
    check = "char_length(slug) > 2"
)]
#[rls(owner = "owner_id")]
#[rls(select, owner = "owner_id", to = ["anonymous", "authz_test_editor"])]
#[rls(name = "no drafts", restrictive, select = "kind <> 'draft' or owner_id = auth.user_id()", unindexed = "few")]
#[rls(select = "kind = 'public'", to = "anonymous")]
#[rls(update(using = "kind = 'open'", check = "kind in ('open', 'closed')"), select = "kind = 'open'", to = "authz_test_editor")]
pub struct Item {
    #[column(primary_key, identity = "by default")]
    pub id: i64,
    #[column(default = "auth.user_id()", readonly)]
    pub owner_id: String,
    #[column(type = "varchar(40)", check = "slug ~ '^[a-z]+$'")]
    pub slug: String,
    pub kind: String,
    pub x: Option<i32>,
    pub y: Option<i32>,
    #[column(generated = "x * 2 + 1")]
    pub doubled: Option<i32>,
    pub data: Option<serde_json::Value>,
    #[column(type = "numeric(10, 2)", default = "1.5")]
    pub price: sqlx::types::Decimal,
    pub moods: Vec<Mood>,
    #[column(default = "'very_sad'")]
    pub mood: Mood,
    #[column(server, default = "now()")]
    pub created_at: DateTime<Utc>,
    #[column(name = "type", index)]
    pub kind_of: Option<Uuid>,
    #[column(name = "Camel Case")]
    pub odd_name: Option<bool>,
    #[column(references = "items(id)", on_delete = "set null", unique)]
    pub parent: Option<i64>,
    #[column(type = "timestamptz(3)")]
    pub at: Option<DateTime<Utc>>,
    pub span: Option<sqlx::postgres::types::PgRange<i32>>,
    pub bytes: Vec<u8>,
}

#[derive(Debug, Table)]
#[table(schema = "app", primary_key(x, y))]
#[rls(disabled = "everybody may know")]
pub struct Spot {
    pub x: i32,
    pub y: i32,
}
