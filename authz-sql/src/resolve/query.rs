//! Queries and the statements that change rows.

use std::rc::Rc;

use super::from::nothing;
use super::{Form, Item, Output, Outputs, Resolver, Scope, Source};
use crate::expression::{Catalog, Target};
use crate::lexical;
use crate::tree::{Node, SyntaxKind};

/// The query of a recursive WITH: the scope in which it is known, and its place there.
#[derive(Clone, Copy)]
pub(super) struct Recursive {
    scope: usize,
    query: usize,
}

impl<C: Catalog> Resolver<'_, C> {
    /// Resolves a query, and says which columns it has.
    pub(super) fn query(&mut self, node: &Node, recursive: Option<Recursive>) -> Source {
        match node.kind {
            SyntaxKind::PAREN_SELECT | SyntaxKind::PAREN_EXPR => {
                let query = node.children.iter().find(|child| !child.children.is_empty());
                query.map_or_else(nothing, |query| self.query(query, recursive))
            }
            SyntaxKind::TABLE => {
                self.scopes.push(Scope::default());
                let item = self.target(node);
                let source = item.and_then(|item| self.passed_on(item));
                self.scopes.pop();
                source.unwrap_or_else(nothing)
            }
            SyntaxKind::COMPOUND_SELECT => self.compound(node, recursive),
            SyntaxKind::SELECT | SyntaxKind::SELECT_INTO => self.select(node),
            SyntaxKind::INSERT => self.insert(node),
            SyntaxKind::UPDATE | SyntaxKind::DELETE | SyntaxKind::MERGE => self.change(node),
            _ => {
                self.children(node);
                nothing()
            }
        }
    }

    /// `a UNION b`: the columns are those of the first. Its WITH is that of all.
    fn compound(&mut self, node: &Node, recursive: Option<Recursive>) -> Source {
        self.scopes.push(Scope::default());
        let mut leftmost = node;
        while leftmost.kind == SyntaxKind::COMPOUND_SELECT
            && let Some(first) = leftmost.children.first()
        {
            leftmost = first;
        }
        self.with_clause(leftmost);
        let mut source = None;
        for child in &node.children {
            if source.is_some() {
                self.walk(child);
                continue;
            }
            let first = self.query(child, recursive);
            // What follows can read the columns of the first part by the name of the WITH.
            if let Some(query) = recursive.and_then(|at| self.recursive(at))
                && !is_named(query)
            {
                query.1 = first.clone();
            }
            if let (Source::Query(outputs), Some(scope)) = (&first, self.scope()) {
                scope.outputs = Some(Rc::clone(outputs));
            }
            source = Some(first);
        }
        self.scopes.pop();
        source.unwrap_or_else(nothing)
    }

    fn recursive(&mut self, at: Recursive) -> Option<&mut (String, Source)> {
        self.scopes.get_mut(at.scope)?.queries.get_mut(at.query)
    }

    /// Reads the queries of a WITH, unless the query around did.
    fn with_clause(&mut self, query: &Node) {
        let Some(clause) = query.child(SyntaxKind::WITH_CLAUSE) else {
            return;
        };
        if self.read.contains(&clause.range.start) {
            return;
        }
        self.read.push(clause.range.start);
        let is_recursive = clause.child(SyntaxKind::RECURSIVE_KW).is_some();
        for table in clause
            .children
            .iter()
            .filter(|child| child.kind == SyntaxKind::WITH_TABLE)
        {
            let Some(name) = table.child(SyntaxKind::CTE_NAME).map(|name| self.folded(name)) else {
                continue;
            };
            let list = table.child(SyntaxKind::COLUMN_LIST);
            let named = list.into_iter().flat_map(Node::descendants);
            let named = named
                .filter(|node| node.kind == SyntaxKind::COLUMN_NAME)
                .map(|node| Output {
                    name: self.folded(node),
                    target: None,
                });
            let outputs = Outputs {
                columns: named.collect(),
                rest: Vec::new(),
            };
            let own = list.map(|_| Source::Query(Rc::new(outputs)));
            let recursive =
                is_recursive.then(|| self.declare(name.clone(), own.clone().unwrap_or_else(nothing)));
            let query = table.children.iter().rfind(|child| is_query(child.kind));
            let source = query.map_or_else(nothing, |query| self.query(query, recursive));
            let source = own.unwrap_or(source);
            match recursive.and_then(|at| self.recursive(at)) {
                Some(query) => query.1 = source,
                None => {
                    self.declare(name, source);
                }
            }
        }
    }

    fn declare(&mut self, name: String, source: Source) -> Recursive {
        let scope = self.scopes.len().saturating_sub(1);
        let queries = self.scopes.last_mut().map(|scope| &mut scope.queries);
        let query = queries.map_or(0, |queries| {
            queries.push((name, source));
            queries.len() - 1
        });
        Recursive { scope, query }
    }

    fn select(&mut self, node: &Node) -> Source {
        self.scopes.push(Scope::default());
        self.with_clause(node);
        if let Some(from) = node.child(SyntaxKind::FROM_CLAUSE) {
            self.read_from(from);
        }
        let targets = node
            .child(SyntaxKind::SELECT_CLAUSE)
            .and_then(|clause| clause.child(SyntaxKind::TARGET_LIST));
        let outputs = Rc::new(targets.map(|list| self.outputs(list)).unwrap_or_default());
        if let Some(scope) = self.scope() {
            scope.outputs = Some(Rc::clone(&outputs));
        }
        for child in &node.children {
            if !matches!(child.kind, SyntaxKind::WITH_CLAUSE | SyntaxKind::FROM_CLAUSE) {
                self.walk(child);
            }
        }
        self.scopes.pop();
        Source::Query(outputs)
    }

    /// The columns of a list of targets.
    fn outputs(&self, list: &Node) -> Outputs {
        let mut outputs = Outputs::default();
        for target in list
            .children
            .iter()
            .filter(|child| child.kind == SyntaxKind::TARGET)
        {
            let alias = target
                .child(SyntaxKind::AS_NAME)
                .and_then(|name| name.child(SyntaxKind::COLUMN_NAME));
            let Some(value) = target.children.first() else {
                continue;
            };
            if let Some(alias) = alias {
                outputs.columns.push(Output {
                    name: self.folded(alias),
                    target: None,
                });
            } else if value.kind == SyntaxKind::STAR {
                let items = self.scopes.last().map(|scope| scope.items.as_slice());
                let all = items.into_iter().flatten();
                outputs.rest.extend(all.filter_map(|&item| self.passed_on(item)));
            } else if value
                .children
                .last()
                .is_some_and(|last| last.kind == SyntaxKind::STAR)
                && let Some(item) = self.star(value)
            {
                outputs.rest.extend(self.passed_on(item));
            } else if let Some((name, target)) = self.output(value) {
                outputs.columns.push(Output { name, target });
            }
        }
        outputs
    }

    /// `INSERT`: its table is seen behind the query that gives the rows.
    fn insert(&mut self, node: &Node) -> Source {
        self.scopes.push(Scope::default());
        self.with_clause(node);
        let item = self.target(node);
        let seen = match self.scope() {
            Some(scope) => std::mem::take(&mut scope.items),
            None => Vec::new(),
        };
        let behind = [SyntaxKind::ON_CONFLICT_CLAUSE, SyntaxKind::RETURNING_CLAUSE];
        let (after, before): (Vec<_>, Vec<_>) = node
            .children
            .iter()
            .filter(|child| child.kind != SyntaxKind::WITH_CLAUSE)
            .partition(|child| behind.contains(&child.kind));
        for child in before {
            self.statement_part(child, item);
        }
        if let Some(scope) = self.scope() {
            scope.items.extend(seen);
        }
        self.other_names(item, &["excluded"]);
        self.after(&after, item)
    }

    /// `UPDATE`, `DELETE` and `MERGE`.
    fn change(&mut self, node: &Node) -> Source {
        self.scopes.push(Scope::default());
        self.with_clause(node);
        let item = self.target(node);
        let from = [
            SyntaxKind::FROM_CLAUSE,
            SyntaxKind::USING_CLAUSE,
            SyntaxKind::USING_ON_CLAUSE,
        ];
        let rest = node
            .children
            .iter()
            .filter(|child| child.kind != SyntaxKind::WITH_CLAUSE);
        let (from, rest): (Vec<_>, Vec<_>) = rest.partition(|child| from.contains(&child.kind));
        for child in from.iter().flat_map(|clause| &clause.children) {
            match child.kind {
                SyntaxKind::ON_CLAUSE => self.children(child),
                _ => self.read_item(child),
            }
        }
        self.after(&rest, item)
    }

    /// The clauses that see the table, and the columns that RETURNING gives.
    fn after(&mut self, clauses: &[&Node], item: Option<usize>) -> Source {
        let mut outputs = Outputs::default();
        for clause in clauses {
            if clause.kind == SyntaxKind::RETURNING_CLAUSE {
                self.other_names(item, &["old", "new"]);
                if let Some(list) = clause.child(SyntaxKind::TARGET_LIST) {
                    outputs = self.outputs(list);
                }
            }
            self.statement_part(clause, item);
        }
        self.scopes.pop();
        Source::Query(Rc::new(outputs))
    }

    /// A part in which bare names of columns to write to stand: those of the table that is changed.
    fn statement_part(&mut self, node: &Node, item: Option<usize>) {
        let is_target = [
            SyntaxKind::RELATION_NAME,
            SyntaxKind::RELATION_NAME_REF,
            SyntaxKind::TABLE_RELATION_NAME,
        ];
        let aliases = [SyntaxKind::OPTIONAL_AS_ALIAS, SyntaxKind::REQUIRED_AS_ALIAS];
        match node.kind {
            kind if is_target.contains(&kind) || aliases.contains(&kind) => {}
            SyntaxKind::COLUMN_TARGET | SyntaxKind::COLUMN_NAME_REF => {
                let mut nodes = node.descendants();
                let name = nodes.find(|node| node.kind == SyntaxKind::COLUMN_NAME_REF);
                let table = item.and_then(|item| match &self.item(item)?.source {
                    Source::Table(table) => Some(table.clone()),
                    Source::Query(_) => None,
                });
                if let (Some(name), Some(table)) = (name, table)
                    && let Some(column) = lexical::ident(&self.folded(name))
                {
                    self.push(Target::Column(table, column), name.range.clone(), Form::Name);
                }
            }
            SyntaxKind::ON_CONFLICT_CLAUSE
            | SyntaxKind::CONFLICT_ON_INDEX
            | SyntaxKind::CONFLICT_DO_UPDATE_SET
            | SyntaxKind::SET_CLAUSE
            | SyntaxKind::SET_COLUMN_LIST
            | SyntaxKind::SET_SINGLE_COLUMN
            | SyntaxKind::SET_MULTIPLE_COLUMNS
            | SyntaxKind::COLUMN_TARGET_LIST
            | SyntaxKind::MERGE_WHEN_MATCHED
            | SyntaxKind::MERGE_WHEN_NOT_MATCHED_TARGET
            | SyntaxKind::MERGE_WHEN_NOT_MATCHED_SOURCE
            | SyntaxKind::MERGE_UPDATE
            | SyntaxKind::MERGE_INSERT => {
                for child in &node.children {
                    self.statement_part(child, item);
                }
            }
            _ => self.walk(node),
        }
    }

    /// Names by which the rows of the table that is changed are known besides.
    fn other_names(&mut self, item: Option<usize>, names: &[&str]) {
        let Some(source) = item.and_then(|item| Some(self.item(item)?.source.clone())) else {
            return;
        };
        for name in names {
            self.add(Item {
                name: (*name).to_owned(),
                named_by: None,
                is_home: false,
                source: source.clone(),
                columns: Vec::new(),
            });
        }
    }
}

/// Whether the columns of the query were named with it.
fn is_named(query: &(String, Source)) -> bool {
    match &query.1 {
        Source::Query(outputs) => !outputs.columns.is_empty(),
        Source::Table(_) => false,
    }
}

fn is_query(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        SyntaxKind::SELECT
            | SyntaxKind::COMPOUND_SELECT
            | SyntaxKind::PAREN_SELECT
            | SyntaxKind::VALUES
            | SyntaxKind::TABLE
            | SyntaxKind::INSERT
            | SyntaxKind::UPDATE
            | SyntaxKind::DELETE
            | SyntaxKind::MERGE
    )
}
