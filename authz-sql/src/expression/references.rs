//! All that an expression refers to.

use std::ops::Range;

use super::Expression;
use crate::resolve::Resolver;
use crate::{Ident, QualifiedName};

/// What is known of tables while names are resolved.
pub trait Catalog {
    /// Whether the table has a column of this name, as PostgreSQL keeps it. A table of which nothing is known has none:
    /// a bare name is then looked for further out, and one behind the table's name or alias is its column all the same.
    fn has_column(&self, table: &QualifiedName, column: &str) -> bool;

    /// The columns of the table, where they can be listed: with them a name that is new is not taken for a column
    /// that gets the same name at the same time.
    fn columns(&self, table: &QualifiedName) -> Vec<Ident> {
        let _ = table;
        Vec::new()
    }

    /// The table whose rows the function returns, so that `r.id` in `FROM f() r` is its column.
    fn returns(&self, function: &QualifiedName) -> Option<QualifiedName> {
        let _ = function;
        None
    }
}

/// A catalogue that knows nothing.
impl Catalog for () {
    fn has_column(&self, _: &QualifiedName, _: &str) -> bool {
        false
    }
}

/// One name in an expression, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is meant.
    pub target: Target,
    /// Where in the text, in bytes: the name with its namespace. The column of `notes.id` is `id` alone, and the table a
    /// reference of its own.
    pub range: Range<usize>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An item of FROM, the qualifier of a column, a whole row (`t.*`, or the table's name as a value). No alias and no name
    /// of a WITH, except as a whole row of a table.
    Table(QualifiedName),
    /// A column of a table.
    Column(QualifiedName, Ident),
    /// A call. A bare name is in `public` as far as the text tells, built-in functions too.
    Function(QualifiedName),
    /// A type, or the type of an array's items. A bare name is in `public` as far as the text tells, built-in types too; the
    /// rows of a table are a type of its name.
    Type(QualifiedName),
    /// The value of a string constant, which may be a value of an enum, or a name.
    Text(String),
    /// A name that means nothing known, and every name of a text that cannot be parsed.
    Unknown(Ident),
}

impl Expression {
    /// All that the expression refers to, in order of place. `home` is the table whose columns bare names mean outside of
    /// subqueries.
    ///
    /// A bare name is a column of the innermost FROM that has one of this name, then of those further out, then of
    /// `home`. `USING (id)` refers to both columns from one place. A column behind an alias of a subquery or WITH is the
    /// column that the subquery passes on. Behind a table's name or alias stands a column of it, whatever the catalogue
    /// says; where that has none of the name, a function of it as well, since PostgreSQL reads `t.f` as `f(t)` then.
    ///
    /// # Example
    ///
    /// ```
    /// use authz_sql::expression::{Catalog, Expression, Target};
    /// use authz_sql::{Ident, QualifiedName};
    ///
    /// struct Tables;
    /// impl Catalog for Tables {
    ///     fn has_column(&self, table: &QualifiedName, column: &str) -> bool {
    ///         matches!(
    ///             (table.name.as_str(), column),
    ///             ("notes", "id" | "team_id") | ("members", "team_id")
    ///         )
    ///     }
    /// }
    /// let public = |name| QualifiedName {
    ///     namespace: Ident::new("public").unwrap(),
    ///     name: Ident::new(name).unwrap(),
    /// };
    /// let policy = Expression::unchecked("team_id IN (SELECT m.team_id FROM members m)");
    /// let found = policy.references(Some(&public("notes")), &Tables);
    /// let targets: Vec<Target> = found.into_iter().map(|reference| reference.target).collect();
    /// let team_id = Ident::new("team_id").unwrap();
    /// assert_eq!(
    ///     targets,
    ///     [
    ///         Target::Column(public("notes"), team_id.clone()),
    ///         Target::Column(public("members"), team_id),
    ///         Target::Table(public("members")),
    ///     ]
    /// );
    /// ```
    #[must_use]
    pub fn references(&self, home: Option<&QualifiedName>, catalog: &impl Catalog) -> Vec<Reference> {
        self.resolved(home, catalog).references()
    }

    pub(super) fn resolved<'a, C: Catalog>(
        &'a self,
        home: Option<&QualifiedName>,
        catalog: &'a C,
    ) -> Resolver<'a, C> {
        let mut resolver = Resolver::new(self.as_str(), catalog);
        match self.root() {
            Some(root) => resolver.expression(root, home),
            None => resolver.unparsed(self.as_str(), 0),
        }
        resolver
    }
}

#[cfg(test)]
mod tests;
