//! Runs a command: the words on the terminal and the exit code.

mod check;
mod generate;
mod sql;

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use crate::cli::{Command, ProjectArgs};
use crate::diagnostics::Diagnostic;
use crate::folder::{Folder, FolderError};
use crate::models::{self, Models};
use crate::project::{Project, ProjectError, ProjectOptions};
use crate::replay::ReplayError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All is as it should be.
    Fine,
    /// The command found what it looks for: a difference, a mistake, a hazard without consent.
    Found,
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
    /// The terminal is gone.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
    /// The models have mistakes; they are printed already.
    #[error("{0} in the models")]
    Models(String),
}

/// Runs a command. What it makes goes to `out`, what it says to `err`.
///
/// # Errors
///
/// [`CommandError`] when it could not do its work.
pub fn run(command: &Command, out: &mut dyn Write, err: &mut dyn Write) -> Result<Outcome, CommandError> {
    match command {
        Command::Generate(arguments) => generate::run(arguments, out, err),
        Command::Check(arguments) => check::run(arguments, out, err),
        Command::Sql(arguments) => sql::run(arguments, out, err),
    }
}

/// The exit code for the result of a command, with its error printed.
#[must_use]
pub fn exit_code(result: Result<Outcome, CommandError>, err: &mut dyn Write) -> ExitCode {
    match result {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Found) => ExitCode::from(1),
        Err(error) => {
            let mut text = format!("error: {error}\n");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                text.push_str(&format!("  caused by: {cause}\n"));
                source = cause.source();
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

/// The package and what its models declare. Mistakes in the models are printed.
fn read_models(
    arguments: &ProjectArgs,
    err: &mut dyn Write,
) -> Result<(Project, Folder, Models), CommandError> {
    let project = Project::find(&ProjectOptions::from(arguments))?;
    let folder = Folder::at(project.migrations.clone());
    match models::read(&project) {
        Ok(models) => Ok((project, folder, models)),
        Err(diagnostics) => {
            print_diagnostics(&diagnostics, err)?;
            Err(CommandError::Models(count(diagnostics.len(), "mistake")))
        }
    }
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

/// `1 table`, `2 tables`.
fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// A path as the user would write it: relative to the current folder where it lies in it.
fn shown(path: &std::path::Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
