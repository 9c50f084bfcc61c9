//! The folder in which downloads are kept: below the user's own cache folder.

use std::env;
use std::path::PathBuf;

/// The folder, whether it is there or not. `None` where the environment tells no home.
pub(super) fn folder() -> Option<PathBuf> {
    let places = if cfg!(windows) {
        [below("LOCALAPPDATA", ""), below("USERPROFILE", "AppData/Local")]
    } else if cfg!(target_os = "macos") {
        [below("XDG_CACHE_HOME", ""), below("HOME", "Library/Caches")]
    } else {
        [below("XDG_CACHE_HOME", ""), below("HOME", ".cache")]
    };
    let user = places.into_iter().flatten().next()?;
    Some(user.join("authz").join("postgres"))
}

/// The XDG Base Directory Specification has paths that are not absolute ignored.
fn below(variable: &str, path: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os(variable)?);
    folder.is_absolute().then(|| folder.join(path))
}
