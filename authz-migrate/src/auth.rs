//! The `auth` namespace: functions that give SQL the claims of the transaction, as plain PostgreSQL.
//!
//! Names and results are those of Neon's `pg_session_jwt` in claims mode. The bodies are parsed when they are
//! created (`RETURN …`), so that no `search_path` can change what they call.

use authz_schema::auth::FUNCTIONS;
use authz_sql::Ident;

/// The statements that create the namespace and its functions, as of a version, and let the session roles call them.
pub(crate) fn create<'a>(version: u32, session_roles: impl IntoIterator<Item = &'a Ident>) -> Vec<String> {
    let functions = FUNCTIONS.join(", ");
    let mut statements = vec![
        "CREATE SCHEMA auth".to_owned(),
        SESSION.to_owned(),
        JWT.to_owned(),
        format!("CREATE FUNCTION {}", user_id(version)),
        format!(
            "CREATE FUNCTION auth.uid() RETURNS uuid STABLE PARALLEL SAFE\nRETURN {}",
            uuid_of("auth.user_id()")
        ),
        format!("CREATE FUNCTION {}", organization(version)),
        format!("CREATE FUNCTION {}", organization_id(version)),
        format!("REVOKE ALL ON FUNCTION {functions} FROM PUBLIC"),
    ];
    statements.extend(session_roles.into_iter().map(grant));
    statements
}

/// The statements that give the functions the bodies of another version. Grants stay, and so does what calls them.
pub(crate) fn replace(version: u32) -> Vec<String> {
    [user_id, organization, organization_id]
        .map(|function| format!("CREATE OR REPLACE FUNCTION {}", function(version)))
        .to_vec()
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

/// The claim `sub`. It is most of what a query by a key pays for its policy, so that it reads the claims once.
///
/// Reading JSON at all is spared where `request.jwt.claim.sub` has the value beside the claims. That setting counts only
/// where the claims say the same: `"sub":"…"` stands in no string of theirs, since quotes in one are escaped.
fn user_id(version: u32) -> String {
    let body = match version {
        1 => "CASE WHEN jsonb_typeof(auth.session() -> 'sub') = 'string' THEN auth.session() ->> 'sub' END"
            .to_owned(),
        _ => format!(
            "CASE WHEN strpos(\n    \
                 current_setting('request.jwt.claims', true),\n    \
                 '\"sub\":\"' || nullif(current_setting('request.jwt.claim.sub', true), '') || '\"'\n\
             ) > 0 THEN current_setting('request.jwt.claim.sub', true)\n\
             ELSE {} #>> '{{}}' END",
            claim("$.sub", "string")
        ),
    };
    format!("auth.user_id() RETURNS text STABLE PARALLEL SAFE\nRETURN {body}")
}

fn organization(version: u32) -> String {
    let body = match version {
        1 => "CASE WHEN jsonb_typeof(auth.session() -> 'o') = 'object' THEN auth.session() -> 'o' END"
            .to_owned(),
        _ => claim("$.o", "object"),
    };
    format!("auth.organization() RETURNS jsonb STABLE PARALLEL SAFE\nRETURN {body}")
}

fn organization_id(version: u32) -> String {
    let body = match version {
        1 => format!(
            "CASE WHEN jsonb_typeof(auth.organization() -> 'id') = 'string' THEN\n    {}\nEND",
            uuid_of("(auth.organization() ->> 'id')").replace('\n', "\n    ")
        ),
        _ => uuid_of(&format!("({} #>> '{{}}')", claim("$.o.id", "string"))),
    };
    format!("auth.organization_id() RETURNS uuid STABLE PARALLEL SAFE\nRETURN {body}")
}

/// A value of the claims if it has this type, else NULL. Strict, since a lax path looks into arrays too; silent, since a
/// strict one raises where there is no such key.
fn claim(path: &str, is: &str) -> String {
    format!("jsonb_path_query_first(auth.session(), 'strict {path} ? (@.type() == \"{is}\")', '{{}}', true)")
}

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
