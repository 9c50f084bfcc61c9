//! From PostgreSQL's form of an expression to the text of an attribute that means the same.
//!
//! The server writes more than was written: parentheses around everything, a name for each subquery, a cast for each
//! literal. Only what an attribute puts back by itself is taken away, and what is taken away is proved: the words that the model makes of the
//! shorter text must be those that were read.

use authz_sql::expression::{Expression, Place};

/// An expression, as read and as an attribute says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Text {
    /// What the attribute says.
    pub(super) source: String,
    /// What the database says, in the words of the model where these mean the same.
    pub(super) sql: String,
}

/// The attribute's text for an expression of a policy.
pub(super) fn policy(deparsed: &str) -> Text {
    let stripped = without_parentheses(deparsed);
    let shortest = without_json_casts(&rewrite(&stripped, |tokens, open| {
        let Scalar { target, close } = scalar(tokens, open)?;
        let whole =
            tokens.get(target.start) == Some(&"(") && closing(tokens, target.start)? + 1 == target.end;
        Some((
            if whole {
                target.start + 1..target.end - 1
            } else {
                target
            },
            close,
        ))
    }));
    let candidates = [
        shortest,
        without_json_casts(&without_subqueries(&stripped)),
        without_subqueries(&stripped),
        without_names(&stripped),
        stripped.clone(),
    ];
    for source in candidates {
        let source = without_parentheses(&source);
        if let Some(sql) = model_text(&source)
            && canonical(&sql) == canonical(deparsed)
        {
            return Text { source, sql };
        }
    }
    // The model writes it otherwise anyway, so that a subquery which would run once a row can go.
    let source = without_parentheses(&without_json_casts(&rewrite(&stripped, |tokens, open| {
        let Scalar { target, close } = scalar(tokens, open)?;
        calls_only_session_functions(tokens.get(target.clone())?).then_some((target, close))
    })));
    let source = if model_text(&source).is_some() {
        source
    } else {
        without_names(&stripped)
    };
    Text {
        source,
        sql: without_names(&stripped),
    }
}

/// Whether one value comes out of a target, whatever else the database has: no function that gives rows.
fn calls_only_session_functions(target: &[&str]) -> bool {
    target.iter().enumerate().all(|(at, token)| {
        let before = |back: usize| at.checked_sub(back).and_then(|at| target.get(at)).copied();
        *token != "("
            || before(1).is_none_or(|word| !is_word(word) || is_logic(word) || word == "current_setting")
            || (before(2), before(3)) == (Some("."), Some("auth"))
    })
}

/// What the model makes of an attribute's text.
pub(super) fn said(source: &str) -> String {
    model_text(source).unwrap_or_else(|| source.to_owned())
}

/// The attribute's text for one that the lock holds, which the model made from a shorter one.
pub(super) fn of_lock(sql: &str) -> Text {
    let short = without_subqueries(sql);
    let source = if model_text(&short).as_deref() == Some(sql) {
        short
    } else {
        sql.to_owned()
    };
    Text {
        source,
        sql: sql.to_owned(),
    }
}

/// The attribute's text for an expression outside of policies, which the model takes as it is.
pub(super) fn plain(deparsed: &str) -> Expression {
    Expression::unchecked(without_parentheses(deparsed))
}

/// The expression of an index's key, and the operator class and order behind it.
pub(super) fn key_parts(key: &str) -> (&str, &str) {
    let end = key.rfind(')').map_or(key.len(), |at| at + 1);
    key.split_at_checked(end).unwrap_or((key, ""))
}

/// The text of a default. The cast of a lone literal to the column's own type comes back by itself.
pub(super) fn default(deparsed: &str, column_type: &str) -> Expression {
    let text = without_parentheses(deparsed);
    let literal = text
        .strip_suffix(column_type)
        .and_then(|rest| rest.strip_suffix("::"));
    match literal {
        Some(literal) if matches!(tokens(literal).as_slice(), [one] if one.starts_with('\'')) => {
            Expression::unchecked(literal)
        }
        _ => Expression::unchecked(text),
    }
}

fn model_text(source: &str) -> Option<String> {
    Expression::parse(source, Place::Policy)
        .ok()
        .map(|expression| expression.wrapped().to_string())
}

/// The text without spaces at its ends and parentheses around the whole.
fn without_parentheses(text: &str) -> String {
    let mut text = text.trim();
    loop {
        let tokens = tokens(text);
        let whole = tokens.first() == Some(&"(") && closing(&tokens, 0) == Some(tokens.len() - 1);
        let select = tokens.get(1).is_some_and(|word| is_select(word));
        match text
            .strip_prefix('(')
            .and_then(|rest| rest.strip_suffix(')'))
            .filter(|_| whole && !select)
        {
            Some(inner) => text = inner.trim(),
            None => return text.to_owned(),
        }
    }
}

/// `( SELECT f() AS f)` as `f()`.
fn without_subqueries(text: &str) -> String {
    rewrite(text, |tokens, open| {
        let Scalar { target, close } = scalar(tokens, open)?;
        Some((target, close))
    })
}

/// `( SELECT f() AS f)` as `(SELECT f())`.
fn without_names(text: &str) -> String {
    rewrite(text, |tokens, open| {
        let Scalar { target, close } = scalar(tokens, open)?;
        // Only the words between target and parenthesis go.
        let first = open + 2;
        (target.start == first && target.end < close).then_some((open..target.end, close - 1))
    })
}

/// Copies a text, but for some parentheses: `keep` gives what of the tokens from an opening parenthesis on stays, and
/// the last token that it stands for.
fn rewrite(text: &str, keep: impl Fn(&[&str], usize) -> Option<(std::ops::Range<usize>, usize)>) -> String {
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if *token == "("
            && let Some((kept, last)) = keep(&tokens, at)
        {
            for token in tokens.get(kept).unwrap_or_default() {
                push(&mut out, token, text);
            }
            at = last + 1;
            continue;
        }
        push(&mut out, token, text);
        at += 1;
    }
    out
}

/// Adds a token, with a space before it where the text has one.
fn push(out: &mut String, token: &str, text: &str) {
    let start = (token.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let spaced = text
        .get(..start)
        .is_some_and(|before| before.ends_with(char::is_whitespace));
    if spaced && !out.is_empty() && !out.ends_with('(') {
        out.push(' ');
    }
    out.push_str(token);
}

/// `'a'::text` as `'a'` behind a JSON operator, which takes no other literal for text.
fn without_json_casts(text: &str) -> String {
    let tokens = tokens(text);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        push(&mut out, token, text);
        at += 1;
        let operator = at.checked_sub(2).and_then(|before| tokens.get(before));
        let cast = tokens.get(at..at + 2) == Some(&["::", "text"]);
        let more = matches!(tokens.get(at + 2), Some(&"[" | &"("));
        if token.starts_with('\'') && matches!(operator, Some(&"->" | &"->>")) && cast && !more {
            at += 2;
        }
    }
    out
}

/// A text as the tokens that matter: without parentheses and names that mean nothing.
fn canonical(text: &str) -> Vec<String> {
    let short = without_json_casts(&without_names(&without_parentheses(text)));
    let mut words: Vec<String> = tokens(&short).into_iter().map(str::to_owned).collect();
    while let Some((open, close)) = double_parentheses(&words) {
        words.remove(close);
        words.remove(open);
    }
    words
}

/// Parentheses around parentheses, or around the whole target of a scalar subquery.
///
/// Not where a list, a subquery or a call needs its own: `IN ((SELECT …))` is another thing than `IN (SELECT …)`.
fn double_parentheses(words: &[String]) -> Option<(usize, usize)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    (0..words.len()).find_map(|open| {
        if words.get(open) != Some(&"(") {
            return None;
        }
        let close = closing(&words, open)?;
        let after = words.get(close + 1) == Some(&")");
        let outer = open.checked_sub(1).and_then(|before| words.get(before));
        let redundant = match outer {
            Some(&"(") => {
                let before = open.checked_sub(2).and_then(|before| words.get(before));
                before.is_none_or(|word| !is_word(word) || is_logic(word))
            }
            Some(word) if is_select(word) => open
                .checked_sub(2)
                .and_then(|before| scalar(&words, before))
                .is_some_and(|scalar| scalar.target == (open..close + 1)),
            _ => false,
        };
        (redundant && after).then_some((open, close))
    })
}

/// A subquery without FROM that gives one value.
struct Scalar {
    /// The tokens of the value.
    target: std::ops::Range<usize>,
    /// The closing parenthesis.
    close: usize,
}

/// The scalar subquery whose opening parenthesis stands here: `(SELECT target [AS name])`.
fn scalar(tokens: &[&str], open: usize) -> Option<Scalar> {
    // A list, an array or a call needs its parentheses.
    let before = open.checked_sub(1).and_then(|before| tokens.get(before));
    let needed = before.is_some_and(|word| (is_word(word) && !is_logic(word)) || *word == "]");
    if needed || !is_select(tokens.get(open + 1)?) {
        return None;
    }
    let close = closing(tokens, open)?;
    let named = tokens
        .get(close.checked_sub(2)?)
        .is_some_and(|word| word.eq_ignore_ascii_case("as"));
    let target = open + 2..if named { close - 2 } else { close };
    let mut depth = 0_usize;
    for token in tokens.get(target.clone())? {
        match *token {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.checked_sub(1)?,
            // A list of targets, or clauses that follow them.
            _ if depth == 0 && (*token == "," || is_clause(token)) => return None,
            _ => {}
        }
    }
    (!target.is_empty()).then_some(Scalar { target, close })
}

fn is_select(token: &str) -> bool {
    token.eq_ignore_ascii_case("select")
}

fn is_clause(token: &str) -> bool {
    const CLAUSES: [&str; 12] = [
        "as",
        "distinct",
        "except",
        "from",
        "group",
        "having",
        "intersect",
        "limit",
        "offset",
        "order",
        "union",
        "where",
    ];
    CLAUSES.iter().any(|clause| token.eq_ignore_ascii_case(clause))
}

fn is_logic(token: &str) -> bool {
    ["and", "or", "not", "where", "when", "then", "else"]
        .iter()
        .any(|word| token.eq_ignore_ascii_case(word))
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '"' || c == '\'')
}

/// Where the parenthesis is closed that opens here.
fn closing(tokens: &[&str], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "(" => depth += 1,
            ")" => depth = depth.checked_sub(1)?,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// The tokens of a text as PostgreSQL writes it: no comments, no dollar quotes.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => quoted(rest, first, false),
            'E' if rest.starts_with("E'") => 1 + quoted(rest.get(1..).unwrap_or_default(), '\'', true),
            _ if first.is_alphanumeric() || first == '_' => rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
                .unwrap_or(rest.len()),
            '(' | ')' | '[' | ']' | ',' | '.' | ';' => 1,
            ':' if rest.starts_with("::") => 2,
            _ => rest
                .find(|c: char| !"+-*/<>=~!@#%^&|`?:".contains(c))
                .unwrap_or(rest.len())
                .max(first.len_utf8()),
        };
        let (token, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// The length of the quoted text at the start.
fn quoted(text: &str, quote: char, escapes: bool) -> usize {
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if escapes && c == '\\' {
            chars.next();
        } else if c == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return at + quote.len_utf8();
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_of_ours_become_what_their_attributes_said() {
        for (deparsed, source) in [
            (
                "(( SELECT auth.user_id() AS user_id) = user_id)",
                "auth.user_id() = user_id",
            ),
            (
                "(( SELECT (auth.session() ->> 'tenant_id'::text)) = (id)::text)",
                "auth.session() ->> 'tenant_id' = (id)::text",
            ),
            (
                "(note_id IN ( SELECT notes.id\n   FROM public.notes\n  WHERE (notes.owner_id = ( SELECT auth.user_id() AS user_id))))",
                "note_id IN (SELECT notes.id FROM public.notes WHERE (notes.owner_id = auth.user_id()))",
            ),
            ("true", "true"),
            (
                "(current_setting('x.y'::text))::boolean",
                "(current_setting('x.y'::text))::boolean",
            ),
        ] {
            let text = policy(deparsed);
            assert_eq!(text.source, source);
        }
    }

    #[test]
    fn what_the_model_would_write_otherwise_keeps_its_own_text() {
        // A bare call runs once a row; the model writes it as a subquery.
        let text = policy("(auth.uid() = user_id)");
        assert_eq!(
            (text.source.as_str(), text.sql.as_str()),
            ("auth.uid() = user_id", "auth.uid() = user_id")
        );
        // A subquery around the whole comparison runs once a row too.
        let text = policy("( SELECT (auth.user_id() = user_id))");
        assert_eq!(
            (text.source.as_str(), text.sql.as_str()),
            ("auth.user_id() = user_id", "(SELECT (auth.user_id() = user_id))")
        );
        // One with another function may give several rows.
        let text = policy("( SELECT (public.ids(auth.user_id()) = user_id))");
        assert_eq!(text.source, "(SELECT (public.ids(auth.user_id()) = user_id))");
    }

    #[test]
    fn parentheses_with_a_meaning_stay() {
        assert_ne!(
            canonical("a IN ((SELECT b FROM c))"),
            canonical("a IN (SELECT b FROM c)")
        );
        assert_ne!(canonical("f((SELECT 1))"), canonical("f(SELECT 1)"));
        assert_ne!(canonical("(a + b) * c"), canonical("a + b * c"));
        assert_ne!(canonical("'a'::text"), canonical("'a'"));
        assert_eq!(
            canonical("((a = (( SELECT f() AS f))))"),
            canonical("a = (SELECT f())")
        );
        assert_eq!(without_parentheses("(a) = (b)"), "(a) = (b)");
        assert_eq!(without_parentheses("( SELECT 1)"), "( SELECT 1)");
    }

    #[test]
    fn the_cast_of_a_default_goes_only_where_it_comes_back() {
        for (deparsed, column_type, text) in [
            ("'new'::text", "text", "'new'"),
            ("'{}'::jsonb", "jsonb", "'{}'"),
            ("'it''s'::text", "text", "'it''s'"),
            ("('a'::text || 'b'::text)", "text", "'a'::text || 'b'::text"),
            ("(1)::text", "text", "(1)::text"),
            ("'new'::text", "uuid", "'new'::text"),
            ("now()", "timestamp with time zone", "now()"),
        ] {
            assert_eq!(default(deparsed, column_type), text);
        }
    }

    #[test]
    fn texts_in_quotes_are_one_token() {
        assert_eq!(
            tokens(r#"'it''s (' || "a""b(" = E'\'('"#),
            ["'it''s ('", "||", r#""a""b(""#, "=", r"E'\'('"]
        );
        assert_eq!(tokens("a::text[]"), ["a", "::", "text", "[", "]"]);
    }
}
