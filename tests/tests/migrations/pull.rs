//! `cargo authz pull`: models of our own databases come back as they were, those of others with a report.

mod adoption;
mod foreign;

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use authz_cli::command::Outcome;
use authz_cli::project::{Project, ProjectOptions};
use authz_cli::pull::{self, Kind, Options, Pulled};

use crate::change::new_sides;
use crate::database::{Database, assert_same, block_on, server};
use crate::package::{NOTES, Package, TENANCY, TODOS};

/// Pulls a database with what is known of it in a package.
fn pulled(package: &Package, database: &Database) -> Pulled {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let options = ProjectOptions {
        manifest_path: Some(package.manifest()),
        ..ProjectOptions::default()
    };
    let project = Project::find(&options).unwrap();
    let lock = authz_cli::folder::Folder::at(package.migrations())
        .lock()
        .unwrap();
    let name = format!("known{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    pull::pull(&Options {
        url: &database.url,
        namespaces: &[],
        config: &project.config,
        lock: &lock.schema,
        migrations: &package.migrations(),
        sqlx: &project.sqlx,
        scratch: Some((server(), &name)),
    })
    .unwrap_or_else(|error| panic!("{error:?}"))
}

/// Asserts that rustfmt leaves a source alone.
#[track_caller]
fn assert_formatted(source: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--check"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut rustfmt.stdin.take().unwrap(), source.as_bytes()).unwrap();
    let answer = rustfmt.wait_with_output().unwrap();
    assert!(
        answer.status.success(),
        "{}{}\n{source}",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr)
    );
}

/// A database that our migrations made gives the same models again, with their lock and without.
fn comes_back(what: &str, source: &str) {
    let package = Package::new(source);
    package.generate("create", &[]);
    let database = block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
    });

    let with_lock = pulled(&package, &database);
    assert!(with_lock.findings.is_empty(), "{what}: {:#?}", with_lock.findings);
    assert!(with_lock.align.is_empty(), "{what}: {:#?}", with_lock.align);
    assert_formatted(&with_lock.source);
    package.models(&with_lock.source);
    package.assert_settled();

    let fresh = Package::new("");
    let without_lock = pulled(&fresh, &database);
    let lock = package.lock();
    if !lock.memberships.is_empty() || !lock.claims.is_empty() {
        // Only the lock says which functions look memberships up, and which give claims.
        let left_out: Vec<&str> = without_lock
            .findings
            .iter()
            .filter(|finding| finding.kind == Kind::LeftOut)
            .map(|finding| finding.object.as_str())
            .collect();
        let members = lock.memberships.keys().map(|name| format!("authz.{name}()"));
        let claims = lock.claims.keys().map(|name| format!("{name}()"));
        for function in members.chain(claims) {
            assert!(
                left_out.contains(&format!("function {function}").as_str()),
                "{what}: {function} is not in {left_out:?}"
            );
        }
        return;
    }
    assert!(
        without_lock.findings.is_empty(),
        "{what}: {:#?}",
        without_lock.findings
    );
    assert!(without_lock.align.is_empty(), "{what}: {:#?}", without_lock.align);
    assert_formatted(&without_lock.source);
    fresh.models(&without_lock.source);
    fresh.generate("again", &[]);
    let again = block_on(async {
        let mut again = Database::new().await;
        again.migrate(&fresh).await;
        again
    });
    assert_same(
        &format!(
            "{what}: the database, and one of its pulled models\n{}",
            without_lock.source
        ),
        &database.dump(),
        &again.dump(),
    );
}

#[test]
fn models_of_each_schema_come_back() {
    for (what, source) in [("todos", TODOS), ("tenancy", TENANCY), ("notes", NOTES)] {
        comes_back(what, source);
    }
}

#[test]
fn models_with_one_of_each_thing_come_back() {
    comes_back("everything", include_str!("pull/everything.rs"));
}

/// A part of the cases, so that the parts run at the same time.
fn models_of_cases_come_back(part: usize) {
    for (name, source) in new_sides().into_iter().skip(part).step_by(4) {
        comes_back(name, &source);
    }
}

#[test]
fn models_of_each_case_come_back_1() {
    models_of_cases_come_back(0);
}

#[test]
fn models_of_each_case_come_back_2() {
    models_of_cases_come_back(1);
}

#[test]
fn models_of_each_case_come_back_3() {
    models_of_cases_come_back(2);
}

#[test]
fn models_of_each_case_come_back_4() {
    models_of_cases_come_back(3);
}

/// A group's rows are for its members; who they are is itself for members only.
const MEMBERS: &str = r#"
use authz::Table;

#[derive(Table)]
#[rls(member = "id in team_members(team_id, user_id)")]
struct Team {
    #[column(primary_key, identity)]
    id: i64,
    name: String,
}

#[derive(Table)]
#[table(primary_key(team_id, user_id))]
#[rls(select, member = "team_members(team_id, user_id)")]
#[rls(modify, member = "team_members(team_id, user_id) where role = 'admin'")]
struct TeamMember {
    #[column(references = "teams(id)", on_delete = "cascade")]
    team_id: i64,
    user_id: String,
    #[column(default = "'member'")]
    role: String,
}
"#;

#[test]
fn memberships_come_back_with_the_lock() {
    let package = Package::new(MEMBERS);
    package.generate("create", &[]);
    let database = block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
    });
    let pulled = pulled(&package, &database);
    assert!(pulled.findings.is_empty(), "{:#?}", pulled.findings);
    package.models(&pulled.source);
    package.assert_settled();
}

#[test]
fn what_somebody_changed_by_hand_comes_out_as_it_is() {
    let package = Package::new(NOTES);
    package.generate("create", &[]);
    let database = block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
            .execute(
                "ALTER TABLE notes ADD COLUMN mark int CHECK (mark > 0), ALTER COLUMN title SET DEFAULT 'new'; \
                 ALTER POLICY notes_select_authenticated ON notes USING (owner_id = 'me'); \
                 DROP POLICY paragraphs_delete_authenticated ON paragraphs; \
                 REVOKE DELETE ON paragraphs FROM authenticated",
            )
            .await;
        database
    });
    let pulled = pulled(&package, &database);
    assert!(pulled.findings.is_empty(), "{:#?}", pulled.findings);
    package.models(&pulled.source);
    let ran = package.run(&["generate", "by_hand", "--dry-run"]);
    for statement in [
        "ADD COLUMN mark integer",
        "CHECK (mark > 0)",
        "ALTER COLUMN title SET DEFAULT 'new'",
        "USING (owner_id = 'me'::text)",
        "DROP POLICY paragraphs_delete_authenticated",
        "REVOKE DELETE ON TABLE public.paragraphs FROM authenticated",
    ] {
        assert!(
            ran.out.contains(statement),
            "{statement}: {}\n{}",
            ran.whole(),
            pulled.source
        );
    }
    // What nobody changed has the lock's own words.
    assert!(!ran.out.contains("notes_update_authenticated"), "{}", ran.whole());
}

#[test]
fn a_source_is_not_replaced_without_force() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let database = block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        database
    });
    let file = package.migrations().with_file_name("models.rs");
    let (url, output) = (&database.url, file.to_str().unwrap().to_owned());
    let arguments = ["pull", "--database-url", url, "--output", &output];
    let ran = package.run(&arguments);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(
        ran.err
            .contains("pulled 1 table, 4 policies; the models say all that the database does"),
        "{}",
        ran.whole()
    );
    let first = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, "mine").unwrap();
    let ran = package.run(&arguments);
    assert!(
        ran.result
            .unwrap_err()
            .to_string()
            .contains("`--force` replaces it")
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    package.run(&[&arguments[..], &["--force"]].concat());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), first);
}

#[test]
fn json_holds_source_and_report() {
    let package = Package::new("");
    let database = block_on(async {
        let mut database = Database::new().await;
        database
            .execute("CREATE TABLE notes (id int PRIMARY KEY); CREATE VIEW all_notes AS SELECT * FROM notes")
            .await;
        database
    });
    let ran = package.run(&["pull", "--database-url", &database.url, "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert!(json["source"].as_str().unwrap().contains("struct Note"));
    assert_eq!((&json["tables"], &json["policies"]), (&1.into(), &0.into()));
    assert_eq!(json["findings"][0]["kind"], "left_out");
    assert_eq!(json["findings"][0]["object"], "view public.all_notes");
}

#[test]
fn a_schema_that_is_not_there_or_not_ours_is_refused() {
    let package = Package::new("");
    let database = block_on(async {
        let mut database = Database::new().await;
        database.execute("CREATE SCHEMA auth; CREATE SCHEMA app; CREATE TABLE app.notes (id int); CREATE TABLE others (id int)").await;
        database
    });
    let url = &database.url;
    let refused = |name: &str| {
        let ran = package.run(&["pull", "--database-url", url, "--schema", name]);
        ran.result.unwrap_err().to_string()
    };
    assert_eq!(refused("nowhere"), "the database has no schema `nowhere`");
    assert!(refused("auth").starts_with("the schema `auth` belongs to the platform"));
    let ran = package.run(&["pull", "--database-url", url, "--schema", "app"]);
    assert!(
        ran.out.contains("struct Note") && !ran.out.contains("struct Other"),
        "{}",
        ran.whole()
    );
}

#[test]
fn a_url_is_never_printed() {
    let package = Package::new("");
    for url in [
        "postgres://me:s3cret@127.0.0.1:1/none",
        "postgres://me:s3cret@[:/",
    ] {
        let ran = package.run(&["pull", "--database-url", url]);
        let error = ran.result.unwrap_err();
        let mut err = Vec::new();
        let text = format!("{error} {:?}", std::error::Error::source(&error));
        let _ = authz_cli::command::exit_code(Err(error), &mut err);
        assert!(
            !text.contains("s3cret") && !String::from_utf8(err).unwrap().contains("s3cret"),
            "{text}"
        );
    }
}
