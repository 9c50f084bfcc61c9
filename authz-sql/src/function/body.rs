//! What a function refers to: in its signature, which PostgreSQL knows, and in its body, which it may not.

use std::ops::Range;

use crate::expression::{Catalog, Reference, Target};
use crate::lexical::{self, fold};
use crate::resolve::{Form, Resolver, is_name, qualified};
use crate::tree::{self, Node, SyntaxKind};

/// How much PostgreSQL knows of what a function's body says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `BEGIN ATOMIC … END` or `RETURN …`: parsed when the function is made; the server keeps what it refers to, follows renames,
    /// and refuses to drop it.
    Atomic,
    /// A string in LANGUAGE sql: checked when the function is made, parsed again at each call.
    Sql,
    /// A string in another language, of which the server knows nothing.
    Opaque,
}

/// The body of a function, and all that the function refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// How much PostgreSQL knows of it.
    pub kind: BodyKind,
    /// SECURITY DEFINER: it runs with the rights of its owner, so that whoever calls it needs none on what it calls.
    pub is_definer: bool,
    /// Where it stands in the statement, in bytes. What is outside is the signature: types of arguments, defaults, what
    /// is returned.
    pub range: Range<usize>,
    /// What signature and body refer to, in order of place.
    pub references: Vec<Reference>,
}

impl Body {
    /// Reads a `CREATE FUNCTION` statement.
    ///
    /// A text that is none is [`Opaque`](BodyKind::Opaque) as a whole. Of an opaque body, and of an SQL string that
    /// cannot be parsed, every name is [`Target::Unknown`], those within its strings too, since they may be run; besides,
    /// `a(` is [`Target::Function`] and `a.b` [`Target::Table`], as far as shapes tell.
    #[must_use]
    pub fn read(sql: &str, catalog: &impl Catalog) -> Self {
        let mut resolver = Resolver::new(sql, catalog);
        let statement = tree::parse_statement(sql).ok();
        let function = statement.filter(|statement| {
            matches!(
                statement.kind,
                SyntaxKind::CREATE_FUNCTION | SyntaxKind::CREATE_PROCEDURE
            )
        });
        let (kind, range) = match &function {
            Some(function) => resolver.statement(function),
            None => {
                resolver.shapes(sql, &|at| Some(at), 0);
                (BodyKind::Opaque, 0..sql.len())
            }
        };
        Self {
            kind,
            is_definer: function.as_ref().is_some_and(is_definer),
            range,
            references: resolver.references(),
        }
    }

    /// What the signature refers to: the server knows it.
    pub fn signature_references(&self) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(|reference| !self.holds(reference))
    }

    /// What the body refers to.
    pub fn body_references(&self) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(|reference| self.holds(reference))
    }

    fn holds(&self, reference: &Reference) -> bool {
        self.range.start <= reference.range.start && reference.range.end <= self.range.end
    }
}

/// How much PostgreSQL knows of a function's body, and all that signature and body refer to; [`Body`] tells which is which.
#[must_use]
pub fn body_references(sql: &str, catalog: &impl Catalog) -> (BodyKind, Vec<Reference>) {
    let body = Body::read(sql, catalog);
    (body.kind, body.references)
}

impl<C: Catalog> Resolver<'_, C> {
    /// Resolves a function, and says where its body stands.
    fn statement(&mut self, function: &Node) -> (BodyKind, Range<usize>) {
        let options = function.child(SyntaxKind::FUNC_OPTION_LIST);
        let options = options.map(|list| list.children.as_slice()).unwrap_or_default();
        let language = options
            .iter()
            .find(|option| option.kind == SyntaxKind::LANGUAGE_FUNC_OPTION);
        let language = language.and_then(|option| self.language(option));
        let atomic = [SyntaxKind::ATOMIC_BODY, SyntaxKind::RETURN_STMT];
        let list = function.child(SyntaxKind::PARAM_LIST);
        if let Some(list) = list {
            self.expression(list, None);
        }
        if let Some(returns) = function.child(SyntaxKind::RET_TYPE) {
            self.expression(returns, None);
        }
        let name = function.child(SyntaxKind::FUNCTION_NAME).into_iter();
        let name = name
            .flat_map(Node::descendants)
            .filter(|node| node.kind == SyntaxKind::PATH_SEGMENT);
        let parameters = list.into_iter().flat_map(|list| &list.children);
        let parameters = parameters.filter(|parameter| parameter.child(SyntaxKind::PARAM_OUT).is_none());
        let parameters = parameters.filter_map(|parameter| parameter.child(SyntaxKind::PARAM_NAME));
        let names = name.chain(parameters);
        let names = names.map(|node| self.text.get(node.range.clone()).unwrap_or_default());
        self.parameters(names.map(fold).collect());
        if let Some(body) = function
            .children
            .iter()
            .find(|child| atomic.contains(&child.kind))
        {
            self.expression(body, None);
            return (BodyKind::Atomic, body.range.clone());
        }
        let is_sql = language.as_deref() == Some("sql");
        let kind = if is_sql { BodyKind::Sql } else { BodyKind::Opaque };
        let definition = options
            .iter()
            .find(|option| option.kind == SyntaxKind::AS_FUNC_OPTION);
        let Some(definition) = definition else {
            return (kind, function.range.end..function.range.end);
        };
        let literals = definition
            .descendants()
            .filter(|node| node.kind == SyntaxKind::LITERAL);
        let literals: Vec<&Node> = literals.collect();
        let range = match (literals.first(), literals.last()) {
            (Some(first), Some(last)) => first.range.start..last.range.end,
            _ => definition.range.clone(),
        };
        // A function in C names a file and a symbol.
        if let [literal] = literals.as_slice() {
            self.text_body(literal, is_sql);
        }
        (kind, range)
    }

    fn language(&self, option: &Node) -> Option<String> {
        let token = option
            .descendants()
            .filter(|node| node.children.is_empty())
            .last()?;
        let written = self.text.get(token.range.clone())?;
        // PostgreSQL folds the name also where it is a string.
        Some(match lexical::string(token.kind, written) {
            Some((value, _)) => value.to_lowercase(),
            None => fold(written),
        })
    }

    fn text_body(&mut self, literal: &Node, is_sql: bool) {
        let mut value = String::new();
        let mut places = Vec::new();
        for token in &literal.children {
            let written = self.text.get(token.range.clone()).unwrap_or_default();
            if let Some((part, at)) = lexical::string(token.kind, written) {
                value.push_str(&part);
                places.extend(at.into_iter().map(|at| token.range.start + at));
            }
        }
        let whole = literal.range.clone();
        let place = |at: usize| places.get(at).copied();
        let script = if is_sql {
            tree::parse_script(&value).ok()
        } else {
            None
        };
        let Some(statements) = script else {
            self.shapes(&value, &|at| place(at).or(Some(whole.start)), 0);
            return;
        };
        let mut inner = Resolver::new(&value, self.catalog);
        inner.parameters(self.taken_parameters());
        for statement in &statements {
            inner.expression(statement, None);
        }
        for reference in inner.references() {
            let last = reference.range.end.checked_sub(1).and_then(place);
            let end = place(reference.range.end).or(last.map(|last| last + 1));
            let range = match (place(reference.range.start), end) {
                (Some(start), Some(end)) => start..end,
                _ => whole.clone(),
            };
            self.push(reference.target, range, Form::Name);
        }
    }

    /// Every name of a text, and what their shapes make likely. `place` gives where a byte of the text stands in the statement.
    fn shapes(&mut self, text: &str, place: &dyn Fn(usize) -> Option<usize>, depth: usize) {
        let mut at = 0;
        let tokens: Vec<(SyntaxKind, &str, usize)> = tree::tokens(text)
            .into_iter()
            .map(|(kind, token)| {
                let start = at;
                at += token.len();
                (kind, token, start)
            })
            .filter(|(kind, ..)| !matches!(kind, SyntaxKind::WHITESPACE | SyntaxKind::COMMENT))
            .collect();
        let ranged = |start: usize, end: usize| {
            let start = place(start)?;
            Some(start..end.checked_sub(1).and_then(place).map_or(start, |last| last + 1))
        };
        let mut path: Vec<(String, usize)> = Vec::new();
        for (index, &(kind, token, start)) in tokens.iter().enumerate() {
            let Some(range) = ranged(start, start + token.len()) else {
                continue;
            };
            if let Some((value, places)) = lexical::string(kind, token) {
                self.push(Target::Text(value.clone()), range, Form::Name);
                // The string may be SQL that is run. Strings in strings in strings are taken no further.
                if depth < 2 {
                    let inner = |at: usize| place(start + places.get(at).copied().unwrap_or_default());
                    self.shapes(&value, &inner, depth + 1);
                }
                continue;
            }
            let next = tokens.get(index + 1).map(|(kind, ..)| *kind);
            let after_dot = index > 0
                && tokens
                    .get(index - 1)
                    .is_some_and(|(kind, ..)| *kind == SyntaxKind::DOT);
            if !(is_name(kind, token) || after_dot && is_word(token)) {
                continue;
            }
            if !after_dot {
                path.clear();
            }
            path.push((fold(token), start));
            self.unknown(token, range);
            let names: Vec<String> = path.iter().map(|(name, _)| name.clone()).collect();
            let first = path.first().map_or(start, |(_, start)| *start);
            let Some(range) = ranged(first, start + token.len()) else {
                continue;
            };
            match (qualified(&names), next) {
                (Some(name), Some(SyntaxKind::L_PAREN)) => {
                    self.push(Target::Function(name), range, Form::Name);
                }
                (Some(name), _) if path.len() == 2 => self.push(Target::Table(name), range, Form::Name),
                _ => {}
            }
        }
    }
}

/// Whether a `CREATE FUNCTION` says SECURITY DEFINER.
pub(super) fn is_definer(function: &Node) -> bool {
    options(function).any(|option| option.kind == SyntaxKind::SECURITY_DEFINER_FUNC_OPTION)
}

/// Whether it has a search path of its own.
pub(super) fn sets_search_path(function: &Node, sql: &str) -> bool {
    let settings = options(function).filter(|option| option.kind == SyntaxKind::SET_FUNC_OPTION);
    let mut names = settings
        .flat_map(Node::descendants)
        .filter(|node| node.kind == SyntaxKind::CONFIG_PARAMETER_REF);
    names.any(|name| {
        sql.get(name.range.clone())
            .is_some_and(|name| fold(name) == "search_path")
    })
}

fn options(function: &Node) -> impl Iterator<Item = &Node> {
    let list = function.child(SyntaxKind::FUNC_OPTION_LIST).into_iter();
    list.flat_map(|list| &list.children)
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ident, QualifiedName};

    struct Notes;

    impl Catalog for Notes {
        fn has_column(&self, table: &QualifiedName, column: &str) -> bool {
            match table.name.as_str() {
                "notes" => matches!(column, "id" | "owner"),
                "members" => matches!(column, "user_id" | "team_id"),
                _ => false,
            }
        }
    }

    fn shown(reference: &Reference) -> String {
        let object = |name: &QualifiedName| name.to_string().trim_start_matches("public.").to_owned();
        match &reference.target {
            Target::Table(table) => format!("table {}", object(table)),
            Target::Column(table, column) => format!("{}/{}", object(table), Ident::as_str(column)),
            Target::Function(function) => format!("{}()", object(function)),
            Target::Type(ty) => format!("type {}", object(ty)),
            Target::Text(text) => format!("'{text}'"),
            Target::Unknown(name) => format!("?{}", name.as_str()),
        }
    }

    fn read(sql: &str) -> (BodyKind, String, String) {
        let body = Body::read(sql, &Notes);
        let join = |references: Vec<&Reference>| {
            let shown: Vec<String> = references.into_iter().map(shown).collect();
            shown.join(", ")
        };
        assert_eq!(body_references(sql, &Notes), (body.kind, body.references.clone()));
        (
            body.kind,
            join(body.signature_references().collect()),
            join(body.body_references().collect()),
        )
    }

    #[test]
    fn signature_and_body_are_told_apart() {
        for (sql, kind, signature, body) in [
            (
                "CREATE FUNCTION f(a app.mood, b text DEFAULT app.g('x'), c notes.id%TYPE) RETURNS SETOF notes LANGUAGE sql \
                 BEGIN ATOMIC SELECT n.* FROM notes n WHERE owner = a AND f.b = n.id; END",
                BodyKind::Atomic,
                "type app.mood, type text, app.g(), 'x', table notes, notes/id, type notes",
                "table notes, table notes, notes/owner, notes/id",
            ),
            (
                "CREATE FUNCTION f() RETURNS TABLE (x app.mood) RETURN (SELECT team_id FROM members)",
                BodyKind::Atomic,
                "type app.mood",
                "members/team_id, table members",
            ),
            (
                "CREATE OR REPLACE FUNCTION f(owner text) RETURNS bool LANGUAGE 'SQL' STABLE AS $$ SELECT app.g(id) FROM notes; \
                 SELECT owner IN (SELECT user_id::text FROM members); $$",
                BodyKind::Sql,
                "type text, type bool",
                "app.g(), notes/id, table notes, members/user_id, type text, table members",
            ),
            (
                "CREATE FUNCTION f() RETURNS void AS 'UPDATE notes n SET owner = ''x'' WHERE id = 1; INSERT INTO members AS m (team_id) \
                 SELECT id FROM notes ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id RETURNING m.team_id; \
                 DELETE FROM members USING notes WHERE owner = user_id' LANGUAGE sql",
                BodyKind::Sql,
                "type void",
                "table notes, notes/owner, 'x', notes/id, table members, members/team_id, notes/id, table notes, \
                 members/user_id, members/user_id, members/user_id, members/team_id, table members, table notes, \
                 notes/owner, members/user_id",
            ),
            (
                "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN -- gone\n\
                 PERFORM app.g(new.\"Id\"); EXECUTE 'DELETE FROM app.notes'; RETURN NEW; END $$",
                BodyKind::Opaque,
                "type trigger",
                "?begin, ?perform, table app.g, app.g()",
            ),
        ] {
            let (found_kind, found_signature, found_body) = read(sql);
            assert_eq!((found_kind, found_signature.as_str()), (kind, signature), "{sql}");
            if kind == BodyKind::Opaque {
                let names: Vec<&str> = found_body.split(", ").collect();
                for name in [
                    "?perform",
                    "?app",
                    "?g",
                    "app.g()",
                    "?Id",
                    "table app.notes",
                    "?notes",
                ] {
                    assert!(names.contains(&name), "{name} in {found_body}");
                }
                assert!(!found_body.contains("gone"));
            } else {
                assert_eq!(found_body, body, "{sql}");
            }
        }
    }

    #[test]
    fn what_cannot_be_parsed_gives_its_names() {
        let (kind, _, body) =
            read("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT FROM WHERE notes.x'");
        assert_eq!(kind, BodyKind::Sql);
        assert_eq!(body, "?notes, table notes.x, ?x");
        let (kind, signature, body) = read("CREATE FUNCTION f( SELECT h(1)");
        assert_eq!((kind, signature.as_str()), (BodyKind::Opaque, ""));
        assert!(body.contains("?f") && body.contains("h()"), "{body}");
    }

    #[test]
    fn places_are_those_of_the_statement() {
        let sql = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT ''a'', id FROM notes'";
        let body = Body::read(sql, &Notes);
        let texts: Vec<&str> = body
            .body_references()
            .map(|reference| sql.get(reference.range.clone()).unwrap())
            .collect();
        assert_eq!(texts, ["''a''", "id", "notes"]);
        assert_eq!(sql.get(body.range).unwrap(), "'SELECT ''a'', id FROM notes'");
    }
}
