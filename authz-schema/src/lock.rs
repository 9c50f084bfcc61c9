//! `authz.lock`: what the migrations so far declare, one attribute a line, to be merged and reviewed like code.

use crate::schema::Schema;

/// The version of the file's format.
const FORMAT: i64 = 1;

const HEADER: &str = "\
# What the migrations in this folder declare. Written by `cargo authz generate`: commit it, and do not edit it.\n";

/// Why a lock cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The text is not TOML, or does not have a lock's keys.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// The file was written by another version.
    #[error("the format {found} is not known; this version of cargo-authz reads format {FORMAT}")]
    Format {
        /// The format that the file names.
        found: i64,
    },
    /// The schema cannot be written as TOML.
    #[error("the lock cannot be written: {0}")]
    Write(#[from] toml::ser::Error),
}

/// The text of the lock for a schema.
///
/// # Errors
///
/// [`LockError::Write`] if TOML cannot hold it, which no schema of ours causes.
pub fn to_text(schema: &Schema) -> Result<String, LockError> {
    Ok(format!(
        "{HEADER}format = {FORMAT}\n{}",
        toml::to_string_pretty(schema)?
    ))
}

/// The schema that a lock's text declares.
///
/// # Errors
///
/// [`LockError::Syntax`] for text that is no lock, such as one with conflict markers of a merge;
/// [`LockError::Format`] for a lock of another version.
pub fn from_text(text: &str) -> Result<Schema, LockError> {
    let mut table: toml::Table = toml::from_str(text)?;
    match table.remove("format").and_then(|format| format.as_integer()) {
        Some(FORMAT) => Ok(table.try_into()?),
        found => Err(LockError::Format {
            found: found.unwrap_or(0),
        }),
    }
}
