//! What holds for each case of the table.

use std::collections::BTreeSet;

use authz_schema::config::LockTimeout;
use authz_schema::diff::SchemaDiff;
use authz_schema::lock::Lock;
use authz_schema::migration::Migration;

use crate::schemas::{NOTES, TENANTS, TODOS, models, schema};
use crate::{Case, cases, language};

#[test]
fn a_schema_does_not_differ_from_itself() {
    let sources = all_cases().into_iter().flat_map(|case| [case.old, case.new]);
    for source in sources.chain([TODOS, TENANTS, NOTES, ""]) {
        let schema = schema(source);
        assert!(SchemaDiff::of(&schema, &schema).is_empty(), "{source}");
        assert!(Migration::between(&schema, &schema).is_none(), "{source}");
    }
}

#[test]
fn a_lock_gives_back_the_schema_that_it_was_written_from() {
    let sources = all_cases().into_iter().flat_map(|case| [case.old, case.new]);
    for source in sources.chain([TODOS, TENANTS, NOTES, ""]) {
        let schema = schema(source);
        let text = Lock::from(schema.clone()).to_text().unwrap();
        assert_eq!(Lock::from_text(&text).unwrap().schema, schema, "{text}");
    }
}

#[test]
fn each_change_is_a_migration_that_needs_exactly_the_consent_of_its_case() {
    let mut wrong = Vec::new();
    for case in all_cases() {
        let (new, renames) = models(case.new);
        let migration = Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
            .expect(case.name);
        let kinds = migration.hazards.iter().map(|hazard| hazard.kind);
        let needed: BTreeSet<&str> = kinds
            .filter(|kind| kind.needs_consent())
            .map(|kind| kind.as_str())
            .collect();
        if needed != case.allow.iter().copied().collect() {
            wrong.push(format!("{} needs {needed:?}, not {:?}", case.name, case.allow));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn all_cases() -> Vec<Case> {
    cases::all().into_iter().chain(language::all()).collect()
}

#[test]
fn access_changes_in_the_main_file_alone_and_in_a_transaction() {
    for case in all_cases() {
        let (new, renames) = models(case.new);
        let migration = Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
            .expect(case.name);
        for part in &migration.parts {
            // Without a value that an enum gained, the way back makes the type anew, and the policies on it.
            let main = part.suffix.is_empty() || part.suffix == "enum_values";
            for text in [&part.up, &part.down] {
                let statements: String = text.lines().filter(|line| !line.starts_with("--")).collect();
                let without_transaction = text.starts_with("-- no-transaction\n");
                if !main || without_transaction {
                    for word in [
                        "POLICY",
                        "GRANT",
                        "REVOKE",
                        "ROW LEVEL SECURITY",
                        "CREATE TABLE",
                        "ADD COLUMN",
                    ] {
                        assert!(!statements.contains(word), "{}: {text}", case.name);
                    }
                }
                assert_eq!(
                    statements.contains("CONCURRENTLY IF"),
                    without_transaction,
                    "{}: {text}",
                    case.name
                );
                assert_eq!(
                    statements.contains("SET LOCAL lock_timeout"),
                    !without_transaction,
                    "{}",
                    case.name
                );
                // sqlx sends a file as one query, and more than one statement in it make a transaction.
                assert!(
                    !without_transaction || statements.matches(';').count() == 1,
                    "{}: {text}",
                    case.name
                );
            }
        }
    }
}
