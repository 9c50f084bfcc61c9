//! `adopt.sql` gives no privilege that was not there, and takes none that it cannot judge.

use crate::database::{Database, block_on};
use crate::package::Package;

use super::pulled;

/// The script for a database that these statements make, and the source; then the grants after the script has run.
fn adopt(sql: &str) -> (String, String, Vec<String>) {
    let package = Package::new("");
    block_on(async {
        let mut database = Database::new().await;
        database
            .execute(
                "DO $$ BEGIN CREATE ROLE authenticated; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$; \
                 CREATE SCHEMA auth; CREATE FUNCTION auth.user_id() RETURNS text STABLE RETURN 'me'",
            )
            .await;
        database.execute(sql).await;
        let grants = "SELECT grantee || ' ' || privilege_type || ' ' || table_name || coalesce('.' || column_name, '') FROM \
                      (SELECT grantee, privilege_type, table_name, NULL AS column_name FROM information_schema.role_table_grants WHERE \
                      table_schema = 'public' UNION SELECT grantee, privilege_type, table_name, column_name FROM \
                      information_schema.column_privileges WHERE table_schema = 'public') AS grants (grantee, privilege_type, \
                      table_name, column_name) WHERE grantee = 'authenticated' ORDER BY 1";
        let pulled = std::thread::scope(|scope| scope.spawn(|| pulled(&package, &database)).join().unwrap());
        let script: String = pulled.align.iter().map(|sql| format!("{sql};\n")).collect();
        let before: Vec<String> = sqlx::query_scalar(grants)
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        database.execute(&script).await;
        let after: Vec<String> = sqlx::query_scalar(grants)
            .fetch_all(&mut database.connection)
            .await
            .unwrap();
        let gained: Vec<&String> = after.iter().filter(|grant| !before.contains(grant)).collect();
        assert_eq!(gained, [""; 0], "{script}");
        (script, pulled.source, after)
    })
}

#[test]
fn a_grant_of_some_columns_does_not_become_one_of_the_table() {
    let (script, source, after) = adopt(
        "CREATE TABLE people (id int PRIMARY KEY, name text, secret text, user_id text); \
         ALTER TABLE people ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
         CREATE POLICY people_select_authenticated ON people FOR SELECT TO authenticated USING (name = 'x'); \
         GRANT SELECT (id, name) ON people TO authenticated;",
    );
    assert!(!script.contains("GRANT"), "{script}");
    assert_eq!(
        after,
        [
            "authenticated SELECT people.id",
            "authenticated SELECT people.name"
        ]
    );
    assert!(
        source.contains("the database grants SELECT (id, name); the models say SELECT"),
        "{source}"
    );
}

#[test]
fn a_policy_for_all_gives_no_command_that_its_roles_may_not_run() {
    let tables = |grant: &str| {
        format!(
            "CREATE TABLE papers (id int PRIMARY KEY, user_id text); \
             ALTER TABLE papers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; \
             CREATE POLICY own ON papers TO authenticated USING (user_id = auth.user_id()); \
             GRANT {grant} ON papers TO authenticated;"
        )
    };
    let (script, source, after) = adopt(&tables("SELECT"));
    assert!(
        !script.contains("FOR INSERT") && !script.contains("GRANT"),
        "{script}"
    );
    assert!(
        script.contains("DROP POLICY own") && script.contains("FOR SELECT"),
        "{script}"
    );
    assert!(
        !after.iter().any(|grant| !grant.contains(" SELECT ")),
        "{after:?}"
    );
    assert!(
        source.contains("has no privilege to INSERT") && !source.contains("the same access"),
        "{source}"
    );

    let (script, source, _) = adopt(&tables("SELECT, INSERT, UPDATE, DELETE"));
    assert!(
        script.contains("FOR INSERT") && source.contains("the same access"),
        "{script}{source}"
    );
}

#[test]
fn nothing_is_revoked_for_a_policy_that_no_model_says() {
    let tables = |policy: &str| {
        format!(
            "CREATE TABLE papers (id int PRIMARY KEY, user_id text); \
             ALTER TABLE papers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; {policy}; \
             GRANT SELECT, DELETE ON papers TO authenticated;"
        )
    };
    // A model refuses a DELETE without SELECT; here it works by the WHERE-less statement.
    let (script, source, after) = adopt(&tables(
        "CREATE POLICY clear ON papers FOR DELETE TO authenticated USING (user_id = auth.user_id())",
    ));
    assert!(
        !script.contains("REVOKE") && !script.contains("DROP POLICY"),
        "{script}"
    );
    assert!(
        after.contains(&"authenticated DELETE papers".to_owned()),
        "{after:?}"
    );
    assert!(source.contains("SELECT stays: the policy clear"), "{source}");

    // The neighbour: what no policy at all needs is taken.
    let (script, _, _) = adopt(&tables(
        "CREATE POLICY papers_select_authenticated ON papers FOR SELECT TO authenticated USING (user_id = auth.user_id())",
    ));
    assert!(
        script.contains("REVOKE DELETE ON TABLE public.papers FROM authenticated"),
        "{script}"
    );
}
