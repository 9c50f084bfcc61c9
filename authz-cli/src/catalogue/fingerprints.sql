-- What changes with each table but those of the system: namespace, name, and a number made of the transactions that wrote its rows in the
-- catalogue. No definition is written out, so that it is quick.
WITH rows (tableoid, stamp) AS (
    SELECT oid, hashtextextended(xmin::text || relname || relnamespace, 1) FROM pg_class
    UNION ALL
    SELECT attrelid, hashtextextended(xmin::text || attnum, 2) FROM pg_attribute
    UNION ALL
    SELECT adrelid, hashtextextended(xmin::text || oid, 3) FROM pg_attrdef
    UNION ALL
    SELECT conrelid, hashtextextended(xmin::text || oid, 4) FROM pg_constraint
    UNION ALL
    SELECT x.indrelid, hashtextextended(x.xmin::text || c.xmin || c.oid, 5) FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid
    UNION ALL
    SELECT polrelid, hashtextextended(xmin::text || oid, 6) FROM pg_policy
    UNION ALL
    SELECT tgrelid, hashtextextended(xmin::text || oid, 7) FROM pg_trigger
    UNION ALL
    SELECT objoid, hashtextextended(xmin::text || objsubid, 8) FROM pg_description WHERE classoid = 'pg_class'::regclass
    UNION ALL
    SELECT d.refobjid, hashtextextended(c.xmin::text || c.oid, 9)
    FROM pg_depend d
    JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
    WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
)
SELECT n.nspname::text, c.relname::text, sum(r.stamp % 1000000007)::bigint
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN rows r ON r.tableoid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384
GROUP BY n.nspname, c.relname
