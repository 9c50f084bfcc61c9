//! The functions that policies call: one file each, in `authz/sql` beside `Cargo.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use authz_schema::schema::Function;
use authz_schema::types;
use authz_sql::Signature;
use authz_sql::function::{FunctionError, parse_function};

use crate::diagnostics::Diagnostic;
use crate::scan::{ScanError, shown};

/// The folder, relative to the package's.
pub const FOLDER: &str = "authz/sql";

/// Reads the functions of the package in `root` with their files, in the order of these.
///
/// # Errors
///
/// Every file that cannot be read, or is not exactly one function.
pub fn read(root: &Path) -> Result<Vec<(PathBuf, Function)>, Vec<Diagnostic>> {
    let mut functions: Vec<(PathBuf, Function)> = Vec::new();
    let mut places: BTreeMap<Signature, PathBuf> = BTreeMap::new();
    let mut diagnostics = Vec::new();
    let folder = root.join(FOLDER);
    let files = match files(&folder) {
        Ok(files) => files,
        Err(error) => {
            return Err(vec![mistake(
                &folder,
                "",
                0,
                format!("the folder cannot be read: {error}"),
            )]);
        }
    };
    for path in files {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                diagnostics.push(mistake(&path, "", 0, format!("the file cannot be read: {error}")));
                continue;
            }
        };
        match parse_function(&text).map(Function::from) {
            Err(FunctionError { message, offset }) => {
                diagnostics.push(mistake(&path, &text, offset, message));
            }
            Ok(function) => {
                let signature = function.signature.clone();
                let arguments = signature.arguments.split(", ").map(types::canonical);
                // `f(int)` is `f(integer)`.
                let same = Signature {
                    arguments: arguments.collect::<Vec<_>>().join(", "),
                    ..signature.clone()
                };
                if let Some(other) = places.insert(same, path.clone()) {
                    let message = format!("the function {signature} is in `{}` already", other.display());
                    diagnostics.push(mistake(&path, &text, 0, message));
                }
                functions.push((path, function));
            }
        }
    }
    if diagnostics.is_empty() {
        Ok(functions)
    } else {
        Err(diagnostics)
    }
}

/// The `.sql` files of a folder, sorted. A folder that is not there has none.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A mistake at an offset in the text of a file.
pub(crate) fn mistake(path: &Path, text: &str, offset: usize, message: String) -> Diagnostic {
    let before = text.get(..offset).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    ScanError {
        file: shown(path),
        line: before.matches('\n').count() + 1,
        column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
        message,
        hidden: false,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_files(files: &[(&str, &str)]) -> Result<Vec<String>, Vec<String>> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        for (name, text) in files {
            fs::write(root.path().join(FOLDER).join(name), text).unwrap();
        }
        read(root.path())
            .map(|functions| {
                functions
                    .iter()
                    .map(|(_, function)| function.signature.to_string())
                    .collect()
            })
            .map_err(|errors| {
                errors
                    .iter()
                    .map(|error| format!("{}: {}", error.line(), error.message))
                    .collect()
            })
    }

    #[test]
    fn each_file_is_one_function() {
        let files = [
            ("b.sql", "CREATE FUNCTION b(x int) RETURNS int RETURN x;"),
            ("a.sql", "CREATE FUNCTION a() RETURNS int RETURN 1;"),
            ("notes.md", "no function"),
        ];
        assert_eq!(read_files(&files).unwrap(), ["public.a()", "public.b(int)"]);
        assert_eq!(read(Path::new("/nowhere")).unwrap(), []);
    }

    #[test]
    fn mistakes_are_reported_with_their_lines() {
        let files = [
            ("a.sql", "-- one\n\nSELECT 1"),
            ("b.sql", "CREATE FUNCTION f() RETURNS int RETURN 1"),
            ("c.sql", "CREATE FUNCTION f() RETURNS text RETURN 'a'"),
            ("d.sql", "CREATE FUNCTION g(a int, b text) RETURNS int RETURN 1"),
            (
                "e.sql",
                "CREATE FUNCTION g(a integer, b text) RETURNS int RETURN 1",
            ),
            (
                "f.sql",
                "CREATE FUNCTION g(a bigint, b text) RETURNS int RETURN 1",
            ),
        ];
        let errors = read_files(&files).unwrap_err();
        assert_eq!(errors[0], "3: expected one CREATE FUNCTION statement");
        assert!(
            errors[1].starts_with("1: the function public.f() is in `"),
            "{errors:?}"
        );
        assert!(
            errors[2].starts_with("1: the function public.g(integer, text) is in `"),
            "{errors:?}"
        );
        assert_eq!(errors.len(), 3);
    }
}
