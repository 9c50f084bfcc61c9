-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.
-- The roles stay: they belong to the whole server, and other databases may use them.
-- What was taken from PUBLIC is not given back: whether it was there before is not known.

SET LOCAL lock_timeout = '5s';
SET LOCAL row_security = off;

DROP TABLE public.todos;

DROP FUNCTION auth.organization_id(), auth.organization(), auth.uid(), auth.user_id(), auth.jwt(), auth.session();

DROP SCHEMA auth;

REVOKE USAGE ON SCHEMA public FROM authenticated;
