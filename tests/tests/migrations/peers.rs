//! Mistakes that other tools make with policies, one test for each: what PostgreSQL has after our migration is asked of its catalogue.
//! Beside them the kinds of change that need something made by hand around the models.

use authz_cli::command::Outcome;

use crate::database::{Database, block_on};
use crate::package::Package;

/// Models of notes with these attributes and fields.
fn notes(attributes: &str, fields: &str) -> String {
    format!(
        "use authz::Table;\n#[derive(Table)]\n{attributes}\nstruct Note {{ #[column(primary_key)] id: i64, user_id: String, {fields} }}\n"
    )
}

/// A package and a database that were migrated from the one source to the other, with consent to everything.
async fn changed(old: &str, new: &str) -> (Package, Database, String) {
    let package = Package::new(old);
    package.generate("old", &[]);
    let mut database = Database::new().await;
    database.migrate(&package).await;
    let before = package.files();
    package.models(new);
    package.generate_all("new");
    let after = package.files();
    let ups = after
        .iter()
        .filter(|(name, _)| name.ends_with(".up.sql") && !before.contains_key(*name));
    let up: String = ups.map(|(_, text)| text.as_str()).collect();
    database.migrate(&package).await;
    package.assert_settled();
    (package, database, up)
}

/// Each policy of `notes`: name, kind, command, roles and clauses as PostgreSQL says them.
async fn policies(database: &mut Database) -> Vec<String> {
    column(
        database,
        "SELECT concat_ws(' ', policyname, permissive, cmd, roles::text, 'USING ' || qual, 'CHECK ' || with_check) \
         FROM pg_policies WHERE tablename = 'notes' ORDER BY policyname",
    )
    .await
}

async fn column(database: &mut Database, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query)
        .fetch_all(&mut database.connection)
        .await
        .unwrap()
}

#[test]
fn a_restrictive_policy_is_restrictive() {
    block_on(async {
        let (_, mut database, _) = changed(
            &notes("#[rls(select = true)]", ""),
            &notes(
                "#[rls(select = true)]\n#[rls(name = \"few\", restrictive, select = \"id > 1\")]",
                "",
            ),
        )
        .await;
        assert_eq!(
            policies(&mut database).await,
            [
                "few RESTRICTIVE SELECT {authenticated} USING (id > 1)",
                "notes_select_authenticated PERMISSIVE SELECT {authenticated} USING true",
            ]
        );
    });
}

#[test]
fn command_kind_and_a_cleared_clause_of_a_policy_change() {
    block_on(async {
        let (_, mut database, _) = changed(
            &notes(
                "#[rls(select = true)]\n#[rls(name = \"a\", insert = \"id > 1\")]\n#[rls(name = \"b\", select = \"id > 2\")]\n\
                 #[rls(name = \"c\", update(using = \"id > 3\", check = \"id > 4\"))]",
                "",
            ),
            &notes(
                "#[rls(select = true)]\n#[rls(name = \"a\", delete = \"id > 1\")]\n\
                 #[rls(name = \"b\", restrictive, select = \"id > 2\")]\n#[rls(name = \"c\", delete = \"id > 3\")]",
                "",
            ),
        )
        .await;
        assert_eq!(
            policies(&mut database).await,
            [
                "a PERMISSIVE DELETE {authenticated} USING (id > 1)",
                "b RESTRICTIVE SELECT {authenticated} USING (id > 2)",
                "c PERMISSIVE DELETE {authenticated} USING (id > 3)",
                "notes_select_authenticated PERMISSIVE SELECT {authenticated} USING true",
            ]
        );
    });
}

#[test]
fn a_predicate_that_changes_under_its_name_is_altered_once() {
    block_on(async {
        let (_, mut database, up) = changed(
            &notes("#[rls(select = \"id > 1\")]", ""),
            &notes("#[rls(select = \"id > 2\")]", ""),
        )
        .await;
        assert_eq!(
            policies(&mut database).await,
            ["notes_select_authenticated PERMISSIVE SELECT {authenticated} USING (id > 2)"]
        );
        let statements =
            ["ALTER POLICY", "DROP POLICY", "CREATE POLICY"].map(|word| up.matches(word).count());
        assert_eq!(statements, [1, 0, 0], "{up}");
    });
}

#[test]
fn a_dropped_column_takes_no_policy_of_another_table_along() {
    let lines = |policy: &str| {
        format!(
            "#[derive(Table)]\n#[rls(select = \"{policy}\")]\nstruct Line {{ #[column(primary_key)] id: i64 }}\n"
        )
    };
    block_on(async {
        let (_, mut database, up) = changed(
            &(notes("#[rls(select = true)]", "team: i64")
                + &lines("id in (select n.id from notes n where n.team = 1)")),
            &(notes("#[rls(select = true)]", "")
                + &lines("id in (select n.id from notes n where n.user_id = 'a')")),
        )
        .await;
        assert!(!up.contains("CASCADE"), "{up}");
        let policies = column(
            &mut database,
            "SELECT qual FROM pg_policies WHERE tablename = 'lines'",
        )
        .await;
        assert!(policies.concat().contains("user_id"), "{policies:?}");
    });
}

#[test]
fn a_retyped_column_and_a_function_of_another_type_leave_their_policies_standing() {
    block_on(async {
        let package = Package::new(&notes(
            "#[rls(select = \"team > 1 and level(id) > 2\")]",
            "team: i32",
        ));
        package.file(
            "authz/sql/level.sql",
            "CREATE FUNCTION level(id bigint) RETURNS integer LANGUAGE sql IMMUTABLE RETURN 3;",
        );
        package.generate("old", &[]);
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let before = policies(&mut database).await;
        package.models(&notes(
            "#[rls(select = \"team > 1 and level(id) > 2\")]",
            "team: i64",
        ));
        package.file(
            "authz/sql/level.sql",
            "CREATE FUNCTION level(id bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN 3;",
        );
        package.generate_all("new");
        database.migrate(&package).await;
        assert_eq!(policies(&mut database).await, before);
        let returns = "SELECT prorettype::regtype::text FROM pg_proc WHERE proname = 'level'";
        assert_eq!(column(&mut database, returns).await, ["bigint"]);
        // EXECUTE is taken from PUBLIC again.
        let may = "SELECT has_function_privilege('public', 'level(bigint)', 'EXECUTE')::text";
        assert_eq!(column(&mut database, may).await, ["false"]);
    });
}

#[test]
fn names_with_quotes_and_capitals_are_quoted_once() {
    block_on(async {
        let attributes = |to: &str| format!("#[rls(name = \"a \\\"b\\\" C\", select = true, to = \"{to}\")]");
        let (_, mut database, _) = changed(
            &notes(&attributes("authenticated"), ""),
            &notes(&attributes("authz peers-Lead"), ""),
        )
        .await;
        assert_eq!(
            policies(&mut database).await,
            ["a \"b\" C PERMISSIVE SELECT {\"authz peers-Lead\"} USING true"]
        );
    });
}

#[test]
fn a_cast_and_a_qualifier_are_part_of_a_predicate() {
    block_on(async {
        for (old, new, says) in [
            ("user_id = 'a'", "user_id::varchar(3) = 'a'", "(3)"),
            (
                "pg_catalog.lower(user_id) = 'a'",
                "peers.lower(user_id) = 'a'",
                "peers.lower",
            ),
        ] {
            let package = Package::new(&notes(&format!("#[rls(select = \"{old}\")]"), ""));
            package.write(
                "20200101000000_peers.up.sql",
                "CREATE SCHEMA peers; CREATE FUNCTION peers.lower(text) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1",
            );
            package.write("20200101000000_peers.down.sql", "DROP SCHEMA peers CASCADE");
            package.generate("old", &[]);
            let mut database = Database::new().await;
            database.migrate(&package).await;
            package.models(&notes(&format!("#[rls(select = \"{new}\")]"), ""));
            package.generate("new", &["authz-widens"]);
            database.migrate(&package).await;
            let policies = policies(&mut database).await.concat();
            assert!(policies.contains(says), "{policies}");
        }
    });
}

#[test]
fn a_predicate_that_ends_in_a_cast_stands_in_parentheses() {
    block_on(async {
        let (_, mut database, up) = changed(
            &notes("#[rls(select = true)]", ""),
            &notes(
                "#[rls(select = \"current_setting('peers.open', true)::boolean\")]",
                "",
            ),
        )
        .await;
        assert!(
            up.contains("USING ((SELECT current_setting('peers.open', true)::boolean))"),
            "{up}"
        );
        assert!(policies(&mut database).await.concat().contains("::boolean"));
    });
}

#[test]
fn the_order_of_roles_and_a_role_named_twice_are_no_change() {
    let package = Package::new(&notes(
        "#[rls(name = \"all\", select = true, to = [\"authenticated\", \"anonymous\"])]",
        "",
    ));
    package.generate("old", &[]);
    package.models(&notes(
        "#[rls(name = \"all\", select = true, to = [\"anonymous\", \"authenticated\"])]",
        "",
    ));
    package.assert_settled();
}

#[test]
fn force_that_got_lost_is_found_and_row_security_that_comes_back_is_forced() {
    block_on(async {
        let (package, mut database, up) = changed(
            &notes("#[rls(disabled = \"public data\")]", ""),
            &notes("#[rls(owner = \"user_id\")]", ""),
        )
        .await;
        let flags =
            "SELECT relrowsecurity::text || relforcerowsecurity FROM pg_class WHERE oid = 'notes'::regclass";
        assert_eq!(column(&mut database, flags).await, ["truetrue"], "{up}");
        // DISABLE alone would keep FORCE.
        package.models(&notes("#[rls(disabled = \"public data\")]", ""));
        package.generate("off", &["rls-disable"]);
        database.migrate(&package).await;
        assert_eq!(column(&mut database, flags).await, ["falsefalse"]);
    });
}

#[test]
fn grants_on_columns_and_schemas_and_comments_are_changed_and_taken_back() {
    let in_app = |attributes: &str, fields: &str| {
        notes(attributes, fields).replace("#[derive(Table)]", "#[derive(Table)]\n#[table(schema = \"app\")]")
    };
    block_on(async {
        let (_, mut database, _) = changed(
            &in_app(
                "#[rls(owner = \"user_id\")]\n#[rls(select = true, to = \"anonymous\")]",
                "title: Option<String>",
            ),
            &in_app(
                "#[rls(owner = \"user_id\")]",
                "/// Shown in lists.\n#[column(readonly)] title: Option<String>",
            ),
        )
        .await;
        let rights = "SELECT has_schema_privilege('anonymous', 'app', 'USAGE')::text \
                      || has_column_privilege('authenticated', 'app.notes', 'title', 'UPDATE') \
                      || has_column_privilege('authenticated', 'app.notes', 'user_id', 'UPDATE') \
                      || col_description('app.notes'::regclass, 3)";
        assert_eq!(
            column(&mut database, rights).await,
            ["falsefalsetrueShown in lists."]
        );
    });
}

#[test]
fn a_partitioned_table_of_another_migration_has_its_policies_on_the_parent() {
    let package = Package::new(
        "use authz::Table;\n#[derive(Table)]\n#[table(existing)]\n#[rls(read, owner = \"user_id\")]\n\
         struct Part { user_id: String, at: NaiveDate }\n",
    );
    package.write(
        "20200101000000_parts.up.sql",
        "CREATE TABLE parts (user_id text, at date) PARTITION BY RANGE (at); \
         CREATE TABLE parts_one PARTITION OF parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01'); \
         INSERT INTO parts VALUES ('a', '2024-05-05'), ('b', '2024-06-06')",
    );
    package.write("20200101000000_parts.down.sql", "DROP TABLE parts");
    package.generate("protect", &["authz-widens"]);
    package.assert_checked();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute("BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{\"sub\": \"b\"}'")
            .await;
        assert_eq!(column(&mut database, "SELECT user_id FROM parts").await, ["b"]);
        let child = sqlx::query("SELECT user_id FROM parts_one")
            .execute(&mut database.connection)
            .await;
        assert_eq!(
            child.unwrap_err().as_database_error().unwrap().code().as_deref(),
            Some("42501")
        );
    });
}

#[test]
fn the_last_policy_that_goes_leaves_row_security_on() {
    block_on(async {
        let (_, mut database, up) = changed(
            &notes("#[rls(select = true)]", ""),
            &notes("#[rls(restrictive, all = false)]", ""),
        )
        .await;
        assert!(!up.contains("DISABLE"), "{up}");
        let rights = "SELECT relrowsecurity::text || relforcerowsecurity || has_table_privilege('authenticated', oid, 'SELECT') \
                      FROM pg_class WHERE oid = 'notes'::regclass";
        assert_eq!(column(&mut database, rights).await, ["truetruefalse"]);
    });
}

#[test]
fn a_view_that_somebody_made_is_neither_dropped_nor_made_anew() {
    let package = Package::new(&notes("#[rls(select = true)]", "title: Option<String>"));
    package.generate("old", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let invoker: i32 = sqlx::query_scalar("SELECT current_setting('server_version_num')::int")
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
        let options = if invoker >= 150_000 {
            "WITH (security_invoker = true)"
        } else {
            "WITH (security_barrier = true)"
        };
        database
            .execute(&format!(
                "CREATE VIEW titles {options} AS SELECT title FROM notes"
            ))
            .await;
        let before = database.dump();
        package.models(&notes("#[rls(select = true)]", ""));
        package.generate("new", &["data-loss"]);
        let error = database.fail_to_migrate(&package).await;
        assert!(error.contains("2BP01") && error.contains("titles"), "{error}");
        assert_eq!(database.dump(), before);
        database.execute("DROP VIEW titles").await;
        database.migrate(&package).await;
    });
}

#[test]
fn an_update_policy_is_pulled_as_one() {
    block_on(async {
        let mut database = Database::new().await;
        database
            .execute(
                "CREATE TABLE notes (id bigint PRIMARY KEY); ALTER TABLE notes ENABLE ROW LEVEL SECURITY; \
                 CREATE ROLE peers_reader; GRANT SELECT, UPDATE ON notes TO peers_reader; \
                 CREATE POLICY see ON notes FOR SELECT TO peers_reader USING (true); \
                 CREATE POLICY edit ON notes FOR UPDATE TO peers_reader USING (id > 1)",
            )
            .await;
        let package = Package::new("");
        let url = database.url.clone();
        let ran = std::thread::scope(|scope| {
            scope
                .spawn(|| package.run(&["pull", "--database-url", &url]))
                .join()
                .unwrap()
        });
        assert!(ran.result.is_ok(), "{}", ran.whole());
        assert!(
            ran.out.contains("update = \"id > 1\"") && !ran.out.contains("delete"),
            "{}",
            ran.whole()
        );
    });
}

#[test]
fn a_function_that_a_later_migration_drops_is_an_error_that_names_the_policy() {
    let package = Package::new(&notes("#[rls(select = \"is_open(id)\")]", ""));
    package.write(
        "20200101000000_open.up.sql",
        "CREATE FUNCTION is_open(bigint) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN true",
    );
    package.write("20200101000000_open.down.sql", "DROP FUNCTION is_open(bigint)");
    package.generate("notes", &[]);
    package.assert_checked();
    package.write("29990101000000_closed.up.sql", "DROP FUNCTION is_open(bigint)");
    package.write("29990101000000_closed.down.sql", "SELECT 1");
    let ran = package.run(&["check"]);
    let said = ran.whole();
    assert!(!matches!(ran.result, Ok(Outcome::Fine)), "{said}");
    assert!(
        said.contains("notes_select_authenticated") || said.contains("2BP01"),
        "{said}"
    );
}
