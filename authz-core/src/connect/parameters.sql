-- Settings that a role was given the right to change, which its own rights do not reach. PostgreSQL 15 and later.
--
-- $1: the settings that a login role may have.
WITH login AS (
    SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = session_user
)
SELECT 'privilege' AS kind, login.rolname::text AS login, coalesce(role.rolname, 'PUBLIC')::text AS role, parameter.parname AS object,
    acl.privilege_type AS detail,
    pg_catalog.format('as a superuser `REVOKE %s ON PARAMETER %s FROM %s`', acl.privilege_type, parameter.parname,
        coalesce(pg_catalog.quote_ident(role.rolname), 'PUBLIC')) AS remedy
FROM login
CROSS JOIN pg_catalog.pg_parameter_acl parameter
CROSS JOIN LATERAL pg_catalog.aclexplode(parameter.paracl) AS acl
LEFT JOIN pg_catalog.pg_roles role ON role.oid = acl.grantee
WHERE (acl.grantee IN (0, login.oid) OR pg_catalog.pg_has_role(login.oid, acl.grantee, 'MEMBER'))
    AND NOT (acl.privilege_type = 'SET' AND parameter.parname = ANY ($1::text[]))
ORDER BY acl.privilege_type, parameter.parname, role.rolname NULLS FIRST
LIMIT 1
