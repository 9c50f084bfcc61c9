//! Benchmarks. Each is a program that prints ratios; none is part of the gate, and none asserts a time.

use std::fmt::Write as _;
use std::time::Duration;

/// The middle of some times.
#[must_use]
pub fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// The fields of the structs that are compared: ten of usual types.
pub const FIELDS: [(&str, &str); 10] = [
    ("id", "i64"),
    ("user_id", "String"),
    ("team_id", "i64"),
    ("title", "String"),
    ("body", "Option<String>"),
    ("is_done", "bool"),
    ("rank", "i32"),
    ("score", "f64"),
    ("shared", "bool"),
    ("number", "Option<i64>"),
];

/// The source of a model number `number`: ten columns and four policies.
#[must_use]
pub fn model(number: usize) -> String {
    let mut text = format!(
        "/// Item {number}.\n\
         #[derive(authz::Table)]\n\
         #[rls(select = \"auth.user_id() = user_id or shared\", insert = \"auth.user_id() = user_id\",\n\
         update = \"auth.user_id() = user_id\", delete = \"auth.user_id() = user_id\")]\n\
         pub struct Item{number} {{\n"
    );
    for (name, ty) in FIELDS {
        let attribute = match name {
            "id" => "#[column(primary_key, identity)] ",
            "user_id" => "#[column(default = \"auth.user_id()\")] ",
            "title" => "#[column(check = \"char_length(title) > 0\")] ",
            "is_done" | "shared" => "#[column(default = \"false\")] ",
            _ => "",
        };
        // Writing to a String cannot fail.
        _ = writeln!(text, "    {attribute}pub {name}: {ty},");
    }
    text + "}\n"
}
