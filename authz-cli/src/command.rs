//! Runs a command: the words on the terminal and the exit code.

mod check;
mod drift;
mod generate;
mod init;
mod pull;
mod report;
mod sql;
mod status;
mod token;
mod undo;

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use authz::SigningError;

use crate::applied::AppliedError;
use crate::cli::{Command, Format, ModelArgs};
use crate::diagnostics::Diagnostic;
use crate::drift::DriftError;
use crate::expand::ExpandError;
use crate::folder::{Folder, FolderError};
use crate::history::{BaseError, Problem};
use crate::models::{self, Models, ModelsError};
use crate::progress::count;
use crate::project::{Project, ProjectError, ProjectOptions};
use crate::pull::PullError;
use crate::replay::ReplayError;
use crate::undo::UndoError;
use authz_migrate::migration::MigrationError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is as it should be.
    Fine,
    /// The command found what it looks for: a difference, a mistake, a hazard without consent.
    Found,
}

impl Outcome {
    /// The word in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Found => "found",
        }
    }
}

/// Why a command could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The package cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The migrations folder cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The migrations cannot be replayed for want of a server.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The commit of `--base` cannot be read.
    #[error(transparent)]
    Base(#[from] BaseError),
    /// The lock and the migrations do not belong together, so that what comes next is not known.
    #[error("nothing was done: `{}` {}", .0.file, .0.message)]
    History(Problem),
    /// The live database cannot be compared.
    #[error(transparent)]
    Drift(#[from] DriftError),
    /// The database cannot be asked which migrations it has.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// The newest migration cannot be taken back.
    #[error(transparent)]
    Undo(#[from] UndoError),
    /// A data migration is asked for on a table that no migration declares.
    #[error("no migration declares the table `{table}`{hint}")]
    NoTable {
        /// The name asked for.
        table: String,
        /// The name that was meant, or what to do.
        hint: String,
    },
    /// rustc cannot expand the package.
    #[error(transparent)]
    Expand(ExpandError),
    /// A file or folder cannot be made.
    #[error("`{}` cannot be written", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key cannot sign.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// A claim is given twice.
    #[error("the claim `{0}` is given twice")]
    ClaimTwice(String),
    /// The database cannot be pulled.
    #[error(transparent)]
    Pull(#[from] PullError),
    /// A file is there already.
    #[error("`{}` is there already; `--force` replaces it", .0.display())]
    Exists(PathBuf),
    /// There is a first migration already.
    #[error("the migrations in `{}` declare tables already; `generate` writes the next one", .0.display())]
    Baseline(PathBuf),
    /// The terminal is gone.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
    /// There is no migration from what the migrations so far declare to what the models do.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// The models have mistakes.
    #[error("{} in the models", count(.0.len(), "mistake"))]
    Models(Vec<Diagnostic>),
}

impl From<ModelsError> for CommandError {
    fn from(error: ModelsError) -> Self {
        match error {
            ModelsError::Mistakes(diagnostics) => Self::Models(diagnostics),
            ModelsError::Expand(error) => Self::Expand(error),
            ModelsError::Folder(error) => Self::Folder(error),
        }
    }
}

/// Runs a command. What it makes goes to `out`, what it says to `err`.
///
/// # Errors
///
/// [`CommandError`] when it could not do its work.
pub fn run(command: &Command, out: &mut dyn Write, err: &mut dyn Write) -> Result<Outcome, CommandError> {
    let format = command.format();
    let result = match command {
        Command::Generate(arguments) => {
            let generated = generate::run(arguments, err);
            report::finish("generate", format, generated, out, err)
        }
        Command::Check(arguments) => report::finish("check", format, check::run(arguments), out, err),
        Command::Init(arguments) => init::run(arguments, out, err),
        Command::Drift(arguments) => report::finish("drift", format, drift::run(arguments), out, err),
        Command::Pull(arguments) => report::finish("pull", format, pull::run(arguments), out, err),
        Command::Sql(arguments) => sql::run(arguments, out),
        Command::Status(arguments) => report::finish("status", format, status::run(arguments), out, err),
        Command::Undo(arguments) => {
            let undone = undo::run(arguments, err);
            report::finish("undo", format, undone, out, err)
        }
        Command::Token(arguments) => report::finish("token", format, token::run(arguments), out, err),
    };
    if let (Format::Text, Err(CommandError::Models(diagnostics))) = (format, &result) {
        print_diagnostics(diagnostics, err)?;
    }
    result
}

/// The exit code for the result of a command, with its error printed.
#[must_use]
pub fn exit_code(result: Result<Outcome, CommandError>, err: &mut dyn Write) -> ExitCode {
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(error) => {
            let mut text = format!("error: {error}\n");
            for cause in report::causes(&error) {
                text.push_str(&format!("  caused by: {cause}\n"));
            }
            // With the terminal gone there is nobody to tell; the exit code still says it.
            drop(err.write_all(text.as_bytes()));
            ExitCode::from(if matches!(error, CommandError::Models(_)) {
                1
            } else {
                2
            })
        }
    }
}

/// The package and what its models declare.
fn read_models(arguments: &ModelArgs) -> Result<(Project, Folder, Models), CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.package))?;
    let folder = Folder::of(&project);
    let models = if arguments.expand {
        models::read_expanded(&project)
    } else {
        models::read(&project)
    };
    Ok((project, folder, models?))
}

fn print_diagnostics(diagnostics: &[Diagnostic], err: &mut dyn Write) -> io::Result<()> {
    let styled = io::stderr().is_terminal();
    for diagnostic in diagnostics {
        match std::fs::read_to_string(&diagnostic.file) {
            Ok(text) => writeln!(err, "{}\n", diagnostic.render(&text, styled))?,
            Err(_) => writeln!(err, "error: {}\n", diagnostic.plain())?,
        }
    }
    Ok(())
}

/// Asks on a terminal. Elsewhere nobody can answer, and the answer is no.
fn asked(question: &str, err: &mut dyn Write) -> io::Result<bool> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(false);
    }
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A path as the user would write it: relative to the current folder where it lies in it.
fn shown(path: &std::path::Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
