//! Whether two conditions are the same but for their spelling.

use super::Expression;
use crate::tree::{self, Node, SyntaxKind};

impl Expression {
    /// Whether both are the same condition but for its spelling: spaces, comments, the case of bare words and parentheses
    /// around whole parts; `IN (a, b)` and `= ANY (ARRAY[a, b])`. Of a text that cannot be parsed only the same text is.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        match (self.root(), other.root()) {
            _ if self == other => true,
            (Some(one), Some(two)) => same((self.as_str(), one), (other.as_str(), two)),
            _ => false,
        }
    }
}

/// Whether the texts differ in spaces, comments, the case of bare words and parentheses around whole parts alone.
#[must_use]
pub fn alike(first: &str, second: &str) -> bool {
    if first == second {
        return true;
    }
    let (Ok(one), Ok(other)) = (tree::parse(first), tree::parse(second)) else {
        return false;
    };
    same((first, &one), (second, &other))
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
