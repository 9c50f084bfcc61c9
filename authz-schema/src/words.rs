//! Names in a text, by letters alone: where no parser is at hand, and one name too many does no harm.

/// Where a name stands as a word of its own.
pub(crate) fn positions<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
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
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    positions(text, name).next().is_some()
}

/// The text with another name in its place.
pub(crate) fn replace(text: &str, from: &str, to: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for start in positions(text, from) {
        out.push_str(text.get(done..start).unwrap_or_default());
        out.push_str(to);
        done = start + from.len();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_word_is_no_name() {
        assert!(mentions("user_id = team_id", "team_id"));
        assert!(!mentions("user_id = team_id", "team"));
        assert_eq!(
            replace("id = x.id and ids = id", "id", "key"),
            "key = x.key and ids = key"
        );
        assert_eq!(replace("größe = groß", "groß", "g"), "größe = g");
    }
}
