//! The command line of `cargo authz`.

use std::path::PathBuf;
use std::time::Duration;

use authz_migrate::hazard::HazardKind;
use authz_sql::Ident;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand, ValueEnum};

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
    cargo authz init                      writes authz.toml and says what to do next
    cargo authz generate create_todos     writes migrations/<version>_create_todos.{up,down}.sql
    cargo sqlx migrate run                applies it; so does sqlx::migrate!() in your program
    cargo authz check                     in CI: the migrations are what the structs say

The models are read from source: the crate need not compile, and only `check` needs PostgreSQL.
Exit codes: 0 fine, 1 found something, 2 could not run.";

const INIT_HELP: &str = "\
Examples:
    cargo authz init
    cargo authz init --platform supabase     the database brings `auth` and the roles";

const GENERATE_HELP: &str = "\
Examples:
    cargo authz generate create_todos
    cargo authz generate drop_notes --dry-run              print both files, write nothing
    cargo authz generate drop_notes --allow data-loss      consent where nobody can be asked
    cargo authz generate create_todos --expand             structs that macros or build scripts write
    cargo authz generate --empty fill_due --on todos       a data migration, for your own statements

Renamed a field? #[column(renamed_from = \"title\")] keeps the rows; without it, it is a drop and an add.";

const CHECK_HELP: &str = "\
Examples:
    cargo authz check
    cargo authz check --base origin/main      in CI: nothing is merged late, or changed after it was merged
    cargo authz check --no-replay             without PostgreSQL
    cargo authz check --expand                the compiler sees the same structs as the scan
    cargo authz check --format json

PostgreSQL is looked for in PATH and where packages put it; if there is none, it is downloaded once and kept. AUTHZ_POSTGRES decides
otherwise: a directory, a major version, `installed` (never download) or `download`.";

const DRIFT_HELP: &str = "\
Examples:
    DATABASE_URL=postgres://reader@db.example.com/app cargo authz drift
    cargo authz drift --format json

Any role that may read the table of sqlx will do. Exits with 1 where the database is not what its migrations made; migrations that it
does not have yet are said and no drift.";

const STATUS_HELP: &str = "\
Examples:
    cargo authz status
    cargo authz status --database-url postgres://reader@db.example.com/app
    cargo authz status --format json

Exits with 1 if a migration is pending or differs, or if the structs differ from the migrations.";

const UNDO_HELP: &str = "\
Examples:
    cargo authz undo
    cargo authz undo --force      also where no database can say that it does not have the migration

The structs stay as they are: `cargo authz generate NAME` writes the migration anew.";

const TOKEN_HELP: &str = "\
Examples:
    cargo authz token --sub alice --aud todos
    cargo authz token --sub alice --aud todos --claim role=editor --claim 'org={\"id\": 7}' --expires-in 10m
    curl -H \"Authorization: Bearer $(cargo authz token --sub alice --aud todos)\" http://127.0.0.1:3000/

The key is made at the first call. It is for development: whoever has it can be every user.";

const SQL_HELP: &str = "\
Examples:
    cargo authz sql | psql postgres://localhost/scratch";

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
    /// Start: write `authz.toml` and make the migrations folder
    ///
    /// What is there already stays as it is.
    #[command(after_help = INIT_HELP)]
    Init(Init),
    /// Write the next migration from the models
    ///
    /// Compares the models with `authz.lock`, which stands beside the migrations and says what they declare so far,
    /// and writes a reversible pair of files as sqlx reads them. Where nothing differs it writes nothing.
    #[command(after_help = GENERATE_HELP)]
    Generate(Generate),
    /// Take back the newest migration, which no database has yet
    ///
    /// Deletes the files that the last `generate` wrote, and makes `authz.lock` what it was before. Refuses if the
    /// database of `DATABASE_URL` has the migration.
    #[command(after_help = UNDO_HELP)]
    Undo(Undo),
    /// Show which migrations the database has, and whether the structs differ from the migrations
    ///
    /// The database is that of `--database-url`, else of `DATABASE_URL` in the environment or in `.env`. It is
    /// read only.
    /// Without one, the migrations are listed all the same.
    #[command(after_help = STATUS_HELP)]
    Status(Status),
    /// Fail unless models, lock and migrations agree
    ///
    /// Replays all migrations on a throwaway PostgreSQL server, made from the binaries on this machine or from a download,
    /// and compares what they make with what the lock declares, in PostgreSQL's own normal form.
    #[command(after_help = CHECK_HELP)]
    Check(Check),
    /// Fail unless a live database is what the migrations made
    ///
    /// Replays the migrations that the database has on a throwaway PostgreSQL server, and compares the two catalogues:
    /// the declared tables with their policies, columns, indexes and grants, the `auth` functions, and what the roles
    /// may do. The database is read in one read-only transaction.
    #[command(after_help = DRIFT_HELP)]
    Drift(Drift),
    /// Print the whole schema as one SQL script
    #[command(after_help = SQL_HELP)]
    Sql(Sql),
    /// Write models of a live database
    ///
    /// Reads the catalogue in one read-only transaction, and writes a struct for each table. What has no attribute, and
    /// what the structs say otherwise than the database, stands in a report, and at the end of the source.
    ///
    /// With an `authz.lock`, what the migrations made gets the texts of the lock, so that `generate` finds nothing to do.
    /// Without one, `--baseline` writes the first migration, and prints the script that makes the database count as migrated.
    Pull(Pull),
    /// Make a development token, and the key set that verifies it
    ///
    /// Signs with a key of this machine, which the first call makes, and writes the public part beside it as a JSON Web
    /// Key Set. The token goes to standard output.
    #[command(after_help = TOKEN_HELP)]
    Token(Token),
}

/// How a command says what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Words
    #[default]
    Text,
    /// One JSON document on standard output
    Json,
}

impl Command {
    /// How it says what it found.
    #[must_use]
    pub fn format(&self) -> Format {
        match self {
            Self::Generate(arguments) => arguments.format,
            Self::Check(arguments) => arguments.format,
            Self::Drift(arguments) => arguments.format,
            Self::Pull(arguments) => arguments.format,
            Self::Token(arguments) => arguments.format,
            Self::Status(arguments) => arguments.format,
            Self::Undo(arguments) => arguments.format,
            Self::Init(_) | Self::Sql(_) => Format::Text,
        }
    }
}

/// `cargo authz init`
#[derive(Debug, Args)]
pub struct Init {
    /// Who brings the `auth` functions and the roles
    #[arg(long, value_name = "PLATFORM", default_value = "postgres", value_parser = ["postgres", "neon", "supabase"])]
    pub platform: String,
    /// Which package.
    #[command(flatten)]
    pub project: ProjectArgs,
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
    /// Write a migration for your own statements, which change data and not the schema
    ///
    /// Its statements fail where row security would hide rows from the owner of the tables, instead of touching 0 rows
    /// without an error.
    #[arg(long, conflicts_with_all = ["allow", "expand"])]
    pub empty: bool,
    /// With `--empty`: a table whose rows the statements read or write (repeatable)
    #[arg(long, value_name = "TABLE", num_args = 1.., requires = "empty")]
    pub on: Vec<String>,
    /// How to say what came of it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ModelArgs,
}

/// `cargo authz undo`
#[derive(Debug, Args)]
pub struct Undo {
    /// The database that must not have the migration [default: `DATABASE_URL` of the environment or of `.env`]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// Take it back although no database could be asked, or although its files were edited
    #[arg(long)]
    pub force: bool,
    /// How to say what was done
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// `cargo authz status`
#[derive(Debug, Args)]
pub struct Status {
    /// The database [default: `DATABASE_URL` of the environment or of `.env`]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ModelArgs,
}

/// `cargo authz check`
#[derive(Debug, Args)]
pub struct Check {
    /// Compare models and lock only, without a PostgreSQL server
    #[arg(long)]
    pub no_replay: bool,
    /// Also find migrations that this branch brings too late, or has changed, for databases that have those of COMMIT
    ///
    /// COMMIT is what the branch will be merged into, such as `origin/main`. sqlx applies a file that is older than
    /// others without a word, after migrations that were written and tested without it.
    #[arg(long, value_name = "COMMIT")]
    pub base: Option<String>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ModelArgs,
}

/// `cargo authz drift`
#[derive(Debug, Args)]
pub struct Drift {
    /// The database [default: `DATABASE_URL` of the environment or of `.env`, which other users of the machine cannot see]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// `cargo authz sql`
#[derive(Debug, Args)]
pub struct Sql {
    /// Which package.
    #[command(flatten)]
    pub project: ModelArgs,
}

/// Which package's models are read, and how.
#[derive(Debug, Args)]
pub struct ModelArgs {
    /// Collect the models by the derive itself, which rustc runs, instead of by a scan of the source
    ///
    /// For structs that macros write, files that a build script makes, and any `cfg`. The dependencies must compile; the
    /// package itself need not, as long as every file is Rust. `check --expand` also fails where the scan sees otherwise.
    #[arg(long)]
    pub expand: bool,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub package: ProjectArgs,
}

/// `cargo authz pull`
#[derive(Debug, Args)]
pub struct Pull {
    /// The database [default: `DATABASE_URL`]
    #[arg(long, value_name = "URL")]
    pub database_url: Option<String>,
    /// A schema to read, which may stand more than once [default: all but those of platforms and extensions]
    #[arg(long, value_name = "NAME", value_parser = ident)]
    pub schema: Vec<Ident>,
    /// Write the models into this file [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file
    #[arg(long, requires = "output")]
    pub force: bool,
    /// Write the first migration, of this name, and print the script that makes the database count as migrated
    #[arg(long, value_name = "NAME", value_parser = migration_name, requires = "output")]
    pub baseline: Option<String>,
    /// How to say what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Which package, and where its migrations are.
    #[command(flatten)]
    pub project: ProjectArgs,
}

/// `cargo authz token`
#[derive(Debug, Args)]
pub struct Token {
    /// Whom the token speaks of
    #[arg(long, value_name = "SUBJECT")]
    pub sub: String,
    /// For whom it is
    #[arg(long, value_name = "AUDIENCE")]
    pub aud: String,
    /// Who vouches for it
    #[arg(long, value_name = "ISSUER", default_value = "https://development.invalid")]
    pub iss: String,
    /// Another claim, or another value for one of these: JSON, or else text
    #[arg(long, value_name = "NAME=VALUE", value_parser = claim)]
    pub claim: Vec<(String, serde_json::Value)>,
    /// How long it is good: a number and `s`, `m`, `h` or `d`
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    pub expires_in: Duration,
    /// The private key in PEM, made if it is not there [default: `authz/dev-key.pem` in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// How to say what was made
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// The package's Cargo.toml
    #[arg(long, value_name = "PATH", help_heading = "Package")]
    pub manifest_path: Option<PathBuf>,
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

fn ident(text: &str) -> Result<Ident, String> {
    Ident::new(text).map_err(|error| error.to_string())
}

/// `name=value`, where the value is JSON or else a text.
fn claim(text: &str) -> Result<(String, serde_json::Value), String> {
    let expected = || "expected NAME=VALUE, such as `role=editor`".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(expected)?;
    if name.is_empty() {
        return Err(expected());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// `90s`, `10m`, `1h`, `7d`
fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number and `s`, `m`, `h` or `d`, such as `10m`".to_owned();
    let unit = text.chars().next_back().ok_or_else(expected)?;
    let number = text
        .strip_suffix(unit)
        .and_then(|number| number.parse::<u32>().ok());
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(expected()),
    };
    let number = number.ok_or_else(expected)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
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
    fn claims_are_json_or_text_and_times_have_a_unit() {
        assert_eq!(
            claim("role=editor").unwrap(),
            ("role".to_owned(), "editor".into())
        );
        assert_eq!(claim("n=7").unwrap().1, 7);
        assert_eq!(claim("o={\"a\": [1]}").unwrap().1["a"][0], 1);
        assert_eq!(claim("a=b=c").unwrap().1, "b=c");
        assert!(claim("role").is_err() && claim("=x").is_err());
        assert_eq!(duration("90s").unwrap().as_secs(), 90);
        assert_eq!(duration("7d").unwrap().as_secs(), 7 * 86_400);
        for text in ["", "1", "h", "1.5h", "-1h", "1w", "1ü"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_migration_name_is_a_plain_word() {
        assert!(migration_name("create_todos2").is_ok());
        for name in ["", "a b", "a-b", "../a", "é"] {
            assert!(migration_name(name).is_err(), "{name}");
        }
    }
}
