//! A failing pair made smaller, so that somebody can read it.

use super::models::{Models, Table};
use super::pair::{Bench, Failure, Pair};
use super::setting;

/// How many smaller pairs are tried.
const TRIES: u64 = 400;

/// Takes away whatever can go while the pair still fails at the same place.
pub(crate) fn shrink(bench: &mut Bench, mut pair: Pair, mut failure: Failure) -> (Pair, Failure) {
    let tries = setting("AUTHZ_TRIES", TRIES);
    let mut tried = 0;
    loop {
        let before = pair.size();
        let mut at = 0;
        // What could not go a moment ago is not tried again before all else was.
        while let Some(smaller) = smaller(&pair).into_iter().nth(at) {
            at += 1;
            if smaller.size() >= pair.size() {
                continue;
            }
            tried += 1;
            if tried > tries {
                return (pair, failure);
            }
            if let Err(other) = bench.try_pair(&smaller)
                && other.is_like(&failure)
            {
                (pair, failure) = (smaller, other);
                at -= 1;
            }
        }
        if pair.size() == before {
            return (pair, failure);
        }
    }
}

/// Pairs with one thing less.
fn smaller(pair: &Pair) -> Vec<Pair> {
    let mut found = Vec::new();
    let mut ids: Vec<(u32, Vec<u32>, Vec<u32>)> = Vec::new();
    for table in pair.old.tables.iter().chain(&pair.new.tables) {
        let columns = table.columns.iter().map(|column| column.id);
        let policies = table.policies.iter().map(|policy| policy.id);
        match ids.iter_mut().find(|(id, ..)| *id == table.id) {
            Some((_, c, p)) => {
                c.extend(columns);
                p.extend(policies);
            }
            None => ids.push((table.id, columns.collect(), policies.collect())),
        }
    }
    let mut each = |change: &dyn Fn(&mut Models)| {
        for (old, new) in [(true, true), (true, false), (false, true)] {
            let mut pair = pair.clone();
            if old {
                change(&mut pair.old);
                pair.old.repair();
            }
            if new {
                change(&mut pair.new);
                pair.new.repair();
            }
            pair.new.renamed_from(&pair.old);
            found.push(pair);
        }
    };
    for (id, ..) in &ids {
        each(&|models| models.tables.retain(|table| table.id != *id));
    }
    each(&|models| models.functions.clear());
    each(&|models| models.enums.clear());
    for one in pair.old.enums.iter().chain(&pair.new.enums) {
        each(&|models| models.enums.retain(|other| other.id != one.id));
        for value in &one.values {
            each(&|models| {
                let same = models.enums.iter_mut().filter(|other| other.id == one.id);
                for one in same.filter(|one| one.values.len() > 1) {
                    one.values.retain(|other| other.id != value.id);
                }
            });
        }
    }
    for function in pair.old.functions.iter().chain(&pair.new.functions) {
        each(&|models| models.functions.retain(|other| other.id != function.id));
        each(&|models| {
            let same = models.functions.iter_mut();
            for function in same.filter(|other| other.id == function.id) {
                (function.wide, function.varchar, function.body) = (false, false, 0);
            }
        });
        each(&|models| {
            let same = models.functions.iter_mut();
            for function in same.filter(|other| other.id == function.id) {
                function.calls = None;
            }
        });
    }
    for (id, columns, policies) in &ids {
        let on = |models: &mut Models, change: &dyn Fn(&mut Table)| {
            models
                .tables
                .iter_mut()
                .filter(|table| table.id == *id)
                .for_each(change);
        };
        for column in columns {
            each(&|models| {
                on(models, &|table| {
                    if table.columns.len() > 1 {
                        table.columns.retain(|other| other.id != *column);
                    }
                });
            });
        }
        for policy in policies {
            each(&|models| {
                on(models, &|table| {
                    table.policies.retain(|other| other.id != *policy);
                });
            });
        }
        each(&|models| on(models, &|table| table.indexes.clear()));
        each(&|models| on(models, &|table| table.uniques.clear()));
        each(&|models| on(models, &|table| table.checks.clear()));
        each(&|models| on(models, &|table| table.comment = None));
        each(&|models| on(models, &|table| table.primary_key.clear()));
        each(&|models| on(models, &|table| table.namespace = "public"));
        each(&|models| {
            on(models, &|table| {
                table.policies.iter_mut().for_each(|policy| policy.roles.clear());
            });
        });
        for column in columns {
            let strip = |models: &mut Models, change: &dyn Fn(&mut super::models::Column)| {
                on(models, &|table| {
                    table
                        .columns
                        .iter_mut()
                        .filter(|other| other.id == *column)
                        .for_each(change);
                });
            };
            each(&|models| {
                strip(models, &|column| {
                    (column.default, column.default_call, column.default_value) = (None, None, None);
                });
            });
            each(&|models| strip(models, &|column| (column.of, column.generated) = (None, None)));
            each(&|models| strip(models, &|column| column.comment = None));
            each(&|models| strip(models, &|column| column.access = None));
            each(&|models| strip(models, &|column| column.check = None));
            each(&|models| strip(models, &|column| column.reference = None));
            each(&|models| strip(models, &|column| (column.unique, column.index) = (false, false)));
            each(&|models| strip(models, &|column| column.nullable = false));
        }
    }
    // What does not change is easy to read.
    found.extend(unchanged(pair));
    found
}

/// Pairs in which one thing is as it was.
fn unchanged(pair: &Pair) -> Vec<Pair> {
    let mut found = Vec::new();
    let mut add = |change: &dyn Fn(&mut Models)| {
        let mut smaller = pair.clone();
        change(&mut smaller.new);
        smaller.new.repair();
        smaller.new.renamed_from(&smaller.old);
        found.push(smaller);
    };
    add(&|new| new.functions.clone_from(&pair.old.functions));
    add(&|new| new.enums.clone_from(&pair.old.enums));
    for function in &pair.old.functions {
        add(&|new| replace(&mut new.functions, function, |one| one.id));
    }
    for one in &pair.old.enums {
        add(&|new| replace(&mut new.enums, one, |one| one.id));
    }
    for before in &pair.old.tables {
        add(&|new| replace(&mut new.tables, before, |table| table.id));
        let on = |new: &mut Models, change: &dyn Fn(&mut Table)| {
            new.tables
                .iter_mut()
                .filter(|table| table.id == before.id)
                .for_each(change);
        };
        add(&|new| on(new, &|table| table.name.clone_from(&before.name)));
        add(&|new| on(new, &|table| table.columns.clone_from(&before.columns)));
        add(&|new| on(new, &|table| table.policies.clone_from(&before.policies)));
        add(&|new| on(new, &|table| table.indexes.clone_from(&before.indexes)));
        add(&|new| on(new, &|table| table.primary_key.clone_from(&before.primary_key)));
        for column in &before.columns {
            add(&|new| {
                on(new, &|table| {
                    replace(&mut table.columns, column, |column| column.id);
                });
            });
        }
    }
    found
}

/// Puts what was there in the place of what it became.
fn replace<T: Clone>(items: &mut [T], before: &T, id: impl Fn(&T) -> u32) {
    for item in items.iter_mut().filter(|item| id(item) == id(before)) {
        item.clone_from(before);
    }
}
