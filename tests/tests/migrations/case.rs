//! One change of models with rows in the tables: there in steps, back in steps, and there again, as the owner.
//!
//! PostgreSQL is the judge: `pg_dump` says whether the schema is the declared one, and `integrity.sql` whether the rows are what
//! the schema says of them.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::thread;

use authz_cli::command::Outcome;
use sqlx::{AssertSqlSafe, PgConnection, Row as _, ValueRef as _};

use crate::database::{Database, assert_same, block_on};
use crate::known_wrong;
use crate::package::{Package, Ran};

/// The name of threads whose panics are caught and told by whoever caught them.
pub(crate) const QUIET: &str = "quiet";

/// Where a table that everybody may read begins, for short.
const OPEN: &str = "#[derive(Table)] #[rls(read = true)] ";
/// The same with a policy of a short name.
const NAMED: &str = "#[derive(Table)] #[rls(select = true, name = \"all\")] ";
/// Where an enum begins.
const ENUM: &str = "#[derive(sqlx::Type, authz::Type)] #[sqlx(rename_all = \"snake_case\")] ";

/// Makes a test of each list of cases, and one list of all.
macro_rules! kinds {
    ($($kind:ident $cases:expr;)*) => {
        $(#[test]
        fn $kind() {
            $crate::case::try_all(&$cases);
        })*

        /// All cases of this file.
        pub(crate) fn cases() -> Vec<$crate::case::Case> {
            let mut all = Vec::new();
            $(all.extend($cases);)*
            all
        }
    };
}

pub(crate) use kinds;

/// The models before, and after.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    old: Side,
    new: Side,
    made: &'static str,
    rows: &'static str,
    looks: Vec<Look>,
    refusal: Refusal,
    hazards: Vec<(&'static str, bool)>,
    fails: Option<&'static str>,
    as_superuser: bool,
}

#[derive(Default)]
struct Side {
    models: &'static str,
    functions: &'static [(&'static str, &'static str)],
    settings: &'static str,
}

/// Whether `generate` may refuse the change, in which case it names what stands in its way.
enum Refusal {
    No,
    May(&'static str),
    Must(&'static str),
}

/// A question, and its one answer as text after the change, or words of the error.
struct Look {
    as_user: bool,
    sql: &'static str,
    answer: Result<&'static str, &'static str>,
}

/// A case of this name, to be filled.
pub(crate) fn case(name: &'static str) -> Case {
    Case {
        name,
        old: Side::default(),
        new: Side::default(),
        made: "",
        rows: "",
        looks: Vec::new(),
        refusal: Refusal::No,
        hazards: Vec::new(),
        fails: None,
        as_superuser: false,
    }
}

impl Case {
    /// The models before. `OPEN`, `NAMED` and `ENUM` stand for attributes.
    pub(crate) fn before(mut self, models: &'static str) -> Self {
        self.old.models = models;
        self
    }

    pub(crate) fn after(mut self, models: &'static str) -> Self {
        self.new.models = models;
        self
    }

    /// The models before and after, where what changes is beside them.
    pub(crate) fn both(self, models: &'static str) -> Self {
        self.before(models).after(models)
    }

    /// The functions in `authz/sql` before and after: their names without `.sql`, and their statements.
    pub(crate) fn functions(
        mut self,
        old: &'static [(&'static str, &'static str)],
        new: &'static [(&'static str, &'static str)],
    ) -> Self {
        (self.old.functions, self.new.functions) = (old, new);
        self
    }

    /// `authz.toml` before and after.
    pub(crate) fn settings(mut self, old: &'static str, new: &'static str) -> Self {
        (self.old.settings, self.new.settings) = (old, new);
        self
    }

    /// What somebody made before all migrations, as the owner.
    pub(crate) fn made_elsewhere(mut self, sql: &'static str) -> Self {
        self.made = sql;
        self
    }

    /// The superuser migrates, whom row security does not bind.
    pub(crate) fn by_superuser(mut self) -> Self {
        self.as_superuser = true;
        self
    }

    /// Rows, and what else is there before the change, by the superuser.
    pub(crate) fn rows(mut self, sql: &'static str) -> Self {
        self.rows = sql;
        self
    }

    /// What the superuser sees after the change.
    pub(crate) fn sees(mut self, sql: &'static str, answer: &'static str) -> Self {
        self.looks.push(Look {
            as_user: false,
            sql,
            answer: Ok(answer),
        });
        self
    }

    /// What the user 1 sees after the change.
    pub(crate) fn user_sees(mut self, sql: &'static str, answer: &'static str) -> Self {
        self.looks.push(Look {
            as_user: true,
            sql,
            answer: Ok(answer),
        });
        self
    }

    /// What the user 1 may not do after the change.
    pub(crate) fn user_may_not(mut self, sql: &'static str) -> Self {
        self.looks.push(Look {
            as_user: true,
            sql,
            answer: Err("permission denied"),
        });
        self
    }

    /// `generate` refuses the change with these words, or it goes through.
    pub(crate) fn may_be_refused(mut self, words: &'static str) -> Self {
        self.refusal = Refusal::May(words);
        self
    }

    /// `generate` refuses the change with these words.
    pub(crate) fn refused(mut self, words: &'static str) -> Self {
        self.refusal = Refusal::Must(words);
        self
    }

    /// The rows do not fit: a migration fails, and the error has these words.
    pub(crate) fn fails(mut self, words: &'static str) -> Self {
        self.fails = Some(words);
        self
    }

    /// A hazard with this beginning is announced, such as `authz-widens`.
    pub(crate) fn says(mut self, hazard: &'static str) -> Self {
        self.hazards.push((hazard, true));
        self
    }

    /// No hazard with this beginning is announced.
    pub(crate) fn never_says(mut self, hazard: &'static str) -> Self {
        self.hazards.push((hazard, false));
        self
    }
}

/// Tries cases. Those that are known to be wrong have to be wrong, and the others right.
#[track_caller]
pub(crate) fn try_all(cases: &[Case]) {
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let known = known_wrong::contains(case.name);
            match try_one(case) {
                Err(_) if known => None,
                Err(told) => Some(format!("━━ {}\n{told}", case.name)),
                Ok(()) if known => Some(format!(
                    "━━ {}\nis right: take it off the list in known_wrong.rs",
                    case.name
                )),
                Ok(()) => None,
            }
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// Runs a test that is not a [`Case`]. If it is known to be wrong, it has to be wrong.
#[track_caller]
pub(crate) fn unless_known_wrong(name: &str, run: impl FnOnce() + Send) {
    if !known_wrong::contains(name) {
        return run();
    }
    be_quiet();
    let ran = thread::scope(|scope| {
        let thread = thread::Builder::new().name(QUIET.to_owned());
        thread.spawn_scoped(scope, run).unwrap().join()
    });
    assert!(
        ran.is_err(),
        "`{name}` is right: take it off the list in known_wrong.rs"
    );
}

/// Keeps what threads of this name print when they panic to whoever catches it.
pub(crate) fn be_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(QUIET) {
                hook(info);
            }
        }));
    });
}

/// The words of a panic.
pub(crate) fn words(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

fn try_one(case: &Case) -> Result<(), String> {
    be_quiet();
    let run = || {
        let package = Package::new("");
        let stage = Cell::new("start");
        let ran = catch_unwind(AssertUnwindSafe(|| {
            block_on(there_and_back(case, &package, &stage));
        }));
        ran.map_err(|cause| format!("fails: {}\n{}\n{}", stage.get(), words(&*cause), package.shown()))
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(QUIET.to_owned());
        thread.spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

impl Side {
    fn write(&self, package: &Package, other: &Self) {
        let models = self
            .models
            .replace("OPEN ", OPEN)
            .replace("NAMED ", NAMED)
            .replace("ENUM ", ENUM);
        package.models(&format!("use authz::Table;\nuse chrono::*;\n{models}\n"));
        package.configure(self.settings);
        for (name, _) in other.functions {
            let path = format!("authz/sql/{name}.sql");
            if package.root().join(&path).exists() {
                package.remove(&path);
            }
        }
        for (name, sql) in self.functions {
            package.file(&format!("authz/sql/{name}.sql"), &format!("{sql};\n"));
        }
    }
}

async fn there_and_back(case: &Case, package: &Package, stage: &Cell<&'static str>) {
    stage.set("generate old");
    std::fs::create_dir(package.migrations()).unwrap();
    case.old.write(package, &case.new);
    package.generate_all("old");
    let start = async || {
        let mut database = if case.as_superuser {
            Database::of_superuser().await
        } else {
            Database::new().await
        };
        database.execute_as_owner(case.made).await;
        database
    };
    let mut database = start().await;
    let empty = database.dump_unordered();
    stage.set("migrate to old");
    database.migrate(package).await;
    let first = package.versions().await.last().copied().unwrap_or_default();
    stage.set("insert rows");
    database.execute(case.rows).await;
    let (before, rows_before) = (database.dump_unordered(), database.all_rows().await);
    assert_sound(&mut database).await;

    stage.set("generate new");
    case.new.write(package, &case.old);
    let files = package.files();
    let ran = generate(package);
    match (&ran.result, &case.refusal) {
        (Ok(Outcome::Fine), Refusal::No | Refusal::May(_)) => {}
        (Err(_), Refusal::May(words) | Refusal::Must(words)) => {
            assert!(ran.whole().contains(words), "{}", ran.whole());
            assert_eq!(package.files(), files);
            return;
        }
        _ => panic!("{}", ran.whole()),
    }
    let said = ran.err;
    stage.set("what it says");
    for (hazard, announced) in &case.hazards {
        let line = format!("hazard {hazard}");
        let found = said.lines().any(|said| said.starts_with(&line));
        assert!(found == *announced, "{line}: {found}\n{said}");
    }
    if said.starts_with("nothing to do") {
        return;
    }
    stage.set("generate again");
    package.assert_settled();

    stage.set("migrate to new");
    if let Some(words) = case.fails {
        let error = database.fail_to_migrate(package).await;
        assert!(error.contains(words), "{error}");
        return;
    }
    let mut steps = vec![(first, before.clone())];
    for version in package.versions().await {
        if version > first {
            database.migrate_to(package, version).await;
            steps.push((version, database.dump_unordered()));
        }
    }
    let after = steps.last().unwrap().1.clone();
    stage.set("compare with a fresh database");
    let mut fresh = start().await;
    fresh.build(&package.lock()).await;
    assert_same("migrated, from scratch", &after, &fresh.dump_unordered());
    stage.set("look at the rows");
    let loses = said.contains("hazard data-loss");
    let rows_after = database.all_rows().await;
    assert!(
        loses || rows_after.len() == rows_before.len(),
        "{rows_before:#?}\n{rows_after:#?}"
    );
    look(case, &mut database).await;

    stage.set("undo in steps");
    for step in steps.windows(2).rev() {
        let [(version, expected), _] = step else {
            unreachable!()
        };
        database.undo(package, *version).await;
        assert_step(&kept(case, expected), &kept(case, &database.dump_unordered()));
    }
    stage.set("look at the rows after undo");
    assert_sound(&mut database).await;
    if !loses {
        assert_same(
            "rows before, after undo",
            &rows_before,
            &database.all_rows().await,
        );
    }
    stage.set("migrate to new again");
    database.migrate(package).await;
    assert_same(
        "the first time, the second time",
        &after,
        &database.dump_unordered(),
    );
    if !loses {
        look(case, &mut database).await;
    }
    stage.set("undo all");
    database.undo(package, 0).await;
    database.execute("DROP TABLE _sqlx_migrations").await;
    assert_same(
        "empty, undone",
        &kept(case, &empty),
        &kept(case, &database.dump_unordered()),
    );
}

/// What the way back restores. On a table that was made elsewhere row security stays on: whether it was on before is not
/// known, and the file says so.
fn kept(case: &Case, dump: &[String]) -> Vec<String> {
    let stays = |line: &&String| case.made.is_empty() || !line.ends_with("ROW LEVEL SECURITY");
    dump.iter().filter(stays).cloned().collect()
}

/// Asserts that a file was undone: the dump before it, and the one behind its way back.
#[track_caller]
pub(crate) fn assert_step(before: &[String], undone: &[String]) {
    let undone = proven(before, undone);
    let undone = &undone;
    let what = "before the file, undone";
    if before.iter().any(|line| line.ends_with("NOT VALID")) {
        // What is proven stays proven, and then stands elsewhere in the dump.
        assert_same(what, &without_constraints(before), &without_constraints(undone));
    } else {
        assert_same(what, before, undone);
    }
}

/// A dump without its CHECKs and references.
fn without_constraints(dump: &[String]) -> Vec<String> {
    let statements = dump.iter().filter(|line| !line.contains("ADD CONSTRAINT"));
    let lines = statements.map(|statement| {
        let lines = statement
            .lines()
            .filter(|line| !line.starts_with("    CONSTRAINT"));
        lines.collect::<Vec<_>>().join("\n")
    });
    lines.collect()
}

/// `generate` with consent to everything.
fn generate(package: &Package) -> Ran {
    let mut arguments = vec!["generate", "new"];
    for hazard in ["data-loss", "rls-disable", "authz-widens"] {
        arguments.extend(["--allow", hazard]);
    }
    package.run(&arguments)
}

async fn look(case: &Case, database: &mut Database) {
    assert_sound(database).await;
    for Look { as_user, sql, answer } in &case.looks {
        let role = if *as_user {
            "SET LOCAL ROLE authenticated; SET LOCAL request.jwt.claims = '{\"sub\": \"1\"}';"
        } else {
            ""
        };
        database
            .execute(&format!("BEGIN; {role} SET LOCAL enable_seqscan = off"))
            .await;
        let seen = ask(&mut database.connection, sql).await;
        database.execute("ROLLBACK").await;
        match (answer, &seen) {
            (Ok(answer), Ok(seen)) => assert_eq!(seen, answer, "{sql}"),
            (Err(words), Err(error)) if error.contains(words) => {}
            _ => panic!("{sql}\nexpected: {answer:?}\nseen: {seen:?}"),
        }
    }
}

/// The one value of a query, as PostgreSQL writes it.
pub(crate) async fn ask(connection: &mut PgConnection, sql: &str) -> Result<String, String> {
    let row = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .fetch_one(connection)
        .await
        .map_err(|error| error.to_string())?;
    let value = row.try_get_raw(0).unwrap();
    Ok(if value.is_null() {
        "NULL".to_owned()
    } else {
        value.as_str().unwrap().to_owned()
    })
}

/// Asserts that constraints, indexes, generated columns and identities are what the rows say.
pub(crate) async fn assert_sound(database: &mut Database) {
    let wrong = database.unsound().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

impl Database {
    /// What PostgreSQL believes of the rows and is not so.
    pub(crate) async fn unsound(&mut self) -> Vec<String> {
        self.execute(include_str!("integrity.sql")).await;
        let wrong = sqlx::query_scalar("SELECT pg_temp.integrity()")
            .persistent(false)
            .fetch_all(&mut self.connection)
            .await
            .unwrap();
        self.execute("DROP FUNCTION pg_temp.integrity()").await;
        wrong
    }

    /// All rows of all tables, sorted.
    pub(crate) async fn all_rows(&mut self) -> Vec<String> {
        let tables: Vec<(String,)> = sqlx::query_as(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relname <> '_sqlx_migrations' \
             AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
        )
        .fetch_all(&mut self.connection)
        .await
        .unwrap();
        let mut rows = Vec::new();
        for (table,) in tables {
            let sql = format!(
                "SELECT '{}: ' || to_jsonb(t)::text FROM {table} t",
                table.replace('\'', "''")
            );
            let found: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .persistent(false)
                .fetch_all(&mut self.connection)
                .await
                .unwrap();
            rows.extend(found);
        }
        rows.sort();
        rows
    }
}

/// The dump behind a way back, as if its foreign keys were proven: one whose rows are lost stays NOT VALID, and the file says so.
pub(crate) fn proven(before: &[String], undone: &[String]) -> Vec<String> {
    let known = |line: &String| match line.strip_suffix(" NOT VALID") {
        Some(whole) if whole.contains("FOREIGN KEY") && before.iter().any(|line| line == whole) => {
            whole.to_owned()
        }
        _ => line.clone(),
    };
    undone.iter().map(known).collect()
}
