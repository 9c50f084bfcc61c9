//! Enum types as Rust enums.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use authz_schema::model::{Types, parse_type};

use super::draft;
use super::names;
use crate::catalogue::introspect::LiveEnum;

/// The rules of sqlx that give all values at once, the plainest first.
const RULES: [&str; 7] = [
    "lowercase",
    "snake_case",
    "kebab-case",
    "SCREAMING_SNAKE_CASE",
    "UPPERCASE",
    "camelCase",
    "PascalCase",
];

/// The source of the enum, or why no attribute says it.
pub(super) fn source(live: &LiveEnum, name: &str) -> Result<String, String> {
    let mut taken = BTreeSet::new();
    let variants: Vec<(String, &str)> = live
        .values
        .iter()
        .map(|value| (variant(value, &mut taken), value.as_str()))
        .collect();
    let mut why = String::new();
    for rule in RULES.map(Some).into_iter().chain([None]) {
        let source = with_rule(live, name, &variants, rule);
        match read(&source) {
            Ok(values) if values == live.values => return Ok(source),
            Ok(_) => {}
            Err(error) => why = error,
        }
    }
    Err(why)
}

fn variant(value: &str, taken: &mut BTreeSet<String>) -> String {
    let shouted = !value.chars().any(char::is_lowercase);
    let base = names::pascal_case(&if shouted {
        value.to_lowercase()
    } else {
        value.to_owned()
    });
    let numbered = (2..).map(|number: u32| format!("{base}{number}"));
    [base.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| taken.insert(name.clone()))
        .unwrap_or(base)
}

fn with_rule(live: &LiveEnum, name: &str, variants: &[(String, &str)], rule: Option<&str>) -> String {
    let mut out = String::new();
    for line in live.comment.iter().flat_map(|comment| comment.lines()) {
        let _ = writeln!(out, "{}", format!("/// {line}").trim_end());
    }
    let namespace = live.name.namespace.as_str();
    let type_name = if namespace == "public" {
        live.name.name.as_str().to_owned()
    } else {
        format!("{namespace}.{}", live.name.name.as_str())
    };
    let rename_all = rule
        .map(|rule| format!(", rename_all = \"{rule}\""))
        .unwrap_or_default();
    let _ = write!(
        out,
        "#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type, authz::Type)]\n#[sqlx(type_name = {}{rename_all})]\npub enum {name} {{\n",
        draft::text(&type_name)
    );
    for (variant, value) in variants {
        if rule.is_none() && variant != value {
            let _ = writeln!(out, "    #[sqlx(rename = {})]", draft::text(value));
        }
        let _ = writeln!(out, "    {variant},");
    }
    out.push_str("}\n");
    out
}

/// The values that the enum declares.
fn read(source: &str) -> Result<Vec<String>, String> {
    let input: syn::DeriveInput = syn::parse_str(source).map_err(|error| error.to_string())?;
    let model = parse_type(&input, &Types::default()).map_err(|error| error.to_string())?;
    Ok(model.enum_type.map(|item| item.values).unwrap_or_default())
}
