//! The migrations folder: its lock, its versions, and writing into it without leaving half of anything.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use authz_migrate::migration::Migration;
use authz_schema::lock::{Lock, LockError};
use authz_schema::renames::Renames;
use authz_schema::schema::Schema;
use authz_sql::Ident;
use authz_sql::QualifiedName;

use crate::project::Project;
use crate::record::{Record, RecordedPart, fingerprint};

/// The lock's file name. sqlx ignores files that do not end in `.sql`.
pub const LOCK: &str = "authz.lock";

/// The folder of the records, in that of the package.
pub const RECORDS: &str = "authz/undo";

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
    /// Where the records of `undo` are.
    records: Option<PathBuf>,
}

/// A file that sqlx applies: `<version>_<name>.up.sql`, or `<version>_<name>.sql` of a migration without a way back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MigrationFile {
    /// Its version.
    pub version: i64,
    /// Its name in the folder.
    pub file: String,
}

impl MigrationFile {
    /// The migration that a file of this name is; `None` for a down file, and for what is none of sqlx's.
    ///
    /// # Errors
    ///
    /// [`FolderError::Version`] for a name that sqlx refuses.
    pub fn of(file: String) -> Result<Option<Self>, FolderError> {
        match file.split_once('_') {
            Some((version, rest)) if rest.ends_with(".sql") => match version.parse() {
                Ok(version) => Ok((!rest.ends_with(".down.sql")).then_some(Self { version, file })),
                Err(_) => Err(FolderError::Version(file)),
            },
            _ => Ok(None),
        }
    }

    /// The name without its ending, as the lock has it.
    #[must_use]
    pub fn stem(&self) -> &str {
        let stem = self.file.strip_suffix(".up.sql");
        stem.or_else(|| self.file.strip_suffix(".sql"))
            .unwrap_or(&self.file)
    }
}

impl Folder {
    /// The folder of a package, with its records.
    #[must_use]
    pub fn of(project: &Project) -> Self {
        Self {
            path: project.migrations.clone(),
            records: Some(project.root.join(RECORDS)),
        }
    }

    /// The folder at this path, without records.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            records: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock; one of the empty schema before the first migration.
    ///
    /// # Errors
    ///
    /// [`FolderError::Lock`] and [`FolderError::LockMissing`] rather than a guess: from an empty schema, the next
    /// migration would create everything again.
    pub fn lock(&self) -> Result<Lock, FolderError> {
        let path = self.path.join(LOCK);
        match self.lock_text()? {
            Some(text) => Lock::from_text(&text).map_err(|source| FolderError::Lock {
                path,
                source: Box::new(source),
            }),
            None => match self.generated()?.into_iter().next() {
                Some(migration) => Err(FolderError::LockMissing {
                    path,
                    migration: migration.file,
                }),
                None => Ok(Lock::default()),
            },
        }
    }

    /// The text of the lock, if there is one.
    ///
    /// # Errors
    ///
    /// [`FolderError::Read`].
    pub fn lock_text(&self) -> Result<Option<String>, FolderError> {
        read_if_there(&self.path.join(LOCK))
    }

    /// The record of the migration whose last file this is, if there is one that can be read.
    ///
    /// # Errors
    ///
    /// [`FolderError::Read`].
    pub fn record(&self, stem: &str) -> Result<Option<Record>, FolderError> {
        let Some(path) = self.record_path(stem) else {
            return Ok(None);
        };
        let text = read_if_there(&path)?;
        let record = text.and_then(|text| Record::from_text(&text));
        Ok(record.filter(|record| record.name() == stem))
    }

    /// Writes all files of the migration and the lock, or none, and gives the migration's paths.
    ///
    /// # Errors
    ///
    /// [`FolderError::Write`], and nothing has changed.
    pub fn write(
        &self,
        name: &str,
        migration: &Migration,
        schema: &Schema,
        rings: Renames,
    ) -> Result<Vec<PathBuf>, FolderError> {
        let before = self.lock_text()?;
        let parent = match &before {
            Some(_) => self.lock()?.last_migration,
            None => None,
        };
        let (first, digits) = self.next_version()?;
        let mut files = Vec::new();
        let mut parts: Vec<RecordedPart> = Vec::new();
        for (version, part) in (first..).zip(&migration.parts) {
            let stem = format!("{version:0digits$}_{}", part.name(name));
            files.extend(self.pair(&stem, &part.up, &part.down));
            parts.push(RecordedPart {
                stem,
                fingerprints: [fingerprint(&part.up), fingerprint(&part.down)],
            });
        }
        let lock_path = self.path.join(LOCK);
        let lock = Lock {
            schema: schema.clone(),
            last_migration: parts.last().map(|part| part.stem.clone()),
            rings,
        };
        let lock = lock.to_text().map_err(|source| FolderError::Lock {
            path: lock_path.clone(),
            source: Box::new(source),
        })?;
        let written = files.iter().map(|(path, _)| path.clone()).collect();
        let record = Record::new(parts, parent, before.as_deref(), &lock);
        if let Some(path) = self.record_path(record.name()) {
            files.push((path, record.to_text()));
        }
        // The lock goes last: it alone replaces a file.
        files.push((lock_path, lock));
        write_all(&files)?;
        Ok(written)
    }

    /// Writes a hand-written migration to begin with, later than all that are there, and gives its paths.
    ///
    /// # Errors
    ///
    /// [`FolderError::Write`], and nothing has changed.
    pub fn write_by_hand(&self, name: &str, up: &str, down: &str) -> Result<Vec<PathBuf>, FolderError> {
        let (version, digits) = self.next_version()?;
        let files = self.pair(&format!("{version:0digits$}_{name}"), up, down);
        write_all(&files)?;
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// Makes the lock what it was before a migration, and removes the migration's files and its record. `lock` is the
    /// text to write, `Some(None)` if there was no lock, and `None` if the lock stays as it is. Gives the removed files.
    ///
    /// # Errors
    ///
    /// [`FolderError::Write`]. What is then left can be taken back by the same call.
    pub fn take_back(
        &self,
        stems: &[String],
        lock: Option<Option<&str>>,
    ) -> Result<Vec<PathBuf>, FolderError> {
        let path = self.path.join(LOCK);
        match lock {
            Some(Some(text)) => write_all(&[(path, text.to_owned())])?,
            Some(None) => drop(remove(&path)?),
            None => {}
        }
        let mut removed = Vec::new();
        for stem in stems {
            for ending in ["up.sql", "down.sql", "sql"] {
                let path = self.path.join(format!("{stem}.{ending}"));
                if remove(&path)? {
                    removed.push(path);
                }
            }
        }
        if let Some(path) = stems.last().and_then(|stem| self.record_path(stem)) {
            remove(&path)?;
        }
        Ok(removed)
    }

    fn record_path(&self, stem: &str) -> Option<PathBuf> {
        Some(self.records.as_ref()?.join(format!("{stem}.undo")))
    }

    /// A reversible pair.
    fn pair(&self, stem: &str, up: &str, down: &str) -> [(PathBuf, String); 2] {
        [("up", up), ("down", down)].map(|(direction, text)| {
            let path = self.path.join(format!("{stem}.{direction}.sql"));
            (path, text.to_owned())
        })
    }

    /// The migrations, oldest first: the files that sqlx applies.
    ///
    /// # Errors
    ///
    /// [`FolderError::Version`] for a name that sqlx refuses.
    pub fn migrations(&self) -> Result<Vec<MigrationFile>, FolderError> {
        let files = self.file_names()?.into_iter();
        let mut migrations = files
            .filter_map(|name| MigrationFile::of(name).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        migrations.sort();
        Ok(migrations)
    }

    /// The migrations that `cargo authz generate` wrote, oldest first.
    ///
    /// # Errors
    ///
    /// [`FolderError::Read`] and [`FolderError::Version`].
    pub fn generated(&self) -> Result<Vec<MigrationFile>, FolderError> {
        let mut generated = Vec::new();
        for migration in self.migrations()? {
            if is_generated(&self.read(&migration.file)?) {
                generated.push(migration);
            }
        }
        Ok(generated)
    }

    /// The functions of these namespaces that hand-written migrations speak of, and may make.
    ///
    /// # Errors
    ///
    /// [`FolderError::Read`].
    pub fn functions_by_hand(&self, namespaces: &[&str]) -> Result<BTreeSet<QualifiedName>, FolderError> {
        let mut functions = BTreeSet::new();
        let files = self.file_names()?.into_iter();
        for file in files.filter(|file| file.ends_with(".sql")) {
            let text = self.read(&file)?;
            if !is_generated(&text) {
                functions.extend(namespaces.iter().flat_map(|namespace| names_in(&text, namespace)));
            }
        }
        Ok(functions)
    }

    /// The text of a file of the folder.
    ///
    /// # Errors
    ///
    /// [`FolderError::Read`].
    pub fn read(&self, file: &str) -> Result<String, FolderError> {
        let path = self.path.join(file);
        fs::read_to_string(&path).map_err(|source| FolderError::Read { path, source })
    }

    /// The version for the next file, in the style of the folder: later than all that are there. With its digits.
    fn next_version(&self) -> Result<(i64, usize), FolderError> {
        let latest = self.migrations()?.into_iter().next_back();
        let now = chrono::Utc::now().format("%Y%m%d%H%M%S").to_string();
        let now = now.parse().unwrap_or(0);
        Ok(match latest {
            // A number with less digits than a year and a day counts files.
            Some(latest) if latest.version < 1_000_000_000 => {
                (latest.version + 1, latest.file.find('_').unwrap_or_default())
            }
            Some(latest) => (now.max(latest.version + 1), 0),
            None => (now, 0),
        })
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

fn read_if_there(path: &Path) -> Result<Option<String>, FolderError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FolderError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Removes a file; `false` if it is not there.
fn remove(path: &Path) -> Result<bool, FolderError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(FolderError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes all files, or none if one of them but the last fails.
fn write_all(files: &[(PathBuf, String)]) -> Result<(), FolderError> {
    let mut done: Vec<&Path> = Vec::new();
    for (path, text) in files {
        let folder = path.parent().unwrap_or(Path::new("."));
        if let Err(source) = fs::create_dir_all(folder).and_then(|()| replace(path, text)) {
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
    Ok(())
}

/// Whether `cargo authz generate` wrote this text from models.
pub(crate) fn is_generated(text: &str) -> bool {
    text.contains(authz_migrate::migration::HEADER)
}

/// The names that stand behind a namespace in SQL: `auth.name`. A name too many does no harm.
fn names_in(text: &str, namespace: &str) -> Vec<QualifiedName> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    // Quotes change the case alone, which functions of `auth` do without.
    let text = text.to_lowercase().replace('"', "");
    let prefix = format!("{namespace}.");
    let mut names = Vec::new();
    for (start, _) in text.match_indices(&prefix) {
        let (before, rest) = text.split_at_checked(start).unwrap_or_default();
        let rest = rest.strip_prefix(&prefix).unwrap_or_default();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        if !before.ends_with(is_word)
            && let (Ok(namespace), Ok(name)) = (Ident::new(namespace), Ident::new(name))
        {
            names.push(QualifiedName { namespace, name });
        }
    }
    names
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
    use authz_migrate::migration::Part;

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
        assert_eq!(counted.next_version().unwrap(), (10, 4));
        let (_dir, ahead) = folder(&["29990101000000_a.sql"]);
        assert_eq!(ahead.next_version().unwrap(), (29990101000001, 0));
        let (_dir, empty) = folder(&[]);
        assert_eq!(empty.next_version().unwrap().0.to_string().len(), 14);
        let (_dir, odd) = folder(&["x_y.sql"]);
        assert!(matches!(odd.next_version(), Err(FolderError::Version(name)) if name == "x_y.sql"));
    }

    #[test]
    fn a_missing_lock_beside_a_generated_migration_is_an_error() {
        let (dir, folder) = folder(&["0001_by_hand.up.sql"]);
        assert_eq!(folder.lock().unwrap(), Lock::default());
        fs::write(dir.path().join("0002_x.up.sql"), authz_migrate::migration::HEADER).unwrap();
        assert!(matches!(folder.lock(), Err(FolderError::LockMissing { .. })));
    }

    #[test]
    fn functions_of_hand_written_migrations_are_found_and_those_of_ours_are_not() {
        let (dir, folder) = folder(&["0001_ours.up.sql", "0002_by_hand.sql"]);
        let ours = format!(
            "{}CREATE FUNCTION auth.ours() …",
            authz_migrate::migration::HEADER
        );
        fs::write(dir.path().join("0001_ours.up.sql"), ours).unwrap();
        fs::write(
            dir.path().join("0002_by_hand.sql"),
            "create function Auth.\"is_root\"() …; SELECT authz.teams(), my_auth.other(), 'auth.'",
        )
        .unwrap();
        let found = folder.functions_by_hand(&["auth", "authz"]).unwrap();
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["auth.is_root", "authz.teams"]);
    }

    #[test]
    fn a_failed_write_leaves_the_folder_as_it_was() {
        let (dir, folder) = folder(&["notes.txt"]);
        let folder = Folder {
            // A file where the folder of the records would be.
            records: Some(dir.path().join("notes.txt/undo")),
            ..folder
        };
        let part = |suffix: &str| Part {
            suffix: suffix.into(),
            up: "a".into(),
            down: "b".into(),
        };
        let migration = Migration {
            parts: vec![part(""), part("validate")],
            hazards: Vec::new(),
            rings: Renames::default(),
        };
        assert!(matches!(
            folder.write("x", &migration, &Schema::default(), Renames::default()),
            Err(FolderError::Write { .. })
        ));
        assert_eq!(folder.file_names().unwrap(), ["notes.txt"]);
    }
}
