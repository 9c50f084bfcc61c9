//! `cargo authz init`: what it writes, and what it leaves as it is.

use std::fs;

use authz_cli::command::Outcome;
use authz_schema::config::Config;

use crate::package::{Package, Ran, TODOS};

fn init(package: &Package, arguments: &[&str]) -> Ran {
    let ran = package.run(&[&["init"], arguments].concat());
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    ran
}

#[test]
fn a_package_gets_a_configuration_and_a_folder_once() {
    let package = Package::new(TODOS);
    let ran = init(&package, &[]);
    let file = package.root().join("authz.toml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(package.migrations().is_dir());
    assert!(
        ran.out.contains("authz.toml\n") && ran.out.contains("migrations\n"),
        "{}",
        ran.whole()
    );
    assert!(
        ran.err.contains("cargo authz generate") && !ran.err.contains("cargo add"),
        "{}",
        ran.whole()
    );

    fs::write(&file, "# mine\n").unwrap();
    let ran = init(&package, &["--platform", "neon"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "# mine\n");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("is there already"), "{}", ran.whole());

    fs::write(&file, text).unwrap();
    package.generate("create", &[]);
}

#[test]
fn the_folder_is_the_one_of_sqlx() {
    let package = Package::new(TODOS);
    fs::write(
        package.root().join("sqlx.toml"),
        "[migrate]\nmigrations-dir = \"db/changes\"\n",
    )
    .unwrap();
    init(&package, &[]);
    assert!(package.root().join("db/changes").is_dir() && !package.migrations().exists());
}

#[test]
fn a_package_without_the_dependency_is_told_how_to_add_it() {
    let package = Package::new("");
    let manifest = "[package]\nname = \"bare\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(package.root().join("Cargo.toml"), manifest).unwrap();
    let ran = init(&package, &["--platform", "supabase"]);
    assert!(ran.err.contains("    cargo add authz-core\n"), "{}", ran.whole());
    assert_eq!(
        fs::read_to_string(package.root().join("Cargo.toml")).unwrap(),
        manifest
    );
    let text = fs::read_to_string(package.root().join("authz.toml")).unwrap();
    assert!(text.contains("\nplatform = \"supabase\"\n"), "{text}");
}

#[test]
fn every_key_that_the_configuration_shows_is_one() {
    let package = Package::new("");
    init(&package, &[]);
    let text = fs::read_to_string(package.root().join("authz.toml")).unwrap();
    // A line of a key has no space behind its `#`.
    let shown: String = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    Config::parse(&shown).unwrap_or_else(|error| panic!("{error}"));
    let config = Config::parse(&text).unwrap();
    let login_role = config.login_role.clone();
    let others = Config {
        login_role: None,
        ..config
    };
    assert_eq!(others, Config::default());
    assert_eq!(login_role.unwrap().as_str(), "models_authenticator");
    let keys: toml::Table = shown.parse().unwrap();
    let keys: Vec<&String> = keys.keys().collect();
    assert_eq!(
        keys,
        [
            "existing_schemas",
            "lock_timeout",
            "login_role",
            "platform",
            "roles"
        ]
    );
}

#[test]
fn each_application_has_a_login_role_of_its_own_and_platforms_keep_theirs() {
    let package = Package::new(TODOS);
    init(&package, &[]);
    let up = fs::read_to_string(package.generate("create", &[])).unwrap();
    assert!(
        up.contains("CREATE ROLE models_authenticator LOGIN NOINHERIT;"),
        "{up}"
    );

    let platform = Package::new(TODOS);
    init(&platform, &["--platform", "neon"]);
    let text = fs::read_to_string(platform.root().join("authz.toml")).unwrap();
    assert!(text.contains("\n#login_role = \"authenticator\"\n"), "{text}");

    // A project without the key stays as it is.
    let before = Package::new(TODOS);
    let up = fs::read_to_string(before.generate("create", &[])).unwrap();
    assert!(up.contains("CREATE ROLE authenticator LOGIN NOINHERIT;"), "{up}");
}
