//! A statement as it came from the program, before any of it goes to the server.

use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::{Either, Execute, SqlStr};

/// Text and bind values. Without bind values sqlx would send the text as it is, and several statements might hide in it.
#[derive(Clone)]
pub(super) struct Statement {
    sql: SqlStr,
    arguments: Option<PgArguments>,
    persistent: bool,
}

impl Statement {
    /// Takes a query apart. With `as_text`, text that has no bind values stays text, and may hold several statements.
    pub(super) fn of<'q>(mut query: impl Execute<'q, Postgres>, as_text: bool) -> Result<Self, sqlx::Error> {
        let arguments = query.take_arguments().map_err(sqlx::Error::Encode)?;
        let persistent = query.persistent() && arguments.is_some();
        let statement = Self {
            sql: query.sql(),
            arguments: if as_text {
                arguments
            } else {
                Some(arguments.unwrap_or_default())
            },
            persistent,
        };
        statement.check(as_text)?;
        Ok(statement)
    }

    /// Refuses what would end the transaction behind its back, and what no executor can do.
    fn check(&self, as_text: bool) -> Result<(), sqlx::Error> {
        let words = first_words(self.sql.as_str());
        let [first, second] = &words;
        let refuse = |what: &str| {
            Err(sqlx::Error::Protocol(format!(
                "`{}` {what}",
                first.to_uppercase()
            )))
        };
        match (first.as_str(), second.as_str()) {
            ("copy", _) => refuse(
                "does not run here: it speaks another protocol than queries. Insert many rows by `INSERT … SELECT * FROM unnest($1, $2)`",
            ),
            _ if as_text => Ok(()),
            ("begin" | "start" | "commit" | "end" | "rollback" | "abort", _) | ("prepare", "transaction") => {
                refuse("is not run as SQL: call `commit`, `rollback` or `savepoint` of the transaction")
            }
            ("savepoint" | "release", _) => refuse("is not run as SQL: call `savepoint` of the transaction"),
            _ => Ok(()),
        }
    }

    pub(super) fn query(self) -> Either<Query<'static, Postgres, PgArguments>, SqlStr> {
        match self.arguments {
            Some(arguments) => {
                Either::Left(sqlx::query_with(self.sql, arguments).persistent(self.persistent))
            }
            None => Either::Right(self.sql),
        }
    }
}

/// The first two words of a statement in lower case, behind blanks, comments and semicolons.
fn first_words(sql: &str) -> [String; 2] {
    let mut rest = sql;
    [(); 2].map(|()| {
        rest = behind_blanks(rest);
        let end = rest
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        word.to_ascii_lowercase()
    })
}

fn behind_blanks(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c', ';']);
        if let Some(comment) = sql.strip_prefix("--") {
            sql = comment.split_once(['\n', '\r']).map_or("", |(_, behind)| behind);
        } else if let Some(comment) = sql.strip_prefix("/*") {
            sql = behind_comment(comment);
        } else {
            return sql;
        }
    }
}

/// What stands behind a comment that has begun. Comments nest.
fn behind_comment(mut sql: &str) -> &str {
    let mut depth = 1;
    while depth > 0 {
        let Some(at) = sql.find(['/', '*']) else { return "" };
        let (_, from) = sql.split_at(at);
        sql = if let Some(behind) = from.strip_prefix("/*") {
            depth += 1;
            behind
        } else if let Some(behind) = from.strip_prefix("*/") {
            depth -= 1;
            behind
        } else {
            from.get(1..).unwrap_or_default()
        };
    }
    sql
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sql: &'static str) -> bool {
        Statement::of(sql, false).is_err()
    }

    #[test]
    fn what_would_end_the_transaction_is_refused_however_it_is_written() {
        for sql in [
            "COMMIT",
            "commit and chain",
            " \n\t;; Commit",
            "-- a comment\nROLLBACK",
            "--\rABORT",
            "/* a /* nested */ comment */ END",
            "/**/BEGIN",
            "/***/ START TRANSACTION",
            "Prepare Transaction 'x'",
            "PREPARE/* */TRANSACTION 'x'",
            "savepoint a",
            "RELEASE a",
            "ROLLBACK TO SAVEPOINT a",
            "COPY todos FROM STDIN",
        ] {
            assert!(refused(sql), "{sql}");
        }
    }

    #[test]
    fn what_only_looks_like_it_runs() {
        for sql in [
            "SELECT 'COMMIT'",
            "-- COMMIT\nSELECT 1",
            "/* COMMIT */ SELECT 1",
            "PREPARE a AS SELECT 1",
            "UPDATE commit SET end = 1",
            "commits",
            "",
            "/* never closed",
            "\u{e9}",
        ] {
            assert!(!refused(sql), "{sql}");
        }
    }

    #[test]
    fn text_stays_text_only_where_that_is_allowed() {
        assert!(Statement::of("SELECT 1", false).unwrap().arguments.is_some());
        assert!(Statement::of("SELECT 1", true).unwrap().arguments.is_none());
        assert!(Statement::of("COMMIT", true).is_ok());
        assert!(Statement::of("COPY a FROM STDIN", true).is_err());
    }
}
