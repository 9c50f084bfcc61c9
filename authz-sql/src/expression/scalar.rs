//! Subqueries without a FROM, which are their one value, and other words that PostgreSQL adds when it prints an expression.

use std::ops::Range;

use super::Expression;
use super::alike::{bare, cast_of_string, type_name, without_type};
use crate::tree::{self, Node, SyntaxKind};

impl Expression {
    /// The expression with something else for each scalar subquery without a FROM, `(SELECT value AS name)`: `with` is
    /// asked what stands for one of this value. What has no other text stays.
    #[must_use]
    pub fn with_scalars(&self, with: &dyn Fn(&Self) -> Option<String>) -> Self {
        let mut edits = Vec::new();
        if let Some(root) = self.root() {
            self.find_scalars(root, false, with, &mut edits);
        }
        self.edited(edits)
    }

    /// The expression without the name that PostgreSQL prints for the value of a scalar subquery.
    #[must_use]
    pub fn without_names(&self) -> Self {
        self.with_scalars(&|value| Some(format!("(SELECT {value})")))
    }

    /// The expression with `->> 'a'` for `->> 'a'::text`: an operator of JSON takes no other string.
    #[must_use]
    pub fn without_json_casts(&self) -> Self {
        let nodes = self.root().into_iter().flat_map(Node::descendants);
        let casts = nodes.filter_map(|node| {
            let [_, operator, key] = node.children.as_slice() else {
                return None;
            };
            let is_access =
                node.kind == SyntaxKind::BIN_EXPR && matches!(self.slice(&operator.range), "->" | "->>");
            let plain = without_type(self.as_str(), key, "text");
            (is_access && plain.range != key.range)
                .then(|| (key.range.clone(), self.slice(&plain.range).to_owned()))
        });
        self.edited(casts.collect())
    }

    /// A lone string without its cast to this type.
    #[must_use]
    pub fn without_cast_to(&self, ty: &str) -> Self {
        match self
            .root()
            .and_then(|root| cast_of_string(self.as_str(), bare(root)))
        {
            Some((value, own)) if own == type_name(ty) => Self::unchecked(self.slice(&value.range)),
            _ => self.clone(),
        }
    }

    /// The expression with one space for each run of spaces, and none behind an opening parenthesis.
    #[must_use]
    pub fn spaced(&self) -> Self {
        let mut out = String::with_capacity(self.as_str().len());
        let mut line_comment = false;
        for (kind, token) in tree::tokens(self.as_str().trim()) {
            match kind {
                SyntaxKind::WHITESPACE if line_comment => out.push('\n'),
                SyntaxKind::WHITESPACE if out.ends_with('(') => {}
                SyntaxKind::WHITESPACE => out.push(' '),
                _ => out.push_str(token),
            }
            line_comment = kind == SyntaxKind::COMMENT && token.starts_with("--");
        }
        Self::unchecked(out)
    }

    /// `is_query`: the node stands where a query is taken for its rows, as in `IN (SELECT …)`.
    fn find_scalars(
        &self,
        node: &Node,
        is_query: bool,
        with: &dyn Fn(&Self) -> Option<String>,
        edits: &mut Vec<(Range<usize>, String)>,
    ) {
        if !is_query && let Some(value) = scalar(node) {
            let value = Self::unchecked(self.slice(&value.range)).with_scalars(with);
            if let Some(text) = with(&value) {
                edits.push((node.range.clone(), text));
                return;
            }
        }
        let is_list = match node.kind {
            SyntaxKind::ANY_FN | SyntaxKind::SOME_FN | SyntaxKind::ALL_FN => true,
            SyntaxKind::EXISTS_FN | SyntaxKind::ARRAY_EXPR => true,
            SyntaxKind::PAREN_EXPR => is_query,
            _ => false,
        };
        let operators = [SyntaxKind::IN_KW, SyntaxKind::NOT_IN];
        let is_in = node.children.iter().any(|child| operators.contains(&child.kind));
        for (at, child) in node.children.iter().enumerate() {
            let is_taken = is_list || (is_in && at > 0);
            self.find_scalars(
                child,
                is_taken && child.kind == SyntaxKind::PAREN_EXPR,
                with,
                edits,
            );
        }
    }

    fn edited(&self, mut edits: Vec<(Range<usize>, String)>) -> Self {
        edits.sort_by_key(|(range, _)| range.start);
        if edits.is_empty() {
            return self.clone();
        }
        let mut out = String::with_capacity(self.as_str().len());
        let mut end = 0;
        for (range, text) in edits {
            out.push_str(self.slice(&(end..range.start)));
            out.push_str(&text);
            end = range.end;
        }
        out.push_str(self.slice(&(end..self.as_str().len())));
        Self::unchecked(out)
    }
}

/// The value of `(SELECT value)` and `(SELECT value AS name)`.
fn scalar(node: &Node) -> Option<&Node> {
    let [_, select, _] = node.children.as_slice() else {
        return None;
    };
    let is_scalar = node.kind == SyntaxKind::PAREN_EXPR && select.kind == SyntaxKind::SELECT;
    let [clause] = select.children.as_slice() else {
        return None;
    };
    let [_, targets] = clause.children.as_slice() else {
        return None;
    };
    let [target] = targets.children.as_slice() else {
        return None;
    };
    let value = target.children.first()?;
    (is_scalar && target.kind == SyntaxKind::TARGET && value.kind != SyntaxKind::STAR).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subquery_of_one_value_is_that_value_and_one_of_rows_stays() {
        let value = |text: &str| {
            let written = Expression::unchecked(text);
            written.with_scalars(&|value| Some(value.to_string())).to_string()
        };
        for (text, expected) in [
            ("( SELECT f() AS f) = a", "f() = a"),
            ("(SELECT (SELECT a AS b) + 1) = 2", "a + 1 = 2"),
            ("f((SELECT a)) and not (select b)", "f(a) and not b"),
            ("a in (select b)", "a in (select b)"),
            (
                "a = any (select b) and a <> all ((select b))",
                "a = any (select b) and a <> all ((select b))",
            ),
            (
                "exists (select 1) and array(select a) = b",
                "exists (select 1) and array(select a) = b",
            ),
            (
                "(select a from t) = (select a, b)",
                "(select a from t) = (select a, b)",
            ),
            (
                "a in (select (select b) from t where (select c))",
                "a in (select b from t where c)",
            ),
            ("a = '(SELECT b)'", "a = '(SELECT b)'"),
        ] {
            assert_eq!(value(text), expected);
        }
        assert_eq!(
            Expression::unchecked("( SELECT f() AS f) = a").without_names(),
            "(SELECT f()) = a"
        );
    }

    #[test]
    fn casts_and_spaces_that_postgresql_adds_go() {
        let casts = |text| Expression::unchecked(text).without_json_casts().to_string();
        assert_eq!(casts("a ->> 'b'::text = 'c'::text"), "a ->> 'b' = 'c'::text");
        assert_eq!(casts("a ->> ('b'::text) = c"), "a ->> 'b' = c");
        assert_eq!(casts("a ->> 'b'::name"), "a ->> 'b'::name");
        assert_eq!(
            Expression::unchecked(" ( SELECT\n  'a  b') ").spaced(),
            "(SELECT 'a  b')"
        );
    }
}
