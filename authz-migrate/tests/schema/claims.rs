//! Structs of claims become functions, and changes of them migrations.

use authz_migrate::migration::{Migration, script};
use authz_schema::config::{Config, LockTimeout, Platform};
use authz_schema::declare::{Declarations, DeclareError, DeclaredClaim, Subject};
use authz_schema::lock::Lock;
use authz_schema::model::{Types, parse_claims, parse_model};
use authz_schema::schema::Schema;
use authz_sql::Ident;
use authz_sql::QualifiedName;

use crate::schemas::{models, schema};
use crate::{Case, language, up_files};

const SESSION: &str = r#"
#[derive(authz::Claims)]
struct Session {
    /// The organisation that the user acts for.
    org_id: Option<Uuid>,
    #[serde(rename = "https://example.com/roles")]
    roles: Vec<String>,
    level: Option<i32>,
}
#[derive(Table)]
#[rls(select = "org_id = auth.org_id() and kind = any (auth.roles())")]
struct Order {
    org_id: Uuid,
    kind: String,
}
"#;

fn plan(case: &Case) -> String {
    let (new, renames) = models(case.new);
    up_files(
        &Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
            .unwrap()
            .unwrap(),
    )
}

#[test]
fn each_claim_is_a_function_between_auth_and_the_tables() {
    let script = script(&schema(SESSION)).unwrap();
    let (_, claims) = script.split_once("TO authenticated;\n\nCREATE FUNCTION").unwrap();
    insta::assert_snapshot!(format!("CREATE FUNCTION{claims}"), @"
    CREATE FUNCTION auth.level() RETURNS integer STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'level') = 'number' THEN
        CASE WHEN scale((auth.jwt() -> E'level')::numeric) = 0
            AND (auth.jwt() -> E'level')::numeric BETWEEN -2147483648 AND 2147483647 THEN
            (auth.jwt() -> E'level')::integer
        END
    END;

    REVOKE ALL ON FUNCTION auth.level() FROM PUBLIC;

    GRANT EXECUTE ON FUNCTION auth.level() TO anonymous, authenticated;

    CREATE FUNCTION auth.org_id() RETURNS uuid STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'org_id') = 'string' THEN
        coalesce(
            substring((auth.jwt() ->> E'org_id') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
            substring((auth.jwt() ->> E'org_id') from '^([0-9A-Fa-f]{32})$'),
            substring((auth.jwt() ->> E'org_id') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
        )::uuid
    END;

    REVOKE ALL ON FUNCTION auth.org_id() FROM PUBLIC;

    GRANT EXECUTE ON FUNCTION auth.org_id() TO anonymous, authenticated;

    COMMENT ON FUNCTION auth.org_id() IS E'The organisation that the user acts for.';

    CREATE FUNCTION auth.roles() RETURNS text[] STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'https://example.com/roles') = 'array' THEN (
        SELECT CASE WHEN count(*) = count(item) THEN coalesce(array_agg(item ORDER BY place), '{}') END
        FROM (
            SELECT place,
                CASE WHEN jsonb_typeof(element) = 'string' THEN
                    (element #>> '{}')
                END AS item
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(auth.jwt() -> E'https://example.com/roles') = 'array' THEN auth.jwt() -> E'https://example.com/roles' ELSE '[]' END)
                WITH ORDINALITY AS elements (element, place)
        ) AS items
    ) END;

    REVOKE ALL ON FUNCTION auth.roles() FROM PUBLIC;

    GRANT EXECUTE ON FUNCTION auth.roles() TO anonymous, authenticated;

    CREATE TABLE public.orders (
        org_id uuid NOT NULL,
        kind text NOT NULL
    );

    ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;

    ALTER TABLE public.orders FORCE ROW LEVEL SECURITY;

    CREATE INDEX orders_kind_idx ON public.orders (kind);

    CREATE INDEX orders_org_id_idx ON public.orders (org_id);

    CREATE POLICY orders_select_authenticated ON public.orders
        FOR SELECT TO authenticated
        USING (org_id = (SELECT auth.org_id()) and kind = any (coalesce((SELECT auth.roles()))));

    GRANT USAGE ON SCHEMA public TO authenticated;

    GRANT SELECT ON TABLE public.orders TO authenticated;
    ");
}

#[test]
fn a_lock_says_claim_and_type_and_one_without_claims_is_read() {
    let text = Lock::from(schema(SESSION)).to_text().unwrap();
    let (head, rest) = text.split_once("[[claim]]").unwrap();
    let (claims, rest) = rest.split_once("[[table]]").unwrap();
    insta::assert_snapshot!(format!("[[claim]]{claims}"), @r#"
    [[claim]]
    namespace = "auth"
    name = "level"
    claim = "level"
    type = "integer"

    [[claim]]
    namespace = "auth"
    name = "org_id"
    claim = "org_id"
    type = "uuid"
    comment = "The organisation that the user acts for."

    [[claim]]
    namespace = "auth"
    name = "roles"
    claim = "https://example.com/roles"
    type = "text[]"
    "#);
    let before = Lock::from_text(&format!("{head}[[table]]{rest}")).unwrap();
    assert!(before.schema.claims.is_empty());
    let misspelt = text.replace("claim = \"org_id\"", "claim = \"org_id\"\nclam = \"x\"");
    assert!(Lock::from_text(&misspelt).is_err());
    let twice = text.replacen("name = \"org_id\"\nclaim", "name = \"roles\"\nclaim", 1);
    let error = Lock::from_text(&twice).unwrap_err().to_string();
    assert!(error.contains("`auth.roles` stands twice"), "{error}");
}

#[test]
fn claims_added_under_a_policy() {
    insta::assert_snapshot!(plan(&language::claims_added_under_a_policy()), @r"
    -- authz-widens: adds the policy orders_select_authenticated_2 of public.orders
    CREATE FUNCTION auth.org_id() RETURNS uuid STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'org_id') = 'string' THEN
        coalesce(
            substring((auth.jwt() ->> E'org_id') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
            substring((auth.jwt() ->> E'org_id') from '^([0-9A-Fa-f]{32})$'),
            substring((auth.jwt() ->> E'org_id') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
        )::uuid
    END;
    REVOKE ALL ON FUNCTION auth.org_id() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION auth.org_id() TO anonymous, authenticated;
    COMMENT ON FUNCTION auth.org_id() IS E'The organisation that the user acts for.';
    CREATE FUNCTION auth.roles() RETURNS text[] STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'https://example.com/it''s \\ roles') = 'array' THEN (
        SELECT CASE WHEN count(*) = count(item) THEN coalesce(array_agg(item ORDER BY place), '{}') END
        FROM (
            SELECT place,
                CASE WHEN jsonb_typeof(element) = 'string' THEN
                    (element #>> '{}')
                END AS item
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(auth.jwt() -> E'https://example.com/it''s \\ roles') = 'array' THEN auth.jwt() -> E'https://example.com/it''s \\ roles' ELSE '[]' END)
                WITH ORDINALITY AS elements (element, place)
        ) AS items
    ) END;
    REVOKE ALL ON FUNCTION auth.roles() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION auth.roles() TO anonymous, authenticated;
    ALTER TABLE public.orders ADD COLUMN org_id uuid;
    ALTER TABLE public.orders ADD COLUMN kind text;
    CREATE POLICY orders_select_authenticated_2 ON public.orders
        FOR SELECT TO authenticated
        USING (org_id = (SELECT auth.org_id()) and kind = any (coalesce((SELECT auth.roles()))));
    -- index_orders_kind_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_kind_idx ON public.orders (kind);
    -- index_orders_org_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_org_id_idx ON public.orders (org_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.orders_kind_idx'::regclass, E'public.orders_org_id_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ");
}

#[test]
fn claim_retyped_under_all_that_stands_on_it() {
    insta::assert_snapshot!(plan(&language::claim_retyped_under_all_that_stands_on_it()), @"
    -- authz-widens: may widen: nothing shows that the function auth.org_id() admits no more than before
    -- authz-changed: changes the function auth.org_id(), from the claim `org_id` as text to `org_id` as uuid
    -- fails-on-rows: adds the constraint orders_check to public.orders again
    -- breaks-old-code: gives the function auth.org_id() another type; programs that run meanwhile expect the one before
    -- blocks-writes: reads all rows of public.orders for the constraint orders_check
    DROP POLICY orders_select_authenticated_2 ON public.orders;
    ALTER TABLE public.orders ALTER COLUMN org_id DROP DEFAULT;
    ALTER TABLE public.orders DROP CONSTRAINT orders_check;
    DROP FUNCTION auth.org_id();
    CREATE FUNCTION auth.org_id() RETURNS uuid STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'org_id') = 'string' THEN
        coalesce(
            substring((auth.jwt() ->> E'org_id') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
            substring((auth.jwt() ->> E'org_id') from '^([0-9A-Fa-f]{32})$'),
            substring((auth.jwt() ->> E'org_id') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
        )::uuid
    END;
    REVOKE ALL ON FUNCTION auth.org_id() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION auth.org_id() TO anonymous, authenticated;
    ALTER TABLE public.orders ALTER COLUMN org_id SET DEFAULT auth.org_id()::text;
    ALTER TABLE public.orders ADD CONSTRAINT orders_check CHECK (org_id <> '' or auth.org_id() is null);
    CREATE POLICY orders_select_authenticated_2 ON public.orders
        FOR SELECT TO authenticated
        USING (org_id = (SELECT auth.org_id()::text));
    ");
}

#[test]
fn claim_renamed() {
    insta::assert_snapshot!(plan(&language::claim_renamed()), @"
    -- authz-widens: may widen: nothing shows that the function auth.org_id() admits no more than before
    -- authz-changed: changes the function auth.org_id(), from the claim `org_id` as uuid to `organisation` as uuid
    CREATE OR REPLACE FUNCTION auth.org_id() RETURNS uuid STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'organisation') = 'string' THEN
        coalesce(
            substring((auth.jwt() ->> E'organisation') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
            substring((auth.jwt() ->> E'organisation') from '^([0-9A-Fa-f]{32})$'),
            substring((auth.jwt() ->> E'organisation') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
        )::uuid
    END;
    ");
}

#[test]
fn claims_dropped() {
    insta::assert_snapshot!(plan(&language::claims_dropped()), @"
    -- authz-narrows: drops the policy orders_select_authenticated_2 of public.orders
    -- breaks-old-code: drops the function auth.level(); programs that run meanwhile may call it
    -- breaks-old-code: drops the function auth.org_id(); programs that run meanwhile may call it
    -- breaks-old-code: leaves public.orders.org_id to each INSERT; programs that run meanwhile may give it no value
    DROP POLICY orders_select_authenticated_2 ON public.orders;
    ALTER TABLE public.orders ALTER COLUMN org_id DROP DEFAULT;
    DROP FUNCTION auth.level();
    DROP FUNCTION auth.org_id();
    -- drop_index_orders_org_id_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.orders_org_id_idx;
    ");
}

#[test]
fn claim_comment_changed() {
    insta::assert_snapshot!(plan(&language::claim_comment_changed()), @"
    COMMENT ON FUNCTION auth.level() IS NULL;
    COMMENT ON FUNCTION auth.org_id() IS E'It''s another.';
    ");
}

#[test]
fn claim_of_an_enum_that_loses_a_value() {
    insta::assert_snapshot!(plan(&language::claim_of_an_enum_that_loses_a_value()), @"
    -- fails-on-rows: takes E'sent' from public.order_state, which fails where a row has it
    -- table-rewrite: changes the type of public.orders.state to a new public.order_state
    -- breaks-old-code: gives the function auth.state() another type; programs that run meanwhile expect the one before
    ALTER TYPE public.order_state RENAME TO order_state_former;
    CREATE TYPE public.order_state AS ENUM (E'open', E'paid');
    COMMENT ON TYPE public.order_state IS E'Where an order stands.';
    DROP POLICY orders_select_authenticated ON public.orders;
    ALTER TABLE public.orders ALTER COLUMN state DROP DEFAULT;
    DROP FUNCTION auth.state();
    CREATE FUNCTION auth.state() RETURNS public.order_state STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'state') = 'string' THEN
        CASE WHEN (auth.jwt() ->> E'state') = ANY (enum_range(NULL::public.order_state)::text[]) THEN (auth.jwt() ->> E'state')::public.order_state END
    END;
    REVOKE ALL ON FUNCTION auth.state() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION auth.state() TO anonymous, authenticated;
    COMMENT ON FUNCTION auth.state() IS E'The state.';
    ALTER TABLE public.orders ALTER COLUMN state TYPE public.order_state USING state::text::public.order_state;
    ALTER TABLE public.orders ALTER COLUMN state SET DEFAULT auth.state();
    CREATE POLICY orders_select_authenticated ON public.orders
        FOR SELECT TO authenticated
        USING (state = (SELECT auth.state()));
    DROP TYPE public.order_state_former;
    ");
}

#[test]
fn claim_retyped_under_a_membership() {
    insta::assert_snapshot!(plan(&language::claim_retyped_under_a_membership()), @"
    -- authz-widens: may widen: nothing shows that the function auth.level() admits no more than before
    -- authz-changed: changes the function auth.level(), from the claim `level` as integer to `level` as bigint
    -- breaks-old-code: gives the function auth.level() another type; programs that run meanwhile expect the one before
    DROP POLICY documents_delete_authenticated ON public.documents;
    DROP POLICY documents_insert_authenticated ON public.documents;
    DROP POLICY documents_select_authenticated ON public.documents;
    DROP POLICY documents_update_authenticated ON public.documents;
    DROP FUNCTION authz.team_members_team_id_8dab634a();
    DROP FUNCTION auth.level();
    CREATE FUNCTION auth.level() RETURNS bigint STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'level') = 'number' THEN
        CASE WHEN scale((auth.jwt() -> E'level')::numeric) = 0
            AND (auth.jwt() -> E'level')::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
            (auth.jwt() -> E'level')::bigint
        END
    END;
    REVOKE ALL ON FUNCTION auth.level() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION auth.level() TO anonymous, authenticated, authz_members;
    CREATE FUNCTION authz.team_members_team_id_8dab634a() RETURNS bigint[] STABLE PARALLEL SAFE
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
    AS $do$
    #variable_conflict use_column
    BEGIN
        RETURN ARRAY(SELECT team_id FROM public.team_members WHERE user_id = (SELECT auth.user_id()) AND ((SELECT auth.level()) > 1));
    END $do$;
    REVOKE ALL ON FUNCTION authz.team_members_team_id_8dab634a() FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION authz.team_members_team_id_8dab634a() TO authenticated;
    GRANT CREATE ON SCHEMA authz TO authz_members;
    GRANT authz_members TO CURRENT_USER;
    ALTER FUNCTION authz.team_members_team_id_8dab634a() OWNER TO authz_members;
    REVOKE authz_members FROM CURRENT_USER;
    REVOKE CREATE ON SCHEMA authz FROM authz_members;
    CREATE POLICY documents_delete_authenticated ON public.documents
        FOR DELETE TO authenticated
        USING (team_id = ANY (coalesce((SELECT authz.team_members_team_id_8dab634a()))));
    CREATE POLICY documents_insert_authenticated ON public.documents
        FOR INSERT TO authenticated
        WITH CHECK (team_id = ANY (coalesce((SELECT authz.team_members_team_id_8dab634a()))));
    CREATE POLICY documents_select_authenticated ON public.documents
        FOR SELECT TO authenticated
        USING (team_id = ANY (coalesce((SELECT authz.team_members_team_id_8dab634a()))));
    CREATE POLICY documents_update_authenticated ON public.documents
        FOR UPDATE TO authenticated
        USING (team_id = ANY (coalesce((SELECT authz.team_members_team_id_8dab634a()))))
        WITH CHECK (team_id = ANY (coalesce((SELECT authz.team_members_team_id_8dab634a()))));
    ");
}

#[test]
fn claims_for_one_more_role() {
    let text = plan(&language::claims_for_one_more_role());
    let claims: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("auth.level()"))
        .collect();
    insta::assert_snapshot!(claims.join("\n"), @r#"
    GRANT EXECUTE ON FUNCTION auth.level() TO "authz test auditor";
    GRANT EXECUTE ON FUNCTION auth.level() TO authz_members;
        USING ((SELECT auth.level()) > 3);
    "#);
}

#[test]
fn each_type_has_a_body_of_its_own() {
    let script = script(&schema(language::claims_of_every_type_added().new)).unwrap();
    let bodies = ["c", "f", "g", "i", "j", "k", "l", "vb"].map(|name| {
        let (_, body) = script
            .split_once(&format!("CREATE FUNCTION auth.{name}() "))
            .unwrap();
        let (body, _) = body.split_once(";\n").unwrap();
        format!("{name} {body}")
    });
    insta::assert_snapshot!(bodies.join("\n"), @"
    c RETURNS boolean STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'c') = 'boolean' THEN
        (auth.jwt() -> E'c')::boolean
    END
    f RETURNS bigint STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'f') = 'number' THEN
        CASE WHEN scale((auth.jwt() -> E'f')::numeric) = 0
            AND (auth.jwt() -> E'f')::numeric BETWEEN -9223372036854775808 AND 9223372036854775807 THEN
            (auth.jwt() -> E'f')::bigint
        END
    END
    g RETURNS real STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'g') = 'number' THEN
        CASE WHEN abs((auth.jwt() -> E'g')::numeric) BETWEEN 1.4e-45 AND 3.4028235e38 THEN
            (auth.jwt() -> E'g')::double precision::real
        WHEN (auth.jwt() -> E'g')::numeric = 0 THEN 0 END
    END
    i RETURNS numeric STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'i') = 'number' THEN
        (auth.jwt() -> E'i')::numeric
    END
    j RETURNS timestamptz STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'j') = 'number' THEN
        CASE WHEN scale((auth.jwt() -> E'j')::numeric) = 0
            AND (auth.jwt() -> E'j')::numeric BETWEEN -62135596800 AND 253402300799 THEN
            to_timestamp((auth.jwt() -> E'j')::double precision)
        END
    END
    k RETURNS jsonb STABLE PARALLEL SAFE
    RETURN nullif(auth.jwt() -> E'k', 'null'::jsonb)
    l RETURNS billing.plan STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'l') = 'string' THEN
        CASE WHEN (auth.jwt() ->> E'l') = ANY (enum_range(NULL::billing.plan)::text[]) THEN (auth.jwt() ->> E'l')::billing.plan END
    END
    vb RETURNS uuid[] STABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(auth.jwt() -> E'vb') = 'array' THEN (
        SELECT CASE WHEN count(*) = count(item) THEN coalesce(array_agg(item ORDER BY place), '{}') END
        FROM (
            SELECT place,
                CASE WHEN jsonb_typeof(element) = 'string' THEN
                    coalesce(
                        substring((element #>> '{}') from '^(?:urn:uuid:)?([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$'),
                        substring((element #>> '{}') from '^([0-9A-Fa-f]{32})$'),
                        substring((element #>> '{}') from '^[{]([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})[}]$')
                    )::uuid
                END AS item
            FROM jsonb_array_elements(CASE WHEN jsonb_typeof(auth.jwt() -> E'vb') = 'array' THEN auth.jwt() -> E'vb' ELSE '[]' END)
                WITH ORDINALITY AS elements (element, place)
        ) AS items
    ) END
    ");
}

/// The schema of a platform, with a policy that says this and a claim `org_id`.
fn on(platform: Platform, policy: &str, elsewhere: Option<&[&str]>) -> Result<Schema, Vec<DeclareError>> {
    let source = format!("#[rls(select = {policy:?})] struct Note {{ org_id: Uuid }}");
    let model = parse_model(&syn::parse_str(&source).unwrap(), &Types::default()).unwrap();
    let config = Config {
        platform,
        ..Config::default()
    };
    let ident = |text: &str| Ident::new(text).unwrap();
    let qualified = |text: &&str| {
        let (namespace, name) = text.split_once('.').unwrap();
        QualifiedName {
            namespace: ident(namespace),
            name: ident(name),
        }
    };
    Declarations {
        tables: vec![model.table],
        claims: vec![DeclaredClaim {
            function: ident("org_id"),
            claim: "org_id".to_owned(),
            claim_type: "uuid".to_owned(),
            comment: None,
        }],
        functions_elsewhere: elsewhere.map(|names| names.iter().map(qualified).collect()),
        ..Declarations::default()
    }
    .schema(&config)
}

fn message(result: Result<Schema, Vec<DeclareError>>) -> String {
    let errors = result.unwrap_err();
    errors
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

#[test]
fn where_auth_belongs_to_the_platform_the_functions_are_in_authz() {
    for platform in [Platform::Neon, Platform::Supabase] {
        let schema = on(platform, "org_id = authz.org_id()", Some(&[])).unwrap();
        let script = script(&schema).unwrap();
        for statement in [
            "CREATE SCHEMA authz;",
            "CREATE FUNCTION authz.org_id() RETURNS uuid STABLE PARALLEL SAFE\n",
            "REVOKE ALL ON FUNCTION authz.org_id() FROM PUBLIC;",
            "GRANT USAGE ON SCHEMA authz TO authenticated;",
            "USING (org_id = (SELECT authz.org_id()))",
        ] {
            assert!(script.contains(statement), "{statement}: {script}");
        }
        assert!(!script.contains("CREATE SCHEMA auth;"), "{script}");
        assert_eq!(
            message(on(platform, "org_id = auth.org_id()", Some(&[]))),
            "`auth` belongs to the platform; write authz.org_id()"
        );
        // What else the platform has there is not known.
        assert!(on(platform, "org_id = auth.something()", Some(&[])).is_ok());
    }
    assert_eq!(
        message(on(Platform::Postgres, "org_id = authz.org_id()", Some(&[]))),
        "the functions of claims are in `auth` here; write auth.org_id()"
    );
    assert_eq!(
        message(on(Platform::Supabase, "org_id = authz.orgid()", Some(&[]))),
        "there is no function authz.orgid(); did you mean authz.org_id()?"
    );
}

#[test]
fn a_call_that_no_function_answers_is_refused_where_all_functions_are_known() {
    let policy = "org_id = auth.orgid() or AUTH.\"User_id\"() is null or auth.orgid() is null";
    let postgres = |policy, elsewhere| on(Platform::Postgres, policy, elsewhere);
    assert_eq!(
        message(postgres(
            "org_id = auth.orgid() and auth.orgid() is null",
            Some(&[])
        )),
        "there is no function auth.orgid(); did you mean auth.org_id()?"
    );
    assert_eq!(
        message(postgres("auth.something_else(org_id)", Some(&["auth.is_root"]))),
        "there is no function auth.something_else(); a field of a struct with `#[derive(Claims)]` makes one, or a \
         migration of your own"
    );
    assert!(postgres("auth.is_root() and auth.uid() = org_id", Some(&["auth.is_root"])).is_ok());
    // Texts and columns are no calls.
    assert!(postgres("'auth.orgid()' = 'a' and org_id = auth.org_id()", Some(&[])).is_ok());
    // Nobody knows what else there is.
    assert!(postgres(&policy.replace(" or ", " and "), None).is_ok());
}

#[test]
fn a_claim_cannot_have_the_function_of_a_membership() {
    let source = "#[rls(select, member = \"id in members(team, person)\")] struct Team { id: i64 }";
    let members = "#[rls(select = \"person = auth.uid()\")] struct Member { team: i64, person: Uuid }";
    let [team, member] = [source, members]
        .map(|source| parse_model(&syn::parse_str(source).unwrap(), &Types::default()).unwrap());
    let with = |function: &str, platform| {
        let declarations = Declarations {
            tables: vec![team.table.clone(), member.table.clone()],
            memberships: team.memberships.clone(),
            claims: vec![DeclaredClaim {
                function: Ident::new(function).unwrap(),
                claim: "team".to_owned(),
                claim_type: "bigint".to_owned(),
                comment: None,
            }],
            ..Declarations::default()
        };
        declarations.schema(&Config {
            platform,
            ..Config::default()
        })
    };
    let errors = with("members_team_of_person", Platform::Neon).unwrap_err();
    assert_eq!(
        errors[0].of,
        Subject::Claim(Ident::new("members_team_of_person").unwrap())
    );
    assert_eq!(
        errors[0].to_string(),
        "authz.members_team_of_person() looks memberships up already; name this one otherwise: \
         `#[claim(function = \"…\")]`"
    );
    assert!(with("team", Platform::Neon).is_ok());
    assert!(with("members_team_of_person", Platform::Postgres).is_ok());
}

#[test]
fn each_mistake_of_a_struct_of_claims_is_reported_in_one_go() {
    let input: syn::DeriveInput = syn::parse_quote! {
        #[serde(rename_all = "camel case", transparent)]
        #[claim(function = "x")]
        struct Session<T> {
            #[claim(nmae = "a", name = "b", path = "c.d")]
            a: String,
            user_id: String,
            #[claim(function = "jwt")]
            token: Value,
            #[claim(function = "Other")]
            b: i32,
            orgId: String,
            #[claim(function = "a")]
            c: i32,
            #[serde(rename = "c")]
            d: i32,
            e: u32,
            f: Vec<u8>,
            g: Vec<Option<String>>,
            h: [String; 2],
            i: NonZeroI32,
            j: DateTime<Utc>,
            #[serde(with = "time::serde::rfc3339::option")]
            k: Option<OffsetDateTime>,
            #[serde(with = "mine")]
            l: String,
            #[serde(flatten)]
            m: HashMap<String, Value>,
            #[serde(alias = "nn")]
            n: i32,
            #[claim(skip, type = "text")]
            o: i32,
            #[claim(type = "bytea")]
            p: Secret,
            q: Secret,
            #[serde(rename = "")]
            r: i32,
            s: chrono::NaiveDate,
            t: Vec<Value>,
        }
    };
    let error = parse_claims(&input, &Types::default()).unwrap_err();
    let messages: Vec<String> = error.into_iter().map(|error| error.to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    a struct of claims cannot have generic parameters
    `#[claim(…)]` stands on a field
    with `transparent` serde reads other fields than these; a struct of claims is read by its own
    `camel case` is no rule of serde; expected one of `lowercase`, `UPPERCASE`, `PascalCase`, `camelCase`, `snake_case`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `SCREAMING-KEBAB-CASE`
    unknown key `nmae` in `claim(…)`; expected one of `function`, `skip`, `type`
    unknown key `name` in `claim(…)`; the claim's name is the one that serde reads: `#[serde(rename = "…")]`
    unknown key `path` in `claim(…)`; a claim inside of another is read as `serde_json::Value`, or with `skip` as a struct of its own
    auth.user_id() is there already, with a meaning of its own; name this one otherwise: `#[claim(function = "…")]`
    auth.jwt() is there already, with a meaning of its own; name this one otherwise: `#[claim(function = "…")]`
    a function's name is of lower-case letters, digits and `_`; write `#[claim(function = "…")]`
    a function's name is of lower-case letters, digits and `_`; write `#[claim(function = "…")]`
    the function `a` stands twice
    the claim `c` stands twice
    PostgreSQL has no type for `u32`; use i16, i32 or i64
    a claim cannot be bytea; expected text, uuid, boolean, smallint, integer, bigint, real, double precision, numeric, timestamptz or jsonb, an array of one of these but the last two, or an enum type of the application
    an array with a null in it is no array of claims; expected `Vec<…>` without `Option` inside
    an array of claims has any number of items; expected `Vec<…>`
    SQL does not refuse 0; expected i16, i32 or i64
    a time in a token is a number of seconds (RFC 7519, 2); write `#[serde(with = "chrono::serde::ts_seconds")]`
    a time in a token is a number of seconds (RFC 7519, 2); expected "time::serde::timestamp::option"
    serde reads this field by a function, so that its type does not tell what the token holds; write `#[claim(type = "…")]`
    with `flatten` serde reads other claims than the one that the field names, which SQL does not
    with `alias` serde reads other claims than the one that the field names, which SQL does not
    `skip` makes no function, and excludes every other key
    expected text, uuid, boolean, smallint, integer, bigint, real, double precision, numeric, timestamptz or jsonb, an array of one of these but the last two, or an enum type of the application, with its schema
    the SQL type of `Secret` is not known; derive `authz::Type` for it, or write `#[claim(type = "…")]`
    a claim's name is not empty and holds no control character
    a claim cannot be date; expected text, uuid, boolean, smallint, integer, bigint, real, double precision, numeric, timestamptz or jsonb, an array of one of these but the last two, or an enum type of the application
    a claim cannot be jsonb[]; expected text, uuid, boolean, smallint, integer, bigint, real, double precision, numeric, timestamptz or jsonb, an array of one of these but the last two, or an enum type of the application
    "#);
    let input: syn::DeriveInput = syn::parse_quote!(
        enum Session {
            A,
        }
    );
    assert_eq!(
        parse_claims(&input, &Types::default()).unwrap_err().to_string(),
        "expected a struct with named fields; each field is a claim"
    );
}

#[test]
fn a_claim_of_an_enum_has_the_names_that_serde_reads() {
    let plan: syn::DeriveInput = syn::parse_quote! {
        #[sqlx(type_name = "plan", rename_all = "snake_case")]
        enum Plan { Free, VeryPro }
    };
    let same: syn::DeriveInput = syn::parse_quote! {
        #[sqlx(type_name = "plan", rename_all = "snake_case")]
        #[serde(rename_all = "snake_case")]
        enum Plan { #[sqlx(rename = "0")] #[serde(rename = "0")] Free, VeryPro }
    };
    let types = |input| {
        let model = authz_schema::model::parse_type(input, &Types::default()).unwrap();
        let mut types = Types::default();
        types.add("Plan", &model.sql);
        types.add_enum(&model.sql, model.serde_differs);
        types
    };
    let by_type: syn::DeriveInput = syn::parse_quote!(
        struct Session {
            plans: Option<Vec<Plan>>,
        }
    );
    let error = parse_claims(&by_type, &types(&plan)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "serde reads `Free` for the value `free` of public.plan; give `Plan` the same names by \
         `#[serde(rename_all = \"…\")]`, or write `#[claim(type = \"public.plan\")]`"
    );
    let by_hand: syn::DeriveInput = syn::parse_quote!(
        struct Session {
            #[claim(type = "public.plan[]")]
            plans: Vec<Plan>,
        }
    );
    for (input, types) in [(&by_type, types(&same)), (&by_hand, types(&plan))] {
        let claims = parse_claims(input, &types).unwrap().claims;
        assert_eq!(claims[0].declared.claim_type, "public.plan[]");
    }
    assert!(parse_claims(&by_hand, &Types::default()).is_err());
}
