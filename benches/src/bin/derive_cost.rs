//! What the derive costs a build: `cargo run --release -p authz-bench --bin derive_cost`.
//!
//! Crates of 100 structs with the same fields, one crate for each derive and one without any. Their dependencies are built
//! once; then the crates alone are compiled again and again, in turns, so that whatever else the machine does falls on all
//! alike. Without incremental compilation, so that each time is that of the whole crate. Times are those of the processor
//! where Linux tells them, for cargo and rustc together. The peers are of fixed versions and come from crates.io; one that
//! cannot be built is left out, with a word. What was built stays in `target/derive_cost`.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use authz_bench::{FIELDS, median, model};

const STRUCTS: usize = 100;
const ROUNDS: usize = 5;
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What `cargo` does with a crate: up to its types, and up to its code.
const KINDS: [&str; 2] = ["check", "build"];

/// A way to say what a struct is.
struct Way {
    label: &'static str,
    /// The name of its crate.
    package: &'static str,
    dependencies: String,
    /// The source of the struct of this number.
    source: fn(usize) -> String,
}

/// A crate whose dependencies are built.
struct Built<'w> {
    way: &'w Way,
    folder: PathBuf,
    times: [Vec<Duration>; 2],
}

fn main() -> Result<()> {
    let target = Path::new(REPOSITORY).join("target/derive_cost");
    fs::create_dir_all(&target)?;
    let ways = ways();
    let mut built = Vec::new();
    for way in &ways {
        println!("building the dependencies: {}", way.label);
        let folder = write(way, &target)?;
        let failed = KINDS
            .iter()
            .find_map(|kind| compile(&folder, &target, kind).err());
        match failed {
            Some(why) => println!("left out: {why:#}"),
            None => built.push(Built {
                way,
                folder,
                times: [Vec::new(), Vec::new()],
            }),
        }
    }
    for round in 0..ROUNDS {
        for one in &mut built {
            for (kind, times) in KINDS.iter().zip(&mut one.times) {
                touch(&one.folder, round, one.way)?;
                times.push(compile(&one.folder, &target, kind)?);
            }
        }
    }
    print(&mut built);
    Ok(())
}

fn ways() -> Vec<Way> {
    let (sqlx, chosen) = ("sqlx = { version = \"0.9\", default-features = false", "features");
    vec![
        Way {
            label: "no derive",
            package: "plain",
            dependencies: String::new(),
            source: plain,
        },
        Way {
            label: "sqlx::FromRow",
            package: "from_row",
            dependencies: format!("{sqlx}, {chosen} = [\"derive\", \"postgres\"] }}"),
            source: |number| format!("#[derive(sqlx::FromRow)]\n{}", plain(number)),
        },
        Way {
            label: "authz::Table, four policies",
            package: "table",
            dependencies: format!(
                "authz = {{ package = \"authz-core\", path = \"{REPOSITORY}/authz-core\" }}"
            ),
            source: model,
        },
        Way {
            label: "diesel 2.3.14: table!, Queryable, Insertable",
            package: "diesel_peer",
            dependencies: format!(
                "diesel = {{ version = \"=2.3.14\", default-features = false, {chosen} = [\"postgres_backend\"] }}"
            ),
            source: diesel,
        },
        Way {
            label: "sea-orm 2.0.4: DeriveEntityModel, DeriveRelation",
            package: "sea_orm_peer",
            dependencies: format!(
                "sea-orm = {{ version = \"=2.0.4\", default-features = false, {chosen} = [\"macros\"] }}"
            ),
            source: sea_orm,
        },
    ]
}

fn fields() -> String {
    FIELDS
        .iter()
        .map(|(name, ty)| format!("    pub {name}: {ty},\n"))
        .collect()
}

fn plain(number: usize) -> String {
    format!("/// Item {number}.\npub struct Item{number} {{\n{}}}\n", fields())
}

fn diesel(number: usize) -> String {
    let columns: String = FIELDS
        .iter()
        .map(|(name, ty)| {
            let sql_type = match *ty {
                "i64" => "Int8",
                "i32" => "Int4",
                "f64" => "Double",
                "bool" => "Bool",
                "Option<i64>" => "Nullable<Int8>",
                "Option<String>" => "Nullable<Text>",
                _ => "Text",
            };
            format!("    {name} -> {sql_type},\n")
        })
        .collect();
    format!(
        "diesel::table! {{ items{number} (id) {{\n{columns}}} }}\n\
         #[derive(diesel::Queryable, diesel::Insertable)]\n#[diesel(table_name = items{number})]\n{}",
        plain(number)
    )
}

fn sea_orm(number: usize) -> String {
    let fields = fields().replacen("    pub id", "    #[sea_orm(primary_key)] pub id", 1);
    format!(
        "pub mod item{number} {{\nuse sea_orm::entity::prelude::*;\n/// Item {number}.\n\
         #[derive(Clone, Debug, DeriveEntityModel)]\n#[sea_orm(table_name = \"items{number}\")]\n\
         pub struct Model {{\n{fields}}}\n\
         #[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]\npub enum Relation {{}}\n\
         impl ActiveModelBehavior for ActiveModel {{}}\n}}\n"
    )
}

/// Writes the crate of a way: its own workspace, with the versions of this repository.
fn write(way: &Way, target: &Path) -> Result<PathBuf> {
    let folder = target.join("crates").join(way.package);
    fs::create_dir_all(folder.join("src"))?;
    fs::write(
        folder.join("Cargo.toml"),
        format!(
            "[package]\nname = \"{}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n\n[workspace]\n",
            way.package, way.dependencies
        ),
    )?;
    fs::copy(
        Path::new(REPOSITORY).join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )?;
    touch(&folder, ROUNDS, way)?;
    Ok(folder)
}

/// Writes the source anew, in a way that only this round has.
fn touch(folder: &Path, round: usize, way: &Way) -> Result<()> {
    let structs: String = (0..STRUCTS).map(way.source).collect();
    fs::write(
        folder.join("src/lib.rs"),
        format!("//! Round {round}.\n{structs}"),
    )?;
    Ok(())
}

/// Compiles what is not compiled yet, and gives the time.
fn compile(folder: &Path, target: &Path, kind: &str) -> Result<Duration> {
    let (start, before) = (Instant::now(), time_of_children());
    let Output { status, stderr, .. } = Command::new("cargo")
        .args([kind, "--quiet", "--manifest-path"])
        .arg(folder.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .output()
        .context("cargo did not start")?;
    let time = match (before, time_of_children()) {
        (Some(before), Some(after)) => after.saturating_sub(before),
        _ => start.elapsed(),
    };
    ensure!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    Ok(time)
}

/// The processor time of all children that have ended, and theirs.
fn time_of_children() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything. cutime and cstime are fields 16 and 17, in hundredths of
    // a second: proc_pid_stat(5).
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks = fields.split(' ').skip(13).take(2).map(str::parse::<u64>);
    let ticks: u64 = ticks.collect::<Result<Vec<_>, _>>().ok()?.iter().sum();
    Some(Duration::from_millis(ticks * 10))
}

fn print(built: &mut [Built<'_>]) {
    println!(
        "\n{STRUCTS} structs of {} fields, the crate alone, medians of {ROUNDS} rounds",
        FIELDS.len()
    );
    println!(
        "{:<50}{:>10}{:>13}{:>11}{:>10}{:>13}{:>11}",
        "", "check ms", "minus plain", "÷ FromRow", "build ms", "minus plain", "÷ FromRow"
    );
    let medians: Vec<[f64; 2]> = built
        .iter_mut()
        .map(|one| {
            one.times
                .each_mut()
                .map(|times| median(times).as_secs_f64() * 1e3)
        })
        .collect();
    let of = |package: &str| {
        let at = built.iter().position(|one| one.way.package == package);
        at.and_then(|at| medians.get(at)).copied().unwrap_or_default()
    };
    let (plain, from_row) = (of("plain"), of("from_row"));
    for (one, times) in built.iter().zip(&medians) {
        let columns = times.iter().zip(&plain).zip(&from_row);
        let cells = columns.map(|((time, plain), from_row)| {
            let own = time - plain;
            format!("{time:>10.0}{own:>13.0}{:>11.2}", own / (from_row - plain))
        });
        println!("{:<50}{}", one.way.label, cells.collect::<String>());
    }
}
