-- The schema as its catalogue has it, a text for each object: for servers without `pg_dump`. As that, it leaves out owners, and
-- the bookkeeping of sqlx. Names are written with their schemas, because the search path is empty.
WITH namespaces AS (
    SELECT * FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
),
relations AS (
    SELECT c.*, c.oid::regclass::text AS name
    FROM pg_class c
    JOIN namespaces n ON n.oid = c.relnamespace
    WHERE c.relname !~ '^_sqlx_migrations'
        AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
),
columns AS (
    SELECT r.name AS relation, r.relowner, r.relkind, a.*,
        row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS position
    FROM relations r
    JOIN pg_attribute a ON a.attrelid = r.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND r.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
),
functions AS (
    SELECT p.* FROM pg_proc p JOIN namespaces n ON n.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
),
types AS (
    SELECT t.* FROM pg_type t JOIN namespaces n ON n.oid = t.typnamespace
    WHERE t.typtype IN ('e', 'd', 'r') AND t.typname <> '_sqlx_migrations'
),
-- NULL stands for what the owner and PUBLIC have by default.
access(object, acl) AS (
    SELECT format('schema %I', nspname), coalesce(nspacl, acldefault('n', nspowner)) FROM namespaces
    UNION ALL
    SELECT 'relation ' || name, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))
    FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT format('column %s.%I', relation, attname), attacl FROM columns WHERE attacl IS NOT NULL
    UNION ALL
    SELECT 'function ' || oid::regprocedure, coalesce(proacl, acldefault('f', proowner)) FROM functions
    UNION ALL
    SELECT 'type ' || oid::regtype, coalesce(typacl, acldefault('T', typowner)) FROM types
    UNION ALL
    SELECT format('default of %s in %s for %s', defaclrole::regrole, nullif(defaclnamespace, 0)::regnamespace, defaclobjtype), defaclacl
    FROM pg_default_acl
),
comments(object, text) AS (
    SELECT format('schema %I', nspname), obj_description(oid, 'pg_namespace') FROM namespaces
    UNION ALL
    SELECT 'relation ' || name, obj_description(oid, 'pg_class') FROM relations
    UNION ALL
    SELECT format('column %s.%I', relation, attname), col_description(attrelid, attnum) FROM columns
    UNION ALL
    SELECT 'function ' || oid::regprocedure, obj_description(oid, 'pg_proc') FROM functions
    UNION ALL
    SELECT 'type ' || oid::regtype, obj_description(oid, 'pg_type') FROM types
    UNION ALL
    SELECT format('policy %I on %s', p.polname, r.name), obj_description(p.oid, 'pg_policy')
    FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
    UNION ALL
    SELECT format('constraint %I on %s', c.conname, r.name), obj_description(c.oid, 'pg_constraint')
    FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid
    UNION ALL
    SELECT format('trigger %I on %s', t.tgname, r.name), obj_description(t.oid, 'pg_trigger')
    FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
)
SELECT format('schema %I', nspname) FROM namespaces
UNION ALL
SELECT format('relation %s: %s persistence %s row security %s forced %s options %s replica identity %s',
    name, relkind, relpersistence, relrowsecurity, relforcerowsecurity, reloptions, relreplident)
FROM relations WHERE relkind NOT IN ('i', 'I')
UNION ALL
SELECT format('column %s of %s: %I %s collation %s not null %s identity %s generated %s default %s',
    position, relation, attname, format_type(atttypid, atttypmod), nullif(attcollation, 0)::regcollation, attnotnull,
    attidentity, attgenerated, pg_get_expr(d.adbin, d.adrelid))
FROM columns c LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (c.attrelid, c.attnum)
UNION ALL
SELECT format('sequence %s of %s: %s start %s increment %s from %s to %s cache %s cycle %s',
    r.name, (SELECT format('%s.%I', a.attrelid::regclass, a.attname) FROM pg_depend d
        JOIN pg_attribute a ON (a.attrelid, a.attnum) = (d.refobjid, d.refobjsubid)
        WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.deptype IN ('a', 'i')),
    s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle)
FROM pg_sequence s JOIN relations r ON r.oid = s.seqrelid
UNION ALL
SELECT format('constraint %I on %s: %s valid %s', c.conname, r.name, pg_get_constraintdef(c.oid), c.convalidated)
FROM pg_constraint c JOIN relations r ON r.oid = c.conrelid
UNION ALL
SELECT format('index of %s: %s valid %s clustered %s', i.indrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered)
FROM pg_index i JOIN relations r ON r.oid = i.indexrelid
UNION ALL
SELECT format('policy %I on %s: permissive %s for %s to %s using %s with check %s', p.polname, r.name, p.polpermissive, p.polcmd,
    (SELECT string_agg(CASE role WHEN 0 THEN 'PUBLIC' ELSE role::regrole::text END, ', ' ORDER BY role::regrole::text)
        FROM unnest(p.polroles) role),
    pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
UNION ALL
SELECT format('trigger on %s: %s enabled %s', r.name, pg_get_triggerdef(t.oid), t.tgenabled)
FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('rule on %s: %s', r.name, pg_get_ruledef(w.oid))
FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class
UNION ALL
SELECT format('function %s: %s', oid::regprocedure,
    CASE WHEN prokind IN ('f', 'p') THEN pg_get_functiondef(oid) ELSE prosrc END)
FROM functions
UNION ALL
SELECT format('type %s: %s %s', t.oid::regtype,
    (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid),
    CASE WHEN t.typtype = 'd' THEN format('%s not null %s default %s', format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault) END)
FROM types t
UNION ALL
SELECT format('extension %I', extname) FROM pg_extension
UNION ALL
SELECT format('access to %s: %s has %s%s', object, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END,
    privilege_type, CASE WHEN is_grantable THEN ' and may grant it' END)
FROM access CROSS JOIN aclexplode(acl)
UNION ALL
SELECT format('comment on %s: %s', object, text) FROM comments WHERE text IS NOT NULL
ORDER BY 1
