//! Which migration is the newest, and what `authz.lock` was before it.
//!
//! The lock names its last migration, and the record of each migration the one before. A migration that the lock does not
//! lead back to was left by a merge that took the other side's lock: it goes first, and the lock stays.

use std::collections::BTreeSet;

use authz_schema::lock::Lock;

use crate::folder::{Folder, FolderError, LOCK, MigrationFile};
use crate::history::{self, BaseError};
use crate::record::{Record, fingerprint};

/// A migration to take back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Its files without `.up.sql`, the oldest first. Some may be deleted already.
    pub stems: Vec<String>,
    /// What becomes of the lock.
    pub lock: LockBefore,
    /// Files that were edited after they had been written.
    pub edited: Vec<String>,
    /// Hand-written migrations that are newer, and stay.
    pub later: Vec<String>,
}

/// What the lock was before a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockBefore {
    /// This text.
    Text(String),
    /// There was none.
    Absent,
    /// What it is: it does not have the migration.
    Same,
}

/// Why the newest migration cannot be taken back.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UndoError {
    /// The folder cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// git fails.
    #[error(transparent)]
    Git(#[from] BaseError),
    /// Nothing tells what the lock was.
    #[error(
        "nothing was done: it is not known what `{LOCK}` was before `{migration}`: {reason}, and git knows no `{LOCK}` \
         that belongs to the migrations before it; restore `{LOCK}` as it was then, delete `{migration}.*`, and run \
         `cargo authz generate` again"
    )]
    NoRecord {
        /// The migration.
        migration: String,
        /// What is wrong with its record.
        reason: &'static str,
    },
    /// The lock may have a migration that is newer than its last, or may not.
    #[error(
        "nothing was done: `{LOCK}` names `{last}` as its last migration, and `{newer}` is newer; if `{LOCK}` has what \
         `{newer}` declares, name it as `last_migration`, else delete its files"
    )]
    Newer {
        /// The last migration of the lock.
        last: String,
        /// The newest one.
        newer: String,
    },
}

/// The newest migration that `cargo authz generate` wrote, or `None` where there is none.
///
/// # Errors
///
/// [`UndoError`] where it is not certain which it is, or what the lock was before.
pub fn newest(folder: &Folder) -> Result<Option<Undo>, UndoError> {
    let text = folder.lock_text()?;
    let lock = folder.lock()?;
    let generated = folder.generated()?;
    let last = lock.last_migration.as_deref();
    let record = match last {
        Some(last) => folder.record(last)?,
        None => None,
    };
    let written = record
        .as_ref()
        .is_some_and(|record| text.as_deref().map(fingerprint) == Some(record.after));
    let stray = if written {
        stray(folder, &generated, last)?
    } else {
        None
    };
    if let Some(record) = stray {
        return Ok(Some(undo(
            folder,
            &stems(&record),
            LockBefore::Same,
            Some(&record),
        )?));
    }
    if let (Some(last), Some(newest)) = (last, generated.last())
        && newest.version > version(last)
    {
        return Err(UndoError::Newer {
            last: last.to_owned(),
            newer: newest.stem().to_owned(),
        });
    }
    let Some(name) = last.or(generated.last().map(MigrationFile::stem)) else {
        return Ok(None);
    };
    let stems = match &record {
        Some(record) => stems(record),
        None => parts(folder, &generated, name)?,
    };
    let before = before(folder, &generated, &stems, record.as_ref(), text.as_deref())?;
    Ok(Some(undo(folder, &stems, before, record.as_ref())?))
}

fn stems(record: &Record) -> Vec<String> {
    record.parts.iter().map(|part| part.stem.clone()).collect()
}

fn version(stem: &str) -> i64 {
    let version = stem.split_once('_').and_then(|(version, _)| version.parse().ok());
    version.unwrap_or(i64::MAX)
}

/// The newest migration that came from the same history as the lock, and is not in it.
fn stray(
    folder: &Folder,
    generated: &[MigrationFile],
    last: Option<&str>,
) -> Result<Option<Record>, FolderError> {
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut next = last.map(str::to_owned);
    let mut from_the_start = false;
    while let Some(stem) = next {
        let record = folder.record(&stem)?;
        from_the_start = record.as_ref().is_some_and(|record| record.parent.is_none());
        known.extend(record.as_ref().map(stems).unwrap_or_default());
        // A chain of records ends, unless somebody made a ring of them.
        next = record
            .and_then(|record| record.parent)
            .filter(|parent| !known.contains(parent));
        known.insert(stem);
    }
    for file in generated.iter().rev() {
        let Some(record) = folder.record(file.stem())? else {
            continue;
        };
        if known.contains(record.name()) {
            continue;
        }
        let mut seen = BTreeSet::new();
        let mut parent = record.parent.clone();
        let forks = loop {
            match parent {
                None => break from_the_start,
                Some(stem) if known.contains(&stem) => break true,
                Some(stem) if !seen.insert(stem.clone()) => break false,
                Some(stem) => match folder.record(&stem)? {
                    Some(record) => parent = record.parent,
                    None => break false,
                },
            }
        };
        if forks {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// The files of a migration without a record: those which say that they are its parts, before the last.
fn parts(folder: &Folder, generated: &[MigrationFile], last: &str) -> Result<Vec<String>, FolderError> {
    let mut parts = vec![last.to_owned()];
    let at = generated.iter().position(|file| file.stem() == last);
    let newest = match at {
        Some(at) => generated.get(at),
        // It is deleted. What is left of the migration ends with a part that is not the last of them.
        None => generated.last(),
    };
    let Some(newest) = newest else {
        return Ok(parts);
    };
    let (number, count) = part(&folder.read(&newest.file)?).unwrap_or((1, 1));
    let left = match at {
        Some(at) => generated.get(..at),
        None if number < count => Some(generated),
        None => None,
    };
    let more = if at.is_some() {
        number.saturating_sub(1)
    } else {
        number
    };
    let earlier = left.unwrap_or_default().iter().rev().take(more);
    parts.extend(earlier.map(|file| file.stem().to_owned()));
    parts.reverse();
    Ok(parts)
}

/// `-- Part 2 of 3.`
fn part(text: &str) -> Option<(usize, usize)> {
    let line = text.lines().find_map(|line| line.strip_prefix("-- Part "))?;
    let (number, count) = line.trim_end_matches('.').split_once(" of ")?;
    Some((number.parse().ok()?, count.parse().ok()?))
}

/// The lock before the migration: of its record, else of git.
fn before(
    folder: &Folder,
    generated: &[MigrationFile],
    stems: &[String],
    record: Option<&Record>,
    lock: Option<&str>,
) -> Result<LockBefore, UndoError> {
    let name = stems.last().map(String::as_str).unwrap_or_default();
    let reason = match (record, lock) {
        (Some(record), _) if !record.had_lock() => return Ok(LockBefore::Absent),
        (Some(record), Some(lock)) => {
            let text = record.before(lock);
            let parent = |text: &String| {
                Lock::from_text(text).is_ok_and(|before| before.last_migration == record.parent)
            };
            if let Some(text) = text.filter(parent) {
                return Ok(LockBefore::Text(text));
            }
            "the lock has changed since the migration was written"
        }
        _ => "it has no record in `authz/undo`",
    };
    let remaining: BTreeSet<&str> = generated
        .iter()
        .map(MigrationFile::stem)
        .filter(|stem| !stems.iter().any(|undone| undone == stem))
        .collect();
    if record.is_none() && remaining.is_empty() {
        return Ok(LockBefore::Absent);
    }
    let gone: BTreeSet<&str> = stems.iter().map(String::as_str).collect();
    match history::lock_of(folder, &remaining, &gone)? {
        Some(text) => Ok(LockBefore::Text(text)),
        None => Err(UndoError::NoRecord {
            migration: name.to_owned(),
            reason,
        }),
    }
}

fn undo(
    folder: &Folder,
    stems: &[String],
    lock: LockBefore,
    record: Option<&Record>,
) -> Result<Undo, FolderError> {
    let mut edited = Vec::new();
    for part in record.map(|record| record.parts.as_slice()).unwrap_or_default() {
        for (direction, written) in ["up", "down"].iter().zip(part.fingerprints) {
            let file = format!("{}.{direction}.sql", part.stem);
            if folder.path().join(&file).is_file() && fingerprint(&folder.read(&file)?) != written {
                edited.push(file);
            }
        }
    }
    let first = stems.first().map_or(i64::MAX, |stem| version(stem));
    let generated = folder.generated()?;
    let later = folder.migrations()?.into_iter();
    let later = later.filter(|file| file.version > first && !generated.contains(file));
    Ok(Undo {
        stems: stems.to_vec(),
        lock,
        edited,
        later: later.map(|file| file.file).collect(),
    })
}

impl Undo {
    /// The versions of its files.
    pub fn versions(&self) -> impl Iterator<Item = i64> {
        self.stems.iter().map(|stem| version(stem))
    }
}
