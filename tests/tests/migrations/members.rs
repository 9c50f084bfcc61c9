//! Membership: who sees what by it, what it costs, and that nothing of it opens a door.

use std::fs;

use authz_migrate::migration::script;
use authz_schema::lock::Lock;
use authz_schema::schema::Schema;

use crate::database::{Database, assert_same, block_on};
use crate::package::Package;

/// Teams whose members see each other, and documents that editors of their team may change.
const TEAMS: &str = r#"
use authz::Table;

#[derive(Table)]
#[rls(read, member = "id in team_members(team_id, user_id)")]
struct Team {
    #[column(primary_key)]
    id: i64,
}

#[derive(Table)]
#[table(primary_key(team_id, user_id))]
#[rls(read, member = "team_members(team_id, user_id)")]
struct TeamMember {
    team_id: i64,
    user_id: String,
    role: String,
}

#[derive(Table)]
#[rls(read, member = "team_members(team_id, user_id)")]
#[rls(modify, member = "team_members(team_id, user_id) where role = 'editor'")]
struct Document {
    #[column(primary_key)]
    id: i64,
    team_id: i64,
}
"#;

const ROWS: &str = "INSERT INTO teams VALUES (1), (2), (3); \
    INSERT INTO team_members VALUES (1, 'alice', 'editor'), (1, 'bob', 'reader'), (2, 'bob', 'editor'), (3, 'carol', 'reader'); \
    INSERT INTO documents VALUES (10, 1), (20, 2), (30, 3)";

async fn world() -> Database {
    let package = Package::new(TEAMS);
    package.generate("create", &[]);
    let mut database = Database::new().await;
    database.migrate(&package).await;
    database.execute(ROWS).await;
    database
}

/// The numbers that a query of this user gives.
async fn seen(database: &mut Database, user: &str, query: &'static str) -> Vec<i64> {
    begin(database, user).await;
    let rows = sqlx::query_scalar(query)
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
    database.execute("ROLLBACK").await;
    rows
}

/// How many rows a statement of this user changes, or the SQLSTATE of its error.
async fn changed(database: &mut Database, user: &str, statement: &'static str) -> Result<u64, String> {
    begin(database, user).await;
    let done = sqlx::query(statement).execute(&mut database.connection).await;
    database.execute("ROLLBACK").await;
    done.map(|done| done.rows_affected())
        .map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned())
}

async fn begin(database: &mut Database, user: &str) {
    database.execute("BEGIN; SET LOCAL ROLE authenticated").await;
    sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
        .bind(format!(r#"{{"sub": "{user}"}}"#))
        .execute(&mut database.connection)
        .await
        .unwrap();
}

#[test]
fn members_see_their_teams_rows_and_editors_change_them() {
    block_on(async {
        let mut database = world().await;
        let documents = "SELECT id FROM documents ORDER BY id";
        for (user, teams, seen_documents) in [
            ("alice", vec![1], vec![10]),
            ("bob", vec![1, 2], vec![10, 20]),
            ("nobody", vec![], vec![]),
        ] {
            assert_eq!(
                seen(&mut database, user, "SELECT id FROM teams ORDER BY id").await,
                teams
            );
            assert_eq!(seen(&mut database, user, documents).await, seen_documents);
        }
        // Members of the members' own table, without recursion.
        let members = "SELECT team_id FROM team_members ORDER BY team_id, user_id";
        assert_eq!(seen(&mut database, "alice", members).await, [1, 1]);
        assert_eq!(seen(&mut database, "bob", members).await, [1, 1, 2]);

        let touch = "UPDATE documents SET id = id + 1";
        assert_eq!(changed(&mut database, "alice", touch).await, Ok(1));
        assert_eq!(changed(&mut database, "bob", touch).await, Ok(1));
        assert_eq!(changed(&mut database, "carol", touch).await, Ok(0));
        let into_another = "INSERT INTO documents VALUES (31, 3)";
        assert_eq!(
            changed(&mut database, "alice", into_another).await,
            Err("42501".into())
        );
        let steal = "UPDATE documents SET team_id = 3";
        assert_eq!(changed(&mut database, "alice", steal).await, Err("42501".into()));
    });
}

#[test]
fn the_function_shows_only_what_its_owner_may_see() {
    block_on(async {
        let mut database = world().await;
        // Not to be called without a grant, and never with another's rights.
        let owners: Vec<(String, bool, String)> = sqlx::query_as(
            "SELECT pg_get_userbyid(proowner)::text, prosecdef, array_to_string(proconfig, ',') \
             FROM pg_proc WHERE pronamespace = 'authz'::regnamespace",
        )
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
        assert_eq!(owners.len(), 2);
        for owner in owners {
            assert_eq!(owner, ("authz_members".into(), true, "search_path=\"\"".into()));
        }
        let (public, anonymous): (bool, bool) = sqlx::query_as(
            "SELECT has_function_privilege('public', 'authz.team_members_team_id()', 'EXECUTE'), \
             has_function_privilege('anonymous', 'authz.team_members_team_id()', 'EXECUTE')",
        )
        .fetch_one(&mut database.connection)
        .await
        .unwrap();
        assert!(!public && !anonymous);
        // The owner's own rights end at the user's rows, and it keeps neither the schema nor a member.
        let (strong, creates, members): (bool, bool, i64) = sqlx::query_as(
            "SELECT rolsuper OR rolbypassrls OR rolcanlogin, has_schema_privilege('authz_members', 'authz', 'CREATE'), \
             (SELECT count(*) FROM pg_auth_members WHERE roleid = r.oid AND NOT admin_option) \
             FROM pg_roles r WHERE rolname = 'authz_members'",
        )
        .fetch_one(&mut database.connection)
        .await
        .unwrap();
        assert!(!strong && !creates);
        assert_eq!(members, 0);
        // A search path of the caller changes nothing.
        database
            .execute("CREATE SCHEMA evil; CREATE TABLE evil.team_members AS SELECT 3::bigint AS team_id, 'alice' AS user_id; \
                      GRANT USAGE ON SCHEMA evil TO authenticated; GRANT SELECT ON evil.team_members TO PUBLIC")
            .await;
        begin(&mut database, "alice").await;
        database.execute("SET LOCAL search_path = evil, public").await;
        let rows: Vec<i64> = sqlx::query_scalar("SELECT id FROM public.documents")
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        database.execute("ROLLBACK").await;
        assert_eq!(rows, [10]);
    });
}

#[test]
fn a_members_rows_are_found_by_an_index_and_the_memberships_once() {
    block_on(async {
        let mut database = world().await;
        database
            .execute(
                "INSERT INTO team_members SELECT n, 'user_' || n % 500, 'reader' FROM generate_series(100, 10000) n; \
                 INSERT INTO documents SELECT n, n / 3 FROM generate_series(300, 30000) n; \
                 ANALYZE team_members, documents",
            )
            .await;
        let documents = plan(&mut database, "user_42", "SELECT * FROM documents").await;
        assert!(documents.contains("documents_team_id_idx"), "{documents}");
        assert!(
            !documents.contains("SubPlan") && !documents.contains("Filter"),
            "{documents}"
        );
        let one = plan(&mut database, "user_42", "SELECT * FROM documents WHERE id = 300").await;
        assert!(one.contains("Index Scan using documents_pkey"), "{one}");
        for plan in [documents, one] {
            let lookup = plan.rsplit_once("InitPlan 1").unwrap().1;
            let once = lookup.contains("Result (actual rows=1") && lookup.contains("loops=1");
            assert!(once && plan.matches("Result").count() == 1, "{plan}");
        }
    });
}

/// The plan of a query of this user as it ran.
async fn plan(database: &mut Database, user: &str, query: &str) -> String {
    begin(database, user).await;
    let sql = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}");
    let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
    database.execute("ROLLBACK").await;
    lines.join("\n")
}

#[test]
fn ones_own_row_is_shown_without_a_look_at_the_memberships() {
    let models = TEAMS.replace(
        "#[rls(modify, member = \"team_members(team_id, user_id) where role = 'editor'\")]",
        "#[rls(owner = \"user_id\")]\n#[rls(select = \"public\")]\n#[rls(select = \"id IN (SELECT id FROM teams)\")]",
    );
    let models = models.replace(
        "    team_id: i64,\n}\n",
        "    team_id: i64,\n    user_id: String,\n    public: bool,\n}\n",
    );
    // Whatever order they are written in.
    let member = "#[rls(read, member = \"team_members(team_id, user_id)\")]\n#[rls(owner = \"user_id\")]";
    let owner = "#[rls(owner = \"user_id\")]\n#[rls(read, member = \"team_members(team_id, user_id)\")]";
    assert!(models.contains(member));
    for models in [models.clone(), models.replace(member, owner)] {
        let package = Package::new(&models);
        package.generate("create", &[]);
        block_on(async {
            let mut database = Database::new().await;
            database.migrate(&package).await;
            database
                .execute(
                    "INSERT INTO teams VALUES (1), (2), (3); \
                     INSERT INTO team_members VALUES (1, 'alice', 'editor'), (2, 'bob', 'editor'); \
                     INSERT INTO documents VALUES (10, 1, 'zoe', false), (20, 2, 'alice', false), (30, 3, 'zoe', true), (40, 2, 'zoe', false)",
                )
                .await;
            let all = "SELECT id FROM documents ORDER BY id";
            assert_eq!(seen(&mut database, "alice", all).await, [10, 20, 30]);
            assert_eq!(seen(&mut database, "zoe", all).await, [10, 30, 40]);
            assert_eq!(seen(&mut database, "bob", all).await, [20, 30, 40]);
            assert_eq!(seen(&mut database, "nobody", all).await, [30]);
            for (user, id, looks) in [("alice", 20, 1), ("nobody", 30, 0), ("alice", 10, 3)] {
                let query = format!("SELECT * FROM documents WHERE id = {id}");
                let plan = plan(&mut database, user, &query).await;
                let ran = plan
                    .lines()
                    .filter(|line| line.contains("Result") && !line.contains("never executed"));
                assert_eq!(ran.count(), looks, "{user} {id}\n{plan}");
            }
        });
    }
}

#[test]
fn a_condition_that_a_search_path_decides_is_parsed_when_the_function_is_created() {
    block_on(async {
        for (condition, language) in [
            ("role = 'editor'", "plpgsql"),
            ("role IN ('editor', 'owner') AND now() > '2020-01-01'", "plpgsql"),
            ("lower(role) = 'editor'", "sql"),
            ("role::public.job = 'editor'", "sql"),
            ("role LIKE 'edit%'", "plpgsql"),
            ("role || '' = 'editor'", "sql"),
        ] {
            let models = TEAMS.replace("role = 'editor'", condition);
            let package = Package::new(&models);
            package.write(
                "20200101000000_job.sql",
                "CREATE DOMAIN public.job AS text; GRANT USAGE ON TYPE public.job TO PUBLIC;",
            );
            package.generate("create", &[]);
            let mut database = Database::new().await;
            database.migrate(&package).await;
            database.execute(ROWS).await;
            let languages: Vec<String> = sqlx::query_scalar(
                "SELECT lanname::text FROM pg_proc p JOIN pg_language l ON l.oid = prolang \
                 WHERE pronamespace = 'authz'::regnamespace AND proname <> 'team_members_team_id'",
            )
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
            assert_eq!(languages, [language], "{condition}");
            let touch = "UPDATE documents SET id = id + 1";
            assert_eq!(changed(&mut database, "bob", touch).await, Ok(1), "{condition}");
            assert_eq!(changed(&mut database, "carol", touch).await, Ok(0), "{condition}");
        }
    });
}

#[test]
fn a_membership_follows_the_renames_of_what_it_reads() {
    let package = Package::new(TEAMS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database.execute(ROWS).await;
        let (first, version) = (database.dump(), package.versions().await[0]);
        let models = TEAMS
            .replace("(team_id, user_id)", "(team_id, person)")
            .replace(
                "    user_id: String",
                "    #[column(renamed_from = \"user_id\")] person: String",
            )
            .replace("where role =", "where job =")
            .replace(
                "    role: String",
                "    #[column(renamed_from = \"role\")] job: String",
            );
        package.models(&models);
        package.generate_all("rename");
        package.assert_settled();
        package.assert_checked();
        database.migrate(&package).await;
        let touch = "UPDATE documents SET id = id + 1";
        assert_eq!(changed(&mut database, "bob", touch).await, Ok(1));
        assert_eq!(
            seen(&mut database, "alice", "SELECT id FROM documents").await,
            [10]
        );
        database.undo(&package, version).await;
        assert_eq!(changed(&mut database, "bob", touch).await, Ok(1));
        assert_eq!(
            seen(&mut database, "alice", "SELECT id FROM documents").await,
            [10]
        );
        assert_same("the first state, and after going back", &first, &database.dump());
    });
}

/// What the version before declared: functions that give rows, and the first bodies of `auth`.
fn of_before(schema: &Schema) -> Schema {
    let text = Lock::from(schema.clone()).to_text().unwrap();
    let mut text = text
        .replace("auth = 2", "auth = 1")
        .replace("form = \"plpgsql\"\n", "");
    for name in schema.memberships.keys() {
        text = text.replace(
            &format!("coalesce((SELECT authz.{name}()))"),
            &format!("ARRAY(SELECT authz.{name}())"),
        );
    }
    Lock::from_text(&text).unwrap().schema
}

#[test]
fn projects_of_before_get_the_functions_by_a_migration_that_needs_no_consent() {
    let package = Package::new(TEAMS);
    let up = package.generate("create", &[]);
    let old = of_before(&package.lock());
    assert_ne!(old, package.lock());
    fs::write(&up, script(&old).unwrap()).unwrap();
    let lock = package.migrations().join("authz.lock");
    let mut text = Lock::from_text(&fs::read_to_string(&lock).unwrap()).unwrap();
    text.schema = old;
    fs::write(&lock, text.to_text().unwrap()).unwrap();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database.execute(ROWS).await;
        let (first, version) = (database.dump(), package.versions().await[0]);
        let upgrade = package.generate("upgrade", &[]);
        package.assert_settled();
        package.assert_checked();
        let text = fs::read_to_string(upgrade).unwrap();
        assert!(!text.contains("authz-"), "{text}");
        database.migrate(&package).await;
        let fresh = Database::fresh(&package.lock()).await;
        for (user, documents) in [("alice", vec![10]), ("bob", vec![10, 20]), ("nobody", vec![])] {
            let query = "SELECT id FROM documents ORDER BY id";
            assert_eq!(seen(&mut database, user, query).await, documents);
        }
        let definitions = "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace::regnamespace::text IN ('auth', 'authz') ORDER BY proname";
        let mut both = Vec::new();
        for mut database in [fresh, database] {
            let found: Vec<String> = sqlx::query_scalar(definitions)
                .fetch_all(&mut database.connection)
                .await
                .unwrap();
            both.push((found, database));
        }
        assert_eq!(both[0].0, both[1].0);
        let (_, mut database) = both.pop().unwrap();
        database.undo(&package, version).await;
        assert_same("the first state, and after going back", &first, &database.dump());
    });
}

#[test]
fn memberships_are_made_and_unmade_by_an_owner() {
    let package = Package::new(TEAMS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database.undo(&package, 0).await;
        database.migrate(&package).await;
        database.execute(ROWS).await;
        assert_eq!(
            seen(&mut database, "alice", "SELECT id FROM documents").await,
            [10]
        );
    });
}

#[test]
fn a_membership_that_no_model_has_is_an_error_at_its_attribute() {
    let package = Package::new(&TEAMS.replace("struct TeamMember", "struct Membership"));
    let ran = package.run(&["generate", "create"]);
    assert!(ran.result.is_err(), "{}", ran.whole());
    assert!(
        ran.err
            .contains("no model declares public.team_members, the table of memberships"),
        "{}",
        ran.whole()
    );
    assert!(ran.err.contains("lib.rs:5:22"), "{}", ran.whole());
}
