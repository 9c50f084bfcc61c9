//! Where the models declare what: for errors of a server, which speaks of tables and policies.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use authz_schema::places::Part;
use authz_schema::schema::TableName;
use authz_sql::{Ident, words};
use proc_macro2::Span;
use serde::Serialize;

use crate::scan::{Model, shown};

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, relative to the current folder if it lies in it.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

impl Place {
    /// The place of a span in a model, or of the model's name where the compiler gave it.
    pub(crate) fn of(model: &Model, span: Span) -> Self {
        let start = span.start();
        let (line, column) = match model.expanded {
            true => (model.line, model.column),
            false => (start.line, start.column + 1),
        };
        Self {
            file: model.file.clone(),
            line,
            column,
        }
    }

    /// The beginning of a file.
    pub(crate) fn begin(file: &Path) -> Self {
        Self {
            file: shown(file),
            line: 1,
            column: 1,
        }
    }

    /// The place of a model's name.
    pub(crate) fn of_name(model: &Model) -> Self {
        Self {
            file: model.file.clone(),
            line: model.line,
            column: model.column,
        }
    }
}

/// Where the models declare what.
#[derive(Debug, Clone, Default)]
pub struct Places {
    tables: BTreeMap<TableName, TablePlaces>,
    /// The functions, types and claims by their names; of a function that looks memberships up, the policy that asks.
    others: BTreeMap<Ident, Place>,
}

#[derive(Debug, Clone)]
struct TablePlaces {
    table: Place,
    columns: BTreeMap<Ident, Place>,
    policies: BTreeMap<Ident, Place>,
}

impl Places {
    /// Adds a table with its columns and policies.
    pub(crate) fn add_table(&mut self, model: &Model, parsed: &authz_schema::model::Model) {
        let place = |part: Part| Some(Place::of(model, parsed.places.of(&part)?));
        let policies: BTreeMap<Ident, Place> = parsed
            .table
            .policies
            .iter()
            .filter_map(|policy| Some((policy.name.clone(), place(Part::Policy(policy.name.clone()))?)))
            .collect();
        let columns = parsed
            .table
            .columns
            .iter()
            .filter_map(|column| Some((column.name.clone(), place(Part::Column(column.name.clone()))?)))
            .collect();
        for used in &parsed.memberships {
            let Ok(function) = Ident::new(used.function()) else {
                continue;
            };
            let asks = parsed.table.policies.iter().find(|policy| {
                let texts = policy.using.iter().chain(&policy.with_check);
                texts
                    .into_iter()
                    .any(|text| words::names(text.as_str(), &function))
            });
            if let Some(place) = asks.and_then(|policy| policies.get(&policy.name)) {
                self.others.entry(function).or_insert_with(|| place.clone());
            }
        }
        self.tables.insert(
            parsed.table.name.clone(),
            TablePlaces {
                table: Place::of_name(model),
                columns,
                policies,
            },
        );
    }

    /// Adds something else that has a name in SQL.
    pub(crate) fn add_other(&mut self, name: Ident, place: Place) {
        self.others.insert(name, place);
    }

    /// Where a policy is written.
    #[must_use]
    pub fn policy(&self, table: &TableName, policy: &Ident) -> Option<&Place> {
        self.tables.get(table)?.policies.get(policy)
    }

    /// Where a table is written.
    #[must_use]
    pub fn table(&self, table: &TableName) -> Option<&Place> {
        Some(&self.tables.get(table)?.table)
    }

    /// Where a function is written.
    pub(crate) fn function(&self, signature: &str) -> Option<&Place> {
        let name = signature.split('(').next()?.rsplit('.').next()?.trim_matches('"');
        let mut others = self.others.iter();
        others
            .find(|(other, _)| other.as_str() == name)
            .map(|(_, place)| place)
    }

    /// Where the models write what a statement is about: the attribute of its policy, the field that the failing line
    /// names, or the struct. What is named first counts.
    pub(crate) fn of_statement(&self, statement: &str, failing_line: Option<&str>) -> Option<&Place> {
        let at = |text: &str, name: &Ident| {
            let folded = text.to_lowercase();
            words::positions(&folded, &name.as_str().to_lowercase()).next()
        };
        let tables = self
            .tables
            .iter()
            .filter_map(|(name, places)| Some((at(statement, &name.name)?, places)));
        let others = self
            .others
            .iter()
            .filter_map(|(name, place)| Some((at(statement, name)?, place)));
        let table = tables.min_by_key(|(at, _)| *at);
        let other = others.min_by_key(|(at, _)| *at);
        let table = match (table, other) {
            (Some((first, table)), Some((second, _))) if first < second => table,
            (_, Some((_, other))) => return Some(other),
            (Some((_, table)), None) => table,
            (None, None) => return None,
        };
        let policy = table
            .policies
            .iter()
            .find(|(name, _)| words::names(statement, name));
        let column = || {
            let columns = table.columns.iter();
            let named = columns.filter_map(|(name, place)| Some((at(failing_line?, name)?, place)));
            named.min_by_key(|(at, _)| *at)
        };
        let part = policy.map(|(_, place)| place);
        Some(part.or_else(|| Some(column()?.1)).unwrap_or(&table.table))
    }
}
