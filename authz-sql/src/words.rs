//! Names in a text, by letters alone: where no parser is at hand, and one name too many does no harm; and names that are
//! meant where others are written.

use crate::Ident;

/// Where a name stands as a word of its own.
pub fn positions<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .map(|(start, _)| start)
        .filter(move |&start| {
            let before = text.get(..start).and_then(|rest| rest.chars().next_back());
            let after = text
                .get(start + name.len()..)
                .and_then(|rest| rest.chars().next());
            !before.is_some_and(word) && !after.is_some_and(word)
        })
}

/// Whether a name stands in a text.
#[must_use]
pub fn mentions(text: &str, name: &str) -> bool {
    positions(text, name).next().is_some()
}

/// Whether a name stands in a text as it does in SQL: PostgreSQL folds bare names, and doubles quotes in quoted ones.
#[must_use]
pub fn names(text: &str, name: &Ident) -> bool {
    let fold = |text: &str| text.to_lowercase().replace("\"\"", "\"");
    mentions(&fold(text), &fold(name.as_str()))
}

/// The text with another name in the place of this one, quoted where SQL needs it. Strings, comments and calls of a
/// function of that name stay as they are.
#[must_use]
pub fn rename(text: &str, from: &Ident, to: &Ident) -> String {
    let is_word = |c: char| c.is_lowercase() || c.is_numeric() || c == '_';
    // We quote every letter beyond ASCII; PostgreSQL does not ask for it, and no keyword has one.
    let needs_no_quotes = from.to_string() == from.as_str()
        || (!from.as_str().is_ascii() && from.as_str().chars().all(is_word));
    let bare = needs_no_quotes.then_some(from.as_str());
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, behind) = rest
            .split_at_checked(first_piece(rest, &out))
            .unwrap_or((rest, ""));
        let is_name = match piece.strip_prefix('"') {
            Some(quoted) => quoted.trim_end_matches('"').replace("\"\"", "\"") == from.as_str(),
            None => {
                bare.is_some_and(|bare| piece.eq_ignore_ascii_case(bare))
                    && !behind.trim_start().starts_with('(')
            }
        };
        if is_name {
            out.push_str(&to.to_string());
        } else {
            out.push_str(piece);
        }
        rest = behind;
    }
    out
}

/// The length of the first piece of SQL: a string, a quoted name, a comment, a word, or a single character.
fn first_piece(text: &str, before: &str) -> usize {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let to = |end: Option<usize>| end.unwrap_or(text.len());
    let Some(first) = text.chars().next() else {
        return 0;
    };
    let behind = text.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '"' | '\'' => {
            let escapes = first == '\'' && before.ends_with(['e', 'E']);
            let mut quoted = behind.char_indices().peekable();
            while let Some((at, c)) = quoted.next() {
                match c {
                    '\\' if escapes => drop(quoted.next()),
                    c if c == first && quoted.next_if(|(_, next)| *next == first).is_none() => {
                        return 1 + at + 1;
                    }
                    _ => {}
                }
            }
            text.len()
        }
        '-' if behind.starts_with('-') => to(text.find('\n')),
        '/' if behind.starts_with('*') => to(text.find("*/").map(|end| end + 2)),
        '$' => match behind.find('$').and_then(|end| text.get(..end + 2)) {
            Some(tag) if tag.trim_matches('$').chars().all(word) => {
                let body = text.get(tag.len()..).unwrap_or_default();
                to(body.find(tag).map(|end| end + 2 * tag.len()))
            }
            _ => 1,
        },
        c if word(c) => to(text.find(|c| !word(c))),
        c => c.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_word_is_no_name() {
        assert!(mentions("user_id = team_id", "team_id"));
        assert!(!mentions("user_id = team_id", "team"));
        let renamed = |text: &str, from: &str, to: &str| {
            rename(text, &Ident::new(from).unwrap(), &Ident::new(to).unwrap())
        };
        assert_eq!(
            renamed("id = x.id and ids = id", "id", "key"),
            "key = x.key and ids = key"
        );
        assert_eq!(renamed("größe = groß", "groß", "g"), "größe = g");
    }

    #[test]
    fn a_name_is_quoted_where_sql_needs_it_and_stays_in_strings_and_comments() {
        let renamed = |text: &str, from: &str, to: &str| {
            rename(text, &Ident::new(from).unwrap(), &Ident::new(to).unwrap())
        };
        for (text, from, to, expected) in [
            ("id DESC", "id", "end", "\"end\" DESC"),
            ("\"end\" DESC", "end", "id", "id DESC"),
            ("lower(ID)", "id", "Key", "lower(\"Key\")"),
            (
                "CASE WHEN \"end\" THEN 1 end",
                "end",
                "stop",
                "CASE WHEN stop THEN 1 end",
            ),
            ("\"a\"\"b\" = 1", "a\"b", "c", "c = 1"),
            (
                "kind = 'kind''kind' /* kind */ -- kind\n",
                "kind",
                "sort",
                "sort = 'kind''kind' /* kind */ -- kind\n",
            ),
            (
                "a = E'\\'a' or a = $q$a'$q$ or a",
                "a",
                "b",
                "b = E'\\'a' or b = $q$a'$q$ or b",
            ),
            ("lower(lower)", "lower", "up", "lower(up)"),
            ("größe = 1", "größe", "Maß", "\"Maß\" = 1"),
        ] {
            assert_eq!(renamed(text, from, to), expected);
        }
    }
}
