//! The statements that lead from one state of the database to another, in an order in which each of them can run.
//!
//! Each object that comes, goes or changes is a node. What a node needs, makes, drops and calls itself says what comes
//! before what (`edges`); a sort of that graph is the order (`graph`), and ties are broken by `Step`, an order that people
//! read well. Nothing is dropped with CASCADE.

mod access;
mod claims;
mod columns;
mod edges;
mod functions;
mod graph;
mod harm;
mod late;
mod renames;
mod roles;
mod tables;
mod types;

use std::collections::BTreeSet;
use std::fmt;

use authz_schema::schema::Schema;
use authz_sql::Ident;

use crate::deps::Dependencies;
use crate::diff::{Delta, SchemaDiff};
use crate::hazard::{Hazard, HazardKind};
use crate::names::{Name, Names};
use crate::object::Object;
use crate::statement::Statement;
use crate::texts::Catalog;
use crate::world::{State, split_enums};
use crate::write::write;

use self::edges::Edges;
use self::graph::Cut;
use self::harm::Harmed;
pub(crate) use self::late::{names_at_start, not_null_check};
pub(crate) use self::renames::{not_null_names, server_name};

/// Where a statement stands among those that could run as well. The order of the variants is the order in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Aside,
    Roles,
    RoleOptions,
    Namespaces,
    Auth,
    Renames,
    Types,
    RevokePrivileges,
    DropPolicies,
    DropForeignKeys,
    DropConstraints,
    ReplaceFunctions,
    ReplaceClaims,
    Claims,
    EarlyFunctions,
    DropGenerated,
    RetypeEnums,
    CreateTables,
    AlterColumns,
    AddGenerated,
    AddConstraints,
    CreateForeignKeys,
    CreateIndexes,
    Functions,
    Policies,
    RowSecurity,
    DropColumns,
    DropTables,
    DropFunctions,
    DropClaims,
    DropTypes,
    Grants,
    Comments,
    DropAuth,
    DropNamespaces,
    AssertValid,
    Validate,
    ProveNotNull,
    UseIndex,
}

/// The kind of file that a statement stands in. The order is that of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// Values of enum types, which can be used after their transaction only.
    Values,
    /// All else, in one transaction. Policies, grants and row security change here alone.
    Main,
    /// Indexes that are built while the table is in use, each in a file of its own.
    Build,
    /// What reads all rows while the table is in use.
    Prove,
    /// Indexes that are dropped while the table is in use, each in a file of its own.
    Sweep,
}

/// What a node does to its object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    /// It is there afterwards, and was not before.
    Create,
    /// It was there before, and is not afterwards.
    Drop,
    /// It is another afterwards.
    Alter,
    /// Its values have another type afterwards.
    Retype,
    /// It stands on less than before.
    Release,
    /// It is shown to hold for all rows.
    Validate,
    /// It has another name afterwards.
    Rename,
    /// It has another name for a while, so that another object can have its own.
    Aside,
}

/// One statement with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    step: Step,
    pub(crate) level: Level,
    op: Op,
    object: Object,
    pub(crate) statement: Statement,
    pub(crate) hazards: Vec<Hazard>,
    /// What else the node makes or drops: the parts of a table that stand in its statement.
    folded: Vec<Object>,
}

/// Whether a table in use is spared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// What would lock a table for long is done in files of its own.
    Staged,
    /// All is one file: the way down, and a whole schema.
    Plain,
}

/// Why there is no order in which the statements could run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// The statements that wait for each other.
    pub knot: Vec<String>,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no order of statements can make this change, since each of these waits for another: {}; make it in two \
             migrations, the first of which drops what is in the way",
            self.knot.join("; ")
        )
    }
}

impl std::error::Error for PlanError {}

/// The way from one state to another.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The statements in order.
    pub(crate) nodes: Vec<Node>,
    /// The state that the values of enum types lead to, and the main file.
    pub(crate) after_values: State,
    pub(crate) after_main: State,
    /// The state before, and after all files.
    pub(crate) old: State,
    pub(crate) new: State,
    /// Dangers of the statements, the gravest first.
    pub(crate) hazards: Vec<Hazard>,
    /// Whether session roles are no longer declared. They stay on the server, with their memberships.
    pub(crate) roles_stay: bool,
    /// Whether what was taken from PUBLIC is not given back.
    pub(crate) rights_of_public_stay: bool,
    /// Whether row security stays on, on a table that was made elsewhere.
    pub(crate) row_security_stays: bool,
    /// The foreign keys that stay NOT VALID, since the rows that they refer to are gone.
    pub(crate) unproven: Vec<String>,
    /// Whether functions call each other by text, so that none of them can be checked before the others are there.
    pub(crate) unchecked_bodies: bool,
}

/// How often knots are cut before a plan is given up.
const ROUNDS: usize = 200;

/// Plans the way from one state to another.
///
/// # Errors
///
/// [`PlanError`] where statements wait for each other and nothing can step aside.
pub(crate) fn plan(old: &State, new: &State, mode: Mode) -> Result<Planned, PlanError> {
    let (mut old, new) = (old.clone(), new.clone());
    split_enums(&mut old, &new);
    let mut forced = BTreeSet::new();
    let mut cut = Cut::default();
    for _ in 0..ROUNDS {
        let diff = SchemaDiff::of(&old.schema, &new.schema);
        let mut builder = Builder::new(&old, &new, diff, mode, &forced);
        builder.nodes_of_all();
        let edges = Edges::of(&mut builder, &mut cut);
        match graph::sort(&mut builder, edges, &mut cut, &mut forced) {
            graph::Sorted::Order(order) => return Ok(builder.finish(&order, &cut)),
            graph::Sorted::Again => {}
            graph::Sorted::Knot(knot) => {
                let mut names = old.names.clone();
                let said = |at: &usize| {
                    let texts = builder
                        .nodes
                        .get(*at)
                        .map(|node| write(&node.statement, &mut names, &builder.new_catalog));
                    let first = texts
                        .and_then(|texts| texts.into_iter().next())
                        .unwrap_or_default();
                    first.lines().next().unwrap_or_default().to_owned()
                };
                return Err(PlanError {
                    knot: knot.iter().map(said).collect(),
                });
            }
        }
    }
    Err(PlanError { knot: Vec::new() })
}

/// What makes the nodes.
pub(crate) struct Builder<'a> {
    old: &'a State,
    new: &'a State,
    diff: SchemaDiff<'a>,
    mode: Mode,
    old_catalog: Catalog,
    new_catalog: Catalog,
    old_needs: Dependencies,
    new_needs: Dependencies,
    harmed: Harmed,
    pub(crate) nodes: Vec<Node>,
    /// Statements that stand in one file.
    ties: Vec<(usize, usize)>,
    /// Dangers of the node that comes next.
    pending: Vec<Hazard>,
    roles_stay: bool,
    rights_of_public_stay: bool,
    row_security_stays: bool,
    unproven: Vec<String>,
}

impl<'a> Builder<'a> {
    fn new(
        old: &'a State,
        new: &'a State,
        diff: SchemaDiff<'a>,
        mode: Mode,
        forced: &BTreeSet<Object>,
    ) -> Self {
        let (old_catalog, new_catalog) = (Catalog::of(&old.schema), Catalog::of(&new.schema));
        let old_needs = Dependencies::of(old, &old_catalog);
        let new_needs = Dependencies::of(new, &new_catalog);
        let harmed = Harmed::of(old, new, &old_needs, &new_needs, forced);
        Self {
            old,
            new,
            diff,
            mode,
            old_catalog,
            new_catalog,
            old_needs,
            new_needs,
            harmed,
            nodes: Vec::new(),
            ties: Vec::new(),
            pending: Vec::new(),
            roles_stay: false,
            rights_of_public_stay: false,
            row_security_stays: false,
            unproven: Vec::new(),
        }
    }

    fn push(&mut self, step: Step, op: Op, object: Object, statement: Statement) -> usize {
        let hazards = std::mem::take(&mut self.pending);
        self.nodes.push(Node {
            step,
            level: Level::Main,
            op,
            object,
            statement,
            hazards,
            folded: Vec::new(),
        });
        self.nodes.len() - 1
    }

    /// A statement of a later level, unless all is one file.
    fn push_at(&mut self, level: Level, step: Step, op: Op, object: Object, statement: Statement) -> usize {
        let at = self.push(step, op, object, statement);
        if self.mode == Mode::Staged
            && let Some(node) = self.nodes.get_mut(at)
        {
            node.level = level;
        }
        at
    }

    fn hazard(&mut self, kind: HazardKind, message: impl Into<String>) {
        self.pending.push(Hazard {
            kind,
            message: self.old.names.in_words(message.into()),
        });
    }

    fn is_aside(&self, object: &Object) -> bool {
        self.harmed.is_aside(object)
    }

    fn nodes_of_all(&mut self) {
        self.roles();
        self.auth();
        self.renames();
        self.namespaces();
        self.enums();
        self.claims();
        self.functions();
        self.members_namespace();
        self.memberships();
        self.tables();
        // What has no statement of its own still has to be said.
        let rest = std::mem::take(&mut self.pending);
        if let Some(node) = self.nodes.last_mut() {
            node.hazards.extend(rest);
        }
    }

    fn auth(&mut self) {
        let (old, new) = (&self.old.schema, &self.new.schema);
        match (old.auth, new.auth) {
            (None, Some(version)) => {
                let roles = new.session_roles.clone();
                let create = Statement::CreateAuth { version, roles };
                self.push(Step::Auth, Op::Create, Object::Auth, create);
            }
            (Some(_), None) => {
                self.push(Step::DropAuth, Op::Drop, Object::Auth, Statement::DropAuth);
            }
            (Some(before), Some(after)) => {
                if before != after {
                    self.push(Step::Auth, Op::Alter, Object::Auth, Statement::ReplaceAuth(after));
                }
                let deltas = self.diff.session_roles.clone();
                for delta in deltas {
                    match delta {
                        Delta::Added(role) => self.push(
                            Step::Auth,
                            Op::Alter,
                            Object::Nobody,
                            Statement::GrantAuth(role.clone()),
                        ),
                        Delta::Removed(role) => self.push(
                            Step::DropAuth,
                            Op::Alter,
                            Object::Nobody,
                            Statement::RevokeAuth(role.clone()),
                        ),
                        Delta::Changed(..) => continue,
                    };
                }
            }
            (None, None) => {}
        }
    }

    fn namespaces(&mut self) {
        let (old, new) = (self.old.on_server(), self.new.on_server());
        let (before, after) = (owned(old.namespaces()), owned(new.namespaces()));
        for namespace in owned(new.made_namespaces()).difference(&before) {
            self.push(
                Step::Namespaces,
                Op::Create,
                Object::Namespace(namespace.clone()),
                Statement::CreateNamespace(namespace.clone()),
            );
        }
        for namespace in owned(old.made_namespaces()).difference(&after) {
            self.push(
                Step::DropNamespaces,
                Op::Drop,
                Object::Namespace(namespace.clone()),
                Statement::DropNamespace(namespace.clone()),
            );
        }
        let (before, after) = (old.usages(), new.usages());
        for (namespace, role) in after.difference(&before) {
            let (namespace, role) = ((*namespace).clone(), (*role).clone());
            self.push(
                Step::Grants,
                Op::Alter,
                Object::Nobody,
                Statement::GrantUsage { namespace, role },
            );
        }
        for (namespace, role) in before.difference(&after) {
            let (namespace, role) = ((*namespace).clone(), (*role).clone());
            self.push(
                Step::DropAuth,
                Op::Alter,
                Object::Nobody,
                Statement::RevokeUsage { namespace, role },
            );
        }
        let (before, after) = (old.sequence_usages(), new.sequence_usages());
        for (sequence, role) in after.difference(&before) {
            let (sequence, role) = (sequence.clone(), (*role).clone());
            self.push(
                Step::Grants,
                Op::Alter,
                Object::Nobody,
                Statement::GrantSequence { sequence, role },
            );
        }
        for (sequence, role) in before.difference(&after) {
            let (sequence, role) = (sequence.clone(), (*role).clone());
            self.push(
                Step::RevokePrivileges,
                Op::Alter,
                Object::Nobody,
                Statement::RevokeSequence { sequence, role },
            );
        }
    }

    /// What the server calls an object before the plan, and after it.
    fn names_of(&self, object: &Object) -> (Name, Name) {
        (self.old.names.of(object), self.new.names.of(object))
    }
}

fn owned(names: BTreeSet<&Ident>) -> BTreeSet<Ident> {
    names.into_iter().cloned().collect()
}

/// The texts of nodes; `names` is what the server calls things before them, and after them.
pub(crate) fn write_all<'n>(
    nodes: impl IntoIterator<Item = &'n Node>,
    names: &mut Names,
    after: &Names,
    catalog: &Catalog,
) -> Vec<String> {
    let mut sentences = Vec::new();
    for node in nodes {
        node.before(names, after);
        sentences.extend(write(&node.statement, names, catalog));
    }
    sentences
}

/// The schema as statements, from nothing.
pub(crate) fn from_nothing(schema: &Schema) -> Result<Vec<String>, PlanError> {
    let new = State::of(schema);
    let planned = plan(&State::of(&Schema::default()), &new, Mode::Plain)?;
    let catalog = Catalog::of(schema);
    let mut sentences = write_all(&planned.nodes, &mut Names::default(), &Names::default(), &catalog);
    if planned.unchecked_bodies {
        sentences.insert(0, UNCHECKED_BODIES.to_owned());
    }
    Ok(sentences)
}

/// Functions whose texts call each other cannot all be there when the first of them is checked.
pub(crate) const UNCHECKED_BODIES: &str = "SET LOCAL check_function_bodies = off";
