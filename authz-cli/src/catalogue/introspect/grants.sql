-- Privileges on the tables in the namespaces in $1 and on their columns, but for those of the owner. PUBLIC is NULL.
SELECT json_build_object(
    'table', json_build_object('namespace', n.nspname, 'name', c.relname),
    'column', a.attname,
    'role', r.rolname,
    'bypasses', coalesce(r.rolsuper OR r.rolbypassrls, false),
    'privilege', g.privilege_type,
    'grantable', g.is_grantable)::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT NULL::smallint AS number, x.* FROM aclexplode(c.relacl) x
    UNION ALL
    SELECT col.attnum, x.* FROM pg_attribute col CROSS JOIN aclexplode(col.attacl) x
    WHERE col.attrelid = c.oid AND NOT col.attisdropped
) g
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = g.number
LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname = ANY ($1) AND g.grantee <> c.relowner
ORDER BY n.nspname, c.relname, g.number, r.rolname, g.privilege_type
