-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.

SET LOCAL lock_timeout = '5s';
SET LOCAL row_security = off;

DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'anonymous') THEN
        CREATE ROLE anonymous NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'anonymous' AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'the role % bypasses row security', E'anonymous'
            USING HINT = 'It exists with SUPERUSER or BYPASSRLS. Take these away, or drop the role.';
    END IF;
END $do$;

DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authenticated') THEN
        CREATE ROLE authenticated NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authenticated' AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'the role % bypasses row security', E'authenticated'
            USING HINT = 'It exists with SUPERUSER or BYPASSRLS. Take these away, or drop the role.';
    END IF;
END $do$;

DO $do$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authenticator') THEN
        CREATE ROLE authenticator LOGIN NOINHERIT;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authenticator' AND (rolsuper OR rolbypassrls)) THEN
        RAISE EXCEPTION 'the role % bypasses row security', E'authenticator'
            USING HINT = 'It exists with SUPERUSER or BYPASSRLS. Take these away, or drop the role.';
    END IF;
END $do$;

DO $do$ BEGIN
    IF NOT pg_catalog.pg_has_role(E'authenticator', E'anonymous', 'MEMBER') THEN
        GRANT anonymous TO authenticator;
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role % belongs to another owner of this server, and % may not grant it', E'anonymous', current_user
        USING HINT = pg_catalog.format('Let a superuser, or who made the role, run: GRANT %I TO %I WITH ADMIN OPTION', E'anonymous', current_user);
END $do$;

DO $do$ BEGIN
    IF NOT pg_catalog.pg_has_role(E'authenticator', E'authenticated', 'MEMBER') THEN
        GRANT authenticated TO authenticator;
    END IF;
EXCEPTION WHEN unique_violation THEN NULL;
WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'the role % belongs to another owner of this server, and % may not grant it', E'authenticated', current_user
        USING HINT = pg_catalog.format('Let a superuser, or who made the role, run: GRANT %I TO %I WITH ADMIN OPTION', E'authenticated', current_user);
END $do$;

DO $do$ DECLARE
    here record;
BEGIN
    SELECT datdba, pg_namespace.oid AS schema, nspowner INTO here
    FROM pg_catalog.pg_database
    LEFT JOIN pg_catalog.pg_namespace ON nspname = 'public'
    WHERE datname = pg_catalog.current_database();
    IF pg_catalog.has_schema_privilege('public', here.schema, 'CREATE') THEN
        IF pg_catalog.pg_has_role(here.nspowner, 'USAGE') THEN
            REVOKE CREATE ON SCHEMA public FROM PUBLIC;
        ELSE
            RAISE WARNING 'PUBLIC may create objects in the schema public, and % does not own it', current_user
                USING HINT = pg_catalog.format('Let a superuser run: ALTER SCHEMA public OWNER TO %I; REVOKE CREATE ON SCHEMA public FROM PUBLIC', current_user);
        END IF;
    END IF;
    IF pg_catalog.has_database_privilege('public', pg_catalog.current_database(), 'TEMPORARY') THEN
        IF pg_catalog.pg_has_role(here.datdba, 'USAGE') THEN
            EXECUTE pg_catalog.format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
        ELSE
            RAISE WARNING 'PUBLIC may make temporary tables, and % does not own the database', current_user
                USING HINT = pg_catalog.format('Let its owner run: REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', pg_catalog.current_database());
        END IF;
    END IF;
END $do$;

CREATE SCHEMA auth;

DO $do$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        CREATE FUNCTION auth.session() RETURNS jsonb STABLE PARALLEL SAFE
        RETURN CASE WHEN pg_input_is_valid(nullif(current_setting('request.jwt.claims', true), ''), 'pg_catalog.jsonb')
            THEN current_setting('request.jwt.claims', true)::jsonb ELSE 'null'::jsonb END;
    ELSE
        CREATE FUNCTION auth.session() RETURNS jsonb STABLE PARALLEL SAFE
        RETURN coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb, 'null'::jsonb);
    END IF;
END $do$;

CREATE FUNCTION auth.jwt() RETURNS jsonb STABLE PARALLEL SAFE RETURN auth.session();

CREATE FUNCTION auth.user_id() RETURNS text STABLE PARALLEL SAFE
RETURN CASE WHEN strpos(
    current_setting('request.jwt.claims', true),
    '"sub":"' || nullif(current_setting('request.jwt.claim.sub', true), '') || '"'
) > 0 THEN current_setting('request.jwt.claim.sub', true)
ELSE jsonb_path_query_first(auth.session(), 'strict $.sub ? (@.type() == "string")', '{}', true) #>> '{}' END;

CREATE FUNCTION auth.uid() RETURNS uuid STABLE PARALLEL SAFE
RETURN coalesce(
    substring(auth.user_id() from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
    substring(auth.user_id() from '^([0-9A-Fa-f]{32})$'),
    substring(auth.user_id() from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
)::uuid;

CREATE FUNCTION auth.organization() RETURNS jsonb STABLE PARALLEL SAFE
RETURN jsonb_path_query_first(auth.session(), 'strict $.o ? (@.type() == "object")', '{}', true);

CREATE FUNCTION auth.organization_id() RETURNS uuid STABLE PARALLEL SAFE
RETURN coalesce(
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^([0-9A-Fa-f]{32})$'),
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
)::uuid;

REVOKE ALL ON FUNCTION auth.session(), auth.jwt(), auth.user_id(), auth.uid(), auth.organization(), auth.organization_id() FROM PUBLIC;

GRANT USAGE ON SCHEMA auth TO anonymous;
GRANT EXECUTE ON FUNCTION auth.session(), auth.jwt(), auth.user_id(), auth.uid(), auth.organization(), auth.organization_id() TO anonymous;

GRANT USAGE ON SCHEMA auth TO authenticated;
GRANT EXECUTE ON FUNCTION auth.session(), auth.jwt(), auth.user_id(), auth.uid(), auth.organization(), auth.organization_id() TO authenticated;

CREATE TABLE public.todos (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id text DEFAULT auth.user_id() NOT NULL,
    task text NOT NULL,
    is_complete boolean DEFAULT false NOT NULL,
    inserted_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT todos_pkey PRIMARY KEY (id),
    CONSTRAINT todos_task_check CHECK (char_length(task) > 0)
);

ALTER TABLE public.todos ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;

CREATE INDEX todos_user_id_idx ON public.todos (user_id);

COMMENT ON TABLE public.todos IS E'One to-do item. Its owner, and nobody else, may see or change it.';

CREATE POLICY todos_delete_authenticated ON public.todos
    FOR DELETE TO authenticated
    USING ((SELECT auth.user_id()) = user_id);

CREATE POLICY todos_insert_authenticated ON public.todos
    FOR INSERT TO authenticated
    WITH CHECK ((SELECT auth.user_id()) = user_id);

CREATE POLICY todos_select_authenticated ON public.todos
    FOR SELECT TO authenticated
    USING ((SELECT auth.user_id()) = user_id);

CREATE POLICY todos_update_authenticated ON public.todos
    FOR UPDATE TO authenticated
    USING ((SELECT auth.user_id()) = user_id)
    WITH CHECK ((SELECT auth.user_id()) = user_id);

GRANT USAGE ON SCHEMA public TO authenticated;

GRANT SELECT ON TABLE public.todos TO authenticated;

GRANT INSERT (user_id, task, is_complete, inserted_at) ON TABLE public.todos TO authenticated;

GRANT UPDATE (user_id, task, is_complete) ON TABLE public.todos TO authenticated;

GRANT DELETE ON TABLE public.todos TO authenticated;
