//! The migrations folder: its lock, its versions, and writing into it without leaving half of anything.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use authz_schema::lock::{self, LockError};
use authz_schema::migration::Migration;
use authz_schema::schema::Schema;

/// The lock's file name. sqlx ignores files that do not end in `.sql`.
pub const LOCK: &str = "authz.lock";

/// Why the folder cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// A file or the folder cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be written. What had been written before it is gone again.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock is not one, for instance after a merge with conflicts.
    #[error("`{}` is no lock that this version reads; resolve a merge conflict in it, or restore it", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<LockError>,
    },
    /// There are migrations of ours, but no lock.
    #[error(
        "`{}` is missing, though `{migration}` was written by `cargo authz generate`; restore it from version control",
        path.display()
    )]
    LockMissing {
        /// The lock's place.
        path: PathBuf,
        /// A migration that was written with it.
        migration: String,
    },
    /// A file name starts with a version that is no number.
    #[error("`{0}` is no migration that sqlx reads: its name must start with a number and `_`")]
    Version(String),
}

/// A migrations folder, which need not exist yet.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// The files that [`Folder::write`] wrote.
#[derive(Debug, Clone)]
pub struct Written {
    /// `<version>_<name>.up.sql`
    pub up: PathBuf,
    /// `<version>_<name>.down.sql`
    pub down: PathBuf,
}

impl Folder {
    /// The folder at this path.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The schema that the lock declares; the empty one before the first migration.
    ///
    /// # Errors
    ///
    /// [`FolderError::Lock`] and [`FolderError::LockMissing`] rather than a guess: from an empty schema, the next
    /// migration would create everything again.
    pub fn lock(&self) -> Result<Schema, FolderError> {
        let path = self.path.join(LOCK);
        match fs::read_to_string(&path) {
            Ok(text) => lock::from_text(&text).map_err(|source| FolderError::Lock {
                path,
                source: Box::new(source),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match self.generated()? {
                Some(migration) => Err(FolderError::LockMissing { path, migration }),
                None => Ok(Schema::default()),
            },
            Err(source) => Err(FolderError::Read { path, source }),
        }
    }

    /// Writes the pair of files and the lock: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`FolderError::Write`], and nothing has changed.
    pub fn write(&self, name: &str, migration: &Migration, schema: &Schema) -> Result<Written, FolderError> {
        let version = self.next_version()?;
        fs::create_dir_all(&self.path).map_err(|source| FolderError::Write {
            path: self.path.clone(),
            source,
        })?;
        let written = Written {
            up: self.path.join(format!("{version}_{name}.up.sql")),
            down: self.path.join(format!("{version}_{name}.down.sql")),
        };
        let lock_path = self.path.join(LOCK);
        let lock = lock::to_text(schema).map_err(|source| FolderError::Lock {
            path: lock_path.clone(),
            source: Box::new(source),
        })?;
        // The lock goes last: it alone replaces a file.
        let files = [
            (&written.up, &migration.up),
            (&written.down, &migration.down),
            (&lock_path, &lock),
        ];
        let mut done: Vec<&Path> = Vec::new();
        for (path, text) in files {
            if let Err(source) = replace(path, text) {
                for path in done {
                    // Best effort: the first error is the one to report.
                    drop(fs::remove_file(path));
                }
                return Err(FolderError::Write {
                    path: path.clone(),
                    source,
                });
            }
            done.push(path);
        }
        Ok(written)
    }

    /// The version for the next file, in the style of the folder: later than all that are there.
    fn next_version(&self) -> Result<String, FolderError> {
        let mut latest: Option<(i64, usize)> = None;
        for name in self.file_names()? {
            let Some((version, _)) = name.split_once('_').filter(|_| name.ends_with(".sql")) else {
                continue;
            };
            let number: i64 = version
                .parse()
                .map_err(|_error| FolderError::Version(name.clone()))?;
            latest = latest.max(Some((number, version.len())));
        }
        let now = chrono::Utc::now().format("%Y%m%d%H%M%S").to_string();
        Ok(match latest {
            // A number with less digits than a year and a day counts files.
            Some((number, digits)) if number < 1_000_000_000 => format!("{:0digits$}", number + 1),
            Some((number, _)) => now
                .parse()
                .map_or(number, |now: i64| now)
                .max(number + 1)
                .to_string(),
            None => now,
        })
    }

    fn generated(&self) -> Result<Option<String>, FolderError> {
        for name in self
            .file_names()?
            .into_iter()
            .filter(|name| name.ends_with(".up.sql"))
        {
            let path = self.path.join(&name);
            let text = fs::read_to_string(&path).map_err(|source| FolderError::Read { path, source })?;
            if text.starts_with(authz_schema::migration::HEADER) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    fn file_names(&self) -> Result<Vec<String>, FolderError> {
        let read = |source| FolderError::Read {
            path: self.path.clone(),
            source,
        };
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(read(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry.map_err(read)?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }
}

/// Writes a file beside its place and moves it there, so that nobody reads half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(dir.path().join(file), "").unwrap();
        }
        let folder = Folder::at(dir.path());
        (dir, folder)
    }

    #[test]
    fn versions_follow_the_style_of_the_folder() {
        let (_dir, counted) = folder(&["0001_a.sql", "0009_b.up.sql", "0009_b.down.sql", "notes.txt"]);
        assert_eq!(counted.next_version().unwrap(), "0010");
        let (_dir, ahead) = folder(&["29990101000000_a.sql"]);
        assert_eq!(ahead.next_version().unwrap(), "29990101000001");
        let (_dir, empty) = folder(&[]);
        assert_eq!(empty.next_version().unwrap().len(), 14);
        let (_dir, odd) = folder(&["x_y.sql"]);
        assert!(matches!(odd.next_version(), Err(FolderError::Version(name)) if name == "x_y.sql"));
    }

    #[test]
    fn a_missing_lock_beside_a_generated_migration_is_an_error() {
        let (dir, folder) = folder(&["0001_by_hand.up.sql"]);
        assert_eq!(folder.lock().unwrap(), Schema::default());
        fs::write(dir.path().join("0002_x.up.sql"), authz_schema::migration::HEADER).unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::LockMissing { .. })));
    }

    #[test]
    fn a_failed_write_leaves_the_folder_as_it_was() {
        let (dir, folder) = folder(&[]);
        // A folder in the lock's place cannot be replaced by a file.
        fs::create_dir(dir.path().join(LOCK)).unwrap();
        let migration = Migration {
            up: "a".into(),
            down: "b".into(),
            hazards: Vec::new(),
        };
        assert!(matches!(
            folder.write("x", &migration, &Schema::default()),
            Err(FolderError::Write { .. })
        ));
        assert_eq!(folder.file_names().unwrap(), [LOCK]);
    }
}
