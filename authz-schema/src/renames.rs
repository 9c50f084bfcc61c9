//! Which table, column, policy, enum and value of the models was which before.

use authz_sql::Ident;

use crate::schema::{TableName, TypeName};

/// The renames that models ask for by `renamed_from`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Renames {
    /// The table's new name and its old one, maybe of another namespace.
    pub tables: Vec<(TableName, TableName)>,
    /// The table by its new name, and the column's new and old name.
    pub columns: Vec<(TableName, Ident, Ident)>,
    /// The table by its new name, and the policy's new and old name.
    pub policies: Vec<(TableName, Ident, Ident)>,
    /// The type's new name and its old one, maybe of another namespace.
    pub enums: Vec<(TypeName, TypeName)>,
    /// The type by its new name, and the value's new and old name.
    pub enum_values: Vec<(TypeName, String, String)>,
}

impl Renames {
    /// Adds those of another model.
    pub fn extend(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.columns.extend(other.columns);
        self.policies.extend(other.policies);
        self.enums.extend(other.enums);
        self.enum_values.extend(other.enum_values);
    }
}
