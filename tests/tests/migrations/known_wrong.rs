//! Cases of which we know that they go wrong. The list only ever gets shorter: a case on it that goes right fails its test.

use std::collections::BTreeSet;

use crate::{change, consent, order, owner};

/// Whether this case goes wrong.
pub(crate) fn contains(name: &str) -> bool {
    KNOWN_WRONG.contains(&name)
}

/// Their names.
const KNOWN_WRONG: &[&str] = &[];

#[test]
fn each_case_that_is_known_to_be_wrong_is_a_case() {
    let mut cases = order::cases();
    cases.extend(owner::cases());
    cases.extend(consent::cases());
    let mut names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    names.extend(change::names());
    names.extend(owner::NAMES);
    let different: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(different.len(), names.len(), "two cases have one name");
    for name in KNOWN_WRONG {
        assert!(different.contains(name), "no case is `{name}`");
    }
}
