-- The policies of the tables in the namespaces in $1. PUBLIC among the roles is NULL.
SELECT json_build_object(
    'table', json_build_object('namespace', n.nspname, 'name', c.relname),
    'name', p.polname,
    'command', CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' END,
    'restrictive', NOT p.polpermissive,
    'roles', (SELECT json_agg(DISTINCT r.rolname) FROM unnest(p.polroles) AS role (oid) LEFT JOIN pg_roles r ON r.oid = role.oid),
    'using', pg_get_expr(p.polqual, p.polrelid),
    'with_check', pg_get_expr(p.polwithcheck, p.polrelid),
    'comment', obj_description(p.oid, 'pg_policy'))::text
FROM pg_policy p
JOIN pg_class c ON c.oid = p.polrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1)
ORDER BY n.nspname, c.relname, p.polname
