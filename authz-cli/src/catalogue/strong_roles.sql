-- The given roles that have more rights than roles of ours ever get, with those rights.
SELECT rolname::text, rights
FROM pg_roles,
    concat_ws(' ',
        CASE WHEN rolsuper THEN 'SUPERUSER' END,
        CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
        CASE WHEN rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN rolreplication THEN 'REPLICATION' END) AS rights
WHERE rolname = ANY ($1) AND rights <> ''
ORDER BY rolname
