//! Collects the models of a package by the derive itself: rustc expands the package, and the derive writes down what it is given.
//!
//! It sees what the scan cannot: structs that macros write, files that a build script makes, any `cfg`. It runs before
//! names and types are checked, so that the package need not compile; but every file must be Rust, and dependencies must
//! compile. What rustc could not expand is an error, never an omission.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use authz_schema::collect::{CollectedItem, EXTENSION, FOLDER_VARIABLE};
use quote::ToTokens as _;
use serde::Serialize;
use serde_json::Value;
use syn::{Data, Fields};

use crate::progress::stage;
use crate::project::{Project, Target};
use crate::scan::{Declares, Model, ScanError, scan_targets, shown};

/// What the derive was given.
#[derive(Debug)]
pub struct Collected {
    /// The models, sorted by file and position.
    pub models: Vec<Model>,
    /// What the scan saw otherwise.
    pub unseen: Vec<Unseen>,
}

/// A struct that the scan and the compiler do not see alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unseen {
    /// Its name.
    pub name: String,
    /// Its file.
    pub file: PathBuf,
    /// The line of its name.
    pub line: usize,
    /// Who sees it.
    pub seen_by: SeenBy,
}

/// Who sees a struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenBy {
    /// The scan of the source, and not the compiler.
    Scan,
    /// The compiler, and not the scan.
    Expand,
    /// Both, with other fields or attributes.
    BothOtherwise,
}

/// Why the package cannot be expanded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExpandError {
    /// Files that are missing or not Rust.
    #[error("the source has mistakes that keep it from being expanded")]
    Source(Vec<ScanError>),
    /// The folder for what the derive writes cannot be made or read.
    #[error("what the derive wrote cannot be read")]
    Folder(#[from] io::Error),
    /// cargo does not run.
    #[error("cargo cannot be run")]
    Cargo(#[source] io::Error),
    /// rustc ended before all was expanded, or cargo before rustc began.
    #[error("{target} cannot be expanded; cargo says:\n{output}")]
    Target {
        /// Which library or binary.
        target: String,
        /// The end of what cargo and rustc said.
        output: String,
    },
    /// A file in the folder is not what the derive writes.
    #[error("the package's `authz-derive` is of another version than this program; update one of them")]
    Version,
}

/// Collects the models of `project` as rustc gives them to the derive.
///
/// # Errors
///
/// See [`ExpandError`]: all that keeps the result from being complete.
pub fn collect(project: &Project) -> Result<Collected, ExpandError> {
    let (scanned, errors) = scan_targets(project, &project.targets);
    let (hidden, broken): (Vec<_>, Vec<_>) = errors.into_iter().partition(|error| error.hidden);
    if !broken.is_empty() {
        return Err(ExpandError::Source(broken));
    }
    let folder = tempfile::tempdir()?;
    let mut models = Vec::new();
    let mut library_failed = false;
    for (number, target) in project.targets.iter().enumerate() {
        let expanded = expand(project, target, folder.path(), number)?;
        if expanded.to_the_end {
            library_failed |= !expanded.compiles && target.is_library();
            continue;
        }
        // Cargo does not begin with a binary whose library fails. What the scan sees of it is then all there is, if nothing
        // is hidden from it.
        let (seen, errors) = scan_targets(project, [target]);
        if !library_failed || !errors.is_empty() {
            return Err(ExpandError::Target {
                target: target.cargo_flags.join(" "),
                output: expanded.output,
            });
        }
        models.extend(seen.into_iter().filter(|model| model.declares != Declares::Alias));
    }
    let mut expanded = read(project, folder.path())?;
    let mut unseen = Vec::new();
    // No derive stands on an alias.
    let (aliases, scanned): (Vec<_>, Vec<_>) = scanned
        .into_iter()
        .partition(|model| model.declares == Declares::Alias);
    let mut found: HashMap<_, &Model> = scanned.iter().map(|model| (key(model), model)).collect();
    for model in &mut expanded {
        let same = found.remove(&key(model));
        match same {
            // The scan's tokens know their places.
            Some(same) if text(same) == text(model) => model.clone_from(same),
            Some(_) => unseen.push(Unseen::of(model, SeenBy::BothOtherwise)),
            None if hidden.is_empty() => unseen.push(Unseen::of(model, SeenBy::Expand)),
            None => {}
        }
    }
    for model in &models {
        found.remove(&key(model));
    }
    unseen.extend(found.values().map(|model| Unseen::of(model, SeenBy::Scan)));
    unseen.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    models.retain(|model| !expanded.iter().any(|other| key(other) == key(model)));
    models.append(&mut expanded);
    models.extend(aliases);
    models.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Ok(Collected { models, unseen })
}

fn key(model: &Model) -> (String, PathBuf, usize, usize) {
    (
        model.input.ident.to_string(),
        model.file.clone(),
        model.line,
        model.column,
    )
}

/// The tokens, without the comma after the last field, which the scan does not keep.
fn text(model: &Model) -> String {
    let mut input = model.input.clone();
    match &mut input.data {
        Data::Struct(data) => match &mut data.fields {
            Fields::Named(fields) => _ = fields.named.pop_punct(),
            Fields::Unnamed(fields) => _ = fields.unnamed.pop_punct(),
            Fields::Unit => {}
        },
        Data::Enum(data) => _ = data.variants.pop_punct(),
        Data::Union(data) => _ = data.fields.named.pop_punct(),
    }
    input.to_token_stream().to_string()
}

impl Unseen {
    fn of(model: &Model, seen_by: SeenBy) -> Self {
        Self {
            name: model.input.ident.to_string(),
            file: model.file.clone(),
            line: model.line,
            seen_by,
        }
    }
}

/// What cargo did with a target.
struct Expanded {
    /// Whether rustc expanded all of it. It writes the dependencies after that, and not before.
    to_the_end: bool,
    compiles: bool,
    output: String,
}

fn expand(project: &Project, target: &Target, folder: &Path, number: usize) -> Result<Expanded, ExpandError> {
    stage(format_args!(
        "expanding {} of {}",
        target.cargo_flags.join(" "),
        project.name
    ));
    let dependencies = folder.join(format!("{number}.d"));
    // A path that no run before had: it makes rustc run although nothing has changed.
    let mut emit = OsString::from("--emit=dep-info=");
    emit.push(&dependencies);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "rustc",
            "--profile=check",
            "--message-format=json",
            "--color=never",
        ])
        .args(&project.cargo_flags)
        .args(&target.cargo_flags)
        .arg("--")
        .arg(emit)
        .env(FOLDER_VARIABLE, folder)
        .current_dir(&project.root)
        .output()
        .map_err(ExpandError::Cargo)?;
    let mut errors = String::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let at = |path: &str| message.pointer(path).and_then(Value::as_str);
        if at("/message/level") == Some("error") {
            errors.push_str(at("/message/rendered").unwrap_or_default());
        }
        // This run's own file: no other build has use for it.
        if at("/reason") == Some("compiler-artifact")
            && at("/target/src_path").map(Path::new) == Some(&target.root)
        {
            let files = message.pointer("/filenames").and_then(Value::as_array);
            for file in files.into_iter().flatten().filter_map(Value::as_str) {
                drop(fs::remove_file(file));
            }
        }
    }
    errors.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok(Expanded {
        to_the_end: dependencies.is_file(),
        compiles: output.status.success(),
        output: last_lines(&errors, 40),
    })
}

fn last_lines(text: &str, number: usize) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
    let skipped = lines.len().saturating_sub(number);
    lines.into_iter().skip(skipped).collect::<Vec<_>>().join("\n")
}

/// Reads what the derive wrote for the package.
fn read(project: &Project, folder: &Path) -> Result<Vec<Model>, ExpandError> {
    let mut models = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != EXTENSION) {
            continue;
        }
        let item = CollectedItem::from_text(&fs::read_to_string(&path)?).ok_or(ExpandError::Version)?;
        // A dependency of the workspace may have models too; they are not this package's.
        if !same_folder(Path::new(&item.package), &project.root) {
            continue;
        }
        models.push(Model {
            declares: match item.derive.as_str() {
                "Table" => Declares::Table,
                "Type" => Declares::Type,
                "Claims" => Declares::Claims,
                _ => return Err(ExpandError::Version),
            },
            file: shown(Path::new(&item.file)),
            input: syn::parse_str(&item.tokens).map_err(|_error| ExpandError::Version)?,
            line: item.line,
            column: item.column,
            expanded: true,
        });
    }
    Ok(models)
}

fn same_folder(one: &Path, other: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    canonical(one) == canonical(other)
}
