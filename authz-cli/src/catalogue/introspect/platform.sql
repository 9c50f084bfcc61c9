-- Who brought the database, as far as its own objects tell.
SELECT to_json(CASE
    WHEN to_regclass('auth.users') IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'anon') THEN 'supabase'
    WHEN EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_session_jwt')
        OR EXISTS (SELECT FROM pg_roles WHERE rolname = 'neon_superuser') THEN 'neon'
    ELSE 'postgres' END)::text
