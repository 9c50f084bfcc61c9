//! README and `docs/` keep their word. Their Rust runs as doc tests (`src/docs.rs`); here is what else they state.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

use std::path::{Path, PathBuf};

use authz_migrate::migration::script;
use authz_schema::config::Config;
use authz_schema::declare::Declarations;
use authz_schema::model::{Types, parse_model};
use authz_sql::expression::{Expression, Place};
use authz_sql::function::parse_function;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn pages() -> Vec<(PathBuf, String)> {
    let docs = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let front = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name));
    docs.chain(front)
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let text: Vec<&str> = inside
                .map(|line| line.get(indent..).unwrap_or_default())
                .collect();
            blocks.push((language, text.join("\n")));
        }
    }
    blocks
}

fn readme(language: &str) -> String {
    let (_, page) = pages()
        .into_iter()
        .find(|(path, _)| path.ends_with("README.md"))
        .unwrap();
    let found = blocks(&page).into_iter().find(|(other, _)| *other == language);
    found
        .unwrap_or_else(|| panic!("README.md has no block of {language}"))
        .1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn every_code_block_is_of_a_language_that_the_tests_run() {
    let known = [
        "rust",
        "rust,no_run",
        "rust,compile_fail",
        "sql",
        "sh",
        "toml",
        "json",
        "text",
    ];
    let mut seen = 0;
    for (path, page) in pages() {
        for (language, text) in blocks(&page) {
            assert!(
                known.contains(&language),
                "{}: a block of {language:?}:\n{text}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} blocks were found");
}

#[test]
fn the_sql_of_the_readme_is_what_its_struct_becomes() {
    let file = syn::parse_file(&readme("rust,no_run")).unwrap();
    let item = file
        .items
        .into_iter()
        .find_map(|item| {
            if let syn::Item::Struct(item) = item {
                Some(item)
            } else {
                None
            }
        })
        .unwrap();
    let model = parse_model(&item.into(), &Types::default()).unwrap();
    let declared = Declarations {
        tables: vec![model.table],
        ..Declarations::default()
    };
    let made = one_line(&script(&declared.schema(&Config::default()).unwrap()).unwrap());
    let mut checked = 0;
    for statement in readme("sql").split_inclusive(';') {
        let statement = one_line(statement);
        assert!(
            made.contains(&statement),
            "the struct does not become:\n{statement}"
        );
        checked += usize::from(!statement.is_empty());
    }
    assert!(checked >= 6, "only {checked} statements");
}

#[test]
fn the_configuration_and_the_functions_of_the_pages_are_read() {
    let (mut configurations, mut functions) = (0, 0);
    for (path, page) in pages() {
        for (language, text) in blocks(&page) {
            if language == "toml" && text.contains("platform =") {
                Config::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                configurations += 1;
            }
            if language == "sql" && text.contains("CREATE FUNCTION") && !text.contains("EVENT TRIGGER") {
                parse_function(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                functions += 1;
            }
        }
    }
    assert!(configurations > 0 && functions > 0);
}

#[test]
fn the_dependencies_of_the_readme_are_those_of_the_workspace() {
    let wanted: toml::Table = readme("toml").parse().unwrap();
    let workspace: toml::Table = std::fs::read_to_string(root().join("Cargo.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let ours = &workspace["workspace"]["dependencies"];
    let version = |dependency: &toml::Value| match dependency {
        toml::Value::String(version) => version.clone(),
        table => table["version"].as_str().unwrap().to_owned(),
    };
    for name in ["anyhow", "sqlx", "tokio"] {
        assert_eq!(
            version(&wanted["dependencies"][name]),
            version(&ours[name]),
            "{name}"
        );
    }
    assert!(
        wanted["dependencies"]["authz-core"]["path"]
            .as_str()
            .unwrap()
            .ends_with("/authz-core")
    );
}

#[test]
fn the_commands_of_the_readme_are_those_that_the_gate_runs() {
    let gate = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let commands = readme("sh");
    let commands = commands
        .lines()
        .map(|line| line.split('#').next().unwrap().trim());
    for command in commands {
        let in_gate = command.replace(" -p ", " --package ");
        assert!(gate.contains(&in_gate), "the gate does not run `{command}`");
    }
}

#[test]
fn policies_are_written_as_the_attribute_reference_says() {
    let page = std::fs::read_to_string(root().join("docs/attributes.md")).unwrap();
    let (_, after) = page.split_once("| you write | the policy says |").unwrap();
    let rows = after.lines().skip(2).take_while(|line| line.starts_with('|'));
    let mut checked = 0;
    for row in rows {
        let cells: Vec<&str> = row.split('`').collect();
        let (written, says) = (cells[1], cells[3]);
        assert_eq!(Expression::parse(written, Place::Policy).unwrap().wrapped(), says);
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn links_between_pages_lead_somewhere() {
    for (path, page) in pages() {
        for target in page
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
        {
            if !target.starts_with("http") {
                let file = path.parent().unwrap().join(target.split('#').next().unwrap());
                assert!(file.exists(), "{}: {target}", path.display());
            }
        }
    }
}

#[test]
fn the_page_of_providers_has_each_preset_and_no_other() {
    let source = std::fs::read_to_string(root().join("authz-core/src/issuer/presets.rs")).unwrap();
    let presets = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("pub fn "))
        .filter_map(|line| Some(line.split_once('(')?.0.to_owned()));
    // It belongs to any issuer.
    let mut presets: Vec<String> = presets.filter(|name| name != "authorized_party").collect();
    presets.push("discover".to_owned());
    presets.sort();
    let page = std::fs::read_to_string(root().join("docs/providers.md")).unwrap();
    let table = page
        .split("## The presets")
        .nth(1)
        .unwrap()
        .split("## ")
        .next()
        .unwrap();
    let mut named: Vec<String> = table
        .match_indices("`Issuer::")
        .filter_map(|(at, start)| Some(table.get(at + start.len()..)?.split_once('(')?.0.to_owned()))
        .collect();
    named.sort();
    assert_eq!(named, presets);
}
