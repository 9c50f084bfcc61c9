//! `cargo authz check`: data statements of hand-written migrations that row security would filter.

use authz_cli::command::Outcome;
use serde_json::Value;

use crate::package::{Package, TODOS};

const MORE: &str = "
#[derive(authz::Table)] #[rls(disabled = \"public data\")] #[table(name = \"countries\")]
struct Country { #[column(primary_key)] id: i64, code: String }
";

/// A package with its tables and this migration after them.
fn package(by_hand: &str) -> Package {
    let package = Package::new(&format!("{TODOS}\n{MORE}"));
    package.write("0001_start.sql", "SELECT 1;");
    package.generate("create", &[]);
    package.write("0003_data.sql", by_hand);
    package
}

/// What `check` says of data statements, and how it ends.
#[track_caller]
fn check(package: &Package) -> (Vec<Value>, Outcome) {
    let ran = package.run(&["check", "--no-replay", "--format", "json"]);
    let shown: Value =
        serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.whole()));
    (
        shown.get("data_statements").unwrap().as_array().unwrap().clone(),
        ran.result.unwrap(),
    )
}

#[track_caller]
fn assert_found(by_hand: &str, line: u64) {
    let (found, outcome) = check(&package(by_hand));
    assert_eq!(outcome, Outcome::Found, "{by_hand}");
    let [found] = &found[..] else {
        panic!("{by_hand}: {found:?}")
    };
    assert_eq!(found["file"], "0003_data.sql");
    assert_eq!(found["line"], line, "{by_hand}");
    assert_eq!(found["certainty"], "finding", "{by_hand}");
    assert_eq!(found["tables"], serde_json::json!(["public.todos"]), "{by_hand}");
}

#[track_caller]
fn assert_noted(by_hand: &str) {
    let (found, outcome) = check(&package(by_hand));
    assert_eq!(outcome, Outcome::Fine, "{by_hand}");
    assert!(
        found.iter().all(|found| found["certainty"] == "note"),
        "{found:?}"
    );
    assert_eq!(found.len(), 1, "{by_hand}: {found:?}");
}

#[track_caller]
fn assert_silent(by_hand: &str) {
    let (found, outcome) = check(&package(by_hand));
    assert_eq!((found, outcome), (Vec::new(), Outcome::Fine), "{by_hand}");
}

#[test]
fn statements_that_force_would_filter_are_found_with_their_line() {
    for (by_hand, line) in [
        ("UPDATE todos SET task = trim(task);", 1),
        (
            "-- why\n\n  update Public.\"todos\" AS t\n set task = 'x' where id = 1;",
            3,
        ),
        ("DELETE FROM ONLY todos WHERE id = 1;", 1),
        (
            "SELECT 1;\nINSERT INTO countries (id, code) SELECT id, task FROM todos;",
            2,
        ),
        ("INSERT INTO todos (user_id, task) VALUES ('a', 'b');", 1),
        (
            "UPDATE countries SET code = t.task FROM todos t WHERE t.id = countries.id;",
            1,
        ),
        (
            "UPDATE countries SET code = 'x' WHERE id IN (SELECT id FROM todos);",
            1,
        ),
        (
            "MERGE INTO countries c USING todos t ON t.id = c.id WHEN MATCHED THEN DELETE;",
            1,
        ),
        (
            "WITH gone AS (DELETE FROM todos RETURNING id) INSERT INTO countries (id, code) SELECT id, 'x' FROM gone;",
            1,
        ),
        ("COPY todos (task) TO '/tmp/x';", 1),
        ("CREATE TABLE copy AS SELECT * FROM todos;", 1),
        ("SELECT * INTO copy FROM todos;", 1),
        ("SELECT setval('todos_id_seq', (SELECT max(id) FROM todos));", 1),
        (
            "SET LOCAL row_security = off;\nRESET row_security;\nUPDATE todos SET task = 'x';",
            3,
        ),
        ("UPDATE todos SET task = 'x';\nSET LOCAL row_security = off;", 1),
        (
            "ALTER TABLE todos NO FORCE ROW LEVEL SECURITY;\nALTER TABLE todos FORCE ROW LEVEL SECURITY;\nDELETE FROM todos;",
            3,
        ),
        (
            "ALTER TABLE countries NO FORCE ROW LEVEL SECURITY;\nDELETE FROM todos;",
            2,
        ),
        (
            "-- no-transaction\nSET LOCAL row_security = off;\nDELETE FROM todos;",
            3,
        ),
        ("FROBNICATE THE server;\nDELETE FROM todos;", 2),
        ("DO $$ BEGIN END $$;\nDELETE FROM todos;", 2),
    ] {
        assert_found(by_hand, line);
    }
}

#[test]
fn statements_that_row_security_does_not_filter_are_not_reported() {
    for by_hand in [
        "UPDATE countries SET code = upper(code);",
        "INSERT INTO countries (id, code) SELECT 1, 'todos';",
        "WITH todos AS (SELECT 1 AS id) INSERT INTO countries (id, code) SELECT id, 'x' FROM todos;",
        "SET LOCAL row_security = off;\nUPDATE todos SET task = 'x';",
        "set row_security to off;\nDELETE FROM todos;",
        "ALTER TABLE todos NO FORCE ROW LEVEL SECURITY;\nUPDATE todos SET task = 'x';\nALTER TABLE todos FORCE ROW LEVEL SECURITY;",
        "ALTER TABLE ONLY public.todos NO FORCE ROW LEVEL SECURITY;\nDELETE FROM todos;\nALTER TABLE public.todos FORCE ROW LEVEL SECURITY;",
        "TRUNCATE todos;",
        "-- UPDATE todos SET task = 'x';\n/* DELETE FROM todos; */ SELECT 'UPDATE todos SET x';",
        "CREATE VIEW mine WITH (security_invoker) AS SELECT * FROM todos;",
        "CREATE TABLE notes (todo_id bigint REFERENCES todos);\nINSERT INTO notes VALUES (NULL);",
        "CREATE INDEX ON todos (task);",
        "COMMENT ON TABLE todos IS 'UPDATE todos';",
        "SELECT 1 AS todos;",
        "DO $$ BEGIN UPDATE countries SET code = 'x'; END $$;",
        "DO $$ BEGIN ALTER TABLE todos SET (fillfactor = 90); END $$;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DELETE FROM todos $$;",
    ] {
        assert_silent(by_hand);
    }
}

#[test]
fn code_that_may_contain_such_a_statement_is_a_note() {
    for by_hand in [
        "DO $$ BEGIN UPDATE todos SET task = 'x'; END $$;",
        "DO LANGUAGE plpgsql $body$ BEGIN EXECUTE 'DELETE FROM ' || 'x'; DELETE FROM public.\"todos\"; END $body$;",
        "DO $$ BEGIN EXECUTE 'DELETE FROM todos'; END $$;",
        "CREATE FUNCTION app_fill() RETURNS void LANGUAGE sql AS $$ DELETE FROM todos $$;\nSELECT app_fill();",
        "CREATE PROCEDURE app_fill() LANGUAGE sql BEGIN ATOMIC DELETE FROM todos; END;\nCALL public.app_fill();",
        "CREATE FUNCTION app_fill() RETURNS void LANGUAGE sql AS $$ DELETE FROM todos $$;\nDO $$ BEGIN PERFORM app_fill(); END $$;",
    ] {
        assert_noted(by_hand);
    }
    assert_silent("SET LOCAL row_security = off;\nDO $$ BEGIN UPDATE todos SET task = 'x'; END $$;");
    let ran = package("DO $$ BEGIN UPDATE todos SET task = 'x'; END $$;").run(&["check", "--no-replay"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(
        ran.err.contains("note: 0003_data.sql:1: DO $$ BEGIN UPDATE"),
        "{}",
        ran.whole()
    );
}

#[test]
fn what_a_table_is_at_the_time_counts() {
    let update = "UPDATE todos SET task = 'x';";
    // Before the table has FORCE.
    let early = package("SELECT 3;");
    early.write(
        "0001_start.sql",
        &format!("CREATE TABLE IF NOT EXISTS tasks (task text); {update}"),
    );
    assert_eq!(check(&early).0, Vec::<Value>::new());
    // After a migration of ours renamed it.
    let renamed = package(update);
    renamed.models(&format!(
        "{}\n{MORE}",
        TODOS.replacen(
            "#[derive(",
            "#[table(name = \"tasks\", renamed_from = \"todos\")]\n#[derive(",
            1
        )
    ));
    renamed.generate("rename", &[]);
    renamed.write("0005_later.sql", "UPDATE tasks SET task = 'x';");
    renamed.write(
        "0006_other.sql",
        "CREATE TABLE todos (task text);\nUPDATE todos SET task = 'x';",
    );
    let (found, _) = check(&renamed);
    let files: Vec<&str> = found
        .iter()
        .map(|found| found["file"].as_str().unwrap())
        .collect();
    assert_eq!(files, ["0003_data.sql", "0005_later.sql"], "{found:?}");
    // In a down file.
    let down = package("SELECT 3;");
    down.write("0004_fill.up.sql", "SELECT 4;");
    down.write("0004_fill.down.sql", update);
    assert_eq!(check(&down).0[0]["file"], "0004_fill.down.sql");
}

#[test]
fn a_skeleton_with_statements_passes_and_an_accepted_file_too() {
    let package = package("SELECT 3;");
    let ran = package.run(&["generate", "--empty", "fill", "--on", "todos"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    for direction in ["up", "down"] {
        let file = package.migrations().join(format!("0004_fill.{direction}.sql"));
        let text = std::fs::read_to_string(&file).unwrap();
        let (head, tail) = text.split_once("-- Your statements").unwrap();
        let tail = tail.split_once('\n').unwrap().1;
        std::fs::write(&file, format!("{head}UPDATE todos SET task = 'x';\n{tail}")).unwrap();
    }
    assert_eq!(check(&package), (Vec::new(), Outcome::Fine));

    package.write("0003_data.sql", "UPDATE todos SET task = 'x';");
    let ran = package.run(&["check", "--no-replay"]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(
        ran.out.contains(
            "0003_data.sql:1: UPDATE todos SET task = 'x'\n    FORCE ROW LEVEL SECURITY of public.todos"
        ) && ran
            .out
            .contains("`ALTER TABLE public.todos NO FORCE ROW LEVEL SECURITY;` before"),
        "{}",
        ran.whole()
    );
    package.configure("accepted_data_statements = [\"0003_data.sql\"]\n");
    assert_eq!(check(&package), (Vec::new(), Outcome::Fine));
}
