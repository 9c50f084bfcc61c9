//! Whether two conditions are the same but for their spelling.

use super::Expression;
use crate::tree::{Node, SyntaxKind};

impl Expression {
    /// Whether both are the same condition but for its spelling: spaces, comments, the case of bare words and parentheses
    /// around whole parts; `IN (a, b)` and `= ANY (ARRAY[a, b])`; casts of constants to the type that they have anyway. Of a text that cannot be parsed only the same text is.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self.root(), other.root()) {
            _ if self == other => true,
            (Some(one), Some(two)) => same((self.as_str(), one), (other.as_str(), two)),
            _ => false,
        }
    }
}

/// Compares two nodes, each with the text that it was read from.
pub(super) fn same(one: (&str, &Node), other: (&str, &Node)) -> bool {
    let (left, right) = (bare(one.1), bare(other.1));
    if let (Some(left), Some(right)) = (Membership::of(one.0, left), Membership::of(other.0, right)) {
        return left.is_in == right.is_in
            && same((one.0, left.value), (other.0, right.value))
            && left.has_all_of(one.0, &right, other.0)
            && right.has_all_of(other.0, &left, one.0);
    }
    let (left, right) = (without_cast(one.0, left), without_cast(other.0, right));
    if let (Some((left, left_type)), Some((right, right_type))) = (cast(one.0, left), cast(other.0, right)) {
        return left_type == right_type && same((one.0, left), (other.0, right));
    }
    if let (Some(left), Some(right)) = (Operation::of(one.0, left), Operation::of(other.0, right)) {
        return left.operator == right.operator
            && same((one.0, left.left), (other.0, right.left))
            && same((one.0, left.right), (other.0, right.right));
    }
    if left.kind != right.kind || left.children.len() != right.children.len() {
        return false;
    }
    if left.children.is_empty() {
        let (left, right) = (text(one.0, left), text(other.0, right));
        // Within quotes case and spaces count.
        return left == right || (!left.contains(['\'', '"', '$']) && left.eq_ignore_ascii_case(right));
    }
    let mut children = left.children.iter().zip(&right.children);
    children.all(|(left, right)| same((one.0, left), (other.0, right)))
}

/// Types whose operators take a constant without a cast for one of their own: nothing else of them is preferred.
const PLAIN_TYPES: &[&str] = &["text", "uuid", "date", "timestamptz", "boolean"];

/// A cast: what is cast, and the name of the type.
fn cast<'a>(source: &str, node: &'a Node) -> Option<(&'a Node, String)> {
    let words = [
        SyntaxKind::CAST_KW,
        SyntaxKind::AS_KW,
        SyntaxKind::L_PAREN,
        SyntaxKind::R_PAREN,
        SyntaxKind::COLON_COLON,
    ];
    if node.kind != SyntaxKind::CAST_EXPR {
        return None;
    }
    let parts = node.children.iter().filter(|child| !words.contains(&child.kind));
    let parts: Vec<&Node> = parts.collect();
    let [first, second] = parts.as_slice() else {
        return None;
    };
    // `date '2020-01-01'` has the type first.
    let is_type_first = second.kind == SyntaxKind::LITERAL;
    let (value, ty) = if is_type_first {
        (second, first)
    } else {
        (first, second)
    };
    Some((value, type_name(text(source, ty))))
}

/// The name of a type with single spaces, by the name that PostgreSQL prints for it; quoted names stay.
pub(super) fn type_name(written: &str) -> String {
    if written.contains('"') {
        return written.to_owned();
    }
    let words: Vec<String> = written.split_whitespace().map(str::to_ascii_lowercase).collect();
    let name = words.join(" ");
    match name.strip_prefix("pg_catalog.").unwrap_or(&name) {
        "bool" => "boolean".to_owned(),
        "int" | "int4" => "integer".to_owned(),
        "int8" => "bigint".to_owned(),
        "int2" => "smallint".to_owned(),
        "timestamp with time zone" => "timestamptz".to_owned(),
        name => name.to_owned(),
    }
}

/// The node without a cast that changes nothing: one to the type that the value has already.
fn without_cast<'a>(source: &str, node: &'a Node) -> &'a Node {
    let Some((value, ty)) = cast(source, node) else {
        return node;
    };
    let value = bare(value);
    let is_of_type = match value.kind {
        SyntaxKind::CAST_EXPR => cast(source, value).is_some_and(|(_, inner)| inner == ty),
        SyntaxKind::LITERAL => match value.children.as_slice() {
            [token] if token.kind == SyntaxKind::INT_NUMBER => {
                ty == "integer" && text(source, token).parse::<i32>().is_ok()
            }
            [token] => ty == "boolean" && matches!(token.kind, SyntaxKind::TRUE_KW | SyntaxKind::FALSE_KW),
            _ => false,
        },
        _ => false,
    };
    // A length or a number of digits would cut the value once more, to the same.
    if is_of_type {
        without_cast(source, value)
    } else {
        node
    }
}

/// A comparison, or an access of JSON, with constants that have no cast of their own.
struct Operation<'a> {
    left: &'a Node,
    operator: &'a str,
    right: &'a Node,
}

impl<'a> Operation<'a> {
    fn of(source: &'a str, node: &'a Node) -> Option<Self> {
        let [left, operator, right] = node.children.as_slice() else {
            return None;
        };
        let operator = match text(source, operator) {
            "!=" => "<>",
            operator @ ("=" | "<>" | "<" | ">" | "<=" | ">=" | "->" | "->>") => operator,
            _ => return None,
        };
        if node.kind != SyntaxKind::BIN_EXPR {
            return None;
        }
        let is_access = matches!(operator, "->" | "->>");
        Some(Self {
            left: if is_access {
                left
            } else {
                constant(source, left, right)
            },
            operator,
            // JSON is asked for a key by a text, and takes a string without a cast for one.
            right: if is_access {
                without_type(source, right, "text")
            } else {
                constant(source, right, left)
            },
        })
    }
}

/// A side of a comparison, a string without its cast where the other side has that type: it would take it from there.
pub(super) fn constant<'a>(source: &str, side: &'a Node, other: &Node) -> &'a Node {
    match cast(source, bare(other)) {
        Some((value, ty)) if !is_string(bare(value)) && PLAIN_TYPES.contains(&ty.as_str()) => {
            without_type(source, side, &ty)
        }
        _ => side,
    }
}

/// A string that is cast, and the name of the type.
pub(super) fn cast_of_string<'a>(source: &str, node: &'a Node) -> Option<(&'a Node, String)> {
    cast(source, node).filter(|(value, _)| is_string(value))
}

/// A string without a cast to this type.
pub(super) fn without_type<'a>(source: &str, node: &'a Node, ty: &str) -> &'a Node {
    match cast(source, bare(node)) {
        Some((value, own)) if is_string(bare(value)) && own == ty => value,
        _ => node,
    }
}

fn is_string(node: &Node) -> bool {
    let kinds = [SyntaxKind::STRING, SyntaxKind::ESC_STRING];
    node.kind == SyntaxKind::LITERAL && node.children.iter().all(|token| kinds.contains(&token.kind))
}

/// `a IN (b, c)` or `a = ANY (ARRAY[b, c])`, and with `is_in` false `a NOT IN (b, c)` or `a <> ALL (ARRAY[b, c])`.
pub(super) struct Membership<'a> {
    pub(super) value: &'a Node,
    pub(super) members: Vec<&'a Node>,
    pub(super) is_in: bool,
}

impl<'a> Membership<'a> {
    pub(super) fn of(source: &str, node: &'a Node) -> Option<Self> {
        let [value, operator, list] = node.children.as_slice() else {
            return None;
        };
        if node.kind != SyntaxKind::BIN_EXPR {
            return None;
        }
        let (items, is_in) = match (operator.kind, list.kind) {
            (SyntaxKind::IN_KW | SyntaxKind::NOT_IN, SyntaxKind::TUPLE_EXPR | SyntaxKind::PAREN_EXPR)
                if !holds_query(list) =>
            {
                (list.children.as_slice(), operator.kind == SyntaxKind::IN_KW)
            }
            (_, SyntaxKind::CALL_EXPR) => {
                let [function] = list.children.as_slice() else {
                    return None;
                };
                let is_in = match (text(source, operator), function.kind) {
                    ("=", SyntaxKind::ANY_FN | SyntaxKind::SOME_FN) => true,
                    ("<>" | "!=", SyntaxKind::ALL_FN) => false,
                    _ => return None,
                };
                let [_, _, array, _] = function.children.as_slice() else {
                    return None;
                };
                let array = bare(array);
                let [keyword, items @ ..] = array.children.as_slice() else {
                    return None;
                };
                let is_list = array.kind == SyntaxKind::ARRAY_EXPR
                    && keyword.kind == SyntaxKind::ARRAY_KW
                    && items
                        .first()
                        .is_some_and(|first| first.kind == SyntaxKind::L_BRACK);
                // Of an array of arrays each item is a value of its own; a list of rows is something else.
                let is_nested = items.iter().any(|item| item.kind == SyntaxKind::ARRAY_EXPR);
                if !is_list || is_nested {
                    return None;
                }
                (items, is_in)
            }
            _ => return None,
        };
        let marks = [
            SyntaxKind::L_PAREN,
            SyntaxKind::R_PAREN,
            SyntaxKind::L_BRACK,
            SyntaxKind::R_BRACK,
            SyntaxKind::COMMA,
        ];
        let members: Vec<&Node> = items.iter().filter(|item| !marks.contains(&item.kind)).collect();
        (!members.is_empty()).then_some(Self {
            value,
            members,
            is_in,
        })
    }

    /// Whether every value of the other list is one of this one.
    pub(super) fn has_all_of(&self, source: &str, other: &Membership<'_>, other_source: &str) -> bool {
        other.members.iter().all(|member| {
            let mut own = self.members.iter();
            own.any(|own| same((source, own), (other_source, member)))
        })
    }
}

/// What stands inside of parentheses. Those of a subquery belong to it: `= ANY ((SELECT …))` is not `= ANY (SELECT …)`.
pub(super) fn bare(node: &Node) -> &Node {
    match node.children.as_slice() {
        [_, inner, _] if node.kind == SyntaxKind::PAREN_EXPR && !holds_query(inner) => bare(inner),
        _ => node,
    }
}

fn holds_query(node: &Node) -> bool {
    match node.kind {
        SyntaxKind::SELECT | SyntaxKind::COMPOUND_SELECT | SyntaxKind::VALUES => true,
        SyntaxKind::PAREN_EXPR => node.children.iter().any(holds_query),
        _ => false,
    }
}

pub(super) fn text<'a>(source: &'a str, node: &Node) -> &'a str {
    source.get(node.range.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(one: &str, other: &str) -> bool {
        Expression::unchecked(one).same(&Expression::unchecked(other))
    }

    #[test]
    fn spaces_comments_case_of_words_and_parentheses_make_no_difference() {
        for (one, other) in [
            ("a = 1", "a=1"),
            ("a = 1 and b", "A = 1 AND (b) -- why"),
            ("((a = 1))", "a /* one */ = 1"),
            ("(a and b) or c", "a AND b OR c"),
            (
                "id in (select n.id from notes n where n.team=1)",
                "id IN (SELECT n.id FROM notes n WHERE (n.team = 1))",
            ),
            ("a in ('x', 'y')", "a = ANY ((ARRAY['y', 'x']))"),
            ("a in (1)", "a = some(array[1])"),
            ("a NOT IN (1, 2)", "a <> ALL (ARRAY[1, 2])"),
            ("b or a in (1, 2)", "b or (a = any(array[1, 2]))"),
            ("a <> 1", "a != 1"),
            ("a::int = 1", "cast(a as integer) = 1::int4"),
            ("a::text = 'x'::text", "(a)::text = 'x'"),
            ("'x' = a::pg_catalog.text", "'x'::text = cast(a AS text)"),
            ("a = b::text::text", "a = b::text"),
            ("a > date '2020-01-01'", "a > '2020-01-01'::date"),
            ("a ->> 'k'::text = b", "a ->> 'k' = b"),
            ("a = true::boolean", "a = true"),
        ] {
            assert!(alike(one, other), "{one} is {other}");
        }
    }

    #[test]
    fn what_postgresql_could_read_otherwise_is_not_alike() {
        for (one, other) in [
            ("a = 'X'", "a = 'x'"),
            ("\"A\" = 1", "\"a\" = 1"),
            ("a = 1", "a = 1.0"),
            ("(a or b) and c", "a or b and c"),
            ("a = any ((select b))", "a = any (select b)"),
            ("a::text = b", "a = b"),
            ("app.f(a)", "f(a)"),
            ("a = $q$X$q$", "a = $q$x$q$"),
            ("a - b", "b - a"),
            ("a in (1, 2)", "a in (1)"),
            // The type of the column decides, and may be one for which both differ.
            ("a = 'x'::text", "a = 'x'"),
            ("a::citext = 'x'::text", "a::citext = 'x'"),
            ("a::citext = 'x'::citext", "a::citext = 'X'"),
            ("a::varchar(3) = 'x'", "a::varchar(4) = 'x'"),
            ("a = 1::bigint", "a = 1"),
            ("a = 3000000000::int", "a = 3000000000"),
            ("a = b::text::int", "a = b::int"),
            ("a -> 'k'::citext = b", "a -> 'k' = b"),
            ("a in (1, 2)", "a <> all (array[1, 2])"),
            ("a in (1, 2)", "a = all (array[1, 2])"),
            ("a in (1, 2)", "a <> any (array[1, 2])"),
            ("a = any (array(select 1))", "a in (select 1)"),
            ("a in (select 1)", "a in ((select 1))"),
        ] {
            assert!(!alike(one, other), "{one} is not {other}");
        }
    }
}
