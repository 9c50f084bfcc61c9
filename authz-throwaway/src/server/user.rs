//! Who the server runs as. PostgreSQL refuses to run as root, so root hands it to an ordinary user.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::{Binaries, Error};

/// The user that initdb and the server run as: we, or where we are root, someone else.
pub(super) struct User {
    #[cfg(unix)]
    other: Option<Ids>,
}

#[cfg(unix)]
#[derive(Clone, Copy)]
struct Ids {
    uid: u32,
    gid: u32,
}

/// Makes a temporary directory that only the returned user (and root) can enter.
#[cfg(unix)]
pub(super) fn private_directory() -> Result<(TempDir, User), Error> {
    use std::os::unix::fs::MetadataExt;

    let make = || tempfile::Builder::new().prefix("authz-throwaway-").tempdir();
    let mut directory = make().map_err(Error::io("make a temporary directory"))?;
    let owner = directory
        .path()
        .metadata()
        .map_err(Error::io("make a temporary directory"))?
        .uid();
    if owner != 0 {
        return Ok((directory, User { other: None }));
    }
    let other = ordinary_user(&std::fs::read_to_string("/etc/passwd").unwrap_or_default());
    let user = User {
        other: Some(other.ok_or(Error::NoOrdinaryUser)?),
    };
    if !std::env::temp_dir().starts_with("/tmp") {
        // A TMPDIR of root's may lie where nobody else can reach it.
        directory = tempfile::Builder::new()
            .prefix("authz-throwaway-")
            .tempdir_in("/tmp")
            .map_err(Error::io("make a temporary directory"))?;
    }
    user.give(directory.path())?;
    Ok((directory, user))
}

/// Makes a temporary directory; on Windows it lies in the profile of the user, which is closed to others.
#[cfg(not(unix))]
pub(super) fn private_directory() -> Result<(TempDir, User), Error> {
    let directory = tempfile::Builder::new().prefix("authz-throwaway-").tempdir();
    Ok((
        directory.map_err(Error::io("make a temporary directory"))?,
        User {},
    ))
}

#[cfg(unix)]
impl User {
    /// Makes the command run as this user.
    pub(super) fn run(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;

        if let Some(Ids { uid, gid }) = self.other {
            // The standard library drops root's supplementary groups when it changes the uid from 0.
            command.gid(gid).uid(uid);
        }
    }

    /// Makes this user the owner of a file or directory.
    pub(super) fn give(&self, path: &Path) -> Result<(), Error> {
        let Some(Ids { uid, gid }) = self.other else {
            return Ok(());
        };
        std::os::unix::fs::chown(path, Some(uid), Some(gid))
            .map_err(Error::io("give the data directory away"))
    }

    /// The programs where this user can run them. Those of a download in root's own cache folder come into the server's directory.
    pub(super) fn reach(&self, binaries: &Binaries, directory: &Path) -> Result<Binaries, Error> {
        use std::process::Stdio;

        let Some(Ids { uid, .. }) = self.other else {
            return Ok(binaries.clone());
        };
        let mut trial = Command::new(binaries.program("postgres"));
        trial
            .arg("--version")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        trial.current_dir("/");
        self.run(&mut trial);
        if trial.status().is_ok_and(|status| status.success()) {
            return Ok(binaries.clone());
        }
        // What lies beside programs that were not downloaded is not known.
        let prefix = binaries.directory().parent().filter(|_| binaries.is_downloaded());
        let Some(prefix) = prefix else {
            return Err(Error::Closed {
                directory: binaries.directory().to_owned(),
                uid,
            });
        };
        let copy = directory.join("postgresql");
        self.link_tree(prefix, &copy)
            .map_err(Error::io("bring the programs to the server's directory"))?;
        Ok(binaries.moved(copy.join("bin")))
    }

    /// Makes a folder with the same files as another: hard links, which take no time and no space, or copies on another file system. The
    /// folders belong to this user, so that the server's script can remove them; the files stay root's.
    fn link_tree(&self, from: &Path, to: &Path) -> std::io::Result<()> {
        use std::fs;

        fs::create_dir(to)?;
        if let Some(Ids { uid, gid }) = self.other {
            std::os::unix::fs::chown(to, Some(uid), Some(gid))?;
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (from, to) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.link_tree(&from, &to)?;
            } else if kind.is_symlink() {
                std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
            } else if fs::hard_link(&from, &to).is_err() {
                fs::copy(&from, &to)?;
            }
        }
        Ok(())
    }
}

#[cfg(not(unix))]
impl User {
    pub(super) fn run(&self, _: &mut Command) {}

    pub(super) fn give(&self, _: &Path) -> Result<(), Error> {
        Ok(())
    }

    pub(super) fn reach(&self, binaries: &Binaries, _: &Path) -> Result<Binaries, Error> {
        Ok(binaries.clone())
    }
}

/// Finds `postgres` (`_postgres` on macOS), else `nobody`, in the text of `/etc/passwd`: `name:password:uid:gid:…`.
#[cfg(unix)]
fn ordinary_user(passwd: &str) -> Option<Ids> {
    ["postgres", "_postgres", "nobody"]
        .into_iter()
        .find_map(|wanted| {
            passwd.lines().find_map(|line| {
                let [name, _password, uid, gid] =
                    line.splitn(5, ':').take(4).collect::<Vec<_>>().try_into().ok()?;
                let ids = Ids {
                    uid: id(uid)?,
                    gid: id(gid)?,
                };
                (name == wanted && ids.uid != 0).then_some(ids)
            })
        })
}

/// Reads an id; macOS writes those of `nobody` as -2.
#[cfg(unix)]
fn id(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .or_else(|| text.parse().ok().map(i32::cast_unsigned))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn postgres_is_preferred_to_nobody_and_nobody_to_root() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:*:-2:-2::/:/bin/false\n";
        assert_eq!(ordinary_user(passwd).unwrap().uid, 4_294_967_294);
        let passwd = format!("{passwd}postgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n");
        let ids = ordinary_user(&passwd).unwrap();
        assert_eq!((ids.uid, ids.gid), (101, 104));
        assert!(ordinary_user("root:x:0:0::/:/bin/sh\npostgres:x:0:0::/:/bin/sh\n").is_none());
    }
}
