//! The name that was meant where another is written.

/// The name among `known` that differs from `name` by a slip of the keyboard: at most half of its letters.
#[must_use]
pub fn closest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let best = known
        .map(|candidate| (distance(name, candidate), candidate))
        .min()?;
    (best.0 * 2 <= name.chars().count()).then_some(best.1)
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
}
