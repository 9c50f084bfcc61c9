//! What hand-written migrations make beside ours.

use super::{assert_fine, find};
use crate::package::{Package, TODOS};

const BESIDE: &str = "\
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON todos FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE todos ADD CONSTRAINT once EXCLUDE USING btree (task WITH =);
ALTER TABLE todos ADD CONSTRAINT short CHECK (char_length(task) < 1000);
CREATE INDEX by_task ON todos (task);
ALTER TABLE todos ADD search tsvector;
COMMENT ON COLUMN todos.user_id IS 'whose';
CREATE VIEW open_todos AS SELECT count(*) FROM pg_class;
CREATE TABLE audit (line text);
CREATE ROLE reporting; GRANT USAGE ON SCHEMA public TO reporting; GRANT SELECT ON audit TO reporting;
";

#[test]
fn what_no_model_declares_and_a_hand_written_migration_makes_is_no_finding() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    package.write("29990101000000_beside.sql", BESIDE);
    assert_fine(&package);
    // What stands in a file of ours is of another kind: the next `generate` does not know of it.
    let generated = package
        .files()
        .into_keys()
        .find(|name| name.ends_with("create.up.sql"))
        .unwrap();
    let generated = package.migrations().join(generated);
    let text = std::fs::read_to_string(&generated).unwrap();
    std::fs::write(
        &generated,
        format!("{text}\nCREATE INDEX late ON todos (is_complete);"),
    )
    .unwrap();
    let ran = find(&package);
    assert!(
        ran.out
            .starts_with("index late on public.todos\n    declared: missing\n")
            && ran.out.contains("a migration of its own"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_policy_or_a_grant_by_hand_is_found_until_it_is_accepted() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    package.write(
        "29990101000000_access.sql",
        "CREATE ROLE reporting; GRANT SELECT, DELETE ON todos TO reporting; GRANT UPDATE (task) ON todos TO reporting;\n\
         CREATE POLICY more ON todos FOR SELECT TO reporting USING (true);\n\
         GRANT TRUNCATE ON todos TO authenticated;",
    );
    let ran = find(&package);
    let found: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    let objects = [
        "grants to authenticated on public.todos",
        "grants to reporting on column public.todos.task",
        "grants to reporting on public.todos",
        "policy more on public.todos",
    ];
    assert_eq!(found, objects, "{}", ran.whole());
    // The advice is what authz.toml takes.
    let advice: String = ran
        .out
        .lines()
        .filter_map(|line| line.strip_prefix("        "))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    package.configure(&advice.replace('…', "it is meant"));
    assert_fine(&package);

    // One privilege more than what is accepted.
    package.write("29990101000001_more.sql", "GRANT INSERT ON todos TO reporting;");
    let ran = find(&package);
    assert!(
        ran.out.starts_with(
            "grants to reporting on public.todos\n    declared: missing\n    replayed: INSERT\n"
        ),
        "{}",
        ran.whole()
    );
    package.remove("migrations/29990101000001_more.sql");

    // What nothing needs any more, and what is no table.
    package.configure(&format!(
        "{}\n[[accept]]\ntable = \"public.todos\"\npolicy = \"gone\"\nreason = \"before\"\n\
         [[accept]]\ntable = \"other\"\ngrant = \"SELECT to reporting\"\nreason = \"typo\"\n",
        advice.replace('…', "it is meant")
    ));
    let ran = find(&package);
    let found: Vec<&str> = ran.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(
        found,
        [
            "accepted policy gone on public.todos",
            "accepted SELECT on public.other to reporting"
        ],
        "{}",
        ran.whole()
    );
    assert!(
        ran.out.contains("no migration gives it") && ran.out.contains("no model declares the table"),
        "{}",
        ran.whole()
    );
}

#[test]
fn what_a_model_declares_stays_ours_whoever_changes_it() {
    let changes = [
        (
            "ALTER TABLE todos NO FORCE ROW LEVEL SECURITY",
            "table public.todos",
        ),
        (
            "ALTER TABLE todos DROP CONSTRAINT todos_task_check, ADD CONSTRAINT todos_task_check CHECK (task <> '')",
            "constraint todos_task_check on public.todos",
        ),
        (
            "ALTER TABLE todos ALTER is_complete SET DEFAULT true",
            "column public.todos.is_complete",
        ),
        (
            "ALTER TABLE todos DROP inserted_at",
            "column public.todos.inserted_at",
        ),
        (
            "REVOKE DELETE ON todos FROM authenticated",
            "grants to authenticated on public.todos",
        ),
    ];
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let by_hand = changes.map(|(sql, _)| format!("{sql};\n")).concat();
    package.write("29990101000000_by_hand.sql", &by_hand);
    let ran = find(&package);
    for (_, object) in changes {
        assert!(
            ran.out.contains(&format!("{object}\n")),
            "{object}: {}",
            ran.whole()
        );
    }
    package.write(
        "29990101000000_by_hand.sql",
        "ALTER TABLE todos OWNER TO authenticated;",
    );
    let ran = find(&package);
    assert!(
        ran.out.contains("table public.todos\n") && ran.out.contains("owned by authenticated"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_policy_by_hand_on_a_table_that_is_made_elsewhere_is_found_too() {
    let package = Package::new(
        "#[derive(authz::Table)]\n#[table(existing)]\n#[rls(read = \"kind = 'open'\")]\nstruct Legacy { id: i64, kind: String }",
    );
    package.write(
        "0001_legacy.sql",
        "CREATE TABLE legacies (id bigint PRIMARY KEY, kind text);",
    );
    package.generate("create", &["authz-widens"]);
    assert_fine(&package);
    package.write(
        "29990101000000_more.sql",
        "CREATE ROLE reporting; CREATE POLICY more ON legacies TO reporting USING (true); GRANT SELECT ON legacies TO reporting;",
    );
    let ran = find(&package);
    assert!(
        ran.out.contains("policy more on public.legacies\n")
            && ran.out.contains("grants to reporting on public.legacies\n"),
        "{}",
        ran.whole()
    );
}
