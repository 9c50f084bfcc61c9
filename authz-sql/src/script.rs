//! The statements of a script: which of them read or write rows, of which tables, and which change row security.

use std::ops::Range;

use crate::lexical::{fold, string};
use crate::tree::{self, Node, SyntaxKind};

/// A statement of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where it is in the text, in bytes, without the semicolon.
    pub range: Range<usize>,
    /// What it does.
    pub kind: StatementKind,
    /// The tables and views that it names, in their order.
    pub tables: Vec<Name>,
    /// The functions and procedures that it calls, or makes.
    pub functions: Vec<Name>,
}

/// A name as a script has it: with or without a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The namespace, if it is given.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
}

/// What a statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StatementKind {
    /// It reads or writes rows: SELECT, INSERT, UPDATE, DELETE, MERGE, COPY, CREATE TABLE AS and the like. TRUNCATE is none: row
    /// security does not apply to it.
    Data,
    /// It runs code whose statements are a text: `DO`, with this code.
    Do(String),
    /// It makes a function or procedure with this body.
    Function(String),
    /// It calls a procedure.
    Call,
    /// It sets `row_security`: whether to `off`.
    RowSecurity(Setting),
    /// It changes a table, the first that it names.
    AlterTable(Vec<TableChange>),
    /// It drops the tables that it names.
    DropTable,
    /// The parser does not know it.
    Unknown,
    /// Anything else.
    Other,
}

/// A value of `row_security`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// A query that row security would filter is an error.
    Off,
    /// The default: row security filters.
    On,
}

/// A change of a table that concerns row security or the table's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableChange {
    /// FORCE ROW LEVEL SECURITY
    Force,
    /// NO FORCE ROW LEVEL SECURITY
    NoForce,
    /// DISABLE ROW LEVEL SECURITY
    Disable,
    /// RENAME TO
    Rename(String),
    /// SET SCHEMA
    Move(String),
}

/// The statements of a script, in order. A statement that the parser does not know is [`StatementKind::Unknown`], and the others
/// are read all the same.
#[must_use]
pub fn statements(text: &str) -> Vec<Statement> {
    match tree::parse_script(text) {
        Ok(nodes) => {
            let nodes = nodes.iter().filter(|node| node.kind != SyntaxKind::SEMICOLON);
            let statements = nodes.map(|node| statement(text, node, 0));
            // A semicolon after another ends an empty one.
            statements
                .filter(|statement| !statement.range.is_empty())
                .collect()
        }
        Err(_) => pieces(text).into_iter().map(|piece| one(text, piece)).collect(),
    }
}

/// The number of the line, from 1, at which a byte of a text is.
#[must_use]
pub fn line(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Whether code speaks of one of these tables, and reads or writes rows. Its strings and comments do not count, but those
/// of code in a string do.
#[must_use]
pub fn may_touch(code: &str, is_table: &dyn Fn(&str) -> bool) -> bool {
    let (mut verb, mut table) = (false, false);
    for (kind, token) in tree::tokens(code) {
        // EXECUTE runs a string. An inner one is shorter, so that this ends.
        if let Some((inner, _)) = string(kind, token) {
            if may_touch(&inner, is_table) {
                return true;
            }
            continue;
        }
        match kind {
            SyntaxKind::COMMENT | SyntaxKind::WHITESPACE => {}
            SyntaxKind::SELECT_KW
            | SyntaxKind::INSERT_KW
            | SyntaxKind::UPDATE_KW
            | SyntaxKind::DELETE_KW
            | SyntaxKind::MERGE_KW => verb = true,
            _ => table = table || is_table(&fold(token)),
        }
    }
    verb && table
}

/// Where the statements of a text stand that is no SQL as a whole: it is cut at its semicolons.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut current: Option<Range<usize>> = None;
    // `BEGIN ATOMIC … END` is the body of a function, and `CASE … END` inside it ends something else.
    let mut depth = 0_usize;
    let mut before = "";
    let mut position = 0;
    for (kind, token) in tree::tokens(text) {
        let start = position;
        position += token.len();
        match kind {
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT => continue,
            SyntaxKind::SEMICOLON if depth == 0 => {
                pieces.extend(current.take());
                before = "";
                continue;
            }
            _ => {}
        }
        let is = |word: &str| token.eq_ignore_ascii_case(word);
        if is("atomic") && before.eq_ignore_ascii_case("begin") || depth > 0 && is("case") {
            depth += 1;
        } else if is("end") {
            depth = depth.saturating_sub(1);
        }
        before = token;
        current = Some(current.map_or(start, |range| range.start)..position);
    }
    pieces.extend(current);
    pieces
}

/// The statement in one piece of a text that is not SQL as a whole.
fn one(text: &str, range: Range<usize>) -> Statement {
    let piece = text.get(range.clone()).unwrap_or_default();
    match tree::parse_statement(piece) {
        Ok(node) => statement(piece, &node, range.start),
        Err(_) => Statement {
            range,
            kind: StatementKind::Unknown,
            tables: Vec::new(),
            functions: Vec::new(),
        },
    }
}

/// A node of `text`, which begins at `offset` of the script.
fn statement(text: &str, node: &Node, offset: usize) -> Statement {
    let slice = |node: &Node| text.get(node.range.clone()).unwrap_or_default();
    let names = |kinds: &[SyntaxKind]| -> Vec<Name> {
        let found = node.descendants().filter(|node| kinds.contains(&node.kind));
        found.filter_map(|node| name(text, node)).collect()
    };
    let common: Vec<String> = node
        .descendants()
        .filter(|node| node.kind == SyntaxKind::CTE_NAME)
        .map(|node| fold(slice(node)))
        .collect();
    let mut tables = names(&[SyntaxKind::RELATION_NAME_REF, SyntaxKind::TABLE_NAME_REF]);
    tables.retain(|table| table.namespace.is_some() || !common.contains(&table.name));
    let mut functions = names(&[
        SyntaxKind::PROCEDURE_NAME_REF,
        SyntaxKind::FUNCTION_NAME,
        SyntaxKind::PROCEDURE_NAME,
    ]);
    let calls = node
        .descendants()
        .filter(|node| node.kind == SyntaxKind::CALL_EXPR);
    functions.extend(calls.filter_map(|call| name(text, call.children.first()?)));
    let range = offset + node.range.start..offset + node.range.end;
    // The parser counts the semicolon in where a statement is one of several.
    let without = slice(node).trim_end_matches(';').trim_end().len();
    Statement {
        range: range.start..range.start + without,
        kind: kind(text, node),
        tables,
        functions,
    }
}

fn kind(text: &str, node: &Node) -> StatementKind {
    let slice = |node: &Node| text.get(node.range.clone()).unwrap_or_default();
    match node.kind {
        SyntaxKind::SELECT
        | SyntaxKind::SELECT_INTO
        | SyntaxKind::COMPOUND_SELECT
        | SyntaxKind::PAREN_SELECT
        | SyntaxKind::TABLE
        | SyntaxKind::VALUES
        | SyntaxKind::INSERT
        | SyntaxKind::UPDATE
        | SyntaxKind::DELETE
        | SyntaxKind::MERGE
        | SyntaxKind::COPY
        | SyntaxKind::CREATE_TABLE_AS
        | SyntaxKind::CREATE_MATERIALIZED_VIEW => StatementKind::Data,
        SyntaxKind::DO => StatementKind::Do(bodies(text, node)),
        SyntaxKind::CREATE_FUNCTION | SyntaxKind::CREATE_PROCEDURE => {
            StatementKind::Function(bodies(text, node))
        }
        SyntaxKind::CALL => StatementKind::Call,
        SyntaxKind::DROP_TABLE => StatementKind::DropTable,
        SyntaxKind::SET => {
            let words = words(slice(node));
            match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
                ["set", "row_security", _, value]
                | ["set", "local" | "session", "row_security", _, value] => {
                    StatementKind::RowSecurity(match *value {
                        "off" | "false" | "no" | "0" => Setting::Off,
                        _ => Setting::On,
                    })
                }
                _ => StatementKind::Other,
            }
        }
        SyntaxKind::RESET => {
            let words = words(slice(node));
            match words.get(1).map(String::as_str) {
                Some("row_security" | "all") => StatementKind::RowSecurity(Setting::On),
                _ => StatementKind::Other,
            }
        }
        SyntaxKind::ALTER_TABLE => StatementKind::AlterTable(
            node.children
                .iter()
                .filter_map(|change| {
                    let last = || {
                        change
                            .children
                            .last()
                            .map(|node| name(text, node).map_or_else(|| fold(slice(node)), |name| name.name))
                    };
                    Some(match change.kind {
                        SyntaxKind::FORCE_RLS => TableChange::Force,
                        SyntaxKind::NO_FORCE_RLS => TableChange::NoForce,
                        SyntaxKind::DISABLE_RLS => TableChange::Disable,
                        SyntaxKind::TABLE_RENAME_TO => TableChange::Rename(last()?),
                        SyntaxKind::SET_SCHEMA => TableChange::Move(last()?),
                        _ => return None,
                    })
                })
                .collect(),
        ),
        _ => StatementKind::Other,
    }
}

/// The code of a function or a DO block: what is in its strings, or its statements.
fn bodies(text: &str, node: &Node) -> String {
    let code = node.descendants().filter_map(|node| {
        let slice = text.get(node.range.clone()).unwrap_or_default();
        if node.kind == SyntaxKind::ATOMIC_BODY {
            return Some(slice.to_owned());
        }
        string(node.kind, slice).map(|(code, _)| code)
    });
    let code = code.collect::<Vec<_>>().join("\n");
    match node.child(SyntaxKind::FUNC_OPTION_LIST) {
        // `RETURN expression`
        Some(options) if code.is_empty() => text.get(options.range.clone()).unwrap_or_default().to_owned(),
        _ => code,
    }
}

/// The words of a statement without quotes, in lower case.
fn words(text: &str) -> Vec<String> {
    let tokens = tree::tokens(text).into_iter();
    let skipped = |kind| {
        matches!(
            kind,
            SyntaxKind::WHITESPACE | SyntaxKind::COMMENT | SyntaxKind::SEMICOLON
        )
    };
    let tokens = tokens.filter(|(kind, _)| !skipped(*kind));
    tokens
        .map(|(_, token)| token.trim_matches(['\'', '"']).to_ascii_lowercase())
        .collect()
}

/// The name that a node is, of one part or of two.
fn name(text: &str, node: &Node) -> Option<Name> {
    let leaves = node.descendants().filter(|node| node.children.is_empty());
    let mut parts: Vec<String> = leaves
        .filter(|leaf| leaf.kind != SyntaxKind::DOT)
        .filter_map(|leaf| Some(fold(text.get(leaf.range.clone())?)))
        .collect();
    let name = parts.pop()?;
    Some(Name {
        namespace: parts.pop(),
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(text: &str) -> Vec<String> {
        let [statement] = &statements(text)[..] else {
            panic!("{text}: {:?}", statements(text))
        };
        assert_eq!(statement.kind, StatementKind::Data, "{text}");
        let name = |table: &Name| match &table.namespace {
            Some(namespace) => format!("{namespace}.{}", table.name),
            None => table.name.clone(),
        };
        statement.tables.iter().map(name).collect()
    }

    #[test]
    fn the_tables_of_statements_that_read_or_write_rows() {
        for (text, expected) in [
            (
                "INSERT INTO app.\"Org\" (a) SELECT o.id FROM orgs o JOIN b USING (id)",
                &["app.Org", "orgs", "b"][..],
            ),
            ("insert into T values (1)", &["t"]),
            (
                "UPDATE ONLY notes n SET a = 1 FROM t2 WHERE n.id = t2.id",
                &["notes", "t2"],
            ),
            ("DELETE FROM notes USING t2", &["notes", "t2"]),
            (
                "MERGE INTO notes n USING t2 ON n.id = t2.id WHEN MATCHED THEN DELETE",
                &["notes", "t2"],
            ),
            (
                "WITH x AS (UPDATE notes SET a = 1 RETURNING *) INSERT INTO t2 SELECT * FROM x",
                &["notes", "t2"],
            ),
            ("WITH x AS (SELECT 1) SELECT * FROM x, app.x", &["app.x"]),
            ("COPY app.notes (id) FROM STDIN", &["app.notes"]),
            ("COPY (SELECT * FROM notes) TO STDOUT", &["notes"]),
            ("CREATE TABLE x AS SELECT * FROM notes", &["notes"]),
            ("CREATE MATERIALIZED VIEW x AS SELECT * FROM notes", &["notes"]),
            ("SELECT setval('s', (SELECT max(id) FROM notes))", &["notes"]),
            ("SELECT * INTO y FROM notes", &["notes"]),
            ("SELECT 1 UNION SELECT id FROM notes", &["notes"]),
            ("TABLE notes", &["notes"]),
            ("SELECT 'UPDATE notes' -- DELETE FROM notes", &[]),
        ] {
            assert_eq!(tables(text), expected, "{text}");
        }
    }

    #[test]
    fn changes_of_row_security_are_read_in_all_their_forms() {
        let kinds = |text: &str| -> Vec<StatementKind> {
            statements(text)
                .into_iter()
                .map(|statement| statement.kind)
                .collect()
        };
        let set = |setting| vec![StatementKind::RowSecurity(setting)];
        for text in [
            "SET LOCAL row_security = off",
            "set row_security to 'off';",
            "SET SESSION row_security = false",
        ] {
            assert_eq!(kinds(text), set(Setting::Off), "{text}");
        }
        for text in ["SET LOCAL row_security = on", "RESET row_security", "RESET ALL"] {
            assert_eq!(kinds(text), set(Setting::On), "{text}");
        }
        assert_eq!(kinds("SET LOCAL lock_timeout = '5s'"), [StatementKind::Other]);
        let found = statements("ALTER TABLE a.t NO FORCE ROW LEVEL SECURITY, ENABLE ROW LEVEL SECURITY");
        assert_eq!(
            found[0].kind,
            StatementKind::AlterTable(vec![TableChange::NoForce])
        );
        assert_eq!(found[0].tables[0].namespace.as_deref(), Some("a"));
        let change = |text: &str| kinds(text).pop().unwrap();
        assert_eq!(
            change("ALTER TABLE t RENAME TO \"U\""),
            StatementKind::AlterTable(vec![TableChange::Rename("U".to_owned())])
        );
        assert_eq!(
            change("ALTER TABLE t SET SCHEMA b"),
            StatementKind::AlterTable(vec![TableChange::Move("b".to_owned())])
        );
        assert_eq!(change("DROP TABLE a, b"), StatementKind::DropTable);
        assert_eq!(change("TRUNCATE t"), StatementKind::Other);
    }

    #[test]
    fn a_statement_that_the_parser_does_not_know_hides_no_other() {
        let text = "FROB THE x;\n-- UPDATE a\nUPDATE b SET c = ';';\n\nCREATE FUNCTION f() RETURNS int AS $$ a; b $$ LANGUAGE sql";
        let found = statements(text);
        let shown: Vec<(&str, usize)> = found
            .iter()
            .map(|statement| {
                (
                    text.get(statement.range.clone()).unwrap(),
                    line(text, statement.range.start),
                )
            })
            .map(|(text, line)| (text.get(..8).unwrap(), line))
            .collect();
        assert_eq!(shown, [("FROB THE", 1), ("UPDATE b", 3), ("CREATE F", 5)]);
        assert_eq!(found[0].kind, StatementKind::Unknown);
        assert_eq!(found[1].kind, StatementKind::Data);
        assert_eq!(found[2].kind, StatementKind::Function(" a; b ".to_owned()));
    }

    #[test]
    fn code_in_strings_is_looked_into() {
        let touches = |code: &str| may_touch(code, &|name| name == "notes");
        for code in [
            "BEGIN UPDATE Notes SET a = 1; END",
            "BEGIN EXECUTE 'DELETE FROM notes'; END",
            "BEGIN EXECUTE format($q$ INSERT INTO %I SELECT * FROM \"notes\" $q$, x); END",
        ] {
            assert!(touches(code), "{code}");
        }
        for code in [
            "BEGIN UPDATE other SET a = 1; END",
            "BEGIN ALTER TABLE notes ADD a int; END",
            "BEGIN -- UPDATE notes\n NULL; END",
            "BEGIN UPDATE footnotes SET a = 1; END",
        ] {
            assert!(!touches(code), "{code}");
        }
        let [statement] = &statements("DO $do$ BEGIN UPDATE notes SET a = 1; END $do$;")[..] else {
            panic!("one statement")
        };
        assert!(matches!(&statement.kind, StatementKind::Do(code) if touches(code)));
        let [call, function] =
            &statements("SELECT app.fill(1); CREATE PROCEDURE p() BEGIN ATOMIC DELETE FROM notes; END")[..]
        else {
            panic!("two statements")
        };
        assert_eq!(call.functions[0].name, "fill");
        assert_eq!(function.functions[0].name, "p");
        assert!(matches!(&function.kind, StatementKind::Function(code) if touches(code)));
    }

    #[test]
    fn statements_end_at_semicolons_that_are_no_part_of_one() {
        let cut = |text: &str| -> Vec<String> {
            let statements = statements(text).into_iter();
            statements
                .map(|statement| text.get(statement.range).unwrap().to_owned())
                .collect()
        };
        let text = "-- a; b\nSELECT ';' AS \"a;b\"; /* c; */ ;\nDO $x$ BEGIN RAISE 'a;'; END $x$;\n\
                    CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END;\n\
                    BEGIN; COMMIT;\nSELECT E'\\';' -- last";
        let expected = [
            "SELECT ';' AS \"a;b\"",
            "DO $x$ BEGIN RAISE 'a;'; END $x$",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
            "BEGIN",
            "COMMIT",
            "SELECT E'\\';'",
        ];
        assert_eq!(cut(text), expected);
        // The same where one of them is no SQL.
        let cut_around = cut(&format!("FROB THE x;\n{text}"));
        assert_eq!(cut_around.first().map(String::as_str), Some("FROB THE x"));
        assert_eq!(cut_around.get(1..).unwrap(), expected);
        assert_eq!(cut(" -- nothing\n"), [""; 0]);
    }
}
