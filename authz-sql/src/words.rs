//! Names in a text, by letters alone: where no parser is at hand, and one name too many does no harm.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_word_is_no_name() {
        assert!(mentions("user_id = team_id", "team_id"));
        assert!(!mentions("user_id = team_id", "team"));
        assert!(names("\"Team\".id", &Ident::new("Team").unwrap()));
        assert!(!names("teams.id", &Ident::new("team").unwrap()));
    }
}
