//! Changes of models at random.

use std::collections::BTreeSet;

use super::kinds::{KINDS, Kind};
use super::models::{Column, Id, Models, Rule, Table, Test};
use super::random::Chance;

impl Chance {
    /// Changes a few things, or everything.
    pub(crate) fn change(&mut self, old: &Models) -> Models {
        if self.one_in(12) {
            let mut models = self.models();
            apart(&mut models, old, self);
            return models;
        }
        let mut models = old.clone();
        let former = |name: &mut Option<String>| *name = None;
        for table in &mut models.tables {
            former(&mut table.renamed_from);
            table
                .columns
                .iter_mut()
                .for_each(|column| former(&mut column.renamed_from));
        }
        for _ in 0..self.rng.usize(1..=6) {
            self.change_once(&mut models, old);
            models.repair();
        }
        apart(&mut models, old, self);
        free_former_names(&mut models, old, self);
        models
    }

    /// Changes who sees and may do what, and now and then something else.
    pub(crate) fn change_access(&mut self, old: &Models) -> Models {
        let mut models = old.clone();
        for _ in 0..self.rng.usize(1..=4) {
            let at = self.rng.usize(0..models.tables.len());
            match self.rng.u32(0..8) {
                0 => self.rename_table(&mut models, at, old),
                1 => self.change_column(&mut models, at, old),
                2 => models.tables[at].disabled = !models.tables[at].disabled,
                _ => self.change_policies(&mut models, at),
            }
            models.repair();
        }
        apart(&mut models, old, self);
        free_former_names(&mut models, old, self);
        models
    }

    fn change_once(&mut self, models: &mut Models, old: &Models) {
        if models.tables.is_empty() || self.one_in(14) {
            self.add_table(models);
            self.add_reference(models);
            return;
        }
        let at = self.rng.usize(0..models.tables.len());
        match self.rng.u32(0..24) {
            0 => _ = models.tables.remove(at),
            1 | 2 => self.rename_table(models, at, old),
            3 | 4 => {
                let column = self.column(&models.tables[at]);
                models.tables[at].columns.push(column);
            }
            5 => {
                let count = models.tables[at].columns.len();
                let place = self.rng.usize(0..count);
                if count > 1 {
                    models.tables[at].columns.remove(place);
                }
            }
            6 | 7 => {
                self.add_reference(models);
            }
            8..=15 => self.change_column(models, at, old),
            16 => {
                let table = &models.tables[at];
                let key = self.some_columns(table, 1);
                let list = self.some_columns(table, 2);
                match self.rng.u32(0..4) {
                    0 => models.tables[at].primary_key = key,
                    1 => models.tables[at].primary_key = list,
                    2 => models.tables[at].uniques.push(list),
                    _ => models.tables[at].uniques.clear(),
                }
            }
            17 => {
                let index = self.index(&models.tables[at]);
                let table = &mut models.tables[at];
                if table.indexes.pop().is_none() || self.rng.bool() {
                    table.indexes.push(index);
                }
            }
            18 => {
                let test = self.row_test(&models.tables[at]);
                let table = &mut models.tables[at];
                if table.checks.pop().is_none() || self.rng.bool() {
                    table.checks.push(test);
                }
            }
            19 => {
                let table = &mut models.tables[at];
                match self.rng.u32(0..3) {
                    0 => table.disabled = !table.disabled,
                    _ => table.comment = self.maybe(2, &["Something else.", "it's"]),
                }
            }
            _ => self.change_policies(models, at),
        }
    }

    fn rename_table(&mut self, models: &mut Models, at: usize, old: &Models) {
        let mut both = models.clone();
        both.tables.extend(old.tables.iter().cloned());
        let name = self.table_name(&both);
        let table = &mut models.tables[at];
        let Some(before) = old.table(table.id) else { return };
        table.renamed_from = Some(before.name.clone());
        table.name = name;
    }

    fn change_column(&mut self, models: &mut Models, at: usize, old: &Models) {
        let table = &models.tables[at];
        let place = self.rng.usize(0..table.columns.len());
        let before = old
            .table(table.id)
            .and_then(|old| old.find(table.columns[place].id));
        let mut names = table.clone();
        names.columns.extend(
            old.table(table.id)
                .into_iter()
                .flat_map(|old| old.columns.clone()),
        );
        let name = self.column_name(&names);
        let referred = is_referred_to(models, &table.columns[place]);
        let column = &mut models.tables[at].columns[place];
        match self.rng.u32(0..10) {
            0..=2 => {
                if let Some(before) = before {
                    column.renamed_from = Some(before.name.clone());
                    column.name = name;
                }
            }
            3 | 4 => {
                let from = before.map_or(column.kind, |before| before.kind);
                let kinds: Vec<&'static Kind> = KINDS
                    .iter()
                    .filter(|kind| from.casts_to(kind) && !(referred && **kind != *from))
                    .collect();
                if let Some(kind) = self.pick(&kinds) {
                    column.kind = kind;
                    column.default = self.maybe(2, kind.defaults);
                }
            }
            5 => column.nullable = !column.nullable,
            6 => column.default = self.maybe(2, column.kind.defaults),
            7 => {
                column.identity = !column.identity;
            }
            8 => match self.rng.u32(0..4) {
                0 => column.comment = self.maybe(2, &["Else.", "it's\\"]),
                1 => column.access = self.maybe(2, &["readonly", "server"]),
                2 => column.index = !column.index,
                _ => {
                    column.unique = !column.unique;
                }
            },
            _ => {
                let test = if column.kind.is_integer() {
                    Test::Above(column.id, -2)
                } else {
                    Test::Filled(column.id)
                };
                column.check = if column.check.is_some() && self.rng.bool() {
                    None
                } else {
                    Some(test)
                };
            }
        }
        if let Some(reference) = &mut column.reference
            && self.one_in(4)
        {
            reference.on_delete = self.maybe(2, &["cascade", "restrict"]);
        }
    }

    fn change_policies(&mut self, models: &mut Models, at: usize) {
        let fresh = self.policy(models, at);
        let test = self.test(models, at, 1);
        let policies = &mut models.tables[at].policies;
        if policies.is_empty() || self.one_in(4) {
            policies.push(fresh);
            return;
        }
        let place = self.rng.usize(0..policies.len());
        let policy = &mut policies[place];
        match self.rng.u32(0..6) {
            0 => _ = policies.remove(place),
            1 => policy.roles = fresh.roles,
            2 => policy.restrictive = !policy.restrictive,
            3 => policy.name = fresh.name,
            4 => policy.rule = fresh.rule,
            _ => match &mut policy.rule {
                Rule::Key(_, text) | Rule::Split(text, _) => *text = test,
                Rule::Owner(_) => policy.rule = fresh.rule,
            },
        }
    }
}

fn is_referred_to(models: &Models, column: &Column) -> bool {
    column.reference.is_some()
        || models
            .tables
            .iter()
            .flat_map(|table| &table.columns)
            .filter_map(|other| other.reference.as_ref())
            .any(|reference| reference.column == column.id)
}

/// Gives other names to columns that have the name of an old one of a type that does not become theirs.
fn apart(models: &mut Models, old: &Models, chance: &mut Chance) {
    for table in &mut models.tables {
        let same = |other: &&Table| (other.namespace, &other.name) == (table.namespace, &table.name);
        let Some(former) = old.tables.iter().find(same) else {
            continue;
        };
        for column in &mut table.columns {
            let clash = former.columns.iter().find(|other| other.name == column.name);
            if clash
                .filter(|other| other.kind != column.kind)
                .is_some_and(|other| !other.kind.casts_to(column.kind) || !column.kind.casts_to(other.kind))
            {
                column.name = format!("other{}", chance.id());
            }
        }
    }
    models.repair();
}

/// Gives other names to new tables and columns that took the former name of a renamed one.
// The way up can do that. The way back renames first, and finds the name taken.
fn free_former_names(models: &mut Models, old: &Models, chance: &mut Chance) {
    let tables: Vec<(&str, &String)> = models
        .tables
        .iter()
        .filter_map(|table| Some((table.namespace, table.renamed_from.as_ref()?)))
        .collect();
    let taken = |table: &Table| tables.contains(&(table.namespace, &table.name));
    let mut renamed: Vec<Table> = models.tables.clone();
    for table in &mut renamed {
        if old.table(table.id).is_none() && taken(table) {
            table.name = format!("other{}", chance.id());
        }
        let former: Vec<String> = table
            .columns
            .iter()
            .filter_map(|column| column.renamed_from.clone())
            .collect();
        let clashes = |column: &&mut Column| column.renamed_from.is_none() && former.contains(&column.name);
        for column in table.columns.iter_mut().filter(clashes) {
            column.name = format!("other{}", chance.id());
        }
    }
    models.tables = renamed;
}

/// Whether the rows of the old models, which have a value in each column, fit the new models and the old ones again.
pub(crate) fn keeps_rows(old: &Models, new: &Models) -> bool {
    let references = |models: &Models| -> BTreeSet<(Id, Id)> {
        let columns = models.tables.iter().flat_map(|table| &table.columns);
        columns
            .filter_map(|column| Some((column.id, column.reference.as_ref()?.column)))
            .collect()
    };
    if references(old) != references(new) {
        return false;
    }
    // The superuser, who migrates here, is no user.
    let gives_value = |default: &str| !default.contains("auth.");
    old.tables.iter().all(|before| {
        let Some(after) = new.table(before.id) else {
            return true;
        };
        let stays = |column: &Column| {
            after
                .find(column.id)
                .is_some_and(|now| now.kind == column.kind || column.kind.keeps_rows_as(now.kind))
        };
        // A new column has one value for all rows.
        let added = after
            .columns
            .iter()
            .filter(|column| before.find(column.id).is_none());
        let may_be_added = |column: &Column| {
            (column.nullable || column.default.is_some_and(gives_value) || column.identity)
                && !column.unique
                && column.check.is_none()
                && !after.primary_key.contains(&column.id)
                && !after.uniques.iter().any(|ids| ids.contains(&column.id))
        };
        before.columns.iter().all(stays)
            && added.into_iter().all(may_be_added)
            && (after.checks == before.checks || after.columns.len() == before.columns.len())
    })
}
