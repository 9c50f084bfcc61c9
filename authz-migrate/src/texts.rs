//! What expressions and functions of a schema refer to, and what they are called with other names.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{
    Constraint, ConstraintKind, Function, Membership, Policy, Schema, TableName, TypeName,
};
use authz_sql::expression::{self, Expression, Replacement};
use authz_sql::function::{self, BodyKind};
use authz_sql::{Ident, QualifiedName, Signature};

use crate::deps::Need;

pub(crate) use authz_sql::expression::Target;

/// The columns and types of a schema, by which names in texts are told apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    columns: BTreeMap<TableName, Vec<Ident>>,
    enums: BTreeMap<String, TypeName>,
    /// The columns whose type is an enum, or an array of one.
    column_enums: BTreeMap<(TableName, Ident), TypeName>,
    /// Whether a column has a type to which a text is not the same as to an untyped string.
    folds: bool,
    returns: BTreeMap<QualifiedName, TableName>,
}

impl Catalog {
    pub(crate) fn of(schema: &Schema) -> Self {
        let enums: BTreeMap<String, TypeName> = schema
            .enums
            .keys()
            .map(|name| (name.to_string(), name.clone()))
            .collect();
        let mut catalog = Self {
            enums,
            ..Self::default()
        };
        for (name, table) in &schema.tables {
            catalog.folds |= table.columns.iter().any(|column| folds(&column.column_type));
            let columns = table.columns.iter().map(|column| column.name.clone()).collect();
            catalog.columns.insert(name.clone(), columns);
            if catalog.enums.is_empty() {
                continue;
            }
            for column in &table.columns {
                if let Some(item) = catalog.enum_of(&column.column_type) {
                    catalog
                        .column_enums
                        .insert((name.clone(), column.name.clone()), item);
                }
            }
        }
        catalog
    }

    /// The enum type that a type as SQL text is, or holds.
    pub(crate) fn enum_of(&self, sql_type: &str) -> Option<TypeName> {
        if self.enums.is_empty() {
            return None;
        }
        self.enums.get(sql_type.trim_end_matches("[]")).cloned()
    }
}

impl expression::Catalog for Catalog {
    fn has_column(&self, table: &QualifiedName, column: &str) -> bool {
        let columns = self.columns.get(table);
        columns.is_some_and(|columns| columns.iter().any(|known| known.as_str() == column))
    }

    fn columns(&self, table: &QualifiedName) -> Vec<Ident> {
        self.columns.get(table).cloned().unwrap_or_default()
    }

    fn returns(&self, function: &QualifiedName) -> Option<QualifiedName> {
        self.returns.get(function).cloned()
    }
}

/// What an expression of a table refers to.
pub(crate) fn references(text: &Expression, home: Option<&TableName>, catalog: &Catalog) -> Vec<Target> {
    let references = text.references(home, catalog);
    references.into_iter().map(|reference| reference.target).collect()
}

/// The enum types that an expression names, or whose columns it reads: what a string in it may be a value of.
pub(crate) fn types_in(text: &Expression, home: Option<&TableName>, catalog: &Catalog) -> BTreeSet<TypeName> {
    if catalog.enums.is_empty() || !text.as_str().contains(['\'', '$']) {
        return BTreeSet::new();
    }
    let references = references(text, home, catalog);
    let types = references.iter().filter_map(|target| match target {
        Target::Column(table, column) => catalog
            .column_enums
            .get(&(table.clone(), column.clone()))
            .cloned(),
        Target::Type(name) => catalog.enum_of(&name.to_string()),
        _ => None,
    });
    types.collect()
}

/// The text with other names for what it refers to.
pub(crate) fn rewritten(
    text: &Expression,
    home: Option<&TableName>,
    catalog: &Catalog,
    name: impl Fn(&Target) -> Option<Target>,
) -> Expression {
    text.rewritten(home, catalog, |target| {
        Some(match name(target)? {
            Target::Table(name) | Target::Type(name) | Target::Function(name) => Replacement::Object(name),
            Target::Column(_, name) | Target::Unknown(name) => Replacement::Name(name),
            Target::Text(value) => Replacement::Text(value),
        })
    })
}

/// Whether values of a type are equal to a string that is typed by them, and not to the same text. `IN ('a')` compares as the
/// column's type does, and `= ANY (ARRAY['a'])` as text: other rows, for `citext` and `char(n)`.
fn folds(sql_type: &str) -> bool {
    let item = sql_type.trim_end_matches("[]");
    item == "citext" || item.ends_with(".citext") || item == "bpchar" || item.starts_with("char")
}

/// Whether nothing but an equal text can be trusted to say the same, since a list of strings stands as an array.
fn is_doubtful(one: &Expression, other: &Expression, catalog: &Catalog) -> bool {
    let lists = |text: &Expression| text.as_str().to_ascii_uppercase().contains("ARRAY");
    catalog.folds && (lists(one) || lists(other))
}

/// How policies that call functions which look memberships up say the same with the new functions.
#[derive(Debug, Default)]
pub(crate) struct Lookups(Vec<(String, String)>);

impl Lookups {
    pub(crate) fn of(old: &Schema, new: &Schema) -> Self {
        let pairs = new.memberships.values().filter_map(|after| {
            let before = old.memberships.get(&after.name)?;
            let same_rows = Membership {
                form: after.form,
                ..before.clone()
            };
            let other = before.form != after.form && same_rows.is_same_function(after);
            other.then(|| (before.groups(), after.groups()))
        });
        Self(pairs.collect())
    }

    /// The policy with the calls of the new functions.
    pub(crate) fn renewed(&self, policy: &Policy) -> Policy {
        let text = |text: &Expression| {
            let mut text = text.as_str().to_owned();
            for (from, to) in &self.0 {
                text = text.replace(from, to);
            }
            Expression::unchecked(text)
        };
        if self.0.is_empty() {
            return policy.clone();
        }
        Policy {
            using: policy.using.as_ref().map(text),
            with_check: policy.with_check.as_ref().map(text),
            ..policy.clone()
        }
    }
}

/// Whether two texts say the same.
pub(crate) fn same(one: &Expression, other: &Expression, catalog: &Catalog) -> bool {
    one == other || !is_doubtful(one, other, catalog) && one.same(other)
}

/// Whether each row for which the first holds is one for which the second does.
pub(crate) fn implies(one: &Expression, other: &Expression, catalog: &Catalog) -> bool {
    one == other || !is_doubtful(one, other, catalog) && one.implies(other)
}

/// Whether two texts that may be missing say the same.
pub(crate) fn same_optional(one: Option<&Expression>, other: Option<&Expression>, catalog: &Catalog) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => same(one, other, catalog),
        (None, None) => true,
        _ => false,
    }
}

/// Takes the old text where the new one says the same.
pub(crate) fn keep(old: &Expression, new: &mut Expression, catalog: &Catalog) {
    if old != new && same(old, new, catalog) {
        new.clone_from(old);
    }
}

/// The same for texts that may be missing.
pub(crate) fn keep_optional(old: Option<&Expression>, new: &mut Option<Expression>, catalog: &Catalog) {
    if let (Some(old), Some(new)) = (old, new) {
        keep(old, new, catalog);
    }
}

/// The expression of a CHECK, to be changed.
pub(crate) fn check_mut(constraint: &mut Constraint) -> Option<&mut Expression> {
    match &mut constraint.kind {
        ConstraintKind::Check(text) => Some(text),
        _ => None,
    }
}

/// What the text of a function refers to.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    kind: BodyKind,
    /// What the server knows: the types of arguments, and what is returned.
    signature: Vec<Target>,
    body: Vec<Target>,
    /// The text without what it refers to.
    rest: String,
}

impl Body {
    pub(crate) fn of(function: &Function, catalog: &Catalog) -> Self {
        let read = function::Body::read(&function.sql, catalog);
        let targets = |references: Vec<&expression::Reference>| {
            references
                .into_iter()
                .map(|reference| reference.target.clone())
                .collect()
        };
        let mut rest = String::new();
        let mut end = 0;
        for reference in &read.references {
            if reference.range.start >= end
                && !matches!(reference.target, Target::Unknown(_) | Target::Text(_))
            {
                rest.push_str(function.sql.get(end..reference.range.start).unwrap_or_default());
                rest.push('\u{1}');
                end = reference.range.end;
            }
        }
        rest.push_str(function.sql.get(end..).unwrap_or_default());
        Self {
            signature: targets(read.signature_references().collect()),
            body: targets(read.body_references().collect()),
            kind: read.kind,
            rest,
        }
    }

    /// Those of all functions of a schema.
    pub(crate) fn all(schema: &Schema) -> BTreeMap<Signature, Self> {
        if schema.functions.is_empty() {
            return BTreeMap::new();
        }
        let catalog = Catalog::of(schema);
        let functions = schema.functions.iter();
        functions
            .map(|(signature, function)| (signature.clone(), Self::of(function, &catalog)))
            .collect()
    }

    /// Gives what it refers to other names.
    pub(crate) fn rename(&mut self, name: impl Fn(&Target) -> Option<Target>) {
        for target in self.signature.iter_mut().chain(&mut self.body) {
            if let Some(to) = name(target) {
                *target = to;
            }
        }
    }

    /// Whether both say the same of the same things. What the server has parsed follows a rename by itself.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.kind == BodyKind::Atomic
            && other.kind == BodyKind::Atomic
            && self.rest == other.rest
            && self.signature == other.signature
            && self.body == other.body
    }

    /// What it refers to, and how much it needs that.
    pub(crate) fn targets(&self) -> impl Iterator<Item = (&Target, Need)> {
        let need = match self.kind {
            BodyKind::Atomic => Need::Hard,
            BodyKind::Sql => Need::Body,
            BodyKind::Opaque => Need::Wish,
        };
        let signature = self.signature.iter().map(|target| (target, Need::Hard));
        signature.chain(self.body.iter().map(move |target| (target, need)))
    }
}
