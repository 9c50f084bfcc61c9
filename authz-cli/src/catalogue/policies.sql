-- The policies of the given tables (namespaces in $1, names in $2, pairwise) for each role that they bind: namespace, table, policy, command,
-- role, and their expressions. PUBLIC stands for the roles $3. A role that may not run the command at all meets no policy. Read with an
-- empty search path.
SELECT n.nspname::text, c.relname::text, p.polname::text, command.word, r.rolname::text,
       pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
FROM unnest($1::text[], $2::text[]) AS wanted (namespace, name)
JOIN pg_namespace n ON n.nspname = wanted.namespace
JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = wanted.name
JOIN pg_policy p ON p.polrelid = c.oid
JOIN (VALUES ('r', 'SELECT'), ('a', 'INSERT'), ('w', 'UPDATE'), ('d', 'DELETE')) AS command (letter, word)
    ON p.polcmd = command.letter OR p.polcmd = '*'
JOIN pg_roles r ON r.oid = ANY (p.polroles) OR 0::oid = ANY (p.polroles) AND r.rolname = ANY ($3::text[])
WHERE NOT r.rolsuper AND NOT r.rolbypassrls
    AND CASE command.word
        WHEN 'DELETE' THEN has_table_privilege(r.oid, c.oid, 'DELETE')
        ELSE has_any_column_privilege(r.oid, c.oid, command.word)
    END
ORDER BY 1, 2, 3, 5, 4
