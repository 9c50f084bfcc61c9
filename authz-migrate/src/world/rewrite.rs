//! The old schema with the new names: of tables, columns, types and values, wherever they stand.

use std::collections::BTreeMap;

use authz_schema::renames::Renames;
use authz_schema::schema::{
    ConstraintKind, EnumType, Grant, Index, Membership, Schema, Table, TableName, TypeName,
};
use authz_sql::expression::Expression;
use authz_sql::{Ident, Signature};

use super::Fresh;
use super::pairs::{Paired, RenameError, pair};
use crate::names::{Name, Names};
use crate::object::Object;
use crate::texts::{self, Body, Catalog, Target};

/// Which name each object of the old schema gets.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    tables: BTreeMap<TableName, TableName>,
    enums: BTreeMap<TypeName, TypeName>,
    /// By the table's old name.
    columns: BTreeMap<(TableName, Ident), Ident>,
    /// By the type's old name.
    values: BTreeMap<(TypeName, String), String>,
}

impl Rewrite {
    /// Pairs tables, columns, types and values.
    pub(super) fn pairing(
        old: &Schema,
        new: &Schema,
        renames: &Renames,
        fresh: &mut Fresh,
        rings: &mut Renames,
        errors: &mut Vec<RenameError>,
    ) -> Self {
        let mut rewrite = Self::default();
        let mut failed = |problem: Result<_, RenameError>| match problem {
            Ok(paired) => paired,
            Err(error) => {
                errors.push(error);
                Paired::default()
            }
        };
        let tables = failed(
            pair(
                &keys(&old.tables),
                &keys(&new.tables),
                &renames.tables,
                &mut rings.tables,
            )
            .map_err(|problem| RenameError::table(&problem)),
        );
        for name in old.tables.keys() {
            let to = tables.all.get(name).cloned().unwrap_or_else(|| {
                if new.tables.contains_key(name) {
                    name.renamed(&fresh.ident())
                } else {
                    name.clone()
                }
            });
            rewrite.tables.insert(name.clone(), to);
        }
        let enums = failed(
            pair(
                &keys(&old.enums),
                &keys(&new.enums),
                &renames.enums,
                &mut rings.enums,
            )
            .map_err(|problem| RenameError::item(&problem)),
        );
        for name in old.enums.keys() {
            let to = enums.all.get(name).cloned().unwrap_or_else(|| {
                if new.enums.contains_key(name) {
                    name.renamed(&fresh.ident())
                } else {
                    name.clone()
                }
            });
            rewrite.enums.insert(name.clone(), to);
        }
        for (from, to) in &tables.all {
            let (Some(before), Some(after)) = (old.tables.get(from), new.tables.get(to)) else {
                continue;
            };
            let asked: Vec<(Ident, Ident)> = renames
                .columns
                .iter()
                .filter(|(table, ..)| table == to)
                .map(|(_, to, from)| (to.clone(), from.clone()))
                .collect();
            let mut in_ring = Vec::new();
            match pair(&columns(before), &columns(after), &asked, &mut in_ring) {
                Err(problem) => errors.push(RenameError::column(to, &problem)),
                Ok(paired) => rewrite.columns_of(before, after, &paired, fresh),
            }
            rings
                .columns
                .extend(in_ring.into_iter().map(|(new, old)| (to.clone(), new, old)));
        }
        for (from, to) in &enums.all {
            let (Some(before), Some(after)) = (old.enums.get(from), new.enums.get(to)) else {
                continue;
            };
            let asked: Vec<(String, String)> = renames
                .enum_values
                .iter()
                .filter(|(item, ..)| item == to)
                .map(|(_, to, from)| (to.clone(), from.clone()))
                .collect();
            let mut in_ring = Vec::new();
            match pair(&before.values, &after.values, &asked, &mut in_ring) {
                Err(problem) => errors.push(RenameError::value(to, &problem)),
                Ok(paired) => rewrite.values_of(before, after, &paired, fresh),
            }
            rings
                .enum_values
                .extend(in_ring.into_iter().map(|(new, old)| (to.clone(), new, old)));
        }
        rewrite
    }

    fn columns_of(&mut self, before: &Table, after: &Table, paired: &Paired<Ident>, fresh: &mut Fresh) {
        let after = columns(after);
        for name in columns(before) {
            let to = paired.all.get(&name).cloned().unwrap_or_else(|| {
                if after.contains(&name) {
                    fresh.ident()
                } else {
                    name.clone()
                }
            });
            self.columns.insert((before.name.clone(), name), to);
        }
    }

    fn values_of(&mut self, before: &EnumType, after: &EnumType, paired: &Paired<String>, fresh: &mut Fresh) {
        for value in &before.values {
            let to = paired.all.get(value).cloned().unwrap_or_else(|| {
                if after.values.contains(value) {
                    fresh.ident().as_str().to_owned()
                } else {
                    value.clone()
                }
            });
            self.values.insert((before.name.clone(), value.clone()), to);
        }
    }

    /// What the server calls what has another name now.
    pub(super) fn remember(&self, names: &mut Names) {
        for (from, to) in self.tables.iter().filter(|(from, to)| from != to) {
            names.set(Object::Table(to.clone()), Name::qualified(from));
        }
        for (from, to) in self.enums.iter().filter(|(from, to)| from != to) {
            names.set(Object::Enum(to.clone()), Name::qualified(from));
        }
        for ((table, from), to) in self.columns.iter().filter(|((_, from), to)| from != *to) {
            names.set(
                Object::Column(self.table(table), to.clone()),
                Name::ident(from.clone()),
            );
        }
        for ((item, from), to) in self.values.iter().filter(|((_, from), to)| from != *to) {
            names.set(
                Object::Value(self.item(item), to.clone()),
                Name::label(from.clone()),
            );
        }
    }

    fn table(&self, name: &TableName) -> TableName {
        self.tables.get(name).unwrap_or(name).clone()
    }

    fn item(&self, name: &TypeName) -> TypeName {
        self.enums.get(name).unwrap_or(name).clone()
    }

    fn column(&self, table: &TableName, column: &Ident) -> Ident {
        self.columns
            .get(&(table.clone(), column.clone()))
            .unwrap_or(column)
            .clone()
    }

    fn columns(&self, table: &TableName, columns: &mut [Ident]) {
        for column in columns {
            *column = self.column(table, column);
        }
    }

    fn is_nothing(&self) -> bool {
        self.tables.iter().all(|(from, to)| from == to)
            && self.enums.iter().all(|(from, to)| from == to)
            && self.columns.iter().all(|((_, from), to)| from == to)
            && self.values.iter().all(|((_, from), to)| from == to)
    }

    /// What a reference means by its new name, or `None` where it stays.
    fn target(&self, target: &Target) -> Option<Target> {
        let to = match target {
            Target::Table(name) => Target::Table(self.table(name)),
            Target::Column(table, column) => Target::Column(self.table(table), self.column(table, column)),
            Target::Type(name) => Target::Type(self.item(name)),
            _ => return None,
        };
        (to != *target).then_some(to)
    }

    fn text(
        &self,
        text: &mut Expression,
        home: Option<&TableName>,
        item: Option<&TypeName>,
        catalog: &Catalog,
    ) {
        let types = texts::types_in(text, home, catalog);
        *text = texts::rewritten(text, home, catalog, |target| match target {
            Target::Text(value) => {
                let types = item.iter().copied().chain(&types);
                types
                    .filter_map(|item| self.values.get(&(item.clone(), value.clone())))
                    .find(|to| *to != value)
                    .map(|to| Target::Text(to.clone()))
            }
            target => self.target(target),
        });
    }

    /// The type as SQL text with its new name.
    fn sql_type(&self, text: &mut String) {
        let item = text.trim_end_matches("[]").to_owned();
        if let Some((from, to)) = self
            .enums
            .iter()
            .find(|(from, to)| from != to && from.to_string() == item)
        {
            *text = text.replace(&from.to_string(), &to.to_string());
        }
    }

    /// The schema with the new names.
    pub(super) fn schema(&self, old: &Schema, catalog: &Catalog) -> Schema {
        let mut schema = old.clone();
        if self.is_nothing() {
            return schema;
        }
        schema.enums = old
            .enums
            .values()
            .map(|item| {
                let mut item = item.clone();
                for value in &mut item.values {
                    if let Some(to) = self.values.get(&(item.name.clone(), value.clone())) {
                        value.clone_from(to);
                    }
                }
                item.name = self.item(&item.name);
                (item.name.clone(), item)
            })
            .collect();
        for claim in schema.claims.values_mut() {
            self.sql_type(&mut claim.claim_type);
        }
        for membership in schema.memberships.values_mut() {
            self.membership(membership, catalog);
        }
        schema.tables = old
            .tables
            .values()
            .map(|table| {
                let mut table = table.clone();
                self.parts(&mut table, catalog);
                table.name = self.table(&table.name);
                (table.name.clone(), table)
            })
            .collect();
        schema
    }

    fn membership(&self, membership: &mut Membership, catalog: &Catalog) {
        let table = membership.table.clone();
        if let Some(condition) = &mut membership.condition {
            self.text(condition, Some(&table), None, catalog);
        }
        self.sql_type(&mut membership.group_type);
        membership.group = self.column(&table, &membership.group);
        membership.user = self.column(&table, &membership.user);
        membership.table = self.table(&table);
    }

    /// All of a table but its own name.
    fn parts(&self, table: &mut Table, catalog: &Catalog) {
        let name = table.name.clone();
        for column in &mut table.columns {
            let item = catalog.enum_of(&column.column_type);
            for text in column.default.iter_mut().chain(&mut column.generated) {
                self.text(text, Some(&name), item.as_ref(), catalog);
            }
            self.sql_type(&mut column.column_type);
            column.name = self.column(&name, &column.name);
        }
        for constraint in &mut table.constraints {
            match &mut constraint.kind {
                ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                    self.columns(&name, columns);
                }
                ConstraintKind::Check(text) => self.text(text, Some(&name), None, catalog),
                ConstraintKind::ForeignKey(key) => {
                    self.columns(&name, &mut key.columns);
                    self.columns(&key.table, &mut key.references);
                    key.table = self.table(&key.table);
                }
            }
        }
        for index in &mut table.indexes {
            let Index {
                keys,
                include,
                predicate,
                columns,
                ..
            } = index;
            for text in keys.iter_mut().chain(predicate) {
                self.text(text, Some(&name), None, catalog);
            }
            self.columns(&name, include);
            self.columns(&name, columns);
        }
        for policy in &mut table.policies {
            for text in policy.using.iter_mut().chain(&mut policy.with_check) {
                self.text(text, Some(&name), None, catalog);
            }
        }
        for Grant { columns, .. } in &mut table.grants {
            self.columns(&name, columns.as_deref_mut().unwrap_or_default());
        }
    }

    /// What the texts of functions refer to, by new names.
    pub(super) fn bodies(&self, old: &Schema, catalog: &Catalog) -> BTreeMap<Signature, Body> {
        let mut bodies = BTreeMap::new();
        for (signature, function) in &old.functions {
            let mut body = Body::of(function, catalog);
            body.rename(|target| self.target(target));
            bodies.insert(signature.clone(), body);
        }
        bodies
    }

    /// Gives an enum type of the old schema, and all that has it, another name than the new schema's.
    pub(super) fn split(schema: &mut Schema, name: &TypeName, other: &TypeName) {
        let catalog = Catalog::of(schema);
        let rewrite = Self {
            enums: BTreeMap::from([(name.clone(), other.clone())]),
            ..Self::default()
        };
        *schema = rewrite.schema(schema, &catalog);
    }
}

fn keys<K: Clone, V>(map: &BTreeMap<K, V>) -> Vec<K> {
    map.keys().cloned().collect()
}

fn columns(table: &Table) -> Vec<Ident> {
    table.columns.iter().map(|column| column.name.clone()).collect()
}
