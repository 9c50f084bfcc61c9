//! The name that was meant where another is written.

/// The name among `known` that differs from `name` by a slip of the keyboard: at most half of its letters.
#[must_use]
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known
        .map(|candidate| (distance(name, candidate), candidate))
        .min()?;
    (best.0 * 2 <= name.chars().count()).then_some(best.1)
}

/// What to say of a column that a table does not have.
pub(crate) fn no_such_column<'a>(
    table: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    match closest(name, known.clone()) {
        Some(close) => format!("`{table}` has no column `{name}`; did you mean `{close}`?"),
        None => {
            let known: Vec<String> = known.map(|column| format!("`{column}`")).collect();
            format!("`{table}` has no column `{name}`; it has {}", known.join(", "))
        }
    }
}

/// The name among `known` that `name` is so near to that hardly both are meant: one letter in eight, at least one, or two
/// letters exchanged.
pub(crate) fn slip<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let sorted = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    let length = name.chars().count();
    let near = |candidate: &str| {
        let distance = distance(name, candidate);
        distance <= 1 + length / 8 || (distance == 2 && sorted(name) == sorted(candidate))
    };
    let mut known = known.filter(|candidate| length > 3 && *candidate != name);
    known.find(|candidate| near(candidate))
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut next = vec![i + 1];
        for (&to, window) in b.iter().zip(row.windows(2)) {
            let (&[replace, delete], Some(&insert)) = (window, next.last()) else {
                break;
            };
            next.push(
                (replace + usize::from(from != to))
                    .min(delete + 1)
                    .min(insert + 1),
            );
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognized_and_another_word_is_not() {
        let columns = || ["id", "user_id", "task"].into_iter();
        assert_eq!(closest("user_ids", columns()), Some("user_id"));
        assert_eq!(closest("usr_id", columns()), Some("user_id"));
        assert_eq!(closest("owner", columns()), None);
    }

    #[test]
    fn a_slip_is_one_letter_and_not_another_word_of_a_few() {
        let roles = || ["authenticated", "editor", "vip"].into_iter();
        for written in ["authenticatd", "authentciated", "autenticatd"] {
            assert_eq!(slip(written, roles()), Some("authenticated"), "{written}");
        }
        assert_eq!(slip("editors", roles()), Some("editor"));
        assert_eq!(slip("edtior", roles()), Some("editor"));
        for other in ["writer", "auditor", "vit", "editor_in_chief"] {
            assert_eq!(slip(other, roles()), None, "{other}");
        }
    }
}
