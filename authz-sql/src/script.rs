//! A text of several statements, such as a migration file.

use std::ops::Range;

use super::tree::{self, SyntaxKind};

/// Where the statements of a text stand, in bytes: without the spaces and comments around them, and without the
/// semicolons. A text that is no SQL is cut at its semicolons all the same.
#[must_use]
pub fn statements(text: &str) -> Vec<Range<usize>> {
    let mut statements = Vec::new();
    let mut current: Option<Range<usize>> = None;
    // `BEGIN ATOMIC … END` is the body of a function, and `CASE … END` inside it ends something else.
    let mut depth = 0_usize;
    let mut before = "";
    let mut position = 0;
    for (kind, token) in tree::tokens(text) {
        let start = position;
        position += token.len();
        match kind {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => continue,
            SyntaxKind::SEMICOLON if depth == 0 => {
                statements.extend(current.take());
                before = "";
                continue;
            }
            _ => {}
        }
        let is = |word: &str| token.eq_ignore_ascii_case(word);
        if is("atomic") && before.eq_ignore_ascii_case("begin") || depth > 0 && is("case") {
            depth += 1;
        } else if is("end") {
            depth = depth.saturating_sub(1);
        }
        before = token;
        current = Some(current.map_or(start, |range| range.start)..position);
    }
    statements.extend(current);
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        statements(text)
            .into_iter()
            .map(|range| text.get(range).unwrap())
            .collect()
    }

    #[test]
    fn statements_end_at_semicolons_that_are_no_part_of_one() {
        let text = "-- a; b\nSELECT ';' AS \"a;b\"; /* c; */ ;\nDO $x$ BEGIN RAISE 'a;'; END $x$;\n\
                    CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n\
                    BEGIN; COMMIT;\nSELECT E'\\';' -- last";
        assert_eq!(
            cut(text),
            [
                "SELECT ';' AS \"a;b\"",
                "DO $x$ BEGIN RAISE 'a;'; END $x$",
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                "BEGIN",
                "COMMIT",
                "SELECT E'\\';'",
            ]
        );
        assert_eq!(cut(" -- nothing\n"), [""; 0]);
    }
}
