//! Where the parts of a table or a type stand in the source, so that a mistake found later is reported at its attribute.

use std::collections::BTreeMap;

use authz_sql::Ident;
use proc_macro2::Span;

/// A part of a table or a type that an attribute says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Its name.
    Name,
    /// Its former name.
    FormerName,
    /// A column.
    Column(Ident),
    /// A column's DEFAULT.
    Default(Ident),
    /// The expression of a generated column.
    Generated(Ident),
    /// A constraint: the expression of a CHECK, the text of a reference, the key of the others.
    Constraint(Ident),
    /// An index, or what asks for it.
    Index(Ident),
    /// A policy.
    Policy(Ident),
    /// USING of a policy.
    Using(Ident),
    /// WITH CHECK of a policy.
    WithCheck(Ident),
    /// The membership of this number that a policy asks for.
    Membership(usize),
}

/// Where the parts stand.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<Part, Span>);

impl Places {
    /// Where a part stands, if that is known.
    #[must_use]
    pub fn of(&self, part: &Part) -> Option<Span> {
        self.0.get(part).copied()
    }

    /// Notes where a part stands.
    pub(crate) fn note(&mut self, part: Part, span: Span) {
        self.0.entry(part).or_insert(span);
    }

    /// Adds those of another.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}
