//! Runs squawk, a linter of migrations, on what `cargo authz generate` writes: `.ci/squawk`.
//!
//! The files are those of each kind of change that the tests know, of the schemas of the tests, and of the examples. The
//! rules that a file may break stand in docs/migrations.md with their reasons, and nowhere else. A finding that no row
//! there excuses fails, and so does an excuse that nothing needs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a program of the gate, which fails by a panic too"
)]
#![allow(clippy::print_stdout, reason = "a program of the gate says what it found")]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use authz_cli::folder::Folder;
use authz_migrate::migration::Migration;
use authz_schema::config::LockTimeout;
use authz_schema::renames::Renames;
use authz_schema::schema::Schema;
use serde_json::Value;

/// Makes a list of the cases: name, models before, models after.
macro_rules! each_case {
    ($($name:ident { old: $old:expr, new: $new:expr, allow: [$($allow:literal),*], })*) => {
        pub(crate) const ALL: &[(&str, &str, &str)] = &[$((stringify!($name), $old, $new)),*];
    };
}

#[path = "../../authz-migrate/tests/schema/cases.rs"]
mod cases;
#[path = "../../authz-migrate/tests/schema/language.rs"]
mod language;
#[expect(dead_code, reason = "the tests use what this program does not")]
#[path = "../../authz-migrate/tests/schema/schemas.rs"]
mod schemas;

const SCHEMAS: [(&str, &str, &str); 6] = [
    ("notes", "", include_str!("../schemas/notes.rs")),
    ("tenancy", "", include_str!("../schemas/tenancy.rs")),
    ("todos", "", include_str!("../schemas/todos.rs")),
    ("schema_notes", "", schemas::NOTES),
    ("schema_tenants", "", schemas::TENANTS),
    ("schema_todos", "", schemas::TODOS),
];

/// The oldest that we write for: what it cannot do yet is dangerous there.
const POSTGRES: &str = "14.0";
const DOCS: &str = include_str!("../../docs/migrations.md");
/// The heading above the table of excuses.
const HEADING: &str = "## What squawk says\n";
const NO_TRANSACTION: &str = "-- no-transaction\n";

/// A place where a rule may be broken, as the table calls it.
type Place = String;

/// A rule that a statement breaks.
#[derive(Debug)]
struct Finding {
    rule: String,
    /// Where: file, line, message.
    text: String,
    /// What the file is.
    places: BTreeSet<Place>,
}

fn main() -> ExitCode {
    let squawk = std::env::args_os().nth(1).unwrap();
    let excuses = excuses();
    let folder = tempfile::tempdir().unwrap();
    assert_that_it_can_fail(&squawk, folder.path(), &excuses);

    let mut folders: Vec<PathBuf> = Vec::new();
    for (name, old, new) in cases::ALL.iter().chain(language::ALL).chain(&SCHEMAS) {
        let case = folder.path().join(name);
        write(&case, old, new);
        folders.push(case);
    }
    folders.extend(migrations_of_examples());
    let files: BTreeMap<PathBuf, BTreeSet<Place>> = folders.iter().flat_map(|folder| files(folder)).collect();
    let findings = run(&squawk, &files);

    let wrong: Vec<String> = unexcused(&findings, &excuses)
        .map(|finding| format!("{}: {}", finding.rule, finding.text))
        .chain(needless(&findings, &excuses))
        .collect();
    println!(
        "squawk: {} files, {} findings, {} of them against docs/migrations.md",
        files.len(),
        findings.len(),
        wrong.len()
    );
    for line in &wrong {
        println!("{line}");
    }
    ExitCode::from(u8::from(!wrong.is_empty()))
}

/// The rules that may be broken, with the places: the rows of the table in the docs.
fn excuses() -> BTreeMap<String, BTreeSet<Place>> {
    let (_, section) = DOCS.split_once(HEADING).unwrap();
    let table = section.split("\n## ").next().unwrap();
    let mut excuses = BTreeMap::new();
    for row in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [rules, places, why] = cells.as_slice() else {
            panic!("no rule, place and reason: {row}");
        };
        assert!(!why.is_empty(), "no reason: {row}");
        let words = |cell: &str| -> BTreeSet<String> {
            cell.split(", ")
                .map(|word| word.trim_matches('`').to_owned())
                .collect()
        };
        for rule in words(rules) {
            let former = excuses.insert(rule, words(places));
            assert!(former.is_none(), "a rule stands twice: {row}");
        }
    }
    excuses
}

/// Asserts that a dangerous statement is found, and is excused only where the file names the danger.
fn assert_that_it_can_fail(squawk: &OsString, folder: &Path, excuses: &BTreeMap<String, BTreeSet<Place>>) {
    for (hazard, expected) in [("", 1), ("-- hazard table-rewrite: writes it anew\n", 0)] {
        let folder = folder.join("bad");
        fs::create_dir_all(&folder).unwrap();
        let text = format!(
            "{hazard}SET LOCAL lock_timeout = '5s';\n\nCREATE INDEX todos_task ON public.todos (task);\n"
        );
        fs::write(folder.join("1_bad.up.sql"), text).unwrap();
        let findings = run(squawk, &files(&folder).collect());
        let found: Vec<&str> = unexcused(&findings, excuses)
            .map(|finding| finding.rule.as_str())
            .collect();
        assert_eq!(
            found,
            vec!["require-concurrent-index-creation"; expected],
            "{hazard}"
        );
    }
}

/// Writes what leads from nothing to the old models, and from them to the new ones.
fn write(folder: &Path, old: &str, new: &str) {
    let mut before = Schema::default();
    for (name, source) in [("old", old), ("new", new)] {
        let (schema, renames) = schemas::models(source);
        // Either side may be empty.
        if let Some(migration) =
            Migration::with_renames(&before, &schema, &renames, &LockTimeout::default()).unwrap()
        {
            Folder::at(folder)
                .write(name, &migration, &schema, Renames::default())
                .unwrap();
        }
        before = schema;
    }
}

fn migrations_of_examples() -> impl Iterator<Item = PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = fs::read_dir(examples.canonicalize().unwrap()).unwrap();
    folders
        .map(|entry| entry.unwrap().path().join("migrations"))
        .filter(|path| path.is_dir())
}

/// The files of a folder, each with what it is: `down`, `no-transaction`, and the hazards of its migration.
fn files(folder: &Path) -> impl Iterator<Item = (PathBuf, BTreeSet<Place>)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    paths.sort();
    let mut hazards: BTreeSet<Place> = BTreeSet::new();
    paths.into_iter().map(move |path| {
        let text = fs::read_to_string(&path).unwrap();
        let mut places = BTreeSet::from(["everywhere".to_owned()]);
        if path.to_str().unwrap().ends_with(".down.sql") {
            places.insert("down".to_owned());
        } else {
            // The hazards of a migration stand in its first file.
            let part = text.lines().find_map(|line| line.strip_prefix("-- Part "));
            if part.is_none_or(|part| part.starts_with("1 ")) {
                hazards.clear();
            }
            let named = text.lines().filter_map(|line| line.strip_prefix("-- hazard "));
            hazards.extend(named.map(|line| line.split(':').next().unwrap().to_owned()));
            places.extend(hazards.iter().cloned());
        }
        if text.starts_with(NO_TRANSACTION) {
            places.insert("no-transaction".to_owned());
        }
        (path, places)
    })
}

/// What squawk finds in these files.
fn run(squawk: &OsString, files: &BTreeMap<PathBuf, BTreeSet<Place>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for in_transaction in [true, false] {
        let mut command = Command::new(squawk);
        command.args(["--reporter=json", "--include=require-table-schema"]);
        command.arg(format!("--pg-version={POSTGRES}"));
        if in_transaction {
            command.arg("--assume-in-transaction");
        }
        let mut some = false;
        for (path, _) in files
            .iter()
            .filter(|(_, places)| places.contains("no-transaction") != in_transaction)
        {
            command.arg(path);
            some = true;
        }
        // Without a file it would wait for standard input.
        if some {
            findings.extend(read(command, files));
        }
    }
    findings
}

fn read(mut command: Command, files: &BTreeMap<PathBuf, BTreeSet<Place>>) -> Vec<Finding> {
    let output = command.output().unwrap();
    // It exits with 1 if it finds something.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    findings
        .iter()
        .map(|finding| {
            let text = |key: &str| finding.get(key).and_then(Value::as_str).unwrap();
            let file = text("file");
            let line = finding.get("line").and_then(Value::as_u64).unwrap() + 1;
            Finding {
                rule: text("rule_name").to_owned(),
                text: format!("{file}:{line}: {}", text("message")),
                places: files.get(Path::new(file)).unwrap().clone(),
            }
        })
        .collect()
}

/// The findings that no row of the table is about.
fn unexcused<'f>(
    findings: &'f [Finding],
    excuses: &BTreeMap<String, BTreeSet<Place>>,
) -> impl Iterator<Item = &'f Finding> {
    findings.iter().filter(|finding| {
        excuses
            .get(&finding.rule)
            .is_none_or(|places| places.is_disjoint(&finding.places))
    })
}

/// The excuses without which all findings were excused too.
fn needless(findings: &[Finding], excuses: &BTreeMap<String, BTreeSet<Place>>) -> Vec<String> {
    let mut needless = Vec::new();
    for (rule, places) in excuses {
        for place in places {
            let alone = |finding: &Finding| {
                let mut common = finding.places.intersection(places);
                common.next() == Some(place) && common.next().is_none()
            };
            if !findings
                .iter()
                .any(|finding| finding.rule == *rule && alone(finding))
            {
                needless.push(format!(
                    "docs/migrations.md excuses {rule} in `{place}`, which nothing needs"
                ));
            }
        }
    }
    needless
}
