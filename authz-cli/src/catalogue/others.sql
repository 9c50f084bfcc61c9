-- What a database has beside tables, functions and enum types, but for what the system and extensions bring: views, sequences of their own,
-- domains, composite types, namespaces, extensions. Rows as in objects.sql, read with an empty search path.
WITH namespaces AS (
    SELECT n.oid, n.nspname
    FROM pg_namespace n
    WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(temp|toast)'
),
extensions AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
)
SELECT 'view' AS kind,
       format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'view' ELSE 'materialized view' END, n.nspname, c.relname) AS object,
       concat_ws(' ', pg_get_viewdef(c.oid), c.reloptions::text, c.relacl::text) AS definition,
       n.nspname::text, c.relname::text, NULL::text, NULL::text, c.oid::text
FROM pg_class c
JOIN namespaces n ON n.oid = c.relnamespace
WHERE c.relkind IN ('v', 'm') AND NOT EXISTS (SELECT FROM extensions WHERE classid = 'pg_class'::regclass AND objid = c.oid)
UNION ALL
SELECT 'sequence', format('sequence %I.%I', n.nspname, c.relname), '', n.nspname, c.relname, NULL, NULL, c.oid::text
FROM pg_class c
JOIN namespaces n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND NOT EXISTS (SELECT FROM extensions WHERE classid = 'pg_class'::regclass AND objid = c.oid)
UNION ALL
SELECT 'type', format('%s %I.%I', CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, n.nspname, t.typname),
       concat_ws(' ', format_type(nullif(t.typbasetype, 0), t.typtypmod),
           (SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid)),
       n.nspname, t.typname, NULL, NULL, t.oid::text
FROM pg_type t
JOIN namespaces n ON n.oid = t.typnamespace
LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE (t.typtype IN ('d', 'r') OR t.typtype = 'c' AND c.relkind = 'c')
    AND NOT EXISTS (SELECT FROM extensions WHERE classid = 'pg_type'::regclass AND objid = t.oid)
UNION ALL
SELECT 'schema', format('schema %I', n.nspname), 'there', n.nspname, NULL, NULL, NULL, n.oid::text
FROM namespaces n
UNION ALL
SELECT 'extension', format('extension %I', x.extname), 'there', NULL, x.extname, NULL, NULL, x.oid::text
FROM pg_extension x
