//! Declared renames as pairs: each old name becomes one new name, also along chains and around rings.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use authz_schema::schema::{TableName, TypeName};

/// Renames that contradict each other, or what the migrations so far declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenameError {
    /// What is renamed, with its table or type, in words: `the column public.notes.title`.
    pub what: String,
    /// What is wrong, and what to write.
    pub message: String,
}

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.message)
    }
}

impl std::error::Error for RenameError {}

impl RenameError {
    pub(super) fn table(problem: &Problem) -> Self {
        Self {
            what: format!("the table {}", problem.to),
            message: problem.message.clone(),
        }
    }

    pub(super) fn item(problem: &Problem) -> Self {
        Self {
            what: format!("the type {}", problem.to),
            message: problem.message.clone(),
        }
    }

    pub(super) fn column(table: &TableName, problem: &Problem) -> Self {
        Self {
            what: format!("the column {table}.{}", problem.to),
            message: problem.message.clone(),
        }
    }

    pub(super) fn policy(table: &TableName, problem: &Problem) -> Self {
        Self {
            what: format!("the policy {} of {table}", problem.to),
            message: problem.message.clone(),
        }
    }

    pub(super) fn value(item: &TypeName, problem: &Problem) -> Self {
        Self {
            what: format!("the value {} of {item}", problem.to),
            message: problem.message.clone(),
        }
    }
}

/// A rename that cannot be meant.
#[derive(Debug)]
pub(super) struct Problem {
    /// The new name.
    to: String,
    message: String,
}

/// Old names with their new ones.
#[derive(Debug)]
pub(super) struct Paired<N> {
    /// Every old name that stays, also under its own name.
    pub(super) all: BTreeMap<N, N>,
    /// Those that are renamed.
    pub(super) declared: BTreeMap<N, N>,
}

impl<N: Ord> Default for Paired<N> {
    fn default() -> Self {
        Self {
            all: BTreeMap::new(),
            declared: BTreeMap::new(),
        }
    }
}

/// Pairs names. `renames` has the new name first. Members of rings go into `rings`, in the same form.
pub(super) fn pair<N: Ord + Clone + fmt::Display>(
    old: &[N],
    new: &[N],
    renames: &[(N, N)],
    rings: &mut Vec<(N, N)>,
) -> Result<Paired<N>, Problem> {
    let old: BTreeSet<&N> = old.iter().collect();
    let new: BTreeSet<&N> = new.iter().collect();
    // One whose old name is gone was done before.
    let mut asked: Vec<&(N, N)> = renames
        .iter()
        .filter(|(to, from)| to != from && old.contains(from) && new.contains(to))
        .collect();
    // Twice the same is once.
    asked.sort();
    asked.dedup();
    // One whose new name is there was done before, unless what has the name moves on. Each that falls may be another's
    // reason to move on.
    loop {
        let before = asked.len();
        let moving: BTreeSet<&N> = asked.iter().map(|(_, from)| from).collect();
        let targets: BTreeSet<&N> = asked.iter().map(|(to, _)| to).collect();
        let done = |(to, from): &&&(N, N)| {
            old.contains(to) && !moving.contains(to) && new.contains(from) && !targets.contains(from)
        };
        let kept: Vec<&(N, N)> = asked.iter().filter(|rename| !done(rename)).copied().collect();
        asked = kept;
        if asked.len() == before {
            break;
        }
    }
    let mut declared: BTreeMap<N, N> = BTreeMap::new();
    for (to, from) in &asked {
        if let Some(other) = declared.insert(from.clone(), to.clone()) {
            return Err(Problem {
                to: to.to_string(),
                message: format!(
                    "`renamed_from` names {from}, and so does that of {other}; only one of them can be what {from} was"
                ),
            });
        }
    }
    for (to, from) in &asked {
        if old.contains(to) && !declared.contains_key(to) {
            return Err(Problem {
                to: to.to_string(),
                message: format!(
                    "`renamed_from` names {from}, but the migrations so far declare {to} too. If {to} stays what it is, \
                     remove `renamed_from`; if {from} takes its place, drop {to} in a migration of its own first"
                ),
            });
        }
    }
    rings.extend(
        asked
            .iter()
            .filter(|(to, _)| comes_back(&declared, to))
            .map(|rename| (*rename).clone()),
    );
    let taken: BTreeSet<&N> = declared.values().collect();
    let mut all = declared.clone();
    for name in &old {
        if !declared.contains_key(*name) && new.contains(*name) && !taken.contains(*name) {
            all.insert((*name).clone(), (*name).clone());
        }
    }
    Ok(Paired { all, declared })
}

/// Whether the renames lead from a name back to it. No two lead to one name, so that they cannot turn in elsewhere.
fn comes_back<N: Ord>(renames: &BTreeMap<N, N>, name: &N) -> bool {
    let mut at = name;
    while let Some(next) = renames.get(at) {
        if next == name {
            return true;
        }
        at = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs<'a> = &'a [(&'a str, &'a str)];

    /// The renames that are done, each as `from>to`, and the members of rings, or `error`.
    fn done(old: &[&str], new: &[&str], renames: Pairs<'_>) -> String {
        let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let renames: Vec<(String, String)> = renames
            .iter()
            .map(|(to, from)| ((*to).to_owned(), (*from).to_owned()))
            .collect();
        let mut rings = Vec::new();
        match pair(&names(old), &names(new), &renames, &mut rings) {
            Err(_) => "error".to_owned(),
            Ok(paired) => {
                let done: Vec<String> = paired
                    .declared
                    .iter()
                    .map(|(from, to)| format!("{from}>{to}"))
                    .collect();
                format!("{} rings {}", done.join(" "), rings.len())
            }
        }
    }

    #[test]
    fn chains_and_rings_are_pairs_like_others() {
        assert_eq!(done(&["a"], &["b"], &[("b", "a")]), "a>b rings 0");
        assert_eq!(
            done(&["a", "b"], &["b", "c"], &[("b", "a"), ("c", "b")]),
            "a>b b>c rings 0"
        );
        assert_eq!(
            done(&["a", "b"], &["a", "b"], &[("b", "a"), ("a", "b")]),
            "a>b b>a rings 2"
        );
        assert_eq!(
            done(
                &["a", "b", "c"],
                &["a", "b", "c"],
                &[("b", "a"), ("c", "b"), ("a", "c")]
            ),
            "a>b b>c c>a rings 3"
        );
        assert_eq!(done(&["a"], &["a", "b"], &[("b", "a")]), "a>b rings 0");
    }

    #[test]
    fn what_was_done_before_is_not_done_again() {
        assert_eq!(done(&["b"], &["b"], &[("b", "a")]), " rings 0");
        assert_eq!(
            done(&["b", "c"], &["b", "c"], &[("b", "a"), ("c", "b")]),
            " rings 0"
        );
        assert_eq!(done(&["a", "b"], &["a", "b"], &[("b", "a")]), " rings 0");
    }

    #[test]
    fn what_contradicts_itself_is_an_error() {
        assert_eq!(done(&["a"], &["b", "c"], &[("b", "a"), ("c", "a")]), "error");
        assert_eq!(done(&["a", "b"], &["b"], &[("b", "a")]), "error");
    }
}
