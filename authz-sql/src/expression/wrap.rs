//! Which calls are written as subqueries: those of the request's identity, which one query cannot change.

use std::ops::Range;

use super::Expression;
use crate::MEMBERS;
use crate::tree::{Node, SyntaxKind};

/// A call to wrap, with what goes inside.
pub(super) struct Wrapped {
    /// Where it stands in the text.
    pub(super) range: Range<usize>,
    /// Whether it is the array of `ANY` or `ALL`.
    pub(super) is_array: bool,
}

impl Expression {
    /// The text of which this one is the [wrapped](Self::wrapped) form; this one, where there is no such text.
    #[must_use]
    pub fn unwrapped(&self) -> Self {
        let Some(root) = self.root() else {
            return self.clone();
        };
        let mut sql = String::with_capacity(self.as_str().len());
        let mut end = 0;
        for (outer, inner) in root.descendants().filter_map(subquery) {
            // One inside of another went with it.
            if outer.start >= end {
                sql.push_str(self.slice(&(end..outer.start)));
                sql.push_str(self.slice(&inner));
                end = outer.end;
            }
        }
        sql.push_str(self.slice(&(end..self.as_str().len())));
        match Self::parse(&sql, super::Place::Policy) {
            Ok(_) if Self::unchecked(sql.as_str()).wrapped() == *self => Self::unchecked(sql),
            _ => self.clone(),
        }
    }

    /// Collects the calls to wrap. `path` is the chain from the root to the node to look at.
    pub(super) fn find_calls<'a>(&'a self, path: &mut Vec<&'a Node>, calls: &mut Vec<Wrapped>) {
        let Some(node) = path.last().copied() else { return };
        let is_call = self
            .callee(node)
            .is_some_and(|(schema, name)| is_session_function(schema.as_deref(), &name));
        if is_call && !self.names_column(node) {
            let whole = self.constant_part(path);
            if !is_scalar_subquery_target(path, whole) && !is_from_item(path) {
                calls.extend(path.get(whole).map(|node| Wrapped {
                    range: node.range.clone(),
                    is_array: is_array_of_any(path, whole),
                }));
            }
            return;
        }
        for child in &node.children {
            path.push(child);
            self.find_calls(path, calls);
            path.pop();
        }
    }

    /// Where in `path` the largest expression stands that is the call at its end with only casts, JSON accesses by
    /// constant and parentheses around it.
    fn constant_part(&self, path: &[&Node]) -> usize {
        let mut best = path.len() - 1;
        for index in (0..best).rev() {
            let (Some(parent), Some(child)) = (path.get(index), path.get(index + 1)) else {
                break;
            };
            let is_first = parent
                .children
                .first()
                .is_some_and(|first| first.range == child.range);
            match parent.kind {
                SyntaxKind::CAST_EXPR => best = index,
                SyntaxKind::BIN_EXPR if is_first && self.is_json_access(parent) => best = index,
                // Parentheses count only if something that belongs inside follows them.
                SyntaxKind::PAREN_EXPR => {}
                _ => break,
            }
        }
        best
    }

    fn is_json_access(&self, node: &Node) -> bool {
        match node.children.as_slice() {
            [_, operator, operand] => {
                matches!(self.slice(&operator.range), "->" | "->>" | "#>" | "#>>")
                    && operand.kind == SyntaxKind::LITERAL
            }
            _ => false,
        }
    }

    fn names_column(&self, call: &Node) -> bool {
        call.children.iter().skip(1).any(|arguments| {
            let mut columns = Vec::new();
            self.find_columns(arguments, "", false, &mut columns);
            !columns.is_empty()
                || arguments
                    .descendants()
                    .any(|node| node.kind == SyntaxKind::SELECT)
        })
    }
}

/// Functions whose result one query cannot change, and that are slow enough to matter for each row.
fn is_session_function(schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some("auth" | MEMBERS) => true,
        None | Some("pg_catalog") => name == "current_setting",
        Some(_) => false,
    }
}

/// Whether the node at `path[index]` is the whole target of a subquery without FROM, as in `(SELECT f())`.
fn is_scalar_subquery_target(path: &[&Node], index: usize) -> bool {
    let mut above = path
        .iter()
        .take(index)
        .rev()
        .skip_while(|node| node.kind == SyntaxKind::PAREN_EXPR);
    let mut next_is = |kind| above.next().is_some_and(|node| node.kind == kind);
    next_is(SyntaxKind::TARGET)
        && next_is(SyntaxKind::TARGET_LIST)
        && next_is(SyntaxKind::SELECT_CLAUSE)
        && above
            .next()
            .is_some_and(|select| select.kind == SyntaxKind::SELECT && select.children.len() == 1)
}

/// The range of `(SELECT x)`, and that of `x`.
fn subquery(node: &Node) -> Option<(Range<usize>, Range<usize>)> {
    let inside = |node: &Node, kind| match node.children.as_slice() {
        [only] => (only.kind == kind).then(|| only.clone()),
        _ => None,
    };
    let [_, select, _] = node.children.as_slice() else {
        return None;
    };
    if node.kind != SyntaxKind::PAREN_EXPR || select.kind != SyntaxKind::SELECT {
        return None;
    }
    let clause = inside(select, SyntaxKind::SELECT_CLAUSE)?;
    let targets = clause.child(SyntaxKind::TARGET_LIST)?;
    let target = inside(targets, SyntaxKind::TARGET)?;
    match target.children.as_slice() {
        [value] => Some((node.range.clone(), value.range.clone())),
        _ => None,
    }
}

/// Whether the call at the end of `path` stands in FROM, which evaluates it once.
fn is_from_item(path: &[&Node]) -> bool {
    let parent = path.iter().rev().nth(1);
    parent.is_some_and(|parent| parent.kind == SyntaxKind::FUNCTION_FROM_ITEM)
}

/// Whether the node at `path[index]` is all that `ANY (…)` or `ALL (…)` has.
fn is_array_of_any(path: &[&Node], index: usize) -> bool {
    let mut above = path
        .iter()
        .take(index)
        .rev()
        .skip_while(|node| node.kind == SyntaxKind::PAREN_EXPR);
    above.next().is_some_and(|node| {
        matches!(
            node.kind,
            SyntaxKind::ANY_FN | SyntaxKind::ALL_FN | SyntaxKind::SOME_FN
        )
    })
}
