-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.

SET LOCAL lock_timeout = '5s';
SET LOCAL row_security = off;

CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text STABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(auth.session() -> 'sub') = 'string' THEN auth.session() ->> 'sub' END;

CREATE OR REPLACE FUNCTION auth.organization() RETURNS jsonb STABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(auth.session() -> 'o') = 'object' THEN auth.session() -> 'o' END;

CREATE OR REPLACE FUNCTION auth.organization_id() RETURNS uuid STABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(auth.organization() -> 'id') = 'string' THEN
    coalesce(
        substring((auth.organization() ->> 'id') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
        substring((auth.organization() ->> 'id') from '^([0-9A-Fa-f]{32})$'),
        substring((auth.organization() ->> 'id') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
    )::uuid
END;
