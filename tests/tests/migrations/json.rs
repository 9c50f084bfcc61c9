//! `--format json`: one document on standard output, whose keys are those that docs/commands.md shows.

use authz_cli::command::Outcome;
use serde_json::{Value, json};

use crate::package::{Package, Ran, TODOS, edit};

#[track_caller]
fn document(ran: &Ran) -> Value {
    assert_eq!(ran.err, "", "{}", ran.whole());
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {}", ran.whole()))
}

/// The examples of a command in docs/commands.md.
pub(crate) fn documented(command: &str) -> Vec<Value> {
    let page = include_str!("../../../docs/commands.md");
    let blocks = page.split("```json\n").skip(1);
    let values = blocks.map(|block| {
        let text = block.split("```").next().unwrap();
        serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    });
    values.filter(|value| value["command"] == command).collect()
}

#[test]
fn check_is_as_documented() {
    let package = Package::new(TODOS);
    let up = package.generate("create_todos", &[]);
    let file = up.file_name().unwrap().to_str().unwrap().to_owned();
    let ran = package.run(&["check", "--format", "json"]);
    let [fine, found, wrong] = &documented("check")[..] else {
        panic!("docs/commands.md shows `check` three times")
    };
    assert_eq!(&document(&ran), fine);

    edit(&up, "ALTER TABLE public.todos FORCE ROW LEVEL SECURITY;", "");
    package.write("00000000000002_todos.sql", "SELECT 1;");
    package.write("00000000000002_users.sql", "SELECT 1;");
    package.models(&TODOS.replace("default = \"false\"", "default = \"true\""));
    let ran = package.run(&["check", "--format", "json", "--no-replay"]);
    let unreplayed = document(&ran);
    assert_eq!(unreplayed["replayed"], false);
    assert_eq!(unreplayed["differences"], json!([]));
    assert!(
        unreplayed["pending"][0]
            .as_str()
            .unwrap()
            .contains("SET DEFAULT true")
    );
    let problem = &unreplayed["problems"][0];
    assert_eq!(problem["kind"], found["problems"][0]["kind"]);
    assert_eq!(problem["file"], "00000000000002_users.sql");

    std::fs::remove_file(package.migrations().join("00000000000002_users.sql")).unwrap();
    package.models(TODOS);
    let ran = package.run(&["check", "--format", "json"]);
    assert_eq!(document(&ran)["differences"], found["differences"]);
    assert_eq!(document(&ran)["outcome"], found["outcome"]);
    assert!(
        matches!(ran.result, Ok(Outcome::Found)),
        "{}: {file}",
        ran.whole()
    );

    package.models(&TODOS.replace("char_length(task) > 0", "char_length(tsk) > 0"));
    let ran = package.run(&["check", "--format", "json"]);
    let mut shown = document(&ran);
    let mistake = &mut shown["error"]["mistakes"][0];
    assert!(mistake["file"].as_str().unwrap().ends_with("src/lib.rs"));
    mistake["file"] = "src/lib.rs".into();
    assert_eq!(&shown, wrong);
    assert!(ran.result.is_err());
}

#[test]
fn generate_is_as_documented() {
    let package = Package::new(TODOS);
    let dry = document(&package.run(&["generate", "create_todos", "--dry-run", "--format", "json"]));
    assert_eq!(dry["written"], json!([]));
    assert!(
        dry["migrations"][0]["up"]
            .as_str()
            .unwrap()
            .contains("CREATE TABLE")
    );
    assert!(
        dry["migrations"][0]["down"]
            .as_str()
            .unwrap()
            .contains("DROP TABLE")
    );

    let written = document(&package.run(&["generate", "create_todos", "--format", "json"]));
    assert_eq!(written["written"].as_array().unwrap().len(), 2);
    assert_eq!(written["migrations"], dry["migrations"]);
    let nothing = document(&package.run(&["generate", "again", "--format", "json"]));
    assert_eq!(nothing["migrations"], json!([]));

    package.models(&TODOS.replace(
        "#[column(default = \"false\")]\n    pub(crate) is_complete: bool,",
        "",
    ));
    let ran = package.run(&["generate", "drop", "--format", "json"]);
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    let mut refused = document(&ran);
    let [example] = &documented("generate")[..] else {
        panic!("docs/commands.md shows `generate` once")
    };
    refused["migrations"] = example["migrations"].clone();
    assert_eq!(&refused, example);
}

#[test]
fn an_error_is_a_document_too() {
    let package = Package::new(TODOS);
    package.write("authz.lock", "<<<<<<<");
    for arguments in [&["check"][..], &["generate", "x"]] {
        let ran = package.run(&[arguments, &["--format", "json"]].concat());
        let document = document(&ran);
        assert_eq!(document["outcome"], "error");
        assert!(
            document["error"]["message"]
                .as_str()
                .unwrap()
                .contains("merge conflict")
        );
        assert_eq!(document["error"]["causes"].as_array().unwrap().len(), 1);
        assert!(ran.result.is_err());
    }
}
