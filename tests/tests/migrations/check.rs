//! `cargo authz check`: what it passes, and what it finds.

mod by_hand;
mod policies;
mod replayed;
mod ways_back;

use std::fs;

use authz_cli::command::{CommandError, Outcome};

use crate::package::{NOTES, Package, Ran, TENANCY, TODOS, edit};

#[track_caller]
fn assert_fine(package: &Package) {
    let ran = package.run(&["check"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert_eq!(ran.out, "");
}

#[track_caller]
fn find(package: &Package) -> Ran {
    let ran = package.run(&["check"]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    ran
}

#[test]
fn what_was_generated_is_fine() {
    let package = Package::new("");
    assert_fine(&package);
    package.models(&format!(
        "mod a {{ {TODOS} }} mod b {{ {TENANCY} }} mod c {{ {NOTES} }}"
    ));
    package.generate("create", &[]);
    let ran = package.run(&["check"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert_eq!(
        ran.err,
        "models, lock and migrations agree: 5 tables, 15 policies\n"
    );
}

#[test]
fn what_was_generated_in_two_steps_beside_hand_written_ones_is_fine() {
    let package = Package::new(TODOS);
    package.write(
        "0001_helper.sql",
        "CREATE FUNCTION is_open(done boolean) RETURNS boolean STABLE RETURN NOT done;\n\
         CREATE TABLE audit (line text);",
    );
    package.generate("create_todos", &[]);
    package.models(&TODOS.replace(
        "select = \"auth.user_id() = user_id\"",
        "select = \"auth.user_id() = user_id and is_open(is_complete)\"",
    ));
    package.generate("hide_what_is_done", &[]);
    assert_fine(&package);
}

#[test]
fn policies_may_call_functions_of_hand_written_migrations() {
    let package = Package::new(NOTES);
    package.generate("create", &[]);
    // PostgreSQL knows what these bodies read, and keeps it from being dropped.
    package.write(
        "29990101000000_helpers.sql",
        "CREATE FUNCTION auth.is_root() RETURNS boolean STABLE RETURN auth.user_id() = 'root';\n\
         CREATE FUNCTION owns(note bigint) RETURNS boolean STABLE\n\
         RETURN EXISTS (SELECT FROM notes WHERE id = note AND owner_id = auth.user_id());\n\
         CREATE FUNCTION owns_or_root(note bigint) RETURNS boolean STABLE RETURN owns(note) OR auth.is_root();",
    );
    package.models(
        &NOTES
            .replace("shared = true", "shared and not auth.is_root()")
            .replace(
                "note_id IN (SELECT id FROM notes WHERE owner_id = auth.user_id())",
                "owns_or_root(note_id)",
            ),
    );
    package.generate("call_them", &["authz-widens"]);
    assert_fine(&package);
}

#[test]
fn a_policy_that_was_opened_by_hand_is_found() {
    let package = Package::new(TODOS);
    let up = package.generate("create", &[]);
    edit(
        &up,
        "FOR SELECT TO authenticated\n    USING ((SELECT auth.user_id()) = user_id)",
        "FOR SELECT TO authenticated\n    USING (true)",
    );
    let ran = find(&package);
    assert!(
        ran.out
            .starts_with("policy todos_select_authenticated on public.todos\n"),
        "{}",
        ran.out
    );
    assert!(
        ran.out
            .contains("replayed: AS PERMISSIVE FOR SELECT TO authenticated USING (true)"),
        "{}",
        ran.out
    );
}

#[test]
fn row_security_that_is_no_longer_forced_is_found() {
    let package = Package::new(TODOS);
    let up = package.generate("create", &[]);
    edit(&up, "ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;", "");
    let ran = find(&package);
    assert!(ran.out.starts_with("table public.todos\n"), "{}", ran.out);
}

#[test]
fn what_a_hand_written_migration_does_to_a_table_of_ours_is_found() {
    let changes = [
        (
            "ALTER TABLE todos ALTER task DROP NOT NULL",
            "column public.todos.task",
        ),
        (
            "CREATE OR REPLACE FUNCTION auth.user_id() RETURNS text STABLE RETURN 'root'::text",
            "function auth.user_id()",
        ),
        (
            "GRANT EXECUTE ON FUNCTION auth.jwt() TO PUBLIC",
            "function auth.jwt()",
        ),
        (
            "GRANT SELECT ON todos TO PUBLIC",
            "grants to PUBLIC on public.todos",
        ),
        (
            "GRANT SELECT (task) ON todos TO anonymous",
            "grants to anonymous on column public.todos.task",
        ),
        (
            "GRANT TRUNCATE ON todos TO authenticated",
            "grants to authenticated on public.todos",
        ),
        (
            "DROP INDEX todos_user_id_idx",
            "index todos_user_id_idx on public.todos",
        ),
        (
            "CREATE POLICY more ON todos USING (true)",
            "policy more on public.todos",
        ),
        (
            "DROP POLICY todos_select_authenticated ON todos",
            "policy todos_select_authenticated on public.todos",
        ),
        (
            "ALTER TABLE todos DISABLE ROW LEVEL SECURITY",
            "table public.todos",
        ),
        (
            "GRANT CREATE ON SCHEMA public TO authenticated",
            "usage of schema public",
        ),
        (
            "GRANT CREATE ON SCHEMA auth TO authenticated",
            "usage of schema auth",
        ),
    ];
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    package.write(
        "29990101000000_by_hand.sql",
        &changes.map(|(sql, _)| format!("{sql};\n")).concat(),
    );
    let ran = find(&package);
    let mut found: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    // The definition of a function has several lines.
    found.retain(|line| changes.iter().any(|(_, object)| object == line) || line.starts_with("table "));
    found.sort_unstable();
    let mut expected = changes.map(|(_, object)| object);
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", ran.out);
}

#[test]
fn a_role_that_a_hand_written_migration_made_too_strong_is_found() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    package.write(
        "29990101000000_by_hand.sql",
        "ALTER ROLE authenticated BYPASSRLS CREATEDB;",
    );
    let ran = find(&package);
    assert!(ran.out.contains("role authenticated\n"), "{}", ran.whole());
    assert!(
        ran.out.contains("replayed: BYPASSRLS CREATEDB\n"),
        "{}",
        ran.whole()
    );
    package.write(
        "29990101000000_by_hand.sql",
        "COMMENT ON ROLE authenticated IS 'users';",
    );
    assert_fine(&package);
}

#[test]
fn models_ahead_of_the_migrations_are_found() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    package.models(&TODOS.replace("default = \"false\"", "default = \"true\""));
    let ran = find(&package);
    assert!(
        ran.err.starts_with("the models differ from the migrations"),
        "{}",
        ran.err
    );
    assert!(
        ran.out.contains("ALTER COLUMN is_complete SET DEFAULT true"),
        "{}",
        ran.out
    );
}

#[test]
fn without_a_replay_only_models_and_lock_are_compared() {
    let package = Package::new(TODOS);
    let up = package.generate("create", &[]);
    edit(&up, "ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;", "");
    let ran = package.run(&["check", "--no-replay"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(ran.err.contains("not replayed"), "{}", ran.err);
    package.models(TENANCY);
    let ran = package.run(&["check", "--no-replay"]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
}

#[test]
fn a_missing_or_broken_lock_is_an_error_and_not_taken_for_an_empty_one() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let lock = package.migrations().join("authz.lock");
    let text = fs::read_to_string(&lock).unwrap();
    fs::write(&lock, format!("<<<<<<< HEAD\n{text}=======\n>>>>>>> branch\n")).unwrap();
    for command in [&["check"][..], &["generate", "x"][..]] {
        let ran = package.run(command);
        let Err(error @ CommandError::Folder(_)) = &ran.result else {
            panic!("{}", ran.whole());
        };
        assert!(error.to_string().contains("resolve a merge conflict"), "{error}");
    }
    fs::remove_file(&lock).unwrap();
    for command in [&["check"][..], &["generate", "x"][..]] {
        let ran = package.run(command);
        let Err(error @ CommandError::Folder(_)) = &ran.result else {
            panic!("{}", ran.whole());
        };
        assert!(
            error.to_string().contains("restore it from version control"),
            "{error}"
        );
    }
    assert_eq!(package.files().len(), 2);
}

/// What the command prints when it cannot run.
fn error_of(ran: &Ran) -> String {
    match &ran.result {
        Err(error @ CommandError::Replay(_)) => error.to_string(),
        _ => panic!("{}", ran.whole()),
    }
}

#[test]
fn an_error_of_a_migration_shows_statement_file_line_and_all_that_the_server_says() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let file = "29990101000000_broken.sql";
    for (sql, expected) in [
        (
            "-- one\nCREATE TABLE audit (line text);\n\nALTER TABLE nowhere\n    ADD x int;\nSELECT 1;",
            "line 4, cannot run: relation \"nowhere\" does not exist\n  statement: ALTER TABLE nowhere\n        ADD x int",
        ),
        (
            "CREATE TABLE audit (line text);\nINSERT INTO audit\nVALUES (tru);",
            "line 3, cannot run: column \"tru\" does not exist\n  statement: INSERT INTO audit\n    VALUES (tru)",
        ),
        (
            "CREATE TABLE one (id int PRIMARY KEY);\nINSERT INTO one VALUES (1);\nINSERT INTO one VALUES (1);",
            "line 3, cannot run: duplicate key value violates unique constraint \"one_pkey\"\n  \
             detail: Key (id)=(1) already exists.\n  statement: INSERT INTO one VALUES (1)",
        ),
        (
            "DO $$ BEGIN\n    RAISE 'no' USING HINT = 'yes';\nEND $$",
            "line 1, cannot run: no\n  hint: yes\n  context: PL/pgSQL function inline_code_block line 2 at RAISE\n  \
             statement: DO $$ BEGIN",
        ),
        (
            "-- no-transaction\nCREATE INDEX CONCURRENTLY ON nowhere (id)",
            "line 2, cannot run: relation \"nowhere\" does not exist",
        ),
    ] {
        package.write(file, sql);
        let ran = package.run(&["check"]);
        let error = error_of(&ran);
        assert!(error.contains(file) && error.contains(expected), "{error}");
        assert!(std::error::Error::source(ran.result.as_ref().unwrap_err()).is_none());
        assert!(!error.contains(" at line "), "{error}");
        let json: serde_json::Value =
            serde_json::from_str(&package.run(&["check", "--format", "json"]).out).unwrap();
        let failure = &json["error"]["failure"];
        assert!(failure["file"].as_str().unwrap().ends_with(file), "{json}");
        assert_eq!(
            Some(format!("line {},", failure["line"])).as_deref(),
            expected.split(" cannot").next(),
            "{json}"
        );
        assert!(
            failure["message"].is_string() && failure["statement"].is_string(),
            "{json}"
        );
        let message = json["error"]["message"].as_str().unwrap();
        assert!(
            !message.contains('\n') && message.contains("cannot run"),
            "{message}"
        );
    }
    package.write(file, "CREATE TABLE audit (line text);");
    assert_fine(&package);
}

#[test]
fn an_error_about_a_model_shows_where_it_is_declared() {
    let model = "#[derive(authz::Table)]\n#[rls(\n    read = \"true\",\n    modify = \"auth.uid() = owner\"\n)]\n\
                 struct Paper {\n    owner: uuid::Uuid,\n    #[column(type = \"geometry\")]\n    shape: String,\n}\n";
    let package =
        Package::new(&model.replace("auth.uid() = owner", "auth.user_id() = owner::varchar(3)::json"));
    package.generate("create", &[]);
    package.write("0001_geometry.sql", "CREATE DOMAIN geometry AS text;");
    let error = error_of(&package.run(&["check"]));
    assert!(
        error.contains("_create.up.sql`, line ")
            && error.contains("cannot cast type character varying to json")
                | error.contains("operator does not exist: text = json")
            && error.contains("\n  hint: No operator matches")
            && error.contains("statement: CREATE POLICY papers_")
            && error.contains("src/lib.rs:4:5"),
        "{error}"
    );

    let package = Package::new(model);
    package.generate("create", &[]);
    let error = error_of(&package.run(&["check"]));
    assert!(
        error.contains("type \"geometry\" does not exist") && error.contains("src/lib.rs:9:5"),
        "{error}"
    );
    package.write("0001_geometry.sql", "CREATE DOMAIN geometry AS text;");
    assert_fine(&package);
}

/// Enums, memberships, and a table that a hand-written migration makes.
const WHOLE_LANGUAGE: &str = "
#[derive(sqlx::Type, authz::Type)]
#[sqlx(type_name = \"state\", rename_all = \"snake_case\")]
enum State { Open, Paid }

#[derive(authz::Table)]
#[rls(select, member = \"id in team_members(team_id, user_id)\")]
struct Team { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }

#[derive(authz::Table)]
#[table(primary_key(team_id, user_id))]
#[rls(read, member = \"team_members(team_id, user_id)\")]
struct TeamMember { #[column(references = \"teams(id)\")] team_id: i64, user_id: String }

#[derive(authz::Table)]
#[table(existing)]
#[rls(read = \"kind = 'open'\")]
struct Legacy { id: i64, kind: String }
";

#[test]
fn types_memberships_and_tables_of_others_are_compared_too() {
    let package = Package::new(WHOLE_LANGUAGE);
    package.write(
        "0001_legacy.sql",
        "CREATE TABLE legacies (id bigint PRIMARY KEY, kind text); CREATE INDEX by_kind ON legacies (kind);",
    );
    package.generate("create", &["authz-widens"]);
    assert_fine(&package);
    let changes = [
        ("ALTER TYPE state ADD VALUE 'lost'", "type public.state"),
        (
            "ALTER TABLE legacies NO FORCE ROW LEVEL SECURITY",
            "table public.legacies",
        ),
        (
            "GRANT DELETE ON legacies TO authenticated",
            "grants to authenticated on public.legacies",
        ),
        (
            "DROP POLICY legacies_select_authenticated ON legacies",
            "policy legacies_select_authenticated on public.legacies",
        ),
        (
            "ALTER FUNCTION authz.team_members_team_id() OWNER TO postgres",
            "function authz.team_members_team_id()",
        ),
    ];
    package.write(
        "29990101000000_by_hand.sql",
        &changes.map(|(sql, _)| format!("{sql};\n")).concat(),
    );
    let ran = find(&package);
    let found: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let mut expected = changes.map(|(_, object)| object);
    expected.sort_unstable();
    assert_eq!(found, expected, "{}", ran.whole());
}
