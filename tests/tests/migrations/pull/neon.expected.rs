//! The tables of a database, as `cargo authz pull` read them.
//!
//! The types need these features of sqlx: chrono, uuid.

use authz::Table;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, authz::Type)]
#[sqlx(type_name = "visibility", rename_all = "lowercase")]
pub enum Visibility {
    Public,
    Private,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[table(
    index("lower(author)", post_id, unique, name = "comments_author_lower"),
    index(post_id, name = "comments_post_idx")
)]
#[rls(restrictive, all = false)]
pub struct Comment {
    #[column(type = "serial", primary_key)]
    pub id: i32,
    #[column(references = "posts(id)", on_delete = "cascade")]
    pub post_id: Uuid,
    pub author: String,
    pub body: String,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[rls(
    name = "view posts",
    select = "(visibility = 'public'::public.visibility) OR (auth.user_id() = user_id)",
    to = ["anonymous", "authenticated"]
)]
#[rls(
    name = "admins or owners",
    delete = "(auth.session() ->> 'role' = 'admin'::text) OR (auth.user_id() = user_id)",
    unindexed = "as the database has it"
)]
#[rls(name = "insert posts", insert, owner = "user_id")]
#[rls(name = "keep-the-type", restrictive, insert = "type > 0")]
pub struct Post {
    #[column(primary_key, default = "gen_random_uuid()")]
    pub id: Uuid,
    #[column(default = "auth.user_id()")]
    pub user_id: String,
    #[column(type = "varchar(120)", unique)]
    pub slug: String,
    #[column(default = "'private'")]
    pub visibility: Visibility,
    pub r#type: i32,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[rls(name = "crud-authenticated-policy-select", select, owner = "userId")]
#[rls(name = "crud-authenticated-policy-delete", delete, owner = "userId")]
#[rls(name = "crud-authenticated-policy-insert", insert, owner = "userId")]
#[rls(name = "crud-authenticated-policy-update", update, owner = "userId")]
pub struct Todo {
    #[column(primary_key, identity)]
    pub id: i64,
    #[sqlx(rename = "userId")]
    #[column(name = "userId", default = "auth.user_id()")]
    pub user_id: String,
    pub task: String,
    #[sqlx(rename = "isComplete")]
    #[column(name = "isComplete", default = "false")]
    pub is_complete: bool,
    #[sqlx(rename = "insertedAt")]
    #[column(name = "insertedAt", default = "now()")]
    pub inserted_at: DateTime<Utc>,
}

// What the database says otherwise, or what has no attribute:
//
// - differs: table public.comments, public.posts, public.todos: row security does not bind its owner; the models FORCE it
// - differs: policy "view posts" on public.posts: it is TO PUBLIC, which is every role; the model names those that have the privilege: anonymous, authenticated
// - differs: table public.comments: no policy lets anybody see a row; the model says so by a restrictive policy that no row satisfies
// - differs: constraint comments_post_id_posts_id_fk on public.comments: models give it the name comments_post_id_fkey
// - differs: grants to authenticated on public.comments: the database grants SELECT, INSERT, UPDATE, DELETE; no policy lets the role use it, and the models do not
// - differs: constraint posts_slug_unique on public.posts: models give it the name posts_slug_key
// - differs: index posts_user_id_idx on public.posts: the models add it, since a policy compares user_id
// - differs: index posts_visibility_idx on public.posts: the models add it, since a policy compares visibility
// - differs: grants to authenticated on public.posts: the database grants UPDATE (slug, visibility); no policy lets the role use it, and the models do not
// - differs: index "todos_userId_idx" on public.todos: the models add it, since a policy compares "userId"
// - differs: policy "crud-authenticated-policy-delete" on public.todos: the model has the server evaluate calls once a query, not once a row: USING ((SELECT (auth.user_id() = todos."userId"))) becomes USING ((SELECT auth.user_id()) = "userId")
// - differs: policy "crud-authenticated-policy-insert" on public.todos: the model has the server evaluate calls once a query, not once a row: WITH CHECK ((SELECT (auth.user_id() = todos."userId"))) becomes WITH CHECK ((SELECT auth.user_id()) = "userId")
// - differs: policy "crud-authenticated-policy-select" on public.todos: the model has the server evaluate calls once a query, not once a row: USING ((SELECT (auth.user_id() = todos."userId"))) becomes USING ((SELECT auth.user_id()) = "userId")
// - differs: policy "crud-authenticated-policy-update" on public.todos: the model has the server evaluate calls once a query, not once a row: USING ((SELECT (auth.user_id() = todos."userId"))) WITH CHECK ((SELECT (auth.user_id() = todos."userId"))) becomes USING ((SELECT auth.user_id()) = "userId") WITH CHECK ((SELECT auth.user_id()) = "userId")
// - differs: grants to authenticated on public.todos: the database grants INSERT, UPDATE; the models grant INSERT ("userId", task, "isComplete", "insertedAt"), UPDATE ("userId", task, "isComplete", "insertedAt")
// - left out: table drizzle.__drizzle_migrations: no struct declares it; keep it in a migration of your own; it is the bookkeeping of a migration tool
// - note: column public.comments.id: it counts by the sequence public.comments_id_seq (serial), on which no model grants USAGE; `identity` needs none
// - note: policy "admins or owners" on public.posts: `(auth.session() ->> 'role' = 'admin'::text)` is the same for every row, so that with `OR` PostgreSQL reads the whole table to test it; give those users a role with a policy of its own, such as `#[rls(select = true, to = "admin")]`, or say why that is fine: `unindexed = "reason"`
