//! What has to step aside: PostgreSQL refuses to drop, replace or retype an object under what stands on it, and what stores the
//! results of a function is wrong once the function changes. So what stands there is dropped before and made again after it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use authz_schema::schema::{Column, Constraint, ConstraintKind, Function, Index, Schema};

use crate::deps::{Dependencies, Need};
use crate::object::Object;
use crate::texts::Target;
use crate::world::{State, column};

/// What happens to an object under another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Harm {
    /// It goes, for good or until it is made again.
    Gone,
    /// Its values take another type.
    Retyped,
    /// It gives other results.
    Stale,
}

/// The objects that are there before and after, and cannot stay meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Harmed {
    /// Those that are dropped and made again.
    pub(super) aside: BTreeSet<Object>,
    /// Functions that give other results, with those that call them.
    pub(super) stale: BTreeSet<Object>,
    /// What stores the results of a function that changes.
    pub(super) stored: BTreeSet<Object>,
}

impl Harmed {
    /// Finds them. `forced` are those that the order of statements makes step aside.
    pub(super) fn of(
        old: &State,
        new: &State,
        old_needs: &Dependencies,
        new_needs: &Dependencies,
        forced: &BTreeSet<Object>,
    ) -> Self {
        let mut spread = Spread {
            old: &old.schema,
            new: &new.schema,
            before: index(&old.schema),
            after: index(&new.schema),
            old_needs,
            new_needs,
            open: VecDeque::new(),
            seen: BTreeSet::new(),
            harmed: Self::default(),
        };
        spread.start(old, new);
        for object in forced {
            spread.aside(object);
        }
        while let Some((object, harm)) = spread.open.pop_front() {
            spread.spread(&object, harm);
        }
        spread.harmed
    }

    /// Whether an object is dropped and made again.
    pub(super) fn is_aside(&self, object: &Object) -> bool {
        self.aside.contains(object)
    }
}

/// An object with what it is in one of the schemas.
#[derive(Debug, Clone, Copy)]
enum Item<'a> {
    Column(&'a Column),
    Constraint(&'a Constraint),
    Index(&'a Index),
    Function(&'a Function),
    Other,
}

type Objects<'a> = BTreeMap<Object, Item<'a>>;

/// All objects of a schema that can step aside, or make others do so.
fn index(schema: &Schema) -> Objects<'_> {
    let mut objects = Objects::new();
    for name in schema.enums.keys() {
        objects.insert(Object::Enum(name.clone()), Item::Other);
    }
    for name in schema.claims.keys() {
        objects.insert(Object::Claim(name.clone()), Item::Other);
    }
    for (signature, function) in &schema.functions {
        objects.insert(Object::Function(signature.clone()), Item::Function(function));
    }
    for name in schema.memberships.keys() {
        objects.insert(Object::Membership(name.clone()), Item::Other);
    }
    for (name, table) in &schema.tables {
        let part = |name: &authz_sql::Ident| (table.name.clone(), name.clone());
        for policy in &table.policies {
            let (table, name) = part(&policy.name);
            objects.insert(Object::Policy(table, name), Item::Other);
        }
        if table.existing {
            continue;
        }
        objects.insert(Object::Table(name.clone()), Item::Other);
        for column in &table.columns {
            let (table, name) = part(&column.name);
            objects.insert(Object::Column(table, name), Item::Column(column));
            if column.default.is_some() {
                let (table, name) = part(&column.name);
                objects.insert(Object::Default(table, name), Item::Column(column));
            }
        }
        for constraint in &table.constraints {
            let (table, name) = part(&constraint.name);
            objects.insert(Object::Constraint(table, name), Item::Constraint(constraint));
        }
        for index in &table.indexes {
            let (table, name) = part(&index.name);
            objects.insert(Object::Index(table, name), Item::Index(index));
        }
    }
    objects
}

struct Spread<'a> {
    old: &'a Schema,
    new: &'a Schema,
    before: Objects<'a>,
    after: Objects<'a>,
    old_needs: &'a Dependencies,
    new_needs: &'a Dependencies,
    open: VecDeque<(Object, Harm)>,
    seen: BTreeSet<(Object, Harm)>,
    harmed: Harmed,
}

impl<'a> Spread<'a> {
    fn harm(&mut self, object: Object, harm: Harm) {
        if self.seen.insert((object.clone(), harm)) {
            self.open.push_back((object, harm));
        }
    }

    /// Drops an object and makes it again.
    fn aside(&mut self, object: &Object) {
        if self.before.contains_key(object)
            && self.after.contains_key(object)
            && self.harmed.aside.insert(object.clone())
        {
            self.harm(object.clone(), Harm::Gone);
        }
    }

    /// What changes by itself.
    fn start(&mut self, old: &State, new: &State) {
        let gone: Vec<Object> = self
            .before
            .keys()
            .filter(|object| !self.after.contains_key(object))
            .cloned()
            .collect();
        for object in gone {
            self.harm(object, Harm::Gone);
        }
        let pairs: Vec<(Object, Item<'_>, Item<'_>)> = self
            .before
            .iter()
            .filter_map(|(object, before)| Some((object.clone(), *before, *self.after.get(object)?)))
            .collect();
        for (object, before, after) in pairs {
            match (before, after) {
                (Item::Column(before), Item::Column(after)) if matches!(object, Object::Column(..)) => {
                    if after.generated.is_some()
                        && (before.generated != after.generated || before.column_type != after.column_type)
                    {
                        self.aside(&object);
                    } else if before.column_type != after.column_type {
                        self.harm(object, Harm::Retyped);
                    }
                }
                (Item::Constraint(before), Item::Constraint(after)) if before.kind != after.kind => {
                    self.aside(&object);
                }
                (Item::Function(before), Item::Function(after)) => {
                    if before.returns != after.returns || before.parameters != after.parameters {
                        self.aside(&object);
                        self.harm(object, Harm::Stale);
                    } else if before.sql != after.sql {
                        self.harm(object, Harm::Stale);
                    }
                }
                _ => {}
            }
        }
        for (name, before) in &old.schema.claims {
            if let Some(after) = new.schema.claims.get(name) {
                let object = Object::Claim(name.clone());
                if before.claim_type != after.claim_type {
                    self.aside(&object);
                }
                if !before.means(after) {
                    self.harm(object, Harm::Stale);
                }
            }
        }
        for (name, before) in &old.schema.memberships {
            if let Some(after) = new.schema.memberships.get(name)
                && !before.is_same_function(after)
            {
                self.aside(&Object::Membership(name.clone()));
            }
        }
    }

    fn spread(&mut self, object: &Object, harm: Harm) {
        if harm == Harm::Stale {
            self.harmed.stale.insert(object.clone());
        }
        let users: Vec<Object> = self.old_needs.users(object).cloned().collect();
        for user in users {
            self.reach(&user, object, harm);
        }
        // A call by text means the function of after, too.
        if harm == Harm::Stale {
            let users: Vec<Object> = self.new_needs.users(object).cloned().collect();
            for user in users {
                self.reach(&user, object, harm);
            }
        }
    }

    /// What a harm of `on` does to what stands on it.
    fn reach(&mut self, user: &Object, on: &Object, harm: Harm) {
        let (Some(before), Some(after)) = (self.before.get(user).copied(), self.after.get(user).copied())
        else {
            return;
        };
        let is_known = self.old_needs.need(user, on) == Some(Need::Hard);
        match (user, harm) {
            (Object::Policy(..) | Object::Default(..), Harm::Gone) => {
                let leaves = self.new_needs.need(user, on).is_none() && self.is_altered(user);
                let is_column_default = matches!((user, on), (Object::Default(..), Object::Column(..)));
                if !leaves && !is_column_default {
                    self.aside(user);
                }
            }
            (Object::Policy(..), Harm::Retyped) => {
                let leaves = self.new_needs.need(user, on).is_none() && self.is_altered(user);
                if !leaves {
                    self.aside(user);
                }
            }
            (Object::Default(..), Harm::Retyped) => {}
            (Object::Constraint(..), _) => {
                let Item::Constraint(constraint) = before else {
                    return;
                };
                let steps = match (&constraint.kind, harm) {
                    (ConstraintKind::Check(_), Harm::Stale) => {
                        self.harmed.stored.insert(user.clone());
                        true
                    }
                    (ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_), _) => harm != Harm::Stale,
                    (ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_), Harm::Gone) => {
                        !matches!(on, Object::NotNull(..))
                    }
                    _ => false,
                };
                if steps {
                    self.aside(user);
                }
            }
            (Object::Index(..), _) => {
                let Item::Index(index) = before else { return };
                let steps = match harm {
                    Harm::Gone => true,
                    Harm::Retyped => reads(index, on),
                    Harm::Stale => {
                        self.harmed.stored.insert(user.clone());
                        true
                    }
                };
                if steps {
                    self.aside(user);
                }
            }
            (Object::Column(..), _) => {
                let (Item::Column(before), Item::Column(after)) = (before, after) else {
                    return;
                };
                // One that becomes plain lets go of what it was generated from.
                if before.generated.is_some() && after.generated.is_some() && !matches!(on, Object::Table(_))
                {
                    if harm == Harm::Stale {
                        self.harmed.stored.insert(user.clone());
                    }
                    self.aside(user);
                }
            }
            (Object::Function(_) | Object::Claim(_) | Object::Membership(_), Harm::Stale) => {
                self.harm(user.clone(), Harm::Stale);
            }
            (Object::Function(_) | Object::Claim(_) | Object::Membership(_), _) if is_known => {
                self.aside(user);
            }
            _ => {}
        }
    }

    /// Whether a policy or a default gets another text.
    fn is_altered(&self, object: &Object) -> bool {
        match object {
            Object::Policy(table, name) => {
                let policy = |schema: &'a Schema| {
                    let policies = schema.tables.get(table).map(|table| &table.policies);
                    policies.into_iter().flatten().find(|policy| policy.name == *name)
                };
                policy(self.old) != policy(self.new)
            }
            Object::Default(table, name) => {
                let default = |schema: &'a Schema| {
                    column(schema, table, name).and_then(|column| column.default.as_ref())
                };
                default(self.old) != default(self.new)
            }
            _ => false,
        }
    }
}

/// Whether an index is built anew for another type of a column: a plain key follows by itself.
fn reads(index: &Index, on: &Object) -> bool {
    let Object::Column(_, column) = on else {
        return true;
    };
    let texts = index.keys.iter().chain(&index.predicate);
    let names = |text: &authz_sql::expression::Expression| {
        text.references(None, &())
            .iter()
            .any(|reference| match &reference.target {
                Target::Column(_, name) | Target::Unknown(name) => name == column,
                _ => false,
            })
    };
    texts
        .into_iter()
        .any(|text| text.as_str() != column.to_string() && names(text))
}
