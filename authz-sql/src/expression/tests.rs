use super::*;

fn policy(text: &str) -> Expression {
    Expression::parse(text, Place::Policy).unwrap()
}

fn names(text: &str) -> Vec<String> {
    let join = |column: ColumnRef| match column.qualifier {
        Some(qualifier) => format!("{qualifier}.{}", column.name),
        None => column.name,
    };
    policy(text).columns("notes").into_iter().map(join).collect()
}

#[test]
fn calls_are_wrapped_once() {
    for (written, wrapped) in [
        ("auth.user_id() = user_id", "(SELECT auth.user_id()) = user_id"),
        (
            "(select auth.user_id()) = user_id",
            "(select auth.user_id()) = user_id",
        ),
        (
            "((SELECT (auth.user_id()))) = user_id",
            "((SELECT (auth.user_id()))) = user_id",
        ),
        (
            "auth.session()->>'tenant_id' = id::text",
            "(SELECT auth.session()->>'tenant_id') = id::text",
        ),
        (
            "((auth.session() -> 'app') ->> 'tenant')::uuid = id",
            "(SELECT ((auth.session() -> 'app') ->> 'tenant')::uuid) = id",
        ),
        ("(auth.user_id()) = a", "((SELECT auth.user_id())) = a"),
        (
            "current_setting('a.b', true)::uuid = id",
            "(SELECT current_setting('a.b', true)::uuid) = id",
        ),
        (
            "cast(pg_catalog.current_setting('a.b') as int) = id",
            "(SELECT cast(pg_catalog.current_setting('a.b') as int)) = id",
        ),
        (
            "AUTH.User_Id() = a or auth.uid() = b",
            "(SELECT AUTH.User_Id()) = a or (SELECT auth.uid()) = b",
        ),
        (
            "note_id in (select id from notes where owner_id = auth.user_id())",
            "note_id in (select id from notes where owner_id = (SELECT auth.user_id()))",
        ),
        (
            "id in (select auth.user_id() from t)",
            "id in (select (SELECT auth.user_id()) from t)",
        ),
        ("current_setting(name) = 'x'", "current_setting(name) = 'x'"),
        ("auth.may(id)", "auth.may(id)"),
        (
            "auth.session() ->> key = 'x'",
            "(SELECT auth.session()) ->> key = 'x'",
        ),
        ("note = 'auth.user_id()'", "note = 'auth.user_id()'"),
        ("org_id = authz.org_id()", "org_id = (SELECT authz.org_id())"),
        (
            "team_id = ANY (ARRAY(SELECT authz.teams()))",
            "team_id = ANY (ARRAY(SELECT authz.teams()))",
        ),
        (
            "id in (select t.id from authz.teams() as t (id)) and a = any (array(select r from auth.roles() as r))",
            "id in (select t.id from authz.teams() as t (id)) and a = any (array(select r from auth.roles() as r))",
        ),
        (
            "role = any (auth.roles()) and role <> all((auth.roles()::text[])) or auth.roles() @> role",
            "role = any (coalesce((SELECT auth.roles()))) and role <> all((coalesce((SELECT auth.roles()::text[])))) \
             or (SELECT auth.roles()) @> role",
        ),
    ] {
        assert_eq!(policy(written).wrapped(), wrapped);
        assert_eq!(
            policy(wrapped).wrapped(),
            wrapped,
            "wrapping again changes {wrapped}"
        );
    }
}

#[test]
fn what_was_wrapped_is_unwrapped_and_all_else_stays() {
    for (wrapped, written) in [
        ("(SELECT auth.level()) > 1", "auth.level() > 1"),
        (
            "a = any (coalesce((SELECT auth.roles()))) and (SELECT auth.uid()::text) = b",
            "a = any (coalesce(auth.roles())) and auth.uid()::text = b",
        ),
        ("(select auth.level()) > 1", "(select auth.level()) > 1"),
        ("a = (SELECT 1)", "a = (SELECT 1)"),
        ("a in (SELECT id FROM t)", "a in (SELECT id FROM t)"),
        ("a = 1", "a = 1"),
    ] {
        assert_eq!(policy(wrapped).unwrapped(), written);
    }
}

#[test]
fn columns_outside_of_other_tables_are_found() {
    assert_eq!(
        names("auth.user_id() = user_id and \"A b\" and NOTES.X and not user_id = 'q'"),
        ["user_id", "A b", "notes.x"]
    );
    assert_eq!(
        names("id in (select note_id from shares s where s.user_id = u and notes.id = s.id)"),
        ["id", "notes.id"]
    );
    assert_eq!(
        names("(select a) and d > current_date - interval '1 day' and current_user = b"),
        ["a", "d", "b"]
    );
    assert_eq!(
        names("(c).f = 1 and extract(year from e) = 1 and f(g => h)"),
        ["c", "e", "h"]
    );
}

#[test]
fn comparisons_that_an_index_serves_are_found() {
    let of = |text: &str| -> Vec<String> {
        policy(text)
            .comparisons()
            .into_iter()
            .map(|c| {
                format!(
                    "{}{}",
                    c.column,
                    c.cast.map(|t| format!("::{t}")).unwrap_or_default()
                )
            })
            .collect()
    };
    assert_eq!(of("auth.user_id() = user_id"), ["user_id"]);
    assert_eq!(
        of("(a = 1 or t.b = auth.user_id()) and c in (select id from x where y = 1)"),
        ["a", "b", "c"]
    );
    assert_eq!(of("auth.session()->>'tenant_id' = id::text"), ["id::text"]);
    assert_eq!(of("cast(id as TEXT) = auth.user_id()"), ["id::text"]);
    assert_eq!(
        of("team_id = any(array(select team_id from m where user_id = auth.user_id()))"),
        ["team_id"]
    );
    assert_eq!(
        of("role = any (auth.roles()) and org_id = auth.org_id()"),
        ["role", "org_id"]
    );
    assert!(of("a = b").is_empty());
    assert!(of("not a = 1").is_empty());
    assert!(of("lower(a) = 'x' and b > 1").is_empty());
}

#[test]
fn what_postgresql_refuses_in_the_place_is_refused() {
    for (text, place) in [
        ("a = $1", Place::Policy),
        ("count(*) > 1", Place::Policy),
        ("row_number() over () = 1", Place::Policy),
        ("a in (select 1)", Place::Check),
        ("(select auth.user_id())", Place::Default),
        ("a + 1", Place::Default),
    ] {
        assert!(
            matches!(
                Expression::parse(text, place),
                Err(ExpressionError::NotAllowed(..))
            ),
            "{text}"
        );
    }
    for (text, place) in [
        (
            "exists (select count(*) from t having count(*) > 1)",
            Place::Policy,
        ),
        ("my.count(a) = 1", Place::Policy),
        ("char_length(task) > 0", Place::Check),
        ("auth.user_id()", Place::Default),
        ("now() + interval '1 day'", Place::Default),
        ("'{}'::jsonb", Place::Default),
    ] {
        assert!(Expression::parse(text, place).is_ok(), "{text}");
    }
}

#[test]
fn an_error_says_what_was_expected_and_where() {
    let message = |text| Expression::parse(text, Place::Policy).unwrap_err().to_string();
    assert_eq!(
        message("a = "),
        "not an SQL expression: expected an expression, at the end"
    );
    assert_eq!(
        message("true) or (true"),
        "not an SQL expression: expected one expression and nothing after it, at `) or (true`"
    );
    assert_eq!(
        message("select 1"),
        "not an SQL expression: expected an expression, at `select 1`"
    );
}

#[test]
fn a_type_is_one_type_name() {
    for name in [
        "citext",
        "numeric(10, 2)",
        "text[]",
        "double precision",
        "app.\"Mood\"",
        "timestamp with time zone",
    ] {
        assert_eq!(type_name(name).as_deref(), Some(name));
    }
    for text in [
        "",
        "text, x int",
        "int::text",
        "text = 'a'",
        "text) or (true",
        "text default 1",
        "text;",
    ] {
        assert_eq!(type_name(text), None, "{text}");
    }
}

#[test]
fn spaces_are_folded_and_comments_kept() {
    assert_eq!(
        policy("  a\n   =  'x  y' -- why\n  and b ").as_str(),
        "a = 'x  y' -- why\nand b"
    );
    assert_eq!(policy("a /* x   y */ = 1").as_str(), "a /* x   y */ = 1");
}
