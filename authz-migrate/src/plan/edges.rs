//! What comes before what: by what is made, changed and dropped, by names that are freed and taken, and by access.

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{ConstraintKind, Schema, TableName, TypeName};
use authz_sql::{Ident, QualifiedName};

use super::graph::Cut;
use super::renames::server_name;
use super::{Builder, Level, Op, Step};
use crate::deps::Need;
use crate::names::{Name, Names};
use crate::object::Object;
use crate::statement::Statement;

/// Why a statement comes before another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Why {
    /// The second cannot run before it.
    Need,
    /// The text of a function names something. PostgreSQL can be told not to look.
    Body,
    /// The second takes a name that an object has until then.
    Name(Object),
    /// It is better so.
    Wish,
}

/// The edges of the graph: from, to, why.
#[derive(Debug, Default)]
pub(super) struct Edges {
    pub(super) list: Vec<(usize, usize, Why)>,
}

/// A space in which a name stands once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Space {
    /// Tables, indexes and sequences of a namespace.
    Relation(Ident),
    /// Types of a namespace; a table is one too.
    Type(Ident),
    /// Functions of a namespace.
    Function(Ident),
    Constraint(TableName),
    Policy(TableName),
    Column(TableName),
    Value(TypeName),
}

type Resource = (Space, String);

/// The nodes by what they do to an object.
#[derive(Debug, Default)]
struct Doing {
    nodes: BTreeMap<(Object, Op), Vec<usize>>,
}

impl Doing {
    fn of(&self, object: &Object, op: Op) -> impl Iterator<Item = usize> + '_ {
        self.nodes
            .get(&(object.clone(), op))
            .into_iter()
            .flatten()
            .copied()
    }

    /// What has to be over before something can stand on the object.
    fn makes(&self, object: &Object) -> impl Iterator<Item = usize> + '_ {
        self.of(object, Op::Create)
            .chain(self.of(object, Op::Retype))
            .chain(self.of(object, Op::Release))
    }

    /// What can only be once nothing of before stands on the object.
    fn ends(&self, object: &Object) -> impl Iterator<Item = usize> + '_ {
        self.of(object, Op::Drop).chain(self.of(object, Op::Retype))
    }
}

impl Edges {
    /// Finds the edges. Objects that step out of the way for a name get a node.
    pub(super) fn of(builder: &mut Builder<'_>, cut: &mut Cut) -> Self {
        let mut edges = Self::default();
        if !cut.asides.is_empty() {
            let mut taken = builder.taken_names();
            for object in &cut.asides {
                builder.name_aside(object, &mut taken);
            }
        }
        let doing = doing(builder);
        for (at, node) in builder.nodes.iter().enumerate() {
            for object in std::iter::once(&node.object).chain(&node.folded) {
                edges.node(builder, &doing, at, node.op, object, cut);
            }
        }
        edges.stored(builder, &doing);
        edges.keys(builder, &doing);
        edges.names_of_parts(builder, &doing);
        edges.access(builder);
        edges.names(builder, cut);
        edges.list.retain(|(from, to, _)| from != to);
        edges.list.sort();
        edges.list.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
        edges
    }

    fn add(&mut self, from: usize, to: usize, why: Why) {
        self.list.push((from, to, why));
    }

    fn node(&mut self, builder: &Builder<'_>, doing: &Doing, at: usize, op: Op, object: &Object, cut: &Cut) {
        let (old, new) = (&builder.old_needs, &builder.new_needs);
        let is_function = matches!(object, Object::Function(_));
        match op {
            Op::Create | Op::Alter | Op::Retype => {
                for (on, need) in new.needs(object) {
                    let why = match need {
                        Need::Hard => Why::Need,
                        Need::Body if cut.unchecked_bodies => Why::Wish,
                        Need::Body => Why::Body,
                        Need::Wish => Why::Wish,
                    };
                    for makes in doing.makes(on) {
                        self.add(makes, at, why.clone());
                    }
                    for alters in doing.of(on, Op::Alter) {
                        self.add(alters, at, Why::Wish);
                    }
                    // The text of a function has the names of after.
                    if is_function {
                        for renames in doing.of(on, Op::Rename) {
                            self.add(renames, at, why.clone());
                        }
                    }
                }
                for (on, need) in old.needs(object) {
                    if need == Need::Hard && op != Op::Create && new.need(object, on).is_none() {
                        for ends in doing.ends(on) {
                            self.add(at, ends, Why::Need);
                        }
                    }
                }
                for before in doing.of(object, Op::Drop) {
                    self.add(before, at, Why::Need);
                }
                if op == Op::Alter {
                    for before in doing.of(object, Op::Create) {
                        self.add(before, at, Why::Need);
                    }
                }
                self.together(doing, at, op, object);
            }
            Op::Drop | Op::Release => {
                for (on, need) in old.needs(object) {
                    if op == Op::Release && new.need(object, on).is_some() {
                        continue;
                    }
                    let why = if need == Need::Hard { Why::Need } else { Why::Wish };
                    for ends in doing.ends(on) {
                        self.add(at, ends, why.clone());
                    }
                    // The types of its arguments are part of a function's name.
                    if is_function && matches!(on, Object::Enum(_)) {
                        for renames in doing.of(on, Op::Rename).chain(doing.of(on, Op::Aside)) {
                            self.add(at, renames, Why::Need);
                        }
                    }
                }
                if op == Op::Release {
                    for retypes in doing.of(object, Op::Retype) {
                        self.add(at, retypes, Why::Need);
                    }
                }
            }
            Op::Validate => {
                for creates in doing.of(object, Op::Create) {
                    self.add(creates, at, Why::Need);
                }
            }
            Op::Rename | Op::Aside => {
                for creates in doing.of(object, Op::Create) {
                    self.add(at, creates, Why::Wish);
                }
            }
        }
        if let (Op::Rename | Op::Aside, Object::Value(item, _)) = (op, object) {
            // Values that go from one type to another by text have their new labels by then.
            for (retypes, node) in builder.nodes.iter().enumerate() {
                if node.op == Op::Retype && old.need(&node.object, &Object::Enum(item.clone())).is_some() {
                    self.add(at, retypes, Why::Need);
                }
            }
        }
        if let (Op::Aside, Some(renames)) = (op, doing.of(object, Op::Rename).next()) {
            self.add(at, renames, Why::Need);
        }
        if op == Op::Aside {
            for drops in doing.of(object, Op::Drop) {
                self.add(at, drops, Why::Need);
            }
        }
        if let Object::Comment(of) = object {
            for makes in doing.of(of, Op::Create).chain(doing.of(of, Op::Rename)) {
                self.add(makes, at, Why::Need);
            }
        }
    }

    /// Of a column's default, identity and expression, one is there at a time.
    fn together(&mut self, doing: &Doing, at: usize, op: Op, object: &Object) {
        let before = match (op, object) {
            (Op::Create, Object::Default(table, column)) => Object::Identity(table.clone(), column.clone()),
            (Op::Create, Object::Identity(table, column)) => Object::Default(table.clone(), column.clone()),
            _ => return,
        };
        for drops in doing.of(&before, Op::Drop) {
            self.add(drops, at, Why::Need);
        }
    }

    /// What stores the results of a function is away while the function changes.
    fn stored(&mut self, builder: &Builder<'_>, doing: &Doing) {
        for object in &builder.harmed.stored {
            let mut calls = builder.old_needs.calls(object);
            calls.extend(builder.new_needs.calls(object));
            for function in calls {
                for alters in doing.of(&function, Op::Alter) {
                    for drops in doing.of(object, Op::Drop) {
                        self.add(drops, alters, Why::Need);
                    }
                    for creates in doing.of(object, Op::Create) {
                        self.add(alters, creates, Why::Need);
                    }
                }
            }
        }
    }

    /// What PostgreSQL names after table and column is named once these have their names.
    fn names_of_parts(&mut self, builder: &Builder<'_>, doing: &Doing) {
        let mut named: BTreeMap<&TableName, Vec<usize>> = BTreeMap::new();
        for (at, part) in builder.nodes.iter().enumerate() {
            let is_named = matches!(part.op, Op::Rename | Op::Aside)
                && matches!(part.object, Object::Table(_) | Object::Column(..));
            let goes = part.op == Op::Drop && matches!(part.object, Object::Column(..) | Object::NotNull(..));
            if let Some(table) = part.object.table().filter(|_| is_named || goes) {
                named.entry(table).or_default().push(at);
            }
        }
        for (at, node) in builder.nodes.iter().enumerate() {
            match (&node.statement, &node.object) {
                (Statement::FollowNames { table, .. }, _) => {
                    for before in named.get(&table.name).into_iter().flatten() {
                        self.add(*before, at, Why::Need);
                    }
                }
                (_, Object::NotNull(table, column) | Object::Identity(table, column))
                    if node.op == Op::Create =>
                {
                    let renames = doing
                        .of(&Object::Table(table.clone()), Op::Rename)
                        .chain(doing.of(&Object::Column(table.clone(), column.clone()), Op::Rename));
                    for renames in renames {
                        self.add(renames, at, Why::Need);
                    }
                }
                _ => {}
            }
        }
    }

    /// A foreign key takes any index that fits, so that it is made when a key that goes is gone; and a table has one primary
    /// key at a time.
    fn keys(&mut self, builder: &Builder<'_>, doing: &Doing) {
        for (drops, adds) in &builder.ties {
            self.add(*drops, *adds, Why::Need);
        }
        let mut going: BTreeMap<(&TableName, BTreeSet<&Ident>), Vec<usize>> = BTreeMap::new();
        for (name, table) in &builder.old.schema.tables {
            for constraint in &table.constraints {
                if let ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) =
                    &constraint.kind
                {
                    let object = Object::Constraint(name.clone(), constraint.name.clone());
                    let drops = doing.of(&object, Op::Drop);
                    going
                        .entry((name, columns.iter().collect()))
                        .or_default()
                        .extend(drops);
                }
            }
            for index in table.indexes.iter().filter(|index| index.unique) {
                let drops = doing.of(&Object::Index(name.clone(), index.name.clone()), Op::Drop);
                going
                    .entry((name, index.columns.iter().collect()))
                    .or_default()
                    .extend(drops);
            }
        }
        for (at, node) in builder.nodes.iter().enumerate() {
            if let Statement::AddConstraint { constraint, .. } = &node.statement
                && let ConstraintKind::ForeignKey(key) = &constraint.kind
            {
                let drops = going.get(&(&key.table, key.references.iter().collect()));
                for drops in drops.into_iter().flatten() {
                    self.add(*drops, at, Why::Need);
                }
            }
        }
    }

    /// Nobody is granted anything on a table before its policies are there.
    fn access(&mut self, builder: &Builder<'_>) {
        let mut policies: BTreeMap<&TableName, Vec<usize>> = BTreeMap::new();
        for (at, node) in builder.nodes.iter().enumerate() {
            if let Object::Policy(table, _) | Object::RowSecurity(table) = &node.object
                && !matches!(node.op, Op::Rename | Op::Aside)
            {
                policies.entry(table).or_default().push(at);
            }
        }
        for (at, node) in builder.nodes.iter().enumerate() {
            let Object::Grant(table, ..) = &node.object else {
                continue;
            };
            for policy in policies.get(table).into_iter().flatten() {
                match node.op {
                    Op::Create => self.add(*policy, at, Why::Need),
                    _ => self.add(at, *policy, Why::Wish),
                }
            }
        }
    }

    /// A name is taken after it is freed.
    fn names(&mut self, builder: &Builder<'_>, cut: &Cut) {
        let mut frees: BTreeMap<Resource, Vec<(usize, Object)>> = BTreeMap::new();
        let mut takes: Vec<(usize, Resource)> = Vec::new();
        let (old, new) = (&builder.old.names, &builder.new.names);
        for (at, node) in builder.nodes.iter().enumerate() {
            let aside = |object: &Object| cut.asides.contains(object);
            for object in std::iter::once(&node.object).chain(&node.folded) {
                match node.op {
                    Op::Create => {
                        for resource in resources(object, new, &builder.new.schema) {
                            takes.push((at, resource));
                        }
                    }
                    Op::Drop if !aside(object) => {
                        for resource in resources(object, old, &builder.old.schema) {
                            frees.entry(resource).or_default().push((at, object.clone()));
                        }
                    }
                    Op::Rename => {
                        if !aside(object) {
                            for resource in moved(object, old, &builder.old.schema) {
                                frees.entry(resource).or_default().push((at, object.clone()));
                            }
                        }
                        // A label that a value has on its way to another type.
                        let to = match (&node.statement, object) {
                            (
                                Statement::Rename {
                                    to: Name::Label(label),
                                    ..
                                },
                                Object::Value(item, _),
                            ) => {
                                vec![(Space::Value(item.clone()), label.clone())]
                            }
                            _ => moved(object, new, &builder.new.schema),
                        };
                        takes.extend(to.into_iter().map(|resource| (at, resource)));
                    }
                    Op::Aside => {
                        for resource in moved(object, old, &builder.old.schema) {
                            frees.entry(resource).or_default().push((at, object.clone()));
                        }
                    }
                    _ => {}
                }
            }
        }
        for (taker, resource) in takes {
            for (freer, holder) in frees.get(&resource).into_iter().flatten() {
                // PostgreSQL finds another name for a sequence by itself.
                let why = match holder {
                    Object::Identity(..) => Why::Wish,
                    holder => Why::Name(holder.clone()),
                };
                self.add(*freer, taker, why);
            }
        }
        // What is in a namespace moves with its table.
        for (at, node) in builder.nodes.iter().enumerate() {
            let Object::Table(table) = &node.object else {
                continue;
            };
            if node.op != Op::Rename || old.table(table).namespace == new.table(table).namespace {
                continue;
            }
            for (other, part) in builder.nodes.iter().enumerate() {
                let is_relation = matches!(part.object, Object::Index(..) | Object::Constraint(..));
                if is_relation && part.object.table() == Some(table) {
                    match part.op {
                        Op::Drop => self.add(other, at, Why::Need),
                        Op::Create => self.add(at, other, Why::Need),
                        _ => {}
                    }
                }
            }
        }
    }
}

/// The names that an object has in a state.
fn resources(object: &Object, names: &Names, schema: &Schema) -> Vec<Resource> {
    let relation = |table: &TableName, name: &Ident| {
        (
            Space::Relation(names.table(table).namespace),
            name.as_str().to_owned(),
        )
    };
    match object {
        Object::Table(table) => {
            let QualifiedName { namespace, name } = names.table(table);
            vec![
                (Space::Relation(namespace.clone()), name.as_str().to_owned()),
                (Space::Type(namespace), name.as_str().to_owned()),
            ]
        }
        Object::Enum(item) => {
            let QualifiedName { namespace, name } = names.item(item);
            vec![(Space::Type(namespace), name.as_str().to_owned())]
        }
        Object::Value(item, value) => vec![(Space::Value(item.clone()), names.value(item, value))],
        Object::Function(signature) => vec![(
            Space::Function(signature.name.namespace.clone()),
            signature.name.name.as_str().to_owned(),
        )],
        Object::Column(table, column) => vec![(
            Space::Column(table.clone()),
            names.column(table, column).as_str().to_owned(),
        )],
        Object::Policy(table, policy) => vec![(
            Space::Policy(table.clone()),
            names.policy(table, policy).as_str().to_owned(),
        )],
        Object::Index(table, index) => vec![relation(table, &names.index(table, index))],
        Object::Identity(table, column) => {
            let sequence = server_name(&names.table(table).name, &names.column(table, column), "seq");
            Ident::new(sequence)
                .ok()
                .map(|sequence| relation(table, &sequence))
                .into_iter()
                .collect()
        }
        Object::Constraint(table, constraint) => {
            let name = names.constraint(table, constraint);
            let mut found = vec![(Space::Constraint(table.clone()), name.as_str().to_owned())];
            let is_key = schema.tables.get(table).is_some_and(|table| {
                table.constraints.iter().any(|known| {
                    known.name == *constraint
                        && matches!(
                            known.kind,
                            ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_)
                        )
                })
            });
            if is_key {
                found.push(relation(table, &name));
            }
            found
        }
        _ => Vec::new(),
    }
}

/// The names that move when an object is renamed: a table that goes to another namespace takes along those of its indexes
/// and keys.
fn moved(object: &Object, names: &Names, schema: &Schema) -> Vec<Resource> {
    let mut found = resources(object, names, schema);
    if let Object::Table(name) = object
        && let Some(table) = schema.tables.get(name)
    {
        for index in &table.indexes {
            found.extend(resources(
                &Object::Index(name.clone(), index.name.clone()),
                names,
                schema,
            ));
        }
        for constraint in &table.constraints {
            found.extend(
                resources(
                    &Object::Constraint(name.clone(), constraint.name.clone()),
                    names,
                    schema,
                )
                .into_iter()
                .filter(|(space, _)| matches!(space, Space::Relation(_))),
            );
        }
    }
    found
}

fn doing(builder: &Builder<'_>) -> Doing {
    let mut doing = Doing::default();
    for (at, node) in builder.nodes.iter().enumerate() {
        for object in std::iter::once(&node.object).chain(&node.folded) {
            doing.nodes.entry((object.clone(), node.op)).or_default().push(at);
        }
    }
    doing
}

impl Builder<'_> {
    /// Gives an object a name that nothing has, so that another can take its own.
    fn name_aside(&mut self, object: &Object, taken: &mut BTreeSet<String>) {
        let word = if matches!(object, Object::Enum(_)) {
            "former"
        } else {
            "old"
        };
        let from = self.old.names.of(object);
        let free = |name: &str| {
            let numbered = (1..).map(|number: u32| match number {
                1 => authz_schema::schema::generated_name(&[name, word]),
                number => authz_schema::schema::generated_name(&[name, word, &number.to_string()]),
            });
            numbered
                .into_iter()
                .find(|name| !taken.contains(name))
                .and_then(|name| Ident::new(name).ok())
        };
        let to = match &from {
            Name::Qualified(name) => {
                free(name.name.as_str()).map(|free| Name::Qualified(name.renamed(&free)))
            }
            Name::Ident(name) => free(name.as_str()).map(Name::Ident),
            Name::Label(label) => free(label).map(|name| Name::Label(name.as_str().to_owned())),
        };
        let Some(to) = to else { return };
        taken.insert(match &to {
            Name::Qualified(name) => name.name.as_str().to_owned(),
            Name::Ident(name) => name.as_str().to_owned(),
            Name::Label(label) => label.clone(),
        });
        let at = self.push(
            Step::Aside,
            Op::Aside,
            object.clone(),
            Statement::Rename {
                object: object.clone(),
                to,
            },
        );
        // The values of a type are added first of all, and what has a label in their way has to go before.
        if matches!(object, Object::Value(..))
            && self.nodes.iter().any(|node| node.level == Level::Values)
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.level = Level::Values;
        }
    }

    /// All names that anything has before or after.
    fn taken_names(&self) -> BTreeSet<String> {
        let mut taken = BTreeSet::new();
        for state in [self.old, self.new] {
            for name in state.schema.enums.keys() {
                taken.insert(state.names.item(name).name.as_str().to_owned());
            }
            for item in state.schema.enums.values() {
                taken.extend(
                    item.values
                        .iter()
                        .map(|value| state.names.value(&item.name, value)),
                );
            }
            for (name, table) in &state.schema.tables {
                taken.insert(state.names.table(name).name.as_str().to_owned());
                let columns = table
                    .columns
                    .iter()
                    .map(|column| state.names.column(name, &column.name));
                let indexes = table
                    .indexes
                    .iter()
                    .map(|index| state.names.index(name, &index.name));
                let constraints = table
                    .constraints
                    .iter()
                    .map(|constraint| state.names.constraint(name, &constraint.name));
                let policies = table
                    .policies
                    .iter()
                    .map(|policy| state.names.policy(name, &policy.name));
                taken.extend(
                    columns
                        .chain(indexes)
                        .chain(constraints)
                        .chain(policies)
                        .map(|name| name.as_str().to_owned()),
                );
            }
        }
        taken
    }
}
