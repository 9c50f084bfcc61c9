-- Everything of a database that a test may change: two databases with the same text are the same to the next test.
SELECT string_agg(part, E'\n' ORDER BY part) FROM (
    SELECT concat('database ', datdba, datacl) FROM pg_database WHERE datname = current_database()
    UNION ALL
    SELECT concat('settings ', setrole, setconfig) FROM pg_db_role_setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT concat('schema ', nspname, nspowner, nspacl, obj_description(oid, 'pg_namespace')) FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_temp\_%' AND nspname NOT LIKE 'pg\_toast\_temp\_%'
    UNION ALL
    SELECT concat('relation ', oid, relacl) FROM pg_class WHERE oid >= 16384
    UNION ALL
    SELECT concat('privileges ', md5(string_agg(concat(oid, relacl), '' ORDER BY oid))) FROM pg_class WHERE oid < 16384 AND relacl IS NOT NULL
    UNION ALL
    SELECT concat('privileges ', md5(string_agg(concat(oid, proacl), '' ORDER BY oid))) FROM pg_proc WHERE oid < 16384 AND proacl IS NOT NULL
    UNION ALL
    SELECT concat('function ', oid) FROM pg_proc WHERE oid >= 16384
    UNION ALL
    SELECT concat('type ', oid) FROM pg_type WHERE oid >= 16384
    UNION ALL
    SELECT concat('operator ', oid) FROM pg_operator WHERE oid >= 16384
    UNION ALL
    SELECT concat('cast ', oid) FROM pg_cast WHERE oid >= 16384
    UNION ALL
    SELECT concat('collation ', oid) FROM pg_collation WHERE oid >= 16384
    UNION ALL
    SELECT concat('extension ', extname, extversion) FROM pg_extension
    UNION ALL
    SELECT concat('language ', lanname, lanacl) FROM pg_language
    UNION ALL
    SELECT concat('event trigger ', oid) FROM pg_event_trigger
    UNION ALL
    SELECT concat('default privileges ', oid) FROM pg_default_acl
    UNION ALL
    SELECT concat('large object ', oid) FROM pg_largeobject_metadata
    UNION ALL
    SELECT concat('publication ', oid) FROM pg_publication
    UNION ALL
    SELECT concat('server ', oid) FROM pg_foreign_server
) AS parts(part)
