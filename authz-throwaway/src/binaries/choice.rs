//! What `AUTHZ_POSTGRES` says.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Binaries, SUPPORTED, Search, holds_server};
use crate::Error;

/// Which programs are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// The machine's, or else a download; of a major version, if one is given.
    Any(Option<u32>),
    /// The machine's.
    Installed,
    /// A download.
    Download,
    /// Those in a directory.
    At(PathBuf),
}

impl Choice {
    /// Reads `AUTHZ_POSTGRES`, and where that is not set `AUTHZ_POSTGRES_BIN`, which names a directory.
    pub(super) fn read(value: Option<OsString>, bin: Option<OsString>) -> Result<Self, Error> {
        let is_set = |value: &OsString| !value.is_empty();
        let Some(value) = value.filter(is_set) else {
            return Ok(bin
                .filter(is_set)
                .map_or(Self::Any(None), |bin| Self::At(bin.into())));
        };
        if let Some(text) = value.to_str() {
            match text {
                "installed" => return Ok(Self::Installed),
                "download" => return Ok(Self::Download),
                _ => {}
            }
            if let Some(major) = text.parse().ok().filter(|major| SUPPORTED.contains(major)) {
                return Ok(Self::Any(Some(major)));
            }
        }
        let directory = PathBuf::from(&value);
        // A word that is meant as one of the above, or a number, is no directory.
        if directory.components().count() < 2 && !directory.is_dir() {
            return Err(Error::Setting {
                value: value.to_string_lossy().into_owned(),
            });
        }
        let bin = directory.join("bin");
        Ok(Self::At(if !holds_server(&directory) && holds_server(&bin) {
            bin
        } else {
            directory
        }))
    }

    pub(super) fn find(self, machine: &Search<'_>) -> Result<Binaries, Error> {
        match self {
            Self::At(directory) => Binaries::at(directory),
            Self::Installed => machine.run(None),
            Self::Download => download(None, false).unwrap_or(Err(Error::NoBuild { major: None })),
            Self::Any(major) => machine
                .run(major)
                .or_else(|error| download(major, true).unwrap_or(Err(error))),
        }
    }
}

/// Downloads, if this crate was built with the feature.
#[cfg(feature = "download")]
fn download(major: Option<u32>, needed: bool) -> Option<Result<Binaries, Error>> {
    Some(crate::download::binaries(major, needed))
}

#[cfg(not(feature = "download"))]
fn download(_: Option<u32>, _: bool) -> Option<Result<Binaries, Error>> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Result<Choice, Error> {
        Choice::read(Some(value.into()), None)
    }

    #[test]
    fn each_word_has_its_meaning_and_no_other_word_has_one() {
        assert_eq!(read("installed").unwrap(), Choice::Installed);
        assert_eq!(read("download").unwrap(), Choice::Download);
        assert_eq!(read("16").unwrap(), Choice::Any(Some(16)));
        assert_eq!(read("").unwrap(), Choice::Any(None));
        assert_eq!(read("/opt/pg").unwrap(), Choice::At("/opt/pg".into()));
        for value in ["instaled", "13", "19", "18.4", "true", "none"] {
            assert!(
                matches!(read(value), Err(Error::Setting { value: named }) if named == value),
                "{value}"
            );
        }
    }

    #[test]
    fn the_older_variable_counts_where_the_newer_is_not_set() {
        let old = || Some(OsString::from("/opt/old"));
        assert_eq!(Choice::read(None, old()).unwrap(), Choice::At("/opt/old".into()));
        assert_eq!(
            Choice::read(Some("".into()), old()).unwrap(),
            Choice::At("/opt/old".into())
        );
        assert_eq!(
            Choice::read(Some("17".into()), old()).unwrap(),
            Choice::Any(Some(17))
        );
        assert_eq!(Choice::read(None, None).unwrap(), Choice::Any(None));
    }
}
