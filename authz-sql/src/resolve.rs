//! What the names in a tree mean, by PostgreSQL's rules of scope.
//!
//! Each SELECT has a scope: the items of its FROM and the queries of its WITH. A bare column is looked for in the items of
//! the innermost scope, then further out; a query that stands in FROM passes its columns on, so that `s.id` is still the
//! column of the table below. What was found keeps how it is written, for [`rewrite`](crate::expression).

mod from;
mod names;
mod query;

use std::ops::Range;
use std::rc::Rc;

use crate::QualifiedName;
use crate::expression::{Catalog, Reference, Target};
use crate::lexical::{self, fold};
use crate::tree::{self, Node, SyntaxKind};

pub(crate) use self::names::{VALUE_KEYWORDS, is_construct};

/// Where bare names are looked for.
pub(crate) const PUBLIC: &str = "public";

pub(crate) struct Resolver<'a, C> {
    pub(crate) text: &'a str,
    pub(crate) catalog: &'a C,
    pub(crate) items: Vec<Item>,
    pub(crate) found: Vec<Found>,
    pub(crate) joins: Vec<Join>,
    scopes: Vec<Scope>,
    /// Names that stand for a function's arguments where no column has them.
    parameters: Vec<String>,
    /// Where the WITH clauses stand that were read with the query around their SELECT.
    read: Vec<usize>,
}

/// Something in a FROM.
pub(crate) struct Item {
    /// The name that qualifies its columns.
    pub(crate) name: String,
    /// What gives it this name; `None` for an alias.
    pub(crate) named_by: Option<Target>,
    pub(crate) is_home: bool,
    pub(crate) source: Source,
    /// The names of its first columns, where the alias gives them.
    columns: Vec<String>,
}

/// Where columns come from.
#[derive(Clone)]
pub(crate) enum Source {
    Table(QualifiedName),
    Query(Rc<Outputs>),
}

/// The columns of a query.
#[derive(Default)]
pub(crate) struct Outputs {
    pub(crate) columns: Vec<Output>,
    /// What `*` stands for.
    pub(crate) rest: Vec<Source>,
}

/// A column of a query, and what it takes its name from: `None` for an alias.
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) target: Option<Target>,
}

#[derive(Default)]
struct Scope {
    items: Vec<usize>,
    /// How many of the items cannot be seen: those beside an ON or a subquery in FROM.
    hidden: usize,
    queries: Vec<(String, Source)>,
    outputs: Option<Rc<Outputs>>,
}

/// A name that was resolved.
pub(crate) struct Found {
    pub(crate) target: Target,
    pub(crate) range: Range<usize>,
    pub(crate) form: Form,
}

/// How a name is written.
pub(crate) enum Form {
    /// A name with or without its namespace.
    Path { qualified: bool },
    /// As that, an item of FROM without an alias.
    From { item: usize, qualified: bool },
    /// The name of an item before a dot.
    Qualifier { item: usize, qualified: bool },
    /// The name of an item as its row.
    Row { item: usize },
    /// An alias that stands for the table.
    Alias,
    /// A bare column, with its own item and the others in which the name is looked for.
    Column { item: usize, others: Vec<usize> },
    /// A name that means the same wherever it stands.
    Name,
    /// A string constant.
    Text,
    /// A column of a USING clause.
    Using,
}

/// A USING clause.
pub(crate) struct Join {
    pub(crate) range: Range<usize>,
    pub(crate) columns: Vec<JoinColumn>,
}

/// A name in a USING clause, and the column that it is on each side, with its item.
pub(crate) struct JoinColumn {
    pub(crate) name: String,
    pub(crate) range: Range<usize>,
    pub(crate) sides: [Option<(usize, Option<Target>)>; 2],
}

impl<'a, C: Catalog> Resolver<'a, C> {
    pub(crate) fn new(text: &'a str, catalog: &'a C) -> Self {
        Self {
            text,
            catalog,
            items: Vec::new(),
            found: Vec::new(),
            joins: Vec::new(),
            scopes: Vec::new(),
            parameters: Vec::new(),
            read: Vec::new(),
        }
    }

    /// Names that mean arguments of a function where no column has them.
    pub(crate) fn parameters(&mut self, names: Vec<String>) {
        self.parameters = names;
    }

    /// Those names, taken out.
    pub(crate) fn taken_parameters(&mut self) -> Vec<String> {
        std::mem::take(&mut self.parameters)
    }

    /// Resolves an expression, or a statement. `home` is the table whose columns are in scope.
    pub(crate) fn expression(&mut self, root: &Node, home: Option<&QualifiedName>) {
        self.scopes.push(Scope::default());
        if let Some(home) = home {
            let item = self.table_item(home.clone());
            self.add(Item {
                is_home: true,
                ..item
            });
        }
        self.walk(root);
        self.scopes.pop();
    }

    /// Every name and string of a text that cannot be parsed.
    pub(crate) fn unparsed(&mut self, text: &str, offset: usize) {
        let mut at = offset;
        for (kind, token) in tree::tokens(text) {
            let range = at..at + token.len();
            at = range.end;
            if let Some((value, _)) = lexical::string(kind, token) {
                self.push(Target::Text(value), range, Form::Text);
            } else if is_name(kind, token) {
                self.unknown(token, range);
            }
        }
    }

    /// What was found, in order of place, each once.
    pub(crate) fn references(self) -> Vec<Reference> {
        let references = self.found.into_iter().map(|found| Reference {
            target: found.target,
            range: found.range,
        });
        let mut references: Vec<Reference> = references.collect();
        references.sort_by_key(|reference| (reference.range.start, reference.range.end));
        references.dedup();
        references
    }

    pub(crate) fn push(&mut self, target: Target, range: Range<usize>, form: Form) {
        self.found.push(Found { target, range, form });
    }

    pub(crate) fn unknown(&mut self, written: &str, range: Range<usize>) {
        if let Some(name) = lexical::ident(&fold(written)) {
            self.push(Target::Unknown(name), range, Form::Name);
        }
    }

    fn slice(&self, node: &Node) -> &'a str {
        self.text.get(node.range.clone()).unwrap_or_default()
    }

    fn folded(&self, node: &Node) -> String {
        fold(self.slice(node))
    }

    /// The node and all below it.
    pub(crate) fn walk(&mut self, node: &Node) {
        match node.kind {
            SyntaxKind::SELECT
            | SyntaxKind::SELECT_INTO
            | SyntaxKind::COMPOUND_SELECT
            | SyntaxKind::PAREN_SELECT
            | SyntaxKind::VALUES
            | SyntaxKind::TABLE
            | SyntaxKind::INSERT
            | SyntaxKind::UPDATE
            | SyntaxKind::DELETE
            | SyntaxKind::MERGE => {
                self.query(node, None);
            }
            SyntaxKind::CALL_EXPR => self.call(node),
            SyntaxKind::FIELD_EXPR | SyntaxKind::NAME_REF => self.name(node),
            SyntaxKind::LITERAL => self.literal(node),
            SyntaxKind::PATH_TYPE | SyntaxKind::PERCENT_TYPE => self.type_name(node),
            SyntaxKind::SORT_BY | SyntaxKind::DISTINCT_ON | SyntaxKind::GROUPING_EXPR => self.sort_key(node),
            SyntaxKind::LOCKING_OF => self.locked(node),
            SyntaxKind::BIN_EXPR => self.binary(node),
            // Names of parameters, collations, operator classes and windows are nothing that we know.
            SyntaxKind::COLLATION_REF | SyntaxKind::OP_CLASS_REF | SyntaxKind::ATTRIBUTE_LIST => {}
            _ => self.children(node),
        }
    }

    pub(crate) fn children(&mut self, node: &Node) {
        for child in &node.children {
            self.walk(child);
        }
    }

    fn binary(&mut self, node: &Node) {
        if let [left, operator, right] = node.children.as_slice()
            && matches!(operator.kind, SyntaxKind::IS_KW | SyntaxKind::IS_NOT)
            && self.slice(right).eq_ignore_ascii_case("unknown")
        {
            return self.walk(left);
        }
        self.children(node);
    }

    fn literal(&mut self, node: &Node) {
        // Strings that stand behind one another on lines of their own are one.
        let text = self.text;
        let parts = node
            .children
            .iter()
            .map(|token| lexical::string(token.kind, text.get(token.range.clone()).unwrap_or_default()));
        let parts: Option<Vec<_>> = parts.collect();
        if let Some(parts) = parts {
            let value = parts.into_iter().map(|(value, _)| value).collect();
            self.push(Target::Text(value), node.range.clone(), Form::Text);
        }
    }

    fn scope(&mut self) -> Option<&mut Scope> {
        self.scopes.last_mut()
    }

    fn add(&mut self, item: Item) -> usize {
        let index = self.items.len();
        self.items.push(item);
        if let Some(scope) = self.scope() {
            scope.items.push(index);
        }
        index
    }

    fn table_item(&self, table: QualifiedName) -> Item {
        Item {
            name: table.name.as_str().to_owned(),
            named_by: Some(Target::Table(table.clone())),
            is_home: false,
            source: Source::Table(table),
            columns: Vec::new(),
        }
    }

    fn item(&self, index: usize) -> Option<&Item> {
        self.items.get(index)
    }

    /// Whether the item has a column of this name, and what it is.
    pub(crate) fn item_column(&self, index: usize, name: &str) -> Option<Option<Target>> {
        let item = self.item(index)?;
        if item.columns.iter().any(|column| column == name) {
            return Some(None);
        }
        self.source_column(&item.source, name)
    }

    fn source_column(&self, source: &Source, name: &str) -> Option<Option<Target>> {
        match source {
            Source::Table(table) => {
                let has = self.catalog.has_column(table, name);
                let column = || lexical::ident(name).map(|name| Target::Column(table.clone(), name));
                has.then(column)
            }
            Source::Query(outputs) => {
                let column = outputs.columns.iter().find(|output| output.name == name);
                match column {
                    Some(output) => Some(output.target.clone()),
                    None => outputs
                        .rest
                        .iter()
                        .find_map(|rest| self.source_column(rest, name)),
                }
            }
        }
    }

    /// The items in sight from the innermost out, a list for each scope.
    fn in_sight(&self) -> impl Iterator<Item = &[usize]> {
        let scopes = self.scopes.iter().rev();
        scopes.map(|scope| scope.items.get(scope.hidden..).unwrap_or_default())
    }

    /// The WITH query of this name in sight.
    fn with_query(&self, name: &str) -> Option<&Source> {
        let queries = self
            .scopes
            .iter()
            .rev()
            .flat_map(|scope| scope.queries.iter().rev());
        queries
            .filter(|(query, _)| query == name)
            .map(|(_, source)| source)
            .next()
    }
}

/// The first part of a name, or `public`, and the last.
pub(crate) fn qualified(parts: &[String]) -> Option<QualifiedName> {
    let (name, before) = parts.split_last()?;
    let namespace = before.last().map_or(PUBLIC, String::as_str);
    Some(QualifiedName {
        namespace: lexical::ident(namespace)?,
        name: lexical::ident(name)?,
    })
}

/// Whether the token may be the name of something.
pub(crate) fn is_name(kind: SyntaxKind, token: &str) -> bool {
    match token.chars().next() {
        Some('"') => true,
        Some('u' | 'U') if kind == SyntaxKind::IDENT => true,
        Some(c) => {
            (c.is_alphabetic() || c == '_')
                && kind != SyntaxKind::COMMENT
                && lexical::string(kind, token).is_none()
                && crate::KEYWORDS
                    .binary_search(&token.to_ascii_lowercase().as_str())
                    .is_err()
        }
        None => false,
    }
}
