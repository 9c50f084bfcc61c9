//! The command line of `cargo authz`.

use std::path::PathBuf;

use authz_schema::hazard::HazardKind;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};

use crate::project::ProjectOptions;

/// What cargo runs: `cargo-authz authz …`.
#[derive(Debug, Parser)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
pub struct Cargo {
    /// The command.
    #[command(subcommand)]
    pub command: CargoCommand,
}

/// The one subcommand of cargo that this program is.
#[derive(Debug, Subcommand)]
pub enum CargoCommand {
    /// Row-level security for PostgreSQL, declared on Rust structs
    #[command(version, after_help = AFTER_HELP)]
    Authz(Authz),
}

const AFTER_HELP: &str = "\
A first migration:
    cargo authz generate create_todos     writes migrations/<version>_create_todos.{up,down}.sql
    cargo sqlx migrate run                applies it; so does sqlx::migrate!() in your program
    cargo authz check                     in CI: the migrations are what the structs say

The models are read from source: the crate need not compile, and only `check` needs PostgreSQL.
Exit codes: 0 fine, 1 found something, 2 could not run.";

/// `cargo authz …`
#[derive(Debug, Args)]
pub struct Authz {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write the next migration from the models
    ///
    /// Compares the models with `authz.lock`, which stands beside the migrations and says what they declare so far,
    /// and writes a reversible pair of files as sqlx reads them. Where nothing differs it writes nothing.
    Generate(Generate),
    /// Fail unless models, lock and migrations agree
    ///
    /// Replays all migrations on a throwaway PostgreSQL server, made from the binaries on this machine, and compares
    /// what they make with what the lock declares, in PostgreSQL's own normal form.
    Check(Check),
    /// Print the whole schema as one SQL script
    Sql(Sql),
}

/// `cargo authz generate`
#[derive(Debug, Args)]
pub struct Generate {
    /// The migration's name, such as `create_todos`: letters, digits and `_`
    #[arg(value_parser = migration_name)]
    pub name: String,
    /// Print the migration and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Consent to a hazard that is otherwise asked about on a terminal and refused elsewhere
    #[arg(long, value_name = "HAZARD", value_parser = consents())]
    pub allow: Vec<String>,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// `cargo authz check`
#[derive(Debug, Args)]
pub struct Check {
    /// Compare models and lock only, without a PostgreSQL server
    #[arg(long)]
    pub no_replay: bool,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// `cargo authz sql`
#[derive(Debug, Args)]
pub struct Sql {
    /// Which package.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// Which package is read, with cargo's own flags.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    /// The package's Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = "Package")]
    pub manifest_path: Option<PathBuf>,
    /// A package of the workspace
    #[arg(long, short, value_name = "NAME", help_heading = "Package")]
    pub package: Option<String>,
    /// Features to read the source with, as for cargo
    #[arg(long, short = 'F', value_name = "FEATURES", help_heading = "Package")]
    pub features: Vec<String>,
    /// Read the source with all features
    #[arg(long, help_heading = "Package")]
    pub all_features: bool,
    /// Read the source without the default features
    #[arg(long, help_heading = "Package")]
    pub no_default_features: bool,
    /// The migrations folder [default: that of sqlx.toml, else `migrations`]
    #[arg(long, value_name = "FOLDER", help_heading = "Package")]
    pub source: Option<PathBuf>,
}

impl From<&ProjectArgs> for ProjectOptions {
    fn from(args: &ProjectArgs) -> Self {
        Self {
            manifest_path: args.manifest_path.clone(),
            package: args.package.clone(),
            features: args.features.clone(),
            all_features: args.all_features,
            no_default_features: args.no_default_features,
            source: args.source.clone(),
        }
    }
}

fn consents() -> PossibleValuesParser {
    HazardKind::ALL
        .into_iter()
        .filter(|kind| kind.needs_consent())
        .map(HazardKind::as_str)
        .into()
}

fn migration_name(text: &str) -> Result<String, String> {
    let fine = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if fine {
        Ok(text.to_owned())
    } else {
        Err("expected letters, digits and `_`, such as `create_todos`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cargo::command().debug_assert();
    }

    #[test]
    fn a_migration_name_is_a_plain_word() {
        assert!(migration_name("create_todos2").is_ok());
        for name in ["", "a b", "a-b", "../a", "é"] {
            assert!(migration_name(name).is_err(), "{name}");
        }
    }
}
