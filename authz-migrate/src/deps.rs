//! What each object of a schema stands on.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{
    Constraint, ConstraintKind, ForeignKey, Index, Policy, Schema, Table, TableName, TypeName,
};
use authz_sql::expression::Expression;
use authz_sql::{AUTH, Ident, MEMBERS, QualifiedName};

use crate::object::Object;
use crate::texts::{self, Catalog, Target};
use crate::world::State;

/// How much an object needs another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// PostgreSQL knows it: the object cannot be made without it, and it cannot go before the object.
    Hard,
    /// Only the text of a function says it: PostgreSQL looks at it when the function is made, and when it runs.
    Body,
    /// A text says it that nobody but its own language understands.
    Wish,
}

/// What stands on what.
#[derive(Debug, Default)]
pub(crate) struct Dependencies {
    needs: BTreeMap<Object, BTreeMap<Object, Need>>,
    users: BTreeMap<Object, BTreeSet<Object>>,
}

impl Dependencies {
    /// The dependencies of all that is there.
    pub(crate) fn of(state: &State, catalog: &Catalog) -> Self {
        let schema = &state.schema;
        let mut reader = Reader {
            schema,
            catalog,
            functions: functions(schema),
            keys: keys(schema),
            found: Self::default(),
        };
        for item in schema.enums.values() {
            let object = Object::Enum(item.name.clone());
            reader.needs(&object, Object::Namespace(item.name.namespace.clone()));
            for value in &item.values {
                reader.needs(&Object::Value(item.name.clone(), value.clone()), object.clone());
            }
        }
        for claim in schema.claims.values() {
            let object = Object::Claim(claim.name.clone());
            reader.needs(&object, Object::Auth);
            reader.needs(&object, Object::Namespace(claim.name.namespace.clone()));
            reader.sql_type(&object, &claim.claim_type);
        }
        for (signature, body) in &state.bodies {
            let object = Object::Function(signature.clone());
            reader.needs(&object, Object::Namespace(signature.name.namespace.clone()));
            for (target, need) in body.targets() {
                for on in reader.targets(target, &BTreeSet::new()) {
                    if on != object {
                        reader.add(&object, on, need);
                    }
                }
            }
        }
        for membership in schema.memberships.values() {
            let object = Object::Membership(membership.name.clone());
            if let Ok(namespace) = Ident::new(MEMBERS) {
                reader.needs(&object, Object::Namespace(namespace));
            }
            for column in [&membership.group, &membership.user] {
                reader.needs(&object, Object::Column(membership.table.clone(), column.clone()));
            }
            reader.sql_type(&object, &membership.group_type);
            reader.text(&object, &membership.claim, None, None);
            if let Some(condition) = &membership.condition {
                reader.text(&object, condition, Some(&membership.table), None);
            }
        }
        for table in schema.tables.values() {
            reader.table(table);
        }
        let mut found = reader.found;
        for (object, needs) in &found.needs {
            for on in needs.keys() {
                found.users.entry(on.clone()).or_default().insert(object.clone());
            }
        }
        found
    }

    /// What an object stands on.
    pub(crate) fn needs(&self, object: &Object) -> impl Iterator<Item = (&Object, Need)> {
        let needs = self.needs.get(object);
        needs.into_iter().flatten().map(|(on, need)| (on, *need))
    }

    /// How much an object stands on another.
    pub(crate) fn need(&self, object: &Object, on: &Object) -> Option<Need> {
        self.needs.get(object)?.get(on).copied()
    }

    /// What stands on an object.
    pub(crate) fn users(&self, object: &Object) -> impl Iterator<Item = &Object> {
        self.users.get(object).into_iter().flatten()
    }

    /// All functions that an object calls, by way of others too.
    pub(crate) fn calls(&self, object: &Object) -> BTreeSet<Object> {
        let mut found = BTreeSet::new();
        let mut open = vec![object];
        while let Some(at) = open.pop() {
            for (on, _) in self.needs(at) {
                let is_function =
                    matches!(on, Object::Function(_) | Object::Claim(_) | Object::Membership(_));
                if is_function && found.insert(on.clone()) {
                    open.push(on);
                }
            }
        }
        found
    }
}

/// The functions by name. A call does not say which of several of one name it means.
fn functions(schema: &Schema) -> BTreeMap<QualifiedName, Vec<Object>> {
    let mut functions: BTreeMap<QualifiedName, Vec<Object>> = BTreeMap::new();
    for signature in schema.functions.keys() {
        functions
            .entry(signature.name.clone())
            .or_default()
            .push(Object::Function(signature.clone()));
    }
    for name in schema.claims.keys() {
        functions
            .entry(name.clone())
            .or_default()
            .push(Object::Claim(name.clone()));
    }
    for name in schema.memberships.keys() {
        if let Ok(namespace) = Ident::new(MEMBERS) {
            functions
                .entry(QualifiedName {
                    namespace,
                    name: name.clone(),
                })
                .or_default()
                .push(Object::Membership(name.clone()));
        }
    }
    functions
}

/// What makes columns of a table unique, so that a foreign key may refer to them.
fn keys(schema: &Schema) -> BTreeMap<(&TableName, BTreeSet<&Ident>), Vec<Object>> {
    let mut keys: BTreeMap<(&TableName, BTreeSet<&Ident>), Vec<Object>> = BTreeMap::new();
    for (name, table) in &schema.tables {
        for constraint in &table.constraints {
            if let ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) = &constraint.kind {
                keys.entry((name, columns.iter().collect()))
                    .or_default()
                    .push(Object::Constraint(name.clone(), constraint.name.clone()));
            }
        }
        for index in table
            .indexes
            .iter()
            .filter(|index| index.unique && index.predicate.is_none())
        {
            keys.entry((name, index.columns.iter().collect()))
                .or_default()
                .push(Object::Index(name.clone(), index.name.clone()));
        }
    }
    keys
}

struct Reader<'a> {
    schema: &'a Schema,
    catalog: &'a Catalog,
    functions: BTreeMap<QualifiedName, Vec<Object>>,
    keys: BTreeMap<(&'a TableName, BTreeSet<&'a Ident>), Vec<Object>>,
    found: Dependencies,
}

impl Reader<'_> {
    fn needs(&mut self, object: &Object, on: Object) {
        self.add(object, on, Need::Hard);
    }

    fn add(&mut self, object: &Object, on: Object, need: Need) {
        let needs = self.found.needs.entry(object.clone()).or_default();
        let known = needs.entry(on).or_insert(need);
        *known = need.min(*known);
    }

    fn sql_type(&mut self, object: &Object, sql_type: &str) {
        if let Some(item) = self.catalog.enum_of(sql_type) {
            self.needs(object, Object::Enum(item));
        }
    }

    /// What an expression refers to. `item` is the enum type that it gives.
    fn text(&mut self, object: &Object, text: &Expression, home: Option<&TableName>, item: Option<TypeName>) {
        let mut types = texts::types_in(text, home, self.catalog);
        types.extend(item);
        for target in texts::references(text, home, self.catalog) {
            for on in self.targets(&target, &types) {
                if on != *object {
                    self.needs(object, on);
                }
            }
        }
    }

    /// The objects of ours that a reference means.
    fn targets(&self, target: &Target, types: &BTreeSet<TypeName>) -> Vec<Object> {
        match target {
            Target::Table(name) if self.schema.tables.contains_key(name) => vec![Object::Table(name.clone())],
            Target::Column(table, column) if self.schema.tables.contains_key(table) => {
                vec![Object::Column(table.clone(), column.clone())]
            }
            Target::Function(name) => match self.functions.get(name) {
                Some(functions) => functions.clone(),
                None if name.namespace.as_str() == AUTH => vec![Object::Auth],
                None => Vec::new(),
            },
            Target::Type(name) if self.schema.enums.contains_key(name) => vec![Object::Enum(name.clone())],
            Target::Type(name) if self.schema.tables.contains_key(name) => vec![Object::Table(name.clone())],
            Target::Text(value) => {
                let items = types.iter().filter(|item| {
                    let item = self.schema.enums.get(*item);
                    item.is_some_and(|item| item.values.contains(value))
                });
                items
                    .map(|item| Object::Value(item.clone(), value.clone()))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn table(&mut self, table: &Table) {
        let name = &table.name;
        let object = Object::Table(name.clone());
        self.needs(&object, Object::Namespace(name.namespace.clone()));
        for column in &table.columns {
            let own = Object::Column(name.clone(), column.name.clone());
            self.needs(&own, object.clone());
            self.sql_type(&own, &column.column_type);
            if let Some(text) = &column.generated {
                let item = self.catalog.enum_of(&column.column_type);
                self.text(&own, text, Some(name), item);
            }
            if let Some(text) = &column.default {
                let default = Object::Default(name.clone(), column.name.clone());
                let item = self.catalog.enum_of(&column.column_type);
                self.needs(&default, own.clone());
                self.text(&default, text, Some(name), item);
            }
            if column.not_null {
                self.needs(&Object::NotNull(name.clone(), column.name.clone()), own.clone());
            }
            if column.identity.is_some() {
                let identity = Object::Identity(name.clone(), column.name.clone());
                self.needs(&identity, own.clone());
                if column.not_null {
                    self.needs(&identity, Object::NotNull(name.clone(), column.name.clone()));
                }
            }
        }
        for constraint in &table.constraints {
            self.constraint(table, constraint);
        }
        for index in &table.indexes {
            self.index(name, index);
        }
        let row_security = Object::RowSecurity(name.clone());
        self.needs(&row_security, object.clone());
        for policy in &table.policies {
            self.policy(name, policy);
        }
        for grant in &table.grants {
            let own = Object::Grant(name.clone(), grant.role.clone(), grant.privilege);
            self.needs(&own, object.clone());
            for column in grant.columns.iter().flatten() {
                self.needs(&own, Object::Column(name.clone(), column.clone()));
            }
        }
    }

    fn constraint(&mut self, table: &Table, constraint: &Constraint) {
        let name = &table.name;
        let own = Object::Constraint(name.clone(), constraint.name.clone());
        self.needs(&own, Object::Table(name.clone()));
        match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) => {
                for column in columns {
                    self.needs(&own, Object::Column(name.clone(), column.clone()));
                    self.needs(&own, Object::NotNull(name.clone(), column.clone()));
                }
            }
            ConstraintKind::Unique(columns) => {
                for column in columns {
                    self.needs(&own, Object::Column(name.clone(), column.clone()));
                }
            }
            ConstraintKind::Check(text) => self.text(&own, text, Some(name), None),
            ConstraintKind::ForeignKey(key) => self.foreign_key(&own, name, key),
        }
    }

    fn foreign_key(&mut self, own: &Object, table: &TableName, key: &ForeignKey) {
        for column in &key.columns {
            self.needs(own, Object::Column(table.clone(), column.clone()));
        }
        self.needs(own, Object::Table(key.table.clone()));
        for column in &key.references {
            self.needs(own, Object::Column(key.table.clone(), column.clone()));
        }
        let unique = self.keys.get(&(&key.table, key.references.iter().collect()));
        for on in unique.cloned().unwrap_or_default() {
            self.needs(own, on);
        }
    }

    fn index(&mut self, table: &TableName, index: &Index) {
        let own = Object::Index(table.clone(), index.name.clone());
        self.needs(&own, Object::Table(table.clone()));
        for column in index.columns.iter().chain(&index.include) {
            self.needs(&own, Object::Column(table.clone(), column.clone()));
        }
        for text in index.keys.iter().chain(&index.predicate) {
            self.text(&own, text, Some(table), None);
        }
    }

    fn policy(&mut self, table: &TableName, policy: &Policy) {
        let own = Object::Policy(table.clone(), policy.name.clone());
        self.needs(&own, Object::Table(table.clone()));
        for text in policy.using.iter().chain(&policy.with_check) {
            self.text(&own, text, Some(table), None);
        }
    }
}
