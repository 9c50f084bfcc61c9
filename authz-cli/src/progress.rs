//! Words about work: what it is at, for people who wait at a terminal, and how much of it there is.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};

/// Says on a terminal what begins now; nothing elsewhere.
pub(crate) fn stage(text: impl Display) {
    let mut err = io::stderr();
    if err.is_terminal() {
        // Work goes on without an audience.
        drop(writeln!(err, "{text}…"));
    }
}

/// `1 table`, `2 tables`.
pub(crate) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
