//! What stands in a FROM.

use std::rc::Rc;

use super::names::segments;
use super::{Form, Item, Join, JoinColumn, Output, Outputs, Resolver, Source, qualified};
use crate::expression::{Catalog, Target};
use crate::lexical;
use crate::tree::{Node, SyntaxKind};

/// What an alias says.
#[derive(Default)]
struct Alias {
    name: Option<String>,
    columns: Vec<String>,
}

impl<C: Catalog> Resolver<'_, C> {
    /// Adds the items of a clause that lists them.
    pub(super) fn read_from(&mut self, clause: &Node) {
        for child in &clause.children {
            self.read_item(child);
        }
    }

    pub(super) fn read_item(&mut self, node: &Node) {
        match node.kind {
            SyntaxKind::RELATION_FROM_ITEM => {
                let alias = self.alias(node);
                self.relation(node, alias);
                if let Some(sample) = node.child(SyntaxKind::TABLESAMPLE_CLAUSE) {
                    // The method of sampling is no function that we know.
                    for arguments in sample
                        .children
                        .iter()
                        .flat_map(|call| call.children.iter().skip(1))
                    {
                        self.walk(arguments);
                    }
                }
            }
            SyntaxKind::JOIN_EXPR => self.join(node),
            SyntaxKind::PAREN_EXPR => self.read_from(node),
            SyntaxKind::PAREN_FROM_ITEM => self.parentheses(node),
            SyntaxKind::FUNCTION_FROM_ITEM => self.function(node),
            // Anything else gives columns of its own, and can see the items before it.
            _ if !node.children.is_empty() => {
                self.children_but(node, SyntaxKind::FROM_ALIAS);
                let alias = self.alias(node);
                if let Some(name) = alias.name {
                    self.add(Item {
                        name,
                        named_by: None,
                        is_home: false,
                        source: nothing(),
                        columns: alias.columns,
                    });
                }
            }
            _ => {}
        }
    }

    fn children_but(&mut self, node: &Node, kind: SyntaxKind) {
        for child in node.children.iter().filter(|child| child.kind != kind) {
            self.walk(child);
        }
    }

    fn alias(&mut self, node: &Node) -> Alias {
        let aliases = [
            SyntaxKind::FROM_ALIAS,
            SyntaxKind::OPTIONAL_AS_ALIAS,
            SyntaxKind::REQUIRED_AS_ALIAS,
        ];
        let Some(alias) = node.children.iter().find(|child| aliases.contains(&child.kind)) else {
            return Alias::default();
        };
        let lists = [SyntaxKind::COLUMN_LIST, SyntaxKind::COLUMN_DEF_LIST];
        let list = alias.children.iter().find(|child| lists.contains(&child.kind));
        let named = |node: &&Node| node.kind == SyntaxKind::COLUMN_NAME;
        let columns = list.into_iter().flat_map(Node::descendants).filter(named);
        let columns = columns.map(|name| self.folded(name)).collect();
        // `AS r(id bigint)` names types.
        for types in list.into_iter().flat_map(|list| &list.children) {
            self.children_but(types, SyntaxKind::COLUMN_NAME);
        }
        Alias {
            name: alias.child(SyntaxKind::TABLE_ALIAS).map(|name| self.folded(name)),
            columns,
        }
    }

    /// A table or the query of a WITH: a path with or without an alias.
    fn relation(&mut self, node: &Node, alias: Alias) {
        let Some(path) = node.descendants().find(|node| node.kind == SyntaxKind::PATH_REF) else {
            return;
        };
        let parts: Vec<String> = segments(path).iter().map(|part| self.folded(part)).collect();
        let is_qualified = parts.len() > 1;
        let Some(table) = qualified(&parts) else { return };
        let query = (!is_qualified)
            .then(|| self.with_query(table.name.as_str()).cloned())
            .flatten();
        if let Some(source) = query {
            let name = alias.name.unwrap_or_else(|| table.name.as_str().to_owned());
            self.add(Item {
                name,
                named_by: None,
                is_home: false,
                source,
                columns: alias.columns,
            });
            return;
        }
        let mut item = self.table_item(table.clone());
        item.columns = alias.columns;
        let form = match alias.name {
            Some(name) => {
                item.name = name;
                item.named_by = None;
                self.add(item);
                Form::Path {
                    qualified: is_qualified,
                }
            }
            None => Form::From {
                item: self.add(item),
                qualified: is_qualified,
            },
        };
        self.push(Target::Table(table), path.range.clone(), form);
    }

    /// The table that a statement changes. Its columns are seen from here on.
    pub(super) fn target(&mut self, statement: &Node) -> Option<usize> {
        let kinds = [
            SyntaxKind::RELATION_NAME,
            SyntaxKind::RELATION_NAME_REF,
            SyntaxKind::TABLE_RELATION_NAME,
        ];
        let name = statement
            .children
            .iter()
            .find(|child| kinds.contains(&child.kind))?;
        let alias = self.alias(statement);
        let index = self.items.len();
        self.relation(name, alias);
        (self.items.len() > index).then_some(index)
    }

    fn join(&mut self, node: &Node) {
        let start = self.scopes.last().map_or(0, |scope| scope.items.len());
        for child in &node.children {
            if child.kind != SyntaxKind::JOIN {
                self.read_item(child);
                continue;
            }
            let middle = self.scopes.last().map_or(0, |scope| scope.items.len());
            for part in &child.children {
                match part.kind {
                    SyntaxKind::ON_CLAUSE => {
                        let before = self.hide(start);
                        self.children(part);
                        self.hide(before);
                    }
                    SyntaxKind::JOIN_USING_CLAUSE => self.using(part, start, middle),
                    _ => self.read_item(part),
                }
            }
        }
    }

    /// Hides the first items of the scope, and says how many were hidden before.
    fn hide(&mut self, count: usize) -> usize {
        match self.scope() {
            Some(scope) => std::mem::replace(&mut scope.hidden, count),
            None => 0,
        }
    }

    /// `USING (id)`: a column of an item from `start` on, and one of an item from `middle` on.
    fn using(&mut self, clause: &Node, start: usize, middle: usize) {
        let items = self
            .scopes
            .last()
            .map(|scope| scope.items.clone())
            .unwrap_or_default();
        let left = items.get(start..middle).unwrap_or_default();
        let right = items.get(middle..).unwrap_or_default();
        let names = clause
            .descendants()
            .filter(|node| node.kind == SyntaxKind::COLUMN_NAME_REF);
        let mut columns = Vec::new();
        for node in names {
            let name = self.folded(node);
            let sides = [left, right].map(|items| {
                let mut sides = items.iter();
                sides
                    .find_map(|&item| Some((item, self.item_column(item, &name)?)))
                    .or_else(|| self.only_table(items, &name))
            });
            let targets = sides.iter().flatten().filter_map(|(_, target)| target.clone());
            let mut known = false;
            for target in targets.collect::<Vec<_>>() {
                known = true;
                self.push(target, node.range.clone(), Form::Using);
            }
            if !known && sides.iter().any(Option::is_none) {
                self.unknown(self.slice(node), node.range.clone());
            }
            columns.push(JoinColumn {
                name,
                range: node.range.clone(),
                sides,
            });
        }
        if let Some(alias) = clause.child(SyntaxKind::REQUIRED_AS_ALIAS).and_then(|alias| {
            let name = alias.child(SyntaxKind::TABLE_ALIAS)?;
            Some(self.folded(name))
        }) {
            let merged = columns.iter().map(|column| Output {
                name: column.name.clone(),
                target: column
                    .sides
                    .iter()
                    .flatten()
                    .find_map(|(_, target)| target.clone()),
            });
            let outputs = Outputs {
                columns: merged.collect(),
                rest: Vec::new(),
            };
            self.add(Item {
                name: alias,
                named_by: None,
                is_home: false,
                source: Source::Query(Rc::new(outputs)),
                columns: Vec::new(),
            });
        }
        self.joins.push(Join {
            range: clause.range.clone(),
            columns,
        });
    }

    /// A side of one table has the column, even if nobody says so.
    fn only_table(&self, items: &[usize], name: &str) -> Option<(usize, Option<Target>)> {
        let &[item] = items else { return None };
        match &self.item(item)?.source {
            Source::Table(table) => {
                let column = Target::Column(table.clone(), lexical::ident(name)?);
                Some((item, Some(column)))
            }
            Source::Query(_) => None,
        }
    }

    /// `(SELECT …) s`, `LATERAL (SELECT …) s`, `(a JOIN b …)`, `(a JOIN b …) j` and `ONLY (a)`.
    fn parentheses(&mut self, node: &Node) {
        let alias = self.alias(node);
        if let Some(only) = node.child(SyntaxKind::PAREN_EXPR) {
            let is_only = node.child(SyntaxKind::ONLY_KW).is_some();
            match (only.children.as_slice(), is_only) {
                ([_, table, _], true) => self.relation(table, alias),
                _ => self.joined(only, alias),
            }
            return;
        }
        let is_lateral = node.child(SyntaxKind::LATERAL_KW).is_some();
        let count = self.scopes.last().map_or(0, |scope| scope.items.len());
        let before = if is_lateral { None } else { Some(self.hide(count)) };
        let query = node.child(SyntaxKind::PAREN_SELECT);
        let source = query.map_or_else(nothing, |query| self.query(query, None));
        if let Some(before) = before {
            self.hide(before);
        }
        self.add(Item {
            name: alias.name.unwrap_or_default(),
            named_by: None,
            is_home: false,
            source,
            columns: alias.columns,
        });
    }

    /// A join in parentheses; an alias hides the items in it.
    fn joined(&mut self, node: &Node, alias: Alias) {
        let start = self.scopes.last().map_or(0, |scope| scope.items.len());
        self.read_from(node);
        let Some(name) = alias.name else { return };
        let inner = match self.scope() {
            Some(scope) => scope.items.split_off(start.min(scope.items.len())),
            None => Vec::new(),
        };
        let outputs = Outputs {
            columns: Vec::new(),
            rest: inner.iter().filter_map(|&item| self.passed_on(item)).collect(),
        };
        self.add(Item {
            name,
            named_by: None,
            is_home: false,
            source: Source::Query(Rc::new(outputs)),
            columns: alias.columns,
        });
    }

    /// What `*` gives of an item.
    pub(super) fn passed_on(&self, index: usize) -> Option<Source> {
        let item = self.item(index)?;
        if item.columns.is_empty() {
            return Some(item.source.clone());
        }
        let named = item.columns.iter().map(|name| Output {
            name: name.clone(),
            target: None,
        });
        Some(Source::Query(Rc::new(Outputs {
            columns: named.collect(),
            rest: vec![item.source.clone()],
        })))
    }

    /// `f(…) r`: one that returns no rows of a table has a column of the item's name.
    fn function(&mut self, node: &Node) {
        let start = self.found.len();
        self.children_but(node, SyntaxKind::FROM_ALIAS);
        let is_function = |target: &Target| matches!(target, Target::Function(_));
        let call = node.child(SyntaxKind::CALL_EXPR);
        let place = call
            .and_then(|call| call.children.first())
            .map(|callee| callee.range.clone());
        let function = self
            .found
            .get(start..)
            .into_iter()
            .flatten()
            .find(|found| Some(&found.range) == place.as_ref() && is_function(&found.target))
            .map(|found| found.target.clone());
        let alias = self.alias(node);
        let (returns, own_name) = match &function {
            Some(Target::Function(name)) => (self.catalog.returns(name), Some(name.name.as_str().to_owned())),
            _ => (None, None),
        };
        let named_by = if alias.name.is_none() { function } else { None };
        let Some(name) = alias.name.or(own_name) else {
            return;
        };
        let outputs = match returns {
            Some(table) => Outputs {
                columns: Vec::new(),
                rest: vec![Source::Table(table)],
            },
            None if alias.columns.is_empty() => Outputs {
                columns: vec![Output {
                    name: name.clone(),
                    target: named_by.clone(),
                }],
                rest: Vec::new(),
            },
            None => Outputs::default(),
        };
        self.add(Item {
            name,
            named_by,
            is_home: false,
            source: Source::Query(Rc::new(outputs)),
            columns: alias.columns,
        });
    }
}

/// The source of columns that are nobody's.
pub(super) fn nothing() -> Source {
    Source::Query(Rc::new(Outputs::default()))
}
