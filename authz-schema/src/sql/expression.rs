//! An SQL expression of an attribute: parsed, resolved against the columns of its table, and written the way
//! PostgreSQL evaluates it fast.

use std::fmt;
use std::ops::Range;

use super::tree::{self, Node, SyntaxKind};

/// One SQL expression, as written in an attribute.
///
/// Its text is kept token by token; only runs of spaces between tokens become one space, so that
/// reformatting the Rust source is no change of the schema.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    root: Node,
}

/// Why a text is not an expression that may stand in an attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExpressionError {
    /// The text is not one SQL expression.
    #[error("not an SQL expression: {message}, at {place}")]
    Syntax {
        /// What the parser expected.
        message: String,
        /// Where: a piece of the text in backticks, or its end.
        place: String,
    },
    /// Something that parses but cannot stand in the given place.
    #[error("{0} cannot stand in {1}")]
    NotAllowed(&'static str, Place),
}

/// Where an expression stands. PostgreSQL allows different things in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// USING or WITH CHECK of a policy.
    Policy,
    /// A CHECK constraint.
    Check,
    /// A column's DEFAULT.
    Default,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "a policy",
            Self::Check => "a CHECK constraint",
            Self::Default => "a DEFAULT",
        })
    }
}

/// A column that an expression names outside of any subquery with a FROM clause of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRef {
    /// The table name or alias before the dot, folded as PostgreSQL folds it.
    pub qualifier: Option<String>,
    /// The column's name, folded as PostgreSQL folds it.
    pub name: String,
}

/// A column that an expression compares for equality with something that is the same for every row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comparison {
    /// The column.
    pub column: String,
    /// The type that the column is cast to before it is compared, as written.
    pub cast: Option<String>,
}

/// Functions whose result one query cannot change, and that are slow enough to matter for each row.
fn is_session_function(schema: Option<&str>, name: &str) -> bool {
    match schema {
        Some("auth") => true,
        None | Some("pg_catalog") => name == "current_setting",
        Some(_) => false,
    }
}

/// The aggregates that people write by mistake. PostgreSQL refuses the others when the policy is created.
const AGGREGATES: &[&str] = &[
    "array_agg",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "every",
    "json_agg",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_object_agg",
    "max",
    "min",
    "string_agg",
    "sum",
];

/// Keywords that stand for a value and parse as a name.
const VALUE_KEYWORDS: &[&str] = &[
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "user",
];

impl Expression {
    /// Parses an expression and checks that it may stand in `place`.
    ///
    /// # Errors
    ///
    /// [`ExpressionError::Syntax`] unless the text is exactly one expression: statements, a second expression,
    /// unbalanced parentheses and open comments are refused. [`ExpressionError::NotAllowed`] for parameters
    /// (`$1`), aggregates and window functions, and for subqueries and columns where PostgreSQL refuses them.
    pub fn parse(text: &str, place: Place) -> Result<Self, ExpressionError> {
        let text = one_space(text);
        let root = tree::parse(&text).map_err(|error| syntax_error(&text, &error))?;
        let expression = Self { text, root };
        expression.check(place)?;
        Ok(expression)
    }

    /// The text as written, with single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text with every call of `auth.…()` and `current_setting()` as an uncorrelated `(SELECT …)`.
    ///
    /// PostgreSQL evaluates such a subquery once a query (an `InitPlan`) and can use it as an index key; the bare
    /// call runs once a row wherever no index serves it. A cast or a JSON access by constant that follows the
    /// call goes inside. A call whose arguments name a column is left alone, as is one that is already the
    /// whole of a subquery.
    #[must_use]
    pub fn wrapped(&self) -> String {
        let mut calls = Vec::new();
        self.find_calls(&mut vec![&self.root], &mut calls);
        let mut sql = String::with_capacity(self.text.len() + 10 * calls.len());
        let mut end = 0;
        for range in calls {
            sql.push_str(self.slice(&(end..range.start)));
            sql.push_str("(SELECT ");
            sql.push_str(self.slice(&range));
            sql.push(')');
            end = range.end;
        }
        sql.push_str(self.slice(&(end..self.text.len())));
        sql
    }

    /// The columns that the expression names, in order, each once. Names inside a subquery that has a FROM clause
    /// are left out, except those qualified with `table`, since only the server knows what they belong to.
    #[must_use]
    pub fn columns(&self, table: &str) -> Vec<ColumnRef> {
        let mut columns = Vec::new();
        self.find_columns(&self.root, table, false, &mut columns);
        let mut seen: Vec<ColumnRef> = Vec::new();
        for column in columns {
            if !seen.contains(&column) {
                seen.push(column);
            }
        }
        seen
    }

    /// The columns that the expression compares for equality (`=`, `IN`, `= ANY`) with something that does not
    /// depend on the row, in order, each once: what an index would serve.
    #[must_use]
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut found = Vec::new();
        self.find_comparisons(&self.root, &mut found);
        let mut seen: Vec<Comparison> = Vec::new();
        for comparison in found {
            if !seen.contains(&comparison) {
                seen.push(comparison);
            }
        }
        seen
    }

    /// Whether the expression is the constant `true` or `false`.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match self.text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.text.get(range.clone()).unwrap_or_default()
    }

    fn check(&self, place: Place) -> Result<(), ExpressionError> {
        let refuse = |what| Err(ExpressionError::NotAllowed(what, place));
        for node in self.root.descendants() {
            match node.kind {
                SyntaxKind::POSITIONAL_PARAM => return refuse("a parameter (`$1`)"),
                SyntaxKind::OVER_CLAUSE => return refuse("a window function"),
                SyntaxKind::SELECT | SyntaxKind::COMPOUND_SELECT | SyntaxKind::VALUES
                    if place != Place::Policy =>
                {
                    return refuse("a subquery");
                }
                _ => {}
            }
        }
        if self.has_aggregate(&self.root) {
            return refuse("an aggregate");
        }
        if place == Place::Default && !self.columns("").is_empty() {
            return refuse("a column");
        }
        Ok(())
    }

    fn has_aggregate(&self, node: &Node) -> bool {
        if node.kind == SyntaxKind::SELECT {
            return false;
        }
        let here = self.callee(node).is_some_and(|(schema, name)| {
            schema.as_deref().is_none_or(|schema| schema == "pg_catalog")
                && AGGREGATES.contains(&name.as_str())
        });
        here || node.children.iter().any(|child| self.has_aggregate(child))
    }

    /// The schema and name of the function that a node calls.
    fn callee(&self, node: &Node) -> Option<(Option<String>, String)> {
        if node.kind != SyntaxKind::CALL_EXPR {
            return None;
        }
        let callee = node.children.first()?;
        match callee.kind {
            SyntaxKind::NAME_REF => Some((None, fold(self.slice(&callee.range)))),
            SyntaxKind::FIELD_EXPR => {
                let mut names = callee
                    .children
                    .iter()
                    .filter(|child| child.kind == SyntaxKind::NAME_REF);
                let schema = fold(self.slice(&names.next()?.range));
                Some((Some(schema), fold(self.slice(&names.next()?.range))))
            }
            _ => None,
        }
    }

    /// Collects the ranges to wrap. `path` is the chain from the root to the node to look at.
    fn find_calls<'a>(&'a self, path: &mut Vec<&'a Node>, ranges: &mut Vec<Range<usize>>) {
        let Some(node) = path.last().copied() else { return };
        let is_call = self
            .callee(node)
            .is_some_and(|(schema, name)| is_session_function(schema.as_deref(), &name));
        if is_call && !self.names_column(node) {
            let whole = self.constant_part(path);
            if !is_scalar_subquery_target(path, whole) {
                ranges.extend(path.get(whole).map(|node| node.range.clone()));
            }
            return;
        }
        for child in &node.children {
            path.push(child);
            self.find_calls(path, ranges);
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

    fn find_columns(&self, node: &Node, table: &str, inside_from: bool, columns: &mut Vec<ColumnRef>) {
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

    fn find_comparisons(&self, node: &Node, found: &mut Vec<Comparison>) {
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

/// The text as the name of an SQL type with single spaces, or `None` if it is not exactly one.
#[must_use]
pub fn type_name(text: &str) -> Option<String> {
    let name = one_space(text);
    let cast = format!("NULL::{name}");
    let root = tree::parse(&cast).ok()?;
    let whole = root.kind == SyntaxKind::CAST_EXPR && root.range == (0..cast.len());
    // `NULL::int::text` is a cast of a cast.
    let casts = root
        .descendants()
        .filter(|node| node.kind == SyntaxKind::CAST_EXPR)
        .count();
    (whole && casts == 1).then_some(name)
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

fn has_from(node: &Node) -> bool {
    node.kind == SyntaxKind::SELECT && node.child(SyntaxKind::FROM_CLAUSE).is_some()
}

/// Folds a name as PostgreSQL does: quoted as it is, bare in lower case.
fn fold(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

/// Replaces each run of spaces between tokens by one, and keeps the line break that ends a `--` comment.
fn one_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut after_line_comment = false;
    for (kind, token) in tree::tokens(text.trim()) {
        if kind == SyntaxKind::WHITESPACE {
            out.push(if after_line_comment { '\n' } else { ' ' });
        } else {
            out.push_str(token);
        }
        after_line_comment = kind == SyntaxKind::COMMENT && token.starts_with("--");
    }
    out
}

fn syntax_error(text: &str, error: &tree::SyntaxError) -> ExpressionError {
    let rest = text.get(error.offset..).unwrap_or_default().trim_start();
    let place = match rest.char_indices().nth(20) {
        _ if rest.is_empty() => "the end".to_owned(),
        Some((cut, _)) => format!("`{}…`", rest.get(..cut).unwrap_or_default()),
        None => format!("`{rest}`"),
    };
    ExpressionError::Syntax {
        message: plain_words(&error.message),
        place,
    }
}

/// The parser names tokens by its own kinds (`found R_PAREN`); the place that we print says it better.
fn plain_words(message: &str) -> String {
    match message.split_once(", found") {
        // After the expression, the parser looks for the next statement.
        Some(("expected command", _)) => "expected one expression and nothing after it".to_owned(),
        Some((expected, _)) => expected.to_owned(),
        None => message.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(text: &str) -> Expression {
        Expression::parse(text, Place::Policy).unwrap()
    }

    fn names(text: &str) -> Vec<String> {
        let join = |column: ColumnRef| match column.qualifier {
            Some(qualifier) => format!("{qualifier}.{}", column.name),
            None => column.name,
        };
        policy(text).columns("notes").into_iter().map(join).collect()
    }

    #[test]
    fn calls_are_wrapped_once() {
        for (written, wrapped) in [
            ("auth.user_id() = user_id", "(SELECT auth.user_id()) = user_id"),
            (
                "(select auth.user_id()) = user_id",
                "(select auth.user_id()) = user_id",
            ),
            (
                "((SELECT (auth.user_id()))) = user_id",
                "((SELECT (auth.user_id()))) = user_id",
            ),
            (
                "auth.session()->>'tenant_id' = id::text",
                "(SELECT auth.session()->>'tenant_id') = id::text",
            ),
            (
                "((auth.session() -> 'app') ->> 'tenant')::uuid = id",
                "(SELECT ((auth.session() -> 'app') ->> 'tenant')::uuid) = id",
            ),
            ("(auth.user_id()) = a", "((SELECT auth.user_id())) = a"),
            (
                "current_setting('a.b', true)::uuid = id",
                "(SELECT current_setting('a.b', true)::uuid) = id",
            ),
            (
                "cast(pg_catalog.current_setting('a.b') as int) = id",
                "(SELECT cast(pg_catalog.current_setting('a.b') as int)) = id",
            ),
            (
                "AUTH.User_Id() = a or auth.uid() = b",
                "(SELECT AUTH.User_Id()) = a or (SELECT auth.uid()) = b",
            ),
            (
                "note_id in (select id from notes where owner_id = auth.user_id())",
                "note_id in (select id from notes where owner_id = (SELECT auth.user_id()))",
            ),
            (
                "id in (select auth.user_id() from t)",
                "id in (select (SELECT auth.user_id()) from t)",
            ),
            ("current_setting(name) = 'x'", "current_setting(name) = 'x'"),
            ("auth.may(id)", "auth.may(id)"),
            (
                "auth.session() ->> key = 'x'",
                "(SELECT auth.session()) ->> key = 'x'",
            ),
            ("note = 'auth.user_id()'", "note = 'auth.user_id()'"),
        ] {
            assert_eq!(policy(written).wrapped(), wrapped);
            assert_eq!(
                policy(wrapped).wrapped(),
                wrapped,
                "wrapping again changes {wrapped}"
            );
        }
    }

    #[test]
    fn columns_outside_of_other_tables_are_found() {
        assert_eq!(
            names("auth.user_id() = user_id and \"A b\" and NOTES.X and not user_id = 'q'"),
            ["user_id", "A b", "notes.x"]
        );
        assert_eq!(
            names("id in (select note_id from shares s where s.user_id = u and notes.id = s.id)"),
            ["id", "notes.id"]
        );
        assert_eq!(
            names("(select a) and d > current_date - interval '1 day' and current_user = b"),
            ["a", "d", "b"]
        );
        assert_eq!(
            names("(c).f = 1 and extract(year from e) = 1 and f(g => h)"),
            ["c", "e", "h"]
        );
    }

    #[test]
    fn comparisons_that_an_index_serves_are_found() {
        let of = |text: &str| -> Vec<String> {
            policy(text)
                .comparisons()
                .into_iter()
                .map(|c| {
                    format!(
                        "{}{}",
                        c.column,
                        c.cast.map(|t| format!("::{t}")).unwrap_or_default()
                    )
                })
                .collect()
        };
        assert_eq!(of("auth.user_id() = user_id"), ["user_id"]);
        assert_eq!(
            of("(a = 1 or t.b = auth.user_id()) and c in (select id from x where y = 1)"),
            ["a", "b", "c"]
        );
        assert_eq!(of("auth.session()->>'tenant_id' = id::text"), ["id::text"]);
        assert_eq!(of("cast(id as TEXT) = auth.user_id()"), ["id::text"]);
        assert_eq!(
            of("team_id = any(array(select team_id from m where user_id = auth.user_id()))"),
            ["team_id"]
        );
        assert!(of("a = b").is_empty());
        assert!(of("not a = 1").is_empty());
        assert!(of("lower(a) = 'x' and b > 1").is_empty());
    }

    #[test]
    fn what_postgresql_refuses_in_the_place_is_refused() {
        for (text, place) in [
            ("a = $1", Place::Policy),
            ("count(*) > 1", Place::Policy),
            ("row_number() over () = 1", Place::Policy),
            ("a in (select 1)", Place::Check),
            ("(select auth.user_id())", Place::Default),
            ("a + 1", Place::Default),
        ] {
            assert!(
                matches!(
                    Expression::parse(text, place),
                    Err(ExpressionError::NotAllowed(..))
                ),
                "{text}"
            );
        }
        for (text, place) in [
            (
                "exists (select count(*) from t having count(*) > 1)",
                Place::Policy,
            ),
            ("my.count(a) = 1", Place::Policy),
            ("char_length(task) > 0", Place::Check),
            ("auth.user_id()", Place::Default),
            ("now() + interval '1 day'", Place::Default),
            ("'{}'::jsonb", Place::Default),
        ] {
            assert!(Expression::parse(text, place).is_ok(), "{text}");
        }
    }

    #[test]
    fn an_error_says_what_was_expected_and_where() {
        let message = |text| Expression::parse(text, Place::Policy).unwrap_err().to_string();
        assert_eq!(
            message("a = "),
            "not an SQL expression: expected an expression, at the end"
        );
        assert_eq!(
            message("true) or (true"),
            "not an SQL expression: expected one expression and nothing after it, at `) or (true`"
        );
        assert_eq!(
            message("select 1"),
            "not an SQL expression: expected an expression, at `select 1`"
        );
    }

    #[test]
    fn a_type_is_one_type_name() {
        for name in [
            "citext",
            "numeric(10, 2)",
            "text[]",
            "double precision",
            "app.\"Mood\"",
            "timestamp with time zone",
        ] {
            assert_eq!(type_name(name).as_deref(), Some(name));
        }
        for text in [
            "",
            "text, x int",
            "int::text",
            "text = 'a'",
            "text) or (true",
            "text default 1",
            "text;",
        ] {
            assert_eq!(type_name(text), None, "{text}");
        }
    }

    #[test]
    fn spaces_are_folded_and_comments_kept() {
        assert_eq!(
            policy("  a\n   =  'x  y' -- why\n  and b ").as_str(),
            "a = 'x  y' -- why\nand b"
        );
        assert_eq!(policy("a /* x   y */ = 1").as_str(), "a /* x   y */ = 1");
    }
}
