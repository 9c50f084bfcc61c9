-- For each of the given tables (namespaces in $1, names in $2, pairwise) a row with a value of each type, as JSON: namespace, table, row.
SELECT n.nspname::text, c.relname::text,
       coalesce(jsonb_object_agg(a.attname, CASE
           WHEN t.typtype = 'e' THEN (SELECT l.enumlabel FROM pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder LIMIT 1)
           WHEN t.typtype = 'm' THEN '{}'
           WHEN t.typtype = 'r' THEN 'empty'
           WHEN t.typtype <> 'b' THEN NULL
           WHEN t.typcategory = 'A' THEN '{}'
           WHEN t.typcategory = 'B' THEN 'true'
           WHEN t.typcategory = 'N' THEN '1'
           WHEN t.typcategory = 'S' THEN 'x'
           WHEN t.typcategory = 'D' THEN '2000-01-01 00:00:00'
           WHEN t.typcategory = 'T' THEN '1 day'
           WHEN t.typname = 'uuid' THEN '00000000-0000-4000-8000-000000000000'
           WHEN t.typname IN ('json', 'jsonb') THEN '{}'
           WHEN t.typname = 'bytea' THEN ''
           WHEN t.typname IN ('inet', 'cidr') THEN '127.0.0.1'
       END) FILTER (WHERE a.attname IS NOT NULL), '{}')::text
FROM unnest($1::text[], $2::text[]) AS wanted (namespace, name)
JOIN pg_namespace n ON n.nspname = wanted.namespace
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
GROUP BY n.nspname, c.relname
