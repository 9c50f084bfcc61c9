//! From an order of nodes to files: what each file says, and the state of the database after it.

use std::collections::BTreeSet;

use authz_schema::schema::{Constraint, ConstraintKind, Index, TableName, generated_name};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::graph::Cut;
use super::{Builder, Level, Mode, Node, Op, Planned, Step};
use crate::diff::Delta;
use crate::hazard::{Hazard, HazardKind};
use crate::names::Names;
use crate::object::Object;
use crate::statement::{Statement, Validation};
use crate::texts::Catalog;
use crate::world::State;
use crate::write::write;

impl Builder<'_> {
    /// Puts the nodes into their order, each in the form that its file asks for.
    pub(super) fn finish(self, order: &[usize], cut: &Cut) -> Planned {
        let mut nodes: Vec<Node> = order
            .iter()
            .filter_map(|at| self.nodes.get(*at).cloned())
            .collect();
        let created: BTreeSet<TableName> = self
            .diff
            .tables
            .iter()
            .filter_map(|delta| match delta {
                Delta::Added(table) => Some(table.name.clone()),
                _ => None,
            })
            .collect();
        let mut later = Later {
            held: relation_names(self.old),
            taken: relation_names(self.old)
                .union(&relation_names(self.new))
                .cloned()
                .collect(),
            ..Later::default()
        };
        let mut main = Vec::new();
        let mut rest = Vec::new();
        for mut node in std::mem::take(&mut nodes) {
            let is_new = node.object.table().is_some_and(|table| created.contains(table));
            if self.mode == Mode::Staged && node.level == Level::Main && !is_new {
                node.hazards.extend(self.blocks_writes(&node));
            }
            match node.level {
                Level::Values | Level::Main => main.push(node),
                _ => rest.push(node),
            }
        }
        for node in rest {
            later.node(node, &self, &mut main);
        }
        let mut nodes = main;
        nodes.append(&mut later.builds);
        if !later.valid.is_empty() {
            nodes.push(plain(
                Level::Prove,
                Step::AssertValid,
                Statement::AssertValid(later.valid.clone()),
            ));
        }
        later.proofs.sort_by_key(|node| node.step);
        nodes.append(&mut later.proofs);
        nodes.append(&mut later.sweeps);

        let mut hazards: Vec<Hazard> = nodes.iter().flat_map(|node| node.hazards.clone()).collect();
        hazards.sort();
        let (after_values, after_main) = self.states(&nodes);
        Planned {
            hazards,
            after_values,
            after_main,
            old: self.old.clone(),
            new: self.new.clone(),
            roles_stay: self.roles_stay,
            rights_of_public_stay: self.rights_of_public_stay,
            row_security_stays: self.row_security_stays,
            unproven: self.unproven,
            unchecked_bodies: cut.unchecked_bodies,
            nodes,
        }
    }

    /// What a statement of the main file keeps from writing while it reads all rows.
    fn blocks_writes(&self, node: &Node) -> Option<Hazard> {
        let message = match &node.statement {
            Statement::CreateIndex { table, index, .. } => {
                format!(
                    "builds the index {} on {}",
                    index.name,
                    self.new.names.table(table)
                )
            }
            Statement::AddConstraint {
                table,
                constraint,
                how,
            } if *how != Validation::Later => {
                format!(
                    "reads all rows of {} for the constraint {}",
                    self.new.names.table(table),
                    constraint.name
                )
            }
            Statement::SetNotNull { table, column, .. } => {
                format!(
                    "reads all rows of {} for the NOT NULL of {column}",
                    self.new.names.table(table)
                )
            }
            _ => return None,
        };
        Some(Hazard {
            kind: HazardKind::BlocksWrites,
            message,
        })
    }

    /// The state after the values of enum types, and after the main file.
    fn states(&self, nodes: &[Node]) -> (State, State) {
        let mut values = self.old.clone();
        let mut main = self.new.clone();
        let mut names = names_at_start(self.old, self.new);
        let walk = |names: &mut Names, level: Level, catalog: &Catalog| {
            for node in nodes.iter().filter(|node| node.level == level) {
                node.before(names, &self.new.names);
                write(&node.statement, names, catalog);
            }
        };
        walk(&mut names, Level::Values, &self.new_catalog);
        for node in nodes.iter().filter(|node| node.level == Level::Values) {
            if let Statement::AddValue { item, .. } = &node.statement
                && let (Some(before), Some(after)) =
                    (values.schema.enums.get_mut(item), self.new.schema.enums.get(item))
            {
                before.values.clone_from(&after.values);
            }
        }
        values.names.clone_from(&names);
        walk(&mut names, Level::Main, &self.new_catalog);
        main.names.clone_from(&names);
        for node in nodes {
            let Some(table) = node
                .object
                .table()
                .and_then(|table| main.schema.tables.get_mut(table))
            else {
                continue;
            };
            match (&node.statement, node.level) {
                (Statement::CreateIndex { index, .. }, Level::Build) => {
                    table.indexes.retain(|known| known.name != index.name);
                }
                (Statement::DropIndex { index, .. }, Level::Sweep) => {
                    let old = self.old.schema.tables.get(&table.name);
                    let old = old.and_then(|old| old.indexes.iter().find(|known| known.name == *index));
                    table.indexes.extend(old.cloned());
                }
                (Statement::UseIndex { old, new, .. }, _) => {
                    table.constraints.retain(|known| known.name != new.name);
                    let before = self.old.schema.tables.get(&table.name);
                    let before = before.and_then(|before| {
                        let mut constraints = before.constraints.iter();
                        constraints.find(|known| Some(&known.name) == old.as_ref())
                    });
                    table.constraints.extend(before.cloned());
                }
                (Statement::DropConstraint { constraint, .. }, Level::Prove) => {
                    let before = self.old.schema.tables.get(&table.name);
                    let before = before
                        .and_then(|before| before.constraints.iter().find(|known| known.name == *constraint));
                    table.constraints.extend(before.cloned());
                }
                (Statement::ProvenNotNull { column, check, .. }, _) => {
                    let named = column.clone();
                    for column in table.columns.iter_mut().filter(|known| known.name == named) {
                        column.not_null = false;
                    }
                    table.constraints.push(not_null_check(check, column));
                }
                _ => {}
            }
        }
        for table in main.schema.tables.values_mut() {
            table.constraints.sort_by(|a, b| a.name.cmp(&b.name));
            table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
        }
        (values, main)
    }
}

/// What waits for the files after the main one.
#[derive(Debug, Default)]
struct Later {
    /// The names of relations before, by namespace.
    held: BTreeSet<(Ident, Ident)>,
    /// Those, and the names of after.
    taken: BTreeSet<(Ident, Ident)>,
    builds: Vec<Node>,
    proofs: Vec<Node>,
    sweeps: Vec<Node>,
    /// The indexes that were built.
    valid: Vec<(TableName, Ident)>,
    /// Keys that go in the same file as what takes their place, by table.
    replaced: Vec<(TableName, Constraint)>,
}

impl Later {
    fn node(&mut self, node: Node, builder: &Builder<'_>, main: &mut Vec<Node>) {
        let mut node = node;
        match node.statement.clone() {
            Statement::CreateIndex { table, index, .. } => {
                self.valid.push((table.clone(), index.name.clone()));
                node.statement = Statement::CreateIndex {
                    table,
                    index,
                    concurrently: true,
                };
                self.builds.push(node);
            }
            Statement::DropIndex { table, index, .. } => {
                node.statement = Statement::DropIndex {
                    table,
                    index,
                    concurrently: true,
                };
                self.sweeps.push(node);
            }
            Statement::DropConstraint { table, constraint } => {
                let old = builder.old.schema.tables.get(&table);
                let old = old.and_then(|old| old.constraints.iter().find(|known| known.name == constraint));
                self.replaced.extend(old.map(|old| (table, old.clone())));
            }
            Statement::AddConstraint {
                table, constraint, ..
            } => self.key(node, builder, &table, &constraint),
            Statement::SetNotNull {
                table,
                column,
                not_null,
            } => {
                self.not_null(node, builder, main, (&table, &column), not_null);
            }
            _ => self.proofs.push(node),
        }
    }

    /// A key takes an index that was built before.
    fn key(&mut self, mut node: Node, builder: &Builder<'_>, table: &TableName, new: &Constraint) {
        let (ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns)) = &new.kind else {
            self.proofs.push(node);
            return;
        };
        let namespace = builder.new.names.table(table).namespace;
        let wanted = builder.new.names.constraint(table, &new.name);
        let held = self.held.contains(&(namespace.clone(), wanted.clone()));
        let name = if held {
            self.free(&namespace, &wanted, "new")
        } else {
            wanted
        };
        let index = Index {
            unique: true,
            ..Index::new(
                name.clone(),
                columns
                    .iter()
                    .map(|column| Expression::unchecked(column.to_string()))
                    .collect(),
                columns.clone(),
            )
        };
        self.valid.push((table.clone(), name.clone()));
        self.builds.push(plain_of(
            Level::Build,
            Step::CreateIndexes,
            Object::Index(table.clone(), name.clone()),
            Statement::CreateIndex {
                table: table.clone(),
                index,
                concurrently: true,
            },
        ));
        let replaces = |(of, old): &(TableName, Constraint)| {
            let primary = |constraint: &Constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey(_));
            of == table && (old.name == new.name || primary(old) && primary(new))
        };
        let at = self.replaced.iter().position(replaces);
        let old = at.map(|at| self.replaced.remove(at).1.name);
        node.step = Step::UseIndex;
        node.statement = Statement::UseIndex {
            table: table.clone(),
            old,
            new: new.clone(),
            index: name,
        };
        self.proofs.push(node);
    }

    /// NOT NULL is proven by a CHECK, which is validated while others write.
    fn not_null(
        &mut self,
        mut node: Node,
        builder: &Builder<'_>,
        main: &mut Vec<Node>,
        (table, column): (&TableName, &Ident),
        not_null: Option<String>,
    ) {
        let taken: BTreeSet<Ident> = [builder.old, builder.new]
            .iter()
            .filter_map(|state| state.schema.tables.get(table))
            .flat_map(|table| table.constraints.iter().map(|constraint| constraint.name.clone()))
            .collect();
        let named = (
            builder.new.names.table(table).name,
            builder.new.names.column(table, column),
        );
        let parts = [named.0.as_str(), named.1.as_str(), "not_null", "check"];
        let check = free_name(&parts, |name| taken.contains(name)).unwrap_or_else(|| column.clone());
        let constraint = not_null_check(&check, column);
        let object = Object::Constraint(table.clone(), check.clone());
        let add = plain_of(
            Level::Main,
            Step::AddConstraints,
            object.clone(),
            Statement::AddConstraint {
                table: table.clone(),
                constraint: constraint.clone(),
                how: Validation::Later,
            },
        );
        let at = main
            .iter()
            .position(|node| node.level == Level::Main && node.step > Step::AddConstraints);
        main.insert(at.unwrap_or(main.len()), add);
        self.proofs.push(plain_of(
            Level::Prove,
            Step::Validate,
            object,
            Statement::Validate {
                table: table.clone(),
                constraint,
            },
        ));
        node.step = Step::ProveNotNull;
        node.statement = Statement::ProvenNotNull {
            table: table.clone(),
            column: column.clone(),
            check,
            not_null,
        };
        self.proofs.push(node);
    }

    /// A name like this one that no table, index or key of the namespace has, before or after.
    fn free(&mut self, namespace: &Ident, name: &Ident, word: &str) -> Ident {
        let taken = |name: &Ident| self.taken.contains(&(namespace.clone(), name.clone()));
        let free = free_name(&[name.as_str(), word], taken).unwrap_or_else(|| name.clone());
        self.taken.insert((namespace.clone(), free.clone()));
        free
    }
}

impl Node {
    /// What is made has the names of after from its first moment.
    pub(crate) fn before(&self, names: &mut Names, after: &Names) {
        if self.op == Op::Create {
            for object in std::iter::once(&self.object).chain(&self.folded) {
                names.set(object.clone(), after.of(object));
            }
        }
    }
}

/// What the server calls things before the first statement: what is there by its names, and what is not yet by those that it
/// will have.
pub(crate) fn names_at_start(old: &State, new: &State) -> Names {
    let mut names = old.names.clone();
    for (object, name) in new.names.iter() {
        if !old.has(object) {
            names.set(object.clone(), name.clone());
        }
    }
    names
}

impl State {
    /// Whether an object that has a name of its own is there.
    pub(super) fn has(&self, object: &Object) -> bool {
        let table = |table: &TableName| self.schema.tables.get(table);
        match object {
            Object::Table(name) => table(name).is_some(),
            Object::Enum(item) => self.schema.enums.contains_key(item),
            Object::Value(item, value) => {
                let item = self.schema.enums.get(item);
                item.is_some_and(|item| item.values.contains(value))
            }
            Object::Column(of, name) => {
                table(of).is_some_and(|table| table.columns.iter().any(|item| item.name == *name))
            }
            Object::Constraint(of, name) => {
                table(of).is_some_and(|table| table.constraints.iter().any(|item| item.name == *name))
            }
            Object::Index(of, name) => {
                table(of).is_some_and(|table| table.indexes.iter().any(|item| item.name == *name))
            }
            Object::Policy(of, name) => {
                table(of).is_some_and(|table| table.policies.iter().any(|item| item.name == *name))
            }
            _ => false,
        }
    }
}

/// The names of tables, indexes and keys.
fn relation_names(state: &State) -> BTreeSet<(Ident, Ident)> {
    let mut taken = BTreeSet::new();
    for (name, table) in &state.schema.tables {
        let named = state.names.table(name);
        taken.insert((named.namespace.clone(), named.name.clone()));
        for index in &table.indexes {
            taken.insert((named.namespace.clone(), state.names.index(name, &index.name)));
        }
        for constraint in table.constraints.iter().filter(|constraint| is_key(constraint)) {
            taken.insert((
                named.namespace.clone(),
                state.names.constraint(name, &constraint.name),
            ));
        }
    }
    taken
}

fn is_key(constraint: &Constraint) -> bool {
    matches!(
        constraint.kind,
        ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_)
    )
}

/// The CHECK that proves NOT NULL.
pub(crate) fn not_null_check(name: &Ident, column: &Ident) -> Constraint {
    Constraint {
        name: name.clone(),
        kind: ConstraintKind::Check(Expression::unchecked(format!("{column} IS NOT NULL"))),
    }
}

fn plain(level: Level, step: Step, statement: Statement) -> Node {
    plain_of(level, step, Object::Nobody, statement)
}

fn plain_of(level: Level, step: Step, object: Object, statement: Statement) -> Node {
    Node {
        step,
        level,
        op: Op::Alter,
        object,
        statement,
        hazards: Vec::new(),
        folded: Vec::new(),
    }
}

/// The first of `a_b`, `a_b_2`, `a_b_3` and so on that is not taken.
fn free_name(parts: &[&str], taken: impl Fn(&Ident) -> bool) -> Option<Ident> {
    let numbered = (1..).map(|number: u32| match number {
        1 => generated_name(parts),
        number => generated_name(&[parts, &[number.to_string().as_str()]].concat()),
    });
    numbered
        .filter_map(|name| Ident::new(name).ok())
        .find(|name| !taken(name))
}
