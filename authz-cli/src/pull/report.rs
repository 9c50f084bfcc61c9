//! What a pull could not say in attributes, and what the models say otherwise than the database.

use std::fmt;

use serde::Serialize;

/// How the models stand to an object of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The models say something else than the database.
    Differs,
    /// No attribute says it.
    LeftOut,
    /// The models say the same, and something is to be known of it.
    Note,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// How the models stand to it.
    pub kind: Kind,
    /// What it is and its name.
    pub object: String,
    /// Why, and what to do.
    pub text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Differs => "differs",
            Kind::LeftOut => "left out",
            Kind::Note => "note",
        };
        write!(f, "{kind}: {}: {}", self.object, self.text)
    }
}

/// The lines so far.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Finding>);

impl Report {
    pub(super) fn differs(&mut self, object: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::Differs, object, text);
    }

    pub(super) fn left_out(&mut self, object: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::LeftOut, object, text);
    }

    pub(super) fn note(&mut self, object: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::Note, object, text);
    }

    /// The findings by kind, those that say the same of several tables as one.
    pub(super) fn finish(self) -> Vec<Finding> {
        let mut merged: Vec<(Finding, Vec<String>)> = Vec::new();
        for finding in self.0 {
            let (what, table) = match finding.object.rsplit_once(" on ") {
                Some((what, table)) => (format!("{what} on "), table.to_owned()),
                None => match finding.object.strip_prefix("table ") {
                    Some(table) => ("table ".to_owned(), table.to_owned()),
                    None => (finding.object.clone(), String::new()),
                },
            };
            let same = |(other, _): &&mut (Finding, Vec<String>)| {
                other.kind == finding.kind && other.text == finding.text && other.object == what
            };
            match merged.iter_mut().find(same) {
                Some((_, tables)) => tables.push(table),
                None => merged.push((
                    Finding {
                        object: what,
                        ..finding
                    },
                    vec![table],
                )),
            }
        }
        let mut findings: Vec<Finding> = merged
            .into_iter()
            .map(|(finding, tables)| Finding {
                object: finding.object + &tables.join(", "),
                ..finding
            })
            .collect();
        findings.sort_by_key(|finding| finding.kind);
        findings
    }

    fn add(&mut self, kind: Kind, object: impl Into<String>, text: impl Into<String>) {
        let finding = Finding {
            kind,
            object: object.into(),
            // One line each, whatever an expression holds.
            text: text.into().split_whitespace().collect::<Vec<_>>().join(" "),
        };
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }
}
