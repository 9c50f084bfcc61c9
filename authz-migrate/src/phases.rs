//! What would lock a table in use for long is taken out of the main file and done in files of its own after it.
//!
//! An index is built and dropped CONCURRENTLY, alone in a file without a transaction. A CHECK or a foreign key is added
//! NOT VALID by the main file and validated later; NOT NULL is proven by such a CHECK; a unique or primary key takes an
//! index that was built before. The database between any two files is a state of its own: the main file leads to the
//! schema [`Phases::main`], and each down file leads back to the state before its up file. A table that the migration
//! creates has no rows yet, and needs none of this.
//!
//! No policy, grant or row security changes after the main file.

use std::collections::BTreeSet;

use crate::diff::{Delta, SchemaDiff, TableDiff};
use crate::plan::only_adds_values;
use crate::render;
use authz_schema::schema::{Constraint, ConstraintKind, Index, Schema, Table, TableName, generated_name};
use authz_sql::Ident;
use authz_sql::expression::Expression;

/// The parts of a migration: where the main file leads, and the files after it.
#[derive(Debug)]
pub(crate) struct Phases {
    /// The schema after the main file. CHECKs and foreign keys that it adds to old tables are NOT VALID yet.
    pub(crate) main: Schema,
    /// The files after the main one, in order.
    pub(crate) later: Vec<Phase>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Phase {
    /// What tells it from the other files of the migration.
    pub(crate) suffix: String,
    /// The statements there, without semicolons.
    pub(crate) up: Vec<String>,
    /// The statements back.
    pub(crate) down: Vec<String>,
    /// Whether a transaction surrounds them. Without one there is one statement each way.
    pub(crate) in_transaction: bool,
}

impl Phases {
    /// Divides what a diff asks for.
    pub(crate) fn of(diff: &SchemaDiff<'_>) -> Self {
        let mut main = diff.new.clone();
        let mut later = Later::new(diff);
        for altered in &diff.altered {
            if let Some(table) = main.tables.get_mut(&altered.new.name) {
                later.table(altered, table);
            }
        }
        Self {
            main,
            later: later.phases(),
        }
    }
}

/// The old schema with the values that its enum types gain: a value can be used after its transaction only.
pub(crate) fn with_enum_values(old: &Schema, new: &Schema) -> Schema {
    let mut early = old.clone();
    for (name, old) in &mut early.enums {
        if let Some(new) = new.enums.get(name)
            && only_adds_values(old, new)
        {
            old.values.clone_from(&new.values);
        }
    }
    early
}

/// A unique or primary key that takes an index built before.
#[derive(Debug)]
struct Key {
    table: TableName,
    /// The key in whose place it comes.
    old: Option<Constraint>,
    new: Constraint,
    index: Index,
}

/// All that waits for the files after the main one.
#[derive(Debug)]
struct Later<'a> {
    diff: &'a SchemaDiff<'a>,
    /// The names that indexes have for a while, by namespace.
    temporary: BTreeSet<(Ident, Ident)>,
    built: Vec<(TableName, Index)>,
    validated: Vec<(TableName, Ident)>,
    /// Columns that become NOT NULL, with the CHECK that proves it.
    filled: Vec<(TableName, Ident, Constraint)>,
    keys: Vec<Key>,
    dropped: Vec<(TableName, Index)>,
}

impl<'a> Later<'a> {
    fn new(diff: &'a SchemaDiff<'a>) -> Self {
        Self {
            diff,
            temporary: BTreeSet::new(),
            built: Vec::new(),
            validated: Vec::new(),
            filled: Vec::new(),
            keys: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Takes the work of one table out of what the main file leads to.
    fn table(&mut self, diff: &TableDiff<'_>, main: &mut Table) {
        for delta in &diff.constraints {
            if let Delta::Added(new) | Delta::Changed(_, new) = delta {
                match &new.kind {
                    ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => self.key(diff, main, new),
                    ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => {
                        self.validated.push((main.name.clone(), new.name.clone()));
                    }
                }
            }
        }
        self.not_null(diff, main);
        for delta in &diff.indexes {
            self.index(diff, main, delta);
        }
        main.constraints.sort_by(|a, b| a.name.cmp(&b.name));
        main.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }

    fn key(&mut self, diff: &TableDiff<'_>, main: &mut Table, new: &Constraint) {
        let old = diff.constraints.iter().find_map(|delta| match delta {
            Delta::Removed(old) | Delta::Changed(old, _) if replaces(new, old) => Some(*old),
            _ => None,
        });
        let columns = key_columns(new);
        let before = old.map(key_columns).unwrap_or_default();
        let retyped = retyped(diff);
        // While a primary key is there, its columns can neither go nor lose their NOT NULL.
        let stays = |column: &&Ident| {
            let primary = matches!(old.map(|old| &old.kind), Some(ConstraintKind::PrimaryKey(_)));
            let mut after = diff.new.columns.iter();
            after.any(|after| after.name == **column && (after.not_null || !primary))
        };
        if !before.iter().all(|column| stays(&column))
            || before
                .iter()
                .chain(columns)
                .any(|column| retyped.contains(column))
            || self.is_referred_to(&main.name, columns)
        {
            return;
        }
        main.constraints.retain(|constraint| constraint.name != new.name);
        main.constraints.extend(old.cloned());
        let name = if relation_names(self.diff.old, &main.name.namespace).any(|name| *name == new.name) {
            self.free_relation_name(&main.name.namespace, &new.name, "new")
        } else {
            new.name.clone()
        };
        let index = unique_index(name, columns);
        self.built.push((main.name.clone(), index.clone()));
        self.keys.push(Key {
            table: main.name.clone(),
            old: old.cloned(),
            new: new.clone(),
            index,
        });
    }

    /// Whether a foreign key of the new schema needs these columns to be unique. It is made by the main file.
    fn is_referred_to(&self, table: &TableName, columns: &[Ident]) -> bool {
        let wanted: BTreeSet<&Ident> = columns.iter().collect();
        let constraints = self.diff.new.tables.values().flat_map(|table| &table.constraints);
        constraints.into_iter().any(|constraint| {
            matches!(&constraint.kind, ConstraintKind::ForeignKey(key)
                if key.table == *table && key.references.iter().collect::<BTreeSet<_>>() == wanted)
        })
    }

    fn not_null(&mut self, diff: &TableDiff<'_>, main: &mut Table) {
        let retyped = retyped(diff);
        for delta in &diff.columns {
            let Delta::Changed(old, new) = delta else {
                continue;
            };
            // A primary key and an identity that the main file adds need it at once.
            let needed = new.identity.is_some()
                || retyped.contains(&new.name)
                || main.constraints.iter().any(|constraint| {
                    matches!(&constraint.kind, ConstraintKind::PrimaryKey(columns) if columns.contains(&new.name))
                });
            if old.not_null || !new.not_null || needed {
                continue;
            }
            let taken = |name: &Ident| {
                let both = diff.old.constraints.iter().chain(&diff.new.constraints);
                both.into_iter().any(|constraint| constraint.name == *name)
            };
            let parts = [main.name.name.as_str(), new.name.as_str(), "not_null", "check"];
            let check = Constraint {
                name: free_name(&parts, taken).unwrap_or_else(|| new.name.clone()),
                kind: ConstraintKind::Check(Expression::unchecked(format!("{} IS NOT NULL", new.name))),
            };
            if let Some(column) = main.columns.iter_mut().find(|column| column.name == new.name) {
                column.not_null = false;
            }
            main.constraints.push(check.clone());
            self.validated.push((main.name.clone(), check.name.clone()));
            self.filled.push((main.name.clone(), new.name.clone(), check));
        }
    }

    /// The new index comes before the old one goes.
    fn index(&mut self, diff: &TableDiff<'_>, main: &mut Table, delta: &Delta<'_, Index>) {
        let (old, new) = match *delta {
            Delta::Added(new) => (None, Some(new)),
            Delta::Removed(old) => (Some(old), None),
            Delta::Changed(old, new) => (Some(old), Some(new)),
        };
        // An index does not outlive its column, and is built anew with the table when the column's type changes.
        let retyped = retyped(diff);
        let dropped = |column: &Ident| !diff.new.columns.iter().any(|known| known.name == *column);
        let moves = |index: &Index| {
            index
                .columns
                .iter()
                .any(|column| retyped.contains(column) || dropped(column))
        };
        // What a foreign key of the main file refers to has to be there.
        let referred = new.is_some_and(|new| new.unique && self.is_referred_to(&main.name, &new.columns));
        if old.is_some_and(moves) || new.is_some_and(moves) || referred {
            return;
        }
        if let Some(new) = new {
            main.indexes.retain(|index| index.name != new.name);
            self.built.push((main.name.clone(), new.clone()));
        }
        if let Some(old) = old {
            let mut kept = old.clone();
            if relation_names(self.diff.new, &main.name.namespace).any(|name| *name == old.name) {
                kept.name = self.free_relation_name(&main.name.namespace, &old.name, "old");
            }
            main.indexes.push(kept.clone());
            self.dropped.push((main.name.clone(), kept));
        }
    }

    /// A name like this one that no table, index or key of the namespace has, before or after.
    fn free_relation_name(&mut self, namespace: &Ident, name: &Ident, word: &str) -> Ident {
        let taken = |name: &Ident| {
            let both = [self.diff.old, self.diff.new];
            both.iter()
                .any(|schema| relation_names(schema, namespace).any(|known| known == name))
                || self.temporary.contains(&(namespace.clone(), name.clone()))
        };
        let free = free_name(&[name.as_str(), word], taken).unwrap_or_else(|| name.clone());
        self.temporary.insert((namespace.clone(), free.clone()));
        free
    }

    fn phases(self) -> Vec<Phase> {
        let builds = self.built.iter().map(|(table, index)| Phase {
            suffix: suffix("index", &index.name),
            up: vec![render::build_index(table, index)],
            down: vec![render::unbuild_index(table, index)],
            in_transaction: false,
        });
        let drops = self.dropped.iter().map(|(table, index)| Phase {
            suffix: suffix("drop_index", &index.name),
            up: vec![render::unbuild_index(table, index)],
            down: vec![render::build_index(table, index)],
            in_transaction: false,
        });
        builds.chain(self.proof()).chain(drops).collect()
    }

    /// The file that proves what the ones before it prepared.
    fn proof(&self) -> Option<Phase> {
        let alter = |table: &TableName, action: &str| format!("ALTER TABLE {table} {action}");
        let (mut up, mut down) = (Vec::new(), Vec::new());
        if !self.built.is_empty() {
            up.push(render::assert_valid(
                self.built.iter().map(|(table, index)| (table, &index.name)),
            ));
        }
        // All rows are read first, while others write; the short exclusive locks come after.
        for (table, constraint) in &self.validated {
            up.push(alter(table, &format!("VALIDATE CONSTRAINT {constraint}")));
        }
        for (table, column, check) in &self.filled {
            up.push(alter(table, &format!("ALTER COLUMN {column} SET NOT NULL")));
            up.push(alter(table, &format!("DROP CONSTRAINT {}", check.name)));
        }
        for key in &self.keys {
            if let Some(old) = &key.old {
                up.push(alter(&key.table, &format!("DROP CONSTRAINT {}", old.name)));
            }
            up.push(alter(
                &key.table,
                &format!("ADD {}", render::key_using_index(&key.new, &key.index.name)),
            ));
        }
        for key in self.keys.iter().rev() {
            down.push(alter(&key.table, &format!("DROP CONSTRAINT {}", key.new.name)));
            down.push(render::create_index(&key.table, &key.index));
            if let Some(old) = &key.old {
                down.push(alter(&key.table, &format!("ADD {}", render::constraint(old))));
            }
        }
        for (table, column, check) in &self.filled {
            let check = render::constraint(check);
            down.push(alter(table, &format!("ADD {check} NOT VALID")));
            down.push(alter(table, &format!("ALTER COLUMN {column} DROP NOT NULL")));
        }
        (!up.is_empty()).then(|| Phase {
            suffix: "validate".to_owned(),
            up,
            down,
            in_transaction: true,
        })
    }
}

/// Whether the new key takes the place of the old one: a table has one primary key, and a name stands once.
fn replaces(new: &Constraint, old: &Constraint) -> bool {
    use ConstraintKind::{PrimaryKey, Unique};
    match (&new.kind, &old.kind) {
        (PrimaryKey(_), PrimaryKey(_)) => true,
        (PrimaryKey(_) | Unique(_), PrimaryKey(_) | Unique(_)) => new.name == old.name,
        _ => false,
    }
}

fn key_columns(constraint: &Constraint) -> &[Ident] {
    match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => columns,
        ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => &[],
    }
}

/// The columns that are written anew: with another type, or generated in another way.
fn retyped<'a>(diff: &TableDiff<'a>) -> BTreeSet<&'a Ident> {
    let retyped = |delta: &Delta<'a, authz_schema::schema::Column>| match delta {
        Delta::Changed(old, new) if old.column_type != new.column_type || old.generated != new.generated => {
            Some(&new.name)
        }
        _ => None,
    };
    diff.columns.iter().filter_map(retyped).collect()
}

fn relation_names<'a>(schema: &'a Schema, namespace: &'a Ident) -> impl Iterator<Item = &'a Ident> {
    let tables = schema.tables.values();
    tables
        .filter(move |table| table.name.namespace == *namespace)
        .flat_map(Table::relation_names)
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

/// The index that a key takes over.
fn unique_index(name: Ident, columns: &[Ident]) -> Index {
    Index {
        unique: true,
        ..Index::new(
            name,
            columns
                .iter()
                .map(|name| Expression::unchecked(name.to_string()))
                .collect(),
            columns.to_vec(),
        )
    }
}

/// The name as part of a file's name.
fn suffix(word: &str, name: &Ident) -> String {
    let safe = |c: char| if c.is_alphanumeric() { c } else { '_' };
    format!("{word}_{}", name.as_str().chars().map(safe).collect::<String>())
}
