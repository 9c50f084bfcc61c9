//! Down files are run: up, down, up.

use super::{assert_fine, find};
use crate::package::{Package, TODOS};

#[test]
fn a_down_file_by_hand_that_does_not_lead_back_is_found_with_what_is_left() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let up = "CREATE TABLE audit (line text); CREATE INDEX by_task ON todos (task); CREATE VIEW tasks AS SELECT task FROM todos; \
              ALTER TABLE todos ALTER task SET DEFAULT 'x'; ALTER TABLE todos ALTER task DROP DEFAULT;";
    let whole = "DROP VIEW tasks; DROP INDEX by_task; DROP TABLE audit;";
    package.write("29990101000000_beside.up.sql", up);
    package.write("29990101000000_beside.down.sql", whole);
    assert_fine(&package);

    package.write("29990101000000_beside.down.sql", "DROP TABLE audit;");
    let ran = find(&package);
    assert!(
        ran.err.starts_with("a way back does not lead back"),
        "{}",
        ran.whole()
    );
    for expected in [
        "29990101000000_beside.down.sql\n    it does not lead back",
        "\nindex by_task on public.todos\n    before: missing\n    after: CREATE INDEX by_task ",
        "\nview public.tasks\n    before: missing\n",
        "29990101000000_beside.up.sql\n    it cannot run again after its down file",
        "relation \"by_task\" already exists",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {}", ran.whole());
    }

    package.write(
        "29990101000000_beside.down.sql",
        &format!("{whole}\nDROP TABLE nowhere;"),
    );
    let ran = find(&package);
    assert!(
        ran.out
            .contains("29990101000000_beside.down.sql\n    it cannot run after its up file")
            && ran
                .out
                .contains("line 2, cannot run: table \"nowhere\" does not exist"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_migration_without_a_way_back_is_said_and_those_around_it_are_tried() {
    let package = Package::new(TODOS);
    package.write("0001_before.up.sql", "CREATE TABLE one (id int);");
    package.write("0001_before.down.sql", "DROP TABLE one;");
    package.write("0002_plain.sql", "CREATE VIEW ones AS SELECT * FROM one;");
    package.generate("create", &[]);
    let ran = package.run(&["check"]);
    assert!(
        ran.err.starts_with("note: no way back, so that none was tried: ")
            && ran.err.contains("0002_plain.sql\n"),
        "{}",
        ran.whole()
    );
    assert_eq!(ran.out, "");
    package.write("0001_before.down.sql", "SELECT 1;");
    let ran = find(&package);
    assert!(
        ran.out.contains("table public.one\n    before: missing\n"),
        "{}",
        ran.whole()
    );
}
