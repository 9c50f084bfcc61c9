//! Membership: who sees what by it, what it costs, and that nothing of it opens a door.

use crate::database::{Database, block_on};
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
        begin(&mut database, "user_42").await;
        let lines: Vec<(String,)> =
            sqlx::query_as("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT * FROM documents")
                .fetch_all(&mut database.connection)
                .await
                .unwrap();
        database.execute("ROLLBACK").await;
        let plan: String = lines.into_iter().map(|(line,)| line + "\n").collect();
        assert!(plan.contains("documents_team_id_idx"), "{plan}");
        assert!(
            plan.contains("ProjectSet (actual rows=") && plan.contains("loops=1"),
            "{plan}"
        );
        assert!(!plan.contains("SubPlan") && !plan.contains("Filter"), "{plan}");
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
