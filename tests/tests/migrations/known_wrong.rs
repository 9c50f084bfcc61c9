//! Cases of which we know that they go wrong. The list only ever gets shorter: a case on it that goes right fails its test.

use std::collections::BTreeSet;

use crate::database::server;
use crate::{change, consent, order, owner};

/// Those that go wrong from PostgreSQL 16 on, where only who made a role may grant it.
const KNOWN_WRONG_FROM_16: &[&str] = &["the second owner of a server"];

/// Whether this case goes wrong on the server of this program.
pub(crate) fn contains(name: &str) -> bool {
    KNOWN_WRONG.contains(&name) || KNOWN_WRONG_FROM_16.contains(&name) && server().version().major() >= 16
}

/// Those that go wrong everywhere.
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
    for name in KNOWN_WRONG.iter().chain(KNOWN_WRONG_FROM_16) {
        assert!(different.contains(name), "no case is `{name}`");
    }
}
