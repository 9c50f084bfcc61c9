-- A Neon project with tables that drizzle made: crudPolicy and pgPolicy.
DO $do$ BEGIN
    CREATE ROLE neon_superuser NOLOGIN BYPASSRLS;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    CREATE ROLE authenticated NOLOGIN NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    CREATE ROLE anonymous NOLOGIN NOINHERIT;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO authenticated, anonymous;
CREATE FUNCTION auth.session() RETURNS jsonb LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb, 'null'::jsonb)
$$;
CREATE FUNCTION auth.user_id() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT auth.session() ->> 'sub' $$;
CREATE SCHEMA neon_auth;
CREATE TABLE neon_auth.users_sync (id text PRIMARY KEY, raw_json jsonb NOT NULL);
CREATE SCHEMA drizzle;
CREATE TABLE drizzle.__drizzle_migrations (id serial PRIMARY KEY, hash text NOT NULL, created_at bigint);
GRANT USAGE ON SCHEMA public TO authenticated, anonymous;

-- ── what a user makes ──

CREATE TYPE "public"."visibility" AS ENUM('public', 'private');

CREATE TABLE "todos" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "todos_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"userId" text DEFAULT (auth.user_id()) NOT NULL,
	"task" text NOT NULL,
	"isComplete" boolean DEFAULT false NOT NULL,
	"insertedAt" timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE "todos" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "crud-authenticated-policy-select" ON "todos" AS PERMISSIVE FOR SELECT TO "authenticated" USING ((select auth.user_id() = "todos"."userId"));
CREATE POLICY "crud-authenticated-policy-insert" ON "todos" AS PERMISSIVE FOR INSERT TO "authenticated" WITH CHECK ((select auth.user_id() = "todos"."userId"));
CREATE POLICY "crud-authenticated-policy-update" ON "todos" AS PERMISSIVE FOR UPDATE TO "authenticated" USING ((select auth.user_id() = "todos"."userId")) WITH CHECK ((select auth.user_id() = "todos"."userId"));
CREATE POLICY "crud-authenticated-policy-delete" ON "todos" AS PERMISSIVE FOR DELETE TO "authenticated" USING ((select auth.user_id() = "todos"."userId"));

CREATE TABLE "posts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" text DEFAULT (auth.user_id()) NOT NULL,
	"slug" varchar(120) NOT NULL,
	"visibility" "visibility" DEFAULT 'private' NOT NULL,
	"type" integer NOT NULL,
	CONSTRAINT "posts_slug_unique" UNIQUE("slug")
);
ALTER TABLE "posts" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "view posts" ON "posts" AS PERMISSIVE FOR SELECT TO public USING ("posts"."visibility" = 'public' or (select auth.user_id()) = "posts"."user_id");
CREATE POLICY "admins or owners" ON "posts" AS PERMISSIVE FOR DELETE TO "authenticated" USING ((select auth.session() ->> 'role') = 'admin' or (select auth.user_id()) = "posts"."user_id");
CREATE POLICY "keep-the-type" ON "posts" AS RESTRICTIVE FOR INSERT TO "authenticated" WITH CHECK ("posts"."type" > 0);
CREATE POLICY "insert posts" ON "posts" AS PERMISSIVE FOR INSERT TO "authenticated" WITH CHECK ((select auth.user_id()) = "posts"."user_id");

CREATE TABLE "comments" (
	"id" serial PRIMARY KEY NOT NULL,
	"post_id" uuid NOT NULL,
	"author" text NOT NULL,
	"body" text NOT NULL
);
ALTER TABLE "comments" ADD CONSTRAINT "comments_post_id_posts_id_fk" FOREIGN KEY ("post_id") REFERENCES "public"."posts"("id") ON DELETE cascade ON UPDATE no action;
CREATE INDEX "comments_post_idx" ON "comments" USING btree ("post_id");
CREATE UNIQUE INDEX "comments_author_lower" ON "comments" USING btree (lower("author"), "post_id");
ALTER TABLE "comments" ENABLE ROW LEVEL SECURITY;

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO authenticated;
GRANT SELECT ON posts TO anonymous;
REVOKE UPDATE ON posts FROM authenticated;
GRANT UPDATE (slug, visibility) ON posts TO authenticated;
