//! From structs to SQL, and from two states of the structs to a plan, as snapshots.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

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

mod cases;
mod every_case;
mod lock;
mod mistakes;
mod plan;
mod renames;
mod schemas;
mod script;
