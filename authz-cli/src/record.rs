//! What `cargo authz undo` needs to take a migration back: its files, and how `authz.lock` was before it.
//!
//! Each migration has one record, a file of its own in `authz/undo/`, so that records of two branches never conflict. A
//! record holds the former lock as pieces of the later one and the lines that are not in it: as long as the change.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::ops::Range;

/// The version of the file's format.
const FORMAT: &str = "format 1";

/// How many equal lines make it worth to refer to them.
const WINDOW: usize = 3;

/// What takes one migration back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its files, the oldest first.
    pub parts: Vec<RecordedPart>,
    /// The last migration of the lock before it.
    pub parent: Option<String>,
    /// The fingerprint of the lock that was written with it.
    pub after: u64,
    /// The former lock; `None` if there was none.
    before: Option<Before>,
}

/// One pair of files of the migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedPart {
    /// The file's name without `.up.sql`.
    pub stem: String,
    /// The fingerprints of the up and the down file, as they were written.
    pub fingerprints: [u64; 2],
}

/// The former lock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Before {
    fingerprint: u64,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Lines of the later lock.
    Lines(Range<usize>),
    /// A line that it does not have.
    Line(String),
}

impl Record {
    /// The record of a migration that replaced the lock `before` by `after`.
    #[must_use]
    pub fn new(parts: Vec<RecordedPart>, parent: Option<String>, before: Option<&str>, after: &str) -> Self {
        Self {
            parts,
            parent,
            after: fingerprint(after),
            before: before.map(|before| Before {
                fingerprint: fingerprint(before),
                pieces: pieces(before, after),
            }),
        }
    }

    /// The last file, which the lock and the record are named after.
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts.last().map_or("", |part| &part.stem)
    }

    /// Whether there was a lock before.
    #[must_use]
    pub fn had_lock(&self) -> bool {
        self.before.is_some()
    }

    /// The former lock, or `None` if `after` is not the lock that was written with the migration.
    #[must_use]
    pub fn before(&self, after: &str) -> Option<String> {
        let before = self.before.as_ref()?;
        let lines: Vec<&str> = after.lines().collect();
        let mut text = String::new();
        for piece in &before.pieces {
            match piece {
                Piece::Lines(range) => {
                    for line in lines.get(range.clone())? {
                        text.push_str(line);
                        text.push('\n');
                    }
                }
                Piece::Line(line) => {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
        (fingerprint(&text) == before.fingerprint).then_some(text)
    }

    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "# How `cargo authz undo` takes this migration back. Written by `cargo authz generate`: commit it, and do not \
             edit it.\n{FORMAT}\n"
        );
        // Writing to a String cannot fail.
        for part in &self.parts {
            let [up, down] = part.fingerprints;
            _ = writeln!(text, "file {} {up:016x} {down:016x}", part.stem);
        }
        if let Some(parent) = &self.parent {
            _ = writeln!(text, "parent {parent}");
        }
        _ = writeln!(text, "after {:016x}", self.after);
        if let Some(before) = &self.before {
            _ = writeln!(text, "before {:016x}", before.fingerprint);
            for piece in &before.pieces {
                _ = match piece {
                    Piece::Lines(range) => writeln!(text, "= {} {}", range.start, range.end),
                    Piece::Line(line) => writeln!(text, "+ {line}"),
                };
            }
        }
        text
    }

    /// Reads the text of the file; `None` if it is not a record, for instance after a merge with conflicts.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        if lines.next() != Some(FORMAT) {
            return None;
        }
        let mut record = Self {
            parts: Vec::new(),
            parent: None,
            after: 0,
            before: None,
        };
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        for line in lines {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            match word {
                "file" => {
                    let mut words = rest.split(' ');
                    record.parts.push(RecordedPart {
                        stem: words.next()?.to_owned(),
                        fingerprints: [number(words.next()?)?, number(words.next()?)?],
                    });
                }
                "parent" => record.parent = Some(rest.to_owned()),
                "after" => record.after = number(rest)?,
                "before" => {
                    record.before = Some(Before {
                        fingerprint: number(rest)?,
                        pieces: Vec::new(),
                    });
                }
                "=" => {
                    let (start, end) = rest.split_once(' ')?;
                    let range = start.parse().ok()?..end.parse().ok()?;
                    record.before.as_mut()?.pieces.push(Piece::Lines(range));
                }
                "+" => record.before.as_mut()?.pieces.push(Piece::Line(rest.to_owned())),
                _ => return None,
            }
        }
        (!record.parts.is_empty()).then_some(record)
    }
}

/// A number that another text has not, but for one time in 2⁶⁴ (FNV-1a). The way a line ends does not count.
#[must_use]
pub fn fingerprint(text: &str) -> u64 {
    let bytes = text.lines().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// `before` as pieces of `after`, in time that grows with their lengths alone.
fn pieces(before: &str, after: &str) -> Vec<Piece> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let mut places: HashMap<&[&str], Vec<usize>> = HashMap::new();
    for (place, window) in after.windows(WINDOW).enumerate() {
        places.entry(window).or_default().push(place);
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let (mut done, mut cursor) = (0, 0);
    while let Some(line) = before.get(done) {
        // Where the last piece ended and a line differs, the next may go on behind the lines that are new.
        let here = (after.get(cursor) == Some(line)).then_some(cursor);
        let elsewhere = || {
            let places = places.get(before.get(done..done + WINDOW)?)?;
            let next = places.partition_point(|&place| place < cursor);
            places.get(next).or(places.first()).copied()
        };
        let Some(start) = here.or_else(elsewhere) else {
            pieces.push(Piece::Line((*line).to_owned()));
            done += 1;
            continue;
        };
        let rest = before.iter().skip(done).zip(after.iter().skip(start));
        let length = rest.take_while(|(left, right)| left == right).count();
        match pieces.last_mut() {
            Some(Piece::Lines(range)) if range.end == start => range.end += length,
            _ => pieces.push(Piece::Lines(start..start + length)),
        }
        done += length;
        cursor = start + length;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(before: Option<&str>, after: &str) -> Record {
        let parts = ["1_a", "2_a_validate"].map(|stem| RecordedPart {
            stem: stem.to_owned(),
            fingerprints: [fingerprint("up"), fingerprint("down")],
        });
        Record::new(parts.to_vec(), Some("0_base".to_owned()), before, after)
    }

    #[test]
    fn the_former_lock_comes_back_as_it_was() {
        let lines = |range: Range<usize>| range.map(|line| format!("line {line}\n")).collect::<String>();
        for (before, after) in [
            ("", "a\n"),
            ("a\n", ""),
            ("a\n\n\nb\n", "a\n\n\nb\n"),
            (
                &*lines(0..100),
                &*format!("{}new\n{}", lines(0..50), lines(60..100)),
            ),
            (&lines(0..100), &format!("{}{}", lines(50..100), lines(0..50))),
            ("same\nsame\nsame\nsame\nx\n", "same\nsame\nsame\n"),
            ("# + = x\n= 1 2\n+ y\n", "z\n"),
        ] {
            let record = record(Some(before), after);
            let read = Record::from_text(&record.to_text()).unwrap();
            assert_eq!(read, record);
            assert_eq!(
                read.before(after).as_deref(),
                Some(before),
                "{}",
                record.to_text()
            );
        }
    }

    #[test]
    fn a_record_is_as_long_as_the_change() {
        let table = |number: usize| format!("[[table]]\nname = \"t{number}\"\nrow_security = true\n\n");
        let tables = |range: Range<usize>| range.map(table).collect::<String>();
        let before = tables(0..3000);
        let after = format!("{}{}{}", tables(0..1000), table(9999), tables(1001..3000));
        assert!(record(Some(&before), &after).to_text().lines().count() < 16);
    }

    #[test]
    fn another_lock_is_not_taken_for_the_one_that_was_written() {
        let record = record(Some("a\nb\nc\nd\n"), "a\nb\nc\ne\n");
        assert_eq!(record.before("x\nb\nc\ne\n"), None);
        assert_eq!(
            record.before("a\r\nb\r\nc\r\ne\r\n").as_deref(),
            Some("a\nb\nc\nd\n")
        );
        assert!(!Record::new(record.parts, None, None, "a\n").had_lock());
    }

    #[test]
    fn a_text_that_is_no_record_is_refused() {
        let text = record(Some("a\n"), "b\n").to_text();
        for wrong in [
            "",
            "format 2\n",
            &format!("<<<<<<< HEAD\n{text}"),
            &text.replace("file", "files"),
        ] {
            assert_eq!(Record::from_text(wrong), None, "{wrong}");
        }
    }
}
