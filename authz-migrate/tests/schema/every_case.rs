//! What holds for each case of the table.

use std::collections::BTreeSet;

use authz_migrate::diff::SchemaDiff;
use authz_migrate::migration::Migration;
use authz_schema::config::LockTimeout;
use authz_schema::lock::Lock;

use crate::schemas::{NOTES, TENANTS, TODOS, models, schema};
use crate::{Case, cases, language};

#[test]
fn a_schema_does_not_differ_from_itself() {
    let sources = all_cases().into_iter().flat_map(|case| [case.old, case.new]);
    for source in sources.chain([TODOS, TENANTS, NOTES, ""]) {
        let schema = schema(source);
        assert!(SchemaDiff::of(&schema, &schema).is_empty(), "{source}");
        assert!(
            Migration::between(&schema, &schema).unwrap().is_none(),
            "{source}"
        );
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
            .expect(case.name)
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
            .expect(case.name)
            .expect(case.name);
        for part in &migration.parts {
            // Without a value that an enum gained, the way back makes the type anew, and the policies on it.
            let main = part.suffix.is_empty() || part.suffix == "enum_values";
            for text in [&part.up, &part.down] {
                // While a foreign key is validated, who migrates has no SELECT.
                let said = |line: &&str| !line.starts_with("--") && !line.ends_with("CURRENT_USER;");
                let statements: String = text.lines().filter(said).collect();
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

#[test]
fn what_is_spelled_otherwise_is_no_change() {
    let model = |policy: &str, check: &str, default: &str| {
        format!(
            "#[derive(Table)]\n#[table(check = \"{check}\", index(id, where = \"{check}\"))]\n\
             #[rls(select = \"{policy}\", update = \"{policy}\")]\n\
             struct Note {{ #[column(primary_key)] id: i64, user_id: String, #[column(default = \"{default}\")] at: String }}\n"
        )
    };
    let old = schema(&model(
        "auth.user_id() = user_id and id > 0",
        "id <> 7",
        "lower('A')",
    ));
    let between = |other: &str| Migration::between(&old, &schema(other)).unwrap();
    assert!(
        between(&model(
            "(auth.user_id()=USER_ID) AND ((id > 0)) -- why",
            "ID<>7",
            "LOWER( 'A' )"
        ))
        .is_none()
    );
    for other in [
        model("auth.user_id() = user_id and id > 00", "id <> 7", "lower('A')"),
        model("auth.user_id() = user_id and id > 0", "id <> 8", "lower('A')"),
        model("auth.user_id() = user_id and id > 0", "id <> 7", "lower('a')"),
    ] {
        assert!(between(&other).is_some(), "{other}");
    }
}

#[test]
fn a_table_is_moved_to_another_namespace_with_all_that_is_its_own() {
    let case = cases::table_moved_to_another_namespace();
    let (new, renames) = models(case.new);
    let migration = Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
        .unwrap()
        .unwrap();
    let [part] = migration.parts.as_slice() else {
        panic!("{migration:?}")
    };
    for said in [
        "CREATE SCHEMA app;",
        "ALTER TABLE public.notes RENAME TO memos;",
        "ALTER TABLE public.memos SET SCHEMA app;",
        "GRANT USAGE ON SCHEMA app TO authenticated;",
    ] {
        assert!(part.up.contains(said), "{said}: {}", part.up);
    }
    for never in ["CREATE TABLE", "DROP", "ADD CONSTRAINT", "CREATE POLICY"] {
        assert!(!part.up.contains(never), "{never}: {}", part.up);
    }
    assert!(
        part.down.contains("ALTER TABLE app.notes SET SCHEMA public;"),
        "{}",
        part.down
    );
}
