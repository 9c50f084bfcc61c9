//! Rust names for tables, columns and enum values.

use std::collections::BTreeSet;

use authz_schema::model::{Types, parse_model};

/// Names that a struct cannot have beside what the file uses.
const TAKEN: &[&str] = &[
    "BitVec",
    "Box",
    "DateTime",
    "Debug",
    "Decimal",
    "Err",
    "IpNetwork",
    "MacAddress",
    "NaiveDate",
    "NaiveDateTime",
    "NaiveTime",
    "None",
    "Oid",
    "Ok",
    "Option",
    "Self",
    "Some",
    "String",
    "Table",
    "Type",
    "Utc",
    "Uuid",
    "Vec",
];

/// A name for the struct of a table, and whether the table's name follows from it.
pub(super) fn struct_name(table: &str, taken: &mut BTreeSet<String>) -> (String, bool) {
    let singulars = [
        table.strip_suffix("ies").map(|stem| format!("{stem}y")),
        table.strip_suffix("es").map(str::to_owned),
        table.strip_suffix('s').map(str::to_owned),
    ];
    let mut free =
        |name: &str| !TAKEN.contains(&name) && !name.starts_with("Pg") && taken.insert(name.to_owned());
    for name in singulars
        .into_iter()
        .flatten()
        .map(|singular| pascal_case(&singular))
    {
        if default_table(&name).as_deref() == Some(table) && free(&name) {
            return (name, true);
        }
    }
    let base = pascal_case(table);
    let base = if base.starts_with("Pg") {
        format!("T{base}")
    } else {
        base
    };
    let numbered = (2..).map(|number: u32| format!("{base}{number}"));
    let name = [base.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| free(name))
        .unwrap_or_default();
    let follows = default_table(&name).as_deref() == Some(table);
    (name, follows)
}

/// The table that a struct of this name declares.
fn default_table(name: &str) -> Option<String> {
    let source = format!("#[rls(disabled = \"probe\")] struct {name} {{ probe__: i64 }}");
    let model = parse_model(&syn::parse_str(&source).ok()?, &Types::default()).ok()?;
    Some(model.table.name.name.into())
}

/// A name for the field of a column, unlike those taken.
pub(super) fn field_name(column: &str, taken: &mut BTreeSet<String>) -> String {
    let base = snake_case(column);
    let numbered = (2..).map(|number: u32| format!("{base}_{number}"));
    [base.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| taken.insert(name.clone()))
        .unwrap_or_default()
}

/// A field's or variant's name as it stands in the source.
pub(super) fn ident(name: &str) -> String {
    if syn::parse_str::<syn::Ident>(name).is_ok() {
        name.to_owned()
    } else {
        format!("r#{name}")
    }
}

/// `user-id`, `userId` → `user_id`
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut lower_before = false;
    for c in name.chars() {
        if c.is_alphanumeric() || c == '_' {
            if c.is_uppercase() && lower_before {
                snake.push('_');
            }
            snake.extend(c.to_lowercase());
        } else if !snake.ends_with('_') {
            snake.push('_');
        }
        lower_before = c.is_lowercase() || c.is_ascii_digit();
    }
    let bare = snake.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && snake.chars().any(char::is_alphanumeric);
    if !bare {
        snake = format!("column_{}", snake.trim_matches('_'));
    }
    // These cannot stand raw.
    if matches!(snake.as_str(), "self" | "super" | "crate") {
        snake.push('_');
    }
    if syn::parse_str::<syn::Ident>(&ident(&snake)).is_err() {
        return "column".to_owned();
    }
    snake
}

/// `user_profiles` → `UserProfiles`
pub(super) fn pascal_case(name: &str) -> String {
    let mut pascal = String::with_capacity(name.len());
    let mut starts_word = true;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            starts_word = true;
        } else if starts_word {
            pascal.extend(c.to_uppercase());
            starts_word = false;
        } else {
            pascal.push(c);
        }
    }
    if !pascal.starts_with(char::is_alphabetic) {
        pascal.insert(0, 'T');
    }
    if syn::parse_str::<syn::Ident>(&pascal).is_err() {
        return "Unnamed".to_owned();
    }
    pascal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_struct_is_called_what_gives_its_table() {
        for (table, name, follows) in [
            ("todos", "Todo", true),
            ("user_profiles", "UserProfile", true),
            ("categories", "Category", true),
            ("boxes", "Box2", false),
            ("people", "People", false),
            ("strings", "Strings", false),
            ("Mixed Case", "MixedCase", false),
            ("2fa", "T2fa", false),
            ("news", "New", true),
        ] {
            let found = struct_name(table, &mut BTreeSet::new());
            if table == "boxes" {
                assert_ne!(found.0, "Box");
            } else {
                assert_eq!(found, (name.to_owned(), follows), "{table}");
            }
        }
    }

    #[test]
    fn fields_are_snake_case_and_never_twice() {
        let mut taken = BTreeSet::new();
        let names = ["userId", "user_id", "type", "self", "a b-c", "1st", "größe", "?"]
            .map(|column| ident(&field_name(column, &mut taken)));
        assert_eq!(
            names,
            [
                "user_id",
                "user_id_2",
                "r#type",
                "self_",
                "a_b_c",
                "column_1st",
                "größe",
                "column_"
            ]
        );
    }
}
