//! Names that two things want, and renames that cannot all be.
//!
//! Tables, indexes and sequences of a namespace share their names; tables and types share theirs, since each table has a
//! type of its rows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use authz_sql::{Ident, QualifiedName};

use super::{Declarations, DeclareError, Subject};
use crate::closest::{closest, no_such_column as no_column};
use crate::places::Part;
use crate::renames::{self, Renames};
use crate::schema::{ConstraintKind, Table, TableName, sequence_name};

/// What has a name.
#[derive(Clone)]
struct Holder {
    of: Subject,
    part: Part,
    /// Such as ` of the index` behind the table's name.
    what: &'static str,
}

#[derive(Default)]
struct Claims {
    relations: BTreeMap<QualifiedName, Holder>,
    types: BTreeMap<QualifiedName, Holder>,
    errors: Vec<DeclareError>,
}

/// The names that two things of the models want. Two tables and two enums of one name are found where their structs are
/// known.
pub(super) fn clashes(declarations: &Declarations) -> Vec<DeclareError> {
    let mut claims = Claims::default();
    for table in &declarations.tables {
        let holder = Holder {
            of: Subject::Table(table.name.clone()),
            part: Part::Name,
            what: "",
        };
        claims.relations.insert(table.name.clone(), holder.clone());
        claims.types.insert(table.name.clone(), holder);
    }
    for item in &declarations.enums {
        let of = Subject::Enum(item.name.clone());
        if let Some(holder) = claims.types.get(&item.name)
            && holder.of != of
        {
            claims.errors.push(DeclareError {
                of,
                part: Part::Name,
                message: format!(
                    "a table is called {0} already, and has a type of its rows of that name; write another \
                     `type_name`, or `#[table(name = \"…\")]` on the table",
                    item.name
                ),
                other: Some((holder.of.clone(), holder.part.clone())),
            });
        }
    }
    for table in declarations.tables.iter().filter(|table| !table.existing) {
        for constraint in &table.constraints {
            if matches!(
                constraint.kind,
                ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_)
            ) {
                let part = Part::Constraint(constraint.name.clone());
                claims.relation(table, &constraint.name, part, ", for a constraint");
            }
        }
        for index in &table.indexes {
            let part = Part::Index(index.name.clone());
            claims.relation(table, &index.name, part, ", for an index");
        }
    }
    // PostgreSQL finds another name for a sequence where one is there already, but not for what is made behind it.
    for table in declarations.tables.iter().filter(|table| !table.existing) {
        for column in table.columns.iter().filter(|column| column.identity.is_some()) {
            let Ok(name) = Ident::new(sequence_name(&table.name.name, &column.name)) else {
                continue;
            };
            let part = Part::Column(column.name.clone());
            let is_sequence = |holder: &Holder| holder.what == SEQUENCE;
            if !claims
                .relations
                .get(&table.name.renamed(&name))
                .is_some_and(is_sequence)
            {
                claims.relation(table, &name, part, SEQUENCE);
            }
        }
    }
    claims.errors
}

const SEQUENCE: &str = ", for the sequence of an identity column";

impl Claims {
    fn relation(&mut self, table: &Table, name: &Ident, part: Part, what: &'static str) {
        let of = Subject::Table(table.name.clone());
        match self.relations.entry(table.name.renamed(name)) {
            Entry::Vacant(free) => {
                free.insert(Holder { of, part, what });
            }
            Entry::Occupied(taken) => {
                let holder = taken.get();
                let Subject::Table(owner) = &holder.of else {
                    return;
                };
                let advice = match part {
                    Part::Index(_) => "give the index a name of its own: `#[table(index(…, name = \"…\"))]`",
                    _ => "write `#[table(name = \"…\")]` on one of the two",
                };
                self.errors.push(DeclareError {
                    of,
                    part,
                    message: format!(
                        "the name {name} is taken in {} by {owner}{}; {advice}",
                        table.name.namespace, holder.what
                    ),
                    other: Some((holder.of.clone(), holder.part.clone())),
                });
            }
        }
    }
}

/// Renames of tables and of enums that cannot all be. Those inside of one struct are found where it is read.
pub(super) fn conflicts(renames: &Renames) -> Vec<DeclareError> {
    let tables = conflicts_of(&renames.tables, "table", Subject::Table);
    let enums = conflicts_of(&renames.enums, "type", Subject::Enum);
    tables.into_iter().chain(enums).collect()
}

fn conflicts_of(
    renamed: &[(QualifiedName, QualifiedName)],
    kind: &str,
    subject: impl Fn(QualifiedName) -> Subject,
) -> Vec<DeclareError> {
    let pairs: Vec<_> = renamed.iter().map(|(today, former)| (today, former)).collect();
    let found = renames::conflicts(&pairs).into_iter();
    let error = |(number, first): (usize, usize)| {
        let (today, former) = pairs.get(number)?;
        let (first, _) = pairs.get(first)?;
        Some(DeclareError {
            of: subject((*today).clone()),
            part: Part::FormerName,
            message: renames::conflict(kind, &former.to_string(), &first.to_string()),
            other: Some((subject((*first).clone()), Part::FormerName)),
        })
    };
    found.filter_map(error).collect()
}

/// The table that was meant where another is written, as an attribute names it.
pub(super) fn closest_table<'a>(
    name: &TableName,
    tables: &(impl Iterator<Item = &'a TableName> + Clone),
) -> Option<String> {
    let elsewhere = tables.clone().find(|table| table.name == name.name);
    let meant = elsewhere.or_else(|| {
        let close = closest(
            name.name.as_str(),
            tables.clone().map(|table| table.name.as_str()),
        )?;
        let named = || tables.clone().filter(|table| table.name.as_str() == close);
        named()
            .find(|table| table.namespace == name.namespace)
            .or_else(|| named().next())
    })?;
    Some(if meant.namespace.as_str() == "public" {
        meant.name.as_str().to_owned()
    } else {
        format!("{}.{}", meant.namespace.as_str(), meant.name.as_str())
    })
}

/// What to say of a column that a table does not have.
pub(super) fn no_such_column(table: &Table, name: &Ident) -> String {
    let known = table.columns.iter().map(|column| column.name.as_str());
    let message = no_column(table.name.name.as_str(), name.as_str(), known);
    if table.existing {
        format!("{message}; if it is there, add the field to the struct")
    } else {
        message
    }
}
