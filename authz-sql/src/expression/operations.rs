//! What an expression compares and combines, so that types and slips of other languages can be checked.

use std::ops::Range;

use super::Expression;
use crate::tree::{Node, SyntaxKind};

/// One use of an operator that takes or gives conditions: a comparison, AND, OR, NOT, and every operator that is not
/// PostgreSQL's grammar's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// As written, words in capitals. The items of IN and BETWEEN are compared by an operation each.
    pub operator: String,
    /// One for a prefix.
    pub operands: Vec<Operand>,
    /// It compares the result of a comparison that has no parentheses, which PostgreSQL's grammar refuses; with the
    /// operator between the two, if there is one.
    pub chained: Option<String>,
}

/// What stands beside an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operand {
    /// Its text.
    pub text: String,
    /// What is known of it.
    pub kind: OperandKind,
}

/// What is known of an operand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperandKind {
    /// The name of a column, at this place in the text: [`Expression::references`] tells which one it is.
    Column(Range<usize>),
    /// A call of a function: its namespace, if one is written, and its name.
    Call(Option<String>, String),
    /// A value of the type of this name.
    Typed(String),
    /// An array of such values.
    ArrayOf(Box<Self>),
    /// One item of such an array.
    ItemOf(Box<Self>),
    /// Nothing.
    Unknown,
}

/// Keywords that stand for a value and parse as a name, with their types.
const VALUES: &[(&str, &str)] = &[
    ("current_catalog", "name"),
    ("current_date", "date"),
    ("current_role", "name"),
    ("current_schema", "name"),
    ("current_time", "time with time zone"),
    ("current_timestamp", "timestamp with time zone"),
    ("current_user", "name"),
    ("localtime", "time without time zone"),
    ("localtimestamp", "timestamp without time zone"),
    ("session_user", "name"),
    ("system_user", "text"),
    ("user", "name"),
];

const BOOLEAN: &str = "boolean";

impl Expression {
    /// Every operation in the expression, also in its subqueries.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        let mut found = Vec::new();
        if let Some(root) = self.root() {
            for node in root.descendants() {
                self.operations_at(node, &mut found);
            }
            if !binds_as_postgresql(root) {
                for operation in &mut found {
                    operation.chained = None;
                    for operand in &mut operation.operands {
                        operand.kind = OperandKind::Unknown;
                    }
                }
            }
        }
        found
    }

    /// Whether a SELECT stands in it, with or without a FROM.
    #[must_use]
    pub fn has_select(&self) -> bool {
        let is_query = |node: &Node| matches!(node.kind, SyntaxKind::SELECT | SyntaxKind::TABLE);
        self.root().is_some_and(|root| root.descendants().any(is_query))
    }

    /// Whether all that gives columns in its subqueries is tables and plain SELECTs, whose columns can be known.
    #[must_use]
    pub fn reads_tables_alone(&self) -> bool {
        let gives_others = |node: &Node| {
            matches!(
                node.kind,
                SyntaxKind::EXPR_FROM_ITEM
                    | SyntaxKind::FUNCTION_FROM_ITEM
                    | SyntaxKind::GRAPH_TABLE_FROM_ITEM
                    | SyntaxKind::JSON_TABLE_FROM_ITEM
                    | SyntaxKind::ROWS_FROM_ITEM
                    | SyntaxKind::XML_TABLE_FROM_ITEM
                    | SyntaxKind::VALUES
                    | SyntaxKind::WITH_CLAUSE
            )
        };
        self.root()
            .is_some_and(|root| !root.descendants().any(gives_others))
    }

    /// The expression as a whole.
    #[must_use]
    pub fn as_operand(&self) -> Operand {
        match self.root() {
            Some(root) if binds_as_postgresql(root) => self.operand(root),
            _ => Operand {
                text: self.as_str().to_owned(),
                kind: OperandKind::Unknown,
            },
        }
    }

    fn operations_at(&self, node: &Node, found: &mut Vec<Operation>) {
        let mut add = |operator: &str, operands: Vec<Operand>| {
            found.push(Operation {
                operator: operator.to_owned(),
                operands,
                chained: None,
            });
        };
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::BIN_EXPR, [left, operator, right]) => match operator.kind {
                SyntaxKind::IN_KW | SyntaxKind::NOT_IN => {
                    for item in self.items(right) {
                        add("=", vec![self.operand(left), item]);
                    }
                }
                _ if is_comparison(operator) || operator.kind == SyntaxKind::CUSTOM_OP => {
                    let operands = vec![self.operand(left), self.operand(right)];
                    let chained = is_comparison(operator)
                        .then(|| self.chained(left).or_else(|| self.chained(right)))
                        .flatten();
                    found.push(Operation {
                        operator: self.slice(&operator.range).to_owned(),
                        operands,
                        chained,
                    });
                }
                SyntaxKind::IS_DISTINCT_FROM | SyntaxKind::IS_NOT_DISTINCT_FROM => {
                    add("=", vec![self.operand(left), self.operand(right)]);
                }
                SyntaxKind::AND_KW => add("AND", vec![self.operand(left), self.operand(right)]),
                SyntaxKind::OR_KW => add("OR", vec![self.operand(left), self.operand(right)]),
                SyntaxKind::AMP | SyntaxKind::PIPE => add(
                    self.slice(&operator.range),
                    vec![self.operand(left), self.operand(right)],
                ),
                _ => {}
            },
            (SyntaxKind::PREFIX_EXPR, [operator, inner]) => match operator.kind {
                SyntaxKind::NOT_KW => add("NOT", vec![self.operand(inner)]),
                SyntaxKind::CUSTOM_OP | SyntaxKind::BANG => {
                    add(self.slice(&operator.range), vec![self.operand(inner)]);
                }
                _ => {}
            },
            (SyntaxKind::BETWEEN_EXPR, [value, .., low, _, high]) => {
                for bound in [low, high] {
                    add("<=", vec![self.operand(value), self.operand(bound)]);
                }
            }
            _ => {}
        }
    }

    /// The operator between the two comparisons, where this operand is one without parentheses; empty if there is none.
    fn chained(&self, operand: &Node) -> Option<String> {
        let (SyntaxKind::BIN_EXPR, [left, operator, right]) = (operand.kind, operand.children.as_slice())
        else {
            return None;
        };
        if !is_comparison(operator) {
            return None;
        }
        let between = [left, right].into_iter().find_map(|side| {
            let operator = side.children.get(1)?;
            (side.kind == SyntaxKind::BIN_EXPR && operator.kind == SyntaxKind::CUSTOM_OP)
                .then(|| self.slice(&operator.range).to_owned())
        });
        Some(between.unwrap_or_default())
    }

    /// What IN compares with.
    fn items(&self, list: &Node) -> Vec<Operand> {
        match (list.kind, list.children.as_slice()) {
            (SyntaxKind::TUPLE_EXPR, children) => {
                let is_mark = |node: &&Node| {
                    !matches!(
                        node.kind,
                        SyntaxKind::L_PAREN | SyntaxKind::R_PAREN | SyntaxKind::COMMA
                    )
                };
                let items = children.iter().filter(is_mark);
                items.map(|item| self.operand(item)).collect()
            }
            _ => vec![self.operand(list)],
        }
    }

    fn operand(&self, node: &Node) -> Operand {
        Operand {
            text: self.slice(&node.range).to_owned(),
            kind: self.operand_kind(node),
        }
    }

    fn operand_kind(&self, node: &Node) -> OperandKind {
        let typed = |name: &str| OperandKind::Typed(name.to_owned());
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, [_, inner, _]) => self.operand_kind(inner),
            (SyntaxKind::SELECT, _) => self.output(node),
            (SyntaxKind::LITERAL, [token]) => match token.kind {
                SyntaxKind::INT_NUMBER => typed("integer"),
                SyntaxKind::NUMERIC_NUMBER => typed("numeric"),
                SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW => typed(BOOLEAN),
                _ => OperandKind::Unknown,
            },
            (SyntaxKind::NAME_REF, _) => {
                let text = self.slice(&node.range).to_ascii_lowercase();
                match VALUES.iter().find(|(name, _)| *name == text) {
                    Some((_, value)) => typed(value),
                    None => OperandKind::Column(node.range.clone()),
                }
            }
            (SyntaxKind::FIELD_EXPR, [.., last]) if last.kind == SyntaxKind::NAME_REF => {
                OperandKind::Column(last.range.clone())
            }
            (SyntaxKind::CAST_EXPR, children) => self.cast(children),
            (SyntaxKind::PREFIX_EXPR, [operator, inner]) => match operator.kind {
                SyntaxKind::NOT_KW => typed(BOOLEAN),
                SyntaxKind::MINUS | SyntaxKind::PLUS => self.operand_kind(inner),
                _ => OperandKind::Unknown,
            },
            (SyntaxKind::BETWEEN_EXPR, _) => typed(BOOLEAN),
            (SyntaxKind::ARRAY_EXPR, [_, open, item, ..]) => {
                let of_query = open.kind == SyntaxKind::L_PAREN;
                let item = if of_query {
                    self.output(item)
                } else {
                    self.operand_kind(item)
                };
                OperandKind::ArrayOf(Box::new(item))
            }
            (SyntaxKind::CALL_EXPR, [callee, ..]) => match (callee.kind, callee.children.as_slice()) {
                (SyntaxKind::EXISTS_FN, _) => typed(BOOLEAN),
                (SyntaxKind::ANY_FN | SyntaxKind::ALL_FN | SyntaxKind::SOME_FN, [_, _, inner, _]) => {
                    if inner.kind == SyntaxKind::SELECT {
                        self.output(inner)
                    } else {
                        OperandKind::ItemOf(Box::new(self.operand_kind(inner)))
                    }
                }
                _ => self.call(node),
            },
            (SyntaxKind::BIN_EXPR, [_, operator, _]) => match self.slice(&operator.range) {
                "->>" | "#>>" => typed("text"),
                _ if is_comparison(operator) || gives_condition(operator.kind) => typed(BOOLEAN),
                _ => OperandKind::Unknown,
            },
            _ => OperandKind::Unknown,
        }
    }

    fn call(&self, node: &Node) -> OperandKind {
        match self.callee(node) {
            // Its type is that of its first argument, as far as that is known.
            Some((None, name)) if name == "coalesce" => {
                let first = node
                    .child(SyntaxKind::ARG_LIST)
                    .and_then(|list| list.children.get(1));
                first.map_or(OperandKind::Unknown, |first| self.operand_kind(first))
            }
            Some((namespace, name)) => OperandKind::Call(namespace, name),
            None => OperandKind::Unknown,
        }
    }

    /// `x::type`, `CAST(x AS type)`, `type 'x'`.
    fn cast(&self, children: &[Node]) -> OperandKind {
        let position = |kind| children.iter().position(|child| child.kind == kind);
        let behind = position(SyntaxKind::COLON_COLON).or_else(|| position(SyntaxKind::AS_KW));
        let written = match behind {
            Some(at) => children.get(at + 1),
            None => children.first(),
        };
        written.map_or(OperandKind::Unknown, |node| {
            OperandKind::Typed(self.slice(&node.range).to_owned())
        })
    }

    /// The one column of a subquery.
    fn output(&self, query: &Node) -> OperandKind {
        let targets = query
            .child(SyntaxKind::SELECT_CLAUSE)
            .and_then(|clause| clause.child(SyntaxKind::TARGET_LIST));
        match targets.map(|list| list.children.as_slice()) {
            Some([target]) => target
                .children
                .first()
                .map_or(OperandKind::Unknown, |value| self.operand_kind(value)),
            _ => OperandKind::Unknown,
        }
    }
}

/// Whether each operator has the operands that PostgreSQL gives it. The parser binds a few otherwise, such as
/// `x NOT BETWEEN 1 AND 5 OR y`; then nothing is known of operands.
fn binds_as_postgresql(root: &Node) -> bool {
    root.descendants().all(|node| {
        let Some(own) = binding(node) else { return true };
        let last = node.children.len().saturating_sub(1);
        let fits = |(place, child): (usize, &Node)| match binding(child) {
            None => true,
            // A comparison beside a comparison is reported by itself, and AND and OR mean the same in any order.
            Some(inner) if inner == own && matches!(own, OR | AND | NOT | COMPARISON) => true,
            Some(inner) if place == 0 && place != last => inner >= own,
            Some(inner) => inner > own,
        };
        node.children.iter().enumerate().all(fits)
    })
}

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const IS: u8 = 4;
const COMPARISON: u8 = 5;
const MATCH: u8 = 6;
const OTHER: u8 = 7;

/// How strongly the operator of a node binds in PostgreSQL, from OR on
/// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE>).
fn binding(node: &Node) -> Option<u8> {
    match (node.kind, node.children.as_slice()) {
        (SyntaxKind::BETWEEN_EXPR, _) => Some(MATCH),
        (SyntaxKind::PREFIX_EXPR, [operator, _]) => Some(match operator.kind {
            SyntaxKind::NOT_KW => NOT,
            SyntaxKind::MINUS | SyntaxKind::PLUS => OTHER + 4,
            _ => OTHER,
        }),
        (SyntaxKind::BIN_EXPR, [_, operator, _]) => Some(match operator.kind {
            SyntaxKind::OR_KW => OR,
            SyntaxKind::AND_KW => AND,
            SyntaxKind::IS_KW
            | SyntaxKind::IS_NOT
            | SyntaxKind::IS_DISTINCT_FROM
            | SyntaxKind::IS_NOT_DISTINCT_FROM => IS,
            _ if is_comparison(operator) => COMPARISON,
            kind if gives_condition(kind) => MATCH,
            SyntaxKind::PLUS | SyntaxKind::MINUS => OTHER + 1,
            SyntaxKind::STAR | SyntaxKind::SLASH | SyntaxKind::PERCENT => OTHER + 2,
            SyntaxKind::CARET => OTHER + 3,
            _ => OTHER,
        }),
        _ => None,
    }
}

fn is_comparison(operator: &Node) -> bool {
    matches!(
        operator.kind,
        SyntaxKind::EQ
            | SyntaxKind::NEQ
            | SyntaxKind::NEQB
            | SyntaxKind::L_ANGLE
            | SyntaxKind::R_ANGLE
            | SyntaxKind::LTEQ
            | SyntaxKind::GTEQ
    )
}

/// Whether the grammar's own operator gives a condition.
fn gives_condition(operator: SyntaxKind) -> bool {
    matches!(
        operator,
        SyntaxKind::AND_KW
            | SyntaxKind::OR_KW
            | SyntaxKind::IN_KW
            | SyntaxKind::NOT_IN
            | SyntaxKind::IS_KW
            | SyntaxKind::IS_NOT
            | SyntaxKind::IS_DISTINCT_FROM
            | SyntaxKind::IS_NOT_DISTINCT_FROM
            | SyntaxKind::LIKE_KW
            | SyntaxKind::NOT_LIKE
            | SyntaxKind::ILIKE_KW
            | SyntaxKind::NOT_ILIKE
            | SyntaxKind::SIMILAR_TO
            | SyntaxKind::NOT_SIMILAR_TO
    )
}
