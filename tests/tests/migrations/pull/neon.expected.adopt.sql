-- Run this once on the database that was pulled. It makes it what the models say, and tells sqlx that the
-- first migration is done there.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE public.comments RENAME CONSTRAINT comments_post_id_posts_id_fk TO comments_post_id_fkey;

ALTER TABLE public.comments FORCE ROW LEVEL SECURITY;

ALTER TABLE public.posts RENAME CONSTRAINT posts_slug_unique TO posts_slug_key;

ALTER TABLE public.posts FORCE ROW LEVEL SECURITY;

ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;

REVOKE SELECT ON TABLE public.comments FROM authenticated;

REVOKE INSERT ON TABLE public.comments FROM authenticated;

REVOKE UPDATE ON TABLE public.comments FROM authenticated;

REVOKE DELETE ON TABLE public.comments FROM authenticated;

REVOKE UPDATE ON TABLE public.posts FROM authenticated;

REVOKE INSERT ON TABLE public.todos FROM authenticated;

REVOKE UPDATE ON TABLE public.todos FROM authenticated;

CREATE INDEX posts_user_id_idx ON public.posts (user_id);

CREATE INDEX posts_visibility_idx ON public.posts (visibility);

CREATE INDEX "todos_userId_idx" ON public.todos ("userId");

CREATE POLICY comments_delete_authenticated ON public.comments AS RESTRICTIVE
    FOR DELETE TO authenticated
    USING (false);

CREATE POLICY comments_insert_authenticated ON public.comments AS RESTRICTIVE
    FOR INSERT TO authenticated
    WITH CHECK (false);

CREATE POLICY comments_select_authenticated ON public.comments AS RESTRICTIVE
    FOR SELECT TO authenticated
    USING (false);

CREATE POLICY comments_update_authenticated ON public.comments AS RESTRICTIVE
    FOR UPDATE TO authenticated
    USING (false)
    WITH CHECK (false);

ALTER POLICY "view posts" ON public.posts
    TO anonymous, authenticated
    USING ((visibility = 'public'::public.visibility) OR ((SELECT auth.user_id()) = user_id));

ALTER POLICY "crud-authenticated-policy-delete" ON public.todos
    TO authenticated
    USING ((SELECT auth.user_id()) = "userId");

ALTER POLICY "crud-authenticated-policy-insert" ON public.todos
    TO authenticated
    WITH CHECK ((SELECT auth.user_id()) = "userId");

ALTER POLICY "crud-authenticated-policy-select" ON public.todos
    TO authenticated
    USING ((SELECT auth.user_id()) = "userId");

ALTER POLICY "crud-authenticated-policy-update" ON public.todos
    TO authenticated
    USING ((SELECT auth.user_id()) = "userId")
    WITH CHECK ((SELECT auth.user_id()) = "userId");

GRANT INSERT ("userId", task, "isComplete", "insertedAt") ON TABLE public.todos TO authenticated;

GRANT UPDATE ("userId", task, "isComplete", "insertedAt") ON TABLE public.todos TO authenticated;

CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);
