-- The columns of the tables in the namespaces in $1, in their order.
SELECT json_build_object(
    'table', json_build_object('namespace', n.nspname, 'name', c.relname),
    'name', a.attname,
    'type', format_type(a.atttypid, a.atttypmod),
    'type_kind', coalesce(item.typtype, t.typtype),
    'type_name', json_build_object('namespace', coalesce(itemspace.nspname, typespace.nspname),
                                   'name', coalesce(item.typname, t.typname)),
    'not_null', a.attnotnull,
    'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by_default' END,
    'generated', CASE a.attgenerated WHEN 's' THEN 'stored' WHEN 'v' THEN 'virtual' END,
    'default', pg_get_expr(d.adbin, d.adrelid),
    'sequence', sequence.name,
    'counts', coalesce(pg_get_expr(d.adbin, d.adrelid) = format('nextval(%L::regclass)', sequence.name), false),
    'sequence_options', sequence.options,
    'collation', CASE WHEN a.attcollation <> t.typcollation
        THEN (SELECT format('%I.%I', s.nspname, k.collname) FROM pg_collation k JOIN pg_namespace s ON s.oid = k.collnamespace
              WHERE k.oid = a.attcollation) END,
    'options', nullif(concat_ws(', ',
        CASE WHEN a.attstorage <> t.typstorage THEN 'another STORAGE than its type' END,
        CASE WHEN a.attcompression <> '' THEN 'COMPRESSION' END,
        array_to_string(a.attoptions, ', ')), ''),
    'comment', col_description(c.oid, a.attnum))::text
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
JOIN pg_namespace typespace ON typespace.oid = t.typnamespace
LEFT JOIN pg_type item ON item.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_namespace itemspace ON itemspace.oid = item.typnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
-- The sequence that goes with the column: of an identity (i), or of serial and OWNED BY (a).
LEFT JOIN LATERAL (
    SELECT format('%I.%I', sn.nspname, s.relname) AS name,
           nullif(concat_ws(' ',
               CASE WHEN q.seqtypid <> a.atttypid THEN 'AS ' || format_type(q.seqtypid, NULL) END,
               CASE WHEN q.seqstart <> 1 THEN 'START ' || q.seqstart END,
               CASE WHEN q.seqincrement <> 1 THEN 'INCREMENT ' || q.seqincrement END,
               CASE WHEN q.seqmin <> 1 THEN 'MINVALUE ' || q.seqmin END,
               CASE WHEN q.seqmax <> CASE q.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
                        ELSE 9223372036854775807 END THEN 'MAXVALUE ' || q.seqmax END,
               CASE WHEN q.seqcache <> 1 THEN 'CACHE ' || q.seqcache END,
               CASE WHEN q.seqcycle THEN 'CYCLE' END), '') AS options
    FROM pg_depend dep
    JOIN pg_class s ON s.oid = dep.objid AND s.relkind = 'S'
    JOIN pg_namespace sn ON sn.oid = s.relnamespace
    JOIN pg_sequence q ON q.seqrelid = s.oid
    WHERE dep.classid = 'pg_class'::regclass AND dep.refclassid = 'pg_class'::regclass
        AND dep.refobjid = c.oid AND dep.refobjsubid = a.attnum AND dep.deptype IN ('a', 'i')
    LIMIT 1
) sequence ON true
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname = ANY ($1)
ORDER BY n.nspname, c.relname, a.attnum
