-- The roles that row security does not bind.
SELECT to_json(rolname)::text FROM pg_roles WHERE rolsuper OR rolbypassrls ORDER BY rolname
