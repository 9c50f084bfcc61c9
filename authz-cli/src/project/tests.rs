use std::error::Error as _;

use super::*;
use crate::fixture::{Fixture, MANIFEST};

const WORKSPACE: &str = "[workspace]\nmembers = [\"a\", \"b\"]\nresolver = \"3\"\n";
const PLAIN: &str = "[package]\nname = \"a\"\nedition = \"2021\"\n";

fn features(fixture: &Fixture, change: impl FnOnce(&mut ProjectOptions)) -> Vec<String> {
    let mut options = fixture.options();
    change(&mut options);
    Project::find(&options).unwrap().features.into_iter().collect()
}

#[test]
fn features_are_those_selected_and_those_that_they_turn_on() {
    let fixture = Fixture::new(&[("src/lib.rs", "")]);
    assert_eq!(features(&fixture, |_| {}), ["base", "deep", "default"]);
    assert_eq!(
        features(&fixture, |options| options.no_default_features = true),
        [""; 0]
    );
    assert_eq!(
        features(&fixture, |options| {
            options.no_default_features = true;
            options.features = vec!["extra, base".to_owned()];
        }),
        ["base", "deep", "extra"]
    );
    assert_eq!(
        features(&fixture, |options| options.all_features = true),
        ["base", "deep", "default", "extra"]
    );
}

#[test]
fn an_optional_dependency_is_a_feature_when_something_turns_it_on() {
    let manifest = "[package]\nname = \"a\"\n[features]\nweb = [\"server/tls\", \"log?/std\"]\n[dependencies]\n\
                    server = { path = \"x\", optional = true }\nlog = { path = \"y\", optional = true }\n";
    let fixture = Fixture::new(&[("Cargo.toml", manifest), ("src/lib.rs", "")]);
    assert_eq!(
        features(&fixture, |options| options.features = vec!["web".to_owned()]),
        ["server", "web"]
    );
}

#[test]
fn a_feature_that_the_package_lacks_is_refused() {
    let fixture = Fixture::new(&[("src/lib.rs", "")]);
    let options = ProjectOptions {
        features: vec!["extras".to_owned()],
        ..fixture.options()
    };
    let error = Project::find(&options).unwrap_err();
    assert_eq!(error.to_string(), "the package `todo` has no feature `extras`");
}

#[test]
fn targets_are_the_library_and_the_binaries_that_are_built() {
    let manifest = format!(
        "{MANIFEST}\n[[bin]]\nname = \"more\"\npath = \"src/more.rs\"\nrequired-features = [\"extra\"]\n"
    );
    let fixture = Fixture::new(&[
        ("Cargo.toml", &manifest),
        ("src/lib.rs", ""),
        ("src/main.rs", ""),
        ("src/more.rs", ""),
        ("src/bin/tool.rs", ""),
        ("examples/one.rs", ""),
        ("tests/two.rs", ""),
        ("benches/three.rs", ""),
        ("build.rs", ""),
    ]);
    let targets = fixture.project().targets;
    let mut roots: Vec<_> = targets.iter().map(|target| target.root.clone()).collect();
    roots.sort();
    assert_eq!(
        roots,
        ["src/bin/tool.rs", "src/lib.rs", "src/main.rs"].map(|path| fixture.path(path))
    );
    let tool = targets
        .iter()
        .find(|target| target.root.ends_with("tool.rs"))
        .unwrap();
    assert_eq!(tool.cargo_flags, ["--bin", "tool"]);
    assert!(targets[0].is_library());
}

#[test]
fn the_migrations_folder_is_source_then_sqlx_toml_then_the_default() {
    let plain = Fixture::new(&[("src/lib.rs", "")]);
    assert_eq!(plain.project().migrations, plain.path("migrations"));

    let toml = "[common]\ndatabase-url-var = \"X\"\n[migrate]\nmigrations-dir = \"db/steps\"\n";
    let fixture = Fixture::new(&[("src/lib.rs", ""), ("sqlx.toml", toml)]);
    assert_eq!(fixture.project().migrations, fixture.path("db/steps"));

    let options = ProjectOptions {
        source: Some("elsewhere".into()),
        ..fixture.options()
    };
    let expected = std::env::current_dir().unwrap().join("elsewhere");
    assert_eq!(Project::find(&options).unwrap().migrations, expected);
}

#[test]
fn a_sqlx_toml_that_is_no_toml_is_refused() {
    let fixture = Fixture::new(&[("src/lib.rs", ""), ("sqlx.toml", "[migrate")]);
    let error = Project::find(&fixture.options()).unwrap_err();
    assert!(
        error.to_string().ends_with("sqlx.toml` is not a valid sqlx.toml"),
        "{error}"
    );
    assert!(error.source().is_some());
}

#[test]
fn a_workspace_with_several_packages_needs_package() {
    let fixture = Fixture::new(&[
        ("Cargo.toml", WORKSPACE),
        ("a/Cargo.toml", PLAIN),
        ("a/src/lib.rs", ""),
        ("b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ("b/src/lib.rs", ""),
    ]);
    let error = Project::find(&fixture.options()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the workspace has several packages: `a`, `b`; choose one with `--package`"
    );
    let chosen = ProjectOptions {
        package: Some("a".to_owned()),
        ..fixture.options()
    };
    let project = Project::find(&chosen).unwrap();
    assert_eq!((project.name.as_str(), project.edition.as_str()), ("a", "2021"));
    assert_eq!(project.root, fixture.path("a"));

    let missing = ProjectOptions {
        package: Some("c".to_owned()),
        ..fixture.options()
    };
    let error = Project::find(&missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the workspace has no package `c`; it has `a`, `b`"
    );
}

#[test]
fn the_one_package_that_uses_authz_is_chosen() {
    let user = MANIFEST.replace("\"todo\"", "\"b\"").replace(
        "authz-core =",
        "rows = { package = \"authz-core\", version = \"0.1\" } #",
    );
    let fixture = Fixture::new(&[
        ("Cargo.toml", WORKSPACE),
        ("a/Cargo.toml", PLAIN),
        ("a/src/lib.rs", ""),
        ("b/Cargo.toml", &user),
        ("b/src/lib.rs", ""),
    ]);
    let project = fixture.project();
    assert_eq!(
        (project.name.as_str(), project.authz_crate.as_str()),
        ("b", "rows")
    );
}

#[test]
fn a_broken_manifest_is_reported_in_cargos_words() {
    let fixture = Fixture::new(&[("Cargo.toml", "[package]\nname = 3\n")]);
    let error = Project::find(&fixture.options()).unwrap_err();
    assert_eq!(error.to_string(), "cargo could not read the package");
    assert!(error.source().unwrap().to_string().contains("expected a string"));
}
