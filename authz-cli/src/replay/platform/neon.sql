-- What Neon brings: its roles, and the functions of pg_session_jwt without a key, where the claims are those of the transaction
-- (https://github.com/neondatabase/pg_session_jwt). Roles belong to the server, and may be there.
DO $do$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['anonymous', 'authenticated', 'cloud_admin', 'neon_superuser', 'neondb_owner'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticator') THEN
        CREATE ROLE authenticator LOGIN NOINHERIT;
        GRANT anonymous, authenticated TO authenticator;
    END IF;
END $do$;
CREATE SCHEMA auth;
GRANT USAGE ON SCHEMA auth TO PUBLIC;
CREATE FUNCTION auth.session() RETURNS jsonb LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('request.jwt.claims', true), ''), 'null')::jsonb $$;
CREATE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE AS $$ SELECT auth.session() $$;
CREATE FUNCTION auth.user_id() RETURNS text LANGUAGE sql STABLE AS $$ SELECT auth.session() ->> 'sub' $$;
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT (auth.session() ->> 'sub')::uuid $$;
CREATE FUNCTION auth.init() RETURNS void LANGUAGE sql AS $$ $$;
CREATE FUNCTION auth.jwt_session_init(jwt text) RETURNS void LANGUAGE sql AS $$ $$;
