//! Names with their namespace.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Ident;

/// A namespace and a name in it. `Display` writes it as SQL, always qualified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QualifiedName {
    /// What SQL calls the schema; `public` by default.
    pub namespace: Ident,
    /// The object's own name.
    pub name: Ident,
}

impl QualifiedName {
    /// Another name in the same namespace.
    #[must_use]
    pub fn renamed(&self, name: &Ident) -> Self {
        Self {
            name: name.clone(),
            ..self.clone()
        }
    }
}

impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.namespace, self.name)
    }
}

/// What tells one function from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// Namespace and name.
    #[serde(flatten)]
    pub name: QualifiedName,
    /// The types of its arguments as SQL text, such as `bigint, text`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub arguments: String,
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.name, self.arguments)
    }
}
