//! Words about work: what it is at, for people who wait at a terminal, and how much of it there is.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Says on a terminal what begins now; nothing elsewhere.
pub(crate) fn stage(text: impl Display) {
    let mut err = io::stderr();
    if err.is_terminal() {
        // Work goes on without an audience.
        drop(writeln!(err, "{text}…"));
    }
}

/// How far work is that takes long: on a terminal, a line now and then.
pub(crate) struct Progress {
    done: usize,
    of: usize,
    said: Instant,
}

impl Progress {
    pub(crate) fn new(of: usize) -> Self {
        Self {
            done: 0,
            of,
            said: Instant::now(),
        }
    }

    /// One more is about to be done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.said.elapsed() > Duration::from_secs(2) {
            self.said = Instant::now();
            stage(format_args!("  {} of {}", self.done, self.of));
        }
    }
}

/// `1 table`, `2 tables`.
pub(crate) fn count(number: usize, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}
