-- What PostgreSQL believes about the rows and what is not so: constraints that count as valid and are broken, indexes that do
-- not find their rows, generated columns that are not what their expression says, identities that would count again.
CREATE FUNCTION pg_temp.integrity() RETURNS SETOF text LANGUAGE plpgsql AS $do$
DECLARE
    it record;
    one record;
    wrong bigint;
    by_index bigint;
    by_table bigint;
BEGIN
    FOR it IN
        SELECT c.conname, c.conrelid::regclass AS tab, pg_get_expr(c.conbin, c.conrelid) AS expression
        FROM pg_constraint c WHERE contype = 'c' AND convalidated AND conrelid <> 0
    LOOP
        EXECUTE format('SELECT count(*) FROM %s WHERE NOT (%s)', it.tab, it.expression) INTO wrong;
        IF wrong > 0 THEN
            RETURN NEXT format('%s rows of %s break the valid check %s', wrong, it.tab, it.conname);
        END IF;
    END LOOP;
    FOR it IN
        SELECT c.conname, c.conrelid::regclass AS child, c.confrelid::regclass AS parent,
            string_agg(format('parent.%I = child.%I', p.attname, a.attname), ' AND ') AS same,
            string_agg(format('child.%I IS NOT NULL', a.attname), ' AND ') AS filled
        FROM pg_constraint c
        CROSS JOIN unnest(c.conkey, c.confkey) AS k (child_number, parent_number)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child_number
        JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.parent_number
        WHERE c.contype = 'f' AND c.convalidated GROUP BY c.oid, 1, 2, 3
    LOOP
        EXECUTE format('SELECT count(*) FROM %s child WHERE %s AND NOT EXISTS (SELECT FROM %s parent WHERE %s)',
            it.child, it.filled, it.parent, it.same) INTO wrong;
        IF wrong > 0 THEN
            RETURN NEXT format('%s rows of %s have no row in %s for the valid reference %s', wrong, it.child, it.parent, it.conname);
        END IF;
    END LOOP;
    FOR it IN
        SELECT a.attrelid::regclass AS tab, a.attname, a.attnotnull, a.attidentity, a.attgenerated,
            pg_get_expr(d.adbin, d.adrelid) AS expression
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
    LOOP
        IF it.attnotnull THEN
            EXECUTE format('SELECT count(*) FROM %s WHERE %I IS NULL', it.tab, it.attname) INTO wrong;
            IF wrong > 0 THEN
                RETURN NEXT format('%s rows of %s have no %s, which is NOT NULL', wrong, it.tab, it.attname);
            END IF;
        END IF;
        IF it.attgenerated = 's' THEN
            EXECUTE format('SELECT count(*) FROM %s WHERE %I::text IS DISTINCT FROM (%s)::text', it.tab, it.attname, it.expression)
                INTO wrong;
            IF wrong > 0 THEN
                RETURN NEXT format('%s rows of %s have a stale %s', wrong, it.tab, it.attname);
            END IF;
        END IF;
        IF it.attidentity <> '' THEN
            EXECUTE format('SELECT count(*) FROM %s, %s s WHERE %I >= s.last_value + CASE WHEN s.is_called THEN 1 ELSE 0 END',
                it.tab, pg_get_serial_sequence(it.tab::text, it.attname), it.attname) INTO wrong;
            IF wrong > 0 THEN
                RETURN NEXT format('the identity %s of %s counts up to %s rows that are there', it.attname, it.tab, wrong);
            END IF;
        END IF;
    END LOOP;
    FOR it IN
        SELECT i.indexrelid::regclass AS index, i.indrelid::regclass AS tab, i.indisvalid,
            pg_get_indexdef(i.indexrelid, 1, false) AS key, pg_get_expr(i.indpred, i.indrelid) AS predicate
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        JOIN pg_am m ON m.oid = c.relam AND m.amname = 'btree'
        WHERE c.relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
    LOOP
        IF NOT it.indisvalid THEN
            RETURN NEXT format('the index %s is not valid', it.index);
            CONTINUE;
        END IF;
        FOR one IN EXECUTE format(
            'SELECT DISTINCT (%s)::text AS text, quote_nullable(%1$s) AS literal, pg_typeof(%1$s)::text AS type FROM %s WHERE %s',
            it.key, it.tab, coalesce(it.predicate, 'true'))
        LOOP
            -- IS NULL and = can both use the index.
            PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
            EXECUTE format('SELECT count(*) FROM %s WHERE (%s) AND (%s)', it.tab, coalesce(it.predicate, 'true'),
                CASE WHEN one.text IS NULL THEN format('(%s) IS NULL', it.key)
                ELSE format('(%s) = %s::%s', it.key, one.literal, one.type) END) INTO by_index;
            PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_indexscan', 'off', true),
                set_config('enable_indexonlyscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
            EXECUTE format('SELECT count(*) FROM %s WHERE (%s) AND (%s)', it.tab, coalesce(it.predicate, 'true'),
                CASE WHEN one.text IS NULL THEN format('(%s) IS NULL', it.key)
                ELSE format('(%s) = %s::%s', it.key, one.literal, one.type) END) INTO by_table;
            PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_indexonlyscan', 'on', true),
                set_config('enable_bitmapscan', 'on', true);
            IF by_index <> by_table THEN
                RETURN NEXT format('the index %s finds %s of %s rows for %s', it.index, by_index, by_table, one.literal);
            END IF;
        END LOOP;
    END LOOP;
END $do$
