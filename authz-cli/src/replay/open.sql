DO $do$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT polname FROM pg_catalog.pg_policy WHERE polrelid = pg_catalog.to_regclass($name$$table$name$) LOOP
        EXECUTE pg_catalog.format('DROP POLICY %I ON $table', item.polname);
    END LOOP;
    FOR item IN
        SELECT DISTINCT coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC') AS role
        FROM pg_catalog.pg_class c
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL
        CROSS JOIN pg_catalog.aclexplode(c.relacl || coalesce(a.attacl, '{}')) g
        LEFT JOIN pg_catalog.pg_roles r ON r.oid = g.grantee
        WHERE c.oid = pg_catalog.to_regclass($name$$table$name$) AND g.grantee <> c.relowner
    LOOP
        EXECUTE pg_catalog.format('REVOKE ALL ON $table FROM %s', item.role);
    END LOOP;
END $do$;
