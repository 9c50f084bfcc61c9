-- Written by `cargo authz generate`. Once it has run somewhere, do not edit it.

SET LOCAL lock_timeout = '5s';
SET LOCAL row_security = off;

CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text STABLE PARALLEL SAFE
RETURN CASE WHEN strpos(
    current_setting('request.jwt.claims', true),
    '"sub":"' || nullif(current_setting('request.jwt.claim.sub', true), '') || '"'
) > 0 THEN current_setting('request.jwt.claim.sub', true)
ELSE jsonb_path_query_first(auth.session(), 'strict $.sub ? (@.type() == "string")', '{}', true) #>> '{}' END;

CREATE OR REPLACE FUNCTION auth.organization() RETURNS jsonb STABLE PARALLEL SAFE
RETURN jsonb_path_query_first(auth.session(), 'strict $.o ? (@.type() == "object")', '{}', true);

CREATE OR REPLACE FUNCTION auth.organization_id() RETURNS uuid STABLE PARALLEL SAFE
RETURN coalesce(
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^([0-9A-Fa-f]{32})$'),
    substring((jsonb_path_query_first(auth.session(), 'strict $.o.id ? (@.type() == "string")', '{}', true) #>> '{}') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
)::uuid;
