//! What a PostgreSQL server says when it refuses something, and no more than that.

use std::fmt;
use std::ops::Deref;

use serde::Serialize;
use sqlx::migrate::MigrateError;
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};

/// An error of a server, or of the connection to it. It has no source: what it prints is all there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct ServerError(Box<Said>);

impl Deref for ServerError {
    type Target = Said;

    fn deref(&self) -> &Said {
        &self.0
    }
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    /// The SQLSTATE; `None` where it was the connection that failed.
    pub code: Option<String>,
    /// The message.
    pub message: String,
    /// The server's DETAIL.
    pub detail: Option<String>,
    /// The server's HINT.
    pub hint: Option<String>,
    /// Where inside a function it happened.
    pub context: Option<String>,
    /// Where in the text that was sent, in characters from 1.
    #[serde(skip)]
    pub(crate) position: Option<usize>,
}

impl ServerError {
    /// Whether it has this SQLSTATE.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Its lines behind the message.
    pub(crate) fn details(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let lines = [
            ("detail", &self.detail),
            ("hint", &self.hint),
            ("context", &self.context),
        ];
        lines
            .into_iter()
            .filter_map(|(word, text)| Some((word, text.as_deref()?)))
    }
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (word, text) in self.details() {
            write!(f, "\n  {word}: {}", text.replace('\n', "\n    "))?;
        }
        Ok(())
    }
}

impl std::error::Error for ServerError {}

impl From<sqlx::Error> for ServerError {
    fn from(error: sqlx::Error) -> Self {
        let database = error
            .as_database_error()
            .and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
        match database {
            Some(said) => Self(Box::new(Said {
                code: Some(said.code().to_owned()),
                message: said.message().to_owned(),
                detail: said.detail().map(str::to_owned),
                hint: said.hint().map(str::to_owned),
                context: said.r#where().map(str::to_owned),
                position: match said.position() {
                    Some(PgErrorPosition::Original(position)) => Some(position),
                    _ => None,
                },
            })),
            None => Self::without_code(&error),
        }
    }
}

impl From<MigrateError> for ServerError {
    fn from(error: MigrateError) -> Self {
        match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            error => Self::without_code(&error),
        }
    }
}

impl ServerError {
    /// An error that no server sent, with its causes: each may print the next one as a part of itself.
    fn without_code(error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        for cause in causes.map(ToString::to_string) {
            if !message.contains(&cause) {
                message.push_str(&format!(": {cause}"));
            }
        }
        Self(Box::new(Said {
            code: None,
            message,
            detail: None,
            hint: None,
            context: None,
            position: None,
        }))
    }
}
