//! Migrations of two branches, merged by git in either order: the same schema, or a conflict that names both.

use std::process::Command;

use authz_cli::command::{CommandError, Outcome};

use crate::database::{Database, assert_same, block_on};
use crate::package::{Package, Ran, TODOS, edit};

const TAGS: &str = "#[derive(authz::Table)] #[rls(read = \"true\")] struct Tag { id: i64 }";
const LISTS: &str = "#[derive(authz::Table)] #[rls(read = \"true\")] struct List { id: i64 }";

/// Where the versions of these tests begin: beyond the clock, so that they follow one another without waiting.
const START: &str = "29990101000000_start.sql";

fn git(package: &Package, arguments: &[&str]) -> (bool, String) {
    let output = Command::new("git")
        .args(["-c", "user.name=Test", "-c", "user.email=test@example.com"])
        .args(["-c", "init.defaultBranch=main", "-c", "commit.gpgsign=false"])
        .arg("-C")
        .arg(package.root())
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[track_caller]
pub(crate) fn git_ok(package: &Package, arguments: &[&str]) {
    let (fine, text) = git(package, arguments);
    assert!(fine, "git {arguments:?}: {text}");
}

pub(crate) fn commit(package: &Package, message: &str) {
    git_ok(package, &["add", "--all", "."]);
    git_ok(package, &["commit", "--quiet", "--message", message]);
}

/// A repository whose `main` has the migration of `source`.
fn repository(source: &str) -> Package {
    let package = Package::new(source);
    package.write(START, "SELECT 1;");
    package.generate("base", &[]);
    git_ok(&package, &["init", "--quiet", "."]);
    commit(&package, "base");
    package
}

/// A branch off `main` with a migration of `source`, later than others by the number of hand-written files before it.
fn branch(package: &Package, name: &str, source: &str, gap: &str) {
    git_ok(package, &["checkout", "--quiet", "-b", name, "main"]);
    if !gap.is_empty() {
        package.write(&format!("{gap}_by_hand.sql"), "SELECT 2;");
    }
    package.models(source);
    package.generate(name, &["authz-widens"]);
    commit(package, name);
}

fn lock_text(package: &Package) -> String {
    package.files().remove("authz.lock").unwrap()
}

#[track_caller]
fn assert_fine(ran: &Ran) {
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
}

#[track_caller]
fn assert_found(ran: &Ran, what: &str) {
    assert!(matches!(ran.result, Ok(Outcome::Found)), "{}", ran.whole());
    assert!(ran.out.contains(what), "{what} is not in {}", ran.whole());
}

/// Takes a migration back that no database has.
#[track_caller]
fn undo(package: &Package) -> Ran {
    let ran = package.run(&[
        "undo",
        "--force",
        "--database-url",
        "postgres://nobody@127.0.0.1:1/app",
    ]);
    assert_fine(&ran);
    ran
}

/// The shell blocks of a section of docs/migrations.md, as lines without comments.
fn recipes(section: &str) -> Vec<Vec<String>> {
    let page = include_str!("../../../docs/migrations.md");
    let (_, section) = page.split_once(&format!("## {section}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let lines = |block: &str| {
        let block = block.split("```").next().unwrap();
        let lines = block
            .lines()
            .map(|line| line.split(" # ").next().unwrap().trim().to_owned());
        lines.collect()
    };
    blocks.map(lines).collect()
}

/// The words of a shell line, in which double quotes hold words together.
fn words(line: &str) -> Vec<String> {
    let pieces = line.split('"').enumerate();
    let words = pieces.flat_map(|(number, piece)| {
        let quoted = number % 2 == 1;
        let split: Vec<&str> = if quoted {
            vec![piece]
        } else {
            piece.split_whitespace().collect()
        };
        split.into_iter().map(str::to_owned).collect::<Vec<_>>()
    });
    words.collect()
}

/// Merges two branches in one order; the conflict is resolved as its text says. Returns the dump of the result.
fn merged(base: &str, first: &str, second: &str, both: &str, earlier_first: bool) -> Vec<String> {
    let package = repository(base);
    let gaps = ["", "29990101000100"];
    let [early, late] = if earlier_first { gaps } else { [gaps[1], gaps[0]] };
    branch(&package, "one", first, early);
    branch(&package, "two", second, late);
    git_ok(&package, &["checkout", "--quiet", "main"]);
    git_ok(&package, &["merge", "--quiet", "one"]);
    let (clean, text) = git(&package, &["merge", "--no-edit", "two"]);
    package.models(both);
    assert!(!clean, "two migrations do not merge unseen: {text}");

    let lock = lock_text(&package);
    assert!(lock.contains("<<<<<<<"), "{lock}");
    assert!(lock.contains("_one\"\n") && lock.contains("_two\"\n"), "{lock}");
    for command in [&["check"][..], &["generate", "again"]] {
        let ran = package.run(command);
        assert!(
            matches!(ran.result, Err(CommandError::Folder(_))),
            "{}",
            ran.whole()
        );
    }

    // The lock of `main`, and the other's migration anew.
    git_ok(&package, &["checkout", "--ours", "migrations/authz.lock"]);
    let files = package.files();
    undo(&package);
    let gone: Vec<String> = files
        .into_keys()
        .filter(|name| !package.files().contains_key(name))
        .collect();
    assert_eq!(gone.len(), 2);
    assert!(gone.iter().all(|name| name.contains("_two.")), "{gone:?}");
    package.generate("two", &["authz-widens"]);
    commit(&package, "merge");
    assert_fine(&package.run(&["check"]));
    package.assert_settled();
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let dump = database.dump();
        let fresh = Database::fresh(&package.lock()).await;
        assert_same("merged, and made at once", &dump, &fresh.dump());
        dump
    })
}

fn assert_merges(base: &str, one: &str, two: &str, both: &str) {
    for earlier_first in [true, false] {
        let there = merged(base, one, two, both, earlier_first);
        let back = merged(base, two, one, both, earlier_first);
        assert_same("merged in either order", &there, &back);
    }
}

#[test]
fn two_branches_that_each_add_a_table() {
    let [tags, lists, both] =
        [TAGS, LISTS, &format!("{TAGS}\n{LISTS}")].map(|more| format!("{TODOS}\n{more}"));
    assert_merges(TODOS, &tags, &lists, &both);
}

#[test]
fn two_branches_that_each_add_a_column_of_a_table() {
    let with = |columns: &str| {
        let (head, tail) = TODOS.rsplit_once('}').unwrap();
        format!("{head}{columns}}}{tail}")
    };
    // Columns keep the order in which they were added, so that each order is compared with itself alone.
    let (one, two) = (with("due: Option<i64>,"), with("label: Option<String>,"));
    let both = with("due: Option<i64>, label: Option<String>,");
    for earlier_first in [true, false] {
        merged(TODOS, &one, &two, &both, earlier_first);
    }
}

#[test]
fn two_branches_that_each_add_a_policy() {
    let [one, two] =
        ["role_one", "role_two"].map(|role| format!("#[rls(select = \"is_complete\", to = \"{role}\")]"));
    let with = |attributes: &str| TODOS.replacen("#[rls(", &format!("{attributes}\n#[rls("), 1);
    assert_merges(TODOS, &with(&one), &with(&two), &with(&format!("{one}\n{two}")));
}

/// On a thread of its own: a command starts a runtime, which none can inside another.
fn alone<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| scope.spawn(work).join().unwrap())
}

/// Runs the lines of a recipe on the second branch, whose migration is applied to a local database. Where `undo` refuses,
/// what it says is done.
async fn follow(recipe: &[String], package: &Package, database: &mut Database) -> usize {
    let mut refused = 0;
    for line in recipe {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["git", arguments @ ..] => git_ok(package, arguments),
            ["cargo", "authz", "undo"] => {
                let url = database.url.clone();
                let undo = || alone(|| package.run(&["undo", "--database-url", &url]));
                let ran = undo();
                if matches!(ran.result, Ok(Outcome::Found)) {
                    assert!(
                        ran.err.contains("run `cargo sqlx migrate revert` first"),
                        "{}",
                        ran.whole()
                    );
                    refused += 1;
                    // One file is reverted.
                    database.undo(package, 29990101000001).await;
                    assert_fine(&undo());
                } else {
                    assert_fine(&ran);
                }
            }
            ["cargo", "authz", "generate", name] => drop(package.generate(name, &["authz-widens"])),
            other => panic!("the recipe has a line that this test cannot run: {other:?}"),
        }
    }
    refused
}

/// A local database has the migration of the branch `two`, and `main` has got that of `one` meanwhile. A recipe of
/// docs/migrations.md leads to one history that this database and an empty one can run.
fn assert_recipe(number: usize, earlier_first: bool, begin: impl Fn(&Package)) {
    let recipes = recipes("Two branches");
    let package = repository(TODOS);
    let gaps = ["", "29990101000100"];
    let [early, late] = if earlier_first { gaps } else { [gaps[1], gaps[0]] };
    branch(&package, "one", &format!("{TODOS}\n{TAGS}"), early);
    let lists = TODOS.replacen("#[derive(", &format!("{LISTS}\n\n#[derive("), 1);
    branch(&package, "two", &lists, late);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        git_ok(&package, &["checkout", "--quiet", "main"]);
        git_ok(&package, &["merge", "--quiet", "one"]);
        git_ok(&package, &["checkout", "--quiet", "two"]);
        begin(&package);
        assert_eq!(
            follow(recipes.get(number).unwrap(), &package, &mut database).await,
            1
        );
        database.migrate(&package).await;
    });
    let files = package.files();
    assert!(
        files.keys().any(|name| name.contains("_one.")),
        "{:?}",
        files.keys()
    );
    assert!(
        files.keys().any(|name| name.contains("_mine.")),
        "{:?}",
        files.keys()
    );
    assert!(
        !files.keys().any(|name| name.contains("_two.")),
        "{:?}",
        files.keys()
    );
    package.assert_settled();
    assert_fine(&package.run(&["check"]));
    commit(&package, "mine");
    assert_fine(&package.run(&["check", "--no-replay", "--base", "main"]));
}

#[test]
fn the_recipe_for_two_branches_leads_to_one_history() {
    for earlier_first in [true, false] {
        assert_recipe(0, earlier_first, |_| {});
    }
}

#[test]
fn the_recipe_for_a_rebase_leads_to_one_history() {
    for earlier_first in [true, false] {
        assert_recipe(1, earlier_first, |package| {
            let (clean, text) = git(package, &["rebase", "main"]);
            assert!(!clean && text.contains("authz.lock"), "{text}");
        });
    }
}

#[test]
fn a_lock_that_was_merged_by_hand_is_taken_back_to_the_side_without_the_migration() {
    let package = repository(TODOS);
    branch(&package, "one", &format!("{TODOS}\n{TAGS}"), "");
    let there = lock_text(&package);
    let lists = TODOS.replacen("#[derive(", &format!("{LISTS}\n\n#[derive("), 1);
    branch(&package, "two", &lists, "29990101000100");
    let (clean, _) = git(&package, &["merge", "--no-edit", "one"]);
    assert!(!clean);
    // Both sides' tables, under the name of the later file.
    let both = Package::new(&std::fs::read_to_string(package.root().join("src/lib.rs")).unwrap());
    both.generate("both", &[]);
    let lock = lock_text(&both);
    let is_last = |line: &&str| line.starts_with("last_migration = ");
    let last = lock.lines().find(is_last).unwrap();
    package.write(
        "authz.lock",
        &lock.replace(last, "last_migration = \"29990101000101_two\""),
    );
    commit(&package, "merge");
    package.assert_settled();
    undo(&package);
    assert_eq!(lock_text(&package), there);
    let files = package.files();
    assert!(
        files.keys().any(|name| name.contains("_one.")) && !files.keys().any(|name| name.contains("_two."))
    );
}

#[test]
fn a_late_file_is_found_against_the_branch_that_has_newer_ones() {
    let package = repository(TODOS);
    branch(&package, "early", &format!("{TODOS}\n{TAGS}"), "");
    branch(&package, "late", &format!("{TODOS}\n{LISTS}"), "29990101000100");
    git_ok(&package, &["checkout", "--quiet", "main"]);
    git_ok(&package, &["merge", "--quiet", "late"]);
    git_ok(&package, &["checkout", "--quiet", "early"]);
    package.models(&format!("{TODOS}\n{TAGS}"));

    assert_fine(&package.run(&["check", "--no-replay"]));
    assert_fine(&package.run(&["check", "--no-replay", "--base", "early"]));
    let ran = package.run(&["check", "--no-replay", "--base", "main"]);
    assert_found(
        &ran,
        "29990101000002_early.up.sql\n    is new, and not later than `29990101000101_late.up.sql` of `main`",
    );

    // A hand-written one comes as late.
    package.write("29990101000050_by_hand.sql", "SELECT 3;");
    let ran = package.run(&["check", "--no-replay", "--base", "main"]);
    assert_found(&ran, "29990101000050_by_hand.sql\n    is new");
}

#[test]
fn a_merged_file_that_was_changed_is_found() {
    let package = repository(TODOS);
    assert_fine(&package.run(&["check", "--no-replay", "--base", "HEAD"]));
    edit(&package.migrations().join(START), "SELECT 1", "SELECT 11");
    let ran = package.run(&["check", "--no-replay", "--base", "HEAD"]);
    assert_found(&ran, "29990101000000_start.sql\n    is not what it is in `HEAD`");
}

#[test]
fn a_lock_that_is_older_than_the_migrations_is_found_and_nothing_is_generated_from_it() {
    let package = repository(TODOS);
    let before = lock_text(&package);
    package.models(&format!("{TODOS}\n{TAGS}"));
    package.generate("tags", &[]);
    let after = lock_text(&package);

    package.write("authz.lock", &before);
    let ran = package.run(&["check", "--no-replay"]);
    assert_found(
        &ran,
        "29990101000002_tags.up.sql\n    is newer than `29990101000001_base`",
    );
    let ran = package.run(&["generate", "again"]);
    assert!(
        matches!(ran.result, Err(CommandError::History(_))),
        "{}",
        ran.whole()
    );

    package.write("authz.lock", &after);
    std::fs::remove_file(package.migrations().join("29990101000002_tags.up.sql")).unwrap();
    let ran = package.run(&["check", "--no-replay"]);
    assert_found(
        &ran,
        "29990101000002_tags\n    is what `authz.lock` names as its last migration",
    );
}

#[test]
fn two_files_of_one_version_are_found() {
    let package = repository(TODOS);
    package.write("29990101000001_other.sql", "SELECT 3;");
    let ran = package.run(&["check", "--no-replay"]);
    assert_found(
        &ran,
        "29990101000001_other.sql\n    has the version of `29990101000001_base.up.sql`",
    );
}

#[test]
fn a_lock_of_before_is_read_and_gets_no_migration_for_its_missing_line() {
    let package = repository(TODOS);
    let lock = lock_text(&package);
    let line = "last_migration = \"29990101000001_base\"\n";
    assert!(lock.contains(line), "{lock}");
    package.write("authz.lock", &lock.replace(line, ""));
    package.assert_settled();
    assert_fine(&package.run(&["check"]));
    package.models(&format!("{TODOS}\n{TAGS}"));
    package.generate("tags", &[]);
    assert!(lock_text(&package).contains("last_migration = \"29990101000002_tags\"\n"));
}

#[test]
fn a_base_that_git_does_not_know_is_an_error_that_says_why() {
    let package = repository(TODOS);
    let base = |base: &str| {
        let ran = package.run(&["check", "--no-replay", &format!("--base={base}")]);
        let Err(CommandError::Base(error)) = ran.result else {
            panic!("{}", ran.whole())
        };
        error.to_string()
    };
    assert!(base("origin/main").starts_with("git knows no commit `origin/main`"));
    assert!(base("--output=x").starts_with("git knows no commit `--output=x`"));
    std::fs::remove_dir_all(package.root().join(".git")).unwrap();
    assert!(base("main").contains("is in no git repository"));
}
