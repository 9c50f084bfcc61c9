//! What can go wrong between looking for PostgreSQL and its first answer.

use std::io;
use std::path::PathBuf;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// PostgreSQL's server programs are in none of the places where they are usually installed.
    #[error(
        "no PostgreSQL server programs found; install PostgreSQL 14 to 18, \
         set AUTHZ_POSTGRES_BIN to the directory that holds `postgres` and `initdb`, \
         or set DATABASE_URL to a running server\n\
         \x20 Debian, Ubuntu: apt-get install postgresql\n\
         \x20 Fedora:         dnf install postgresql-server\n\
         \x20 macOS:          brew install postgresql@17\n\
         \x20 Windows:        winget install PostgreSQL.PostgreSQL.17"
    )]
    NotFound,
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

impl Error {
    /// For `map_err`: names what was tried.
    pub(crate) fn io(action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }
}
