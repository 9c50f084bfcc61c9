//! What a change of a column costs, by its type and its default, and what it breaks.

use authz_schema::schema::{Column, Identity, TableName};
use authz_sql::expression::Expression;
use authz_sql::{AUTH, Ident, MEMBERS};

/// What programs that run meanwhile can no longer rely on. They know the column as it was, or know of none.
pub(super) fn breaks_old_code(table: &TableName, old: Option<&Column>, new: &Column) -> Vec<String> {
    let has_own_value =
        |column: &Column| column.default.is_some() || column.identity.is_some() || column.generated.is_some();
    let is_required = |column: &Column| column.not_null && !has_own_value(column);
    let refuses_values =
        |column: &Column| column.generated.is_some() || column.identity == Some(Identity::Always);
    let name = format!("{table}.{}", new.name);
    let mut broken = Vec::new();
    if let Some(old) = old {
        if old.column_type != new.column_type && !is_in_place(&old.column_type, &new.column_type) {
            broken.push(format!(
                "changes the type of {name}; programs that run meanwhile know the old type"
            ));
        }
        if old.not_null && !new.not_null {
            broken.push(format!(
                "lets {name} be NULL; programs that run meanwhile may not expect it"
            ));
        }
        if !refuses_values(old) && refuses_values(new) {
            broken.push(format!(
                "generates the values of {name}; programs that run meanwhile may write their own"
            ));
        }
    }
    let left = |old: &Column| has_own_value(old) && !has_own_value(new);
    if old.is_some_and(left) || is_required(new) && !old.is_some_and(is_required) {
        broken.push(format!(
            "leaves {name} to each INSERT; programs that run meanwhile may give it no value"
        ));
    }
    broken
}

/// Whether every value of the old type is one of the new type too. What is not known to be is taken to lose some.
pub(super) fn keeps_values(old: &str, new: &str) -> bool {
    /// Each type holds the values of those before it.
    const WIDER: [&[&str]; 3] = [
        &["smallint", "integer", "bigint", "numeric"],
        &["real", "double precision"],
        &["date", "timestamp", "timestamptz"],
    ];
    if let (Some(old), Some(new)) = (old.strip_suffix("[]"), new.strip_suffix("[]")) {
        return keeps_values(old, new);
    }
    let place = |types: &[&str], ty: &str| types.iter().position(|known| *known == ty);
    matches!(new, "text" | "varchar" | "citext")
        || is_in_place(old, new)
        || WIDER.iter().any(
            |types| matches!((place(types, old), place(types, new)), (Some(old), Some(new)) if old <= new),
        )
}

/// Whether PostgreSQL changes the one type to the other without writing the table anew.
pub(super) fn is_in_place(old: &str, new: &str) -> bool {
    let length = |ty: &str| numbers(ty, "varchar")?.first().copied();
    let digits = |ty: &str| match *numbers(ty, "numeric")? {
        [precision] => Some((precision, 0)),
        [precision, scale] => Some((precision, scale)),
        _ => None,
    };
    match new {
        "text" | "varchar" => matches!(old, "text" | "varchar") || length(old).is_some(),
        "numeric" => digits(old).is_some(),
        _ => match (length(old), length(new), digits(old), digits(new)) {
            (Some(old), Some(new), ..) => old <= new,
            (.., Some((old, scale)), Some((new, same))) => old <= new && scale == same,
            _ => false,
        },
    }
}

/// The numbers of a type such as `numeric(5, 2)`.
fn numbers(ty: &str, name: &str) -> Option<Vec<u32>> {
    let list = ty.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')')?;
    list.split(',').map(|number| number.trim().parse().ok()).collect()
}

/// Whether a default may give each row another value. What a function does is not known here, so that every call may
/// but those that are the same for a whole statement.
pub(super) fn may_be_volatile(default: &Expression) -> bool {
    const STABLE: [&str; 7] = [
        "now",
        "transaction_timestamp",
        "statement_timestamp",
        "current_timestamp",
        "current_time",
        "localtimestamp",
        "localtime",
    ];
    default.calls().iter().any(|call| {
        let is_stable = match call.namespace.as_ref().map(Ident::as_str) {
            None | Some("pg_catalog") => STABLE.contains(&call.name.as_str()),
            Some(namespace) => matches!(namespace, AUTH | MEMBERS),
        };
        !is_stable
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `bigint` of the notes, changed in this way.
    fn column(change: impl Fn(&mut Column)) -> Column {
        let mut column = Column {
            name: Ident::new("n").unwrap(),
            column_type: "bigint".to_owned(),
            not_null: true,
            identity: None,
            generated: None,
            default: None,
            comment: None,
        };
        change(&mut column);
        column
    }

    fn broken(old: Option<&Column>, new: &Column) -> Vec<String> {
        let table = TableName {
            namespace: Ident::new("public").unwrap(),
            name: Ident::new("notes").unwrap(),
        };
        breaks_old_code(&table, old, new)
    }

    #[test]
    fn what_old_code_relies_on_is_told_from_what_it_does_not_notice() {
        let required = column(|_| {});
        let nullable = column(|column| column.not_null = false);
        let with_default = column(|column| column.default = Some(Expression::unchecked("1")));
        let wider = column(|column| column.column_type = "numeric".to_owned());
        let identity = column(|column| column.identity = Some(Identity::Always));
        let open_identity = column(|column| column.identity = Some(Identity::ByDefault));
        let generated = column(|column| column.generated = Some(Expression::unchecked("id + 1")));
        for (old, new, verb) in [
            (None, &required, "leaves"),
            (Some(&with_default), &required, "leaves"),
            (Some(&with_default), &nullable, "lets public.notes.n be NULL"),
            (Some(&identity), &required, "leaves"),
            (Some(&generated), &required, "leaves"),
            (Some(&nullable), &required, "leaves"),
            (Some(&required), &nullable, "lets"),
            (Some(&required), &wider, "changes the type"),
            (Some(&with_default), &identity, "generates"),
            (Some(&open_identity), &identity, "generates"),
            (Some(&required), &generated, "generates"),
        ] {
            let broken = broken(old, new);
            assert!(
                broken.first().is_some_and(|what| what.starts_with(verb)),
                "{old:?} {new:?} {broken:?}"
            );
        }
        for (old, new) in [
            (None, &nullable),
            (None, &with_default),
            (None, &identity),
            (Some(&required), &required),
            (Some(&required), &with_default),
            (Some(&required), &open_identity),
            (Some(&nullable), &with_default),
            (Some(&identity), &open_identity),
        ] {
            assert_eq!(broken(old, new), [""; 0], "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_default_that_is_the_same_for_all_rows_is_told_from_one_that_may_not_be() {
        for same in [
            "0",
            "'a(b)'",
            "now()",
            "(now() + '1 day'::interval)",
            "CURRENT_TIMESTAMP(3)",
            "pg_catalog.now()",
            "auth.user_id()",
            "authz.org_id()",
            "'1'::numeric(5, 2)",
            "1 + (2 * 3)",
            "'{}'::jsonb",
            "\"now\"()",
            "coalesce(current_setting, NULL)",
        ] {
            assert!(!may_be_volatile(&Expression::unchecked(same)), "{same}");
        }
        for own in [
            "gen_random_uuid()",
            "random ()",
            "clock_timestamp()",
            "nextval('s')",
            "'a' || app.next()",
            "public.now()",
            "date_trunc('day', clock_timestamp())",
        ] {
            assert!(may_be_volatile(&Expression::unchecked(own)), "{own}");
        }
    }

    #[test]
    fn a_wider_type_of_the_same_kind_is_changed_in_place() {
        for (old, new) in [
            ("varchar(3)", "varchar(4)"),
            ("varchar(3)", "text"),
            ("text", "varchar"),
            ("numeric(5,2)", "numeric(7, 2)"),
            ("numeric(5)", "numeric"),
        ] {
            assert!(is_in_place(old, new) && keeps_values(old, new), "{old} {new}");
        }
        for (old, new) in [
            ("varchar(3)", "varchar(2)"),
            ("numeric(5,2)", "numeric(7,3)"),
            ("text", "varchar(3)"),
        ] {
            assert!(!is_in_place(old, new) && !keeps_values(old, new), "{old} {new}");
        }
        assert!(!is_in_place("integer", "bigint"));
    }
}
