//! What passes from the derive to `cargo authz --expand`: each item that a derive is given, as one file.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The variable that names the folder for the files. Only `cargo authz` sets it.
pub const FOLDER_VARIABLE: &str = "AUTHZ_COLLECT_DIR";

/// How the files' names end.
pub const EXTENSION: &str = "model";

/// An item with a derive of ours, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectedItem {
    /// Which derive: `Table`, `Type` or `Claims`.
    pub derive: String,
    /// The folder of its package.
    pub package: String,
    /// Its file.
    pub file: String,
    /// The line of its name, from 1.
    pub line: usize,
    /// The column of its name, in characters from 1.
    pub column: usize,
    /// Its tokens.
    pub tokens: String,
}

impl CollectedItem {
    /// The text of its file: the fields with a zero byte between them.
    #[must_use]
    pub fn to_text(&self) -> String {
        [
            self.derive.as_str(),
            self.package.as_str(),
            self.file.as_str(),
            &self.line.to_string(),
            &self.column.to_string(),
            self.tokens.as_str(),
        ]
        .join("\0")
    }

    /// Reads the text of a file. `None` for one that another version wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.splitn(6, '\0').collect();
        let [derive, package, file, line, column, tokens] = fields.as_slice() else {
            return None;
        };
        Some(Self {
            derive: (*derive).to_owned(),
            package: (*package).to_owned(),
            file: (*file).to_owned(),
            line: line.parse().ok()?,
            column: column.parse().ok()?,
            tokens: (*tokens).to_owned(),
        })
    }

    /// The name of its file: a hash, so that nothing in the source decides where anything is written.
    #[must_use]
    pub fn file_name(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.to_text().hash(&mut hasher);
        format!("{:016x}.{EXTENSION}", hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_read_as_it_was_written() {
        let item = CollectedItem {
            derive: "Table".to_owned(),
            package: "/a".to_owned(),
            file: "/a/src/lib.rs".to_owned(),
            line: 3,
            column: 8,
            tokens: "struct Note { id : i64 }".to_owned(),
        };
        assert_eq!(CollectedItem::from_text(&item.to_text()), Some(item.clone()));
        assert!(item.file_name().ends_with(".model"));
        for text in ["", "Table\0/a", "Table\0/a\0f\0x\0y\0t"] {
            assert_eq!(CollectedItem::from_text(text), None, "{text:?}");
        }
    }
}
