//! The `auth` namespace: functions that give SQL the claims of the transaction, as plain PostgreSQL.
//!
//! Names and results are those of Neon's `pg_session_jwt` in claims mode. The bodies are parsed when they are
//! created (`RETURN …`), so that no `search_path` can change what they call.

use authz_schema::auth::FUNCTIONS;
use authz_sql::Ident;

/// The statements that create the namespace and its functions and let the session roles call them.
pub(crate) fn create<'a>(session_roles: impl IntoIterator<Item = &'a Ident>) -> Vec<String> {
    let functions = FUNCTIONS.join(", ");
    let mut statements = vec![
        "CREATE SCHEMA auth".to_owned(),
        SESSION.to_owned(),
        JWT.to_owned(),
        USER_ID.to_owned(),
        format!(
            "CREATE FUNCTION auth.uid() RETURNS uuid STABLE PARALLEL SAFE\nRETURN {}",
            uuid_of("auth.user_id()")
        ),
        ORGANIZATION.to_owned(),
        format!(
            "CREATE FUNCTION auth.organization_id() RETURNS uuid STABLE PARALLEL SAFE\n\
             RETURN CASE WHEN jsonb_typeof(auth.organization() -> 'id') = 'string' THEN\n    {}\nEND",
            uuid_of("(auth.organization() ->> 'id')").replace('\n', "\n    ")
        ),
        format!("REVOKE ALL ON FUNCTION {functions} FROM PUBLIC"),
    ];
    statements.extend(session_roles.into_iter().map(grant));
    statements
}

/// The statement that lets a session role call the functions.
pub(crate) fn grant(role: &Ident) -> String {
    let functions = FUNCTIONS.join(", ");
    format!("GRANT USAGE ON SCHEMA auth TO {role};\nGRANT EXECUTE ON FUNCTION {functions} TO {role}")
}

/// The statement that takes it back.
pub(crate) fn revoke(role: &Ident) -> String {
    let functions = FUNCTIONS.join(", ");
    format!("REVOKE ALL ON FUNCTION {functions} FROM {role};\nREVOKE USAGE ON SCHEMA auth FROM {role}")
}

/// The statements that drop what [`create`] made. Anything else in the namespace makes them fail.
pub(crate) fn drop() -> Vec<String> {
    let mut callers_first = FUNCTIONS;
    callers_first.reverse();
    vec![
        format!("DROP FUNCTION {}", callers_first.join(", ")),
        "DROP SCHEMA auth".to_owned(),
    ]
}

// `pg_input_is_valid` came with PostgreSQL 16. Before it, only an exception block could turn a setting that is not
// JSON into `null`, and a function with one cannot run in a parallel worker; there the cast raises, and no row is
// seen.
const SESSION: &str = "\
DO $do$ BEGIN
    IF current_setting('server_version_num')::int >= 160000 THEN
        CREATE FUNCTION auth.session() RETURNS jsonb STABLE PARALLEL SAFE
        RETURN CASE WHEN pg_input_is_valid(nullif(current_setting('request.jwt.claims', true), ''), 'pg_catalog.jsonb')
            THEN current_setting('request.jwt.claims', true)::jsonb ELSE 'null'::jsonb END;
    ELSE
        CREATE FUNCTION auth.session() RETURNS jsonb STABLE PARALLEL SAFE
        RETURN coalesce(nullif(current_setting('request.jwt.claims', true), '')::jsonb, 'null'::jsonb);
    END IF;
END $do$";

const JWT: &str = "CREATE FUNCTION auth.jwt() RETURNS jsonb STABLE PARALLEL SAFE RETURN auth.session()";

const USER_ID: &str = "\
CREATE FUNCTION auth.user_id() RETURNS text STABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(auth.session() -> 'sub') = 'string' THEN auth.session() ->> 'sub' END";

const ORGANIZATION: &str = "\
CREATE FUNCTION auth.organization() RETURNS jsonb STABLE PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(auth.session() -> 'o') = 'object' THEN auth.session() -> 'o' END";

/// The text as a uuid if it has one of the four forms that `pg_session_jwt` accepts, else NULL. PostgreSQL itself
/// accepts more (hyphens after any group of four digits).
pub(crate) fn uuid_of(text: &str) -> String {
    let hyphenated = "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}";
    format!(
        "coalesce(\n    substring({text} from '^(?:urn:uuid:)?({hyphenated})$'),\n    \
         substring({text} from '^([0-9A-Fa-f]{{32}})$'),\n    \
         substring({text} from '^[{{]({hyphenated})[}}]$')\n)::uuid"
    )
}
