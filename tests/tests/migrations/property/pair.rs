//! One pair of models: there, back, and there again, each judged by `pg_dump`.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tokio::runtime::Runtime;

use super::change::keeps_rows;
use super::models::{Enum, Models, Value, ident};
use super::random::Chance;
use crate::case::{assert_sound, assert_step, proven};
use crate::database::Database;
use crate::package::Package;

/// The models before and after.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) old: Models,
    pub(crate) new: Models,
}

/// Where a pair failed, and how.
pub(crate) struct Failure {
    pub(crate) stage: &'static str,
    pub(crate) detail: String,
    pub(crate) files: String,
}

/// Databases that are used again as long as nothing fails.
pub(crate) struct Bench {
    /// The connections live in it.
    runtime: Rc<Runtime>,
    migrated: Database,
    fresh: Database,
    empty: Vec<String>,
}

impl Pair {
    pub(crate) fn random(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let old = chance.models();
        let new = chance.change(&old);
        Self { old, new }
    }

    /// A pair whose change concerns policies and privileges above all.
    pub(crate) fn of_access(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let old = chance.models();
        let new = chance.change_access(&old);
        Self { old, new }
    }

    /// A pair that differs in names alone.
    pub(crate) fn of_names(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let old = chance.models();
        let new = chance.change_names(&old);
        Self { old, new }
    }

    pub(crate) fn keeps_rows(&self) -> bool {
        keeps_rows(&self.old, &self.new)
    }

    /// The length of both sources, and how many lines differ: what shrinking makes less.
    pub(crate) fn size(&self) -> usize {
        let (old, new) = (self.old.shown(), self.new.shown());
        let differs = new
            .lines()
            .filter(|line| !old.lines().any(|other| other == *line));
        old.len() + new.len() + 1000 * differs.count()
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "── old\n{}\n── new{}\n{}",
            self.old.shown(),
            if self.keeps_rows() { ", with rows" } else { "" },
            self.new.shown()
        )
    }
}

impl Failure {
    /// Whether it is the same mistake, as far as one can tell: the same stage and the same code of PostgreSQL.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let code = |text: &str| {
            text.split("code: ")
                .nth(1)
                .map(|rest| rest.chars().take(7).collect::<String>())
        };
        self.stage == other.stage && code(&self.detail) == code(&other.detail)
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let (migrated, fresh) = runtime.block_on(async { (Database::new().await, Database::new().await) });
        let empty = dump(&migrated);
        Self {
            runtime: Rc::new(runtime),
            migrated,
            fresh,
            empty,
        }
    }

    /// Tries a pair. After a failure the databases are new ones.
    pub(crate) fn try_pair(&mut self, pair: &Pair) -> Result<(), Failure> {
        let package = Package::new("");
        let stage = Cell::new("start");
        let ran = catch_unwind(AssertUnwindSafe(|| self.there_and_back(pair, &package, &stage)));
        ran.map_err(|cause| {
            *self = Self::new();
            let text = cause.downcast_ref::<String>().cloned();
            Failure {
                stage: stage.get(),
                detail: text
                    .or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
                    .unwrap_or_default(),
                files: package.shown(),
            }
        })
    }

    fn there_and_back(&mut self, pair: &Pair, package: &Package, stage: &Cell<&'static str>) {
        stage.set("generate old");
        std::fs::create_dir(package.migrations()).unwrap();
        pair.old.write(package, &Models::default());
        package.generate_all("old");
        Rc::clone(&self.runtime).block_on(async {
            stage.set("migrate to old");
            let first = package
                .migrator()
                .await
                .iter()
                .last()
                .map_or(0, |migration| migration.version);
            self.migrated.migrate(package).await;
            let before = dump(&self.migrated);
            stage.set("generate new");
            pair.new.write(package, &pair.old);
            if !package.generate_all("new").starts_with("nothing to do") {
                stage.set("generate again");
                package.assert_settled();
            }
            stage.set("insert rows");
            if pair.keeps_rows() {
                self.migrated.execute(&rows(&pair.old, &pair.new)).await;
            }
            stage.set("migrate to new");
            // Each file of several is undone once, from where it led.
            let mut steps = vec![(first, before.clone())];
            let versions = package.versions().await;
            let later = versions.iter().filter(|version| **version > first).count();
            for version in versions {
                if version > first && later > 1 {
                    self.migrated.migrate_to(package, version).await;
                    steps.push((version, dump(&self.migrated)));
                }
            }
            self.migrated.migrate(package).await;
            let after = dump(&self.migrated);
            stage.set("compare with a fresh database");
            self.fresh.build(&package.lock()).await;
            same(&after, &dump(&self.fresh));
            self.fresh.clear().await;
            stage.set("rows stay");
            assert_sound(&mut self.migrated).await;
            if pair.keeps_rows() {
                self.assert_rows(pair).await;
            }
            stage.set("undo");
            if steps.len() > 1 {
                steps.pop();
            }
            for (version, expected) in steps.into_iter().rev() {
                self.migrated.undo(package, version).await;
                assert_step(&expected, &dump(&self.migrated));
            }
            stage.set("the rows after undo");
            assert_sound(&mut self.migrated).await;
            stage.set("compare after undo");
            same(&before, &proven(&before, &dump(&self.migrated)));
            stage.set("migrate to new again");
            self.migrated.migrate(package).await;
            stage.set("compare after the second time");
            same(&after, &dump(&self.migrated));
            stage.set("undo all");
            self.migrated.undo(package, 0).await;
            self.migrated.execute("DROP TABLE _sqlx_migrations").await;
            same(&self.empty, &dump(&self.migrated));
        });
    }

    async fn assert_rows(&mut self, pair: &Pair) {
        for table in &pair.new.tables {
            if pair.old.table(table.id).is_some() {
                let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {}", table.sql()));
                let count: i64 = sqlx::query_scalar(sql)
                    .fetch_one(&mut self.migrated.connection)
                    .await
                    .unwrap();
                assert_eq!(count, 2, "{}", table.sql());
            }
        }
    }
}

/// Two rows for each table, without regard to foreign keys: their values are alike everywhere.
pub(crate) fn rows(models: &Models, new: &Models) -> String {
    let mut sql = String::from("SET session_replication_role = replica;\n");
    for table in &models.tables {
        let columns = || table.columns.iter().filter(|column| column.generated.is_none());
        let names: Vec<String> = columns().map(|column| ident(&column.name)).collect();
        for row in [0, 1] {
            let values: Vec<String> = columns()
                .map(|column| match column.of.and_then(|id| models.enumeration(id)) {
                    Some(one) => one.value_that_stays(new),
                    None => column.kind.values[row].to_owned(),
                })
                .collect();
            sql.push_str(&format!(
                "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({});\n",
                table.sql(),
                names.join(", "),
                values.join(", ")
            ));
        }
        for column in columns().filter(|column| column.identity) {
            sql.push_str(&format!(
                "SELECT setval(pg_get_serial_sequence('{}', '{}'), 2);\n",
                table.sql().replace('\'', "''"),
                column.name.replace('\'', "''")
            ));
        }
    }
    sql + "RESET session_replication_role"
}

/// A dump in which the order of columns does not count: one that comes back stands last.
fn dump(database: &Database) -> Vec<String> {
    database.dump_unordered()
}

#[track_caller]
fn same(left: &[String], right: &[String]) {
    let only = |of: &[String], other: &[String]| -> String {
        of.iter()
            .filter(|line| !other.contains(line))
            .map(|line| format!("    {}\n", line.replace('\n', "\n    ")))
            .collect()
    };
    assert!(
        left == right,
        "only in the first:\n{}only in the second:\n{}",
        only(left, right),
        only(right, left)
    );
}

impl Enum {
    /// The first value that the new models have too, or the first, as SQL.
    fn value_that_stays(&self, new: &Models) -> String {
        let after = new.enumeration(self.id);
        let stays =
            |value: &&Value| after.is_none_or(|after| after.values.iter().any(|same| same.id == value.id));
        let value = self.values.iter().find(stays).unwrap_or(&self.values[0]);
        format!("'{}'", value.name.replace('\'', "''"))
    }
}

impl Models {
    /// Writes the sources of these models, and removes the functions of others.
    pub(crate) fn write(&self, package: &Package, former: &Self) {
        package.models(&self.source());
        for (path, _) in former.files() {
            package.remove(&path);
        }
        for (path, text) in self.files() {
            package.file(&path, &text);
        }
    }
}
