//! What a command found: as words for people, or as one JSON document for machines (docs/commands.md has its keys).

use std::io::{self, Write};

use authz_migrate::hazard::Hazard;
use serde::{Serialize, Serializer};

use super::{CommandError, Outcome};
use crate::cli::Format;
use crate::diagnostics::Diagnostic;
use crate::drift::DriftError;
use crate::replay::{Failure, ReplayError};

/// What a command found.
pub(super) trait Report: Serialize {
    /// How the command ended.
    fn outcome(&self) -> Outcome;

    /// Says it in words: what it made to `out`, all else to `err`.
    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()>;
}

/// Puts out what a command found, or in JSON why it could not run.
pub(super) fn finish<R: Report>(
    command: &'static str,
    format: Format,
    result: Result<R, CommandError>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Outcome, CommandError> {
    match (format, &result) {
        (Format::Text, Ok(report)) => report.print(out, err)?,
        // The caller has the words for it.
        (Format::Text, Err(_)) => {}
        (Format::Json, _) => {
            let document = Document {
                command,
                outcome: match &result {
                    Ok(report) => report.outcome().as_str(),
                    Err(_) => "error",
                },
                error: result.as_ref().err().map(ErrorReport::of),
                report: result.as_ref().ok(),
            };
            serde_json::to_writer_pretty(&mut *out, &document).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    result.map(|report| report.outcome())
}

#[derive(Serialize)]
struct Document<'a, R> {
    command: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorReport<'a>>,
    #[serde(flatten)]
    report: Option<&'a R>,
}

#[derive(Serialize)]
struct ErrorReport<'a> {
    message: String,
    causes: Vec<String>,
    mistakes: Vec<Mistake<'a>>,
    /// The statement that a server refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a Failure>,
}

#[derive(Serialize)]
struct Mistake<'a> {
    file: std::borrow::Cow<'a, str>,
    line: usize,
    column: usize,
    message: &'a str,
}

impl<'a> ErrorReport<'a> {
    fn of(error: &'a CommandError) -> Self {
        let diagnostics: &[Diagnostic] = match error {
            CommandError::Models(diagnostics) => diagnostics,
            _ => &[],
        };
        let failure = failure(error);
        Self {
            // What stands on its other lines are the keys of `failure`.
            message: match failure {
                Some(_) => error.to_string().lines().next().unwrap_or_default().to_owned(),
                None => error.to_string(),
            },
            failure,
            causes: causes(error),
            mistakes: diagnostics
                .iter()
                .map(|diagnostic| Mistake {
                    file: diagnostic.file.to_string_lossy(),
                    line: diagnostic.line(),
                    column: diagnostic.column(),
                    message: &diagnostic.message,
                })
                .collect(),
        }
    }
}

fn failure(error: &CommandError) -> Option<&Failure> {
    let (CommandError::Replay(replay) | CommandError::Drift(DriftError::Replay(replay))) = error else {
        return None;
    };
    match replay {
        ReplayError::Failed(failure) | ReplayError::Declared(failure) => Some(failure),
        _ => None,
    }
}

/// The sources of an error, the outermost first.
pub(super) fn causes(error: &CommandError) -> Vec<String> {
    let source = std::error::Error::source(error);
    std::iter::successors(source, |cause| cause.source())
        .map(ToString::to_string)
        .collect()
}

/// Serializes hazards with the words of `--allow`.
pub(super) fn hazards<S: Serializer>(hazards: &[Hazard], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct One<'a> {
        kind: &'static str,
        message: &'a str,
        needs_consent: bool,
    }
    serializer.collect_seq(hazards.iter().map(|hazard| One {
        kind: hazard.kind.as_str(),
        message: &hazard.message,
        needs_consent: hazard.kind.needs_consent(),
    }))
}
