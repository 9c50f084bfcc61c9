-- Ways around row security that may be meant: each is named and none refused. PostgreSQL 14 to 18.
--
-- $1: the `search_path` of the login role.
WITH RECURSIVE login AS (
    SELECT oid, rolname FROM pg_catalog.pg_roles WHERE rolname = session_user
),
reachable AS (
    SELECT role.oid, role.rolname
    FROM login
    JOIN pg_catalog.pg_roles role ON role.oid = login.oid OR pg_catalog.pg_has_role(login.oid, role.oid, 'MEMBER')
),
governed AS (
    SELECT class.oid, class.relnamespace, class.relacl, pg_catalog.format('%I.%I', namespace.nspname, class.relname) AS name
    FROM pg_catalog.pg_class class
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = class.relnamespace
    WHERE class.relrowsecurity AND class.relkind IN ('r', 'p') AND class.relpersistence <> 't'
),
-- Governed tables, and what reads them or one another.
reader AS (
    SELECT oid FROM governed
    UNION
    SELECT rule.ev_class
    FROM reader
    JOIN pg_catalog.pg_depend depend
        ON depend.refclassid = 'pg_catalog.pg_class'::regclass AND depend.refobjid = reader.oid
        AND depend.classid = 'pg_catalog.pg_rewrite'::regclass
    JOIN pg_catalog.pg_rewrite rule ON rule.oid = depend.objid
),
part AS (
    SELECT governed.oid FROM governed
    UNION
    SELECT inherits.inhrelid FROM part JOIN pg_catalog.pg_inherits inherits ON inherits.inhparent = part.oid
),
relation AS (
    SELECT class.oid, class.relkind, class.relowner, class.relrowsecurity, class.relnamespace, class.relpersistence,
        pg_catalog.format('%I.%I', namespace.nspname, class.relname) AS name,
        EXISTS (
            SELECT
            FROM pg_catalog.pg_options_to_table(class.reloptions)
            WHERE option_name = 'security_invoker' AND option_value::boolean
        ) AS security_invoker
    FROM pg_catalog.pg_class class
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = class.relnamespace
),
finding (kind, role, object, owner) AS (
    SELECT 'view', reachable.rolname, relation.name, pg_catalog.pg_get_userbyid(relation.relowner)
    FROM relation
    JOIN reader USING (oid)
    CROSS JOIN reachable
    WHERE (relation.relkind = 'm' OR relation.relkind = 'v' AND NOT relation.security_invoker)
        AND (pg_catalog.has_table_privilege(reachable.oid, relation.oid, 'SELECT, INSERT, UPDATE, DELETE')
            OR pg_catalog.has_any_column_privilege(reachable.oid, relation.oid, 'SELECT, INSERT, UPDATE'))
        AND pg_catalog.has_schema_privilege(reachable.oid, relation.relnamespace, 'USAGE')
    UNION ALL
    SELECT 'part', reachable.rolname, relation.name, pg_catalog.pg_get_userbyid(relation.relowner)
    FROM relation
    JOIN part USING (oid)
    CROSS JOIN reachable
    WHERE NOT relation.relrowsecurity
        AND (pg_catalog.has_table_privilege(reachable.oid, relation.oid, 'SELECT, INSERT, UPDATE, DELETE')
            OR pg_catalog.has_any_column_privilege(reachable.oid, relation.oid, 'SELECT, INSERT, UPDATE'))
        AND pg_catalog.has_schema_privilege(reachable.oid, relation.relnamespace, 'USAGE')
    UNION ALL
    SELECT 'function', reachable.rolname,
        pg_catalog.format('%I.%I(%s)', namespace.nspname, function.proname,
            pg_catalog.pg_get_function_identity_arguments(function.oid)),
        owner.rolname
    FROM pg_catalog.pg_proc function
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = function.pronamespace
    JOIN pg_catalog.pg_roles owner ON owner.oid = function.proowner
    CROSS JOIN reachable
    WHERE function.prosecdef
        AND namespace.nspname NOT IN ('pg_catalog', 'information_schema')
        -- Nobody calls these but triggers.
        AND function.prorettype NOT IN ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype)
        AND pg_catalog.has_function_privilege(reachable.oid, function.oid, 'EXECUTE')
        AND pg_catalog.has_schema_privilege(reachable.oid, namespace.oid, 'USAGE')
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_depend depend
            WHERE depend.classid = 'pg_catalog.pg_proc'::regclass AND depend.objid = function.oid AND depend.deptype = 'e'
        )
        -- What a policy asks is a part of it, as is what the functions of `auth` ask.
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_depend depend
            WHERE depend.refclassid = 'pg_catalog.pg_proc'::regclass AND depend.refobjid = function.oid
                AND (depend.classid = 'pg_catalog.pg_policy'::regclass
                    OR depend.classid = 'pg_catalog.pg_proc'::regclass AND namespace.nspname = 'auth')
        )
        -- What its owner does not reach it does not show.
        AND (owner.rolsuper OR owner.rolbypassrls OR EXISTS (
            SELECT
            FROM governed
            WHERE pg_catalog.has_table_privilege(owner.oid, governed.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
                OR pg_catalog.has_any_column_privilege(owner.oid, governed.oid, 'SELECT, INSERT, UPDATE')
        ))
    UNION ALL
    -- DROP OWNED takes roles out of policies and grants. The rest still gives rows to whoever belongs to another role too.
    SELECT 'restrictive', reachable.rolname, pg_catalog.format('%I ON %s', policy.polname, governed.name), NULL
    FROM pg_catalog.pg_policy policy
    JOIN governed ON governed.oid = policy.polrelid
    CROSS JOIN reachable
    WHERE NOT policy.polpermissive
        AND 0 <> ALL (policy.polroles)
        AND EXISTS (
            SELECT
            FROM pg_catalog.unnest(policy.polroles) AS bound (oid)
            WHERE pg_catalog.pg_has_role(reachable.oid, bound.oid, 'USAGE')
        )
        AND EXISTS (
            SELECT
            FROM pg_catalog.pg_policy other
            CROSS JOIN LATERAL pg_catalog.unnest(other.polroles) AS kept (oid)
            WHERE other.polrelid = policy.polrelid AND other.polpermissive
                AND (other.polcmd = policy.polcmd OR '*' IN (other.polcmd, policy.polcmd))
                AND kept.oid <> ALL (policy.polroles)
                AND CASE kept.oid WHEN 0 THEN true ELSE pg_catalog.pg_has_role(reachable.oid, kept.oid, 'USAGE') END
        )
        AND EXISTS (
            SELECT
            FROM pg_catalog.aclexplode(governed.relacl) AS acl
            WHERE acl.grantee <> ALL (policy.polroles)
                AND CASE acl.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(reachable.oid, acl.grantee, 'USAGE') END
        )
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_event_trigger
            WHERE evtevent = 'ddl_command_start' AND evtenabled IN ('O', 'A') AND (evttags IS NULL OR 'DROP OWNED' = ANY (evttags))
        )
    UNION ALL
    SELECT 'temporary', coalesce(pg_catalog.quote_ident(reachable.rolname), 'PUBLIC'), pg_catalog.quote_ident(database.datname),
        pg_catalog.pg_get_userbyid(database.datdba)
    FROM pg_catalog.pg_database database
    CROSS JOIN LATERAL pg_catalog.aclexplode(coalesce(database.datacl, pg_catalog.acldefault('d', database.datdba))) AS acl
    LEFT JOIN reachable ON reachable.oid = acl.grantee
    WHERE database.datname = pg_catalog.current_database()
        AND acl.privilege_type = 'TEMPORARY'
        AND (acl.grantee = 0 OR reachable.oid IS NOT NULL)
    UNION ALL
    SELECT 'relation', reachable.rolname, relation.name, reachable.rolname
    FROM relation
    JOIN reachable ON reachable.oid = relation.relowner
    JOIN pg_catalog.pg_namespace namespace ON namespace.oid = relation.relnamespace
    WHERE relation.relpersistence <> 't'
        AND relation.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        AND NOT relation.relrowsecurity
        AND (namespace.nspname::text IN ('auth', 'public')
            OR namespace.oid IN (SELECT relnamespace FROM governed)
            OR namespace.nspname::text IN (
                SELECT pg_catalog.replace(pg_catalog.btrim(element, '" '), '""', '"')
                FROM pg_catalog.unnest(pg_catalog.string_to_array($1, ',')) AS element
            ))
)
-- Of several roles one is enough to say so.
SELECT kind, min(role::text) AS role, object::text AS object, coalesce(min(owner::text), '') AS owner
FROM finding
GROUP BY kind, object
ORDER BY kind, object
