//! What can go wrong between looking for PostgreSQL and its first answer.

use std::error::Error as _;
use std::path::PathBuf;
use std::{fmt, io};

/// What to do where there is no PostgreSQL.
const ADVICE: &str = "install PostgreSQL 14 to 18, set AUTHZ_POSTGRES to the directory that holds `postgres` and `initdb` or to `download`, \
     or set DATABASE_URL to a running server\n\
     \x20 Debian, Ubuntu: apt-get install postgresql\n\
     \x20 Fedora:         dnf install postgresql-server\n\
     \x20 Alpine:         apk add postgresql\n\
     \x20 macOS:          brew install postgresql@17\n\
     \x20 Windows:        winget install PostgreSQL.PostgreSQL.17";

/// Why there is no server.
///
/// Its `Debug` form is the message with those of its sources, because a `main` that returns it prints that.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// PostgreSQL's server programs are in none of the places where they are usually installed.
    #[error("no PostgreSQL server programs found; {ADVICE}")]
    NotFound,
    /// PostgreSQL is not installed, and the registry has no build of it for this machine, or not of this major version.
    #[error(
        "there is no download of PostgreSQL{} for this machine; {ADVICE}",
        .major.map(|major| format!(" {major}")).unwrap_or_default()
    )]
    NoBuild {
        /// The major version that was asked for.
        major: Option<u32>,
    },
    /// The environment names no folder in which a download could be kept.
    #[error(
        "no folder is known in which to keep a download; set HOME or XDG_CACHE_HOME, or AUTHZ_POSTGRES to an installed PostgreSQL"
    )]
    NoCacheFolder,
    /// PostgreSQL could not be downloaded. Nothing of it was kept.
    #[error("cannot fetch PostgreSQL {version}: {reason:?}\nwithout it: {ADVICE}")]
    Download {
        /// Its version.
        version: &'static str,
        /// Why. It is part of the message, so that the advice comes last, and no source.
        reason: Box<DownloadError>,
    },
    /// The programs that were downloaded do not run, for instance because this Linux has another C library.
    #[error("the PostgreSQL in `{}` does not run on this machine: {output}\nwithout it: {ADVICE}", .directory.display())]
    DoesNotRun {
        /// Where it is.
        directory: PathBuf,
        /// What it said.
        output: String,
    },
    /// `AUTHZ_POSTGRES` names neither a directory with the programs nor one of the words.
    #[error(
        "AUTHZ_POSTGRES is `{value}`; expected a directory with `postgres` and `initdb`, a major version from 14 to 18, `installed`, or `download`"
    )]
    Setting {
        /// What it is.
        value: String,
    },
    /// The given directory lacks `postgres` or `initdb`.
    #[error("`{}` does not hold both `postgres` and `initdb`", .0.display())]
    NotABinDirectory(PathBuf),
    /// The PostgreSQL found is older than 14 or newer than 18.
    #[error("`{}` holds PostgreSQL {version}; expected 14 to 18", .directory.display())]
    UnsupportedVersion {
        /// Where it was found.
        directory: PathBuf,
        /// Its version.
        version: crate::Version,
    },
    /// `postgres --version` printed something else than a version.
    #[error("`{}` did not tell its version", .0.display())]
    UnknownVersion(PathBuf),
    /// Root may not run PostgreSQL, and there is neither a user `postgres` nor `nobody` to run it as.
    #[error("PostgreSQL does not run as root; create a user `postgres`")]
    NoOrdinaryUser,
    /// Root may not run PostgreSQL, and the user who does cannot run the programs.
    #[error(
        "PostgreSQL does not run as root, and the user with id {uid} cannot run `{}`; let others enter the folders above it",
        .directory.display()
    )]
    Closed {
        /// Where the programs are.
        directory: PathBuf,
        /// The user.
        uid: u32,
    },
    /// `initdb` failed; its output follows.
    #[error("initdb failed:\n{output}")]
    Initdb {
        /// What initdb printed.
        output: String,
    },
    /// The server ended before it accepted a connection; its log follows.
    #[error("the server ended while starting:\n{log}")]
    Ended {
        /// The server's log.
        log: String,
    },
    /// The server did not accept a connection in time; its log follows.
    #[error("the server was not ready after 30 s:\n{log}")]
    NotReady {
        /// The server's log.
        log: String,
    },
    /// The operating system refused something.
    #[error("cannot {action}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The answer of the operating system.
        source: io::Error,
    },
}

/// Why a download failed.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// A setting of npm's, from a file or the environment, has no usable value. The value is not shown, for it may hold a password.
    #[error("the npm setting `{key}` is not {expected}")]
    Setting {
        /// Its key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A file of npm's settings, or one that they name, cannot be read.
    #[error("cannot read `{}`, the {key} of npm's settings", .file.display())]
    File {
        /// What the file is.
        key: &'static str,
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The registry, or the proxy before it, does not answer.
    #[error("`{url}` does not answer; npm's settings `registry`, `proxy`, `https-proxy` and `cafile` count")]
    Unreachable {
        /// The URL.
        url: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry refuses.
    #[error("`{url}` answers with status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is not that of a registry.
    #[error("`{url}` does not answer as an npm registry")]
    NoRegistry {
        /// The URL.
        url: String,
    },
    /// The registry has the package without this version.
    #[error("the registry `{registry}` does not have {package}")]
    NoVersion {
        /// The package with its version.
        package: String,
        /// The registry.
        registry: String,
    },
    /// The archive is another than the one that was pinned when this crate was written.
    #[error(
        "`{url}` is not the archive that this version of authz-throwaway expects; its SHA-512 differs, and nothing of it is used"
    )]
    Checksum {
        /// Where it came from.
        url: String,
    },
    /// The cache folder cannot be written, or the archive cannot be unpacked into it.
    #[error("cannot write to `{}`", .folder.display())]
    Cache {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// This machine refused something while downloading.
    #[error("this machine refuses")]
    Local(#[source] io::Error),
}

impl Error {
    /// For `map_err`: names what was tried.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        sources(self.source(), f)
    }
}

impl fmt::Debug for DownloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        sources(self.source(), f)
    }
}

fn sources(
    mut source: Option<&(dyn std::error::Error + 'static)>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    while let Some(error) = source {
        write!(f, ": {error}")?;
        source = error.source();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_that_returns_an_error_prints_its_message_and_its_sources() {
        let error: Box<dyn std::error::Error> = Box::new(Error::Io {
            action: "start the server",
            source: io::Error::other("no such file"),
        });
        assert_eq!(format!("{error:?}"), "cannot start the server: no such file");
    }

    #[test]
    fn a_failed_download_says_why_first_and_what_to_do_last() {
        let error = Error::Download {
            version: "18.4",
            reason: Box::new(DownloadError::Unreachable {
                url: "https://registry.example.com/".to_owned(),
                source: "connection refused".into(),
            }),
        };
        for text in [error.to_string(), format!("{error:?}")] {
            let (why, what) = text.split_once("\nwithout it: ").unwrap();
            assert!(why.starts_with(
                "cannot fetch PostgreSQL 18.4: `https://registry.example.com/` does not answer"
            ));
            assert!(why.ends_with("connection refused"), "{why}");
            assert!(what.contains("apt-get install postgresql") && what.contains("AUTHZ_POSTGRES"));
        }
    }
}
