//! What widens access says so, and what does not is not asked about.

use crate::case::{Case, case, kinds};

kinds! {
    policies_and_grants_on_a_table_that_was_made_elsewhere_widen existing();
    a_function_below_functions_below_policies_widens functions();
    a_generated_column_below_a_policy_widens generated();
    an_action_of_a_reference_reaches_rows_past_row_security actions();
    a_key_that_users_may_write_widens keys();
    another_login_role_is_named login_roles();
    users_do_not_write_what_is_always_generated always();
    what_does_not_widen_is_not_asked_about silence();
}

const OTHER: &str = "OPEN struct Other { #[column(primary_key)] id: i64 }";

fn existing() -> Vec<Case> {
    let made = |name| {
        case(name)
            .made_elsewhere("CREATE TABLE legacy (id bigint PRIMARY KEY, who text)")
            .before(OTHER)
            .rows("INSERT INTO legacy VALUES (1, '1'), (2, '2')")
    };
    vec![
        made("a table that was made elsewhere is shown to everybody")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                  #[derive(Table)] #[table(existing, name = \"legacy\")] #[rls(select = true, to = \"anonymous\")] struct Legacy { id: i64, who: Option<String> }")
            .says("authz-widens"),
        made("a table that was made elsewhere is shown to its rows' owners")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                  #[derive(Table)] #[table(existing, name = \"legacy\")] #[rls(read, owner = \"who\")] struct Legacy { id: i64, who: Option<String> }")
            .says("authz-widens")
            .user_sees("SELECT count(*) FROM legacy", "1"),
        made("users may write into a table that was made elsewhere")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                  #[derive(Table)] #[table(existing, name = \"legacy\")] #[rls(insert = \"id > 5\")] struct Legacy { id: i64, who: Option<String> }")
            .says("authz-widens"),
        case("a table that is made with its policies has no rows to show")
            .before(OTHER)
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                  #[derive(Table)] #[rls(select = true, to = \"anonymous\")] struct Note { #[column(primary_key)] id: i64 }")
            .never_says("authz-widens"),
    ]
}

fn functions() -> Vec<Case> {
    const NOTE: &str =
        "#[derive(Table)] #[rls(read = \"b(id)\")] struct Note { #[column(primary_key)] id: i64 }";
    const A: &str = "CREATE FUNCTION a(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN n > 1";
    const A_OPEN: &str = "CREATE FUNCTION a(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN n > 0";
    const B: &str = "CREATE FUNCTION b(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN public.a(n)";
    const B_TEXT: &str =
        "CREATE FUNCTION b(n bigint) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT public.a(n)'";
    const B_PL: &str =
        "CREATE FUNCTION b(n bigint) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN a(n); END'";
    let rows = "INSERT INTO notes VALUES (1), (2)";
    vec![
        case("the body of a function changes that a function of a policy calls")
            .both(NOTE).functions(&[("a", A), ("b", B)], &[("a", A_OPEN), ("b", B)])
            .rows(rows).says("authz-widens").says("authz-changed"),
        case("the body of a function changes that a function of text of a policy calls")
            .both(NOTE).functions(&[("a", A), ("b", B_TEXT)], &[("a", A_OPEN), ("b", B_TEXT)])
            .rows(rows).says("authz-widens").says("authz-changed"),
        case("the body of a function changes that a function in another language calls")
            .both(NOTE).functions(&[("a", A), ("b", B_PL)], &[("a", A_OPEN), ("b", B_PL)])
            .rows(rows).says("authz-widens").says("authz-changed"),
        case("the body of a function changes three calls below a policy")
            .both("#[derive(Table)] #[rls(read = \"c(id)\")] struct Note { #[column(primary_key)] id: i64 }")
            .functions(&[("a", A), ("b", B), ("c", "CREATE FUNCTION c(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN public.b(n)")],
                &[("a", A_OPEN), ("b", B), ("c", "CREATE FUNCTION c(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN public.b(n)")])
            .rows(rows).says("authz-widens").says("authz-changed"),
        case("the body of a function of a policy changes")
            .both("#[derive(Table)] #[rls(read = \"a(id)\")] struct Note { #[column(primary_key)] id: i64 }")
            .functions(&[("a", A)], &[("a", A_OPEN)])
            .rows(rows).says("authz-widens").user_sees("SELECT count(*) FROM notes", "2"),
        case("the body of a function changes that only an index calls")
            .both("OPEN #[table(index(\"f(id)\", name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64 }")
            .functions(&[("f", "CREATE FUNCTION f(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN n")],
                &[("f", "CREATE FUNCTION f(n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN n + 1")])
            .rows(rows).never_says("authz-widens"),
    ]
}

fn generated() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, n) VALUES (1, 1), (2, 2)";
    vec![
        case("a generated column that a policy reads is generated in another way")
            .before("#[derive(Table)] #[rls(read = \"shown\")] struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 1\")] shown: bool }")
            .after("#[derive(Table)] #[rls(read = \"shown\")] struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 0\")] shown: bool }")
            .rows(rows).says("authz-changed").says("authz-widens").user_sees("SELECT count(*) FROM notes", "2"),
        case("a function changes below a generated column that a policy reads")
            .both("#[derive(Table)] #[rls(read = \"shown\")] struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"f(n)\")] shown: bool }")
            .functions(&[("f", "CREATE FUNCTION f(n bigint) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN n > 1")],
                &[("f", "CREATE FUNCTION f(n bigint) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN n > 0")])
            .rows(rows).says("authz-changed").says("authz-widens").user_sees("SELECT count(*) FROM notes", "2"),
        case("a generated column that a policy of another table reads is generated in another way")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 1\")] shown: bool }
                  #[derive(Table)] #[rls(read = \"note in (select x.id from notes x where x.shown)\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 0\")] shown: bool }
                  #[derive(Table)] #[rls(read = \"note in (select x.id from notes x where x.shown)\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .rows(rows).says("authz-changed").says("authz-widens"),
        case("a generated column that a policy reads becomes one that users write")
            .before("#[derive(Table)] #[rls(read = \"shown\", insert = true)] struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 1\")] shown: bool }")
            .after("#[derive(Table)] #[rls(read = \"shown\", insert = true)] struct Note { #[column(primary_key)] id: i64, n: i64, shown: bool }")
            .rows(rows).says("authz-widens"),
        case("a generated column that no policy reads is generated in another way")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 1\")] big: bool }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 0\")] big: bool }")
            .rows(rows).never_says("authz-widens").never_says("authz-changed"),
    ]
}

/// Parents that users may delete, and kids whose rows have owners, with what the reference says.
macro_rules! family {
    ($reference:literal) => {
        concat!(
            "#[derive(Table)] #[rls(read = true)] #[rls(delete = true)] struct Parent { #[column(primary_key)] id: i64 }
             #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, #[column(",
            $reference,
            ")] parent: Option<i64>, who: String }"
        )
    };
}

fn actions() -> Vec<Case> {
    let rows = "INSERT INTO parents VALUES (1); INSERT INTO kids VALUES (1, 1, '2')";
    vec![
        case("a reference begins to delete with its parent")
            .before(family!("references = \"parents(id)\""))
            .after(family!("references = \"parents(id)\", on_delete = \"cascade\""))
            .rows(rows)
            .says("authz-"),
        case("a reference begins to delete where it refused")
            .before(family!("references = \"parents(id)\", on_delete = \"restrict\""))
            .after(family!("references = \"parents(id)\", on_delete = \"cascade\""))
            .rows(rows)
            .says("authz-"),
        case("a new reference deletes with its parent")
            .before(family!("index"))
            .after(family!(
                "index, references = \"parents(id)\", on_delete = \"cascade\""
            ))
            .rows(rows)
            .says("authz-"),
        case("a reference begins to empty a column with its parent")
            .before(family!("references = \"parents(id)\""))
            .after(family!("references = \"parents(id)\", on_delete = \"set null\""))
            .rows(rows)
            .says("authz-"),
        case("a reference stops to delete with its parent")
            .before(family!("references = \"parents(id)\", on_delete = \"cascade\""))
            .after(family!("references = \"parents(id)\""))
            .rows(rows)
            .never_says("authz-widens"),
    ]
}

fn keys() -> Vec<Case> {
    let rows = "INSERT INTO notes (who) VALUES ('1'), ('2')";
    vec![
        case("an identity becomes plain where users insert")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows).says("authz-widens"),
        case("an identity becomes one that users may give")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity = \"by default\")] id: i64, who: String }")
            .rows(rows).says("authz-widens"),
        case("an identity becomes plain where users update")
            .before("#[derive(Table)] #[rls(read = true)] #[rls(update = \"who = '1'\")] struct Note { #[column(primary_key, identity)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = true)] #[rls(update = \"who = '1'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows).says("authz-widens"),
        case("an identity becomes plain where users only read")
            .before("OPEN struct Note { #[column(primary_key, identity)] id: i64, who: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows).never_says("authz-widens"),
        case("a column that only the server writes becomes one that users write")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, who: String, #[column(server, default = \"0\")] n: i64 }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, who: String, #[column(default = \"0\")] n: i64 }")
            .rows(rows).says("authz-widens"),
    ]
}

fn login_roles() -> Vec<Case> {
    vec![
        case("another role logs in").both(OTHER)
            .settings("", "login_role = \"consent_login\"\n")
            .says("authz-"),
        case("another role logs in than one that was named").both(OTHER)
            .settings("login_role = \"consent_first\"\n", "login_role = \"consent_second\"\n")
            .says("authz-"),
        case("another role logs in while a table comes").before(OTHER)
            .after("OPEN struct Other { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64 }")
            .settings("login_role = \"consent_third\"\n", "login_role = \"consent_fourth\"\n")
            .says("authz-"),
        case("the role that logs in is said as it is").before(OTHER)
            .after("OPEN struct Other { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64 }")
            .settings("", "login_role = \"authenticator\"\n")
            .never_says("authz-widens"),
    ]
}

fn always() -> Vec<Case> {
    const NEW: &str = "OPEN struct Other { #[column(primary_key)] id: i64 }
        #[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, #[column(default = \"auth.user_id()\")] who: String, n: Option<i64> }";
    vec![
        case("a user does not override a key that is always generated").before(OTHER).after(NEW)
            .user_may_not("INSERT INTO notes (id) OVERRIDING SYSTEM VALUE VALUES (5) RETURNING id")
            .user_sees("INSERT INTO notes (n) VALUES (5) RETURNING n", "5"),
        case("a key that begins to be always generated is no longer written by users")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity)] id: i64, who: String }")
            .rows("INSERT INTO notes VALUES (1, '1')")
            .user_may_not("INSERT INTO notes (id, who) OVERRIDING SYSTEM VALUE VALUES (5, '1') RETURNING id")
            .user_sees("INSERT INTO notes (who) VALUES ('1') RETURNING id", "2"),
        case("a user gives a key that is generated by default").before(OTHER)
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key, identity = \"by default\")] id: i64, who: String }")
            .user_sees("INSERT INTO notes (id, who) VALUES (5, '1') RETURNING id", "5"),
    ]
}

fn silence() -> Vec<Case> {
    let quiet = |case: Case| case.never_says("authz-widens");
    let rows = "INSERT INTO notes VALUES (1, 'a')";
    vec![
        quiet(case("IN is spelled = ANY")
            .before("#[derive(Table)] #[rls(read = \"who IN ('a', 'b')\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"who = ANY (ARRAY['a', 'b'])\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("an expression is spelled in another way")
            .before("#[derive(Table)] #[rls(read = \"who <> 'a' and id > 0\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"((WHO != 'a') AND (id > 0)) /* the same */\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("a role is taken from a policy")
            .before("#[derive(Table)] #[rls(read = \"id > 0\", to = [\"authenticated\", \"anonymous\"])] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"id > 0\", to = [\"authenticated\"])] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows).says("authz-narrows")),
        quiet(case("the roles of a policy are said in another order")
            .before("#[derive(Table)] #[rls(read = \"id > 0\", to = [\"authenticated\", \"anonymous\"])] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"id > 0\", to = [\"anonymous\", \"authenticated\"])] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("two policies of one command change their places")
            .before("#[derive(Table)] #[rls(read = \"id > 5\")] #[rls(read = \"who = 'a'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"who = 'a'\")] #[rls(read = \"id > 5\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("three policies of one command change their places")
            .before("#[derive(Table)] #[rls(read = \"id > 5\")] #[rls(read = \"who = 'a'\")] #[rls(read = \"who = 'b'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"who = 'b'\")] #[rls(read = \"id > 5\")] #[rls(read = \"who = 'a'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("the first of two policies of one command goes")
            .before("#[derive(Table)] #[rls(read = \"id > 5\")] #[rls(read = \"who = 'a'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"who = 'a'\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        quiet(case("a table gets another name below the policy of another")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(read = \"note in (select notes.id from notes where notes.who = 'a')\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(read = \"note in (select papers.id from papers where papers.who = 'a')\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .rows(rows)),
        quiet(case("a table and its column get other names below the policy of another that has short names for them")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(read = \"exists (select from notes n where n.id = note and n.who = auth.user_id())\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key)] id: i64, #[column(renamed_from = \"who\")] owner: String }
                  #[derive(Table)] #[rls(read = \"exists (select from papers n where n.id = note and n.owner = auth.user_id())\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .rows(rows)),
        quiet(case("an enum and its value get other names below policies")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'open'::state\")] struct Note { #[column(primary_key)] id: i64, state: State }
                  #[derive(Table)] #[rls(read = \"note in (select notes.id from notes where notes.state = 'open'::state)\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'begun'::phase\")] struct Note { #[column(primary_key)] id: i64, state: State }
                  #[derive(Table)] #[rls(read = \"note in (select notes.id from notes where notes.state = 'begun'::phase)\")] struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .rows("INSERT INTO notes VALUES (1, 'open')")),
        quiet(case("two tables exchange their names below each other's policies")
            .before("OPEN #[table(name = \"a\")] struct A { #[column(primary_key)] id: i64, n: i64 } #[derive(Table)] #[rls(read = \"id in (select a.id from a where a.n > 0)\")] #[table(name = \"b\")] struct B { #[column(primary_key)] id: i64, n: i64 }")
            .after("OPEN #[table(name = \"b\", renamed_from = \"a\")] struct A { #[column(primary_key)] id: i64, n: i64 } #[derive(Table)] #[rls(read = \"id in (select b.id from b where b.n > 0)\")] #[table(name = \"a\", renamed_from = \"b\")] struct B { #[column(primary_key)] id: i64, n: i64 }")
            .rows("INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1)")),
        quiet(case("one policy for all commands is said as four")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(select = \"auth.user_id() = who\")] #[rls(insert = \"auth.user_id() = who\")] #[rls(update = \"auth.user_id() = who\")] #[rls(delete = \"auth.user_id() = who\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows)),
        case("an expression admits more")
            .before("#[derive(Table)] #[rls(read = \"who IN ('a', 'b')\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"who = ANY (ARRAY['a', 'b', 'c'])\")] struct Note { #[column(primary_key)] id: i64, who: String }")
            .rows(rows).says("authz-widens"),
    ]
}
