-- What makes row security worthless for the login role, worst first. No row: all is well.
--
-- $1: the session roles. $2: the `search_path` of the login role. $3: the settings that a login role may have. PostgreSQL 14 to 18.
-- Roles that the login role may become (MEMBER covers SET ROLE, now or through ADMIN OPTION) count like itself. A superuser is a
-- member of everything, so only its first finding is worth reading.
WITH login AS (
    SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = session_user
),
reachable AS (
    SELECT role.*
    FROM login
    JOIN pg_catalog.pg_roles role ON role.oid = login.oid OR pg_catalog.pg_has_role(login.oid, role.oid, 'MEMBER')
),
grantee (oid, name) AS (
    SELECT oid, rolname::text FROM reachable
    UNION ALL
    SELECT 0, 'PUBLIC'
),
-- Roles that PostgreSQL itself makes. None is meant for an application but the one that reserves connections.
predefined AS (
    SELECT oid, rolname
    FROM reachable
    WHERE oid < 16384 AND pg_catalog.starts_with(rolname, 'pg_') AND rolname <> 'pg_use_reserved_connections'
),
governed AS (
    SELECT class.oid, class.relowner, class.relacl, class.relnamespace,
        pg_catalog.format('%I.%I', namespace.nspname, class.relname) AS name
    FROM pg_catalog.pg_class class
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = class.relnamespace
    WHERE class.relrowsecurity AND class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
),
-- Functions that a policy, a default, a trigger, a constraint, a view or the body of another function calls.
used AS (
    SELECT DISTINCT depend.refobjid AS oid
    FROM pg_catalog.pg_depend depend
    WHERE depend.refclassid = 'pg_catalog.pg_proc'::regclass
        AND depend.classid IN ('pg_catalog.pg_policy'::regclass, 'pg_catalog.pg_attrdef'::regclass,
            'pg_catalog.pg_trigger'::regclass, 'pg_catalog.pg_constraint'::regclass,
            'pg_catalog.pg_rewrite'::regclass, 'pg_catalog.pg_proc'::regclass)
),
-- Namespaces in which other users' queries look for names.
namespace AS (
    SELECT oid, nspname, nspowner, nspacl
    FROM pg_catalog.pg_namespace
    WHERE nspname IN ('auth', 'public', 'pg_catalog', 'information_schema')
        OR oid IN (SELECT relnamespace FROM governed)
        OR oid IN (SELECT pronamespace FROM pg_catalog.pg_proc JOIN used USING (oid))
        -- For `"$user"`.
        OR nspname IN (SELECT rolname FROM reachable)
        OR nspname::text IN (
            SELECT pg_catalog.replace(pg_catalog.btrim(element, '" '), '""', '"')
            FROM pg_catalog.unnest(pg_catalog.string_to_array($2, ',')) AS element
        )
),
owned AS (
    SELECT reachable.rolname, depend.classid, depend.objid, identity.type, identity.schema, identity.identity
    FROM pg_catalog.pg_shdepend depend
    JOIN pg_catalog.pg_database here ON here.datname = pg_catalog.current_database() AND depend.dbid IN (0, here.oid)
    JOIN reachable ON reachable.oid = depend.refobjid
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(depend.classid, depend.objid, 0) AS identity
    WHERE depend.refclassid = 'pg_catalog.pg_authid'::regclass
        AND depend.deptype = 'o'
        AND CASE depend.classid
            WHEN 'pg_catalog.pg_database'::regclass THEN depend.objid = here.oid
            WHEN 'pg_catalog.pg_namespace'::regclass THEN depend.objid IN (SELECT oid FROM namespace)
            ELSE depend.classid NOT IN ('pg_catalog.pg_class'::regclass, 'pg_catalog.pg_largeobject'::regclass,
                    'pg_catalog.pg_default_acl'::regclass, 'pg_catalog.pg_user_mapping'::regclass,
                    'pg_catalog.pg_foreign_server'::regclass, 'pg_catalog.pg_tablespace'::regclass)
                AND (identity.schema IS NULL
                    OR identity.schema IN (SELECT pg_catalog.quote_ident(nspname) FROM namespace)
                    OR depend.classid = 'pg_catalog.pg_proc'::regclass AND depend.objid IN (SELECT oid FROM used))
            END
),
-- What ACLs give to one of the roles or to PUBLIC. `keyword` and `name` are as REVOKE wants them.
privilege (severity, keyword, name, owner, privilege, columns, grantor, grantee) AS (
    SELECT 21, 'TABLE', governed.name, governed.relowner, acl.privilege_type, '', acl.grantor, acl.grantee
    FROM governed
    CROSS JOIN LATERAL pg_catalog.aclexplode(governed.relacl) AS acl
    WHERE acl.privilege_type NOT IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
    UNION ALL
    SELECT 21, 'TABLE', governed.name, governed.relowner, acl.privilege_type,
        pg_catalog.format(' (%I)', attribute.attname), acl.grantor, acl.grantee
    FROM governed
    JOIN pg_catalog.pg_attribute attribute ON attribute.attrelid = governed.oid AND NOT attribute.attisdropped
    CROSS JOIN LATERAL pg_catalog.aclexplode(attribute.attacl) AS acl
    WHERE acl.privilege_type = 'REFERENCES'
    UNION ALL
    SELECT 22, 'SCHEMA', pg_catalog.quote_ident(namespace.nspname), namespace.nspowner, acl.privilege_type, '',
        acl.grantor, acl.grantee
    FROM namespace
    CROSS JOIN LATERAL pg_catalog.aclexplode(namespace.nspacl) AS acl
    WHERE acl.privilege_type = 'CREATE'
    UNION ALL
    SELECT 23, 'DATABASE', pg_catalog.quote_ident(database.datname), database.datdba, acl.privilege_type, '',
        acl.grantor, acl.grantee
    FROM pg_catalog.pg_database database
    CROSS JOIN LATERAL pg_catalog.aclexplode(database.datacl) AS acl
    WHERE database.datname = pg_catalog.current_database() AND acl.privilege_type = 'CREATE'
    UNION ALL
    -- What PostgreSQL keeps from everybody when it makes a server: the files behind `pg_read_file`, the passwords in `pg_authid`.
    SELECT 13, CASE function.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
        pg_catalog.format('pg_catalog.%I(%s)', function.proname, pg_catalog.pg_get_function_identity_arguments(function.oid)),
        function.proowner, acl.privilege_type, '', acl.grantor, acl.grantee
    FROM pg_catalog.pg_proc function
    CROSS JOIN LATERAL pg_catalog.aclexplode(function.proacl) AS acl
    WHERE function.pronamespace = 'pg_catalog'::regnamespace
        AND EXISTS (
            SELECT FROM pg_catalog.pg_init_privs
            WHERE classoid = 'pg_catalog.pg_proc'::regclass AND objoid = function.oid
        )
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_init_privs initial
            CROSS JOIN LATERAL pg_catalog.aclexplode(initial.initprivs) AS was
            WHERE initial.classoid = 'pg_catalog.pg_proc'::regclass AND initial.objoid = function.oid
                AND was.grantee IN (acl.grantee, 0) AND was.privilege_type = acl.privilege_type
        )
    UNION ALL
    SELECT 14, 'TABLE', pg_catalog.format('pg_catalog.%I', class.relname), class.relowner, acl.privilege_type,
        CASE WHEN acl.attname IS NULL THEN '' ELSE pg_catalog.format(' (%I)', acl.attname) END, acl.grantor, acl.grantee
    FROM pg_catalog.pg_class class
    CROSS JOIN LATERAL (
        SELECT 0 AS attnum, NULL::name AS attname, whole.*
        FROM pg_catalog.aclexplode(class.relacl) AS whole
        UNION ALL
        SELECT attribute.attnum, attribute.attname, part.*
        FROM pg_catalog.pg_attribute attribute
        CROSS JOIN LATERAL pg_catalog.aclexplode(attribute.attacl) AS part
        WHERE attribute.attrelid = class.oid
    ) AS acl
    WHERE class.relnamespace = 'pg_catalog'::regnamespace
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_init_privs initial
            CROSS JOIN LATERAL pg_catalog.aclexplode(initial.initprivs) AS was
            WHERE initial.classoid = 'pg_catalog.pg_class'::regclass AND initial.objoid = class.oid
                AND initial.objsubid IN (0, acl.attnum)
                AND was.grantee IN (acl.grantee, 0) AND was.privilege_type = acl.privilege_type
        )
),
finding (severity, kind, role, object, detail, remedy) AS (
    SELECT 1, 'superuser', rolname, NULL, NULL, NULL FROM reachable WHERE rolsuper
    UNION ALL
    SELECT 2, 'bypassrls', rolname, NULL, NULL, NULL FROM reachable WHERE rolbypassrls
    UNION ALL
    SELECT 3, 'createrole', rolname, NULL, NULL, NULL FROM reachable WHERE rolcreaterole
    UNION ALL
    SELECT 4, 'replication', rolname, NULL, NULL, NULL FROM reachable WHERE rolreplication
    UNION ALL
    SELECT 5, 'server files', rolname, NULL, NULL, NULL
    FROM reachable
    WHERE rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    UNION ALL
    SELECT 6, 'owner', reachable.rolname, governed.name, NULL, NULL
    FROM governed
    JOIN reachable ON reachable.oid = governed.relowner
    UNION ALL
    SELECT 7, 'missing', wanted.name, NULL, NULL, NULL
    FROM pg_catalog.unnest($1::text[]) AS wanted (name)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles role WHERE role.rolname = wanted.name)
    UNION ALL
    -- Since PostgreSQL 16 a membership may leave SET ROLE out; before, there is no word for it.
    SELECT 8, 'not a member', role.rolname, NULL, NULL, NULL
    FROM pg_catalog.pg_roles role, login
    WHERE role.rolname = ANY ($1::text[])
        AND NOT pg_catalog.pg_has_role(login.oid, role.oid, CASE
            WHEN pg_catalog.current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
    UNION ALL
    SELECT CASE owned.classid WHEN 'pg_catalog.pg_database'::regclass THEN 10 ELSE 11 END, 'other owner', owned.rolname,
        owned.identity, owned.type, pg_catalog.format('ALTER %s %s OWNER TO …', pg_catalog.upper(owned.type), owned.identity)
    FROM owned
    UNION ALL
    SELECT 12, 'predefined', predefined.rolname, NULL, NULL,
        pg_catalog.format('REVOKE %I FROM %I', predefined.rolname, member.rolname)
    FROM predefined
    JOIN pg_catalog.pg_auth_members membership ON membership.roleid = predefined.oid
    JOIN reachable member ON member.oid = membership.member
    WHERE member.oid NOT IN (SELECT oid FROM predefined)
    UNION ALL
    SELECT privilege.severity, 'privilege', grantee.name, privilege.name, privilege.privilege || privilege.columns,
        CASE
            -- The owner of the database made the tables there by the right that is to go.
            WHEN privilege.keyword = 'SCHEMA' AND privilege.name = 'public' AND privilege.grantee = 0
                AND privilege.owner NOT IN (database.datdba, 'pg_database_owner'::regrole)
            THEN pg_catalog.format('as a superuser `ALTER SCHEMA public OWNER TO %I; ', owner.rolname)
            WHEN privilege.grantor = privilege.owner THEN 'as its owner or a superuser `'
            ELSE pg_catalog.format('as %I `', pg_catalog.pg_get_userbyid(privilege.grantor))
        END || pg_catalog.format('REVOKE %s%s ON %s %s FROM %s`', privilege.privilege, privilege.columns, privilege.keyword,
            privilege.name, CASE privilege.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(grantee.name) END)
    FROM privilege
    JOIN grantee ON grantee.oid = privilege.grantee
    JOIN pg_catalog.pg_database database ON database.datname = pg_catalog.current_database()
    JOIN pg_catalog.pg_roles owner ON owner.oid = database.datdba
    UNION ALL
    SELECT 31, 'other role', role.rolname, NULL, NULL, pg_catalog.format('REVOKE %I FROM %I', role.rolname, login.rolname)
    FROM login
    JOIN pg_catalog.pg_auth_members membership ON membership.member = login.oid
    JOIN pg_catalog.pg_roles role ON role.oid = membership.roleid
    WHERE NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_roles wanted
            WHERE wanted.rolname = ANY ($1::text[]) AND pg_catalog.pg_has_role(wanted.oid, role.oid, 'MEMBER')
        )
        -- It reserves connections, and gives no right to anything in them.
        AND role.rolname <> 'pg_use_reserved_connections'
    UNION ALL
    SELECT 32, 'admin option', member.rolname, role.rolname, NULL,
        pg_catalog.format('REVOKE ADMIN OPTION FOR %I FROM %I', role.rolname, member.rolname)
    FROM reachable member
    JOIN pg_catalog.pg_auth_members membership ON membership.member = member.oid AND membership.admin_option
    JOIN pg_catalog.pg_roles role ON role.oid = membership.roleid
    UNION ALL
    SELECT 33, 'setting', login.rolname, setting.name, NULL,
        pg_catalog.format('ALTER ROLE %I%s RESET %s', login.rolname,
            (SELECT pg_catalog.format(' IN DATABASE %I', datname) FROM pg_catalog.pg_database WHERE oid = kept.setdatabase),
            (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(part), '.')
             FROM pg_catalog.unnest(pg_catalog.string_to_array(setting.name, '.')) AS part))
    FROM login
    JOIN pg_catalog.pg_db_role_setting kept ON kept.setrole = login.oid
    CROSS JOIN LATERAL pg_catalog.unnest(kept.setconfig) AS config
    CROSS JOIN LATERAL pg_catalog.split_part(config, '=', 1) AS setting (name)
    WHERE (kept.setdatabase = 0
            OR kept.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
        AND pg_catalog.lower(setting.name) <> ALL ($3::text[])
)
SELECT finding.kind, login.rolname::text AS login, finding.role::text AS role, finding.object::text AS object,
    finding.detail::text AS detail, finding.remedy::text AS remedy
FROM finding, login
ORDER BY finding.severity, finding.role <> login.rolname, finding.role, finding.object, finding.detail, finding.remedy
LIMIT 1
