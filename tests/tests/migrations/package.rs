//! A package in a temporary folder, with models and migrations.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use authz_cli::cli::{Cargo, CargoCommand};
use authz_cli::command::{self, CommandError, Outcome};
use authz_schema::lock::Lock;
use authz_schema::schema::Schema;
use clap::Parser as _;
use sqlx::migrate::Migrator;

/// The package is read, never compiled: nothing fetches what it depends on.
const MANIFEST: &str = "\
[package]
name = \"models\"
version = \"0.0.0\"
edition = \"2024\"

[dependencies]
authz = { package = \"authz-core\", version = \"0.1\" }

[workspace]
";

/// To-do items with one policy for each command.
pub(crate) const TODOS: &str = include_str!("../../schemas/todos.rs");
/// Tenants and users, found by claims that are text while the keys are numbers.
pub(crate) const TENANCY: &str = include_str!("../../schemas/tenancy.rs");
/// Notes that may be shared, and paragraphs that follow the note's owner.
pub(crate) const NOTES: &str = include_str!("../../schemas/notes.rs");
/// Projects of the organisation that a typed claim names.
pub(crate) const ORGANISATIONS: &str = include_str!("../../schemas/organisations.rs");

pub(crate) struct Package {
    folder: tempfile::TempDir,
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) result: Result<Outcome, CommandError>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Package {
    /// A package whose library has this source.
    pub(crate) fn new(source: &str) -> Self {
        let package = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fs::write(package.folder.path().join("Cargo.toml"), MANIFEST).unwrap();
        fs::create_dir(package.folder.path().join("src")).unwrap();
        package.models(source);
        package
    }

    /// Replaces the source.
    pub(crate) fn models(&self, source: &str) {
        fs::write(self.folder.path().join("src/lib.rs"), source).unwrap();
    }

    /// Writes `authz.toml`.
    pub(crate) fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("authz.toml"), text).unwrap();
    }

    /// Its Cargo.toml.
    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.path().join("Cargo.toml")
    }

    /// Writes a file of the package.
    pub(crate) fn file(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Removes a file of the package.
    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.folder.path().join(path)).unwrap();
    }

    /// Asserts that `cargo authz check` finds that models, lock and migrations agree.
    pub(crate) fn assert_checked(&self) {
        // A thread of its own: the command starts a runtime, and the test may be on one.
        let ran = std::thread::scope(|scope| scope.spawn(|| self.run(&["check"])).join().unwrap());
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    }

    /// Runs `cargo authz` with these arguments on the package.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let manifest = self.manifest();
        let manifest = ["--manifest-path", manifest.to_str().unwrap()];
        let line = ["cargo", "authz"].iter().chain(arguments).chain(&manifest);
        let CargoCommand::Authz(parsed) = Cargo::try_parse_from(line).unwrap().command;
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let result = command::run(&parsed.command, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran {
            result,
            out: text(out),
            err: text(err),
        }
    }

    /// Runs `cargo authz generate`, which must write a migration, and returns the path of its up file.
    pub(crate) fn generate(&self, name: &str, allow: &[&str]) -> PathBuf {
        let flags = allow.iter().flat_map(|hazard| ["--allow", hazard]);
        let arguments: Vec<&str> = ["generate", name].into_iter().chain(flags).collect();
        let before = self.files();
        let ran = self.run(&arguments);
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{name}: {}", ran.whole());
        let written = self
            .files()
            .into_keys()
            .find(|name| name.ends_with(".up.sql") && !before.contains_key(name));
        self.migrations()
            .join(written.unwrap_or_else(|| panic!("{name} wrote nothing: {}", ran.whole())))
    }

    /// Runs `cargo authz generate` with consent to everything, and returns what it said.
    pub(crate) fn generate_all(&self, name: &str) -> String {
        let allow = ["data-loss", "rls-disable", "authz-widens"].into_iter();
        let arguments: Vec<&str> = ["generate", name]
            .into_iter()
            .chain(allow.flat_map(|hazard| ["--allow", hazard]))
            .collect();
        let ran = self.run(&arguments);
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
        ran.err
    }

    /// Asserts that the next `generate` finds nothing to do and writes nothing.
    pub(crate) fn assert_settled(&self) {
        let before = self.files();
        let ran = self.run(&["generate", "again"]);
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
        assert!(ran.err.starts_with("nothing to do"), "{}", ran.whole());
        assert_eq!(self.files(), before);
    }

    /// The package's folder.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of migrations.
    pub(crate) fn migrations(&self) -> PathBuf {
        self.folder.path().join("migrations")
    }

    /// Writes a file into the folder of migrations.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.migrations()).unwrap();
        fs::write(self.migrations().join(name), text).unwrap();
    }

    /// The files in the folder of migrations with their texts.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let Ok(entries) = fs::read_dir(self.migrations()) else {
            return BTreeMap::new();
        };
        entries
            .map(|entry| {
                let entry = entry.unwrap();
                let text = fs::read_to_string(entry.path()).unwrap();
                (entry.file_name().into_string().unwrap(), text)
            })
            .collect()
    }

    /// The latest migration, for a failing test.
    pub(crate) fn shown(&self) -> String {
        let files = self
            .files()
            .into_iter()
            .filter(|(name, _)| name.ends_with(".sql"));
        let mut files: Vec<String> = files.map(|(name, text)| format!("── {name}\n{text}")).collect();
        files.split_off(files.len().saturating_sub(2)).join("\n")
    }

    /// What the lock declares.
    pub(crate) fn lock(&self) -> Schema {
        let text = fs::read_to_string(self.migrations().join("authz.lock")).unwrap();
        Lock::from_text(&text).unwrap().schema
    }

    /// The versions of the migrations, the oldest first.
    pub(crate) async fn versions(&self) -> Vec<i64> {
        let migrator = self.migrator().await;
        let ups = migrator
            .iter()
            .filter(|migration| !migration.migration_type.is_down_migration());
        ups.map(|migration| migration.version).collect()
    }

    /// The migrations as sqlx reads them.
    pub(crate) async fn migrator(&self) -> Migrator {
        Migrator::new(self.migrations().as_path()).await.unwrap()
    }
}

impl Ran {
    /// All that the command said, for a failing test.
    pub(crate) fn whole(&self) -> String {
        format!("{:?}\n--- out\n{}\n--- err\n{}", self.result, self.out, self.err)
    }
}

/// Replaces a piece of a file, which must be there.
pub(crate) fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{from} is not in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}
