//! Packages in a temporary folder, for tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::project::{Project, ProjectOptions};
use crate::scan::{Model, ScanError, scan};

pub(crate) const MANIFEST: &str = r#"
[package]
name = "todo"
version = "0.0.0"
edition = "2024"

[features]
default = ["base"]
base = ["deep"]
deep = []
extra = []

[dependencies]
authz-core = "0.1"
"#;

/// A struct named `$name` that is a model.
macro_rules! table {
    ($name:literal) => {
        concat!(
            "#[derive(authz::Table)] #[rls(select = \"true\")] struct ",
            $name,
            " { id: i64 }\n"
        )
    };
}
pub(crate) use table;

pub(crate) struct Fixture {
    folder: tempfile::TempDir,
}

impl Fixture {
    /// Writes `files` into a new folder, and a `Cargo.toml` unless it is among them.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let fixture = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        fixture.write("Cargo.toml", MANIFEST);
        for (path, text) in files {
            fixture.write(path, text);
        }
        fixture
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    pub(crate) fn options(&self) -> ProjectOptions {
        ProjectOptions {
            manifest_path: Some(self.path("Cargo.toml")),
            ..ProjectOptions::default()
        }
    }

    pub(crate) fn project(&self) -> Project {
        Project::find(&self.options()).unwrap()
    }

    pub(crate) fn scan(&self) -> Result<Vec<Model>, Vec<ScanError>> {
        scan(&self.project())
    }

    /// The names of the models.
    pub(crate) fn models(&self) -> Vec<String> {
        let models = self.scan().unwrap_or_else(|errors| panic!("{errors:#?}"));
        models.iter().map(|model| model.input.ident.to_string()).collect()
    }

    /// The errors, with paths relative to the package.
    pub(crate) fn errors(&self) -> Vec<String> {
        let root = format!("{}/", self.path("").display()).replace("//", "/");
        let errors = self.scan().err().unwrap_or_default();
        errors
            .iter()
            .map(|error| error.to_string().replace(&root, ""))
            .collect()
    }
}
