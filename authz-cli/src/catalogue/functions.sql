-- The functions of migrations, but for those whose signatures are in $1: oid and definition, the oldest first.
SELECT f.oid::bigint, pg_catalog.pg_get_functiondef(f.oid)
FROM pg_catalog.pg_proc f
JOIN pg_catalog.pg_namespace n ON n.oid = f.pronamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(temp|toast)'
    AND f.prokind IN ('f', 'p')
    AND f.oid NOT IN (
        SELECT pg_catalog.to_regprocedure(signature) FROM pg_catalog.unnest($1::text[]) AS declared (signature)
        WHERE pg_catalog.to_regprocedure(signature) IS NOT NULL
    )
    -- Those of extensions come and go with them.
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = f.oid AND d.deptype = 'e'
    )
ORDER BY f.oid
