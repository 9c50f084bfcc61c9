//! Where the files of a module are: rustc's rules (`rustc_expand::module`), without its search for mistakes.

use std::path::{Path, PathBuf};

/// Where the code being read stands, as far as that decides in which files its modules are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The folder that `#[path]` and an inline module's name are relative to.
    dir: PathBuf,
    /// In `x.rs` (not in `x/mod.rs` or a target root): `x`, the folder of its modules.
    relative: Option<String>,
    /// Inside a `{ … }` of code a module needs `#[path]` to have a file.
    in_block: bool,
}

impl Place {
    /// In a file that keeps its modules beside itself: a target root, a `mod.rs`, a file named by `#[path]` or
    /// by `include!`.
    pub(super) fn beside(file: &Path) -> Self {
        Self {
            dir: parent(file),
            relative: None,
            in_block: false,
        }
    }

    /// In a block of code.
    pub(super) fn block(&self) -> Self {
        Self {
            in_block: true,
            ..self.clone()
        }
    }

    /// In `mod name { … }`.
    pub(super) fn inline(&self, name: &str, path: Option<&str>) -> Self {
        if let Some(path) = path {
            return Self {
                dir: self.dir.join(path),
                relative: None,
                in_block: false,
            };
        }
        let mut dir = self.dir.clone();
        dir.extend(self.relative.as_deref().filter(|_| !self.in_block));
        dir.push(name);
        Self {
            dir,
            relative: None,
            in_block: self.in_block,
        }
    }

    /// Finds the file of `mod name;` and the place inside that file.
    ///
    /// # Errors
    ///
    /// What rustc would say: no file, two files, or a block.
    pub(super) fn file(&self, name: &str, path: Option<&str>) -> Result<(PathBuf, Self), String> {
        if let Some(path) = path {
            let file = self.dir.join(path);
            let place = Self::beside(&file);
            return if file.is_file() {
                Ok((file, place))
            } else {
                Err(not_found(name, &[&file]))
            };
        }
        if self.in_block {
            return Err(format!(
                "the module `{name}` stands in a block and has no `#[path]`, so no file is its"
            ));
        }
        let mut dir = self.dir.clone();
        dir.extend(self.relative.as_deref());
        let plain = dir.join(format!("{name}.rs"));
        let nested = dir.join(name).join("mod.rs");
        match (plain.is_file(), nested.is_file()) {
            (true, false) => {
                let place = Self {
                    dir,
                    relative: Some(name.to_owned()),
                    in_block: false,
                };
                Ok((plain, place))
            }
            (false, true) => {
                let place = Self::beside(&nested);
                Ok((nested, place))
            }
            (false, false) => Err(not_found(name, &[&plain, &nested])),
            (true, true) => Err(format!(
                "file for module `{name}` found at both `{}` and `{}`; delete or rename one of them",
                plain.display(),
                nested.display()
            )),
        }
    }
}

fn parent(file: &Path) -> PathBuf {
    file.parent().map(Path::to_path_buf).unwrap_or_default()
}

fn not_found(name: &str, candidates: &[&Path]) -> String {
    let candidates: Vec<_> = candidates
        .iter()
        .map(|path| format!("`{}`", path.display()))
        .collect();
    format!(
        "file not found for module `{name}`; expected {}",
        candidates.join(" or ")
    )
}
