//! Collects the models of a package from its source, following its module tree.
//!
//! The package need not compile, and no compiler runs. The price is that some tables could stand where only the
//! compiler sees them: inside macros, behind a `cfg` that is no feature, in a file that a build script writes. Each
//! such place is an error with its position.
//!
//! **Invariant:** a table that the compiler would see is either in the result or behind one of the errors. The one
//! exception is a macro of another crate that writes whole tables.

mod cfg;
mod macros;
mod model;
mod names;
mod place;
mod visit;
mod walk;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::project::{Project, Target};

/// One struct or enum that derives `Table`, `Type` or `Claims`, or an alias of a type.
#[derive(Debug, Clone)]
pub struct Model {
    /// What it is a model of.
    pub declares: Declares,
    /// Its file, relative to the current folder if it lies in it.
    pub file: PathBuf,
    /// What the derive is given: `cfg` and `cfg_attr` are resolved, `derive` attributes are gone.
    pub input: syn::DeriveInput,
    /// The line of its name, from 1.
    pub line: usize,
    /// The column of its name, in characters from 1.
    pub column: usize,
    /// Whether the compiler gave it: then its tokens do not know where they stand in the file.
    pub expanded: bool,
}

impl Model {
    /// A message at its name.
    #[must_use]
    pub fn at(&self, message: String) -> ScanError {
        ScanError {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            message,
            hidden: false,
        }
    }
}

/// What a model is a model of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Declares {
    /// `#[derive(Table)]`: a table.
    Table,
    /// `#[derive(Type)]`: an SQL type.
    Type,
    /// `type X = Y;`, as `struct X(Y);`: another name of a type.
    Alias,
    /// `#[derive(Claims)]`: claims of a token.
    Claims,
}

impl Declares {
    fn word(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Type | Self::Alias => "type",
            Self::Claims => "struct of claims",
        }
    }
}

/// A place that keeps the scan from being complete.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ScanError {
    /// The file, relative to the current folder if it lies in it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// What stands there and what to write instead.
    pub message: String,
    /// Whether the compiler sees what the scan does not: then `--expand` does too.
    pub hidden: bool,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.message
        )
    }
}

impl std::error::Error for ScanError {}

/// Collects the models of `project`, sorted by file and position. A struct that several targets reach is one model.
///
/// # Errors
///
/// Every place that keeps the result from being complete, sorted by file and position.
pub fn scan(project: &Project) -> Result<Vec<Model>, Vec<ScanError>> {
    let (models, errors) = scan_targets(project, &project.targets);
    if errors.is_empty() {
        Ok(models)
    } else {
        Err(errors)
    }
}

/// Collects the models of some targets as far as it sees them, and the places that keep that from being complete.
pub fn scan_targets<'t>(
    project: &Project,
    targets: impl IntoIterator<Item = &'t Target>,
) -> (Vec<Model>, Vec<ScanError>) {
    let mut walk = walk::Walk::new(project);
    for target in targets {
        walk.target(&target.root);
    }
    walk.finish()
}

/// Returns `path` as messages show it: relative to the current folder if it lies in it.
pub(crate) fn shown(path: &Path) -> PathBuf {
    // `a/../b.rs` of a `#[path]` is shown as `b.rs`.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let current = std::env::current_dir()
        .and_then(|folder| folder.canonicalize())
        .unwrap_or_default();
    path.strip_prefix(current).map_or(path.clone(), Path::to_path_buf)
}

#[cfg(test)]
mod tests;
