-- The views and the SECURITY DEFINER functions that read tables with row security with the rights of an owner for whom no policy is written:
-- kind, name, owner, whether row security binds the owner there, and the tables. Read with an empty search path.
WITH governed AS (
    SELECT c.oid, c.relname, c.relowner, c.relforcerowsecurity, c.oid::regclass::text AS name
    FROM pg_class c
    WHERE c.relrowsecurity AND c.relkind IN ('r', 'p')
),
readers AS (
    SELECT DISTINCT CASE v.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END AS kind, v.oid::regclass::text AS name,
           v.relowner AS owner, d.refobjid AS tableoid
    FROM pg_rewrite w
    JOIN pg_class v ON v.oid = w.ev_class AND v.relkind IN ('v', 'm')
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
    -- From PostgreSQL 15 on.
    WHERE NOT coalesce(v.reloptions && ARRAY['security_invoker=true', 'security_invoker=on', 'security_invoker=1', 'security_invoker=yes'], false)
    UNION
    SELECT 'function', f.oid::regprocedure::text, f.proowner, g.oid
    FROM pg_proc f
    JOIN pg_language l ON l.oid = f.prolang AND l.lanname NOT IN ('c', 'internal')
    -- Of a body that is text nothing is known but its words.
    JOIN governed g ON f.prosrc ~* ('\m' || regexp_replace(g.relname, '([^a-zA-Z0-9_])', '\\\1', 'g') || '\M')
        OR EXISTS (
            SELECT FROM pg_depend d
            WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = g.oid
        )
    WHERE f.prosecdef AND f.prokind IN ('f', 'p')
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
)
SELECT r.kind, r.name, o.rolname::text,
       NOT (o.rolsuper OR o.rolbypassrls) AND (g.relforcerowsecurity OR g.relowner <> o.oid) AS bound,
       string_agg(g.name, ', ' ORDER BY g.name)
FROM readers r
JOIN governed g ON g.oid = r.tableoid
JOIN pg_roles o ON o.oid = r.owner
WHERE NOT EXISTS (
    SELECT FROM pg_policy p, unnest(p.polroles) AS role (oid)
    WHERE p.polrelid = g.oid AND NOT o.rolsuper AND NOT o.rolbypassrls
        AND role.oid <> 0 AND pg_has_role(o.oid, role.oid, 'USAGE')
)
GROUP BY r.kind, r.name, o.rolname, 4
ORDER BY r.kind, r.name
