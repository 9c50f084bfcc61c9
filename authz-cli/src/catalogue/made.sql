-- What tells each column, constraint, index and trigger from all others of the database: the ids of objects.sql.
SELECT attrelid || '.' || attnum
FROM pg_attribute
WHERE attnum > 0 AND NOT attisdropped AND attrelid >= 16384
UNION ALL
SELECT oid::text FROM pg_constraint WHERE oid >= 16384
UNION ALL
SELECT indexrelid::text FROM pg_index WHERE indexrelid >= 16384
UNION ALL
SELECT oid::text FROM pg_trigger WHERE NOT tgisinternal
