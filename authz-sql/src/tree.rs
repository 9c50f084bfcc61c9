//! A small syntax tree of one SQL expression. The only module that calls `squawk-parser`, whose API is not stable.
//!
//! The expression is parsed as `SELECT 1 WHERE <text>`, and accepted only if the WHERE clause holds one
//! expression that covers the text exactly. Wrapping it in parentheses instead would let `true) or (true` and
//! `select 1` through.

use std::ops::Range;

use squawk_parser::{EntryPoint, LexedStr, StrStep};

pub(crate) use squawk_parser::SyntaxKind;

const PREFIX: &str = "SELECT 1 WHERE ";

/// A node or a token of the tree. Spaces and comments are no nodes.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: SyntaxKind,
    /// Where it stands in the expression's text, in bytes, without surrounding spaces and comments.
    pub(crate) range: Range<usize>,
    pub(crate) children: Vec<Self>,
}

/// A syntax error, with the place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) offset: usize,
}

impl Node {
    /// The node and all below it, parents first.
    pub(crate) fn descendants(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        Box::new(std::iter::once(self).chain(self.children.iter().flat_map(Self::descendants)))
    }

    /// The first child of this kind.
    pub(crate) fn child(&self, kind: SyntaxKind) -> Option<&Self> {
        self.children.iter().find(|child| child.kind == kind)
    }
}

/// Parses a text that must be exactly one expression.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut statements = parse_statements(text)?;
    let statement = statements.pop().filter(|_| statements.is_empty());
    let where_clause = statement
        .filter(|statement| statement.kind == SyntaxKind::SELECT && statement.children.len() == 2)
        .and_then(|mut select| select.children.pop())
        .filter(|node| node.kind == SyntaxKind::WHERE_CLAUSE && node.children.len() == 2);
    let expression = where_clause.and_then(|mut clause| clause.children.pop());
    expression.ok_or_else(|| SyntaxError {
        message: "expected one expression and nothing after it".to_owned(),
        offset: 0,
    })
}

/// Parses a text that must be one key of an index: an expression, or one with a collation, an operator class or an order.
pub(crate) fn parse_index_key(text: &str) -> Result<Node, SyntaxError> {
    // The closing parenthesis stands on a line of its own, since a comment may end the text.
    let statements = parse_source("CREATE INDEX ON t (", &format!("{text}\n)"))?;
    let mut list = match <[Node; 1]>::try_from(statements) {
        Ok([index]) => index
            .children
            .into_iter()
            .filter(|node| node.kind == SyntaxKind::PARTITION_ITEM_LIST),
        Err(_) => return Err(no_key()),
    };
    let items = list.next().map(|list| list.children).unwrap_or_default();
    match <[Node; 3]>::try_from(items) {
        Ok([_, item, _]) => Ok(item),
        Err(_) => Err(no_key()),
    }
}

fn no_key() -> SyntaxError {
    SyntaxError {
        message: "expected one key of an index".to_owned(),
        offset: 0,
    }
}

/// Parses the statements of a text.
pub(crate) fn parse_script(text: &str) -> Result<Vec<Node>, SyntaxError> {
    parse_source("", text)
}

/// The spaces and comments of a text, and the tokens between them, in order.
pub(crate) fn tokens(text: &str) -> Vec<(SyntaxKind, &str)> {
    // The lexer does not give its tokens out one by one, but as it hands them to the tree builder.
    let lexed = LexedStr::new(text);
    let output = EntryPoint::SourceFile.parse(&lexed.to_input());
    let mut tokens = Vec::new();
    let mut position = 0;
    lexed.intersperse_trivia(&output, &mut |step| {
        if let StrStep::Token { kind, text: token } = step {
            let end = position + token.len();
            if let Some(token) = text.get(position..end) {
                tokens.push((kind, token));
            }
            position = end;
        }
    });
    tokens
}

/// Parses a text that must be exactly one statement. A semicolon behind it is no part of it.
pub(crate) fn parse_statement(text: &str) -> Result<Node, SyntaxError> {
    let mut statements = parse_source("", text)?;
    statements.retain(|node| node.kind != SyntaxKind::SEMICOLON);
    let statement = statements.pop().filter(|_| statements.is_empty());
    statement.ok_or_else(|| SyntaxError {
        message: "expected one statement and nothing after it".to_owned(),
        offset: 0,
    })
}

fn parse_statements(text: &str) -> Result<Vec<Node>, SyntaxError> {
    parse_source(PREFIX, text)
}

/// The statements of a text behind a prefix. Positions are those in the text.
fn parse_source(prefix: &str, text: &str) -> Result<Vec<Node>, SyntaxError> {
    let source = format!("{prefix}{text}");
    let lexed = LexedStr::new(&source);
    let output = EntryPoint::SourceFile.parse(&lexed.to_input());
    let mut error: Option<SyntaxError> = None;
    let mut note = |message: &str, position: usize| {
        let found = SyntaxError {
            message: message.to_owned(),
            offset: position.saturating_sub(prefix.len()).min(text.len()),
        };
        if error.as_ref().is_none_or(|first| found.offset < first.offset) {
            error = Some(found);
        }
    };
    let mut open: Vec<Node> = Vec::new();
    let mut roots: Vec<Node> = Vec::new();
    let mut position: usize = 0;
    lexed.intersperse_trivia(&output, &mut |step| match step {
        StrStep::Enter { kind } => open.push(Node {
            kind,
            range: Range {
                start: usize::MAX,
                end: 0,
            },
            children: Vec::new(),
        }),
        StrStep::Token { kind, text: token } => {
            let start = position;
            position += token.len();
            if kind != SyntaxKind::WHITESPACE && kind != SyntaxKind::COMMENT {
                let range = start.saturating_sub(prefix.len())..position.saturating_sub(prefix.len());
                add(
                    &mut open,
                    &mut roots,
                    Node {
                        kind,
                        range,
                        children: Vec::new(),
                    },
                );
            }
        }
        StrStep::Exit => {
            if let Some(node) = open.pop() {
                add(&mut open, &mut roots, node);
            }
        }
        StrStep::Error { msg, pos } => note(msg, pos),
    });
    for (range, message) in lexed.errors() {
        note(message, usize::try_from(range.start).unwrap_or(usize::MAX));
    }
    match error {
        Some(error) => Err(error),
        None => Ok(roots.pop().map(|file| file.children).unwrap_or_default()),
    }
}

fn add(open: &mut [Node], roots: &mut Vec<Node>, node: Node) {
    match open.last_mut() {
        Some(parent) => {
            if !node.range.is_empty() {
                parent.range.start = parent.range.start.min(node.range.start);
                parent.range.end = parent.range.end.max(node.range.end);
            }
            parent.children.push(node);
        }
        None => roots.push(node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_is_accepted_with_its_range() {
        let text = " a = 'x;' -- why\n ";
        let node = parse(text).unwrap();
        assert_eq!(node.kind, SyntaxKind::BIN_EXPR);
        assert_eq!(text.get(node.range), Some("a = 'x;'"));
    }

    #[test]
    fn anything_but_one_whole_expression_is_refused() {
        for text in [
            "",
            "select 1",
            "true) or (true",
            "true; drop table x",
            "a = ",
            "a b c",
            "true order by 1",
            "true union select 1",
            "true group by a",
            "true limit 1",
            "a = 'x",
            "true /* open",
            "a,b",
            ")",
            "(a",
            "true;",
            "$$",
            "true for update",
            "true window w as ()",
            "true returning 1",
        ] {
            assert!(parse(text).is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn an_error_tells_the_place() {
        assert_eq!(parse("a = b c").unwrap_err().offset, 6);
    }

    #[test]
    fn tokens_cover_the_whole_text() {
        let text = "a  = 'b  c' -- x\n and  d";
        assert_eq!(
            tokens(text)
                .into_iter()
                .map(|(_, token)| token)
                .collect::<String>(),
            text
        );
    }
}
