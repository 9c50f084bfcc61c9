-- Run this once on the database that was pulled. It makes it what the models say, and tells sqlx that the
-- first migration is done there.

BEGIN;

SET LOCAL lock_timeout = '5s';

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.audit FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.audit FROM authenticated;

ALTER TABLE public.audit FORCE ROW LEVEL SECURITY;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.countries FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.countries FROM authenticated;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.members FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.members FROM authenticated;

ALTER TABLE public.members FORCE ROW LEVEL SECURITY;

ALTER TABLE public.profiles RENAME CONSTRAINT username_length TO profiles_check;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.profiles FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.profiles FROM authenticated;

ALTER TABLE public.profiles FORCE ROW LEVEL SECURITY;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.teams FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.teams FROM authenticated;

ALTER TABLE public.teams FORCE ROW LEVEL SECURITY;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.todos FROM anon;

REVOKE REFERENCES, TRIGGER, TRUNCATE ON TABLE public.todos FROM authenticated;

ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;

DROP POLICY "Individuals can do all." ON public.todos;

REVOKE SELECT ON TABLE public.audit FROM anon;

REVOKE INSERT ON TABLE public.audit FROM anon;

REVOKE UPDATE ON TABLE public.audit FROM anon;

REVOKE DELETE ON TABLE public.audit FROM anon;

REVOKE SELECT ON TABLE public.audit FROM authenticated;

REVOKE INSERT ON TABLE public.audit FROM authenticated;

REVOKE UPDATE ON TABLE public.audit FROM authenticated;

REVOKE DELETE ON TABLE public.audit FROM authenticated;

REVOKE SELECT ON TABLE public.countries FROM anon;

REVOKE INSERT ON TABLE public.countries FROM anon;

REVOKE UPDATE ON TABLE public.countries FROM anon;

REVOKE DELETE ON TABLE public.countries FROM anon;

REVOKE SELECT ON TABLE public.countries FROM authenticated;

REVOKE INSERT ON TABLE public.countries FROM authenticated;

REVOKE UPDATE ON TABLE public.countries FROM authenticated;

REVOKE DELETE ON TABLE public.countries FROM authenticated;

REVOKE INSERT ON TABLE public.members FROM authenticated;

REVOKE UPDATE ON TABLE public.members FROM authenticated;

REVOKE DELETE ON TABLE public.members FROM authenticated;

REVOKE DELETE ON TABLE public.profiles FROM anon;

REVOKE DELETE ON TABLE public.profiles FROM authenticated;

REVOKE INSERT ON TABLE public.profiles FROM anon;

REVOKE UPDATE ON TABLE public.profiles FROM anon;

REVOKE INSERT ON TABLE public.profiles FROM authenticated;

REVOKE UPDATE ON TABLE public.profiles FROM authenticated;

REVOKE SELECT ON TABLE public.teams FROM anon;

REVOKE INSERT ON TABLE public.teams FROM anon;

REVOKE UPDATE ON TABLE public.teams FROM anon;

REVOKE DELETE ON TABLE public.teams FROM anon;

REVOKE INSERT ON TABLE public.teams FROM authenticated;

REVOKE DELETE ON TABLE public.teams FROM authenticated;

REVOKE SELECT ON TABLE public.todos FROM anon;

REVOKE INSERT ON TABLE public.todos FROM anon;

REVOKE UPDATE ON TABLE public.todos FROM anon;

REVOKE DELETE ON TABLE public.todos FROM anon;

CREATE INDEX members_user_id_idx ON public.members (user_id);

CREATE INDEX todos_user_id_idx ON public.todos (user_id);

CREATE POLICY audit_delete_authenticated ON public.audit AS RESTRICTIVE
    FOR DELETE TO authenticated
    USING (false);

CREATE POLICY audit_insert_authenticated ON public.audit AS RESTRICTIVE
    FOR INSERT TO authenticated
    WITH CHECK (false);

CREATE POLICY audit_select_authenticated ON public.audit AS RESTRICTIVE
    FOR SELECT TO authenticated
    USING (false);

CREATE POLICY audit_update_authenticated ON public.audit AS RESTRICTIVE
    FOR UPDATE TO authenticated
    USING (false)
    WITH CHECK (false);

ALTER POLICY "Members see themselves" ON public.members
    TO authenticated
    USING (user_id = (SELECT auth.uid()));

ALTER POLICY "Public profiles are viewable by everyone." ON public.profiles
    TO anon, authenticated
    USING (true);

ALTER POLICY "Users can insert their own profile." ON public.profiles
    TO anon, authenticated
    WITH CHECK ((SELECT auth.uid()) = id);

ALTER POLICY "Users can update own profile." ON public.profiles
    TO anon, authenticated
    USING ((SELECT auth.uid()) = id)
    WITH CHECK ((SELECT auth.uid()) = id);

ALTER POLICY "Only with two factors." ON public.todos
    TO authenticated
    USING ((SELECT auth.jwt() ->> 'aal') = 'aal2'::text)
    WITH CHECK ((SELECT auth.jwt() ->> 'aal') = 'aal2'::text);

CREATE POLICY todos_delete_authenticated ON public.todos
    FOR DELETE TO authenticated
    USING ((SELECT auth.uid()) = user_id);

CREATE POLICY todos_insert_authenticated ON public.todos
    FOR INSERT TO authenticated
    WITH CHECK ((SELECT auth.uid()) = user_id);

CREATE POLICY todos_select_authenticated ON public.todos
    FOR SELECT TO authenticated
    USING ((SELECT auth.uid()) = user_id);

CREATE POLICY todos_update_authenticated ON public.todos
    FOR UPDATE TO authenticated
    USING ((SELECT auth.uid()) = user_id)
    WITH CHECK ((SELECT auth.uid()) = user_id);

GRANT INSERT (id, updated_at, username, full_name, avatar_url) ON TABLE public.profiles TO anon;

GRANT UPDATE (id, updated_at, username, full_name, avatar_url) ON TABLE public.profiles TO anon;

GRANT INSERT (id, updated_at, username, full_name, avatar_url) ON TABLE public.profiles TO authenticated;

GRANT UPDATE (id, updated_at, username, full_name, avatar_url) ON TABLE public.profiles TO authenticated;

CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);
