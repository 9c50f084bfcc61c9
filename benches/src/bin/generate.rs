//! Time and memory of `cargo authz generate` and `check --no-replay` on crates of 100, 300, 1,000 and 3,000 tables:
//! `cargo run --release -p authz-bench --bin generate`.
//!
//! Each command runs in a process of its own, so that its peak memory can be read; the time is that of the command in it, with the
//! `cargo metadata` that it starts.

#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use authz_bench::{median, model};
use authz_cli::cli::{Cargo, CargoCommand};
use clap::Parser as _;

const SIZES: [usize; 4] = [100, 300, 1000, 3000];
const RUNS: usize = 5;
const MODULES: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = arguments.split_first()
        && first == "--command"
    {
        return child(rest);
    }
    println!("tables  command                  median ms  µs a table  ratio to 100  peak MiB");
    let mut bases: Vec<f64> = Vec::new();
    for size in SIZES {
        let mut measured = vec![(Vec::new(), 0); 4];
        for _ in 0..RUNS {
            for (all, (time, memory)) in measured.iter_mut().zip(measure(size)?) {
                all.0.push(time);
                all.1 = memory.max(all.1);
            }
        }
        let names = [
            "generate, first",
            "generate, nothing to do",
            "generate, one column more",
            "check --no-replay",
        ];
        for (at, (name, (times, memory))) in names.into_iter().zip(&mut measured).enumerate() {
            let time = median(times);
            let each = time.as_secs_f64() * 1e6 / f64::from(u32::try_from(size)?);
            let base = *bases.get(at).unwrap_or(&each);
            if bases.len() <= at {
                bases.push(each);
            }
            println!(
                "{size:>6}  {name:<25}{:>9.1}  {each:>10.0}  {:>12.2}  {:>8.1}",
                time.as_secs_f64() * 1e3,
                each / base,
                f64::from(u32::try_from(*memory)?) / 1024.0
            );
        }
    }
    Ok(())
}

/// The four commands, one after the other, on a new crate of this many tables.
fn measure(size: usize) -> Result<Vec<(Duration, u64)>> {
    let folder = tempfile::tempdir()?;
    let source = folder.path().join("src");
    fs::create_dir(&source)?;
    fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"models\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nauthz = { package = \"authz-core\", version = \"0.1\" }\n\n[workspace]\n",
    )?;
    let module = |at: usize| source.join(format!("m{at}.rs"));
    let text = |at: usize| {
        (0..size)
            .filter(|number| number % MODULES == at)
            .map(model)
            .collect::<String>()
    };
    for at in 0..MODULES {
        fs::write(module(at), text(at))?;
    }
    fs::write(
        source.join("lib.rs"),
        (0..MODULES)
            .map(|at| format!("pub mod m{at};\n"))
            .collect::<String>(),
    )?;
    let first = run(folder.path(), &["generate", "first"])?;
    let again = run(folder.path(), &["generate", "again"])?;
    fs::write(
        module(0),
        text(0).replacen(
            "pub rank: i32,",
            "pub rank: i32,\n    pub more: Option<String>,",
            1,
        ),
    )?;
    let changed = run(folder.path(), &["generate", "changed"])?;
    let check = run(folder.path(), &["check", "--no-replay"])?;
    Ok(vec![first, again, changed, check])
}

/// Runs a command in a process of its own, and reads what that says of its time and its memory.
fn run(folder: &Path, arguments: &[&str]) -> Result<(Duration, u64)> {
    let manifest = folder.join("Cargo.toml");
    let answer = Command::new(std::env::current_exe()?)
        .arg("--command")
        .args(arguments)
        .arg("--manifest-path")
        .arg(&manifest)
        .output()?;
    let text = String::from_utf8(answer.stdout)?;
    ensure!(
        answer.status.success(),
        "{arguments:?}: {text}{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let (micros, memory) = text.trim().split_once(' ').context("the child said nothing")?;
    Ok((Duration::from_micros(micros.parse()?), memory.parse()?))
}

/// Runs a command and prints its time in µs and the peak of its memory in KiB.
fn child(arguments: &[String]) -> Result<()> {
    let line = ["cargo", "authz"]
        .into_iter()
        .chain(arguments.iter().map(String::as_str));
    let CargoCommand::Authz(parsed) = Cargo::try_parse_from(line)?.command;
    let start = Instant::now();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    authz_cli::command::run(&parsed.command, &mut out, &mut err)?;
    let time = start.elapsed();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("{} {}", time.as_micros(), peak.unwrap_or("0").trim());
    Ok(())
}
