-- What each of the roles $3 may run on each of the given tables (namespaces in $1, names in $2, pairwise): namespace, table, role, command and
-- a statement of it, such as the grants and the columns allow.
WITH tables AS (
    SELECT c.oid, n.nspname, c.relname, format('%I.%I', n.nspname, c.relname) AS name
    FROM unnest($1::text[], $2::text[]) AS wanted (namespace, name)
    JOIN pg_namespace n ON n.nspname = wanted.namespace
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
),
columns AS (
    SELECT t.oid AS tableoid, r.rolname,
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
               FILTER (WHERE has_column_privilege(r.oid, t.oid, a.attnum, 'SELECT')) AS selected,
           min(quote_ident(a.attname)) FILTER (WHERE has_column_privilege(r.oid, t.oid, a.attnum, 'SELECT')) AS one,
           -- A column with a default is left to it: whoever inserts has to be able to run that.
           string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE can.insert AND NOT a.atthasdef) AS inserted,
           string_agg('NULL', ', ') FILTER (WHERE can.insert AND NOT a.atthasdef) AS nulls,
           bool_or(has_column_privilege(r.oid, t.oid, a.attnum, 'INSERT')) AS inserts,
           string_agg(quote_ident(a.attname) || ' = NULL', ', ' ORDER BY a.attnum) FILTER (WHERE can.update) AS updated
    FROM tables t
    CROSS JOIN pg_roles r
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    CROSS JOIN LATERAL (
        SELECT has_column_privilege(r.oid, t.oid, a.attnum, 'INSERT') AND a.attgenerated = '' AND a.attidentity = '' AS insert,
               has_column_privilege(r.oid, t.oid, a.attnum, 'UPDATE') AND a.attgenerated = '' AND a.attidentity <> 'a' AS update
    ) AS can
    WHERE r.rolname = ANY ($3::text[]) AND NOT r.rolsuper AND NOT r.rolbypassrls
    GROUP BY t.oid, r.rolname
)
SELECT t.nspname::text, t.relname::text, c.rolname::text, command.word, command.statement
FROM columns c
JOIN tables t ON t.oid = c.tableoid
CROSS JOIN LATERAL (VALUES
    ('SELECT', 'SELECT ' || c.selected || ' FROM ' || t.name),
    ('INSERT', CASE
        WHEN c.inserted IS NOT NULL THEN format('INSERT INTO %s (%s) VALUES (%s)', t.name, c.inserted, c.nulls)
        WHEN c.inserts THEN format('INSERT INTO %s DEFAULT VALUES', t.name)
    END),
    ('UPDATE', 'UPDATE ' || t.name || ' SET ' || c.updated || coalesce(' WHERE ' || c.one || ' IS NULL', '')),
    ('DELETE', CASE
        WHEN has_table_privilege(c.rolname, t.oid, 'DELETE') THEN 'DELETE FROM ' || t.name || coalesce(' WHERE ' || c.one || ' IS NULL', '')
    END)
) AS command (word, statement)
WHERE command.statement IS NOT NULL
ORDER BY 1, 2, 3, 4
