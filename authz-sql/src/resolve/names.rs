//! Columns, calls and types.

use super::{Form, Resolver, Source, qualified};
use crate::QualifiedName;
use crate::expression::{Catalog, Target};
use crate::lexical;
use crate::tree::{Node, SyntaxKind};

/// What the grammar makes of a bare name before parentheses; no function stands behind it.
const CONSTRUCTS: &[&str] = &["coalesce", "greatest", "grouping", "least", "nullif"];

/// Whether the grammar takes the bare name before parentheses for something else than a call.
pub(crate) fn is_construct(name: &str) -> bool {
    CONSTRUCTS.contains(&name)
}

/// Keywords that stand for a value and parse as a name.
pub(crate) const VALUE_KEYWORDS: &[&str] = &[
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

/// What a bare name is.
enum Bare {
    /// A column with its item, what it is, and the other items in which the name is looked for.
    Column(usize, Option<Target>, Vec<usize>),
    /// The whole row of an item.
    Row(usize),
    /// A value that is no column.
    Value,
    Nothing,
}

impl<C: Catalog> Resolver<'_, C> {
    pub(super) fn call(&mut self, node: &Node) {
        let Some((callee, arguments)) = node.children.split_first() else {
            return;
        };
        match names(callee) {
            Some((parts, false)) => {
                let folded: Vec<String> = parts.iter().map(|part| self.folded(part)).collect();
                let is_construct = is_construct(&self.slice(callee).to_ascii_lowercase());
                if let Some(function) = qualified(&folded).filter(|_| !is_construct) {
                    let form = Form::Path {
                        qualified: parts.len() > 1,
                    };
                    self.push(Target::Function(function), callee.range.clone(), form);
                }
            }
            _ => self.walk(callee),
        }
        for argument in arguments {
            self.walk(argument);
        }
    }

    /// `a`, `a.b`, `a.b.c`, `a.*` and `(…).a`.
    pub(super) fn name(&mut self, node: &Node) {
        match names(node) {
            Some((parts, false)) => match parts.as_slice() {
                [only] => self.bare_name(only),
                [before @ .., last] => self.qualified_name(before, Some(last)),
                [] => {}
            },
            Some((parts, true)) => self.qualified_name(&parts, None),
            None => self.field(node),
        }
    }

    fn bare_name(&mut self, node: &Node) {
        let written = self.slice(node);
        let range = node.range.clone();
        match self.resolve(written) {
            Bare::Column(item, Some(target), others) => {
                self.push(target, range, Form::Column { item, others });
            }
            Bare::Row(item) => self.row(item, node),
            Bare::Column(_, None, _) | Bare::Value => {}
            Bare::Nothing => self.unknown(written, range),
        }
    }

    /// The whole row of an item: its table's name or its alias stands at the node.
    fn row(&mut self, index: usize, node: &Node) {
        let Some(item) = self.item(index) else { return };
        match (&item.named_by, &item.source) {
            (Some(target), _) => self.push(target.clone(), node.range.clone(), Form::Row { item: index }),
            (None, Source::Table(table)) => {
                self.push(Target::Table(table.clone()), node.range.clone(), Form::Alias);
            }
            _ => {}
        }
    }

    fn resolve(&self, written: &str) -> Bare {
        if VALUE_KEYWORDS.contains(&written.to_ascii_lowercase().as_str()) {
            return Bare::Value;
        }
        let name = lexical::fold(written);
        let mut looked_at = Vec::new();
        for items in self.in_sight() {
            let has = items
                .iter()
                .find_map(|&item| Some((item, self.item_column(item, &name)?)));
            looked_at.extend_from_slice(items);
            if let Some((item, target)) = has {
                looked_at.retain(|&other| other != item);
                return Bare::Column(item, target, looked_at);
            }
        }
        if let Some(item) = self.named(&name) {
            return Bare::Row(item);
        }
        if self.parameters.contains(&name) {
            return Bare::Value;
        }
        Bare::Nothing
    }

    /// The item that a bare name before a dot means.
    fn named(&self, name: &str) -> Option<usize> {
        let mut items = self.in_sight().flatten().copied();
        items.find(|&item| self.item(item).is_some_and(|item| item.name == name))
    }

    /// The item that the names before a dot mean.
    fn qualifier(&self, names: &[String]) -> Option<usize> {
        match names {
            [name] => self.named(name),
            _ => {
                let table = Some(Target::Table(qualified(names)?));
                let mut items = self.in_sight().flatten().copied();
                items.find(|&item| self.item(item).is_some_and(|item| item.named_by == table))
            }
        }
    }

    /// A column behind the name of its item; without a column, `*`.
    fn qualified_name(&mut self, before: &[&Node], column: Option<&Node>) {
        let (Some(first), Some(last)) = (before.first(), before.last()) else {
            return;
        };
        let range = first.range.start..last.range.end;
        let folded: Vec<String> = before.iter().map(|part| self.folded(part)).collect();
        let Some(item) = self.qualifier(&folded) else {
            return self.unresolved(before, column);
        };
        let Some((named_by, source)) = self
            .item(item)
            .map(|item| (item.named_by.clone(), item.source.clone()))
        else {
            return;
        };
        let qualified = before.len() > 1;
        match (named_by, &source) {
            (Some(target), _) => self.push(target, range, Form::Qualifier { item, qualified }),
            (None, Source::Table(table)) if column.is_none() => {
                self.push(Target::Table(table.clone()), range, Form::Alias);
            }
            _ => {}
        }
        let Some(column) = column else { return };
        let name = self.folded(column);
        match (self.item_column(item, &name), source) {
            (Some(Some(target)), _) => self.push(target, column.range.clone(), Form::Name),
            (Some(None), _) => {}
            (None, Source::Table(table)) => self.column_of(table, column),
            (None, Source::Query(_)) => self.unknown(self.slice(column), column.range.clone()),
        }
    }

    /// A column of a table that nobody says it has. PostgreSQL takes `t.f` for the call `f(t)` where there is no column.
    fn column_of(&mut self, table: QualifiedName, column: &Node) {
        let name = self.folded(column);
        let is_known = self.catalog.has_column(&table, &name);
        if let Some(name) = lexical::ident(&name) {
            self.push(Target::Column(table, name), column.range.clone(), Form::Name);
        }
        if let Some(function) = qualified(&[name]).filter(|_| !is_known) {
            let form = Form::Path { qualified: false };
            self.push(Target::Function(function), column.range.clone(), form);
        }
    }

    fn unresolved(&mut self, before: &[&Node], column: Option<&Node>) {
        // `argument.field`, and `f.argument`: the first of them is a name that stays.
        let is_parameter = |node: &Node| self.parameters.contains(&self.folded(node));
        if let ([only], Some(column)) = (before, column)
            && (is_parameter(only) || is_parameter(column))
        {
            return;
        }
        for node in before.iter().copied().chain(column) {
            self.unknown(self.slice(node), node.range.clone());
        }
    }

    /// `(row).field`.
    fn field(&mut self, node: &Node) {
        let mut children = node.children.iter().filter(|child| child.kind != SyntaxKind::DOT);
        let (Some(base), field) = (children.next(), children.next()) else {
            return;
        };
        self.walk(base);
        let Some(field) = field.filter(|field| field.kind == SyntaxKind::NAME_REF) else {
            return;
        };
        match self.row_table(base) {
            Some(table) => self.column_of(table, field),
            None => self.unknown(self.slice(field), field.range.clone()),
        }
    }

    /// The table whose row the node is.
    fn row_table(&self, node: &Node) -> Option<QualifiedName> {
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, [_, inner, _]) => self.row_table(inner),
            (SyntaxKind::NAME_REF, _) => match self.resolve(self.slice(node)) {
                Bare::Row(item) => match &self.item(item)?.source {
                    Source::Table(table) => Some(table.clone()),
                    Source::Query(_) => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// `app.status`, and `app.notes.id%TYPE`.
    pub(super) fn type_name(&mut self, node: &Node) {
        let Some(path) = node.child(SyntaxKind::PATH_REF) else {
            return;
        };
        let segments = segments(path);
        let folded: Vec<String> = segments.iter().map(|part| self.folded(part)).collect();
        if node.kind == SyntaxKind::PATH_TYPE {
            let form = Form::Path {
                qualified: segments.len() > 1,
            };
            if let Some(name) = qualified(&folded) {
                self.push(Target::Type(name), path.range.clone(), form);
            }
            return;
        }
        let Some((last, before)) = segments.split_last() else {
            return;
        };
        let (Some(first), Some(before), Some((name, table))) =
            (before.first(), before.last(), folded.split_last())
        else {
            return;
        };
        if let (Some(table), Some(name)) = (qualified(table), lexical::ident(name)) {
            let form = Form::Path {
                qualified: segments.len() > 2,
            };
            self.push(
                Target::Table(table.clone()),
                first.range.start..before.range.end,
                form,
            );
            self.push(Target::Column(table, name), last.range.clone(), Form::Name);
        }
    }

    /// A key to sort or group by, or an ON of DISTINCT: a bare name means a column of the result first, or at last.
    pub(super) fn sort_key(&mut self, node: &Node) {
        for child in &node.children {
            let outputs = self.scopes.last().and_then(|scope| scope.outputs.clone());
            let name = self.folded(child);
            let output = outputs.iter().find_map(|outputs| {
                let mut columns = outputs.columns.iter();
                columns.find(|output| output.name == name)
            });
            let is_last = node.kind == SyntaxKind::GROUPING_EXPR;
            match output {
                Some(output) if child.kind == SyntaxKind::NAME_REF => {
                    let resolved = self.resolve(self.slice(child));
                    let is_input =
                        matches!(&resolved, Bare::Column(_, target, _) if *target == output.target);
                    let has_input = matches!(resolved, Bare::Column(..));
                    if (is_last && has_input) || (is_input && output.target.is_some()) {
                        self.walk(child);
                    } else if let Some(target) = &output.target {
                        self.push(target.clone(), child.range.clone(), Form::Name);
                    }
                }
                _ => self.walk(child),
            }
        }
    }

    /// `FOR UPDATE OF notes`.
    pub(super) fn locked(&mut self, node: &Node) {
        for child in node
            .children
            .iter()
            .filter(|child| child.kind == SyntaxKind::NAME_REF)
        {
            if let Some(item) = self.named(&self.folded(child)) {
                self.row(item, child);
            }
        }
    }

    /// The item of `t.*`.
    pub(super) fn star(&self, node: &Node) -> Option<usize> {
        let (parts, _) = names(node).filter(|(_, star)| *star)?;
        let folded: Vec<String> = parts.iter().map(|part| self.folded(part)).collect();
        self.qualifier(&folded)
    }

    /// What the value of a node is named after as a column of the result.
    pub(super) fn output(&self, node: &Node) -> Option<(String, Option<Target>)> {
        match (node.kind, node.children.as_slice()) {
            (SyntaxKind::PAREN_EXPR, [_, inner, _]) => self.output(inner),
            (SyntaxKind::CAST_EXPR, children) => {
                let value = children.iter().find_map(|child| self.output(child));
                value.or_else(|| {
                    let path = children
                        .iter()
                        .flat_map(Node::descendants)
                        .find(|child| child.kind == SyntaxKind::PATH_REF)?;
                    Some((self.folded(segments(path).last()?), None))
                })
            }
            (SyntaxKind::CALL_EXPR, [callee, ..]) => {
                let (parts, _) = names(callee)?;
                let folded: Vec<String> = parts.iter().map(|part| self.folded(part)).collect();
                Some((folded.last()?.clone(), qualified(&folded).map(Target::Function)))
            }
            (SyntaxKind::INDEX_EXPR | SyntaxKind::SLICE_EXPR, [base, ..]) => self.output(base),
            (SyntaxKind::NAME_REF, _) => {
                let target = match self.resolve(self.slice(node)) {
                    Bare::Column(_, target, _) => target,
                    Bare::Row(item) => self.item(item)?.named_by.clone(),
                    Bare::Value | Bare::Nothing => None,
                };
                Some((self.folded(node), target))
            }
            (SyntaxKind::FIELD_EXPR, children) => {
                let last = children.last().filter(|last| last.kind == SyntaxKind::NAME_REF)?;
                let name = self.folded(last);
                let target = match names(node) {
                    Some((parts, false)) => {
                        let (_, before) = parts.split_last()?;
                        let folded: Vec<String> = before.iter().map(|part| self.folded(part)).collect();
                        let item = self.qualifier(&folded);
                        item.and_then(|item| {
                            match (self.item_column(item, &name), &self.item(item)?.source) {
                                (Some(target), _) => target,
                                (None, Source::Table(table)) => {
                                    Some(Target::Column(table.clone(), lexical::ident(&name)?))
                                }
                                (None, Source::Query(_)) => None,
                            }
                        })
                    }
                    _ => children
                        .first()
                        .and_then(|base| Some(Target::Column(self.row_table(base)?, lexical::ident(&name)?))),
                };
                Some((name, target))
            }
            _ => None,
        }
    }
}

/// The names of `a.b.c`, and whether `.*` follows them; `None` where something else is before a dot.
fn names(node: &Node) -> Option<(Vec<&Node>, bool)> {
    match (node.kind, node.children.as_slice()) {
        (SyntaxKind::NAME_REF, _) => Some((vec![node], false)),
        (SyntaxKind::FIELD_EXPR, [base, _, last]) => {
            let (mut parts, star) = names(base)?;
            match last.kind {
                _ if star => None,
                SyntaxKind::NAME_REF => {
                    parts.push(last);
                    Some((parts, false))
                }
                SyntaxKind::STAR => Some((parts, true)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The names of a path.
pub(super) fn segments(path: &Node) -> Vec<&Node> {
    let nodes = path.descendants();
    nodes
        .filter(|node| matches!(node.kind, SyntaxKind::PATH_SEGMENT_REF | SyntaxKind::PATH_SEGMENT))
        .collect()
}
