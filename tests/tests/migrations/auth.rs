//! The functions of the `auth` namespace: names and results are those of Neon's `pg_session_jwt` in claims mode.

use authz_schema::auth::FUNCTIONS;
use serde_json::{Value, json};
use sqlx::Row as _;

use crate::database::{Database, block_on, server};
use crate::package::{Package, TODOS};

/// A user's id beside the claims, as the runtime may set it, counts where the claims say the same.
#[test]
fn a_user_id_beside_the_claims_never_speaks_against_them() {
    block_on(async {
        let mut database = database().await;
        for (beside, claims, user) in [
            ("alice", r#"{"sub":"alice","aud":"todos"}"#, Some("alice")),
            ("alice", r#"{"aud":"todos","sub":"alice"}"#, Some("alice")),
            ("", r#"{"sub":"alice"}"#, Some("alice")),
            ("", r#"{"sub":"","act":{"sub":"bob"}}"#, Some("")),
            ("bob", r#"{"sub":"alice"}"#, Some("alice")),
            ("bob", r#"{"sub": "bob"}"#, Some("bob")),
            ("bob", r#"{"name":"\"sub\":\"bob\""}"#, None),
            ("bob", r#"{"sub":["bob"]}"#, None),
            ("1", r#"{"sub":1}"#, None),
            ("bo", r#"{"sub":"bob"}"#, Some("bob")),
            ("a\"b", r#"{"sub":"a\"b"}"#, Some("a\"b")),
            ("é", r#"{"sub":"\u00e9"}"#, Some("é")),
            ("bob", "", None),
            ("bob", "null", None),
            ("bob", "[]", None),
        ] {
            database.execute("BEGIN; SET LOCAL ROLE authenticated").await;
            let found: Option<String> = sqlx::query_scalar(
                "SELECT auth.user_id() FROM set_config('request.jwt.claims', $1, true) a, set_config('request.jwt.claim.sub', $2, true) b",
            )
            .bind(claims)
            .bind(beside)
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
            database.execute("ROLLBACK").await;
            assert_eq!(found.as_deref(), user, "{beside} {claims}");
        }
    });
}

const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

async fn database() -> Database {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let mut database = Database::new().await;
    database.migrate(&package).await;
    database
}

/// What the functions give: session, user id, uid, organization, organization id.
type Answers = (
    Option<Value>,
    Option<String>,
    Option<String>,
    Option<Value>,
    Option<String>,
);

/// The answers to `authenticated` with this setting, or the error's code.
async fn answers(database: &mut Database, setting: Option<&str>) -> Result<Answers, String> {
    database.execute("BEGIN; SET LOCAL ROLE authenticated").await;
    if let Some(setting) = setting {
        sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
            .bind(setting)
            .execute(&mut database.connection)
            .await
            .unwrap();
    }
    let row = sqlx::query(
        "SELECT auth.session(), auth.user_id(), auth.uid()::text, auth.organization(), auth.organization_id()::text, \
         auth.jwt() IS NOT DISTINCT FROM auth.session()",
    )
    .fetch_one(&mut database.connection)
    .await;
    database.execute("ROLLBACK").await;
    let row = row.map_err(|error| error.into_database_error().unwrap().code().unwrap().into_owned())?;
    assert!(row.get::<bool, _>(5), "auth.jwt() is not auth.session()");
    Ok((row.get(0), row.get(1), row.get(2), row.get(3), row.get(4)))
}

#[test]
fn without_claims_the_session_is_json_null_and_all_else_is_null() {
    block_on(async {
        let mut database = database().await;
        let nobody = Ok((Some(Value::Null), None, None, None, None));
        assert_eq!(answers(&mut database, None).await, nobody, "never set");
        assert_eq!(answers(&mut database, Some("")).await, nobody, "empty");
        // After a transaction that set it, the setting is empty and not NULL.
        assert_eq!(answers(&mut database, None).await, nobody, "set before");
        assert_eq!(answers(&mut database, Some("null")).await, nobody, "JSON null");
    });
}

#[test]
fn a_setting_that_is_not_json_gives_nobody_or_an_error() {
    block_on(async {
        let mut database = database().await;
        for setting in [
            "x",
            "{",
            "{\"sub\": \"a\"",
            "{'sub': 'a'}",
            "{\"sub\": \"a\"} x",
            " ",
        ] {
            let answers = answers(&mut database, Some(setting)).await;
            if server().version().major() >= 16 {
                assert_eq!(
                    answers,
                    Ok((Some(Value::Null), None, None, None, None)),
                    "{setting}"
                );
            } else {
                // Catching the error would keep the functions from running in parallel workers.
                assert_eq!(answers, Err("22P02".to_owned()), "{setting}");
            }
        }
    });
}

#[test]
fn claims_that_are_no_object_are_a_session_without_a_user() {
    block_on(async {
        let mut database = database().await;
        for claims in [
            json!([{"sub": "a"}]),
            json!(["sub"]),
            json!("sub"),
            json!(7),
            json!(true),
        ] {
            let expected = Ok((Some(claims.clone()), None, None, None, None));
            assert_eq!(
                answers(&mut database, Some(&claims.to_string())).await,
                expected,
                "{claims}"
            );
        }
    });
}

#[test]
fn the_user_id_is_sub_where_it_is_a_string() {
    block_on(async {
        let mut database = database().await;
        for (claims, user_id) in [
            (json!({"sub": "user_1"}), Some("user_1")),
            (json!({"sub": ""}), Some("")),
            (json!({"sub": "null"}), Some("null")),
            (json!({"sub": "it's \"é\"\n"}), Some("it's \"é\"\n")),
            (json!({"sub": 7}), None),
            (json!({"sub": true}), None),
            (json!({"sub": null}), None),
            (json!({"sub": ["a"]}), None),
            (json!({"sub": {"a": 1}}), None),
            (json!({"Sub": "a"}), None),
            (json!({}), None),
        ] {
            let (session, found, ..) = answers(&mut database, Some(&claims.to_string())).await.unwrap();
            assert_eq!(found.as_deref(), user_id, "{claims}");
            assert_eq!(session.as_ref(), Some(&claims));
        }
    });
}

/// Texts and whether they are a uuid, as Rust's `Uuid::parse_str` has it.
fn uuid_forms() -> Vec<(String, bool)> {
    let simple = UUID.replace('-', "");
    [
        (UUID.to_owned(), true),
        (UUID.to_uppercase(), true),
        (simple.clone(), true),
        (simple.to_uppercase(), true),
        (format!("{{{UUID}}}"), true),
        (format!("urn:uuid:{UUID}"), true),
        (format!("urn:uuid:{}", UUID.to_uppercase()), true),
        // PostgreSQL takes hyphens after any four digits, and braces around them.
        ("67e5-5044-10b1-426f-9247-bb68-0e5f-e0c8".to_owned(), false),
        (format!("{{{simple}}}"), false),
        (format!("urn:uuid:{simple}"), false),
        (format!("URN:UUID:{UUID}"), false),
        (format!("{{urn:uuid:{UUID}}}"), false),
        (format!("{UUID}\n"), false),
        (format!("\n{UUID}"), false),
        (format!(" {UUID}"), false),
        (format!("{UUID} "), false),
        (format!("{{{UUID}"), false),
        (format!("{UUID}}}"), false),
        (UUID.replace('-', "_"), false),
        (UUID.replacen('6', "g", 1), false),
        (UUID.replacen('6', "６", 1), false),
        (format!("{UUID}0"), false),
        (UUID.chars().skip(1).collect(), false),
        (String::new(), false),
        ("user_1".to_owned(), false),
    ]
    .into()
}

#[test]
fn the_uid_is_sub_in_the_forms_of_a_uuid_that_neon_takes() {
    block_on(async {
        let mut database = database().await;
        for (text, is_uuid) in uuid_forms() {
            let claims = json!({"sub": text}).to_string();
            let (_, user_id, uid, ..) = answers(&mut database, Some(&claims)).await.unwrap();
            assert_eq!(uid.as_deref(), is_uuid.then_some(UUID), "{text:?}");
            assert_eq!(user_id, Some(text));
        }
    });
}

#[test]
fn the_organization_is_o_where_it_is_an_object() {
    block_on(async {
        let mut database = database().await;
        for (o, is_object) in [
            (json!({"id": UUID, "slug": "acme"}), true),
            (json!({}), true),
            (json!([{"id": UUID}]), false),
            (json!(UUID), false),
            (json!(7), false),
            (json!(null), false),
        ] {
            let claims = json!({ "o": o }).to_string();
            let (_, _, _, organization, id) = answers(&mut database, Some(&claims)).await.unwrap();
            assert_eq!(organization, is_object.then(|| o.clone()), "{o}");
            assert_eq!(id.is_some(), is_object && o.get("id").is_some(), "{o}");
        }
        assert_eq!(answers(&mut database, Some("{}")).await.unwrap().3, None);
    });
}

#[test]
fn the_organization_id_is_a_uuid_or_null() {
    block_on(async {
        let mut database = database().await;
        for (text, is_uuid) in uuid_forms() {
            let claims = json!({"o": {"id": text}}).to_string();
            let id = answers(&mut database, Some(&claims)).await.unwrap().4;
            assert_eq!(id.as_deref(), is_uuid.then_some(UUID), "{text:?}");
        }
        for id in [
            json!("org-123"),
            json!(7),
            json!(null),
            json!([UUID]),
            json!({"id": UUID}),
        ] {
            let claims = json!({"o": {"id": id}}).to_string();
            assert_eq!(
                answers(&mut database, Some(&claims)).await.unwrap().4,
                None,
                "{id}"
            );
        }
    });
}

#[test]
fn the_functions_are_stable_and_parallel_safe_and_not_everybodys() {
    block_on(async {
        let mut database = database().await;
        for function in FUNCTIONS {
            let (volatility, parallel, definer, public): (String, String, bool, bool) = sqlx::query_as(
                "SELECT provolatile::text, proparallel::text, prosecdef, \
                 EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0) \
                 FROM pg_proc WHERE oid = $1::regprocedure",
            )
            .bind(function)
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
            assert_eq!(
                (volatility.as_str(), parallel.as_str(), definer, public),
                ("s", "s", false, false),
                "{function}"
            );
        }
    });
}

#[test]
fn a_search_path_of_the_callers_changes_nothing() {
    block_on(async {
        let mut database = database().await;
        let claims = json!({"sub": UUID, "o": {"id": UUID}});
        let before = answers(&mut database, Some(&claims.to_string())).await.unwrap();
        database
            .execute(
                "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC; \
                 CREATE FUNCTION evil.current_setting(text, boolean) RETURNS text RETURN '{\"sub\": \"root\"}'::text; \
                 CREATE FUNCTION evil.jsonb_typeof(jsonb) RETURNS text RETURN 'evil'::text; \
                 CREATE FUNCTION evil.substring(text, text) RETURNS text RETURN '00000000-0000-0000-0000-000000000000'::text; \
                 CREATE FUNCTION evil.get(jsonb, text) RETURNS jsonb RETURN '\"root\"'::jsonb; \
                 CREATE FUNCTION evil.get_text(jsonb, text) RETURNS text RETURN 'root'::text; \
                 CREATE OPERATOR evil.-> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.get); \
                 CREATE OPERATOR evil.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.get_text); \
                 CREATE DOMAIN evil.jsonb AS text; CREATE DOMAIN evil.uuid AS text; \
                 CREATE SCHEMA fake; \
                 SET search_path = evil, pg_catalog",
            )
            .await;
        // The path is as dangerous as it looks: a call of the session itself is taken in.
        let (taken,): (String,) = sqlx::query_as("SELECT current_setting('request.jwt.claims', true)::text")
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
        assert_eq!(taken, "{\"sub\": \"root\"}");
        let row = answers_by_pg_catalog(&mut database, &claims.to_string()).await;
        assert_eq!(row, before);
    });
}

/// As [`answers`], in SQL that no search path changes.
async fn answers_by_pg_catalog(database: &mut Database, claims: &str) -> Answers {
    sqlx::query_as(
        "SELECT s.session, s.user_id, s.uid::pg_catalog.text, s.organization, s.organization_id::pg_catalog.text \
         FROM pg_catalog.set_config('request.jwt.claims', $1, false) AS _set (text), \
         LATERAL (SELECT auth.session() AS session, auth.user_id() AS user_id, auth.uid() AS uid, \
                  auth.organization() AS organization, auth.organization_id() AS organization_id, _set.text) AS s",
    )
    .bind(claims)
    .fetch_one(&mut database.connection)
    .await
    .unwrap()
}
