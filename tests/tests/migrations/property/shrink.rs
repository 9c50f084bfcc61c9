//! A failing pair made smaller, so that somebody can read it.

use super::models::{Models, Table};
use super::pair::{Bench, Failure, Pair};

/// How many smaller pairs are tried.
const TRIES: usize = 400;

/// Takes away whatever can go while the pair still fails at the same place.
pub(crate) fn shrink(bench: &mut Bench, mut pair: Pair, mut failure: Failure) -> (Pair, Failure) {
    let mut tries = 0;
    'again: loop {
        for smaller in smaller(&pair) {
            if smaller.size() >= pair.size() {
                continue;
            }
            tries += 1;
            if tries > TRIES {
                return (pair, failure);
            }
            if let Err(other) = bench.try_pair(&smaller)
                && other.is_like(&failure)
            {
                (pair, failure) = (smaller, other);
                continue 'again;
            }
        }
        return (pair, failure);
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
            found.push(pair);
        }
    };
    for (id, ..) in &ids {
        each(&|models| models.tables.retain(|table| table.id != *id));
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
            each(&|models| strip(models, &|column| column.default = None));
            each(&|models| strip(models, &|column| column.comment = None));
            each(&|models| strip(models, &|column| column.access = None));
            each(&|models| strip(models, &|column| column.check = None));
            each(&|models| strip(models, &|column| column.reference = None));
            each(&|models| strip(models, &|column| (column.unique, column.index) = (false, false)));
            each(&|models| strip(models, &|column| column.nullable = false));
        }
    }
    found
}
