-- What the roles in $1 are beyond the declared tables ($2 is the login role, or NULL), and what tables that are yet to be made in the
-- namespaces $3 would give them: rows of what it is and what PostgreSQL says it is. Read with an empty search path.
WITH roles AS (
    SELECT oid, rolname, quote_ident(rolname) AS name, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit
    FROM pg_roles
    WHERE rolname = ANY ($1::text[])
),
relations AS (
    SELECT oid, oid::regclass::text AS name, relowner, relacl FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
),
objects (object, definition) AS (
    SELECT 'rights of role ' || name,
           concat_ws(' ',
               CASE WHEN rolsuper THEN 'SUPERUSER' END,
               CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
               CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
               CASE WHEN rolcreatedb THEN 'CREATEDB' END,
               CASE WHEN rolreplication THEN 'REPLICATION' END,
               CASE WHEN rolinherit AND rolname = $2 THEN 'INHERIT' END)
    FROM roles
    UNION ALL
    SELECT 'memberships of role ' || r.name,
           string_agg(DISTINCT quote_ident(g.rolname) || CASE WHEN m.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END, ', ')
    FROM roles r
    JOIN pg_auth_members m ON m.member = r.oid
    JOIN pg_roles g ON g.oid = m.roleid
    -- The login role may also be that of other databases of the server: of their plain roles nothing is said.
    WHERE r.rolname IS DISTINCT FROM $2 OR m.admin_option
        OR g.rolname = ANY ($1::text[]) OR g.rolname LIKE 'pg\_%'
        OR g.rolsuper OR g.rolbypassrls OR g.rolcreaterole OR g.rolcreatedb OR g.rolreplication OR g.rolcanlogin
        OR EXISTS (SELECT FROM pg_auth_members WHERE member = g.oid)
        OR EXISTS (SELECT FROM relations WHERE relowner = g.oid)
    GROUP BY r.name
    UNION ALL
    SELECT 'relations of role ' || r.name, string_agg(c.name, ', ' ORDER BY c.name)
    FROM roles r
    JOIN relations c ON c.relowner = r.oid
    GROUP BY r.name
    UNION ALL
    SELECT 'grants to login role ' || r.name, string_agg(g.privilege_type || ' on ' || c.name, ', ' ORDER BY c.name, g.privilege_type)
    FROM roles r
    CROSS JOIN relations c
    CROSS JOIN aclexplode(c.relacl) g
    WHERE r.rolname = $2 AND g.grantee = r.oid AND c.relowner <> r.oid
    GROUP BY r.name
    UNION ALL
    SELECT format('default privileges of %s on future %s%s',
               coalesce(quote_ident(r.rolname), 'PUBLIC'),
               CASE d.defaclobjtype WHEN 'r' THEN 'tables' ELSE 'sequences' END,
               ' in schema ' || quote_ident(n.nspname)),
           string_agg(DISTINCT g.privilege_type, ', ')
    FROM pg_default_acl d
    CROSS JOIN aclexplode(d.defaclacl) g
    LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    LEFT JOIN pg_roles r ON r.oid = g.grantee
    WHERE d.defaclobjtype IN ('r', 'S')
        AND (d.defaclnamespace = 0 OR n.nspname = ANY ($3::text[]))
        AND (g.grantee = 0 OR r.rolname = ANY ($1::text[]))
    GROUP BY r.rolname, d.defaclobjtype, n.nspname
)
SELECT object, definition FROM objects WHERE definition <> '' ORDER BY object
