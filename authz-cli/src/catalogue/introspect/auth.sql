-- The functions of the namespace `auth` where no platform brings it, but for those in $1, which are ours on every database.
SELECT json_build_object('object', 'function ' || f.oid::regprocedure, 'why', NULL)::text
FROM pg_proc f
JOIN pg_namespace n ON n.oid = f.pronamespace
WHERE n.nspname = 'auth' AND f.oid::regprocedure::text <> ALL ($1)
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = f.oid AND d.deptype = 'e')
ORDER BY 1
