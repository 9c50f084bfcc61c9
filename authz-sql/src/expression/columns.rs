//! Which columns an expression names, and which of them it compares.

use super::{ColumnRef, Comparison, Expression};
use crate::lexical::fold;
use crate::resolve::VALUE_KEYWORDS;
use crate::tree::{Node, SyntaxKind};

impl Expression {
    /// The first arm of an `OR` outside of subqueries that is the same for every row, other than a constant. A
    /// subquery with a FROM is left alone, since only the server knows whether it names columns of the row.
    #[must_use]
    pub fn row_independent_arm(&self) -> Option<&str> {
        self.find_row_independent_arm(self.root()?)
    }

    fn find_row_independent_arm(&self, node: &Node) -> Option<&str> {
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, [_, inner, _]) => self.find_row_independent_arm(inner),
            (SyntaxKind::BIN_EXPR, [left, operator, right]) => match operator.kind {
                SyntaxKind::AND_KW => self
                    .find_row_independent_arm(left)
                    .or_else(|| self.find_row_independent_arm(right)),
                SyntaxKind::OR_KW => [left, right].into_iter().find_map(|arm| {
                    let arms = self.find_row_independent_arm(arm);
                    let same = || {
                        let constant = within_parentheses(arm).kind == SyntaxKind::LITERAL;
                        let reads = arm.descendants().any(has_from);
                        !constant && !reads && self.is_row_independent(arm)
                    };
                    arms.or_else(|| same().then(|| self.slice(&arm.range)))
                }),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn find_columns(
        &self,
        node: &Node,
        table: &str,
        inside_from: bool,
        columns: &mut Vec<ColumnRef>,
    ) {
        match node.kind {
            SyntaxKind::CALL_EXPR if self.callee(node).is_some() => {
                for arguments in node.children.iter().skip(1) {
                    self.find_columns(arguments, table, inside_from, columns);
                }
                return;
            }
            SyntaxKind::FIELD_EXPR => {
                let names: Vec<_> = node
                    .children
                    .iter()
                    .filter(|child| child.kind != SyntaxKind::DOT)
                    .collect();
                if let [first, last] = names.as_slice()
                    && first.kind == SyntaxKind::NAME_REF
                    && last.kind == SyntaxKind::NAME_REF
                {
                    let qualifier = fold(self.slice(&first.range));
                    if !inside_from || qualifier == table {
                        let name = fold(self.slice(&last.range));
                        columns.push(ColumnRef {
                            qualifier: Some(qualifier),
                            name,
                        });
                    }
                    return;
                }
                // `(composite).field`: only what is before the dot can be a column.
                if let Some(first) = names.first() {
                    self.find_columns(first, table, inside_from, columns);
                }
                return;
            }
            SyntaxKind::NAME_REF => {
                let text = self.slice(&node.range);
                let is_value = VALUE_KEYWORDS.contains(&text.to_ascii_lowercase().as_str());
                if !inside_from && !is_value {
                    columns.push(ColumnRef {
                        qualifier: None,
                        name: fold(text),
                    });
                }
                return;
            }
            _ => {}
        }
        let inside_from = inside_from || has_from(node);
        for child in &node.children {
            self.find_columns(child, table, inside_from, columns);
        }
    }

    pub(super) fn find_comparisons(&self, node: &Node, found: &mut Vec<Comparison>) {
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, children) => {
                for child in children {
                    if child.kind != SyntaxKind::SELECT {
                        self.find_comparisons(child, found);
                    }
                }
            }
            (SyntaxKind::BIN_EXPR, [left, operator, right]) => match operator.kind {
                SyntaxKind::AND_KW | SyntaxKind::OR_KW => {
                    self.find_comparisons(left, found);
                    self.find_comparisons(right, found);
                }
                SyntaxKind::EQ => {
                    for (side, other) in [(left, right), (right, left)] {
                        if self.is_row_independent(other) {
                            found.extend(self.compared(side));
                        }
                    }
                }
                SyntaxKind::IN_KW if self.is_row_independent(right) => found.extend(self.compared(left)),
                _ => {}
            },
            _ => {}
        }
    }

    fn is_row_independent(&self, node: &Node) -> bool {
        let mut columns = Vec::new();
        self.find_columns(node, "", false, &mut columns);
        columns.is_empty()
    }

    fn compared(&self, node: &Node) -> Option<Comparison> {
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, [_, inner, _]) => self.compared(inner),
            (SyntaxKind::NAME_REF | SyntaxKind::FIELD_EXPR, _) => {
                let mut columns = Vec::new();
                self.find_columns(node, "", false, &mut columns);
                columns.pop().map(|column| Comparison {
                    column: column.name,
                    cast: None,
                })
            }
            (SyntaxKind::CAST_EXPR, children) => {
                let column =
                    self.compared(children.iter().find(|child| child.kind == SyntaxKind::NAME_REF)?)?;
                let cast = node.child(SyntaxKind::PATH_TYPE)?;
                Some(Comparison {
                    cast: Some(fold(self.slice(&cast.range))),
                    ..column
                })
            }
            _ => None,
        }
    }
}

fn within_parentheses(node: &Node) -> &Node {
    match (node.kind, node.children.as_slice()) {
        (SyntaxKind::PAREN_EXPR, [_, inner, _]) => within_parentheses(inner),
        _ => node,
    }
}

pub(super) fn has_from(node: &Node) -> bool {
    node.kind == SyntaxKind::SELECT && node.child(SyntaxKind::FROM_CLAUSE).is_some()
}
