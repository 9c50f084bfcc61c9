//! What a policy costs: PostgreSQL evaluates a claim once a query, and finds the rows by an index.

use crate::database::{Database, block_on};
use crate::package::{ORGANISATIONS, Package, TENANCY, TODOS};

/// The plan of a query as it ran, for a session role with these claims.
async fn plan(database: &mut Database, claims: &str, query: &str) -> String {
    database.execute("BEGIN; SET LOCAL ROLE authenticated").await;
    sqlx::query("SELECT set_config('request.jwt.claims', $1, true)")
        .bind(claims)
        .execute(&mut database.connection)
        .await
        .unwrap();
    let sql = format!("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {query}");
    let lines: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .fetch_all(&mut database.connection)
        .await
        .unwrap();
    database.execute("ROLLBACK").await;
    lines.into_iter().map(|(line,)| line + "\n").collect()
}

#[track_caller]
fn assert_fast(plan: &str, index: &str) {
    assert!(plan.contains(&format!("Index Scan using {index} on")), "{plan}");
    // From PostgreSQL 17 the condition names the InitPlan too; its own line begins with it.
    let init_plans = plan
        .lines()
        .filter(|line| line.trim_start().starts_with("InitPlan "));
    assert_eq!(init_plans.count(), 1, "{plan}");
    assert!(!plan.contains("SubPlan") && !plan.contains("Filter"), "{plan}");
    let after = plan.rsplit_once("InitPlan 1").unwrap().1;
    assert!(
        after.contains("Result (actual rows=1") && after.contains("loops=1"),
        "{plan}"
    );
}

#[test]
fn a_users_rows_are_found_by_the_index_of_the_policy() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "INSERT INTO todos (user_id, task) \
                 SELECT 'user_' || lpad((n / 4)::text, 4, '0'), 'task' FROM generate_series(1, 10000) n; ANALYZE todos",
            )
            .await;
        let claims = r#"{"sub": "user_0042"}"#;
        assert_fast(
            &plan(&mut database, claims, "SELECT * FROM todos").await,
            "todos_user_id_idx",
        );
        let update = "UPDATE todos SET is_complete = true WHERE task = 'none'";
        let plan = plan(&mut database, claims, update).await;
        assert!(
            plan.contains("todos_user_id_idx") && !plan.contains("SubPlan"),
            "{plan}"
        );
    });
}

#[test]
fn rows_are_found_by_the_text_of_a_number() {
    let package = Package::new(TENANCY);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "INSERT INTO tenants (name) SELECT 'tenant' FROM generate_series(1, 10000); \
                 INSERT INTO users (tenant_id, email) SELECT n, 'a@b.example' FROM generate_series(1, 10000) n; \
                 ANALYZE tenants, users",
            )
            .await;
        let claims = r#"{"sub": "42", "tenant_id": "43"}"#;
        assert_fast(
            &plan(&mut database, claims, "SELECT * FROM tenants").await,
            "tenants_id_text_idx",
        );
        assert_fast(
            &plan(&mut database, claims, "SELECT * FROM users").await,
            "users_id_text_idx",
        );
    });
}

#[test]
fn an_organisations_rows_are_found_by_its_claim() {
    let package = Package::new(ORGANISATIONS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "INSERT INTO projects (org_id, name, editors) \
                 SELECT lpad((n / 4)::text, 32, '0')::uuid, 'project', 'role_' || n % 1000 FROM generate_series(1, 10000) n; \
                 ANALYZE projects",
            )
            .await;
        let claims = r#"{"org_id": "00000000-0000-0000-0000-000000000042", "https://example.com/roles": ["role_169", "x"]}"#;
        assert_fast(
            &plan(&mut database, claims, "SELECT * FROM projects").await,
            "projects_org_id_idx",
        );
        let update = "UPDATE projects SET name = 'x'";
        let plan = plan(&mut database, claims, update).await;
        assert!(
            plan.contains("projects_org_id_idx") || plan.contains("projects_editors_idx"),
            "{plan}"
        );
        assert!(plan.contains("InitPlan 1") && !plan.contains("SubPlan"), "{plan}");
        let never_twice = plan.matches("loops=").count() == plan.matches("loops=1)").count();
        assert!(never_twice, "{plan}");
    });
}
