//! An expression with other names for what it refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Catalog, Expression, Target};
use crate::lexical::{self, fold};
use crate::resolve::{Form, Found, Join, PUBLIC, Resolver, Source};
use crate::{Ident, QualifiedName, literal};

/// What stands in the place of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replacement {
    /// For a table, a function or a type: where it is now. A bare name stays bare while it is in `public`.
    Object(QualifiedName),
    /// For a column or an unknown name: its name. For anything else: another name in the same namespace.
    Name(Ident),
    /// For a string constant: its value.
    Text(String),
}

impl Expression {
    /// The text with other names for what is referred to, quoted where SQL needs it. `None` keeps a reference as it is. Nothing
    /// else changes, but for what keeps the meaning: a column that an inner table would now take is written with its
    /// table, a table whose new name is another's there gets its old name as an alias, and `USING (id)` becomes ON where the
    /// names on both sides part.
    ///
    /// `home` and `catalog` are those of the text as it is, with the old names. A text that cannot be parsed is asked for its
    /// names as [`Target::Unknown`].
    ///
    /// # Example
    ///
    /// ```
    /// use authz_sql::expression::{Expression, Replacement, Target};
    /// use authz_sql::Ident;
    ///
    /// let policy = Expression::unchecked("n.id = 'id' -- id");
    /// let renamed = policy.rewritten(None, &(), |target| match target {
    ///     Target::Unknown(name) if name.as_str() == "id" => {
    ///         Some(Replacement::Name(Ident::new("Key").unwrap()))
    ///     }
    ///     _ => None,
    /// });
    /// assert_eq!(renamed.as_str(), r#"n."Key" = 'id' -- id"#);
    /// ```
    #[must_use]
    pub fn rewritten(
        &self,
        home: Option<&QualifiedName>,
        catalog: &impl Catalog,
        name: impl FnMut(&Target) -> Option<Replacement>,
    ) -> Self {
        let resolver = self.resolved(home, catalog);
        match rewritten(&resolver, name) {
            Some(text) => Self::unchecked(text),
            None => self.clone(),
        }
    }
}

/// The text of what was resolved with other names; `None` where nothing changes.
pub(crate) fn rewritten<C: Catalog>(
    resolver: &Resolver<'_, C>,
    name: impl FnMut(&Target) -> Option<Replacement>,
) -> Option<String> {
    let mut writer = Writer {
        resolver,
        name,
        asked: BTreeMap::new(),
        aliased: BTreeSet::new(),
        hidden: BTreeSet::new(),
        edits: BTreeMap::new(),
    };
    writer.find_taken_names();
    let split: Vec<&Join> = resolver.joins.iter().filter(|join| writer.joined(join)).collect();
    for found in &resolver.found {
        writer.found(found, &split);
    }
    writer.finish()
}

struct Writer<'a, 'b, C, F> {
    resolver: &'a Resolver<'b, C>,
    name: F,
    /// What was asked before, so that each target has one answer.
    asked: BTreeMap<Target, Option<Replacement>>,
    /// Items of FROM that keep their name as an alias.
    aliased: BTreeSet<usize>,
    /// The item around the expression, where its new name is another's inside.
    hidden: BTreeSet<usize>,
    /// What to write, by the place where it begins and ends.
    edits: BTreeMap<(usize, usize), String>,
}

impl<C: Catalog, F: FnMut(&Target) -> Option<Replacement>> Writer<'_, '_, C, F> {
    fn ask(&mut self, target: &Target) -> Option<Replacement> {
        if let Some(answer) = self.asked.get(target) {
            return answer.clone();
        }
        let answer = (self.name)(target);
        self.asked.insert(target.clone(), answer.clone());
        answer
    }

    /// The last name of a target from now on; `None` where it stays.
    fn new_name(&mut self, target: &Target) -> Option<Ident> {
        match self.ask(target)? {
            Replacement::Object(object) => Some(object.name),
            Replacement::Name(name) => Some(name),
            Replacement::Text(_) => None,
        }
    }

    fn new_object(&mut self, target: &Target) -> Option<QualifiedName> {
        let (Target::Table(object) | Target::Function(object) | Target::Type(object)) = target else {
            return None;
        };
        match self.ask(target)? {
            Replacement::Object(object) => Some(object),
            Replacement::Name(name) => Some(object.renamed(&name)),
            Replacement::Text(_) => None,
        }
    }

    /// The name that qualifies the columns of an item from now on.
    fn item_name(&mut self, index: usize) -> String {
        let Some(item) = self.resolver.items.get(index) else {
            return String::new();
        };
        let named_by = item.named_by.as_ref().filter(|_| !self.aliased.contains(&index));
        let renamed = named_by.and_then(|target| self.new_name(target));
        renamed.map_or_else(|| item.name.clone(), |name| name.as_str().to_owned())
    }

    /// Finds the items whose new name is that of another item, which had another name before.
    fn find_taken_names(&mut self) {
        let resolver = self.resolver;
        let names: Vec<String> = (0..resolver.items.len())
            .map(|index| self.item_name(index))
            .collect();
        for (index, item) in resolver.items.iter().enumerate() {
            let Some(name) = names.get(index).filter(|name| **name != item.name) else {
                continue;
            };
            let is_taken = resolver
                .items
                .iter()
                .zip(&names)
                .any(|(other, new)| new == name && other.name != item.name);
            if is_taken && item.is_home {
                self.hidden.insert(index);
            } else if is_taken && matches!(item.named_by, Some(Target::Table(_))) {
                self.aliased.insert(index);
            }
        }
    }

    /// Writes a USING clause; whether its names part, so that it becomes ON.
    fn joined(&mut self, join: &Join) -> bool {
        let mut pairs = Vec::with_capacity(join.columns.len());
        let mut parts = false;
        for column in &join.columns {
            let mut names = Vec::new();
            for (item, target) in column.sides.iter().flatten() {
                let name = target.as_ref().and_then(|target| self.new_name(target));
                let name = name.map_or_else(|| column.name.clone(), |name| name.as_str().to_owned());
                names.push((*item, name));
            }
            parts |= names
                .windows(2)
                .any(|pair| matches!(pair, [one, other] if one.1 != other.1));
            pairs.push(names);
        }
        if parts {
            let mut conditions = Vec::new();
            for (names, column) in pairs.iter().zip(&join.columns) {
                let mut sides = Vec::new();
                for (item, name) in names {
                    sides.push(format!("{}.{}", quoted(&self.item_name(*item)), quoted(name)));
                }
                if sides.len() < 2 {
                    sides.push(quoted(&column.name));
                }
                conditions.push(sides.join(" = "));
            }
            self.edit(&join.range, format!("ON {}", conditions.join(" AND ")));
            return true;
        }
        for (names, column) in pairs.iter().zip(&join.columns) {
            if let Some((_, name)) = names.first().filter(|(_, name)| *name != column.name) {
                self.edit(&column.range, quoted(name));
            }
        }
        false
    }

    fn found(&mut self, found: &Found, split: &[&Join]) {
        let target = &found.target;
        let range = &found.range;
        match &found.form {
            Form::Alias | Form::Using => {}
            Form::Text => {
                if let Some(Replacement::Text(value)) = self.ask(target) {
                    self.edit(range, self.string(range, &value));
                }
            }
            Form::Name => {
                if let Some(name) = self.new_name(target) {
                    self.edit(range, name.to_string());
                }
            }
            Form::Path { qualified } => {
                if let Some(object) = self.new_object(target) {
                    self.edit(range, path(&object, *qualified));
                }
            }
            Form::From { item, qualified } => {
                if let Some(object) = self.new_object(target) {
                    let mut text = path(&object, *qualified);
                    if let Some(item) = self
                        .resolver
                        .items
                        .get(*item)
                        .filter(|_| self.aliased.contains(item))
                    {
                        text = format!("{text} AS {}", quoted(&item.name));
                    }
                    self.edit(range, text);
                }
            }
            Form::Qualifier { item, qualified } => self.qualifier(target, range, *item, *qualified),
            Form::Row { item } => {
                if !self.aliased.contains(item)
                    && let Some(name) = self.new_name(target)
                {
                    self.edit(range, name.to_string());
                }
            }
            Form::Column { item, others } => self.bare_column(found, *item, others, split),
        }
    }

    fn qualifier(&mut self, target: &Target, range: &Range<usize>, item: usize, qualified: bool) {
        let Some(object) = self.new_object(target) else {
            return;
        };
        let text = if self.aliased.contains(&item) {
            self.item_name(item)
        } else {
            let full = qualified || self.hidden.contains(&item);
            let text = if full {
                object.to_string()
            } else {
                object.name.to_string()
            };
            return self.edit(range, text);
        };
        self.edit(range, quoted(&text));
    }

    /// A bare column, with the name of its item where another item has a column of its new name, or where a USING that made
    /// one column of two is gone.
    fn bare_column(&mut self, found: &Found, item: usize, others: &[usize], split: &[&Join]) {
        let written = self.resolver.text.get(found.range.clone()).unwrap_or_default();
        let old = fold(written);
        let renamed = self.new_name(&found.target);
        let name = renamed.as_ref().map_or(old.as_str(), Ident::as_str).to_owned();
        let is_taken = others
            .iter()
            .any(|&other| self.has_column(other, &name) && self.resolver.item_column(other, &old).is_none());
        let was_merged = split.iter().flat_map(|join| &join.columns).any(|column| {
            let mut sides = column.sides.iter().flatten();
            column.name == old && sides.any(|(side, _)| *side == item) && {
                let mut others = column.sides.iter().flatten().filter(|(side, _)| *side != item);
                others.any(|(other, _)| self.has_column(*other, &name))
            }
        });
        let text = match renamed {
            Some(name) => name.to_string(),
            None => written.to_owned(),
        };
        if is_taken || was_merged {
            let before = self.qualified_item(item);
            self.edit(&found.range, format!("{before}.{text}"));
        } else {
            self.edit(&found.range, text);
        }
    }

    /// What to write before the dot for an item.
    fn qualified_item(&mut self, index: usize) -> String {
        let home = self
            .resolver
            .items
            .get(index)
            .filter(|_| self.hidden.contains(&index));
        let table = home.and_then(|item| item.named_by.clone());
        match table.and_then(|table| self.new_object(&table)) {
            Some(object) => object.to_string(),
            None => quoted(&self.item_name(index)),
        }
    }

    /// Whether an item has a column of this name from now on.
    fn has_column(&mut self, item: usize, name: &str) -> bool {
        let source = self.resolver.items.get(item).map(|item| item.source.clone());
        source.is_some_and(|source| self.source_has_column(&source, name))
    }

    fn source_has_column(&mut self, source: &Source, name: &str) -> bool {
        match source {
            Source::Table(table) => {
                let columns = self.resolver.catalog.columns(table);
                let known = lexical::ident(name).filter(|_| self.resolver.catalog.has_column(table, name));
                columns.into_iter().chain(known).any(|column| {
                    let target = Target::Column(table.clone(), column.clone());
                    let new = self.new_name(&target).unwrap_or(column);
                    new.as_str() == name
                })
            }
            Source::Query(outputs) => {
                let named = outputs.columns.iter().any(|output| {
                    let new = output.target.as_ref().and_then(|target| self.new_name(target));
                    new.map_or_else(|| output.name == name, |new| new.as_str() == name)
                });
                named || outputs.rest.iter().any(|rest| self.source_has_column(rest, name))
            }
        }
    }

    /// The value as a string of the kind that stands there, where it can be one.
    fn string(&self, range: &Range<usize>, value: &str) -> String {
        let written = self.resolver.text.get(range.clone()).unwrap_or_default();
        if let Some(rest) = written.strip_prefix('$')
            && let Some(tag) = rest.split('$').next()
        {
            let quote = format!("${tag}$");
            if !format!("{value}$").contains(&quote) {
                return format!("{quote}{value}{quote}");
            }
        }
        if written.starts_with('\'') && !value.contains('\\') {
            return format!("'{}'", value.replace('\'', "''"));
        }
        literal(value)
    }

    fn edit(&mut self, range: &Range<usize>, text: String) {
        if self.resolver.text.get(range.clone()) != Some(text.as_str()) {
            self.edits.entry((range.start, range.end)).or_insert(text);
        }
    }

    fn finish(self) -> Option<String> {
        if self.edits.is_empty() {
            return None;
        }
        let text = self.resolver.text;
        let mut out = String::with_capacity(text.len());
        let mut end = 0;
        for ((from, to), new) in self.edits {
            // A clause that is written anew has no edits inside.
            if from < end {
                continue;
            }
            out.push_str(text.get(end..from).unwrap_or_default());
            out.push_str(&new);
            end = to;
        }
        out.push_str(text.get(end..).unwrap_or_default());
        Some(out)
    }
}

/// An object's name with its namespace, unless it stands bare and needs none.
fn path(object: &QualifiedName, qualified: bool) -> String {
    if qualified || object.namespace.as_str() != PUBLIC {
        object.to_string()
    } else {
        object.name.to_string()
    }
}

fn quoted(name: &str) -> String {
    Ident::new(name).map_or_else(|_| name.to_owned(), |name| name.to_string())
}
