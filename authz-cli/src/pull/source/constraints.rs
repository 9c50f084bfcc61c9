//! Keys, checks and indexes as attributes.

use authz_schema::schema::{
    Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Index, Table, is_led_by_all,
};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::draft::{self, Draft, Item};
use super::names;

/// Adds each constraint to its column, or to the table.
pub(super) fn add(table: &Table, draft: &mut Draft) {
    for constraint in &table.constraints {
        let object = format!("constraint {}", constraint.name);
        let one = |columns: &[Ident]| match columns {
            [column] => table.columns.iter().position(|known| known.name == *column),
            _ => None,
        };
        match &constraint.kind {
            ConstraintKind::PrimaryKey(columns) => match one(columns) {
                Some(at) => on_column(draft, at, Item::of(object, "primary_key")),
                None => draft
                    .table
                    .push(Item::of(object, format!("primary_key({})", list(columns)))),
            },
            ConstraintKind::Unique(columns) => match one(columns) {
                Some(at) => on_column(draft, at, Item::of(object, "unique")),
                None => draft
                    .table
                    .push(Item::of(object, format!("unique({})", list(columns)))),
            },
            ConstraintKind::Check(expression) => {
                let item = Item::of(object, format!("check = {}", draft::text(expression.as_str())));
                match column_of_check(table, constraint, draft) {
                    Some(at) => on_column(draft, at, item),
                    None => draft.table.push(item),
                }
            }
            ConstraintKind::ForeignKey(key) => {
                let keys: Vec<String> = key.columns.iter().map(ToString::to_string).collect();
                let indexed = is_led_by_all(&keys, &table.constraints, &table.indexes);
                let no_index = if indexed { "" } else { ", index = false" };
                let target = format!("{}{no_index}", references(key));
                match one(&key.columns).filter(|at| !has(draft, *at, "references")) {
                    Some(at) => on_column(draft, at, Item::of(object, target)),
                    None => draft.table.push(Item::of(
                        object,
                        format!("foreign_key({}, {target})", list(&key.columns)),
                    )),
                }
            }
        }
    }
}

fn on_column(draft: &mut Draft, at: usize, item: Item) {
    if let Some(field) = draft.fields.get_mut(at) {
        field.items.push(item);
    }
}

fn has(draft: &Draft, at: usize, key: &str) -> bool {
    draft
        .fields
        .get(at)
        .is_some_and(|field| field.items.iter().any(|item| item.says(key)))
}

/// The column that a CHECK takes its name from, which has no other.
fn column_of_check(table: &Table, constraint: &Constraint, draft: &Draft) -> Option<usize> {
    let name = constraint.name.as_str();
    let of = |column: &Ident| {
        authz_schema::schema::generated_name(&[table.name.name.as_str(), column.as_str(), "check"])
    };
    table
        .columns
        .iter()
        .position(|column| of(&column.name) == name)
        .filter(|at| !has(draft, *at, "check"))
}

fn references(key: &ForeignKey) -> String {
    let table = if key.table.namespace.as_str() == "public" {
        key.table.name.as_str().to_owned()
    } else {
        format!("{}.{}", key.table.namespace.as_str(), key.table.name.as_str())
    };
    let columns: Vec<&str> = key.references.iter().map(Ident::as_str).collect();
    let mut text = format!(
        "references = {}",
        draft::text(&format!("{table}({})", columns.join(", ")))
    );
    for (word, action) in [("on_delete", key.on_delete), ("on_update", key.on_update)] {
        if let Some((words, _)) = ForeignKeyAction::ALL
            .into_iter()
            .find(|(_, known)| *known == action && action != ForeignKeyAction::default())
        {
            text.push_str(&format!(", {word} = \"{words}\""));
        }
    }
    text
}

/// Adds an index as `index(…)`, or as the word at its column.
pub(super) fn add_index(table: &Table, index: &Index, draft: &mut Draft) {
    let object = format!("index {}", index.name);
    let plain = Index::new(index.name.clone(), index.keys.clone(), index.columns.clone());
    let one = match (index.keys.as_slice(), index.columns.as_slice()) {
        ([key], [column])
            if key.as_str() == column.to_string() && *index == plain && follows(table, index) =>
        {
            table.columns.iter().position(|known| known.name == *column)
        }
        _ => None,
    };
    match one {
        Some(at) => on_column(draft, at, Item::of(object, "index")),
        None => draft.table.push(Item::of(object, self::index(table, index))),
    }
}

/// Whether the name is the one that the model gives by itself.
fn follows(table: &Table, index: &Index) -> bool {
    let columns: Option<Vec<&str>> = index
        .keys
        .iter()
        .map(|key| {
            let column = table.columns.iter().find(|column| is_key_of(key, &column.name))?;
            Some(column.name.as_str())
        })
        .collect();
    columns.is_some_and(|columns| {
        let parts = [&[table.name.name.as_str()], columns.as_slice(), &["idx"]].concat();
        authz_schema::schema::generated_name(&parts) == index.name.as_str()
    })
}

fn is_key_of(key: &Expression, column: &Ident) -> bool {
    key.key_parts().0 == column.to_string()
}

fn index(table: &Table, index: &Index) -> String {
    let mut parts: Vec<String> = index.keys.iter().map(|key| index_key(table, key)).collect();
    if index.unique {
        parts.push("unique".to_owned());
    }
    if let Some(method) = &index.method {
        parts.push(format!("method = {}", draft::text(method)));
    }
    if let Some(predicate) = &index.predicate {
        parts.push(format!("where = {}", draft::text(predicate.as_str())));
    }
    if !index.include.is_empty() {
        parts.push(format!("include({})", list(&index.include)));
    }
    if !follows(table, index) {
        parts.push(format!("name = {}", draft::text(index.name.as_str())));
    }
    format!("index({})", parts.join(", "))
}

/// `column desc nulls last` or `"expression" desc`.
fn index_key(table: &Table, key: &Expression) -> String {
    let (expression, order) = key.key_parts();
    let order = order.to_ascii_lowercase();
    if let Some(column) = table.columns.iter().find(|column| is_key_of(key, &column.name)) {
        return format!("{}{order}", word(&column.name));
    }
    // The model puts parentheses around it.
    let inner = expression
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    format!("{}{order}", draft::text(inner.unwrap_or(expression)))
}

fn list(columns: &[Ident]) -> String {
    columns.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// A column where an attribute takes it without quotes.
fn word(column: &Ident) -> String {
    names::ident(column.as_str())
}
