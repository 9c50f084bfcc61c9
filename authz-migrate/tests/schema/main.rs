//! From structs to SQL, and from two states of the structs to a plan, as snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

use authz_migrate::migration::Migration;

/// One change: the models before, and after.
struct Case {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    allow: &'static [&'static str],
}

/// Makes a function of each case, and a list of all.
macro_rules! each_case {
    ($($name:ident { old: $old:expr, new: $new:expr, allow: [$($allow:literal),*], })*) => {
        $(pub(crate) fn $name() -> crate::Case {
            crate::Case { name: stringify!($name), old: $old, new: $new, allow: &[$($allow),*] }
        })*

        pub(crate) fn all() -> Vec<crate::Case> {
            vec![$($name()),*]
        }
    };
}

/// The up files of a migration without what each of them says.
fn up_files(migration: &Migration) -> String {
    let texts = migration.parts.iter().map(|part| shown(&part.suffix, &part.up));
    texts.collect::<Vec<_>>().join("\n")
}

/// A file without its header and its `lock_timeout`, under its name if it has one.
fn shown(name: &str, text: &str) -> String {
    let said = |line: &&str| {
        !line.is_empty()
            && !line.contains("Written by")
            && !line.starts_with("-- Part")
            && !line.contains("lock_timeout")
            && !line.contains("row_security = off")
    };
    let name = Some(format!("-- {name}")).filter(|_| !name.is_empty());
    let lines = name
        .into_iter()
        .chain(text.lines().filter(said).map(str::to_owned));
    lines.collect::<Vec<_>>().join("\n").replace("-- hazard ", "-- ")
}

mod cases;
mod claims;
mod every_case;
mod language;
mod lock;
mod mistakes;
mod plan;
mod renames;
mod schemas;
mod script;
