//! Typed claims: a token means the same in Rust and in SQL, and no token makes a function of claims fail.

#[path = "../../schemas/every_claim.rs"]
mod every_claim;

use authz::{ClaimError, Claims as _};
use authz_cli::command::Outcome;
use authz_tests::keys::claims;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use self::every_claim::EveryClaim;
use crate::database::{Database, assert_same, block_on};
use crate::isolation::World;
use crate::package::{ORGANISATIONS, Package};

const EVERY_CLAIM: &str = include_str!("../../schemas/every_claim.rs");
const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Values that an issuer may put into a claim, by mistake or to see what happens.
fn values() -> Vec<Value> {
    let simple = UUID.replace('-', "");
    let mut values = vec![
        json!(null),
        json!(true),
        json!(false),
        json!("true"),
        json!(""),
        json!("it's \"é\"\n\\ $1 %s '; DROP"),
        json!("null"),
        json!("free"),
        json!("very_pro"),
        json!("VeryPro"),
        json!("Free"),
        json!("x".repeat(100)),
        json!(UUID),
        json!(UUID.to_uppercase()),
        json!(simple),
        json!(format!("{{{UUID}}}")),
        json!(format!("urn:uuid:{UUID}")),
        json!(format!("{{{simple}}}")),
        json!(format!(" {UUID}")),
        json!(format!("{UUID}\n")),
        json!("67e5-5044-10b1-426f-9247-bb68-0e5f-e0c8"),
        json!({}),
        json!({"a": 1}),
        json!({"org_id": UUID}),
        json!([]),
        json!([null]),
        json!([[]]),
        json!([["a"]]),
        json!(["a", "b", "a"]),
        json!(["a", null]),
        json!(["a", 1]),
        json!([UUID, simple]),
        json!([UUID, "x"]),
        json!([true, false]),
        json!([true, 1]),
        json!([1, -2, 3]),
        json!([1, 2.5]),
        json!([1, "2"]),
        json!([0, 255]),
        json!([256]),
        json!([i64::MAX, i64::MIN]),
        json!([u64::MAX]),
        json!(["free", "very_pro", "free"]),
        json!(["free", "other"]),
        json!([{"a": 1}]),
    ];
    // As a token writes them: what serde_json makes of each is what PostgreSQL gets.
    let numbers = [
        "0",
        "-0",
        "0.0",
        "1",
        "-1",
        "1.0",
        "1.5",
        "1e2",
        "1e-2",
        "100000000000000000000",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "0.1",
        "1e38",
        "3.5e38",
        "1e39",
        "1e308",
        "-1e308",
        "1e-40",
        "1e-46",
        "5e-324",
        "1e-400",
        "1700000000",
        "253402300799",
        "253402300800",
        "-62135596800",
        "-62135596801",
        "8e15",
    ];
    values.extend(numbers.map(|number| serde_json::from_str::<Value>(number).unwrap()));
    values
}

/// Where Rust has a value and SQL has none: claim, value in the token, and what Rust has.
const KNOWN: &[(&str, &str, &str)] = &[
    // SQL has years of four digits, since the last times of PostgreSQL and chrono are not the same.
    ("a_time", "253402300800", "253402300800"),
    ("a_time", "-62135596801", "-62135596801"),
    // A number that a real cannot hold is infinite or zero in Rust.
    ("a_real", "3.5e38", "null"),
    ("a_real", "1e39", "null"),
    ("a_real", "1e308", "null"),
    ("a_real", "-1e308", "null"),
    ("a_real", "1e-46", "0.0"),
    ("a_real", "5e-324", "0.0"),
];

/// What SQL has for each claim, as JSON.
fn all_in_sql() -> String {
    let values = EveryClaim::NAMES.iter().map(|name| {
        let value = match *name {
            "a_time" => "extract(epoch FROM auth.a_time())::bigint".to_owned(),
            "a_real" | "a_numeric" => format!("auth.{name}()::double precision"),
            name => format!("auth.{name}()"),
        };
        format!("to_jsonb({value})::text")
    });
    format!("SELECT ARRAY[{}]", values.collect::<Vec<_>>().join(", "))
}

/// Whether both are the same JSON, numbers by their values.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}

/// What Rust has for a claim, as JSON.
fn in_rust(claims: &authz::VerifiedClaims, name: &'static str) -> Option<Value> {
    match claims.typed::<EveryClaim>() {
        Ok(typed) => serde_json::to_value(typed).unwrap().get(name).cloned(),
        Err(error) => {
            assert_eq!(error, ClaimError::Type(name));
            None
        }
    }
}

#[test]
fn a_claim_has_a_value_in_rust_exactly_where_it_has_one_in_sql() {
    block_on(async {
        let world = World::new(EVERY_CLAIM, "").await;
        let query = all_in_sql();
        let mut different: Vec<String> = Vec::new();
        let (mut wrong, mut none, mut some) = (0, 0, 0);
        for value in values() {
            let mut token = claims("alice");
            for name in EveryClaim::NAMES {
                token[*name] = value.clone();
            }
            let mut tx = world.with(&token).await;
            let in_sql: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(query.clone()))
                .fetch_one(&mut tx)
                .await
                .unwrap_or_else(|error| panic!("{value}: {error}"));
            tx.rollback().await.unwrap();
            for (name, in_sql) in EveryClaim::NAMES.iter().zip(in_sql) {
                let mut alone = claims("alice");
                alone[*name] = value.clone();
                let verified = world.authz.verify(&world.key.sign(&alone)).await.unwrap();
                let in_rust = in_rust(&verified, name);
                let in_sql = in_sql.map(|text| serde_json::from_str::<Value>(&text).unwrap());
                let agree = match (&in_rust, &in_sql) {
                    // Rust says that the claim is wrong, and SQL has none.
                    (None, None) => {
                        wrong += 1;
                        true
                    }
                    (Some(Value::Null), None) => {
                        none += 1;
                        value.is_null()
                    }
                    (Some(one), Some(other)) => {
                        some += 1;
                        same(one, other)
                    }
                    // Its SQL type is any JSON.
                    (None, Some(_)) => *name == "numbers",
                    (Some(_), None) => false,
                };
                let text = |value: &Option<Value>| value.as_ref().map(ToString::to_string);
                let (in_rust, in_sql) = (text(&in_rust), text(&in_sql));
                let known = KNOWN.iter().any(|(claim, written, rust)| {
                    claim == name
                        && serde_json::from_str::<Value>(written).unwrap() == value
                        && in_rust.as_deref() == Some(*rust)
                        && in_sql.is_none()
                });
                if agree == known {
                    different.push(format!("{name} {value}: Rust {in_rust:?}, SQL {in_sql:?}"));
                }
            }
        }
        assert!(different.is_empty(), "{different:#?}");
        assert!(wrong > 900 && none > 20 && some > 200, "{wrong} {none} {some}");
    });
}

#[test]
fn a_claim_that_is_missing_is_none_in_rust_and_null_in_sql() {
    block_on(async {
        let world = World::new(EVERY_CLAIM, "").await;
        let mut tx = world.as_user("alice").await;
        let in_sql: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(all_in_sql()))
            .fetch_one(&mut tx)
            .await
            .unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(in_sql, vec![None; EveryClaim::NAMES.len()]);
        let verified = world
            .authz
            .verify(&world.key.sign(&claims("alice")))
            .await
            .unwrap();
        for name in EveryClaim::NAMES {
            assert_eq!(in_rust(&verified, name), Some(Value::Null), "{name}");
        }
    });
}

/// Settings that no token makes, since the runtime writes its claims anew.
fn settings() -> Vec<String> {
    let mut settings: Vec<String> = ["", "null", "[]", "[{\"texts\": []}]", "\"a\"", "7", "true", "{}"]
        .map(str::to_owned)
        .into();
    let deep = format!("{}1{}", "[".repeat(1000), "]".repeat(1000));
    for value in [
        "1e400",
        "-1e400",
        "1e-400",
        "1e5000",
        "-1e-5000",
        "1e2",
        "1.50",
        "0e0",
        "1.7976931348623158e308",
        "2.4e-324",
        "3.4028236e38",
        "1.3e-45",
        "9223372036854775807.5",
        "[1e400]",
        "[1e-400, 1e2]",
        "\"\\u00e9\"",
        "[[1],[2]]",
        &deep,
    ] {
        let members = EveryClaim::NAMES
            .iter()
            .map(|name| format!("\"{name}\": {value}"));
        settings.push(format!("{{{}}}", members.collect::<Vec<_>>().join(", ")));
        // The last of two members counts.
        settings.push(format!(
            "{{\"a_text\": \"a\", \"a_text\": {value}, \"texts\": {value}}}"
        ));
    }
    settings
}

#[test]
fn no_setting_makes_a_function_fail() {
    let package = Package::new(EVERY_CLAIM);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "CREATE TABLE numbers AS SELECT n, n::text AS text FROM generate_series(1, 40) n; \
                 GRANT SELECT ON numbers TO authenticated; ANALYZE numbers",
            )
            .await;
        let calls = EveryClaim::NAMES
            .iter()
            .map(|name| format!("auth.{name}()::text"));
        let texts = format!("SELECT {}", calls.collect::<Vec<_>>().join(", "));
        for setting in settings() {
            database.execute("BEGIN; SET LOCAL ROLE authenticated").await;
            sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
                .bind(&setting)
                .execute(&mut database.connection)
                .await
                .unwrap();
            let shown: String = setting.chars().take(60).collect();
            let all = sqlx::query(AssertSqlSafe(texts.clone()))
                .execute(&mut database.connection)
                .await;
            assert!(all.is_ok(), "{shown}: {all:?}");
            // A parallel query evaluates subqueries before anybody asks for them.
            database
                .execute(
                    "SET LOCAL parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0; \
                     SELECT count(*) FROM numbers WHERE text = ANY (auth.texts()) OR n = auth.an_integer() OR n = ANY (auth.bigints()) \
                         OR n < auth.a_double() OR auth.plans() IS NULL AND n = ANY (coalesce((SELECT auth.smallints()))); \
                     COMMIT",
                )
                .await;
        }
    });
}

#[test]
fn numbers_that_only_a_setting_has_are_read_or_null() {
    let package = Package::new(EVERY_CLAIM);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        for (call, number, expected) in [
            // PostgreSQL writes 1e2 as 100.
            ("auth.an_integer()", "1e2", Some("100")),
            ("auth.an_integer()", "100.0", None),
            ("auth.a_double()", "1e400", None),
            ("auth.a_double()", "1e-400", None),
            ("auth.a_double()", "5e-324", Some("5e-324")),
            ("auth.a_double()", "0.0", Some("0")),
            ("auth.a_real()", "3.4028235e38", Some("3.4028235e+38")),
            ("auth.a_real()", "1.4e-45", Some("1e-45")),
            ("auth.a_numeric()", "1.50", Some("1.50")),
            (
                "auth.a_numeric()",
                "123456789012345678901234567890",
                Some("123456789012345678901234567890"),
            ),
            ("auth.a_time()", "1700000000", Some("2023-11-14 22:13:20+00")),
            ("auth.a_time()", "1.7e9", Some("2023-11-14 22:13:20+00")),
            ("auth.a_time()", "1700000000.5", None),
        ] {
            let name = call.strip_prefix("auth.").unwrap().strip_suffix("()").unwrap();
            database
                .execute(&format!(
                    "SET timezone = 'UTC'; SET request.jwt.claims = '{{\"{name}\": {number}}}'"
                ))
                .await;
            let found: Option<String> = sqlx::query_scalar(AssertSqlSafe(format!("SELECT {call}::text")))
                .fetch_one(&mut database.connection)
                .await
                .unwrap();
            assert_eq!(found.as_deref(), expected, "{call} {number}");
        }
    });
}

#[test]
fn the_functions_are_stable_and_parallel_safe_and_those_of_the_session_roles() {
    let package = Package::new(EVERY_CLAIM);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let odd: Vec<String> = sqlx::query_scalar(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'auth'::regnamespace \
                AND NOT (provolatile = 's' AND proparallel = 's' AND NOT prosecdef AND proconfig IS NULL AND prosqlbody IS NOT NULL \
                    AND NOT has_function_privilege('public', oid, 'EXECUTE') \
                    AND has_function_privilege('anonymous', oid, 'EXECUTE') AND has_function_privilege('authenticated', oid, 'EXECUTE'))",
        )
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
        assert_eq!(odd, [""; 0]);
    });
}

#[test]
fn a_search_path_of_the_callers_changes_nothing() {
    let package = Package::new(EVERY_CLAIM);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "CREATE SCHEMA evil; GRANT USAGE ON SCHEMA evil TO PUBLIC; \
                 CREATE FUNCTION evil.jsonb_typeof(jsonb) RETURNS text RETURN 'evil'::text; \
                 CREATE FUNCTION evil.scale(numeric) RETURNS int RETURN 1; \
                 CREATE FUNCTION evil.get_text(jsonb, text) RETURNS text RETURN 'root'::text; \
                 CREATE OPERATOR evil.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.get_text); \
                 CREATE DOMAIN evil.jsonb AS text; CREATE TYPE evil.plan AS ENUM ('root'); \
                 SET search_path = evil, pg_catalog",
            )
            .await;
        let setting = json!({"a_text": "a", "an_integer": 5, "texts": ["b"], "a_plan": "free"}).to_string();
        let found: String = sqlx::query_scalar(
            "SELECT pg_catalog.concat_ws(',', auth.a_text(), auth.an_integer(), auth.texts(), auth.a_plan()) \
             FROM pg_catalog.set_config('request.jwt.claims', $1, false)",
        )
        .bind(setting)
        .fetch_one(&mut database.connection)
        .await
        .unwrap();
        assert_eq!(found, "a,5,{b},free");
    });
}

#[test]
fn a_function_of_a_file_that_calls_a_claim_is_made_again_with_it() {
    let with = |level: &str| {
        format!(
            "#[derive(authz::Claims)] struct Session {{ level: {level} }}\n\
             #[derive(authz::Table)] #[rls(select = \"may_see(level)\", to = \"authenticated\")]\n\
             struct Note {{ #[column(default = \"next_level()\")] level: i32 }}\n"
        )
    };
    let package = Package::new(&with("i32"));
    package.file(
        "authz/sql/may_see.sql",
        "CREATE FUNCTION may_see(level int) RETURNS boolean STABLE RETURN level <= auth.level();",
    );
    package.file(
        "authz/sql/next_level.sql",
        "CREATE FUNCTION next_level() RETURNS int STABLE RETURN auth.level() + 1;",
    );
    package.generate("create", &[]);
    package.assert_checked();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let (first, version) = (
            database.dump(),
            package.migrator().await.iter().last().unwrap().version,
        );
        package.models(&with("i64"));
        package.file(
            "authz/sql/next_level.sql",
            "CREATE FUNCTION next_level() RETURNS int STABLE RETURN (auth.level() + 1)::int;",
        );
        package.generate("wider", &["authz-widens"]);
        package.assert_settled();
        package.assert_checked();
        database.migrate(&package).await;
        let fresh = Database::fresh(&package.lock()).await;
        assert_same(
            "the migrated and a fresh database",
            &database.dump(),
            &fresh.dump(),
        );
        database.undo(&package, version).await;
        assert_same("the first state, and after going back", &first, &database.dump());
    });
}

#[test]
fn check_finds_a_function_and_a_comment_that_are_not_the_locks() {
    let package = Package::new(ORGANISATIONS);
    let up = package.generate("create", &[]);
    package.assert_checked();
    let text = std::fs::read_to_string(&up).unwrap();
    let (head, rest) = text.split_once("CREATE FUNCTION auth.org_id()").unwrap();
    for (from, to) in [
        ("= 'string' THEN", "IS NOT NULL THEN"),
        ("The organisation that", "Not what"),
        (
            "ON FUNCTION auth.org_id() TO anonymous",
            "ON FUNCTION auth.org_id() TO PUBLIC",
        ),
    ] {
        assert!(rest.contains(from), "{rest}");
        let changed = rest.replacen(from, to, 1);
        std::fs::write(&up, format!("{head}CREATE FUNCTION auth.org_id(){changed}")).unwrap();
        let ran = package.run(&["check"]);
        assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
        assert!(ran.out.starts_with("function auth.org_id()\n"), "{}", ran.whole());
    }
}

#[test]
fn a_policy_that_calls_what_is_not_there_is_an_error_until_a_migration_makes_it() {
    let package = Package::new(&ORGANISATIONS.replacen("auth.org_id()", "auth.org_idd()", 1));
    let ran = package.run(&["generate", "create"]);
    assert!(ran.result.is_err(), "{}", ran.whole());
    assert!(
        ran.err
            .contains("there is no function auth.org_idd(); did you mean auth.org_id()?")
            && ran.err.contains("src/lib.rs:20:16"),
        "{}",
        ran.whole()
    );
    package.write(
        "20200101000000_by_hand.sql",
        "CREATE SCHEMA elsewhere;\n-- Made elsewhere: auth.org_idd()\n",
    );
    package.generate("create", &[]);
}

/// What Neon and Supabase have before any migration, as far as it matters here.
const PLATFORM: &str = "\
DO $do$ DECLARE name text; BEGIN
    FOREACH name IN ARRAY ARRAY['anon', 'anonymous', 'authenticated', 'authenticator'] LOOP
        BEGIN EXECUTE 'CREATE ROLE ' || name; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    END LOOP;
END $do$;
CREATE SCHEMA auth;
CREATE FUNCTION auth.jwt() RETURNS jsonb STABLE RETURN nullif(current_setting('request.jwt.claims', true), '')::jsonb;
CREATE FUNCTION auth.uid() RETURNS uuid STABLE RETURN (auth.jwt() ->> 'sub')::uuid;
GRANT USAGE ON SCHEMA auth TO PUBLIC;
";

#[test]
fn on_a_platform_the_functions_come_and_go_in_a_namespace_of_ours() {
    let note = "#[derive(authz::Table)] #[rls(select = \"POLICY\")] struct Note { level: i32 }\n";
    let claims = "#[derive(authz::Claims)] struct Session { level: i32 }\n";
    let teams = "#[derive(authz::Table)] #[rls(select, member = \"id in members(team, person) where authz.level() > 1\")]\n\
                 struct Team { #[column(primary_key)] id: i64 }\n\
                 #[derive(authz::Table)] #[rls(select = \"person = auth.uid()\")] struct Member { team: i64, person: uuid::Uuid }\n";
    let plain_teams = teams.replace(" where authz.level() > 1", "");
    let plain = note.replace("POLICY", "level = 1");
    let claimed = format!("{claims}{}", note.replace("POLICY", "level = authz.level()"));
    for platform in ["neon", "supabase"] {
        let package = Package::new(&plain);
        package.configure(&format!("platform = \"{platform}\"\n"));
        package.generate("plain", &[]);
        block_on(async {
            let mut database = Database::new().await;
            database.execute(PLATFORM).await;
            database.migrate(&package).await;
            let (first, version) = (
                database.dump(),
                package.migrator().await.iter().last().unwrap().version,
            );
            for (number, models) in [
                &claimed,
                &format!("{claimed}{teams}"),
                &format!("{plain}{plain_teams}"),
                &format!("{claimed}{plain_teams}"),
                &plain,
            ]
            .into_iter()
            .enumerate()
            {
                package.models(models);
                package.generate_all(&format!("step_{number}"));
                package.assert_settled();
                if number == 1 {
                    package.assert_checked();
                }
                database.migrate(&package).await;
            }
            assert_same("the first state, and after all steps", &first, &database.dump());
            database.undo(&package, version).await;
            assert_same("the first state, and after going back", &first, &database.dump());

            package.models(&claimed);
            package.generate_all("claims");
            database.migrate(&package).await;
            database.execute("INSERT INTO notes VALUES (1), (2)").await;
            database
                .execute(
                    "BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{\"level\": 2}'",
                )
                .await;
            let seen: Vec<i32> = sqlx::query_scalar("SELECT level FROM public.notes WHERE authz.level() = 2")
                .fetch_all(&mut database.connection)
                .await
                .unwrap();
            assert_eq!(seen, [2]);
        });
    }
}
