//! Whether two conditions are the same but for their spelling.

use crate::tree::{self, Node, SyntaxKind};

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
        ] {
            assert!(!alike(one, other), "{one} is not {other}");
        }
    }
}
