//! Changes in which one statement has to come before another: what is made, changed and dropped leans on other things, and
//! names are freed and taken.

use crate::case::{Case, case, kinds};

kinds! {
    a_key_gives_way_to_another_below_its_references keys();
    functions_that_call_each_other_come_and_go calling();
    the_signature_of_a_function_changes_below_what_uses_it signatures();
    the_body_of_a_function_changes_below_what_stores_its_results bodies();
    a_value_is_added_and_used_at_once new_values();
    a_value_that_is_gone_comes_back_on_the_way_back gone_values();
    a_column_changes_below_a_generated_one generated();
    a_column_takes_another_enum other_enums();
    a_name_is_taken_when_it_is_free names();
    a_name_is_taken_again_on_the_way_back names_again();
    an_index_of_a_later_file_has_the_new_names later_files();
    renames_in_chains_and_rings_lose_nothing rings();
    names_of_not_null_are_cut_apart not_null();
    memberships_outlive_the_types_that_they_compare memberships();
    one_name_for_two_things_and_functions_below_functions first_time();
    an_identity_counts_behind_the_rows_that_are_there identities();
}

fn keys() -> Vec<Case> {
    vec![
        case("the primary key moves to a column, and what refers to the old one stays")
            .before("OPEN struct Team { #[column(primary_key)] id: i64, #[column(unique)] code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }")
            .after("OPEN struct Team { #[column(unique)] id: i64, #[column(primary_key)] code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }")
            .rows("INSERT INTO teams VALUES (1, 'a'), (2, 'b'); INSERT INTO kids VALUES (10, 1), (11, 2)")
            .sees("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated", "1"),
        case("a unique column becomes the key below a reference")
            .before("OPEN struct Team { id: i64, #[column(unique)] code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(code)\", on_delete = \"cascade\")] code: String }")
            .after("OPEN struct Team { id: i64, #[column(primary_key)] code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(code)\", on_delete = \"cascade\")] code: String }")
            .rows("INSERT INTO teams VALUES (1, 'a'), (2, 'b'); INSERT INTO kids VALUES (10, 'a')"),
        case("a key of one column becomes one of two below a reference to the first")
            .before("OPEN struct Team { #[column(primary_key)] id: i64, org: i64 }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }")
            .after("OPEN #[table(primary_key(org, id))] struct Team { #[column(unique)] id: i64, org: i64 }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }")
            .rows("INSERT INTO teams VALUES (1, 5), (2, 5); INSERT INTO kids VALUES (10, 1)"),
        case("reference and key move to another column together")
            .before("OPEN struct Team { #[column(primary_key)] id: i64, number: i64 }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team: i64 }")
            .after("OPEN struct Team { id: i64, #[column(primary_key)] number: i64 }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(number)\")] team: i64 }")
            .rows("INSERT INTO teams VALUES (1, 1), (2, 2); INSERT INTO kids VALUES (10, 1)"),
        case("a table's own reference outlives the key that it refers to")
            .before("OPEN struct Node { #[column(primary_key)] id: i64, code: String, #[column(references = \"nodes(id)\")] parent: Option<i64> }")
            .after("OPEN struct Node { #[column(unique)] id: i64, #[column(primary_key)] code: String, #[column(references = \"nodes(id)\")] parent: Option<i64> }")
            .rows("INSERT INTO nodes VALUES (1, 'a', NULL), (2, 'b', 1)"),
        case("a key moves while its table and the column of the reference get other names")
            .before("OPEN struct Team { #[column(primary_key)] id: i64, code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }")
            .after("OPEN #[table(renamed_from = \"teams\")] struct Squad { #[column(unique, renamed_from = \"id\")] number: i64, #[column(primary_key)] code: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"squads(number)\", renamed_from = \"team_id\")] squad: i64 }")
            .rows("INSERT INTO teams VALUES (1, 'a'), (2, 'b'); INSERT INTO kids VALUES (10, 1)"),
        case("the type of a key changes with that of its references")
            .before("OPEN struct Team { #[column(primary_key)] id: i32 }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i32 }")
            .after("OPEN struct Team { #[column(primary_key)] id: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: String }")
            .rows("INSERT INTO teams VALUES (1), (2); INSERT INTO kids VALUES (10, 1)"),
        case("a reference of two columns outlives the key that becomes a unique constraint")
            .before("OPEN #[table(primary_key(org, id))] struct Team { id: i64, org: i64, #[column(unique)] code: String }
                  OPEN #[table(foreign_key(org, team, references = \"teams(org, id)\"))] struct Kid { #[column(primary_key)] id: i64, org: i64, team: i64 }")
            .after("OPEN #[table(unique(org, id))] struct Team { id: i64, org: i64, #[column(primary_key)] code: String }
                  OPEN #[table(foreign_key(org, team, references = \"teams(org, id)\"))] struct Kid { #[column(primary_key)] id: i64, org: i64, team: i64 }")
            .rows("INSERT INTO teams VALUES (1, 7, 'a'); INSERT INTO kids VALUES (10, 7, 1)"),
    ]
}

const NOTES: &str = "OPEN struct Note { #[column(primary_key)] id: i64, title: String }";
const NOTE_A: &str = "#[derive(Table)] #[rls(read = \"a(title)\")] struct Note { #[column(primary_key)] id: i64, title: String }";
const NOTE_M: &str = "#[derive(Table)] #[rls(read = \"m(title)\")] struct Note { #[column(primary_key)] id: i64, title: String }";
const NOTE_ROWS: &str = "INSERT INTO notes VALUES (1, 'One'), (2, 'two')";

const A_CALLS_Z: &str = "CREATE FUNCTION a(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.z(t)";
const A_CALLS_Z_BY_TEXT: &str =
    "CREATE FUNCTION a(t text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT public.z(t) $$";
const A_ALONE: &str = "CREATE FUNCTION a(t text) RETURNS boolean LANGUAGE sql STABLE RETURN t <> ''";
const Z_ALONE: &str = "CREATE FUNCTION z(t text) RETURNS boolean LANGUAGE sql STABLE RETURN t <> ''";
const Z_CALLS_A: &str = "CREATE FUNCTION z(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.a(t)";
const M_CALLS_A: &str = "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.a(t)";
const M_CALLS_Z: &str = "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.z(t)";
const M_CALLS_A_BY_TEXT: &str =
    "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT public.a(t)'";
const M_CALLS_BOTH: &str =
    "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.a(t) AND public.z(t)";

fn calling() -> Vec<Case> {
    let seen = "SELECT count(*) FROM notes";
    vec![
        case("a function is made that calls one whose file comes later")
            .before(NOTES).after(NOTE_A)
            .functions(&[], &[("a", A_CALLS_Z), ("z", Z_ALONE)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function with a body of text is made that calls one whose file comes later")
            .before(NOTES).after(NOTE_A)
            .functions(&[], &[("a", A_CALLS_Z_BY_TEXT), ("z", Z_ALONE)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("functions go that call one whose file comes earlier")
            .before(NOTE_M).after(NOTES)
            .functions(&[("m", M_CALLS_A), ("a", A_ALONE)], &[])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("two functions turn their call round")
            .before(NOTE_A).after("#[derive(Table)] #[rls(read = \"z(title)\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("a", A_CALLS_Z), ("z", Z_ALONE)], &[("a", A_ALONE), ("z", Z_CALLS_A)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function begins to call a new one")
            .both(NOTE_A)
            .functions(&[("a", A_ALONE)], &[("a", A_CALLS_Z), ("z", Z_ALONE)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function stops to call one that goes")
            .both(NOTE_A)
            .functions(&[("a", A_CALLS_Z), ("z", Z_ALONE)], &[("a", A_ALONE)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function that another calls takes one argument more")
            .both(NOTE_M)
            .functions(&[("a", A_ALONE), ("m", M_CALLS_A)],
                &[("a", "CREATE FUNCTION a(t text, u text) RETURNS boolean LANGUAGE sql STABLE RETURN t <> u"),
                  ("m", "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE RETURN public.a(t, 'x')")])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function that a body of text calls takes one argument more")
            .both(NOTE_M)
            .functions(&[("a", A_ALONE), ("m", M_CALLS_A_BY_TEXT)],
                &[("a", "CREATE FUNCTION a(t text, u text) RETURNS boolean LANGUAGE sql STABLE RETURN t <> u"),
                  ("m", "CREATE FUNCTION m(t text) RETURNS boolean LANGUAGE sql STABLE AS 'SELECT public.a(t, ''x'')'")])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a chain of three functions is made, and goes on the way back")
            .before(NOTES).after(NOTE_M)
            .functions(&[], &[("z", Z_CALLS_A), ("m", M_CALLS_Z), ("a", A_ALONE)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("one function takes the place of another below a third")
            .both(NOTE_M)
            .functions(&[("a", A_ALONE), ("m", M_CALLS_A)], &[("z", Z_ALONE), ("m", M_CALLS_Z)])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("a function calls two of which one reads a table that is made with it")
            .before(NOTES)
            .after("#[derive(Table)] #[rls(read = \"m(title)\")] struct Note { #[column(primary_key)] id: i64, title: String }
                  OPEN struct Word { #[column(primary_key)] word: String }")
            .functions(&[], &[("m", M_CALLS_BOTH), ("a", A_ALONE),
                ("z", "CREATE FUNCTION z(t text) RETURNS boolean LANGUAGE sql STABLE RETURN NOT EXISTS (SELECT FROM public.words w WHERE w.word = t)")])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
        case("two functions with bodies of text call each other")
            .before(NOTES).after(NOTE_A)
            .functions(&[], &[
                ("a", "CREATE FUNCTION a(t text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT t = '' OR public.z(t) $$"),
                ("z", "CREATE FUNCTION z(t text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT length(t) > 0 AND public.a('') $$")])
            .rows(NOTE_ROWS).user_sees(seen, "2"),
    ]
}

const F_TEXT: &str = "CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower(t)";
const F_TWO: &str =
    "CREATE FUNCTION f(t text, n integer DEFAULT 1) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower(t)";
const F_RENAMED: &str = "CREATE FUNCTION f(word text) RETURNS text LANGUAGE sql IMMUTABLE RETURN lower(word)";
const F_VARCHAR: &str =
    "CREATE FUNCTION f(t text) RETURNS varchar LANGUAGE sql IMMUTABLE RETURN lower(t)::varchar";
const LEN_INT: &str = "CREATE FUNCTION len(t text) RETURNS integer LANGUAGE sql IMMUTABLE RETURN length(t)";
const LEN_BIGINT: &str =
    "CREATE FUNCTION len(t text) RETURNS bigint LANGUAGE sql IMMUTABLE RETURN length(t)::bigint";
const ONE_INT: &str = "CREATE FUNCTION one() RETURNS integer LANGUAGE sql STABLE RETURN 1";
const ONE_BIGINT: &str = "CREATE FUNCTION one() RETURNS bigint LANGUAGE sql STABLE RETURN 1::bigint";

fn signatures() -> Vec<Case> {
    vec![
        case("the return type of a function changes below a default")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"one()\")] n: i64 }")
            .functions(&[("one", ONE_INT)], &[("one", ONE_BIGINT)])
            .rows("INSERT INTO notes (id) VALUES (1), (2)")
            .sees("INSERT INTO notes (id) VALUES (3) RETURNING n", "1"),
        case("a function takes one argument more below a default")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"f('X')\")] title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_TWO)])
            .rows("INSERT INTO notes (id) VALUES (1), (2)")
            .sees("INSERT INTO notes (id) VALUES (3) RETURNING title", "x"),
        case("the return type of a function changes below a check")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"len(title) > 1\")] title: String }")
            .functions(&[("len", LEN_INT)], &[("len", LEN_BIGINT)])
            .rows(NOTE_ROWS),
        case("the name of an argument changes below a check")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"f(title) <> ''\")] title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_RENAMED)])
            .rows(NOTE_ROWS),
        case("the return type of a function changes below an index")
            .both("OPEN #[table(index(\"f(title)\", name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_VARCHAR)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE f(title) = 'one'", "1"),
        case("a function takes one argument more below an index and a policy")
            .both("#[derive(Table)] #[rls(read = \"f(title) = 'one'\")] #[table(index(\"f(title)\", name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_TWO)])
            .rows(NOTE_ROWS)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("the return type of a function changes below a generated column")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, title: String, #[column(generated = \"len(title)\")] size: i64 }")
            .functions(&[("len", LEN_INT)], &[("len", LEN_BIGINT)])
            .rows(NOTE_ROWS)
            .sees("SELECT size FROM notes WHERE id = 1", "3"),
        case("a function takes one argument more below a generated column with an index and a policy")
            .both("#[derive(Table)] #[rls(read = \"low = 'one'\")] struct Note { #[column(primary_key)] id: i64, title: String, #[column(generated = \"f(title)\", index)] low: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_TWO)])
            .rows(NOTE_ROWS)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("the return type of a function changes below all that can use it")
            .both("#[derive(Table)] #[rls(read = \"len(title) > 2\")] #[table(index(\"len(title)\", name = \"notes_len\"), index(title, name = \"notes_long\", where = \"len(title) > 2\"))]
                  struct Note { #[column(primary_key)] id: i64, #[column(check = \"len(title) > 0\")] title: String, #[column(generated = \"len(title)\")] size: i64, #[column(default = \"len('abc')\")] n: i64 }")
            .functions(&[("len", LEN_INT)], &[("len", LEN_BIGINT)])
            .rows("INSERT INTO notes (id, title) VALUES (1, 'One'), (2, 'tw')")
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("the return type of a function changes below a function below a check")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"long(title)\")] title: String }")
            .functions(&[("len", LEN_INT), ("long", "CREATE FUNCTION long(t text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN public.len(t) > 1")],
                &[("len", LEN_BIGINT), ("long", "CREATE FUNCTION long(t text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN public.len(t) > 1")])
            .rows(NOTE_ROWS),
        case("the type of an argument changes with the column that is given")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"fits(n)\")] n: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"fits(n)\")] n: String }")
            .functions(&[("fits", "CREATE FUNCTION fits(n integer) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN n > 0")],
                &[("fits", "CREATE FUNCTION fits(n text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN n <> ''")])
            .rows("INSERT INTO notes VALUES (1, 1), (2, 2)"),
    ]
}

const F_UPPER: &str = "CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN upper(t)";
const F_UPPER_BY_TEXT: &str =
    "CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper(t)'";
const F_TEXT_BY_TEXT: &str =
    "CREATE FUNCTION f(t text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT lower(t)'";
const G_CALLS_F: &str =
    "CREATE FUNCTION g(t text) RETURNS text LANGUAGE sql IMMUTABLE RETURN public.f(t) || '!'";
const G_CALLS_F_BY_TEXT: &str =
    "CREATE FUNCTION g(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT public.f(t) || '!' $$";
const SHORT: &str =
    "CREATE FUNCTION long(t text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN length(t) > 3";
const LONG: &str = "CREATE FUNCTION long(t text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN length(t) > 2";

fn bodies() -> Vec<Case> {
    vec![
        case("the body of a function changes below an index")
            .both("OPEN #[table(index(\"f(title)\", name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_UPPER)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE f(title) = 'ONE'", "1"),
        case("the body of a function changes below a unique index")
            .both("OPEN #[table(index(\"f(title)\", unique, name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT_BY_TEXT)], &[("f", F_UPPER_BY_TEXT)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE f(title) = 'TWO'", "1"),
        case("the body of a function changes below the condition of an index")
            .both("OPEN #[table(index(id, where = \"long(title)\", name = \"notes_long\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("long", SHORT)], &[("long", LONG)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE long(title) AND id > 0", "2"),
        case("the body of a function changes below a generated column")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, title: String, #[column(generated = \"f(title)\")] low: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_UPPER)])
            .rows(NOTE_ROWS)
            .sees("SELECT low FROM notes WHERE id = 1", "ONE"),
        case("the body of a function changes below a generated column with an index")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, title: String, #[column(generated = \"f(title)\", index)] low: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_UPPER)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE low = 'ONE'", "1"),
        case("the body of a function changes below a function below an index")
            .both("OPEN #[table(index(\"g(title)\", name = \"notes_g\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT), ("g", G_CALLS_F)], &[("f", F_UPPER), ("g", G_CALLS_F)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE g(title) = 'ONE!'", "1"),
        case("the body of a function changes below a function of text below a generated column")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, title: String, #[column(generated = \"g(title)\")] loud: String }")
            .functions(&[("f", F_TEXT), ("g", G_CALLS_F_BY_TEXT)], &[("f", F_UPPER), ("g", G_CALLS_F_BY_TEXT)])
            .rows(NOTE_ROWS)
            .sees("SELECT loud FROM notes WHERE id = 2", "TWO!"),
        case("the body of a function changes below a check that the rows break")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"long(title)\")] title: String }")
            .functions(&[("long", LONG)], &[("long", SHORT)])
            .rows(NOTE_ROWS)
            .says("fails-on-rows")
            .fails("23514"),
        case("the body of a function changes below a check that the rows keep")
            .both("OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"long(title)\")] title: String }")
            .functions(&[("long", SHORT)], &[("long", LONG)])
            .rows("INSERT INTO notes VALUES (1, 'three')"),
        case("the body of a function changes below an index that changes too")
            .before("OPEN #[table(index(\"f(title)\", name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(index(\"f(title)\", id, name = \"notes_f\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("f", F_TEXT)], &[("f", F_UPPER)])
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE f(title) = 'ONE'", "1"),
        case("the name of an enum's value changes below a function below an index")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN #[table(index(\"is_open(state)\", name = \"notes_open\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed }
                  OPEN #[table(index(\"is_open(state)\", name = \"notes_open\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .functions(&[("is_open", "CREATE FUNCTION is_open(s public.state) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN s = 'open'")],
                &[("is_open", "CREATE FUNCTION is_open(s public.state) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN s = 'begun'")])
            .rows("INSERT INTO notes VALUES (1, 'open'), (2, 'closed')")
            .sees("SELECT count(*) FROM notes WHERE is_open(state)", "1"),
    ]
}

fn new_values() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, state) VALUES (1, 'open'), (2, 'closed')";
    vec![
        case("a value gets another name, and a default uses a new one")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'archived'\")] state: State }")
            .rows(rows)
            .sees("SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes", "begun closed")
            .sees("INSERT INTO notes (id) VALUES (3) RETURNING state", "archived"),
        case("an enum gets another name, and a policy uses a new value of it")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum State { Open, Closed, Archived }
                  #[derive(Table)] #[rls(read = \"state <> 'archived'\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .user_sees("SELECT count(*) FROM notes", "2"),
        case("a new value between two of which one gets another name is used by the condition of an index")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Held, Closed }
                  OPEN #[table(index(id, where = \"state = 'held'\", name = \"held\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .sees("SELECT string_agg(state::text, ' ' ORDER BY state) FROM notes", "begun closed"),
        case("a new value stands in a check while the type gets another name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"state <> 'closed' or id > 0\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"state <> 'archived' or id > 0\")] state: State }")
            .rows(rows),
        case("a generated column uses a new value")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, #[column(generated = \"state = 'closed'\")] done: bool }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, #[column(generated = \"state in ('closed', 'archived')\")] done: bool }")
            .rows(rows)
            .sees("SELECT string_agg(done::text, ' ' ORDER BY id) FROM notes", "false true"),
        case("a function uses a new value while another gets another name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"shown(state)\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, #[value(renamed_from = \"closed\")] Done, Archived }
                  #[derive(Table)] #[rls(read = \"shown(state)\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .functions(&[("shown", "CREATE FUNCTION shown(s public.state) RETURNS boolean LANGUAGE sql STABLE RETURN s <> 'closed'")],
                &[("shown", "CREATE FUNCTION shown(s public.state) RETURNS boolean LANGUAGE sql STABLE RETURN s NOT IN ('done', 'archived')")])
            .rows(rows)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("a new value takes the name that another had")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .rows(rows)
            .sees("SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes", "begun closed")
            .sees("INSERT INTO notes (id) VALUES (3) RETURNING state", "open"),
        case("a new enum is used by a default of a new column, a policy and an index")
            .before("OPEN struct Note { #[column(primary_key)] id: i64 }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'open'\")] #[table(index(id, where = \"state = 'closed'\", name = \"closed\"))] struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .rows("INSERT INTO notes VALUES (1), (2)")
            .user_sees("SELECT count(*) FROM notes", "2"),
    ]
}

fn gone_values() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, state) VALUES (1, 'open'), (2, 'closed')";
    vec![
        case("a value goes that was a default")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'archived'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .rows(rows)
            .sees("INSERT INTO notes (id) VALUES (3) RETURNING state", "open"),
        case("a value goes that stood in a policy")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  #[derive(Table)] #[rls(read = \"state <> 'archived'\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'open'\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("a value goes that stood in the condition of an index")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN #[table(index(id, where = \"state = 'archived'\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN #[table(index(id, where = \"state = 'closed'\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .sees("SELECT count(*) FROM notes WHERE state = 'closed' AND id > 0", "1"),
        case("a value goes that stood in a check and a generated column")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(check = \"state <> 'archived'\")] state: State, #[column(generated = \"state in ('closed', 'archived')\")] done: bool }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, #[column(generated = \"state = 'closed'\")] done: bool }")
            .rows(rows)
            .sees("SELECT string_agg(done::text, ' ' ORDER BY id) FROM notes", "false true"),
        case("one value goes, one comes, and one gets another name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'archived'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, #[value(renamed_from = \"closed\")] Done, Gone }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'gone'\")] state: State }")
            .rows(rows)
            .sees("SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes", "open done"),
        case("values change their order below an index and a default")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN #[table(index(state, id, name = \"some\"))] struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Closed, Open }
                  OPEN #[table(index(state, id, name = \"some\"))] struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .rows(rows)
            .sees("SELECT string_agg(state::text, ' ' ORDER BY state) FROM notes", "closed open"),
        case("a value goes that stood in a function below a policy")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  #[derive(Table)] #[rls(read = \"shown(state)\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"shown(state)\")] struct Note { #[column(primary_key)] id: i64, state: State }")
            .functions(&[("shown", "CREATE FUNCTION shown(s public.state) RETURNS boolean LANGUAGE sql STABLE RETURN s <> 'archived'")],
                &[("shown", "CREATE FUNCTION shown(s public.state) RETURNS boolean LANGUAGE sql STABLE RETURN s <> 'closed'")])
            .rows(rows)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("a value goes that a row has")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows("INSERT INTO notes (id, state) VALUES (1, 'archived')")
            .says("fails-on-rows")
            .fails("22P02"),
    ]
}

fn generated() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, n) VALUES (1, 5), (2, 6)";
    vec![
        case("a column changes its type while the generated one over it becomes plain")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i32, #[column(generated = \"n * 2\")] twice: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, twice: i32 }")
            .rows(rows)
            .sees("SELECT string_agg(twice::text, ' ' ORDER BY id) FROM notes", "10 12"),
        case("a column changes its type while the generated one over it goes")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i32, #[column(generated = \"n * 2\")] twice: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64 }")
            .rows(rows)
            .sees("SELECT string_agg(n::text, ' ' ORDER BY id) FROM notes", "5 6"),
        case("a column changes its type while the generated one over it is generated in another way")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i32, #[column(generated = \"n * 2\")] twice: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n * 3\")] twice: i64 }")
            .rows(rows)
            .sees("SELECT string_agg(twice::text, ' ' ORDER BY id) FROM notes", "15 18"),
        case("a column changes its type below a generated one that stays")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i32, #[column(generated = \"n > 5\", index)] big: bool }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n > 5\", index)] big: bool }")
            .rows(rows)
            .sees("SELECT string_agg(big::text, ' ' ORDER BY id) FROM notes", "false true"),
        case("a column changes its type and its name while the generated one over it becomes plain below a policy")
            .before("#[derive(Table)] #[rls(read = \"twice > 10\")] struct Note { #[column(primary_key)] id: i64, n: i32, #[column(generated = \"n * 2\")] twice: i32 }")
            .after("#[derive(Table)] #[rls(read = \"twice > 10\")] struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"n\")] number: i64, twice: i32 }")
            .rows(rows)
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("a plain column becomes generated over one that changes its type")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, n: i32, twice: Option<i32> }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i64, #[column(generated = \"n * 2\")] twice: Option<i64> }")
            .rows(rows)
            .sees("SELECT string_agg(twice::text, ' ' ORDER BY id) FROM notes", "10 12"),
        case("a column goes that a generated one reads, which then reads another")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"1\")] n: i32, #[column(generated = \"n * 2\")] twice: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"4\")] m: i32, #[column(generated = \"m * 2\")] twice: i32 }")
            .rows(rows)
            .sees("SELECT string_agg(twice::text, ' ' ORDER BY id) FROM notes", "8 8"),
        case("an identity becomes a plain column of another type")
            .before("OPEN struct Note { #[column(primary_key, identity)] id: i32, n: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, n: i32 }")
            .rows("INSERT INTO notes (n) VALUES (5), (6)")
            .sees("SELECT string_agg(id::text, ' ' ORDER BY id) FROM notes", "1 2"),
        case("an identity becomes text below a reference")
            .before("OPEN struct Note { #[column(primary_key, identity)] id: i32, n: i32 }
                  OPEN struct Line { #[column(primary_key)] id: i64, #[column(references = \"notes(id)\")] note_id: i32 }")
            .after("OPEN struct Note { #[column(primary_key)] id: String, n: i32 }
                  OPEN struct Line { #[column(primary_key)] id: i64, #[column(references = \"notes(id)\")] note_id: String }")
            .rows("INSERT INTO notes (n) VALUES (5), (6); INSERT INTO lines VALUES (1, 2)")
            .sees("SELECT string_agg(id::text, ' ' ORDER BY id) FROM notes", "1 2"),
        case("a plain column becomes an identity of another type")
            .before("OPEN struct Note { #[column(primary_key)] id: i32, n: i32 }")
            .after("OPEN struct Note { #[column(primary_key, identity)] id: i64, n: i32 }")
            .rows(rows)
            .sees("INSERT INTO notes (n) VALUES (7) RETURNING id", "3"),
    ]
}

fn other_enums() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, state) VALUES (1, 'open'), (2, 'closed')";
    let seen = "SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes";
    vec![
        case("a column takes a new enum of the same values, and the old one goes")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed, Archived }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: Phase }")
            .rows(rows).sees(seen, "open closed"),
        case("a column takes an enum that another column has")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, other: Option<Phase>, third: Option<State> }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: Phase, other: Option<Phase>, third: Option<State> }")
            .rows(rows).sees(seen, "open closed"),
        case("a column takes another enum below a default, an index, a check and a policy")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'open'\")] struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\", index, check = \"state <> 'closed' or id > 0\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  #[derive(Table)] #[rls(read = \"state = 'open'\")] struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\", index, check = \"state <> 'closed' or id > 0\")] state: Phase }")
            .rows(rows).sees(seen, "open closed").user_sees("SELECT count(*) FROM notes", "1"),
        case("a list takes another enum")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, states: Vec<State> }")
            .after("ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, states: Vec<Phase> }")
            .rows("INSERT INTO notes VALUES (1, '{open,closed}')")
            .sees("SELECT states FROM notes", "{open,closed}"),
        case("an enum becomes text, and text an enum")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State, #[column(default = \"'open'\")] word: String }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: String, #[column(default = \"'open'\")] word: State }")
            .rows(rows).sees(seen, "open closed"),
        case("two columns exchange their enums")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, phase: Option<Phase> }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  ENUM #[sqlx(type_name = \"phase\")] enum Phase { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: Phase, phase: Option<State> }")
            .rows(rows).sees(seen, "open closed"),
        case("a column takes another enum that has the old one's name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum Phase { Open, Closed }
                  ENUM #[sqlx(type_name = \"state\")] enum State { Closed, Open }
                  OPEN struct Note { #[column(primary_key)] id: i64, state: State, phase: Option<Phase> }")
            .rows(rows).sees(seen, "open closed"),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case("an index takes the name of a table that goes")
            .before("OPEN #[table(name = \"lookup\")] struct Old { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(index(title, name = \"lookup\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM notes WHERE title = 'two'", "1"),
        case("a table takes the name of an index that goes")
            .before("OPEN #[table(index(title, name = \"lookup\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(name = \"lookup\")] struct Other { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .rows(NOTE_ROWS),
        case("a table takes the name of one that goes")
            .before("OPEN #[table(name = \"papers\")] struct Paper { #[column(primary_key)] id: i64, a: i64 } OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(name = \"papers\", renamed_from = \"notes\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .rows(NOTE_ROWS)
            .sees("SELECT string_agg(title, ' ' ORDER BY id) FROM papers", "One two"),
        case("an enum takes the name of a table that goes")
            .before("OPEN #[table(name = \"state\")] struct Old { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64 }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: Option<State> }")
            .rows("INSERT INTO notes VALUES (1)"),
        case("a table takes the name of an enum that goes")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: Option<State> }")
            .after("OPEN #[table(name = \"state\")] struct New { #[column(primary_key)] id: i64 } OPEN struct Note { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO notes VALUES (1, 'open')"),
        case("an index takes the name of a key that goes")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(index(title, name = \"notes_pkey\"))] struct Note { id: i64, title: String }")
            .rows(NOTE_ROWS),
        case("two indexes exchange their names")
            .before("OPEN #[table(index(title, name = \"one\"), index(id, title, name = \"two\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(index(title, name = \"two\"), index(id, title, name = \"one\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .rows(NOTE_ROWS),
        case("a table takes the name of the sequence of an identity that goes")
            .before("OPEN struct Note { #[column(primary_key, identity)] id: i64, title: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, title: String } OPEN #[table(name = \"notes_id_seq\")] struct Other { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO notes (title) VALUES ('a')"),
        case("a policy's index wants the name of a unique one")
            .before("OPEN #[table(index(owner_id, unique, where = \"id > 0\", name = \"notes_owner_id_idx\"))] struct Note { #[column(primary_key)] id: i64, owner_id: String }")
            .after("#[derive(Table)] #[rls(owner = \"owner_id\")] #[table(index(owner_id, unique, where = \"id > 0\", name = \"notes_owner_id_idx\"))] struct Note { #[column(primary_key)] id: i64, owner_id: String }")
            .rows("INSERT INTO notes VALUES (1, 'a'), (2, 'b')")
            .may_be_refused("notes_owner_id_idx")
            .sees("SELECT count(*) FROM pg_index WHERE indrelid = 'notes'::regclass AND indisunique AND indpred IS NOT NULL", "1"),
        case("a column's index wants the name of a unique one that was there")
            .before("OPEN #[table(index(title, unique, where = \"id > 0\", name = \"notes_title_idx\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(index(title, unique, where = \"id > 0\", name = \"notes_title_idx\"))] struct Note { #[column(primary_key)] id: i64, #[column(index)] title: String }")
            .rows(NOTE_ROWS)
            .may_be_refused("notes_title_idx")
            .sees("SELECT count(*) FROM pg_index WHERE indrelid = 'notes'::regclass AND indisunique AND indpred IS NOT NULL", "1"),
        case("a table moves to a schema in which an index has its name")
            .before("OPEN #[table(schema = \"app\")] struct Note { #[column(primary_key)] id: i64, title: String }
                  OPEN #[table(index(id, n, name = \"notes\"))] struct Other { #[column(primary_key)] id: i64, n: i64 }")
            .after("OPEN #[table(renamed_from = \"app.notes\")] struct Note { #[column(primary_key)] id: i64, title: String }
                  OPEN #[table(index(id, n, name = \"others\"))] #[table(name = \"other_things\", renamed_from = \"others\")] struct Other { #[column(primary_key)] id: i64, n: i64 }")
            .rows("INSERT INTO app.notes VALUES (1, 'a')"),
    ]
}

fn names_again() -> Vec<Case> {
    vec![
        case("a new column has the former name of one that was renamed")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"title\")] heading: String, title: Option<i64> }")
            .rows(NOTE_ROWS)
            .sees("SELECT string_agg(heading, ' ' ORDER BY id) FROM notes", "One two"),
        case("a new table has the former name of one that was renamed")
            .before(NOTES)
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key)] id: i64, title: String } OPEN struct Note { #[column(primary_key)] id: i64, n: i64 }")
            .rows(NOTE_ROWS)
            .sees("SELECT string_agg(title, ' ' ORDER BY id) FROM papers", "One two"),
        case("a new column has the former name of one below an index, a check and a policy")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Note { #[column(primary_key)] id: i64, #[column(check = \"who <> ''\")] who: String }")
            .after("#[derive(Table)] #[rls(owner = \"owner\")] struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"who\", check = \"owner <> ''\")] owner: String, #[column(index, check = \"who <> ''\")] who: Option<String> }")
            .rows("INSERT INTO notes VALUES (1, '1'), (2, '2')")
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("a new enum has the former name of one that was renamed")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum Phase { Open, Closed } ENUM #[sqlx(type_name = \"state\")] enum State { New, Old }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"state\")] phase: Phase, state: Option<State> }")
            .rows("INSERT INTO notes VALUES (1, 'open')")
            .sees("SELECT phase FROM notes", "open"),
        case("a new policy has the former name of one that was renamed")
            .before("#[derive(Table)] #[rls(select = \"id > 0\", name = \"some\")] struct Note { #[column(primary_key)] id: i64 }")
            .after("#[derive(Table)] #[rls(select = \"id > 0\", name = \"more\", renamed_from = \"some\")] #[rls(insert = \"id > 5\", name = \"some\")] struct Note { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO notes VALUES (1)"),
        case("a column goes, and another takes its name")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: Option<String>, #[column(default = \"7\")] n: i64 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"n\", default = \"7\")] title: i64 }")
            .rows(NOTE_ROWS)
            .sees("SELECT string_agg(title::text, ' ') FROM notes", "7 7"),
        case("an index goes, and the one of another table takes its name")
            .before("OPEN #[table(index(title, name = \"some\"))] struct Note { #[column(primary_key)] id: i64, title: String } OPEN struct Other { #[column(primary_key)] id: i64, n: i64 }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, title: String } OPEN #[table(index(n, name = \"some\"))] struct Other { #[column(primary_key)] id: i64, n: i64 }")
            .rows(NOTE_ROWS),
        case("a table leaves its name to a new one with references to it")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: String } OPEN struct Line { #[column(primary_key)] id: i64, #[column(references = \"notes(id)\")] note: i64 }")
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key)] id: i64, title: String }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(references = \"papers(id)\")] paper: Option<i64> }
                  OPEN struct Line { #[column(primary_key)] id: i64, #[column(references = \"papers(id)\")] note: i64 }")
            .rows("INSERT INTO notes VALUES (1, 'a'); INSERT INTO lines VALUES (1, 1)"),
    ]
}

fn later_files() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, state) VALUES (1, 'open'), (2, 'closed')";
    vec![
        case("a new index names a value by its new name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed }
                  OPEN #[table(index(id, where = \"state = 'begun'\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .sees("SELECT count(*) FROM notes WHERE state = 'begun' AND id > 0", "1"),
        case("an index that goes names a value by its old name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN #[table(index(id, where = \"state = 'open'\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows),
        case("an index is changed whose type gets another name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN #[table(index(id, where = \"state = 'open'::state\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum State { Open, Closed } OPEN #[table(index(id desc, where = \"state = 'open'::phase\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .sees("SELECT count(*) FROM notes WHERE state = 'open' AND id > 0", "1"),
        case("an index is changed whose column and table get other names")
            .before("OPEN #[table(index(title, name = \"some\"))] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN #[table(renamed_from = \"notes\", index(\"lower(heading)\", name = \"some\"))] struct Paper { #[column(primary_key)] id: i64, #[column(renamed_from = \"title\")] heading: String }")
            .rows(NOTE_ROWS)
            .sees("SELECT count(*) FROM papers WHERE lower(heading) = 'one'", "1"),
        case("a check that is proven later names what gets another name")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"phase\")] #[sql_type(renamed_from = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed }
                  OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"state\", check = \"phase <> 'begun' or id > 0\")] phase: State }")
            .rows(rows),
        case("a reference and NOT NULL that are proven later name what gets another name")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: Option<String> } OPEN struct Line { #[column(primary_key)] id: i64, note: i64 }")
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key, renamed_from = \"id\")] number: i64, #[column(renamed_from = \"title\")] heading: String }
                  OPEN #[table(renamed_from = \"lines\")] struct Row { #[column(primary_key)] id: i64, #[column(renamed_from = \"note\", references = \"papers(number)\")] paper: i64 }")
            .rows("INSERT INTO notes VALUES (1, 'a'); INSERT INTO lines VALUES (1, 1)"),
        case("a unique key that is built later is on what gets another name")
            .before(NOTES)
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key)] id: i64, #[column(unique, renamed_from = \"title\")] heading: String }")
            .rows(NOTE_ROWS),
        case("a new index names a value that the same change adds, and one that it renames")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Begun, Closed, Archived }
                  OPEN #[table(index(id, where = \"state in ('begun', 'archived')\", name = \"some\"))] struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows(rows)
            .sees("SELECT count(*) FROM notes WHERE state in ('begun', 'archived') AND id > 0", "1"),
    ]
}

fn rings() -> Vec<Case> {
    let abc = "INSERT INTO notes VALUES (1, 'a', 'b', 'c')";
    let say = "SELECT a || b || c FROM notes";
    const ABC: &str = "OPEN struct Note { #[column(primary_key)] id: i64, a: String, b: String, c: String }";
    vec![
        case("columns are renamed in a chain")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, a: String, b: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"a\")] b: String, #[column(renamed_from = \"b\")] c: String }")
            .rows("INSERT INTO notes VALUES (1, 'a', 'b')")
            .never_says("data-loss")
            .sees("SELECT b || c FROM notes", "ab"),
        case("columns are renamed in a chain that stands the other way round")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, b: String, a: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"b\")] c: String, #[column(renamed_from = \"a\")] b: String }")
            .rows("INSERT INTO notes VALUES (1, 'b', 'a')")
            .never_says("data-loss")
            .sees("SELECT b || c FROM notes", "ab"),
        case("two columns exchange their names")
            .before(ABC)
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"a\")] b: String, #[column(renamed_from = \"b\")] a: String, c: String }")
            .rows(abc).never_says("data-loss").sees(say, "bac"),
        case("three columns exchange their names below indexes, checks and a policy")
            .before("#[derive(Table)] #[rls(read = \"a = 'a'\")] struct Note { #[column(primary_key)] id: i64, #[column(index)] a: String, #[column(check = \"b = 'b'\")] b: String, #[column(unique)] c: String }")
            .after("#[derive(Table)] #[rls(read = \"b = 'a'\")] struct Note { #[column(primary_key)] id: i64, #[column(index, renamed_from = \"a\")] b: String, #[column(check = \"c = 'b'\", renamed_from = \"b\")] c: String, #[column(unique, renamed_from = \"c\")] a: String }")
            .rows(abc).never_says("data-loss").sees(say, "cab").user_sees("SELECT count(*) FROM notes", "1"),
        case("tables are renamed in a chain")
            .before("OPEN #[table(name = \"a\")] struct A { #[column(primary_key)] id: i64 } OPEN #[table(name = \"b\")] struct B { #[column(primary_key)] id: i64 }")
            .after("OPEN #[table(name = \"b\", renamed_from = \"a\")] struct A { #[column(primary_key)] id: i64 } OPEN #[table(name = \"c\", renamed_from = \"b\")] struct B { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO a VALUES (1); INSERT INTO b VALUES (2)")
            .never_says("data-loss")
            .sees("SELECT b.id::text || c.id FROM b, c", "12"),
        case("two tables exchange their names")
            .before("OPEN #[table(name = \"a\")] struct A { #[column(primary_key)] id: i64 } OPEN #[table(name = \"b\")] struct B { #[column(primary_key)] id: i64, #[column(references = \"a(id)\")] a_id: i64 }")
            .after("OPEN #[table(name = \"b\", renamed_from = \"a\")] struct A { #[column(primary_key)] id: i64 } OPEN #[table(name = \"a\", renamed_from = \"b\")] struct B { #[column(primary_key)] id: i64, #[column(references = \"b(id)\")] a_id: i64 }")
            .rows("INSERT INTO a VALUES (1); INSERT INTO b VALUES (2, 1)")
            .never_says("data-loss")
            .sees("SELECT a.id::text || b.id FROM b, a", "21"),
        case("three tables exchange their names below policies that read each other")
            .before("OPEN #[table(name = \"a\")] struct A { #[column(primary_key)] id: i64 } #[derive(Table)] #[rls(read = \"id in (select x.id from a x)\")] #[table(name = \"b\")] struct B { #[column(primary_key)] id: i64 } OPEN #[table(name = \"c\")] struct C { #[column(primary_key)] id: i64 }")
            .after("OPEN #[table(name = \"b\", renamed_from = \"a\")] struct A { #[column(primary_key)] id: i64 } #[derive(Table)] #[rls(read = \"id in (select x.id from b x)\")] #[table(name = \"c\", renamed_from = \"b\")] struct B { #[column(primary_key)] id: i64 } OPEN #[table(name = \"a\", renamed_from = \"c\")] struct C { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (2); INSERT INTO c VALUES (3)")
            .never_says("data-loss")
            .sees("SELECT a.id::text || b.id FROM a, b", "31")
            .user_sees("SELECT string_agg(id::text, '') FROM c", "1"),
        case("two values exchange their names")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'open'\")] state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Closed, #[value(renamed_from = \"closed\")] Open } OPEN struct Note { #[column(primary_key)] id: i64, #[column(default = \"'closed'\")] state: State }")
            .rows("INSERT INTO notes VALUES (1, 'open'), (2, 'closed')")
            .never_says("data-loss")
            .sees("SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes", "closed open"),
        case("values are renamed in a chain")
            .before("ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .after("ENUM #[sqlx(type_name = \"state\")] enum State { #[value(renamed_from = \"open\")] Closed, #[value(renamed_from = \"closed\")] Gone } OPEN struct Note { #[column(primary_key)] id: i64, state: State }")
            .rows("INSERT INTO notes VALUES (1, 'open'), (2, 'closed')")
            .never_says("data-loss")
            .sees("SELECT string_agg(state::text, ' ' ORDER BY id) FROM notes", "closed gone"),
        case("two enums exchange their names")
            .before("ENUM #[sqlx(type_name = \"one\")] enum One { Open, Closed } ENUM #[sqlx(type_name = \"two\")] enum Two { Left, Right } OPEN struct Note { #[column(primary_key)] id: i64, a: One, b: Two }")
            .after("ENUM #[sqlx(type_name = \"two\")] #[sql_type(renamed_from = \"one\")] enum One { Open, Closed } ENUM #[sqlx(type_name = \"one\")] #[sql_type(renamed_from = \"two\")] enum Two { Left, Right } OPEN struct Note { #[column(primary_key)] id: i64, a: One, b: Two }")
            .rows("INSERT INTO notes VALUES (1, 'open', 'left')")
            .never_says("data-loss")
            .sees("SELECT pg_typeof(a)::text || ' ' || pg_typeof(b) FROM notes", "two one"),
        case("two policies exchange their names")
            .before("#[derive(Table)] #[rls(select = \"id > 0\", name = \"one\")] #[rls(insert = \"id > 5\", name = \"two\")] struct Note { #[column(primary_key)] id: i64 }")
            .after("#[derive(Table)] #[rls(select = \"id > 0\", name = \"two\", renamed_from = \"one\")] #[rls(insert = \"id > 5\", name = \"one\", renamed_from = \"two\")] struct Note { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO notes VALUES (1)")
            .user_sees("SELECT count(*) FROM notes", "1"),
        case("two columns want the place of one")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, a: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"a\")] b: String, #[column(renamed_from = \"a\")] c: String }")
            .rows("INSERT INTO notes VALUES (1, 'a')")
            .refused("renamed_from"),
        case("two tables want the place of one")
            .before("OPEN #[table(name = \"a\")] struct A { #[column(primary_key)] id: i64 }")
            .after("OPEN #[table(name = \"b\", renamed_from = \"a\")] struct B { #[column(primary_key)] id: i64 } OPEN #[table(name = \"c\", renamed_from = \"a\")] struct C { #[column(primary_key)] id: i64 }")
            .rows("INSERT INTO a VALUES (1)")
            .refused("renamed_from"),
    ]
}

fn not_null() -> Vec<Case> {
    vec![
        case("two long columns of one beginning become NOT NULL")
            .before("NAMED struct Note { #[column(primary_key)] id: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: Option<i64>, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: Option<i64> }")
            .after("NAMED struct Note { #[column(primary_key)] id: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: i64 }")
            .rows("INSERT INTO notes VALUES (1, 2, 3)"),
        case("a table of two long columns gets a longer name")
            .before("NAMED struct Note { #[column(primary_key)] id: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: i64 }")
            .after("NAMED #[table(renamed_from = \"notes\", name = \"a_table_of_a_name_that_is_longer_than_before\")] struct Note { #[column(primary_key)] id: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: i64 }")
            .rows("INSERT INTO notes VALUES (1, 2, 3)"),
        case("two long columns exchange their names")
            .before("NAMED struct Note { #[column(primary_key)] id: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: i64, a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: i64 }")
            .after("NAMED struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1\")] a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2: i64, #[column(renamed_from = \"a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_2\")] a_column_with_a_name_so_long_that_what_is_made_of_it_is_cut_1: i64 }")
            .rows("INSERT INTO notes VALUES (1, 2, 3)"),
        case("a column takes the name of one whose NOT NULL stays behind")
            .before("NAMED struct Note { #[column(primary_key)] id: i64, a: i64, b: i64 }")
            .after("NAMED struct Note { #[column(primary_key)] id: i64, #[column(renamed_from = \"a\")] c: i64, a: Option<i64>, #[column(renamed_from = \"b\")] d: Option<i64>, #[column(default = \"1\")] b: i64 }")
            .rows("INSERT INTO notes VALUES (1, 2, 3)")
            .sees("SELECT c::text || d || b FROM notes", "231"),
        case("a check has the name that PostgreSQL gives to NOT NULL")
            .before("NAMED struct Note { #[column(primary_key)] id: i64, #[column(name = \"n\")] n: Option<i64> } NAMED struct NotesN { #[column(primary_key)] id: i64 }")
            .after("NAMED struct Note { #[column(primary_key)] id: i64, n: i64, n_not_null: i64 } NAMED struct NotesN { #[column(primary_key)] id: i64 }")
            .rows(""),
    ]
}

fn memberships() -> Vec<Case> {
    const TEAM: &str = "ENUM #[sqlx(type_name = \"rank\")] enum Rank { Admin, Reader, Guest }
        #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i64 }
        #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: Rank }";
    let rows =
        "INSERT INTO teams VALUES (1), (2); INSERT INTO members VALUES (1, '1', 'admin'), (2, '1', 'reader')";
    let seen = "SELECT count(*) FROM teams";
    vec![
        case("an enum that a membership compares loses a value")
            .before(TEAM)
            .after("ENUM #[sqlx(type_name = \"rank\")] enum Rank { Admin, Reader }
                #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: Rank }")
            .rows(rows).user_sees(seen, "1"),
        case("an enum that a membership compares gets another name, and the value too")
            .before(TEAM)
            .after("ENUM #[sqlx(type_name = \"role\")] #[sql_type(renamed_from = \"rank\")] enum Rank { #[value(renamed_from = \"admin\")] Chief, Reader, Guest }
                #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'chief'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: Rank }")
            .rows(rows).user_sees(seen, "1"),
        case("an enum that a membership compares becomes text")
            .before(TEAM)
            .after("#[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: String }")
            .rows(rows).user_sees(seen, "1"),
        case("the key that a membership names takes another type")
            .before(TEAM)
            .after("ENUM #[sqlx(type_name = \"rank\")] enum Rank { Admin, Reader, Guest }
                #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i32 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i32, user_id: String, rank: Rank }")
            .rows(rows).user_sees(seen, "1"),
        case("the table and the columns of memberships get other names")
            .before(TEAM)
            .after("ENUM #[sqlx(type_name = \"rank\")] enum Rank { Admin, Reader, Guest }
                #[derive(Table)] #[rls(read, member = \"id in people(team, person) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(name = \"people\", renamed_from = \"members\", primary_key(team, person))] #[rls(read, member = \"people(team, person)\")] struct Member { #[column(renamed_from = \"team_id\")] team: i64, #[column(renamed_from = \"user_id\")] person: String, rank: Rank }")
            .rows(rows).user_sees(seen, "1"),
        case("text that a membership compares becomes an enum, and a new value is compared")
            .before("#[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank = 'admin'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: String }")
            .after("ENUM #[sqlx(type_name = \"rank\")] enum Rank { Admin, Reader, Guest }
                #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id) where rank <> 'guest'\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String, rank: Rank }")
            .rows(rows).user_sees(seen, "2"),
    ]
}

fn first_time() -> Vec<Case> {
    vec![
        case("an enum and a table want one name")
            .before("OPEN struct Other { #[column(primary_key)] id: i64 }")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 } ENUM #[sqlx(type_name = \"state\")] enum State { Open, Closed } OPEN #[table(name = \"state\")] struct Note { #[column(primary_key)] id: i64, now: State }")
            .refused("a table is called public.state already"),
        case("an index and a table want one name")
            .before("OPEN struct Other { #[column(primary_key)] id: i64 }")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 } OPEN #[table(index(id, n, name = \"others\"))] struct Note { #[column(primary_key)] id: i64, n: i64 }")
            .refused("the name others is taken"),
        case("a policy calls a function that calls a function")
            .before(NOTES).after(NOTE_M)
            .functions(&[], &[("m", M_CALLS_A), ("a", A_ALONE)])
            .rows(NOTE_ROWS)
            .user_sees("SELECT count(*) FROM notes", "2"),
        case("a policy calls a function of text that calls a function that calls a function")
            .before(NOTES).after("#[derive(Table)] #[rls(read = \"b(title)\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[], &[("a", A_ALONE), ("b", "CREATE FUNCTION b(t text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN public.m(t); END $$"), ("m", M_CALLS_A)])
            .rows(NOTE_ROWS)
            .user_sees("SELECT count(*) FROM notes", "2"),
        case("a policy of another role begins to call a function that calls a function")
            .before("#[derive(Table)] #[rls(read = \"m(title)\", to = \"anonymous\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("#[derive(Table)] #[rls(read = \"m(title)\", to = [\"anonymous\", \"authenticated\"])] struct Note { #[column(primary_key)] id: i64, title: String }")
            .functions(&[("a", A_ALONE), ("m", M_CALLS_A)], &[("a", A_ALONE), ("m", M_CALLS_A)])
            .rows(NOTE_ROWS)
            .user_sees("SELECT count(*) FROM notes", "2"),
        case("a default calls a function that calls a function")
            .before("#[derive(Table)] #[rls(read = true, insert = true)] struct Note { #[column(primary_key)] id: i64 }")
            .after("#[derive(Table)] #[rls(read = true, insert = true)] struct Note { #[column(primary_key)] id: i64, #[column(default = \"outer_one()\")] n: i32 }")
            .functions(&[], &[("inner_one", "CREATE FUNCTION inner_one() RETURNS integer LANGUAGE sql STABLE RETURN 1"), ("outer_one", "CREATE FUNCTION outer_one() RETURNS integer LANGUAGE sql STABLE RETURN public.inner_one()")])
            .rows("INSERT INTO notes VALUES (1)")
            .user_sees("INSERT INTO notes (id) VALUES (2) RETURNING n", "1"),
    ]
}

fn identities() -> Vec<Case> {
    let rows = "INSERT INTO notes (id, title) VALUES (5, 'a'), (7, 'b')";
    vec![
        case("a key with rows becomes an identity")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN struct Note { #[column(primary_key, identity)] id: i64, title: String }")
            .rows(rows)
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING id", "8"),
        case("a key with rows becomes an identity by default")
            .before("#[derive(Table)] #[rls(owner = \"title\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("#[derive(Table)] #[rls(owner = \"title\")] struct Note { #[column(primary_key, identity = \"by default\")] id: i64, title: String }")
            .rows(rows)
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING id", "8"),
        case("a smaller key with rows becomes a larger identity of another name")
            .before("OPEN struct Note { #[column(primary_key)] id: i32, title: String }")
            .after("OPEN struct Note { #[column(primary_key, identity, renamed_from = \"id\")] number: i64, title: String }")
            .rows(rows)
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING number", "8"),
        case("a key without rows becomes an identity")
            .before("OPEN struct Note { #[column(primary_key)] id: i16, title: String }")
            .after("OPEN struct Note { #[column(primary_key, identity)] id: i16, title: String }")
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING id", "1"),
        case("a key with rows below zero becomes an identity")
            .before("OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("OPEN struct Note { #[column(primary_key, identity)] id: i64, title: String }")
            .rows("INSERT INTO notes (id, title) VALUES (-5, 'a')")
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING id", "1"),
        case("a key with a default becomes an identity on a table that is renamed")
            .before("OPEN struct Note { #[column(primary_key, default = \"1\")] id: i64, title: String }")
            .after("OPEN #[table(renamed_from = \"notes\")] struct Paper { #[column(primary_key, identity)] id: i64, title: String }")
            .rows(rows)
            .sees("INSERT INTO papers (title) VALUES ('c') RETURNING id", "8"),
        case("a table without row security gets an identity")
            .before("#[derive(Table)] #[rls(disabled = \"public\")] struct Note { #[column(primary_key)] id: i64, title: String }")
            .after("#[derive(Table)] #[rls(disabled = \"public\")] struct Note { #[column(primary_key, identity)] id: i64, title: String }")
            .rows(rows)
            .sees("INSERT INTO notes (title) VALUES ('c') RETURNING id", "8"),
        case("an identity becomes plain and comes back on the way back")
            .before("OPEN struct Note { #[column(primary_key, identity)] id: i64, title: String }")
            .after("OPEN struct Note { #[column(primary_key)] id: i64, title: String }")
            .rows("INSERT INTO notes (title) VALUES ('a'), ('b')")
            .sees("SELECT max(id) FROM notes", "2"),
    ]
}
