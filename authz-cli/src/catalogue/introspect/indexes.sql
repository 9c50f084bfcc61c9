-- The indexes of the tables in the namespaces in $1 that are no constraint's. A key is its column or expression with
-- collation, operator class and order where these are not the default.
SELECT json_build_object(
    'table', json_build_object('namespace', n.nspname, 'name', c.relname),
    'name', i.relname,
    'unique', x.indisunique,
    'method', am.amname,
    'keys', (SELECT json_agg(concat_ws(' ',
                 pg_get_indexdef(x.indexrelid, place, false),
                 CASE WHEN x.indcollation[place - 1] <> 0 AND x.indcollation[place - 1] <> coalesce(a.attcollation, 100)
                     THEN 'COLLATE ' || x.indcollation[place - 1]::regcollation::text END,
                 CASE WHEN NOT o.opcdefault THEN
                     CASE WHEN os.nspname = 'pg_catalog' THEN quote_ident(o.opcname) ELSE format('%I.%I', os.nspname, o.opcname) END END,
                 CASE WHEN am.amname = 'btree' THEN CASE x.indoption[place - 1]
                     WHEN 1 THEN 'DESC NULLS LAST' WHEN 2 THEN 'NULLS FIRST' WHEN 3 THEN 'DESC' END END)
                 ORDER BY place)
             FROM generate_series(1, x.indnkeyatts) AS place
             JOIN pg_opclass o ON o.oid = x.indclass[place - 1]
             JOIN pg_namespace os ON os.oid = o.opcnamespace
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[place - 1] AND a.attnum > 0),
    'expressions', (SELECT json_agg(x.indkey[place - 1] = 0 ORDER BY place) FROM generate_series(1, x.indnkeyatts) AS place),
    'include', (SELECT coalesce(json_agg(a.attname ORDER BY place), '[]'::json)
                FROM generate_series(x.indnkeyatts + 1, x.indnatts) AS place
                JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = x.indkey[place - 1]),
    'predicate', pg_get_expr(x.indpred, x.indrelid),
    -- All columns that the index reads, those of expressions among them.
    'columns', (SELECT coalesce(json_agg(a.attname ORDER BY a.attnum), '[]'::json)
                FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND (a.attnum = ANY (x.indkey::int2[]) OR EXISTS (
                    SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                        AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum))),
    'options', nullif(concat_ws(', ',
        CASE WHEN NOT x.indisvalid THEN 'INVALID' END,
        CASE WHEN pg_get_indexdef(x.indexrelid) LIKE '%NULLS NOT DISTINCT%' THEN 'NULLS NOT DISTINCT' END,
        'WITH (' || array_to_string(i.reloptions, ', ') || ')',
        'TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = i.reltablespace),
        CASE WHEN x.indisclustered THEN 'CLUSTER' END,
        CASE WHEN x.indisreplident THEN 'REPLICA IDENTITY' END), ''),
    'definition', pg_get_indexdef(x.indexrelid),
    'comment', obj_description(i.oid, 'pg_class'))::text
FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid
JOIN pg_am am ON am.oid = i.relam
JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY ($1)
    AND NOT EXISTS (
        SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
ORDER BY n.nspname, c.relname, i.relname
