//! Whether one condition admits no row that another does not, as far as `AND`, `OR` and parentheses tell.

use super::Expression;
use super::alike::{bare, same, text};
use crate::tree::{self, Node, SyntaxKind};

/// How many steps are taken before the answer is no: each `OR` that is given, and each `AND` that is to be shown, doubles them.
const MAX_STEPS: u32 = 10_000;

/// Whether every row for which the first condition is true has the second true as well.
///
/// `false` where that is not so, and where nothing shows it. Parts that are neither `AND` nor `OR` are the same
/// only where they are alike but for their spelling. A condition admits a row only when it is true, so that NULL needs no case of its own.
#[must_use]
pub fn implies(first: &str, second: &str) -> bool {
    let (Ok(given), Ok(goal)) = (tree::parse(first), tree::parse(second)) else {
        return first == second;
    };
    let mut search = Search {
        first,
        second,
        steps: 0,
    };
    search.some_holds(vec![&given], vec![&goal])
}

impl Expression {
    /// Whether every row for which this condition is true has the other true as well.
    ///
    /// `false` where that is not so, and where nothing shows it. A condition admits a row only when it is true, so that NULL
    /// needs no case of its own.
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let (Some(given), Some(goal)) = (self.root(), other.root()) else {
            return self == other;
        };
        let mut search = Search {
            first: self.as_str(),
            second: other.as_str(),
            steps: 0,
        };
        search.some_holds(vec![given], vec![goal])
    }
}

struct Search<'a> {
    first: &'a str,
    second: &'a str,
    steps: u32,
}

impl<'a> Search<'a> {
    /// Whether one of the goals holds where all that is given does.
    fn some_holds(&mut self, mut given: Vec<&'a Node>, mut goals: Vec<&'a Node>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        while let Some([left, right]) = take_parts(&mut given, SyntaxKind::AND_KW) {
            given.extend([left, right]);
        }
        while let Some([left, right]) = take_parts(&mut goals, SyntaxKind::OR_KW) {
            goals.extend([left, right]);
        }
        if let Some(sides) = take_parts(&mut given, SyntaxKind::OR_KW) {
            return sides.into_iter().all(|side| {
                let given = given.iter().copied().chain([side]).collect();
                self.some_holds(given, goals.clone())
            });
        }
        if let Some(sides) = take_parts(&mut goals, SyntaxKind::AND_KW) {
            return sides.into_iter().all(|side| {
                let goals = goals.iter().copied().chain([side]).collect();
                self.some_holds(given.clone(), goals)
            });
        }
        let constant =
            |source: &str, node: &Node, word: &str| text(source, bare(node)).eq_ignore_ascii_case(word);
        given.iter().any(|node| constant(self.first, node, "false"))
            || goals.iter().any(|goal| {
                constant(self.second, goal, "true")
                    || given
                        .iter()
                        .any(|node| same((self.first, node), (self.second, goal)))
            })
    }
}

/// Takes the first node that is this operator out of a list, and gives its two sides.
fn take_parts<'a>(nodes: &mut Vec<&'a Node>, operator: SyntaxKind) -> Option<[&'a Node; 2]> {
    let (at, sides) = nodes
        .iter()
        .enumerate()
        .find_map(|(at, node)| Some((at, parts(node, operator)?)))?;
    nodes.remove(at);
    Some(sides)
}

/// The two sides of an operator.
fn parts(node: &Node, operator: SyntaxKind) -> Option<[&Node; 2]> {
    let node = bare(node);
    match node.children.as_slice() {
        [left, found, right] if node.kind == SyntaxKind::BIN_EXPR && found.kind == operator => {
            Some([left, right])
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_narrower_by_and_and_or_implies_the_wider() {
        for (narrow, wide) in [
            ("a = 1", "a = 1"),
            ("(a = 1)", "a = 1"),
            ("a = 1 and b", "a = 1"),
            ("b AND a = 1 AND c", "c and a = 1"),
            ("a = 1", "b or a = 1"),
            ("a = 1 or b", "b or c or a = 1"),
            ("a and (b or c)", "a and b or a and c or d"),
            ("(a or b) and c", "a or b"),
            ("false", "a"),
            ("a", "TRUE"),
            ("a or false", "a"),
        ] {
            assert!(implies(narrow, wide), "{narrow} implies {wide}");
        }
    }

    #[test]
    fn what_is_wider_or_only_looks_alike_does_not() {
        for (first, second) in [
            ("a = 1", "a = 1 and b"),
            ("a or b", "a"),
            ("a and b or c", "a and (b or c)"),
            ("not (a and b)", "not a"),
            ("a = 1 is null", "a = 1"),
            ("a = 'x and y'", "a = 'x'"),
            ("true", "a"),
            ("a", "false"),
            ("a = 1", "a = 1 -- and b\n and b"),
        ] {
            assert!(!implies(first, second), "{first} does not imply {second}");
        }
    }

    #[test]
    fn a_condition_of_many_parts_ends() {
        let many = |word: &str, names: &str| {
            let parts: Vec<String> = (0..60)
                .map(|at| format!("({names}{at} or {names}{at} and {names})"))
                .collect();
            parts.join(word)
        };
        assert!(!implies(&many(" and ", "a"), &many(" or ", "b")));
    }
}
