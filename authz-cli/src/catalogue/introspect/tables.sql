-- The tables of the namespaces in $1, without those of extensions and the bookkeeping of sqlx.
SELECT json_build_object(
    'namespace', n.nspname,
    'name', c.relname,
    'special', concat_ws(' and ',
        CASE c.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'a foreign table' END,
        CASE WHEN c.relispartition THEN 'a partition' END,
        CASE WHEN NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid)
            THEN 'inherited from another table' END),
    'options', concat_ws(', ',
        CASE WHEN c.relpersistence = 'u' THEN 'UNLOGGED' END,
        CASE WHEN c.reloftype <> 0 THEN 'OF ' || format_type(c.reloftype, NULL) END,
        'WITH (' || array_to_string(c.reloptions, ', ') || ')',
        'TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = c.reltablespace),
        CASE c.relreplident WHEN 'f' THEN 'REPLICA IDENTITY FULL' WHEN 'n' THEN 'REPLICA IDENTITY NOTHING'
            WHEN 'i' THEN 'REPLICA IDENTITY USING INDEX' END),
    'row_security', c.relrowsecurity,
    'forced', c.relforcerowsecurity,
    'comment', obj_description(c.oid, 'pg_class'))::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f')
    AND n.nspname = ANY ($1)
    AND c.relname <> '_sqlx_migrations'
    AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
