//! An SQL expression of an attribute: parsed, resolved against the columns of its table, and written the way
//! PostgreSQL evaluates it fast.

mod alike;
mod columns;
mod implies;
mod references;
mod rewrite;
mod scalar;
mod value;
mod wrap;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::lexical::{self, fold};
use super::resolve::{PUBLIC, is_construct};
use super::tree::{self, Node, SyntaxKind};
use crate::{Ident, QualifiedName};

use self::wrap::Wrapped;

pub use self::references::{Catalog, Reference, Target};
pub use self::rewrite::Replacement;

/// One SQL expression, as written in an attribute.
///
/// Its text is kept token by token; only runs of spaces between tokens become one space, so that
/// reformatting the Rust source is no change of the schema.
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    text: String,
    /// `None` for a text that is no expression.
    root: OnceLock<Option<Node>>,
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
    /// The expression of a generated column.
    Generated,
    /// A key of an index.
    IndexKey,
    /// The WHERE of an index.
    IndexPredicate,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Policy => "a policy",
            Self::Check => "a CHECK constraint",
            Self::Default => "a DEFAULT",
            Self::Generated => "a generated column",
            Self::IndexKey => "an index",
            Self::IndexPredicate => "the WHERE of an index",
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

/// A call of a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Call {
    /// The namespace that is written before the name.
    pub namespace: Option<Ident>,
    /// The function's own name.
    pub name: Ident,
}

/// A column that an expression compares for equality with something that is the same for every row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Comparison {
    /// The column.
    pub column: String,
    /// The type that the column is cast to before it is compared, as written.
    pub cast: Option<String>,
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
        let expression = Self(Arc::new(Inner {
            text,
            root: OnceLock::from(Some(root)),
        }));
        expression.check(place)?;
        Ok(expression)
    }

    /// A text from elsewhere, such as the lock or a catalogue. It is kept byte for byte, and may not even parse: then it
    /// refers to all names that stand in it, and only its text is the same as it.
    pub fn unchecked(text: impl Into<String>) -> Self {
        Self(Arc::new(Inner {
            text: text.into(),
            root: OnceLock::new(),
        }))
    }

    /// The text as written, with single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// Whether a subquery stands in it that has a FROM of its own: what may read other tables.
    #[must_use]
    pub fn has_subquery(&self) -> bool {
        let queries = |node: &Node| {
            columns::has_from(node) || matches!(node.kind, SyntaxKind::TABLE | SyntaxKind::DELETE)
        };
        self.root().is_some_and(|root| root.descendants().any(queries))
    }

    /// The calls in it, in order. None for a text that cannot be parsed.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        let nodes = self.root().into_iter().flat_map(Node::descendants);
        let calls = nodes.filter_map(|node| self.callee(node));
        let named = calls.filter_map(|(namespace, name)| {
            Some(Call {
                namespace: match namespace {
                    Some(namespace) => Some(lexical::ident(&namespace)?),
                    None => None,
                },
                name: lexical::ident(&name)?,
            })
        });
        named
            .filter(|call| call.namespace.is_some() || !is_construct(call.name.as_str()))
            .collect()
    }

    /// The sequences that it counts by, as `nextval('…')` names them.
    #[must_use]
    pub fn sequences(&self) -> Vec<String> {
        let nodes = self.root().into_iter().flat_map(Node::descendants);
        let sequences = nodes.filter_map(|node| {
            let (namespace, name) = self.callee(node)?;
            let is_nextval = name == "nextval" && matches!(namespace.as_deref(), None | Some("pg_catalog"));
            let [_, arguments] = node.children.as_slice() else {
                return None;
            };
            let mut strings = arguments.descendants().filter(|node| node.children.is_empty());
            strings
                .find_map(|token| lexical::string(token.kind, self.slice(&token.range)))
                .filter(|_| is_nextval)
        });
        sequences.map(|(name, _)| name).collect()
    }

    /// The key of an index in its two parts: the column or expression as it is written, and what stands behind it with
    /// the space before: collation, operator class and order.
    #[must_use]
    pub fn key_parts(&self) -> (&str, &str) {
        let root = self.root().filter(|root| root.kind == SyntaxKind::PARTITION_ITEM);
        let item = root.and_then(|item| item.children.first());
        let key = match item {
            Some(item) if item.kind == SyntaxKind::COLLATE => item.children.first(),
            item => item,
        };
        let end = key.map_or(self.as_str().len(), |key| key.range.end);
        self.as_str().split_at_checked(end).unwrap_or((self.as_str(), ""))
    }

    /// The expression without parentheses around the whole of it. Those of a subquery belong to it.
    #[must_use]
    pub fn bare(&self) -> Self {
        match self.root().map(alike::bare) {
            Some(inner) if inner.range != (0..self.as_str().len()) => {
                Self::unchecked(self.slice(&inner.range))
            }
            _ => self.clone(),
        }
    }

    /// The expression in parentheses. A `--` comment is ended before the last one.
    #[must_use]
    pub fn parenthesized(&self) -> String {
        let text = self.as_str();
        let last = tree::tokens(text).pop();
        let is_open =
            last.is_some_and(|(kind, token)| kind == SyntaxKind::COMMENT && token.starts_with("--"));
        format!("({text}{})", if is_open { "\n" } else { "" })
    }

    /// The expression as DEFAULT takes it: in parentheses, unless it is one value that nothing behind it can run into.
    #[must_use]
    pub fn as_default(&self) -> String {
        let is_whole = |root: &&Node| root.range == (0..self.as_str().len());
        if self.root().filter(is_whole).is_some_and(is_one_value) {
            self.to_string()
        } else {
            self.parenthesized()
        }
    }

    /// The tree; `None` for a text that is neither an expression nor the key of an index.
    fn root(&self) -> Option<&Node> {
        let parse = || {
            let text = self.as_str();
            tree::parse(text).or_else(|_| tree::parse_index_key(text)).ok()
        };
        self.0.root.get_or_init(parse).as_ref()
    }

    /// The text with every call of `auth.…()`, `authz.…()` and `current_setting()` as an uncorrelated `(SELECT …)`.
    ///
    /// PostgreSQL evaluates such a subquery once a query (an `InitPlan`) and can use it as an index key; the bare
    /// call runs once a row wherever no index serves it. A cast or a JSON access by constant that follows the
    /// call goes inside. A call whose arguments name a column is left alone, as is one that is already the
    /// whole of a subquery, or an item of FROM. `ANY (SELECT …)` would compare with the rows of the subquery, so that an
    /// array stands as `ANY (coalesce((SELECT …)))`, which the planner takes for the array itself.
    #[must_use]
    pub fn wrapped(&self) -> Self {
        let mut calls = Vec::new();
        if let Some(root) = self.root() {
            self.find_calls(&mut vec![root], &mut calls);
        }
        let mut sql = String::with_capacity(self.as_str().len() + 10 * calls.len());
        let mut end = 0;
        for Wrapped { range, is_array } in calls {
            let (before, after) = if is_array {
                ("coalesce((SELECT ", "))")
            } else {
                ("(SELECT ", ")")
            };
            sql.push_str(self.slice(&(end..range.start)));
            sql.push_str(before);
            sql.push_str(self.slice(&range));
            sql.push_str(after);
            end = range.end;
        }
        if end == 0 {
            return self.clone();
        }
        sql.push_str(self.slice(&(end..self.as_str().len())));
        Self::unchecked(sql)
    }

    /// The columns that the expression names, in order, each once. Names inside a subquery that has a FROM clause
    /// are left out, except those qualified with `table`, since only the server knows what they belong to.
    #[must_use]
    pub fn columns(&self, table: &str) -> Vec<ColumnRef> {
        let mut columns = Vec::new();
        if let Some(root) = self.root() {
            self.find_columns(root, table, false, &mut columns);
        }
        without_repeats(columns)
    }

    /// The columns that the expression compares for equality (`=`, `IN`, `= ANY`) with something that does not
    /// depend on the row, in order, each once: what an index would serve.
    #[must_use]
    pub fn comparisons(&self) -> Vec<Comparison> {
        let mut found = Vec::new();
        if let Some(root) = self.root() {
            self.find_comparisons(root, &mut found);
        }
        without_repeats(found)
    }

    /// Whether the expression is the constant `true` or `false`.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match self.as_str().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn slice(&self, range: &Range<usize>) -> &str {
        self.as_str().get(range.clone()).unwrap_or_default()
    }

    fn check(&self, place: Place) -> Result<(), ExpressionError> {
        let refuse = |what| Err(ExpressionError::NotAllowed(what, place));
        let Some(root) = self.root() else { return Ok(()) };
        for node in root.descendants() {
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
        if self.has_aggregate(root) {
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
}

impl Call {
    /// Whether it calls this function. A bare name is in `public`.
    #[must_use]
    pub fn is_of(&self, function: &QualifiedName) -> bool {
        let namespace = self.namespace.as_ref().map_or(PUBLIC, Ident::as_str);
        namespace == function.namespace.as_str() && self.name == function.name
    }
}

/// Whether the node is a constant, a name, a call, or a cast of these.
fn is_one_value(node: &Node) -> bool {
    match node.kind {
        SyntaxKind::LITERAL | SyntaxKind::NAME_REF | SyntaxKind::CALL_EXPR | SyntaxKind::PAREN_EXPR => true,
        SyntaxKind::CAST_EXPR => node.children.first().is_some_and(is_one_value),
        _ => false,
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

/// The items in order, each once.
fn without_repeats<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut seen: Vec<T> = Vec::with_capacity(items.len());
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
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
mod tests;
