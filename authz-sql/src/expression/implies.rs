//! Whether one condition admits no row that another does not, as far as `AND`, `OR`, `NOT`, lists and parentheses tell.

use super::Expression;
use super::alike::{Membership, bare, constant, same, text};
use crate::tree::{Node, SyntaxKind};

/// How many steps are taken before the answer is no: each `OR` that is given, and each `AND` that is to be shown, doubles them.
const MAX_STEPS: u32 = 2_000;

impl Expression {
    /// Whether every row for which this condition is true has the other true as well.
    ///
    /// `false` where that is not so, and where nothing shows it. `AND`, `OR` and `NOT` are taken apart, and lists of `IN` and
    /// `= ANY (ARRAY[…])`; what is left is the same only where it is but for its spelling. A call that PostgreSQL makes once a
    /// query is the same with and without the subquery [around it](Self::wrapped).
    #[must_use]
    pub fn implies(&self, other: &Self) -> bool {
        let (given, goal) = (self.wrapped(), other.wrapped());
        let (Some(first), Some(second)) = (given.root(), goal.root()) else {
            return self == other;
        };
        let mut search = Search {
            first: given.as_str(),
            second: goal.as_str(),
            steps: 0,
        };
        search.some_holds(vec![Part::new(first)], vec![Part::new(second)])
    }
}

/// A condition that is true, or one that is false. NULL is neither, so that both sides of a `NOT` have to be told apart.
#[derive(Clone, Copy)]
struct Part<'a> {
    what: What<'a>,
    is_true: bool,
}

#[derive(Clone, Copy)]
enum What<'a> {
    Condition(&'a Node),
    /// That two values are equal, or with `false` that they differ: an item of a list.
    Equal(&'a Node, &'a Node, bool),
}

/// What a part stands for.
enum Taken<'a> {
    Both(Vec<Part<'a>>),
    Either(Vec<Part<'a>>),
    Whole,
}

impl<'a> Part<'a> {
    fn new(node: &'a Node) -> Self {
        Self {
            what: What::Condition(node),
            is_true: true,
        }
    }

    /// Takes a part apart where three-valued logic does: `a AND b` is true where both are, and false where one is.
    fn taken(self, source: &str) -> Taken<'a> {
        let What::Condition(node) = self.what else {
            return Taken::Whole;
        };
        let node = bare(node);
        let signed = |node: &'a Node, is_true: bool| Self {
            what: What::Condition(node),
            is_true,
        };
        if let (SyntaxKind::PREFIX_EXPR, [not, inner]) = (node.kind, node.children.as_slice())
            && not.kind == SyntaxKind::NOT_KW
        {
            return Taken::Both(vec![signed(inner, !self.is_true)]);
        }
        if let Some(list) = Membership::of(source, node) {
            let items = list.members.iter().map(|member| Self {
                what: What::Equal(list.value, member, list.is_in),
                is_true: self.is_true,
            });
            return if list.is_in == self.is_true {
                Taken::Either(items.collect())
            } else {
                Taken::Both(items.collect())
            };
        }
        let [left, operator, right] = node.children.as_slice() else {
            return Taken::Whole;
        };
        let sides = || vec![signed(left, self.is_true), signed(right, self.is_true)];
        match (node.kind, operator.kind, self.is_true) {
            (SyntaxKind::BIN_EXPR, SyntaxKind::AND_KW, true)
            | (SyntaxKind::BIN_EXPR, SyntaxKind::OR_KW, false) => Taken::Both(sides()),
            (SyntaxKind::BIN_EXPR, SyntaxKind::OR_KW, true)
            | (SyntaxKind::BIN_EXPR, SyntaxKind::AND_KW, false) => Taken::Either(sides()),
            _ => Taken::Whole,
        }
    }

    fn is_constant(self, source: &str, word: &str) -> bool {
        match self.what {
            What::Condition(node) => text(source, bare(node)).eq_ignore_ascii_case(word),
            What::Equal(..) => false,
        }
    }

    /// That it is never so: true that `false`, or false that `true`.
    fn is_absurd(self, source: &str) -> bool {
        self.is_constant(source, if self.is_true { "false" } else { "true" })
    }

    fn is_certain(self, source: &str) -> bool {
        self.is_constant(source, if self.is_true { "true" } else { "false" })
    }

    /// The two values that it compares, and whether it says that they are equal.
    fn compared(self, source: &str) -> Option<(&'a Node, &'a Node, bool)> {
        let (left, right, is_equal) = match self.what {
            What::Equal(left, right, is_equal) => (left, right, is_equal),
            What::Condition(node) => match bare(node).children.as_slice() {
                [left, operator, right] if bare(node).kind == SyntaxKind::BIN_EXPR => {
                    match text(source, operator) {
                        "=" => (left, right, true),
                        "<>" | "!=" => (left, right, false),
                        _ => return None,
                    }
                }
                _ => return None,
            },
        };
        let sides = (constant(source, left, right), constant(source, right, left));
        Some((sides.0, sides.1, is_equal))
    }
}

/// Whether both parts say the same, each in its own text.
fn says(one: (&str, Part<'_>), other: (&str, Part<'_>)) -> bool {
    if one.1.is_true != other.1.is_true {
        return false;
    }
    if let (What::Condition(left), What::Condition(right)) = (one.1.what, other.1.what)
        && same((one.0, left), (other.0, right))
    {
        return true;
    }
    match (one.1.compared(one.0), other.1.compared(other.0)) {
        (Some((left, right, is_equal)), Some((other_left, other_right, other_is_equal))) => {
            let pair = |a, b| same((one.0, left), (other.0, a)) && same((one.0, right), (other.0, b));
            is_equal == other_is_equal && (pair(other_left, other_right) || pair(other_right, other_left))
        }
        _ => false,
    }
}

struct Search<'a> {
    first: &'a str,
    second: &'a str,
    steps: u32,
}

impl<'a> Search<'a> {
    /// Whether one of the goals holds where all that is given does.
    fn some_holds(&mut self, given: Vec<Part<'a>>, goals: Vec<Part<'a>>) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let (given, goals) = (self.all_given(given), self.all_goals(goals));
        let holds = given.iter().any(|part| part.is_absurd(self.first))
            || goals.iter().any(|goal| {
                let mut given = given.iter();
                goal.is_certain(self.second)
                    || given.any(|part| says((self.first, *part), (self.second, *goal)))
            });
        if holds {
            return true;
        }
        if let Some((rest, sides)) = split(&given, |part| part.taken(self.first), false) {
            return sides.into_iter().all(|side| {
                let given = rest.iter().copied().chain([side]).collect();
                self.some_holds(given, goals.clone())
            });
        }
        if let Some((rest, sides)) = split(&goals, |part| part.taken(self.second), true) {
            return sides.into_iter().all(|side| {
                let goals = rest.iter().copied().chain([side]).collect();
                self.some_holds(given.clone(), goals)
            });
        }
        false
    }

    /// All that is given, the parts of each `AND` beside it.
    fn all_given(&self, mut parts: Vec<Part<'a>>) -> Vec<Part<'a>> {
        let mut at = 0;
        while let Some(part) = parts.get(at).copied() {
            match part.taken(self.first) {
                Taken::Both(inner) => {
                    parts.remove(at);
                    parts.extend(inner);
                }
                _ => at += 1,
            }
        }
        parts
    }

    /// All goals, the parts of each `OR` beside it.
    fn all_goals(&self, mut parts: Vec<Part<'a>>) -> Vec<Part<'a>> {
        let mut at = 0;
        while let Some(part) = parts.get(at).copied() {
            match part.taken(self.second) {
                Taken::Either(inner) => {
                    parts.remove(at);
                    parts.extend(inner);
                }
                Taken::Both(inner) if inner.len() == 1 => {
                    parts.remove(at);
                    parts.extend(inner);
                }
                _ => at += 1,
            }
        }
        parts
    }
}

/// Takes out the first part that has to be looked at side by side: an `OR` that is given, an `AND` that is to be shown.
fn split<'a>(
    parts: &[Part<'a>],
    taken: impl Fn(Part<'a>) -> Taken<'a>,
    is_goal: bool,
) -> Option<(Vec<Part<'a>>, Vec<Part<'a>>)> {
    parts.iter().enumerate().find_map(|(at, part)| {
        let ((Taken::Either(sides), false) | (Taken::Both(sides), true)) = (taken(*part), is_goal) else {
            return None;
        };
        let rest = parts.iter().enumerate().filter(|(other, _)| *other != at);
        Some((rest.map(|(_, part)| *part).collect(), sides))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn implies(first: &str, second: &str) -> bool {
        Expression::unchecked(first).implies(&Expression::unchecked(second))
    }

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
            ("a in (1, 2)", "a = any (array[2, 1])"),
            ("a = any (array[1, 2])", "a in (1, 2, 3)"),
            ("a = 1", "a in (1, 2)"),
            ("a in (1, 2) and b", "a = 1 or 2 = a"),
            ("a not in (1, 2, 3)", "a <> all (array[1, 2])"),
            ("a <> 1 and a != 2", "a not in (1, 2)"),
            ("not (a and b)", "not b or not a"),
            ("not a or not b", "not (b and a)"),
            ("not (a or b)", "not a"),
            ("not (not a)", "a"),
            ("a", "not not a"),
            ("not (a in (1, 2))", "not a = 1"),
            ("not a", "not (a and b)"),
            ("not true", "a"),
            ("b = a", "a = b"),
            ("(select auth.uid()) = a", "auth.uid() = a"),
            ("a = auth.uid()::text", "(a = (SELECT auth.uid()::text))"),
            (
                "a = any (auth.roles())",
                "a = any (coalesce((SELECT auth.roles())))",
            ),
            ("(b and a) or c", "c or (a and b)"),
            ("a::text in ('x'::text)", "a::text = 'x'"),
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
            ("a in (1, 2)", "a = 1"),
            ("a in (1, 2)", "a in (1, 3)"),
            ("a not in (1)", "a not in (1, 2)"),
            ("not (a and b)", "not a and not b"),
            ("not (a or b)", "not (a or b or c)"),
            // Where b is NULL, the first is true and the second is not.
            ("a", "b or not b"),
            ("not (a = 1 and b)", "a <> 1 or b is null"),
            ("a or not a", "true and b"),
            ("not a", "a is not true and b"),
            ("a < b", "b < a"),
            ("a in (select 1)", "a in (1)"),
            ("a = any (b)", "a in (b)"),
            ("f(a) = 1", "(select f(a)) = 2"),
            ("a = any ((select auth.ids()))", "a = any (select auth.ids())"),
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
