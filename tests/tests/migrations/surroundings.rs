//! What is around the models: tables and roles of others, functions in files, platforms.

use crate::database::{Database, block_on};
use crate::package::Package;

const NOTE: &str =
    "use authz::Table;\n#[derive(Table)]\n#[rls(owner = \"user_id\")]\nstruct Note { user_id: String }\n";

/// The first column of a query's rows.
async fn texts(database: &mut Database, query: &'static str) -> Vec<String> {
    sqlx::query_scalar(query)
        .fetch_all(&mut database.connection)
        .await
        .unwrap()
}

#[test]
fn a_table_that_is_made_elsewhere_gets_policies_and_grants_only() {
    let package = Package::new(
        "use authz::Table;\n#[derive(Table)]\n#[table(existing, schema = \"legacy\")]\n#[rls(read, owner = \"user_id\")]\n\
         struct Order { id: i64, user_id: String }\n",
    );
    let by_hand = "CREATE SCHEMA legacy; CREATE TABLE legacy.orders (id bigint PRIMARY KEY, user_id text, note text); \
                   INSERT INTO legacy.orders VALUES (1, 'alice', 'a'), (2, 'bob', 'b')";
    package.write("20200101000000_legacy.up.sql", by_hand);
    package.write("20200101000000_legacy.down.sql", "DROP SCHEMA legacy CASCADE");
    let up = std::fs::read_to_string(package.generate("protect", &["authz-widens"])).unwrap();
    for never in ["CREATE TABLE", "CREATE SCHEMA legacy", "CREATE INDEX"] {
        assert!(!up.contains(never), "{up}");
    }
    package.assert_settled();
    package.assert_checked();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let visible = "SELECT id::text FROM legacy.orders ORDER BY id";
        database
            .execute(
                "BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{\"sub\": \"bob\"}'",
            )
            .await;
        assert_eq!(texts(&mut database, visible).await, ["2"]);
        database.execute("ROLLBACK").await;

        // Without the struct nobody may do anything; row security stays on.
        package.models(NOTE);
        package.generate("leave", &["authz-widens"]);
        database.migrate(&package).await;
        let left = "SELECT relname::text || ' ' || relrowsecurity || relforcerowsecurity || (SELECT count(*) FROM pg_policy WHERE polrelid = c.oid) \
                    || has_table_privilege('authenticated', c.oid, 'SELECT') FROM pg_class c WHERE oid = 'legacy.orders'::regclass";
        assert_eq!(texts(&mut database, left).await, ["orders truetrue0false"]);
        assert_eq!(texts(&mut database, visible).await, ["1", "2"]);
        package.assert_checked();
    });
}

#[test]
fn functions_of_files_come_before_their_policies_and_go_after_them() {
    let with = |policy: &str| {
        format!(
            "use authz::Table;\n#[derive(Table)]\n#[rls(select = \"{policy}\")]\n\
             struct Note {{ #[column(default = \"next_number()\")] number: i32, user_id: String }}\n"
        )
    };
    let package = Package::new(&with("may_see(user_id)"));
    package.file(
        "authz/sql/next_number.sql",
        "CREATE FUNCTION next_number() RETURNS int LANGUAGE sql RETURN 1;",
    );
    package.file(
        "authz/sql/may_see.sql",
        "CREATE FUNCTION may_see(owner text) RETURNS boolean LANGUAGE sql STABLE\nRETURN owner = auth.user_id();",
    );
    package.generate("create", &[]);
    package.assert_settled();
    package.assert_checked();
    block_on(async {
        let mut database = Database::new().await;
        let empty = database.dump();
        database.migrate(&package).await;
        let may = "SELECT p.proname::text || ' ' || has_function_privilege('public', p.oid, 'EXECUTE') || ' ' || \
                   has_function_privilege('authenticated', p.oid, 'EXECUTE') FROM pg_proc p \
                   WHERE pronamespace = 'public'::regnamespace ORDER BY 1";
        assert_eq!(
            texts(&mut database, may).await,
            ["may_see false true", "next_number false false"]
        );
        let first = database.dump();
        let version = package.migrator().await.iter().last().unwrap().version;

        // A new body, in place; then another type of the result, around the policy.
        package.file(
            "authz/sql/may_see.sql",
            "CREATE FUNCTION may_see(owner text) RETURNS boolean LANGUAGE sql STABLE\nRETURN owner = auth.user_id() AND true;",
        );
        let up = std::fs::read_to_string(package.generate("body", &["authz-widens"])).unwrap();
        assert!(
            up.contains("hazard authz-changed: changes the function public.may_see(text)"),
            "{up}"
        );
        assert!(!up.contains("POLICY"), "{up}");
        package.models(&with("may_see(user_id) is not null"));
        package.file(
            "authz/sql/may_see.sql",
            "CREATE FUNCTION may_see(owner text) RETURNS int LANGUAGE sql STABLE\nRETURN 1;",
        );
        package.generate("type", &["authz-widens"]);
        package.assert_checked();
        database.migrate(&package).await;
        database.undo(&package, version).await;
        crate::database::assert_same("the first state, and after going back", &first, &database.dump());
        database.migrate(&package).await;

        package.models(NOTE);
        package.remove("authz/sql/may_see.sql");
        package.remove("authz/sql/next_number.sql");
        package.generate("gone", &["authz-widens", "data-loss"]);
        package.assert_checked();
        database.migrate(&package).await;
        database.undo(&package, 0).await;
        crate::database::assert_same(
            "the empty database, and after going back",
            &empty,
            &database.dump(),
        );
    });
}

#[test]
fn roles_have_what_the_configuration_says() {
    let package = Package::new(&NOTE.replace(
        "owner = \"user_id\"",
        "owner = \"user_id\", to = [\"surroundings_editor\", \"surroundings_given\"]",
    ));
    package.file(
        "authz.toml",
        "[roles.surroundings_editor]\nmember_of = [\"authenticated\", \"surroundings_group\"]\n[roles.surroundings_given]\nexisting = true\n",
    );
    let up = std::fs::read_to_string(package.generate("create", &[])).unwrap();
    assert!(!up.contains("CREATE ROLE surroundings_given"), "{up}");
    block_on(async {
        let mut database = Database::new().await;
        // A role that is said to exist must.
        let missing = database.fail_to_migrate(&package).await;
        assert!(missing.contains("surroundings_given"), "{missing}");
        database.execute_as_owner("CREATE ROLE surroundings_given").await;
        database.migrate(&package).await;
        let members = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = 'surroundings_editor'::regrole ORDER BY 1";
        assert_eq!(
            texts(&mut database, members).await,
            ["authenticated", "surroundings_group"]
        );

        package.file("authz.toml", "[roles.surroundings_editor]\nmember_of = [\"authenticated\"]\ninherit = false\n[roles.surroundings_given]\nexisting = true\n");
        package.generate("less", &[]);
        database.migrate(&package).await;
        assert_eq!(texts(&mut database, members).await, ["authenticated"]);
        let inherits = "SELECT rolinherit::text FROM pg_roles WHERE rolname = 'surroundings_editor'";
        assert_eq!(texts(&mut database, inherits).await, ["false"]);
        let version = package.migrator().await.iter().nth(1).unwrap().version;
        database.undo(&package, version).await;
        assert_eq!(
            texts(&mut database, members).await,
            ["authenticated", "surroundings_group"]
        );
        assert_eq!(texts(&mut database, inherits).await, ["true"]);
    });
}

#[test]
fn a_platforms_roles_and_functions_are_left_alone() {
    for (platform, model) in [
        ("supabase", NOTE.replace("user_id: String", "user_id: uuid::Uuid")),
        ("neon", NOTE.to_owned()),
    ] {
        let package = Package::new(&model);
        package.file("authz.toml", &format!("platform = \"{platform}\"\n"));
        let up = std::fs::read_to_string(package.generate("create", &[])).unwrap();
        for never in [
            "CREATE ROLE",
            "ALTER ROLE",
            "CREATE SCHEMA auth",
            "auth.session()",
            "TO authenticator",
        ] {
            assert!(!up.contains(never), "{platform}: {never}\n{up}");
        }
        assert!(up.contains("CREATE POLICY"), "{up}");
    }
    let package = Package::new(NOTE);
    package.file("authz.toml", "platform = \"supabase\"\n");
    let ran = package.run(&["generate", "create"]);
    assert!(
        ran.err.contains(
            "this platform has no auth.user_id(); it has auth.email(), auth.jwt(), auth.role(), auth.uid()"
        ),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_sequence_of_a_default_may_be_used_by_those_who_insert() {
    let package = Package::new(&NOTE.replace(
        "user_id: String",
        "#[column(default = \"nextval('numbers')\")] number: i64, user_id: String",
    ));
    package.write("20200101000000_numbers.up.sql", "CREATE SEQUENCE numbers");
    package.write("20200101000000_numbers.down.sql", "DROP SEQUENCE numbers");
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "BEGIN; SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{\"sub\": \"a\"}'; \
                 INSERT INTO notes (user_id) VALUES ('a'); COMMIT",
            )
            .await;
        assert_eq!(
            texts(&mut database, "SELECT number::text FROM notes").await,
            ["1"]
        );
        package.models(
            &NOTE
                .replace("#[rls(owner = \"user_id\")]", "#[rls(read, owner = \"user_id\")]")
                .replace(
                    "user_id: String",
                    "#[column(default = \"nextval('numbers')\")] number: i64, user_id: String",
                ),
        );
        package.generate("read", &[]);
        database.migrate(&package).await;
        let may = "SELECT has_sequence_privilege('authenticated', 'numbers', 'USAGE')::text";
        assert_eq!(texts(&mut database, may).await, ["false"]);
    });
}

#[test]
fn a_migration_waits_for_locks_as_long_as_the_configuration_says() {
    let package = Package::new(NOTE);
    package.file("authz.toml", "lock_timeout = \"1500ms\"\n");
    let up = package.generate("create", &[]);
    let down = up.with_file_name(
        up.file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .replace(".up.", ".down."),
    );
    for file in [up, down] {
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("SET LOCAL lock_timeout = '1500ms';"), "{text}");
    }
}
