//! `authz.lock`: what the migrations so far declare, one attribute a line, to be merged and reviewed like code.

use crate::renames::Renames;
use crate::schema::Schema;

/// The version of the file's format.
const FORMAT: i64 = 1;

const LAST_MIGRATION: &str = "last_migration";

const RINGS: &str = "rings";

const HEADER: &str = "\
# What the migrations in this folder declare. Written by `cargo authz generate`: commit it, and do not edit it.\n";

/// Why a lock cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// The text is not TOML, or does not have a lock's keys.
    #[error(transparent)]
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

/// What `authz.lock` holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lock {
    /// What the migrations declare.
    pub schema: Schema,
    /// The newest migration of ours that is in it: its file name without `.up.sql`. A line that every migration changes,
    /// so that two branches which each add one conflict here, and the conflict names both files. Locks of before
    /// have none.
    pub last_migration: Option<String>,
    /// The renames of models that went round in a ring and are done. Afterwards both names are there, as before, so that
    /// nothing else tells it while the attributes stand.
    pub rings: Renames,
}

impl Lock {
    /// The text of the file.
    ///
    /// # Errors
    ///
    /// [`LockError::Write`] if TOML cannot hold it, which no schema of ours causes.
    pub fn to_text(&self) -> Result<String, LockError> {
        let last = self
            .last_migration
            .as_ref()
            .map(|name| format!("{LAST_MIGRATION} = {}\n", toml::Value::from(name.as_str())));
        let rings = if self.rings.is_empty() {
            String::new()
        } else {
            let rings = toml::Value::try_from(&self.rings)?;
            let table = toml::Table::from_iter([(RINGS.to_owned(), rings)]);
            format!("\n{}", toml::to_string(&table)?)
        };
        Ok(format!(
            "{HEADER}format = {FORMAT}\n{}{}{rings}",
            last.unwrap_or_default(),
            toml::to_string_pretty(&self.schema)?
        ))
    }

    /// Reads the text of the file.
    ///
    /// # Errors
    ///
    /// [`LockError::Syntax`] for text that is no lock, such as one with conflict markers of a merge;
    /// [`LockError::Format`] for a lock of another version.
    pub fn from_text(text: &str) -> Result<Self, LockError> {
        let mut table: toml::Table = toml::from_str(text)?;
        match table.remove("format").and_then(|format| format.as_integer()) {
            Some(FORMAT) => {
                let last = table.remove(LAST_MIGRATION).map(toml::Value::try_into);
                let rings = table.remove(RINGS).map(toml::Value::try_into).transpose()?;
                Ok(Self {
                    last_migration: last.transpose()?,
                    rings: rings.unwrap_or_default(),
                    schema: table.try_into()?,
                })
            }
            found => Err(LockError::Format {
                found: found.unwrap_or(0),
            }),
        }
    }
}

impl From<Schema> for Lock {
    fn from(schema: Schema) -> Self {
        Self {
            schema,
            ..Self::default()
        }
    }
}
