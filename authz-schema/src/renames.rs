//! Which table, column, policy, enum and value of the models was which before.

use authz_sql::Ident;
use serde::{Deserialize, Serialize};

use crate::schema::{TableName, TypeName};

/// The renames that models ask for by `renamed_from`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renames {
    /// The table's new name and its old one, maybe of another namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<(TableName, TableName)>,
    /// The table by its new name, and the column's new and old name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<(TableName, Ident, Ident)>,
    /// The table by its new name, and the policy's new and old name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<(TableName, Ident, Ident)>,
    /// The type's new name and its old one, maybe of another namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enums: Vec<(TypeName, TypeName)>,
    /// The type by its new name, and the value's new and old name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub enum_values: Vec<(TypeName, String, String)>,
}

impl Renames {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those that are not among others.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        fn left<T: Clone + PartialEq>(items: &[T], others: &[T]) -> Vec<T> {
            items
                .iter()
                .filter(|item| !others.contains(item))
                .cloned()
                .collect()
        }
        Self {
            tables: left(&self.tables, &others.tables),
            columns: left(&self.columns, &others.columns),
            policies: left(&self.policies, &others.policies),
            enums: left(&self.enums, &others.enums),
            enum_values: left(&self.enum_values, &others.enum_values),
        }
    }

    /// Adds those of another model.
    pub fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.columns.extend(other.columns);
        self.policies.extend(other.policies);
        self.enums.extend(other.enums);
        self.enum_values.extend(other.enum_values);
    }
}

/// Renames that cannot all be, by their number in `renamed` (today's and former names): the second and later ones of one
/// former name, each with the number of the first. Chains (`a` from `b`, `b` from `c`) and swaps are none, and neither is a
/// former name that something new has.
pub(crate) fn conflicts<N: PartialEq>(renamed: &[(&N, &N)]) -> Vec<(usize, usize)> {
    let mut conflicts = Vec::new();
    for (number, (_, former)) in renamed.iter().enumerate() {
        let earlier = renamed.iter().take(number).position(|(_, other)| other == former);
        conflicts.extend(earlier.map(|first| (number, first)));
    }
    conflicts
}

/// What is wrong, and what to write.
pub(crate) fn conflict(kind: &str, former: &str, first: &str) -> String {
    format!("the {kind} `{former}` became `{first}` already; only one can be renamed from it")
}
