//! A function that policies call, from the text of its file.

mod body;

use super::Ident;
use super::lexical::fold;
use super::tree::{self, Node, SyntaxKind};
use crate::{QualifiedName, Signature};

pub use self::body::{Body, BodyKind, body_references};

/// What a file with a function says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionText {
    /// Its name and the types of its arguments.
    pub signature: Signature,
    /// Its parameters as they are written, with names and defaults.
    pub parameters: String,
    /// What it returns.
    pub returns: String,
    /// The statement that makes it, from `CREATE OR REPLACE FUNCTION` on, without a semicolon.
    pub sql: String,
}

/// Why a text is no function that migrations can make.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FunctionError {
    /// What is wrong, and what to write.
    pub message: String,
    /// Where in the text, in bytes.
    pub offset: usize,
}

/// Reads one `CREATE FUNCTION` statement.
///
/// # Errors
///
/// [`FunctionError`] for anything but exactly one function: for a syntax error, a function in a namespace that is not
/// the application's, and a SECURITY DEFINER function without a `search_path` of its own, which whoever calls it could
/// make read other tables (<https://www.postgresql.org/docs/current/sql-createfunction.html>).
pub fn parse_function(text: &str) -> Result<FunctionText, FunctionError> {
    let statement = tree::parse_statement(text).map_err(|error| FunctionError {
        message: format!("not an SQL statement: {}", error.message),
        offset: error.offset,
    })?;
    let slice = |node: &Node| text.get(node.range.clone()).unwrap_or_default();
    let refuse = |node: &Node, message: &str| {
        Err(FunctionError {
            message: message.to_owned(),
            offset: node.range.start,
        })
    };
    if statement.kind != SyntaxKind::CREATE_FUNCTION {
        return refuse(&statement, "expected one CREATE FUNCTION statement");
    }
    let (Some(name), Some(parameters), Some(returns)) = (
        statement.child(SyntaxKind::FUNCTION_NAME),
        statement.child(SyntaxKind::PARAM_LIST),
        statement.child(SyntaxKind::RET_TYPE),
    ) else {
        return refuse(&statement, "expected `CREATE FUNCTION name(…) RETURNS …`");
    };
    let Some(qualified) = qualified_name(slice(name)) else {
        return refuse(name, "expected a name such as `is_admin` or `app.is_admin`");
    };
    let namespace = qualified.namespace.as_str();
    if matches!(namespace, "auth" | "authz" | "information_schema") || namespace.starts_with("pg_") {
        return refuse(
            name,
            "this namespace is not for functions of the application; choose another",
        );
    }
    if body::is_definer(&statement) && !body::sets_search_path(&statement, text) {
        return refuse(
            &statement,
            "a SECURITY DEFINER function needs a search path of its own; add `SET search_path = ''` and qualify names",
        );
    }
    let body = text
        .get(parameters.range.start..statement.range.end)
        .unwrap_or_default();
    let body = body.trim_end().trim_end_matches(';').trim_end();
    Ok(FunctionText {
        sql: format!("CREATE OR REPLACE FUNCTION {qualified}{body}"),
        signature: Signature {
            name: qualified,
            arguments: argument_types(parameters, text),
        },
        parameters: inside(slice(parameters)),
        returns: slice(returns).split_whitespace().collect::<Vec<_>>().join(" "),
    })
}

fn inside(parentheses: &str) -> String {
    let text = parentheses.trim().trim_start_matches('(').trim_end_matches(')');
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The types of the parameters that a call gives values to.
fn argument_types(parameters: &Node, text: &str) -> String {
    let given = parameters
        .children
        .iter()
        .filter(|node| node.kind == SyntaxKind::PARAM && node.child(SyntaxKind::PARAM_OUT).is_none());
    let types = given.filter_map(|parameter| {
        let skipped = [SyntaxKind::PARAM_NAME, SyntaxKind::PARAM_DEFAULT];
        let ty = parameter
            .children
            .iter()
            .rfind(|node| !skipped.contains(&node.kind))?;
        text.get(ty.range.clone())
    });
    types.collect::<Vec<_>>().join(", ")
}

fn qualified_name(text: &str) -> Option<QualifiedName> {
    let mut parts: Vec<String> = Vec::new();
    let mut quoted = false;
    let mut part = String::new();
    for c in text.chars() {
        match c {
            '"' => {
                quoted = !quoted;
                part.push(c);
            }
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            c => part.push(c),
        }
    }
    parts.push(part);
    let ident = |text: &str| Ident::new(fold(text.trim())).ok();
    match parts.as_slice() {
        [name] => Some(QualifiedName {
            namespace: Ident::new("public").ok()?,
            name: ident(name)?,
        }),
        [namespace, name] => Some(QualifiedName {
            namespace: ident(namespace)?,
            name: ident(name)?,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_read_with_its_signature() {
        let function = parse_function(
            "-- Who may see everything.\ncreate function App.\"Is Admin\"(a bigint DEFAULT 1, varchar(3), OUT b int)\n\
             RETURNS SETOF  boolean LANGUAGE sql STABLE AS $$ SELECT ')' = ';' $$;\n",
        )
        .unwrap();
        assert_eq!(
            function.signature.to_string(),
            "app.\"Is Admin\"(bigint, varchar(3))"
        );
        assert_eq!(function.returns, "RETURNS SETOF boolean");
        assert_eq!(function.parameters, "a bigint DEFAULT 1, varchar(3), OUT b int");
        assert_eq!(
            function.sql,
            "CREATE OR REPLACE FUNCTION app.\"Is Admin\"(a bigint DEFAULT 1, varchar(3), OUT b int)\n\
             RETURNS SETOF  boolean LANGUAGE sql STABLE AS $$ SELECT ')' = ';' $$"
        );
        let function = parse_function("CREATE OR REPLACE FUNCTION f() RETURNS int RETURN 1").unwrap();
        assert_eq!(function.signature.to_string(), "public.f()");
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for (text, offset) in [
            ("SELECT 1", 0),
            ("", 0),
            ("CREATE FUNCTION f() RETURNS int RETURN 1; DROP TABLE x", 0),
            ("  CREATE FUNCTION auth.f() RETURNS int RETURN 1", 18),
            ("CREATE FUNCTION f() RETURNS int SECURITY DEFINER RETURN 1", 0),
        ] {
            assert_eq!(parse_function(text).unwrap_err().offset, offset, "{text}");
        }
        let pinned = "CREATE FUNCTION f() RETURNS int SECURITY DEFINER SET search_path = '' RETURN 1";
        assert!(parse_function(pinned).is_ok());
    }
}
