//! What the server calls an object at one moment of a plan, where that is not the name that the plan knows it by.

use std::collections::BTreeMap;

use authz_schema::schema::{
    ClaimFunction, Column, Constraint, ConstraintKind, EnumType, ForeignKey, Grant, Index, Membership,
    Policy, Table, TableName, TypeName,
};
use authz_sql::expression::Expression;
use authz_sql::{Ident, QualifiedName};

use crate::object::Object;
use crate::texts::{self, Catalog, Target};

/// A name on the server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Name {
    /// Of a table or a type.
    Qualified(QualifiedName),
    /// Of a part of a table.
    Ident(Ident),
    /// Of a value.
    Label(String),
}

impl Name {
    pub(crate) fn qualified(name: &QualifiedName) -> Self {
        Self::Qualified(name.clone())
    }

    pub(crate) fn ident(name: Ident) -> Self {
        Self::Ident(name)
    }

    pub(crate) fn label(name: String) -> Self {
        Self::Label(name)
    }
}

/// The names that differ from those that the plan uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    names: BTreeMap<Object, Name>,
}

impl Names {
    /// Says what the server calls an object.
    pub(crate) fn set(&mut self, object: Object, name: Name) {
        if name == own_name(&object) {
            self.names.remove(&object);
        } else {
            self.names.insert(object, name);
        }
    }

    /// What the server calls an object.
    pub(crate) fn of(&self, object: &Object) -> Name {
        self.names
            .get(object)
            .cloned()
            .unwrap_or_else(|| own_name(object))
    }

    /// All that have another name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Object, &Name)> {
        self.names.iter()
    }

    /// A type is known by another name from now on; the server calls it and its values what it did.
    pub(crate) fn move_type(&mut self, name: &TypeName, other: &TypeName) {
        let before = self.of(&Object::Enum(name.clone()));
        self.names.remove(&Object::Enum(name.clone()));
        self.set(Object::Enum(other.clone()), before);
        let values: Vec<(Object, Name)> = self
            .names
            .iter()
            .filter_map(|(object, label)| match object {
                Object::Value(item, value) if item == name => {
                    Some((Object::Value(other.clone(), value.clone()), label.clone()))
                }
                _ => None,
            })
            .collect();
        self.names
            .retain(|object, _| !matches!(object, Object::Value(item, _) if item == name));
        self.names.extend(values);
    }

    pub(crate) fn table(&self, table: &TableName) -> TableName {
        match self.names.get(&Object::Table(table.clone())) {
            Some(Name::Qualified(name)) => name.clone(),
            _ => table.clone(),
        }
    }

    pub(crate) fn item(&self, item: &TypeName) -> TypeName {
        match self.names.get(&Object::Enum(item.clone())) {
            Some(Name::Qualified(name)) => name.clone(),
            _ => item.clone(),
        }
    }

    pub(crate) fn value(&self, item: &TypeName, value: &str) -> String {
        match self.names.get(&Object::Value(item.clone(), value.to_owned())) {
            Some(Name::Label(label)) => label.clone(),
            _ => value.to_owned(),
        }
    }

    pub(crate) fn column(&self, table: &TableName, column: &Ident) -> Ident {
        self.part(&Object::Column(table.clone(), column.clone()), column)
    }

    pub(crate) fn index(&self, table: &TableName, index: &Ident) -> Ident {
        self.part(&Object::Index(table.clone(), index.clone()), index)
    }

    pub(crate) fn constraint(&self, table: &TableName, constraint: &Ident) -> Ident {
        self.part(&Object::Constraint(table.clone(), constraint.clone()), constraint)
    }

    pub(crate) fn policy(&self, table: &TableName, policy: &Ident) -> Ident {
        self.part(&Object::Policy(table.clone(), policy.clone()), policy)
    }

    fn part(&self, object: &Object, own: &Ident) -> Ident {
        if self.names.is_empty() {
            return own.clone();
        }
        match self.names.get(object) {
            Some(Name::Ident(name)) => name.clone(),
            _ => own.clone(),
        }
    }

    fn columns(&self, table: &TableName, columns: &mut [Ident]) {
        for column in columns {
            *column = self.column(table, column);
        }
    }

    /// The type as SQL text.
    pub(crate) fn sql_type(&self, text: &str) -> String {
        for (object, name) in &self.names {
            if let (Object::Enum(item), Name::Qualified(name)) = (object, name)
                && text.trim_end_matches("[]") == item.to_string()
            {
                return text.replace(&item.to_string(), &name.to_string());
            }
        }
        text.to_owned()
    }

    /// An expression of a table.
    pub(crate) fn text(
        &self,
        text: &Expression,
        home: Option<&TableName>,
        item: Option<&TypeName>,
        catalog: &Catalog,
    ) -> Expression {
        if self.names.is_empty() {
            return text.clone();
        }
        let types = texts::types_in(text, home, catalog);
        texts::rewritten(text, home, catalog, |target| {
            let to = match target {
                Target::Table(name) => Target::Table(self.table(name)),
                Target::Column(table, column) => {
                    Target::Column(self.table(table), self.column(table, column))
                }
                Target::Type(name) => Target::Type(self.item(name)),
                Target::Text(value) => {
                    let types = item.iter().copied().chain(&types);
                    let label = types
                        .map(|item| self.value(item, value))
                        .find(|label| label != value);
                    Target::Text(label.unwrap_or_else(|| value.clone()))
                }
                _ => return None,
            };
            (to != *target).then_some(to)
        })
    }

    /// A column as the server knows it.
    pub(crate) fn named_column(&self, table: &TableName, column: &Column, catalog: &Catalog) -> Column {
        if self.names.is_empty() {
            return column.clone();
        }
        let item = catalog.enum_of(&column.column_type);
        let text = |text: &Expression| self.text(text, Some(table), item.as_ref(), catalog);
        Column {
            name: self.column(table, &column.name),
            column_type: self.sql_type(&column.column_type),
            default: column.default.as_ref().map(text),
            generated: column.generated.as_ref().map(text),
            ..column.clone()
        }
    }

    /// A constraint as the server knows it.
    pub(crate) fn named_constraint(
        &self,
        table: &TableName,
        constraint: &Constraint,
        catalog: &Catalog,
    ) -> Constraint {
        let mut named = constraint.clone();
        if self.names.is_empty() {
            return named;
        }
        named.name = self.constraint(table, &constraint.name);
        match &mut named.kind {
            ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
                self.columns(table, columns);
            }
            ConstraintKind::Check(text) => *text = self.text(text, Some(table), None, catalog),
            ConstraintKind::ForeignKey(key) => *key = self.foreign_key(table, key),
        }
        named
    }

    fn foreign_key(&self, table: &TableName, key: &ForeignKey) -> ForeignKey {
        let mut named = key.clone();
        self.columns(table, &mut named.columns);
        self.columns(&key.table, &mut named.references);
        named.table = self.table(&key.table);
        named
    }

    /// An index as the server knows it.
    pub(crate) fn named_index(&self, table: &TableName, index: &Index, catalog: &Catalog) -> Index {
        let mut named = index.clone();
        if self.names.is_empty() {
            return named;
        }
        named.name = self.index(table, &index.name);
        for text in named.keys.iter_mut().chain(&mut named.predicate) {
            *text = self.text(text, Some(table), None, catalog);
        }
        self.columns(table, &mut named.include);
        self.columns(table, &mut named.columns);
        named
    }

    /// A policy as the server knows it.
    pub(crate) fn named_policy(&self, table: &TableName, policy: &Policy, catalog: &Catalog) -> Policy {
        let mut named = policy.clone();
        if self.names.is_empty() {
            return named;
        }
        named.name = self.policy(table, &policy.name);
        for text in named.using.iter_mut().chain(&mut named.with_check) {
            *text = self.text(text, Some(table), None, catalog);
        }
        named
    }

    /// A privilege as the server knows it.
    pub(crate) fn named_grant(&self, table: &TableName, grant: &Grant) -> Grant {
        let mut named = grant.clone();
        self.columns(table, named.columns.as_deref_mut().unwrap_or_default());
        named
    }

    /// An enum type as the server knows it.
    pub(crate) fn named_enum(&self, item: &EnumType) -> EnumType {
        EnumType {
            name: self.item(&item.name),
            values: item
                .values
                .iter()
                .map(|value| self.value(&item.name, value))
                .collect(),
            comment: item.comment.clone(),
        }
    }

    /// A function that gives a claim as the server knows it.
    pub(crate) fn named_claim(&self, claim: &ClaimFunction) -> ClaimFunction {
        ClaimFunction {
            claim_type: self.sql_type(&claim.claim_type),
            ..claim.clone()
        }
    }

    /// A function that looks memberships up as the server knows it.
    pub(crate) fn named_membership(&self, membership: &Membership, catalog: &Catalog) -> Membership {
        let table = &membership.table;
        Membership {
            table: self.table(table),
            group: self.column(table, &membership.group),
            user: self.column(table, &membership.user),
            group_type: self.sql_type(&membership.group_type),
            condition: membership
                .condition
                .as_ref()
                .map(|text| self.text(text, Some(table), None, catalog)),
            ..membership.clone()
        }
    }

    /// A table with all that CREATE TABLE makes.
    pub(crate) fn named_table(&self, table: &Table, catalog: &Catalog) -> Table {
        let name = &table.name;
        Table {
            name: self.table(name),
            columns: table
                .columns
                .iter()
                .map(|column| self.named_column(name, column, catalog))
                .collect(),
            constraints: table
                .constraints
                .iter()
                .map(|constraint| self.named_constraint(name, constraint, catalog))
                .collect(),
            ..table.clone()
        }
    }

    /// A sentence for people, in which each object that only the old schema has stands by the name that they know.
    pub(crate) fn in_words(&self, message: String) -> String {
        if !message.contains('\u{1}') {
            return message;
        }
        let mut said = message;
        for (object, name) in &self.names {
            let (own, name) = match (object, name) {
                (Object::Table(own) | Object::Enum(own), Name::Qualified(name)) => {
                    (own.to_string(), name.to_string())
                }
                (
                    Object::Column(_, own)
                    | Object::Index(_, own)
                    | Object::Constraint(_, own)
                    | Object::Policy(_, own),
                    Name::Ident(name),
                ) => (own.to_string(), name.to_string()),
                (Object::Value(_, own), Name::Label(name)) => (own.clone(), name.clone()),
                _ => continue,
            };
            if own.contains('\u{1}') {
                said = said.replace(&own, &name);
            }
        }
        said
    }
}

/// The name that the plan knows an object by.
fn own_name(object: &Object) -> Name {
    match object {
        Object::Table(name) | Object::Enum(name) => Name::Qualified(name.clone()),
        Object::Value(_, label) => Name::Label(label.clone()),
        Object::Column(_, name)
        | Object::Index(_, name)
        | Object::Constraint(_, name)
        | Object::Policy(_, name) => Name::Ident(name.clone()),
        _ => Name::Label(String::new()),
    }
}
