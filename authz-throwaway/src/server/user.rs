//! Who the server runs as. PostgreSQL refuses to run as root, so root hands it to an ordinary user.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::Error;

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
}

#[cfg(not(unix))]
impl User {
    pub(super) fn run(&self, _: &mut Command) {}

    pub(super) fn give(&self, _: &Path) -> Result<(), Error> {
        Ok(())
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
