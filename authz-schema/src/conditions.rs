//! What PostgreSQL refuses in an expression, as far as the types of its parts are known: comparisons of types that do not
//! compare, and operators of other languages.

use std::collections::BTreeSet;

use authz_sql::expression::{Catalog, Expression, Operand, OperandKind, Operation, Reference, Target};
use authz_sql::{AUTH, Ident, QualifiedName};

use crate::schema::TypeName;
use crate::types;

/// What is known of the types of columns and functions.
pub(crate) trait Known: Catalog {
    /// The type of a column.
    fn column_type(&self, table: &QualifiedName, column: &Ident) -> Option<String>;

    /// What a function returns that neither PostgreSQL nor the `auth` namespace has.
    fn function_type(&self, namespace: Option<&str>, name: &str) -> Option<String>;

    /// The enum types.
    fn enums(&self) -> &BTreeSet<TypeName>;
}

/// The functions of `auth` and what they return, on every platform that has them.
const AUTH_FUNCTIONS: &[(&str, &str)] = &[
    ("email", "text"),
    ("jwt", "jsonb"),
    ("organization", "jsonb"),
    ("organization_id", "uuid"),
    ("role", "text"),
    ("session", "jsonb"),
    ("uid", "uuid"),
    ("user_id", "text"),
];

/// Functions of PostgreSQL that policies compare with.
const BUILT_IN: &[(&str, &str)] = &[
    ("current_setting", "text"),
    ("gen_random_uuid", "uuid"),
    ("lower", "text"),
    ("now", "timestamptz"),
    ("upper", "text"),
];

/// What is joined bit by bit with nothing.
const CONDITIONS: &[&str] = &["boolean"];
/// What overlaps with nothing.
const NEVER_OVERLAP: &[&str] = &["boolean", "integer", "bigint", "text", "uuid"];
/// What `||` does not join with a condition. Texts and arrays of conditions it does.
const NEVER_JOINED: &[&str] = &[
    "bigint",
    "boolean",
    "date",
    "double precision",
    "integer",
    "json",
    "jsonb",
    "numeric",
    "real",
    "smallint",
    "timestamp with time zone",
    "timestamp without time zone",
    "uuid",
];

/// What PostgreSQL refuses, each once. `is_condition` where the whole must be true or false.
pub(crate) fn mistakes(
    expression: &Expression,
    home: &QualifiedName,
    is_condition: bool,
    known: &impl Known,
) -> Vec<String> {
    let reader = Reader {
        references: expression.references(Some(home), known),
        known,
    };
    let mut found = Vec::new();
    for operation in expression.operations() {
        if let Some(message) = reader.mistake(&operation)
            && !found.contains(&message)
        {
            found.push(message);
        }
    }
    if is_condition && found.is_empty() {
        found.extend(reader.no_condition(&expression.as_operand()));
    }
    found
}

/// Why a column cannot have this DEFAULT. PostgreSQL makes a text of every value by itself, and nothing of a text.
pub(crate) fn default_mistake(
    expression: &Expression,
    column: &Ident,
    column_type: &str,
    known: &impl Known,
) -> Option<String> {
    let reader = Reader {
        references: Vec::new(),
        known,
    };
    let operand = expression.as_operand();
    let value = reader.type_of(&operand.kind)?;
    let made_of = ["text", "uuid", "boolean", "integer", "bigint", "numeric", "jsonb"];
    if types::compare(&value, column_type, known.enums()) != Some(false)
        || types::compare(column_type, "text", known.enums()) == Some(true)
        || !made_of.contains(&types::canonical(&value).as_str())
    {
        return None;
    }
    let is_user = operand.text == "auth.user_id()" && column_type == "uuid";
    let advice = if is_user {
        "write `auth.uid()`"
    } else {
        "write a value of that type, or a cast"
    };
    Some(format!(
        "`{}` is {column_type}, and `{}` is {value}; {advice}",
        column.as_str(),
        operand.text
    ))
}

/// Where no enum types are known.
pub(crate) static NO_ENUMS: BTreeSet<TypeName> = BTreeSet::new();

/// What is known where no column is in sight.
pub(crate) struct Nothing;

impl Catalog for Nothing {
    fn has_column(&self, _: &QualifiedName, _: &str) -> bool {
        false
    }
}

impl Known for Nothing {
    fn column_type(&self, _: &QualifiedName, _: &Ident) -> Option<String> {
        None
    }

    fn function_type(&self, _: Option<&str>, _: &str) -> Option<String> {
        None
    }

    fn enums(&self) -> &BTreeSet<TypeName> {
        &NO_ENUMS
    }
}

struct Reader<'a, K> {
    references: Vec<Reference>,
    known: &'a K,
}

impl<K: Known> Reader<'_, K> {
    fn mistake(&self, operation: &Operation) -> Option<String> {
        let operator = operation.operator.as_str();
        let of_another_language = |write: &str| {
            Some(format!(
                "`{operator}` is no operator of PostgreSQL; write {write}"
            ))
        };
        match (operator, operation.operands.as_slice()) {
            ("==" | "===", _) => of_another_language("`=`"),
            ("!==" | "=!" | "=!=", _) => of_another_language("`<>`"),
            ("!", [_]) => of_another_language("NOT"),
            ("AND" | "OR" | "NOT", operands) => {
                operands.iter().find_map(|operand| self.no_condition(operand))
            }
            ("&&", operands) if self.any_is(operands, NEVER_OVERLAP) => Some(OVERLAPS.to_owned()),
            ("||", operands) if self.any_is(operands, CONDITIONS) && self.all_are(operands, NEVER_JOINED) => {
                Some(JOINS.to_owned())
            }
            ("&", operands) if self.any_is(operands, CONDITIONS) => {
                Some("`&` is for the bits of numbers; write AND".to_owned())
            }
            ("|", operands) if self.any_is(operands, CONDITIONS) => {
                Some("`|` is for the bits of numbers; write OR".to_owned())
            }
            ("=" | "<>" | "!=" | "<" | ">" | "<=" | ">=", [left, right]) => match &operation.chained {
                Some(between) => Some(chained(between)),
                None => self.incomparable(left, right),
            },
            _ => None,
        }
    }

    fn any_is(&self, operands: &[Operand], names: &[&str]) -> bool {
        let mut operands = operands.iter().filter_map(|operand| self.type_of(&operand.kind));
        operands.any(|ty| names.contains(&types::canonical(&ty).as_str()))
    }

    fn all_are(&self, operands: &[Operand], names: &[&str]) -> bool {
        operands.iter().all(|operand| {
            let ty = self.type_of(&operand.kind);
            ty.is_some_and(|ty| names.contains(&types::canonical(&ty).as_str()))
        })
    }

    fn no_condition(&self, operand: &Operand) -> Option<String> {
        let ty = self.type_of(&operand.kind)?;
        let is_none = types::compare(&ty, "boolean", self.known.enums()) == Some(false);
        is_none.then(|| {
            format!(
                "`{}` is {ty}; expected a condition, such as a comparison",
                operand.text
            )
        })
    }

    fn incomparable(&self, left: &Operand, right: &Operand) -> Option<String> {
        let (left_type, right_type) = (self.type_of(&left.kind)?, self.type_of(&right.kind)?);
        if types::compare(&left_type, &right_type, self.known.enums()) != Some(false) {
            return None;
        }
        let advice = advice((left, &left_type), (right, &right_type));
        Some(format!(
            "`{}` is {left_type}, and `{}` is {right_type}, which PostgreSQL does not compare; {advice}",
            left.text, right.text
        ))
    }

    fn type_of(&self, kind: &OperandKind) -> Option<String> {
        match kind {
            OperandKind::Column(range) => {
                let named = self.references.iter().filter(|found| found.range == *range);
                let mut columns = named.filter_map(|found| match &found.target {
                    Target::Column(table, column) => Some((table, column)),
                    _ => None,
                });
                let (table, column) = columns.next()?;
                self.known
                    .column_type(table, column)
                    .filter(|column_type| !column_type.is_empty())
            }
            OperandKind::Call(namespace, name) => {
                let list = match namespace.as_deref() {
                    Some(AUTH) => AUTH_FUNCTIONS,
                    None | Some("pg_catalog") => BUILT_IN,
                    Some(_) => &[],
                };
                let own = self.known.function_type(namespace.as_deref(), name);
                own.or_else(|| {
                    let (_, returns) = list.iter().find(|(known, _)| known == name)?;
                    Some((*returns).to_owned())
                })
            }
            OperandKind::Typed(name) => Some(name.clone()),
            OperandKind::ArrayOf(item) => Some(format!("{}[]", self.type_of(item)?.trim_end_matches("[]"))),
            OperandKind::ItemOf(array) => Some(self.type_of(array)?.strip_suffix("[]")?.to_owned()),
            OperandKind::Unknown => None,
        }
    }
}

const OVERLAPS: &str = "`&&` tells whether arrays or ranges overlap; write AND";
const JOINS: &str = "`||` joins texts and arrays; write OR";

fn chained(between: &str) -> String {
    match between {
        "&&" => OVERLAPS.to_owned(),
        "||" => JOINS.to_owned(),
        _ => {
            "PostgreSQL compares two values, not three in a row; write AND between two comparisons".to_owned()
        }
    }
}

/// What to write instead.
fn advice((left, left_type): (&Operand, &str), (right, right_type): (&Operand, &str)) -> String {
    let types = [types::canonical(left_type), types::canonical(right_type)];
    let calls = |function: &str| {
        [left, right].iter().any(|operand| {
            matches!(&operand.kind, OperandKind::Call(Some(namespace), name) if namespace == AUTH && name == function)
        })
    };
    let is_of = |name: &str| types.iter().any(|ty| ty == name);
    if calls("user_id") && is_of("uuid") {
        return "write `auth.uid()`".to_owned();
    }
    if calls("uid") && !is_of("bigint") && !is_of("integer") && (is_of("text") || is_of("character varying"))
    {
        return "write `auth.user_id()`".to_owned();
    }
    let [left_name, right_name] = &types;
    for (array, item, written) in [
        (
            right_name,
            left_name,
            format!("{} = ANY ({})", left.text, right.text),
        ),
        (
            left_name,
            right_name,
            format!("{} = ANY ({})", right.text, left.text),
        ),
    ] {
        if array.strip_suffix("[]") == Some(item) {
            return format!("write `{written}`");
        }
    }
    // A cast to text fails for no value.
    let texts = ["text", "character varying", "citext", "character"];
    let cast = |operand: &Operand, ty: &str| {
        let plain = |c: char| c.is_alphanumeric() || "_.\"".contains(c);
        let text = operand.text.strip_suffix("()").unwrap_or(&operand.text);
        if text.chars().all(plain) {
            format!("write a cast, such as `{}::{ty}`", operand.text)
        } else {
            format!("write a cast, such as `({})::{ty}`", operand.text)
        }
    };
    if texts.contains(&left_name.as_str()) {
        cast(right, "text")
    } else if texts.contains(&right_name.as_str()) {
        cast(left, "text")
    } else {
        "compare values of one type, or write a cast".to_owned()
    }
}
