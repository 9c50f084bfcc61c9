//! Whether the migrations and the lock tell one story: what merges of branches do to a folder, which no text of SQL says.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use authz_schema::lock::Lock;
use serde::Serialize;

use crate::folder::{Folder, FolderError, LOCK, MigrationFile};

/// A file that is not where the history of the folder has room for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What is wrong with it.
    pub kind: ProblemKind,
    /// The migration's file name.
    pub file: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// Another migration has its version.
    SameVersion,
    /// It is newer than the lock.
    NotInLock,
    /// The lock is newer than the folder: it names this file, which is not there.
    Missing,
    /// It is new, and older than what is merged already: sqlx would apply it after migrations that were written without it.
    Late,
    /// It is merged already, and has another text there.
    Edited,
}

/// Why the base branch cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// There is no git.
    #[error("git cannot be run, and `--base` reads the migrations of another commit")]
    NoGit(#[source] std::io::Error),
    /// The folder is in no repository.
    #[error("`{0}` is in no git repository, and `--base` reads the migrations of another commit")]
    NoRepository(String),
    /// The repository has no such commit.
    #[error(
        "git knows no commit `{0}`; fetch it first (a shallow clone does not have it: `fetch-depth: 0` for \
         actions/checkout)"
    )]
    NoCommit(String),
    /// git fails for another reason.
    #[error("git failed: {0}")]
    Git(String),
    /// The folder cannot be read, here or there.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// What is wrong with the folder and its lock by themselves.
///
/// # Errors
///
/// [`FolderError`] for a folder that cannot be read.
pub fn problems(folder: &Folder, lock: &Lock) -> Result<Vec<Problem>, FolderError> {
    let files = folder.migrations()?;
    let mut problems = Vec::new();
    for (first, second) in files.iter().zip(files.iter().skip(1)) {
        if first.version == second.version {
            problems.push(second.problem(
                ProblemKind::SameVersion,
                format!(
                    "has the version of `{}`, and sqlx applies one of a version; {AGAIN}",
                    first.file
                ),
            ));
        }
    }
    let Some(last) = &lock.last_migration else {
        return Ok(problems);
    };
    let Some(last_file) = files.iter().find(|file| file.stem() == last) else {
        problems.push(Problem {
            kind: ProblemKind::Missing,
            file: last.clone(),
            message: format!(
                "is what `{LOCK}` names as its last migration, and no such file is there; restore it, or run `cargo authz \
                 undo` to take the rest of it back, or write its new name into `{LOCK}` if it was renamed"
            ),
        });
        return Ok(problems);
    };
    let newer = folder.generated()?.into_iter().filter(|file| file > last_file);
    problems.extend(newer.map(|file| {
        file.problem(
            ProblemKind::NotInLock,
            format!(
                "is newer than `{last}`, the last migration of `{LOCK}`, as after a merge that kept one side; {AGAIN}, or \
                 name it as `last_migration` if all that it declares is in `{LOCK}`"
            ),
        )
    }));
    Ok(problems)
}

/// What is wrong with the folder for databases that have the migrations of the commit `base`.
///
/// # Errors
///
/// [`BaseError`] where git cannot say what `base` has.
pub fn problems_since(folder: &Folder, base: &str) -> Result<Vec<Problem>, BaseError> {
    if !folder.path().is_dir() {
        return Ok(Vec::new());
    }
    let git = Git {
        folder: folder.path(),
    };
    let commit = git.commit(base)?;
    let mut merged = Vec::new();
    for name in git.names(&["ls-tree", "-z", "--name-only", &commit])? {
        merged.extend(MigrationFile::of(name)?);
    }
    let edited = git.names(&[
        "diff",
        "-z",
        "--name-only",
        "--no-ext-diff",
        "--relative",
        "--diff-filter=M",
        &commit,
        "--",
        ".",
    ])?;
    let newest = merged.iter().max();
    let problem = |file: &MigrationFile| {
        if merged.contains(file) {
            return edited.contains(&file.file).then(|| {
                file.problem(
                    ProblemKind::Edited,
                    format!(
                        "is not what it is in `{base}`: a database that ran it will refuse to migrate; restore it, and \
                         write the change as a new migration"
                    ),
                )
            });
        }
        let newest = newest.filter(|newest| file.version <= newest.version)?;
        Some(file.problem(
            ProblemKind::Late,
            format!(
                "is new, and not later than `{}` of `{base}`: a database that has that one would get it afterwards, \
                 without a word of sqlx; {AGAIN}",
                newest.file
            ),
        ))
    };
    Ok(folder.migrations()?.iter().filter_map(problem).collect())
}

/// The lock that git has for exactly these migrations of ours: of the newest commit of this branch that has all files of
/// `present` and none of `absent`. `None` without git or such a commit.
///
/// # Errors
///
/// [`BaseError::Git`] where git breaks off.
pub fn lock_of(
    folder: &Folder,
    present: &BTreeSet<&str>,
    absent: &BTreeSet<&str>,
) -> Result<Option<String>, BaseError> {
    let git = Git {
        folder: folder.path(),
    };
    let commits = match git.run(&["log", "--full-history", "--format=%H", "--", LOCK]) {
        Ok(Ok(commits)) => commits,
        // The folder is in no repository, or that has no commit.
        Ok(Err(_)) | Err(BaseError::NoGit(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    for commit in commits.lines() {
        let names = git.names(&["ls-tree", "-z", "--name-only", commit])?;
        let mut files = Vec::new();
        for name in names {
            files.extend(MigrationFile::of(name)?);
        }
        let stems: BTreeSet<&str> = files.iter().map(MigrationFile::stem).collect();
        if !present.is_subset(&stems) || !absent.is_disjoint(&stems) {
            continue;
        }
        let Ok(text) = git.run(&["show", &format!("{commit}:./{LOCK}")])? else {
            continue;
        };
        // git prints the file as it is, and `run` trims it.
        let text = format!("{text}\n");
        let last = match Lock::from_text(&text) {
            Ok(lock) => lock.last_migration,
            Err(_) => continue,
        };
        if last.is_none_or(|last| present.contains(last.as_str())) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

const AGAIN: &str = "take `authz.lock` of the branch that it is merged into, run `cargo authz undo`, and `cargo authz \
                     generate` it again (a hand-written one: give it a later version)";

impl MigrationFile {
    fn problem(&self, kind: ProblemKind, message: String) -> Problem {
        Problem {
            kind,
            file: self.file.clone(),
            message,
        }
    }
}

struct Git<'a> {
    folder: &'a Path,
}

impl Git<'_> {
    fn commit(&self, name: &str) -> Result<String, BaseError> {
        let inside = self.run(&["rev-parse", "--is-inside-work-tree"])?;
        if inside.is_err() {
            return Err(BaseError::NoRepository(self.folder.display().to_string()));
        }
        let name_of_commit = format!("{name}^{{commit}}");
        let found = self.run(&[
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            &name_of_commit,
        ])?;
        found
            .map(|hash| hash.trim().to_owned())
            .map_err(|_error| BaseError::NoCommit(name.to_owned()))
    }

    /// The names that git prints with `-z`, relative to the folder.
    fn names(&self, arguments: &[&str]) -> Result<Vec<String>, BaseError> {
        let names = self.run(arguments)?.map_err(BaseError::Git)?;
        Ok(names
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect())
    }

    /// What git prints, or what it says when it fails.
    fn run(&self, arguments: &[&str]) -> Result<Result<String, String>, BaseError> {
        let output = Command::new("git")
            .arg("-C")
            .arg(self.folder)
            .args(arguments)
            .output()
            .map_err(BaseError::NoGit)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Ok(if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&output.stderr))
        })
    }
}
