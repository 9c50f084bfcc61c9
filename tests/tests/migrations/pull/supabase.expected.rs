//! The tables of a database, as `cargo authz pull` read them.
//!
//! The types need these features of sqlx: chrono, json, uuid.

use authz::Table;
use sqlx::postgres::types::PgRange;
use sqlx::types::Uuid;
use sqlx::types::chrono::{DateTime, Utc};

#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, authz::Type)]
#[sqlx(type_name = "todo_priority")]
pub enum TodoPriority {
    #[sqlx(rename = "low")]
    Low,
    #[sqlx(rename = "high")]
    High,
    #[sqlx(rename = "very high")]
    VeryHigh,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[table(name = "audit")]
#[rls(restrictive, all = false)]
pub struct Audit {
    #[column(type = "bigserial", primary_key)]
    pub id: i64,
    #[column(default = "now()")]
    pub at: DateTime<Utc>,
    pub what: Option<serde_json::Value>,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[rls(disabled = "row security is off in the database")]
pub struct Country {
    #[column(type = "char(2)", primary_key)]
    pub code: String,
    pub name: String,
}

// Refused, see the report:
// #[rls(name = "Anon may leave", delete = "user_id = auth.uid()", to = "anon")]
#[derive(Debug, Table, sqlx::FromRow)]
#[table(primary_key(team_id, user_id))]
#[rls(name = "Members see themselves", select = "user_id = auth.uid()")]
pub struct Member {
    #[column(references = "teams(id)", on_delete = "cascade")]
    pub team_id: Uuid,
    #[column(references = "auth.users(id)", on_delete = "cascade", index = false)]
    pub user_id: Uuid,
    #[column(default = "'member'")]
    pub role: String,
}

/// Who somebody is.
///
/// One row for each user.
#[derive(Debug, Table, sqlx::FromRow)]
#[table(check = "char_length((username)::text) >= 3", index(search, method = "gin"))]
#[rls(
    name = "Public profiles are viewable by everyone.",
    select = true,
    to = ["anon", "authenticated"]
)]
#[rls(
    name = "Users can insert their own profile.",
    insert,
    owner = "id",
    to = ["anon", "authenticated"]
)]
#[rls(name = "Users can update own profile.", update, owner = "id", to = ["anon", "authenticated"])]
pub struct Profile {
    #[column(primary_key, references = "auth.users(id)", on_delete = "cascade")]
    pub id: Uuid,
    pub updated_at: Option<DateTime<Utc>>,
    #[column(type = "public.handle", unique)]
    pub username: Option<String>,
    pub full_name: Option<String>,
    pub avatar_url: Option<String>,
    #[column(
        type = "tsvector",
        generated = "to_tsvector('english'::regconfig, COALESCE(full_name, ''::text))"
    )]
    pub search: Option<String>,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[rls(
    name = "Team members can view their team",
    select = "id IN (SELECT members.team_id FROM public.members WHERE (members.user_id = auth.uid()))"
)]
#[rls(name = "Admins update", update = "public.is_team_admin(id)")]
pub struct Team {
    #[column(primary_key, default = "gen_random_uuid()")]
    pub id: Uuid,
    #[column(type = "varchar(80)")]
    pub name: String,
}

#[derive(Debug, Table, sqlx::FromRow)]
#[table(index(user_id, inserted_at desc nulls last, where = "is_complete IS NOT TRUE"))]
#[rls(owner = "user_id")]
#[rls(name = "Only with two factors.", restrictive, update = "auth.jwt() ->> 'aal' = 'aal2'::text")]
pub struct Todo {
    #[column(primary_key, identity = "by default")]
    pub id: i64,
    #[column(default = "auth.uid()", references = "auth.users(id)", index = false)]
    pub user_id: Uuid,
    #[column(check = "char_length(task) > 3")]
    pub task: Option<String>,
    #[column(default = "false")]
    pub is_complete: Option<bool>,
    #[column(default = "'low'")]
    pub priority: TodoPriority,
    #[column(default = "'{}'")]
    pub tags: Vec<String>,
    #[column(type = "json")]
    pub details: Option<serde_json::Value>,
    pub due: Option<PgRange<DateTime<Utc>>>,
    #[column(default = "timezone('utc'::text, now())")]
    pub inserted_at: DateTime<Utc>,
}

// What the database says otherwise, or what has no attribute:
//
// - differs: table public.audit, public.members, public.profiles, public.teams, public.todos: row security does not bind its owner; the models FORCE it
// - differs: table public.countries: row security is off, so that whoever has a privilege sees and changes every row; the model says `disabled`, and grants nothing
// - differs: policy "Public profiles are viewable by everyone." on public.profiles: it is TO PUBLIC, which is every role; the model names those that have the privilege: anon, authenticated
// - differs: policy "Users can insert their own profile." on public.profiles: it is TO PUBLIC, which is every role; the model names those that have the privilege: anon, authenticated
// - differs: policy "Users can update own profile." on public.profiles: it is TO PUBLIC, which is every role; the model names those that have the privilege: anon, authenticated
// - differs: policy "Individuals can do all." on public.todos: it is FOR ALL; the model gives each command its own: 4 policies, the same access
// - differs: table public.audit: no policy lets anybody see a row; the model says so by a restrictive policy that no row satisfies
// - differs: grants to anon on public.audit, public.countries, public.teams, public.todos: the database grants SELECT, INSERT, UPDATE, DELETE; no policy lets the role use it, and the models do not
// - differs: grants to authenticated on public.audit, public.countries: the database grants SELECT, INSERT, UPDATE, DELETE; no policy lets the role use it, and the models do not
// - differs: index members_user_id_idx on public.members: the models add it, since a policy compares user_id
// - differs: policy "Members see themselves" on public.members: the model has the server evaluate calls once a query, not once a row: USING (user_id = auth.uid()) becomes USING (user_id = (SELECT auth.uid()))
// - differs: grants to authenticated on public.members: the database grants INSERT, UPDATE, DELETE; no policy lets the role use it, and the models do not
// - differs: constraint username_length on public.profiles: models give it the name profiles_check
// - differs: policy "Users can update own profile." on public.profiles: it has no WITH CHECK, so that USING holds for new rows too; the model says both
// - differs: grants to anon on public.profiles: the database grants DELETE, INSERT, UPDATE; the models grant INSERT (id, updated_at, username, full_name, avatar_url), UPDATE (id, updated_at, username, full_name, avatar_url)
// - differs: grants to authenticated on public.profiles: the database grants DELETE, INSERT, UPDATE; the models grant INSERT (id, updated_at, username, full_name, avatar_url), UPDATE (id, updated_at, username, full_name, avatar_url)
// - differs: grants to authenticated on public.teams: the database grants INSERT, DELETE; no policy lets the role use it, and the models do not
// - differs: index todos_user_id_idx on public.todos: the models add it, since a policy compares user_id
// - differs: policy "Only with two factors." on public.todos: it has no WITH CHECK, so that USING holds for new rows too; the model says both
// - left out: grants to service_role on public.audit, public.countries, public.members, public.profiles, public.teams, public.todos: row security does not bind that role, and models grant it nothing
// - left out: grants to anon on public.audit, public.countries, public.members, public.profiles, public.teams, public.todos: REFERENCES, TRIGGER, TRUNCATE: models grant SELECT, INSERT, UPDATE and DELETE alone
// - left out: grants to authenticated on public.audit, public.countries, public.members, public.profiles, public.teams, public.todos: REFERENCES, TRIGGER, TRUNCATE: models grant SELECT, INSERT, UPDATE and DELETE alone
// - left out: roles of policy "Service role can do all." on public.todos: row security does not bind service_role, so that it says nothing of that role
// - left out: policy "Anon may leave" on public.members: the attribute `#[rls(name = "Anon may leave", delete = "user_id = auth.uid()", to = "anon")]` is refused: `delete` without `select` for `anon`: DELETE finds its rows by the SELECT policies, so it would touch 0 rows and report no error; add `select = "…"`
// - left out: grants to anon on public.members: SELECT stays: the policy "Anon may leave", which the model does not say, is of that role
// - left out: grants to anon on public.members: INSERT stays: the policy "Anon may leave", which the model does not say, is of that role
// - left out: grants to anon on public.members: UPDATE stays: the policy "Anon may leave", which the model does not say, is of that role
// - left out: grants to anon on public.members: DELETE stays: the policy "Anon may leave", which the model does not say, is of that role
// - left out: default privileges of postgres on functions in public, sequences in public, tables in public: no struct declares it; keep it in a migration of your own; what that role makes later is granted to anon, authenticated, service_role; the models take back what they do not grant from tables alone
// - left out: domain public.handle: no struct declares it; keep it in a migration of your own
// - left out: function public.handle_new_user(): no struct declares it; keep it in a migration of your own; it runs as its owner (SECURITY DEFINER)
// - left out: function public.is_team_admin(uuid): the models call it; a file in `authz/sql` declares it; it runs as its owner (SECURITY DEFINER)
// - left out: trigger todos_changed on public.todos: no struct declares it; keep it in a migration of your own
// - left out: view public.active_todos: no struct declares it; keep it in a migration of your own; it reads as its owner, whom row security may not bind
// - note: column public.audit.id: it counts by the sequence public.audit_id_seq (serial), on which no model grants USAGE; `identity` needs none
// - note: column public.profiles.username: its type public.handle is made elsewhere: a migration of your own must make it before the table
// - note: column public.profiles.username: which Rust type holds public.handle is not known; `String` is a guess
// - note: column public.profiles.search: which Rust type holds tsvector is not known; `String` is a guess
