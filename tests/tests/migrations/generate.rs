//! `cargo authz generate`: what it writes, and what it does not.

use authz_cli::command::{CommandError, Outcome};

use crate::package::{Package, TODOS};

#[test]
fn versions_follow_the_folder() {
    let stamped = Package::new(TODOS);
    let path = stamped.generate("create_todos", &[]);
    let name = path.file_name().unwrap().to_str().unwrap();
    let (version, rest) = name.split_once('_').unwrap();
    assert_eq!((version.len(), rest), (14, "create_todos.up.sql"));
    assert_eq!(stamped.files().len(), 3, "{:?}", stamped.files().keys());

    let counted = Package::new(TODOS);
    counted.write("0001_extensions.sql", "CREATE EXTENSION citext;");
    assert!(
        counted
            .generate("create_todos", &[])
            .ends_with("0002_create_todos.up.sql")
    );
    counted.models(&TODOS.replace("default = \"false\"", "default = \"true\""));
    assert!(counted.generate("default", &[]).ends_with("0003_default.up.sql"));
}

#[test]
fn two_migrations_within_a_second_have_two_versions() {
    let package = Package::new(TODOS);
    let first = package.generate("one", &[]);
    package.models(&TODOS.replace("default = \"false\"", "default = \"true\""));
    let second = package.generate("two", &[]);
    assert!(first.file_name() < second.file_name());
}

#[test]
fn a_dry_run_prints_both_files_and_writes_nothing() {
    let package = Package::new(TODOS);
    let ran = package.run(&["generate", "create_todos", "--dry-run"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(ran.out.contains("CREATE TABLE public.todos") && ran.out.contains("DROP TABLE public.todos"));
    assert!(package.files().is_empty());
}

#[test]
fn a_mistake_in_the_models_is_shown_with_its_place_and_nothing_is_written() {
    let package = Package::new(&TODOS.replace("char_length(task) > 0", "char_length(tsk) > 0"));
    let ran = package.run(&["generate", "create_todos"]);
    assert!(
        matches!(ran.result, Err(CommandError::Models(_))),
        "{}",
        ran.whole()
    );
    assert!(
        ran.err.contains("src/lib.rs:19") && ran.err.contains("did you mean `task`?"),
        "{}",
        ran.whole()
    );
    assert!(package.files().is_empty());
}

#[test]
fn the_files_say_what_is_dangerous_and_what_cannot_come_back() {
    let package = Package::new(TODOS);
    let created = package.generate("create_todos", &[]);
    let files = package.files();
    assert!(!files[created.file_name().unwrap().to_str().unwrap()].contains("-- hazard"));
    package.models(&TODOS.replace(
        "#[column(default = \"false\")]\n    pub(crate) is_complete: bool,",
        "",
    ));
    let dropped = package.generate("drop_is_complete", &["data-loss"]);
    let name = dropped.file_name().unwrap().to_str().unwrap().to_owned();
    let files = package.files();
    assert!(files[&name].contains("\n-- hazard data-loss: drops the column public.todos.is_complete\n"));
    assert!(files[&name.replace(".up.", ".down.")].contains(
        "\n-- Cannot bring back what the up file lost: it drops the column public.todos.is_complete.\n"
    ));
}
