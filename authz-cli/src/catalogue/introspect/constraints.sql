-- The constraints of the tables in the namespaces in $1. NOT NULL, which PostgreSQL 18 keeps as one, stands with its column.
SELECT json_build_object(
    'table', json_build_object('namespace', n.nspname, 'name', c.relname),
    'name', k.conname,
    'kind', k.contype,
    'columns', (SELECT coalesce(json_agg(a.attname ORDER BY key.place), '[]'::json)
                FROM unnest(k.conkey) WITH ORDINALITY AS key (number, place)
                JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = key.number),
    'expression', pg_get_expr(k.conbin, k.conrelid),
    'references', CASE WHEN k.contype = 'f' THEN json_build_object(
        'table', (SELECT json_build_object('namespace', fn.nspname, 'name', f.relname)
                  FROM pg_class f JOIN pg_namespace fn ON fn.oid = f.relnamespace WHERE f.oid = k.confrelid),
        'columns', (SELECT json_agg(a.attname ORDER BY key.place)
                    FROM unnest(k.confkey) WITH ORDINALITY AS key (number, place)
                    JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = key.number),
        'on_delete', k.confdeltype,
        'on_update', k.confupdtype) END,
    -- What no attribute says.
    'options', nullif(concat_ws(', ',
        CASE WHEN k.condeferrable THEN 'DEFERRABLE' END,
        CASE WHEN k.condeferred THEN 'INITIALLY DEFERRED' END,
        CASE WHEN NOT k.convalidated THEN 'NOT VALID' END,
        CASE WHEN pg_get_constraintdef(k.oid) LIKE '% NOT ENFORCED' THEN 'NOT ENFORCED' END,
        CASE WHEN k.connoinherit AND k.contype = 'c' THEN 'NO INHERIT' END,
        CASE WHEN k.contype = 'f' AND k.confmatchtype <> 's' THEN 'MATCH FULL' END,
        CASE WHEN k.contype = 'f' AND pg_get_constraintdef(k.oid) ~ 'ON DELETE SET (NULL|DEFAULT) \(' THEN 'ON DELETE SET of some columns' END,
        CASE WHEN k.contype = 'u' AND pg_get_constraintdef(k.oid) LIKE '%NULLS NOT DISTINCT%' THEN 'NULLS NOT DISTINCT' END,
        CASE WHEN k.contype IN ('p', 'u') AND pg_get_constraintdef(k.oid) LIKE '%INCLUDE (%' THEN 'INCLUDE' END,
        CASE WHEN k.contype IN ('p', 'u', 'f') AND pg_get_constraintdef(k.oid) ~ ' (WITHOUT OVERLAPS|PERIOD )' THEN 'WITHOUT OVERLAPS' END), ''),
    'definition', pg_get_constraintdef(k.oid),
    'comment', obj_description(k.oid, 'pg_constraint'))::text
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname = ANY ($1) AND k.contype NOT IN ('n', 't')
ORDER BY n.nspname, c.relname, k.conname
