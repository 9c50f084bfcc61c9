//! One pair of models: there, back, and there again, each judged by `pg_dump`.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use tokio::runtime::Runtime;

use super::change::keeps_rows;
use super::models::{Models, ident};
use super::random::Chance;
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

    pub(crate) fn keeps_rows(&self) -> bool {
        keeps_rows(&self.old, &self.new)
    }

    /// The lines of both sources: what shrinking makes less.
    pub(crate) fn size(&self) -> usize {
        self.old.source().len() + self.new.source().len()
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "── old\n{}\n── new{}\n{}",
            self.old.source(),
            if self.keeps_rows() { ", with rows" } else { "" },
            self.new.source()
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
        package.models(&pair.old.source());
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
            package.models(&pair.new.source());
            if !package.generate_all("new").starts_with("nothing to do") {
                stage.set("generate again");
                package.assert_settled();
            }
            stage.set("insert rows");
            if pair.keeps_rows() {
                self.migrated.execute(&rows(&pair.old)).await;
            }
            stage.set("migrate to new");
            self.migrated.migrate(package).await;
            let after = dump(&self.migrated);
            stage.set("compare with a fresh database");
            self.fresh.build(&package.lock()).await;
            same(&after, &dump(&self.fresh));
            self.fresh.clear().await;
            stage.set("rows stay");
            if pair.keeps_rows() {
                self.assert_rows(pair).await;
            }
            stage.set("undo");
            self.migrated.undo(package, first).await;
            stage.set("compare after undo");
            same(&before, &dump(&self.migrated));
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
pub(crate) fn rows(models: &Models) -> String {
    let mut sql = String::from("SET session_replication_role = replica;\n");
    for table in &models.tables {
        let names: Vec<String> = table.columns.iter().map(|column| ident(&column.name)).collect();
        for row in [0, 1] {
            let values: Vec<&str> = table
                .columns
                .iter()
                .map(|column| column.kind.values[row])
                .collect();
            sql.push_str(&format!(
                "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE VALUES ({});\n",
                table.sql(),
                names.join(", "),
                values.join(", ")
            ));
        }
    }
    sql + "RESET session_replication_role"
}

/// A dump in which the order of columns does not count: one that comes back stands last.
fn dump(database: &Database) -> Vec<String> {
    let sorted = |statement: String| {
        if !statement.starts_with("CREATE TABLE") {
            return statement;
        }
        let mut lines: Vec<&str> = statement.lines().map(|line| line.trim_end_matches(',')).collect();
        lines.sort_unstable();
        lines.join("\n")
    };
    database.dump().into_iter().map(sorted).collect()
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

impl Database {
    /// Drops everything that a schema declares.
    async fn clear(&mut self) {
        self.execute(include_str!("clear.sql")).await;
    }
}
