//! What holds for each case of the table.

use std::collections::BTreeSet;

use authz_schema::diff::SchemaDiff;
use authz_schema::lock;
use authz_schema::migration::Migration;

use crate::cases;
use crate::schemas::{NOTES, TENANTS, TODOS, models, schema};

#[test]
fn a_schema_does_not_differ_from_itself() {
    let sources = cases::all().into_iter().flat_map(|case| [case.old, case.new]);
    for source in sources.chain([TODOS, TENANTS, NOTES, ""]) {
        let schema = schema(source);
        assert!(SchemaDiff::of(&schema, &schema).is_empty(), "{source}");
        assert!(Migration::between(&schema, &schema).is_none(), "{source}");
    }
}

#[test]
fn a_lock_gives_back_the_schema_that_it_was_written_from() {
    let sources = cases::all().into_iter().flat_map(|case| [case.old, case.new]);
    for source in sources.chain([TODOS, TENANTS, NOTES, ""]) {
        let schema = schema(source);
        let text = lock::to_text(&schema).unwrap();
        assert_eq!(lock::from_text(&text).unwrap(), schema, "{text}");
    }
}

#[test]
fn each_change_is_a_migration_that_needs_exactly_the_consent_of_its_case() {
    let mut wrong = Vec::new();
    for case in cases::all() {
        let (new, renames) = models(case.new);
        let migration = Migration::with_renames(&schema(case.old), &new, &renames).expect(case.name);
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
