//! Changes of models at random.

use super::kinds::{KINDS, Kind};
use super::models::{Column, Enum, Id, Models, Rule, Test};
use super::random::Chance;

impl Chance {
    /// Changes a few things, or everything.
    pub(crate) fn change(&mut self, old: &Models) -> Models {
        if self.one_in(12) {
            return self.models();
        }
        let mut models = old.clone();
        for _ in 0..self.rng.usize(1..=6) {
            if self.one_in(4) {
                self.change_kinds(&mut models);
            } else {
                self.change_once(&mut models, old);
            }
            models.repair();
        }
        models.renamed_from(old);
        models
    }

    /// Changes who sees and may do what, and now and then something else.
    pub(crate) fn change_access(&mut self, old: &Models) -> Models {
        let mut models = old.clone();
        for _ in 0..self.rng.usize(1..=4) {
            let at = self.rng.usize(0..models.tables.len());
            match self.rng.u32(0..10) {
                0 => self.rename_table(&mut models, at),
                1 => self.change_column(&mut models, at, old),
                2 => models.tables[at].disabled = !models.tables[at].disabled,
                3 | 4 => self.change_kinds(&mut models),
                _ => self.change_policies(&mut models, at),
            }
            models.repair();
        }
        models.renamed_from(old);
        models
    }

    /// Gives other names to tables, columns, enums and values.
    pub(crate) fn change_names(&mut self, old: &Models) -> Models {
        let mut models = old.clone();
        for _ in 0..self.rng.usize(1..=3) {
            let at = self.rng.usize(0..models.tables.len());
            match self.rng.u32(0..5) {
                0 => self.rename_table(&mut models, at),
                1 => self.exchange_names(&mut models, at),
                2 if !models.enums.is_empty() => {
                    let name = self.shared_name(&models);
                    let one = self.rng.choice(&mut models.enums).unwrap();
                    one.name = name;
                }
                3 if !models.enums.is_empty() => {
                    let one = self.rng.usize(0..models.enums.len());
                    if let Some(name) = self.value_name(&models.enums[one]) {
                        self.rng.choice(&mut models.enums[one].values).unwrap().name = name;
                    }
                }
                _ => {
                    let name = self.column_name(&models.tables[at]);
                    self.rng.choice(&mut models.tables[at].columns).unwrap().name = name;
                }
            }
        }
        let renamed = models.clone();
        models.repair();
        // What a name does not fit, such as a list of columns, would be another change.
        if models != renamed {
            models.clone_from(old);
        }
        models.renamed_from(old);
        models
    }

    /// Changes functions, enums, or what is generated.
    fn change_kinds(&mut self, models: &mut Models) {
        let table = self.rng.usize(0..models.tables.len().max(1));
        match self.rng.u32(0..12) {
            0 => self.add_function(models),
            1 => self.add_enum(models),
            2..=5 if !models.functions.is_empty() => {
                let called = self.a_function(models, None);
                let at = self.rng.usize(0..models.functions.len());
                let function = &mut models.functions[at];
                match self.rng.u32(0..7) {
                    0 | 1 => function.body += 1,
                    2 => function.wide = !function.wide,
                    3 => function.varchar = !function.varchar,
                    4 => function.parsed = !function.parsed,
                    5 => function.calls = called,
                    _ => _ = models.functions.remove(at),
                }
            }
            6..=9 if !models.enums.is_empty() => self.change_enum(models),
            _ if !models.tables.is_empty() => {
                let before = models.clone();
                let place = self.rng.usize(0..before.tables[table].columns.len());
                let column = &mut models.tables[table].columns[place];
                match self.rng.u32(0..4) {
                    0 => column.generated = None,
                    1 => self.take_enum(&before, column),
                    2 if column.of.is_some() => {
                        column.of = None;
                        column.kind = &KINDS[3];
                    }
                    _ => self.generate(&before, &before.tables[table], column),
                }
            }
            _ => {}
        }
    }

    fn change_enum(&mut self, models: &mut Models) {
        let at = self.rng.usize(0..models.enums.len());
        let id = models.enums[at].id;
        let (name, value_name) = (self.shared_name(models), self.value_name(&models.enums[at]));
        let enums = models.enums.len();
        let one = &mut models.enums[at];
        let count = one.values.len();
        let place = self.rng.usize(0..count);
        match self.rng.u32(0..8) {
            0 => one.name = name,
            1 => one.values[place].name = value_name.unwrap_or(name),
            // Names go round.
            2 => {
                let first = one.values[0].name.clone();
                for at in 1..count {
                    one.values[at - 1].name = one.values[at].name.clone();
                }
                one.values[count - 1].name = first;
            }
            3 if count > 1 => _ = one.values.remove(place),
            4 => one.values.rotate_left(place),
            5 if enums > 1 => {
                let other = (at + 1) % enums;
                let name = models.enums[at].name.clone();
                models.enums[at].name = std::mem::replace(&mut models.enums[other].name, name);
            }
            6 => _ = models.enums.remove(at),
            // Added, and used at once.
            _ => {
                let Some(value) = self.add_value(one) else { return };
                for column in models.tables.iter_mut().flat_map(|table| &mut table.columns) {
                    if column.of == Some(id) && self.rng.bool() {
                        column.default_value = Some(value);
                    }
                }
            }
        }
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
            1 => self.rename_table(models, at),
            2 => self.exchange_names(models, at),
            3 | 4 => {
                let column = self.column(models, &models.tables[at]);
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
                let index = self.index(models, &models.tables[at]);
                let name = self.shared_name(models);
                let table = &mut models.tables[at];
                if let Some(last) = table.indexes.last_mut()
                    && self.one_in(3)
                {
                    last.name = Some(name);
                } else if table.indexes.pop().is_none() || self.rng.bool() {
                    table.indexes.push(index);
                }
            }
            18 => {
                let test = self.row_test(models, &models.tables[at]);
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

    fn rename_table(&mut self, models: &mut Models, at: usize) {
        models.tables[at].name = self.table_name(models);
    }

    /// Lets names of tables, or of columns of a table, go round.
    fn exchange_names(&mut self, models: &mut Models, at: usize) {
        let length = self.rng.usize(2..=3);
        if self.rng.bool() {
            let columns = &mut models.tables[at].columns;
            let mut names: Vec<String> = columns
                .iter()
                .take(length)
                .map(|column| column.name.clone())
                .collect();
            names.rotate_left(1);
            for (column, name) in columns.iter_mut().zip(names) {
                column.name = name;
            }
        } else {
            let tables = &mut models.tables;
            let mut names: Vec<String> = tables
                .iter()
                .take(length)
                .map(|table| table.name.clone())
                .collect();
            names.rotate_left(1);
            for (table, name) in tables.iter_mut().zip(names) {
                table.name = name;
            }
        }
    }

    fn change_column(&mut self, models: &mut Models, at: usize, old: &Models) {
        let table = &models.tables[at];
        let place = self.rng.usize(0..table.columns.len());
        let before = old
            .table(table.id)
            .and_then(|old| old.find(table.columns[place].id));
        let name = self.column_name(table);
        let referred = is_referred_to(models, &table.columns[place]);
        let column = &mut models.tables[at].columns[place];
        match self.rng.u32(0..10) {
            0..=2 => column.name = name,
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
                Rule::Owner(_) | Rule::Member { .. } => policy.rule = fresh.rule,
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

impl Models {
    /// Says what was renamed: what has another name than the same had in the old models.
    pub(crate) fn renamed_from(&mut self, old: &Self) {
        let former =
            |name: &String, before: Option<&String>| before.filter(|before| *before != name).cloned();
        for table in &mut self.tables {
            let before = old.table(table.id);
            table.renamed_from = former(&table.name, before.map(|before| &before.name));
            for column in &mut table.columns {
                let same = before.and_then(|before| before.find(column.id));
                column.renamed_from = former(&column.name, same.map(|same| &same.name));
            }
        }
        for one in &mut self.enums {
            let before = old.enumeration(one.id);
            one.renamed_from = former(&one.name, before.map(|before| &before.name));
            for value in &mut one.values {
                let same = before.and_then(|before| before.values.iter().find(|same| same.id == value.id));
                value.renamed_from = former(&value.name, same.map(|same| &same.name));
            }
        }
    }

    /// Whether something new has the name of something that is gone, and so is the same in the eyes of the tool.
    fn takes_over(&self, old: &Self) -> bool {
        let tables = self.tables.iter().filter(|table| old.table(table.id).is_none());
        let mut gone = old.tables.iter().filter(|table| self.table(table.id).is_none());
        tables
            .into_iter()
            .any(|table| gone.any(|other| other.name == table.name))
            || self.tables.iter().any(|table| {
                old.table(table.id).is_some_and(|before| {
                    table.columns.iter().any(|column| {
                        before.find(column.id).is_none()
                            && before
                                .columns
                                .iter()
                                .any(|other| other.name == column.name && table.find(other.id).is_none())
                    })
                })
            })
    }
}

/// Whether the rows of the old models, which have a value in each column, fit the new models and the old ones again.
pub(crate) fn keeps_rows(old: &Models, new: &Models) -> bool {
    if new.takes_over(old) {
        return false;
    }
    // A row has a value of its enum that is there before and after.
    let kept_value = |one: &Enum| {
        new.enumeration(one.id).is_none_or(|after| {
            after
                .values
                .iter()
                .any(|value| one.values.iter().any(|same| same.id == value.id))
        })
    };
    if !old.enums.iter().all(kept_value) {
        return false;
    }
    let same_everywhere = |id: Id| {
        let find = |models: &Models| {
            let column = models.tables.iter().find_map(|table| table.find(id));
            column.map(|column| (column.kind, column.generated.clone()))
        };
        find(old).is_some_and(|(kind, generated)| generated.is_none() && find(new) == Some((kind, None)))
    };
    let references = new.tables.iter().flat_map(|table| &table.columns);
    let kept = |column: &Column| {
        column.reference.as_ref().is_none_or(|reference| {
            same_everywhere(column.id) && same_everywhere(reference.column) || {
                let before = old.tables.iter().find_map(|table| table.find(column.id));
                before.is_some_and(|before| {
                    before.reference.as_ref().map(|to| to.column) == Some(reference.column)
                })
            }
        })
    };
    if !references.into_iter().all(kept) {
        return false;
    }
    // Whoever migrates is no user.
    let gives_value = |default: &str| !default.contains("auth.");
    old.tables.iter().all(|before| {
        let Some(after) = new.table(before.id) else {
            return true;
        };
        let stays = |column: &Column| {
            after.find(column.id).is_some_and(|now| {
                let stays =
                    now.of == column.of && (now.kind == column.kind || column.kind.keeps_rows_as(now.kind));
                stays && now.generated.is_some() == column.generated.is_some()
            })
        };
        // A new column has one value for all rows.
        let added = after
            .columns
            .iter()
            .filter(|column| before.find(column.id).is_none());
        let may_be_added = |column: &Column| {
            let has_default = column.default.is_some_and(gives_value)
                || column.default_call.is_some()
                || column.default_value.is_some();
            (column.nullable || has_default || column.identity || column.generated.is_some())
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
