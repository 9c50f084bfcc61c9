//! Which object of the new schema is which of the old one, and both schemas with one name for each object.
//!
//! A rename is then no difference: an object that is kept has its new name in both schemas, and one that only the old
//! schema has gets a name that nothing else has. What the objects are called on the server at any moment is in
//! [`Names`], which the writer asks.

mod pairs;
mod rewrite;

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::renames::Renames;
use authz_schema::schema::{Column, Constraint, EnumType, Index, Policy, Schema, Table, TableName, TypeName};
use authz_sql::{Ident, Signature};

use crate::names::{Name, Names};
use crate::object::Object;
use crate::texts::{self, Body, Catalog, Lookups, Target};

pub use self::pairs::RenameError;
use self::pairs::{Paired, pair};
use self::rewrite::Rewrite;

/// The database at one moment: what is there, under one name for each object, and what the server calls it.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// What is there.
    pub(crate) schema: Schema,
    /// What the server calls it where that is another name.
    pub(crate) names: Names,
    /// What the texts of functions refer to.
    pub(crate) bodies: BTreeMap<Signature, Body>,
}

impl State {
    /// The state of a database that has what a schema declares, by its names.
    pub(crate) fn of(schema: &Schema) -> Self {
        Self {
            schema: schema.clone(),
            names: Names::default(),
            bodies: Body::all(schema),
        }
    }

    /// The tables, types and functions by the names that the server knows: what tells which namespaces are in use.
    pub(crate) fn on_server(&self) -> Schema {
        let mut schema = self.schema.clone();
        if self.names.iter().next().is_none() {
            return schema;
        }
        schema.tables = schema
            .tables
            .into_values()
            .map(|mut table| {
                for column in &mut table.columns {
                    column.column_type = self.names.sql_type(&column.column_type);
                }
                table.name = self.names.table(&table.name);
                (table.name.clone(), table)
            })
            .collect();
        schema.enums = schema
            .enums
            .into_values()
            .map(|mut item| {
                item.name = self.names.item(&item.name);
                (item.name.clone(), item)
            })
            .collect();
        schema
    }
}

/// Before and after.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// The database before.
    pub(crate) old: State,
    /// The database after.
    pub(crate) new: State,
    /// The renames that models ask for and that this is.
    pub(crate) done: Renames,
}

impl World {
    /// Pairs two schemas.
    ///
    /// # Errors
    ///
    /// Renames that contradict each other or what the migrations so far declare.
    pub(crate) fn of(old: &Schema, new: &Schema, renames: &Renames) -> Result<Self, Vec<RenameError>> {
        let mut errors = Vec::new();
        let mut fresh = Fresh::default();
        let mut names = Names::default();
        let mut done = Renames::default();
        let rewrite = Rewrite::pairing(old, new, renames, &mut fresh, &mut done, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let old_catalog = Catalog::of(old);
        let mut schema = rewrite.schema(old, &old_catalog);
        rewrite.remember(&mut names);
        let mut after = new.clone();
        let catalog = Catalog::of(new);
        let lookups = Lookups::of(&schema, new);
        for (table, old) in &mut schema.tables {
            if let Some(new) = new.tables.get(table) {
                name_parts(
                    old,
                    new,
                    renames,
                    &mut fresh,
                    &mut names,
                    &catalog,
                    &lookups,
                    &mut done,
                    &mut errors,
                );
            }
        }
        keep_spelling(&schema, &mut after, &catalog);
        let bodies = rewrite.bodies(old, &old_catalog);
        let old = State {
            bodies,
            schema,
            names,
        };
        let mut new = State {
            bodies: Body::all(&after),
            schema: after,
            names: Names::default(),
        };
        keep_functions(&old, &mut new);
        if errors.is_empty() {
            Ok(Self { old, new, done })
        } else {
            Err(errors)
        }
    }
}

/// Names that nothing else has, for objects that only the old schema has.
#[derive(Debug, Default)]
struct Fresh(u32);

impl Fresh {
    fn ident(&mut self) -> Ident {
        loop {
            self.0 += 1;
            // A control character begins no name that a program declares.
            if let Ok(name) = Ident::new(format!("\u{1}{}\u{1}", self.0)) {
                return name;
            }
        }
    }
}

/// Gives constraints, indexes and policies the names of their equals in the new table.
#[expect(clippy::too_many_arguments, reason = "what pairing knows and what it finds")]
fn name_parts(
    old: &mut Table,
    new: &Table,
    renames: &Renames,
    fresh: &mut Fresh,
    names: &mut Names,
    catalog: &Catalog,
    lookups: &Lookups,
    done: &mut Renames,
    errors: &mut Vec<RenameError>,
) {
    let table = new.name.clone();
    let asked: Vec<(Ident, Ident)> = renames
        .policies
        .iter()
        .filter(|(of, ..)| *of == table)
        .map(|(_, to, from)| (to.clone(), from.clone()))
        .collect();
    let old_names: Vec<Ident> = old.policies.iter().map(|policy| policy.name.clone()).collect();
    let new_names: Vec<Ident> = new.policies.iter().map(|policy| policy.name.clone()).collect();
    let said = pair(&old_names, &new_names, &asked).unwrap_or_else(|problem| {
        errors.push(RenameError::policy(&table, &problem));
        Paired::default()
    });
    let declared = said.declared.iter();
    done.policies
        .extend(declared.map(|(old, new)| (table.clone(), new.clone(), old.clone())));
    let like_policy = |a: &Policy, b: &Policy| {
        let a = &lookups.renewed(a);
        (a.command, a.restrictive, &a.roles) == (b.command, b.restrictive, &b.roles)
            && texts::same_optional(a.using.as_ref(), b.using.as_ref(), catalog)
            && texts::same_optional(a.with_check.as_ref(), b.with_check.as_ref(), catalog)
    };
    // The roles are part of a generated name.
    let like_but_roles = |a: &Policy, b: &Policy| {
        let roles = a.roles.is_subset(&b.roles) || b.roles.is_subset(&a.roles);
        roles
            && like_policy(
                &Policy {
                    roles: b.roles.clone(),
                    ..a.clone()
                },
                b,
            )
    };
    rename(
        &mut old.policies,
        &new.policies,
        |item| &mut item.name,
        |item| &item.name,
        &said.declared,
        [&like_policy, &like_but_roles],
        |_, _| true,
        |from, to| names.set(Object::Policy(table.clone(), to), Name::ident(from)),
        fresh,
    );
    let like_constraint = |a: &Constraint, b: &Constraint| match (a.check(), b.check()) {
        (Some(a), Some(b)) => texts::same(a, b, catalog),
        _ => a.kind == b.kind,
    };
    rename(
        &mut old.constraints,
        &new.constraints,
        |item| &mut item.name,
        |item| &item.name,
        &BTreeMap::new(),
        [&like_constraint, &never],
        |a, b| std::mem::discriminant(&a.kind) == std::mem::discriminant(&b.kind),
        |from, to| names.set(Object::Constraint(table.clone(), to), Name::ident(from)),
        fresh,
    );
    // Another index of the same name is another index: the new one is built before the old one goes.
    rename(
        &mut old.indexes,
        &new.indexes,
        |item| &mut item.name,
        |item| &item.name,
        &BTreeMap::new(),
        [&|a, b| like_index(a, b, catalog), &never],
        |_, _| false,
        |from, to| names.set(Object::Index(table.clone(), to), Name::ident(from)),
        fresh,
    );
}

/// Whether one item can be the other.
type Fits<'a, T> = &'a dyn Fn(&T, &T) -> bool;

fn never<T>(_: &T, _: &T) -> bool {
    false
}

/// Whether two indexes are the same but for their names and the spelling of their texts.
fn like_index(a: &Index, b: &Index, catalog: &Catalog) -> bool {
    let spelled = Index {
        keys: a.keys.clone(),
        predicate: a.predicate.clone(),
        ..b.clone()
    };
    a.is_like(&spelled)
        && a.keys.len() == b.keys.len()
        && a.keys
            .iter()
            .zip(&b.keys)
            .all(|(a, b)| texts::same(a, b, catalog))
        && texts::same_optional(a.predicate.as_ref(), b.predicate.as_ref(), catalog)
}

/// Gives each item the name of its equal: the declared one, else one with the same content and name, else one with the same
/// content, else one with the same name that it can become. The others get names that nothing has.
#[expect(clippy::too_many_arguments, reason = "one rule for three kinds of parts")]
fn rename<T: Clone>(
    items: &mut [T],
    wanted: &[T],
    name_mut: impl Fn(&mut T) -> &mut Ident,
    name: impl Fn(&T) -> &Ident,
    declared: &BTreeMap<Ident, Ident>,
    same: [Fits<'_, T>; 2],
    becomes: impl Fn(&T, &T) -> bool,
    mut remember: impl FnMut(Ident, Ident),
    fresh: &mut Fresh,
) {
    let mut given: BTreeMap<Ident, Ident> = BTreeMap::new();
    let mut taken: BTreeSet<Ident> = BTreeSet::new();
    for (from, to) in declared {
        given.insert(from.clone(), to.clone());
        taken.insert(to.clone());
    }
    let [same, alike] = same;
    let rounds: [Fits<'_, T>; 5] = [
        &|item, other| name(item) == name(other) && same(item, other),
        &|item, other| same(item, other),
        &|item, other| name(item) == name(other) && alike(item, other),
        &|item, other| alike(item, other),
        &|item, other| name(item) == name(other) && becomes(item, other),
    ];
    for fits in rounds {
        for item in items.iter() {
            if given.contains_key(name(item)) {
                continue;
            }
            let equal = wanted
                .iter()
                .find(|other| !taken.contains(name(other)) && fits(item, other));
            if let Some(equal) = equal {
                given.insert(name(item).clone(), name(equal).clone());
                taken.insert(name(equal).clone());
            }
        }
    }
    for item in items.iter_mut() {
        let own = name(item).clone();
        let to = match given.remove(&own) {
            Some(to) => to,
            None if wanted.iter().any(|other| *name(other) == own) => fresh.ident(),
            None => continue,
        };
        if to != own {
            *name_mut(item) = to.clone();
            remember(own, to);
        }
    }
    items.sort_by(|a, b| name(a).cmp(name(b)));
}

/// The new schema takes the old one's texts where they are only spelled otherwise, so that nothing behind sees a change.
fn keep_spelling(old: &Schema, new: &mut Schema, catalog: &Catalog) {
    for (name, table) in &mut new.tables {
        let Some(old) = old.tables.get(name) else { continue };
        for column in &mut table.columns {
            if let Some(old) = old.columns.iter().find(|old| old.name == column.name) {
                keep_column(old, column, catalog);
            }
        }
        for constraint in &mut table.constraints {
            let old = old.constraints.iter().find(|old| old.name == constraint.name);
            if let Some(old) = old.and_then(Constraint::check)
                && let Some(text) = texts::check_mut(constraint)
            {
                texts::keep(old, text, catalog);
            }
        }
        for index in &mut table.indexes {
            let old = old.indexes.iter().find(|old| old.name == index.name);
            texts::keep_optional(
                old.and_then(|old| old.predicate.as_ref()),
                &mut index.predicate,
                catalog,
            );
            for (old, new) in old.iter().flat_map(|old| &old.keys).zip(&mut index.keys) {
                texts::keep(old, new, catalog);
            }
        }
        for policy in &mut table.policies {
            if let Some(old) = old.policies.iter().find(|old| old.name == policy.name) {
                texts::keep_optional(old.using.as_ref(), &mut policy.using, catalog);
                texts::keep_optional(old.with_check.as_ref(), &mut policy.with_check, catalog);
            }
        }
    }
}

fn keep_column(old: &Column, new: &mut Column, catalog: &Catalog) {
    texts::keep_optional(old.default.as_ref(), &mut new.default, catalog);
    texts::keep_optional(old.generated.as_ref(), &mut new.generated, catalog);
}

/// PostgreSQL cannot take a value away, nor order values anew: an enum type that loses one becomes another type.
pub(crate) fn split_enums(old: &mut State, new: &State) {
    // Not the numbers of pairing.
    let mut fresh = Fresh(1_000_000);
    let split: Vec<TypeName> = old
        .schema
        .enums
        .iter()
        .filter(|(name, before)| {
            let after = new.schema.enums.get(*name);
            after.is_some_and(|after| !only_adds_values(before, after))
        })
        .map(|(name, _)| name.clone())
        .collect();
    for name in split {
        let other = name.renamed(&fresh.ident());
        Rewrite::split(&mut old.schema, &name, &other);
        for body in old.bodies.values_mut() {
            body.rename(|target| {
                (*target == Target::Type(name.clone())).then(|| Target::Type(other.clone()))
            });
        }
        old.names.move_type(&name, &other);
    }
}

/// Whether every old value is still there, in the same order.
pub(crate) fn only_adds_values(old: &EnumType, new: &EnumType) -> bool {
    let mut new = new.values.iter();
    old.values.iter().all(|value| new.any(|other| other == value))
}

/// A function whose text differs in nothing but the new names of what it refers to is the same.
fn keep_functions(old: &State, new: &mut State) {
    for (signature, function) in &mut new.schema.functions {
        let (Some(before), Some(body)) = (old.schema.functions.get(signature), old.bodies.get(signature))
        else {
            continue;
        };
        let same = new.bodies.get(signature).is_some_and(|after| body.is_same(after));
        if before.sql != function.sql && same {
            function.sql.clone_from(&before.sql);
            function.parameters.clone_from(&before.parameters);
            function.returns.clone_from(&before.returns);
        }
    }
}

/// The old table of a name, for what has to be known of both.
pub(crate) fn column<'a>(schema: &'a Schema, table: &TableName, column: &Ident) -> Option<&'a Column> {
    let table = schema.tables.get(table)?;
    table.columns.iter().find(|known| known.name == *column)
}
