//! What people see of a download: a moving line on a terminal, otherwise a line at its start and one at its end.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(100);

/// Writes a line to standard error.
pub(super) fn say(line: impl Display) {
    // Work goes on without an audience.
    drop(writeln!(io::stderr(), "{line}"));
}

/// A moving line.
pub(super) struct Progress {
    total: Option<u64>,
    done: u64,
    shown: Option<Instant>,
    terminal: bool,
}

impl Progress {
    pub(super) fn new(total: Option<u64>) -> Self {
        Self {
            total,
            done: 0,
            shown: None,
            terminal: io::stderr().is_terminal(),
        }
    }

    pub(super) fn add(&mut self, bytes: usize) {
        self.done = self.done.saturating_add(bytes.try_into().unwrap_or(u64::MAX));
        if self.terminal && self.shown.is_none_or(|shown| shown.elapsed() >= INTERVAL) {
            self.shown = Some(Instant::now());
            drop(write!(io::stderr(), "\r{}\x1b[K", line(self.done, self.total)));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            drop(write!(io::stderr(), "\r\x1b[K"));
        }
    }
}

fn line(done: u64, total: Option<u64>) -> String {
    let megabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000, bytes / 100_000 % 10);
    match total.filter(|total| *total > 0) {
        Some(total) => format!(
            "  {} of {} MB ({} %)",
            megabytes(done),
            megabytes(total),
            done.saturating_mul(100) / total
        ),
        None => format!("  {} MB", megabytes(done)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_far_it_is_as_far_as_that_is_known() {
        assert_eq!(line(1_250_000, Some(5_000_000)), "  1.2 of 5.0 MB (25 %)");
        assert_eq!(line(1_250_000, None), "  1.2 MB");
        assert_eq!(line(0, Some(0)), "  0.0 MB");
    }
}
