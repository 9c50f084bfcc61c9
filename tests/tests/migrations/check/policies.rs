//! Policies that PostgreSQL refuses to plan or to run.

use super::{assert_fine, find};
use crate::package::Package;

/// The findings, one a line: object, place, and the line with what fails.
#[track_caller]
fn refused(package: &Package) -> Vec<String> {
    let ran = find(package);
    assert!(
        ran.err.contains("PostgreSQL refuses what the models allow"),
        "{}",
        ran.whole()
    );
    let mut found: Vec<String> = Vec::new();
    let mut object = "";
    for line in ran.out.lines() {
        if !line.starts_with(' ') {
            object = line;
        } else if line.contains(" fails: ") {
            let (name, place) = object.split_once(" (").unwrap();
            let place = place.trim_end_matches(')');
            let place = place.rsplit('/').next().unwrap();
            found.push(format!("{name} [{place}] {}", line.trim()));
        }
    }
    found
}

/// What the models alone do not show: that one is a mistake in them.
#[test]
fn a_policy_that_leads_back_to_its_table_by_another_of_no_model_is_found_at_its_attribute() {
    let package = Package::new(
        "#[derive(authz::Table)]\n#[rls(read = \"id IN (SELECT b FROM links)\")]\nstruct Note { #[column(primary_key)] id: i64 }\n",
    );
    package.write(
        "0001_links.sql",
        "CREATE ROLE authenticated; CREATE TABLE links (b bigint); ALTER TABLE links ENABLE ROW LEVEL SECURITY; \
         GRANT SELECT ON links TO authenticated;",
    );
    package.generate("create", &[]);
    assert_fine(&package);
    package.write(
        "29990101000000_links.sql",
        "CREATE POLICY reading ON links FOR SELECT TO authenticated USING (b IN (SELECT id FROM notes));",
    );
    let found = refused(&package);
    assert_eq!(found.len(), 1, "{found:?}");
    let policy = "policy notes_select_authenticated on public.notes [lib.rs:2:7]";
    assert!(
        found[0].starts_with(policy)
            && found[0].contains("infinite recursion detected in policy for relation"),
        "{found:?}"
    );
    assert!(find(&package).out.contains("`member = \"table(group, user)\"`"));
}

#[test]
fn a_table_or_a_function_that_the_role_may_not_use_is_found() {
    let model = |notes: &str, check: &str| {
        format!(
            "#[derive(authz::Table)]\n#[rls(select = \"{notes}\", to = \"editor\")]\nstruct Note {{ #[column(primary_key)] id: i64 }}\n\
             #[derive(authz::Table)]\n#[rls(read = \"{check}\")]\nstruct Paper {{ note_id: i64 }}\n"
        )
    };
    let package = Package::new(&model("true", "note_id IN (SELECT id FROM notes)"));
    package.generate("create", &[]);
    assert_eq!(
        refused(&package),
        [
            "policy papers_select_authenticated on public.papers [lib.rs:5:7] SELECT as authenticated fails: permission \
             denied for table notes"
        ]
    );
    assert!(
        find(&package)
            .out
            .contains("to = \"authenticated\")]` on the struct of notes")
    );

    let package = Package::new(&model("true", "is_open(note_id)"));
    let function = |grant: &str| {
        format!(
            "CREATE FUNCTION is_open(note bigint) RETURNS boolean STABLE RETURN note > 0;\n\
             REVOKE ALL ON FUNCTION is_open FROM PUBLIC;\n{grant}"
        )
    };
    package.write("0001_is_open.sql", &function(""));
    package.generate("create", &[]);
    assert_eq!(
        refused(&package),
        [
            "policy papers_select_authenticated on public.papers [lib.rs:5:7] SELECT as authenticated fails: permission \
             denied for function is_open"
        ]
    );
    package.write(
        "0001_is_open.sql",
        &function("CREATE ROLE authenticated; GRANT EXECUTE ON FUNCTION is_open TO authenticated;"),
    );
    assert_fine(&package);
}

#[test]
fn the_body_of_a_function_is_run_whatever_its_language() {
    let package = Package::new(
        "#[derive(authz::Table)]\n#[rls(read = \"may_see(owner)\")]\nstruct Paper { #[column(default = \"one()\")] owner: uuid::Uuid }\n",
    );
    let body = |condition: &str| {
        format!(
            "CREATE FUNCTION may_see(owner uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN {condition}; END $$;"
        )
    };
    package.file("authz/sql/may_see.sql", &body("owner = auth.user_id()"));
    package.file(
        "authz/sql/one.sql",
        "CREATE FUNCTION one() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT 1 FROM nowhere); END $$;",
    );
    package.generate("create", &[]);
    let ran = find(&package);
    let found = refused(&package);
    assert!(
        found.iter().any(|line| line.starts_with(
            "policy papers_select_authenticated on public.papers [lib.rs:2:7] SELECT as authenticated fails: operator does \
             not exist: uuid = text"
        )),
        "{found:?}"
    );
    assert!(
        found.iter().any(|line| line.starts_with(
            "function public.one() [one.sql:1:1] call fails: relation \"nowhere\" does not exist"
        )),
        "{found:?}"
    );
    assert!(ran.out.contains("context: PL/pgSQL function "), "{}", ran.whole());

    package.file("authz/sql/may_see.sql", &body("owner = auth.uid()"));
    package.file(
        "authz/sql/one.sql",
        // What depends on values is no finding.
        "CREATE FUNCTION one() RETURNS uuid LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'::uuid; END $$;",
    );
    package.generate("mended", &["authz-widens"]);
    assert_fine(&package);
}

#[test]
fn whole_rows_and_every_type_are_no_findings() {
    let package = Package::new(
        "#[derive(authz::Type, sqlx::Type)] #[sqlx(type_name = \"kind\", rename_all = \"snake_case\")] enum Kind { Open, Shut }\n\
         #[derive(authz::Table)]\n#[rls(owner = \"user_id\")]\n\
         struct Thing { #[column(primary_key, identity)] id: i64, user_id: String, kind: Kind, kinds: Vec<Kind>, at: \
         chrono::DateTime<chrono::Utc>, day: chrono::NaiveDate, time: chrono::NaiveTime, data: serde_json::Value, bytes: Vec<u8>, \
         tags: Vec<String>, note: Option<String>, amount: f64, #[column(type = \"inet\")] ip: String, #[column(generated = \
         \"amount * 2\")] twice: f64 }",
    );
    package.generate("create", &[]);
    let open = |body: &str| {
        format!(
            "CREATE FUNCTION is_fine(thing things) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN {body}; END $$;\n\
             GRANT SELECT ON things TO anonymous;\nCREATE POLICY open ON things FOR SELECT TO anonymous USING (is_fine(things));"
        )
    };
    package.configure(
        "[[accept]]\ntable = \"things\"\npolicy = \"open\"\nreason = \"shared\"\n[[accept]]\ntable = \"things\"\n\
         grant = \"SELECT to anonymous\"\nreason = \"shared\"\n",
    );
    package.write(
        "29990101000000_open.sql",
        &open("thing.kind = 'open' AND thing.at < now()"),
    );
    assert_fine(&package);
    package.write("29990101000000_open.sql", &open("thing.user_id = auth.uid()"));
    let found = refused(&package);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with(
            "policy open on public.things [lib.rs:4:8] SELECT as anonymous fails: operator does not exist"
        ),
        "{found:?}"
    );
}
