-- For each of the functions with the signatures $1 a call with a value of each type: signature and expression. Triggers are called by none.
SELECT declared.signature,
       format('%s(%s)', f.oid::regproc, coalesce((
           SELECT string_agg(format('%s::%s', CASE
                   WHEN t.typtype = 'e' THEN (SELECT quote_literal(l.enumlabel) FROM pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder LIMIT 1)
                   WHEN t.typtype <> 'b' THEN 'NULL'
                   WHEN t.typcategory = 'A' THEN '''{}'''
                   WHEN t.typcategory = 'B' THEN 'true'
                   WHEN t.typcategory = 'N' THEN '1'
                   WHEN t.typcategory = 'S' THEN '''x'''
                   WHEN t.typcategory = 'D' THEN '''2000-01-01 00:00:00'''
                   WHEN t.typcategory = 'T' THEN '''1 day'''
                   WHEN t.typname = 'uuid' THEN '''00000000-0000-4000-8000-000000000000'''
                   WHEN t.typname IN ('json', 'jsonb') THEN '''{}'''
                   ELSE 'NULL'
               END, format_type(t.oid, NULL)), ', ' ORDER BY argument.number)
           FROM unnest(f.proargtypes::oid[]) WITH ORDINALITY AS argument (type, number)
           JOIN pg_type t ON t.oid = argument.type
           -- One that takes any type, or any number of arguments, is called as the policies do.
           WHERE t.typtype <> 'p' AND f.provariadic = 0
       ), ''))
FROM unnest($1::text[]) AS declared (signature)
JOIN pg_proc f ON f.oid = to_regprocedure(declared.signature)
WHERE f.prokind = 'f' AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype) AND f.provariadic = 0
    AND NOT EXISTS (
        SELECT FROM unnest(f.proargtypes::oid[]) AS argument (type) JOIN pg_type t ON t.oid = argument.type WHERE t.typtype = 'p'
    )
