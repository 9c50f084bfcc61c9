-- What no struct declares, in the namespaces in $1: what it is, and what it takes to keep it.
-- What goes with an extension (e) or another object (i), such as the functions of a range type.
WITH of_extensions AS (SELECT classid, objid FROM pg_depend WHERE deptype IN ('e', 'i')),
others (object, why) AS (
    SELECT format('%s %I.%I', CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'S' THEN 'sequence'
                                             ELSE 'composite type' END, n.nspname, c.relname),
           CASE WHEN c.relkind = 'v' AND NOT coalesce(c.reloptions @> '{security_invoker=true}' OR c.reloptions @> '{security_invoker=on}', false)
               THEN 'it reads as its owner, whom row security may not bind'
               WHEN c.relkind = 'm' THEN 'row security does not reach what it stores' END
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('v', 'm', 'S', 'c') AND n.nspname = ANY ($1)
        AND ('pg_class'::regclass::oid, c.oid) NOT IN (SELECT classid, objid FROM of_extensions)
        -- Sequences of columns stand with these.
        AND NOT (c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))
    UNION ALL
    SELECT format('%s %I.%I', CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'range type' END, n.nspname, t.typname), NULL
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('d', 'r') AND n.nspname = ANY ($1)
        AND ('pg_type'::regclass::oid, t.oid) NOT IN (SELECT classid, objid FROM of_extensions)
    UNION ALL
    SELECT format('%s %s', CASE f.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, f.oid::regprocedure),
           CASE WHEN f.prosecdef THEN 'it runs as its owner (SECURITY DEFINER)' END
    FROM pg_proc f
    JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE n.nspname = ANY ($1) AND ('pg_proc'::regclass::oid, f.oid) NOT IN (SELECT classid, objid FROM of_extensions)
    UNION ALL
    SELECT format('trigger %I on %I.%I', g.tgname, n.nspname, c.relname), NULL
    FROM pg_trigger g
    JOIN pg_class c ON c.oid = g.tgrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT g.tgisinternal AND n.nspname = ANY ($1)
    UNION ALL
    SELECT format('rule %I on %I.%I', r.rulename, n.nspname, c.relname), NULL
    FROM pg_rewrite r
    JOIN pg_class c ON c.oid = r.ev_class
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE r.rulename <> '_RETURN' AND n.nspname = ANY ($1)
        AND ('pg_class'::regclass::oid, c.oid) NOT IN (SELECT classid, objid FROM of_extensions)
    UNION ALL
    SELECT format('statistics %I.%I', n.nspname, s.stxname), NULL
    FROM pg_statistic_ext s
    JOIN pg_namespace n ON n.oid = s.stxnamespace
    WHERE n.nspname = ANY ($1)
    UNION ALL
    SELECT format('default privileges of %I on %s%s',
               pg_get_userbyid(d.defaclrole),
               CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' ELSE 'schemas' END,
               ' in ' || quote_ident(n.nspname)),
           'what that role makes later is granted to ' || (
               SELECT string_agg(DISTINCT coalesce(quote_ident(r.rolname), 'PUBLIC'), ', ')
               FROM aclexplode(d.defaclacl) g LEFT JOIN pg_roles r ON r.oid = g.grantee WHERE g.grantee <> d.defaclrole)
           || '; the models take back what they do not grant from tables alone'
    FROM pg_default_acl d
    LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace
    WHERE d.defaclnamespace = 0 OR n.nspname = ANY ($1)
    UNION ALL
    SELECT format('extension %I', e.extname), NULL
    FROM pg_extension e
    WHERE e.extname <> 'plpgsql'
        -- Those that a platform brings stand in its own namespaces.
        AND e.extnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY ($1))
)
SELECT json_build_object('object', object, 'why', why)::text FROM others ORDER BY object
