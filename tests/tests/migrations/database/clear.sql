-- Dropping and making the database anew takes ten times as long.
DO $do$ DECLARE
    sql text;
BEGIN
    -- All at once, since CASCADE takes others along.
    FOREACH sql IN ARRAY ARRAY(
        SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname) FROM pg_namespace
        WHERE nspname <> 'information_schema' AND nspname <> 'public' AND nspname NOT LIKE 'pg\_%'
        UNION ALL
        SELECT format('DROP TABLE IF EXISTS %s CASCADE', oid::regclass) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        UNION ALL
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        UNION ALL
        SELECT format('DROP FUNCTION IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace
    )
    LOOP
        EXECUTE sql;
    END LOOP;
    FOR sql IN
        SELECT format('REVOKE USAGE ON SCHEMA public FROM %I', rolname) FROM pg_roles
        WHERE rolname NOT LIKE 'pg\_%' AND NOT rolsuper
            -- Before PostgreSQL 15 the owner of the database is that of `public` in these tests alone.
            AND oid <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'public')
    LOOP
        EXECUTE sql;
    END LOOP;
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
END $do$
