-- The namespaces that are not PostgreSQL's own, with whether an extension made them.
SELECT json_build_object(
    'name', n.nspname,
    'of_extension', EXISTS (
        SELECT FROM pg_depend d
        WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e'))::text
FROM pg_namespace n
WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
ORDER BY n.nspname
