//! Turns mistakes in annotations into messages like rustc's, with the line and the place in it.

use std::path::{Path, PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use proc_macro2::LineColumn;

use crate::scan::{Model, ScanError};

/// One mistake at one place of a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as messages show it.
    pub file: PathBuf,
    /// What is wrong.
    pub message: String,
    start: LineColumn,
    end: LineColumn,
}

impl Diagnostic {
    /// Splits `error` into its messages. The spans must come from parsing the text of `file`.
    #[must_use]
    pub fn from_syn(error: &syn::Error, file: &Path) -> Vec<Self> {
        let errors = error.clone().into_iter();
        let diagnostics = errors.map(|error| {
            let span = error.span();
            Self {
                file: file.to_owned(),
                message: error.to_string(),
                start: span.start(),
                end: span.end(),
            }
        });
        diagnostics.collect()
    }

    /// The messages of a mistake in a model.
    #[must_use]
    pub fn of(model: &Model, error: &syn::Error) -> Vec<Self> {
        if model.expanded {
            let errors = error.clone().into_iter();
            return errors.map(|error| model.at(error.to_string()).into()).collect();
        }
        Self::from_syn(error, &model.file)
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.start.line
    }

    /// The column, in characters from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.start.column + 1
    }

    /// The message on one line: `file:line:column: message`.
    #[must_use]
    pub fn plain(&self) -> String {
        format!(
            "{}:{}:{}: {}",
            self.file.display(),
            self.line(),
            self.column(),
            self.message
        )
    }

    /// The message over the source line, with carets. `text` is the file's text; `styled` adds colours, for
    /// terminals.
    #[must_use]
    pub fn render(&self, text: &str, styled: bool) -> String {
        // Spans do not count a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let start = byte_offset(text, self.start);
        // An empty annotation at the end of a file still has its caret.
        let end = byte_offset(text, self.end).max(start);
        let snippet = Snippet::source(text)
            .path(self.file.to_string_lossy())
            .annotation(AnnotationKind::Primary.span(start..end));
        let report = [Level::ERROR.primary_title(self.message.as_str()).element(snippet)];
        let renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&report)
    }
}

impl From<ScanError> for Diagnostic {
    fn from(error: ScanError) -> Self {
        let start = LineColumn {
            line: error.line,
            column: error.column.saturating_sub(1),
        };
        Self {
            file: error.file,
            message: error.message,
            start,
            end: start,
        }
    }
}

fn byte_offset(text: &str, place: LineColumn) -> usize {
    let mut lines = text.split_inclusive('\n');
    let before: usize = lines
        .by_ref()
        .take(place.line.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = lines.next().unwrap_or_default();
    before + line.chars().take(place.column).map(char::len_utf8).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_at(text: &str) -> syn::Error {
        let file = syn::parse_file(text).unwrap();
        let syn::Item::Struct(item) = &file.items[0] else {
            panic!("a struct")
        };
        let mut errors = item
            .fields
            .iter()
            .map(|field| syn::Error::new_spanned(&field.ty, "expected a column"));
        let mut error = errors.next().unwrap();
        errors.for_each(|other| error.combine(other));
        error
    }

    #[test]
    fn each_message_of_a_combined_error_has_its_own_place() {
        let text = "struct Todo {\n    id: A,\n    name: B,\n}\n";
        let found = Diagnostic::from_syn(&error_at(text), Path::new("src/lib.rs"));
        let plain: Vec<_> = found.iter().map(Diagnostic::plain).collect();
        assert_eq!(
            plain,
            [
                "src/lib.rs:2:9: expected a column",
                "src/lib.rs:3:11: expected a column"
            ]
        );
    }

    #[test]
    fn the_source_line_is_shown_with_carets_under_the_span() {
        let text = "struct Todo {\n    größe: Vec<A>,\n}\n";
        let found = Diagnostic::from_syn(&error_at(text), Path::new("src/lib.rs"));
        let expected = "\
error: expected a column
 --> src/lib.rs:2:12
  |
2 |     größe: Vec<A>,
  |            ^^^^^^";
        assert_eq!(found[0].render(text, false), expected);
    }

    #[test]
    fn a_shebang_and_a_byte_order_mark_do_not_move_the_carets() {
        for prefix in ["#!/usr/bin/env run\n", "\u{feff}"] {
            let text = format!("{prefix}struct Todo {{ id: Abc }}");
            let found = Diagnostic::from_syn(&error_at(&text), Path::new("src/lib.rs"));
            let rendered = found[0].render(&text, false);
            let (source, carets) = rendered.split_once("Abc").unwrap();
            let column = source.lines().last().unwrap().chars().count();
            assert!(
                carets
                    .lines()
                    .last()
                    .unwrap()
                    .chars()
                    .skip(column)
                    .eq("^^^".chars()),
                "{rendered}"
            );
        }
    }

    #[test]
    fn colours_are_only_in_styled_text() {
        let text = "struct Todo { id: A }";
        let found = Diagnostic::from_syn(&error_at(text), Path::new("a.rs"));
        assert!(found[0].render(text, true).contains('\u{1b}'));
        assert!(!found[0].render(text, false).contains('\u{1b}'));
    }

    #[test]
    fn a_place_beyond_the_text_does_not_panic() {
        let error = ScanError {
            file: "a.rs".into(),
            line: 9,
            column: 9,
            message: "x".into(),
            hidden: false,
        };
        assert!(Diagnostic::from(error).render("", false).contains('x'));
    }
}
