-- What makes row security worthless for the login role, worst first. No row: all is well.
--
-- $1: the session roles. PostgreSQL 14 to 18. Roles that the login role may become (MEMBER covers SET ROLE, now or through ADMIN OPTION)
-- count like itself. A superuser is a member of everything, so only its first finding is worth reading.
WITH login AS (
    SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = session_user
),
reachable AS (
    SELECT role.*
    FROM login
    JOIN pg_catalog.pg_roles role ON role.oid = login.oid OR pg_catalog.pg_has_role(login.oid, role.oid, 'MEMBER')
),
finding (severity, kind, role, object) AS (
    SELECT 1, 'superuser', rolname, NULL FROM reachable WHERE rolsuper
    UNION ALL
    SELECT 2, 'bypassrls', rolname, NULL FROM reachable WHERE rolbypassrls
    UNION ALL
    SELECT 3, 'createrole', rolname, NULL FROM reachable WHERE rolcreaterole
    UNION ALL
    SELECT 4, 'replication', rolname, NULL FROM reachable WHERE rolreplication
    UNION ALL
    SELECT 5, 'server files', rolname, NULL
    FROM reachable
    WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    UNION ALL
    SELECT 6, 'owner', reachable.rolname, pg_catalog.format('%I.%I', namespace.nspname, class.relname)
    FROM reachable
    JOIN pg_catalog.pg_class class ON class.relowner = reachable.oid
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = class.relnamespace
    WHERE class.relrowsecurity AND class.relkind IN ('r', 'p')
    UNION ALL
    SELECT 7, 'missing', wanted.name, NULL
    FROM pg_catalog.unnest($1::text[]) AS wanted (name)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles role WHERE role.rolname = wanted.name)
    UNION ALL
    -- Since PostgreSQL 16 a membership may leave SET ROLE out; before, there is no word for it.
    SELECT 8, 'not a member', role.rolname, NULL
    FROM pg_catalog.pg_roles role, login
    WHERE role.rolname = ANY ($1::text[])
        AND NOT pg_catalog.pg_has_role(login.oid, role.oid, CASE
            WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
)
SELECT finding.kind, login.rolname::text AS login, finding.role::text AS role, finding.object::text AS object
FROM finding, login
ORDER BY finding.severity, finding.role <> login.rolname, finding.role, finding.object
LIMIT 1
