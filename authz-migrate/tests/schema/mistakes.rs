//! All mistakes of a struct are reported at once.

use authz_schema::model::{Types, parse_model, parse_type};
use authz_schema::schema::Index;
use authz_sql::expression::Expression;

#[test]
fn each_mistake_of_a_struct_is_reported_in_one_go() {
    let input: syn::DeriveInput = syn::parse_quote! {
        #[table(nmae = "x", index(missing), check = "a = ", unique(user_id), unique(user_id))]
        #[rls(select = "usr_id = 1", delete(check = "true"), insert(using = "true"), nonsense)]
        #[rls(update = "true) or (true", to = "public")]
        #[rls(name = "both", select = "true", delete = "true")]
        #[rls(select = "count(*) > 1", to = [])]
        struct Note {
            #[column(primary_key, primary_key)]
            id: Option<i64>,
            #[column(primary_key = "yes")]
            user_id: String,
            #[column(identity, default = "1")]
            number: String,
            #[column(references = "teams", on_delete = "explode")]
            team_id: i64,
            #[column(default = "user_id", name = "notes")]
            other: i32,
            #[column(on_delete = "cascade")]
            again: i32,
            #[column(name = "again")]
            twice: i32,
            #[column(name = "")]
            empty: i32,
            map: std::collections::HashMap<String, String>,
        }
    };
    let error = parse_model(&input, &Types::default()).unwrap_err();
    let messages: Vec<String> = error.into_iter().map(|error| error.to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r#"
    unknown key `nmae` in `table(…)`; did you mean `name`?
    `primary_key` stands twice in `column(…)`
    a primary key cannot be NULL; remove the `Option`
    `primary_key` takes no value
    an identity column is i16, i32 or i64, not text
    an identity column has no default; PostgreSQL counts it up
    a column cannot stand in a DEFAULT
    a column cannot have its table's name; in a policy it would mean the whole row
    this needs `references = "table(column)"` beside it
    a name must not be empty
    the SQL type of `std::collections::HashMap<String,String>` is not known; derive `authz::Type` for it, or write `#[column(type = "…")]`
    the column `again` stands twice
    a second `primary_key`; write `#[table(primary_key(a, b))]` for a key of several columns
    this unique constraint stands twice
    not an SQL expression: expected an expression, at the end
    expected one of `no action`, `restrict`, `cascade`, `set null`, `set default`
    expected `table(column)` or `schema.table(column)`
    unknown key `nonsense` in `rls(…)`; expected one of `all`, `delete`, `disabled`, `insert`, `member`, `modify`, `name`, `owner`, `read`, `renamed_from`, `restrictive`, `select`, `to`, `unindexed`, `update`
    PostgreSQL allows no USING for insert; write `insert = "…"`
    expected `delete(using = "…")`: without USING no row would be visible
    PUBLIC is every role, the login role included; name the roles, such as `to = ["anonymous", "authenticated"]`
    not an SQL expression: expected one expression and nothing after it, at `) or (true`
    a name is one policy's; give each command its own `#[rls(…)]`
    expected a role, such as `to = "authenticated"`
    an aggregate cannot stand in a policy
    "#);
}

#[test]
fn a_name_that_is_no_column_is_reported_wherever_it_stands() {
    let input: syn::DeriveInput = syn::parse_quote! {
        #[table(index(missing), unique(user_ids), primary_key(ide), check = "nonsense > 0")]
        #[rls(select = "usr_id = 1", owner = "owner")]
        #[rls(insert = "other.id = 1 and note.id = 1")]
        struct Note {
            id: i64,
            user_id: String,
            #[column(check = "numbr > 0")]
            number: i32,
        }
    };
    let error = parse_model(&input, &Types::default()).unwrap_err();
    let messages: Vec<String> = error.into_iter().map(|error| error.to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    `notes` has no column `ide`; did you mean `id`?
    `notes` has no column `user_ids`; did you mean `user_id`?
    `notes` has no column `missing`; it has `id`, `user_id`, `number`
    `notes` has no column `nonsense`; it has `id`, `user_id`, `number`
    `notes` has no column `numbr`; did you mean `number`?
    `notes` has no column `owner`; it has `id`, `user_id`, `number`
    `notes` has no column `usr_id`; did you mean `user_id`?
    `other` is not the table `notes`; other tables need a subquery
    `note` is not the table `notes`; other tables need a subquery
    ");
}

#[test]
fn a_select_that_could_not_be_read_is_not_reported_as_missing_too() {
    let input: syn::DeriveInput = syn::parse_quote! {
        #[rls(select = "usr_id = '1'", delete = "user_id = '1'")]
        struct Note {
            id: u32,
            user_id: String,
        }
    };
    let error = parse_model(&input, &Types::default()).unwrap_err();
    let messages: Vec<String> = error.into_iter().map(|error| error.to_string()).collect();
    insta::assert_snapshot!(messages.join("\n"), @r"
    PostgreSQL has no type for `u32`; use i16, i32 or i64
    `notes` has no column `usr_id`; did you mean `user_id`?
    ");
}

#[test]
fn a_struct_without_a_mistake_in_the_same_places_passes() {
    let input: syn::DeriveInput = syn::parse_quote! {
        #[table(index(number), unique(user_id), primary_key(id), check = "number > 0")]
        #[rls(select = "user_id = '1'", delete(using = "true"), insert(check = "notes.id = 1"))]
        #[rls(update = "(true) or (true)", select = "true", to = ["anonymous"])]
        #[rls(name = "one", select = "1 < (select count(*) from teams)")]
        struct Note {
            id: i64,
            user_id: String,
            #[column(check = "number > 0", default = "1")]
            number: i32,
            #[column(references = "teams(id)", on_delete = "cascade")]
            team_id: Option<i64>,
        }
    };
    assert_eq!(
        parse_model(&input, &Types::default())
            .map_err(|error| error.to_string())
            .unwrap()
            .table
            .policies
            .len(),
        6
    );
}

#[test]
fn a_missing_rls_attribute_is_a_mistake_and_disabled_is_not() {
    let bare: syn::DeriveInput = syn::parse_quote! { struct Note { id: i64 } };
    let error = parse_model(&bare, &Types::default()).unwrap_err().to_string();
    assert!(error.starts_with("no `#[rls(…)]`"), "{error}");
    let disabled: syn::DeriveInput = syn::parse_quote! {
        #[rls(disabled = "the list of countries is public")]
        struct Country { id: i64 }
    };
    assert!(
        !parse_model(&disabled, &Types::default())
            .unwrap()
            .table
            .row_security
    );
}

/// The mistakes of a struct.
fn mistakes_in(source: &str) -> Vec<String> {
    let input: syn::DeriveInput = syn::parse_str(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    let errors = parse_model(&input, &Types::default()).err();
    let errors = errors.into_iter().flatten();
    errors.map(|error| error.to_string()).collect()
}

/// The mistakes of one attribute on a table of all kinds of columns.
fn mistakes_of(attribute: &str) -> Vec<String> {
    mistakes_in(&format!(
        "#[rls(select = true)] {attribute} struct Note {{
            id: i64, owner: Uuid, user_id: String, short: Option<i16>, shared: bool, tags: Vec<String>, ids: Vec<Uuid>,
            made: DateTime<Utc>, day: NaiveDate, data: Value, address: IpNetwork, price: Decimal, secret: Vec<u8>,
            #[column(type = \"email\")] mail: String,
        }}"
    ))
}

fn policy(expression: &str) -> Vec<String> {
    mistakes_of(&format!("#[rls(name = \"x\", select = {expression:?})]"))
}

#[test]
fn values_of_types_that_do_not_compare_are_refused_with_what_to_write() {
    for (expression, expected) in [
        (
            "owner = auth.user_id()",
            "`owner` is uuid, and `auth.user_id()` is text, which PostgreSQL does not compare; write `auth.uid()`",
        ),
        ("auth.user_id() = owner", "write `auth.uid()`"),
        ("owner = (select auth.user_id())", "write `auth.uid()`"),
        ("user_id = auth.uid()", "write `auth.user_id()`"),
        (
            "id = auth.user_id()",
            "`id` is bigint, and `auth.user_id()` is text, which PostgreSQL does not compare; write a cast, such as \
             `id::text`",
        ),
        ("id = auth.uid()", "compare values of one type, or write a cast"),
        ("owner = user_id", "write a cast, such as `owner::text`"),
        ("user_id = id and shared", "write a cast, such as `id::text`"),
        (
            "notes.user_id <> notes.id",
            "write a cast, such as `notes.id::text`",
        ),
        ("id = auth.jwt() ->> 'id'", "write a cast, such as `id::text`"),
        ("user_id = 5", "write a cast, such as `5::text`"),
        ("user_id in ('a', 5)", "`user_id` is text, and `5` is integer"),
        ("owner = 5", "`owner` is uuid, and `5` is integer"),
        ("shared = 1", "`shared` is boolean, and `1` is integer"),
        ("day > user_id", "write a cast, such as `day::text`"),
        (
            "id between user_id and 5",
            "`id` is bigint, and `user_id` is text",
        ),
        ("id is distinct from owner", "which PostgreSQL does not compare"),
        ("user_id = tags", "write `user_id = ANY (tags)`"),
        (
            "user_id = any (ids)",
            "`user_id` is text, and `any (ids)` is uuid",
        ),
        ("owner = any (array(select auth.user_id()))", "`owner` is uuid"),
        ("data = user_id", "`data` is jsonb, and `user_id` is text"),
        (
            "owner = current_user",
            "`owner` is uuid, and `current_user` is name",
        ),
        (
            "exists (select 1 from teams where notes.owner = notes.user_id)",
            "`notes.owner` is uuid",
        ),
        (
            "user_id",
            "`user_id` is text; expected a condition, such as a comparison",
        ),
        ("shared and id", "`id` is bigint; expected a condition"),
        ("not user_id", "`user_id` is text; expected a condition"),
        ("auth.uid()", "`auth.uid()` is uuid; expected a condition"),
    ] {
        let found = policy(expression);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{expression}: {found:#?}"
        );
    }
    for (attribute, expected) in [
        (
            "#[rls(name = \"x\", select, owner = \"id\")]",
            "`id` is bigint; an owner is text, as auth.user_id() is, or uuid, as auth.uid() is; write a cast: `all = \
             \"id::text = auth.user_id()\"`",
        ),
        (
            "#[table(check = \"id = user_id\")]",
            "`id` is bigint, and `user_id` is text",
        ),
        (
            "#[table(index(id, where = \"owner = user_id\"))]",
            "`owner` is uuid, and `user_id` is text",
        ),
    ] {
        let found = mistakes_of(attribute);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{attribute}: {found:#?}"
        );
    }
}

#[test]
fn what_postgresql_compares_passes() {
    for expression in [
        "owner = auth.uid()",
        "user_id = auth.user_id()",
        "id::text = auth.user_id()",
        "id = auth.user_id()::bigint",
        "id = cast(auth.user_id() as bigint)",
        "owner::text = user_id",
        "owner = 'c0ffee00-0000-0000-0000-000000000000'",
        "id = '5' and id = 5 and id = 5.5 and id > short and price < id",
        "user_id in ('a', 'b') and id in (1, 2)",
        "shared = true and shared = 'yes' and (shared = (id > 5)) and shared is not null",
        "day < made and day = current_date and made > now() and made > now() - interval '1 day'",
        "user_id = any (tags) and owner = any (ids) and tags = array['a'] and tags && tags",
        "user_id = any ('{a,b}') and user_id = any (array['a', 'b']) and id <> all (array[1, 2])",
        "mail = user_id and mail = 5 and owner = mail",
        "user_id = current_user and user_id = current_setting('app.user')",
        "data = '{}' and data ->> 'a' = user_id and data -> 'a' = data and data || '{}' = data and data @> '{}'",
        "address = '::1' and address <<= '10.0.0.0/8' and address && '10.0.0.0/8'",
        "user_id || 'x' = 'ax' and tags || user_id = tags and secret || secret = secret",
        "lower(user_id) = lower('A') and length(user_id) > 3 and coalesce(user_id, 'a') = 'b'",
        "(id, user_id) = (5, 'a') and (id, user_id) in (select 5, 'a')",
        "id = (select max(x) from teams) and user_id = (select 'a')",
        "id is null or id is not distinct from 5",
        "case when shared then id = 5 else user_id = 'a' end",
        "made at time zone 'utc' > '2020-01-01' and extract(year from made) = 2020",
        "user_id like 'a%' and not user_id ilike '%' || user_id and user_id ~ '^a' and user_id similar to 'a'",
        "user_id = null or (shared is true and id > 1) or (shared is not unknown and id > 1)",
        "f(id) and auth.something(user_id)",
        // In PostgreSQL's own order of operators.
        "not user_id = user_id",
        "not id = 5 and shared",
        "not not shared",
        "id & 4 = 4",
        "id & 4 <> 0 and id | 1 > 0 and id # 1 = 0",
        "4 = id & 4",
        "id + 1 = 5 and 5 = id - 1 and -id = 5 and id * 2 = id % 3",
        "user_id || 'x' = user_id || 'y'",
        "shared || user_id = 'ta' and user_id || shared = 'at' and id || user_id = user_id || short",
        "shared || 'x' = 'tx' and 'x' || shared = 'xt' and shared || array[shared] = array[true] and mail || shared = 'a'",
        "id = 5 is true",
        "user_id is null = shared",
        "id between 1 and 5 and user_id = 'a'",
        "id not between 1 and 5 or user_id = 'a'",
        "user_id in ('a') = shared",
        "user_id like 'a' = shared",
        "shared = user_id like 'a'",
        "shared = (not shared)",
        "data -> 'a' = data -> 'b' and data #>> '{a}' = user_id and data ->> 'a' || 'b' = user_id",
        "tags && array['a'] = shared",
        "user_id collate \"C\" = user_id",
        "user_id::text || id::text = 'a'",
        "id = 5 or user_id = 'a' and not shared or id > 7",
        "user_id is distinct from 'a' and tags is not distinct from tags",
        "(id = 5) = shared and (user_id = 'a') is not true",
    ] {
        assert_eq!(policy(expression), [""; 0], "{expression}");
    }
}

#[test]
fn operators_of_other_languages_are_refused_with_what_to_write() {
    let (overlaps, joins) = (
        "`&&` tells whether arrays or ranges overlap; write AND",
        "`||` joins texts and arrays; write OR",
    );
    for (expression, expected) in [
        (
            "user_id == auth.user_id()",
            "`==` is no operator of PostgreSQL; write `=`",
        ),
        ("user_id === 'a'", "`===` is no operator of PostgreSQL; write `=`"),
        (
            "user_id !== 'a'",
            "`!==` is no operator of PostgreSQL; write `<>`",
        ),
        ("user_id =! 'a'", "`=!` is no operator of PostgreSQL; write `<>`"),
        ("!shared", "`!` is no operator of PostgreSQL; write NOT"),
        ("user_id = 'a' && shared", overlaps),
        ("user_id = 'a' && id = 5", overlaps),
        ("shared && user_id = auth.user_id()", overlaps),
        ("(user_id = 'a') && (id = 5)", overlaps),
        ("shared && is_admin()", overlaps),
        ("user_id = 'a' || id = 5", joins),
        ("(user_id = 'a') || shared", joins),
        ("shared || shared", joins),
        ("(id = 5) & shared", "`&` is for the bits of numbers; write AND"),
        ("shared | shared", "`|` is for the bits of numbers; write OR"),
        (
            "1 < id < 5",
            "PostgreSQL compares two values, not three in a row; write AND between two comparisons",
        ),
    ] {
        let found = policy(expression);
        assert!(
            found.len() == 1 && found[0] == expected,
            "{expression}: {found:#?}"
        );
    }
}

#[test]
fn a_policy_that_reads_its_own_table_is_refused_where_its_policies_apply_again() {
    let members = |attributes: &str| {
        mistakes_in(&format!(
            "#[table(name = \"team_members\")] {attributes}
             struct Member {{ team_id: i64, user_id: String, admin: bool }}"
        ))
    };
    let mine = "team_id in (select team_id from team_members where user_id = auth.user_id())";
    for attributes in [
        format!("#[rls(select = \"{mine}\")]"),
        format!("#[rls(all = \"{mine}\")]"),
        "#[rls(select = \"exists (select 1 from public.team_members m where m.team_id = team_members.team_id and m.user_id \
         = auth.user_id())\")]"
            .to_owned(),
        format!("#[rls(select = \"user_id = auth.user_id()\", insert = \"{mine}\")]"),
        format!("#[rls(select = true)] #[rls(restrictive, select = \"{mine}\", name = \"x\")]"),
    ] {
        let found = members(&attributes);
        assert!(
            found.len() == 1
                && found[0].starts_with("this reads public.team_members itself")
                && found[0].contains("write `member = \"team_members(team_id, user_id)\"`"),
            "{attributes}: {found:#?}"
        );
    }
    for attributes in [
        "#[rls(select, member = \"team_members(team_id, user_id)\")]".to_owned(),
        // The SELECT policy reads nothing.
        format!("#[rls(select = true, insert = \"{mine}\")]"),
        "#[rls(select = \"not admin\", insert = \"(select count(*) from team_members) < 10\")]".to_owned(),
        // What the editor reads has policies of its own.
        format!(
            "#[rls(select = \"user_id = auth.user_id()\")] #[rls(select = true, to = \"editor\")]
             #[rls(name = \"x\", insert = \"{mine}\", to = \"editor\")]"
        ),
        "#[rls(select = \"exists (with team_members as (select 1 a) select 1 from team_members where a = team_id)\")]"
            .to_owned(),
        "#[rls(select = \"exists (select 1 from app.team_members)\")]".to_owned(),
    ] {
        assert_eq!(members(&attributes), [""; 0], "{attributes}");
    }
}

#[test]
fn a_default_is_of_the_type_of_its_column() {
    let found = |field: &str| mistakes_in(&format!("#[rls(disabled = \"a\")] struct Note {{ {field} }}"));
    for (field, expected) in [
        (
            "#[column(default = \"auth.user_id()\")] owner: Uuid",
            "`owner` is uuid, and `auth.user_id()` is text; write `auth.uid()`",
        ),
        (
            "#[column(default = \"0\")] done: bool",
            "`done` is boolean, and `0` is integer",
        ),
        (
            "#[column(default = \"auth.uid()\")] number: i64",
            "`number` is bigint, and `auth.uid()` is uuid",
        ),
    ] {
        let found = found(field);
        assert!(
            found.len() == 1 && found[0].starts_with(expected),
            "{field}: {found:?}"
        );
    }
    for field in [
        "#[column(default = \"auth.uid()\")] owner: Uuid",
        "#[column(default = \"auth.uid()\")] owner: String",
        "#[column(default = \"5\")] label: String",
        "#[column(default = \"now()\")] day: NaiveDate",
        "#[column(default = \"now()\")] hour: NaiveTime",
        "#[column(default = \"'x'\")] data: Value",
        "#[column(default = \"false\")] done: bool",
        "#[column(default = \"0\")] price: Decimal",
        "#[column(default = \"5\", type = \"money\")] price: i64",
    ] {
        assert_eq!(found(field), [""; 0], "{field}");
    }
}

#[test]
fn a_reference_of_a_table_to_itself_needs_a_column_that_is_a_key() {
    let note = |target: &str| {
        mistakes_in(&format!(
            "#[rls(disabled = \"a\")] struct Note {{ #[column(primary_key)] id: i64, number: i64,
             #[column(references = \"{target}\")] before: Option<i64> }}"
        ))
    };
    assert_eq!(
        note("notes(idd)"),
        ["`notes` has no column `idd`; did you mean `id`?"]
    );
    assert_eq!(note("public.notes(number)").len(), 1);
    for target in ["notes(id)", "teams(number)", "app.notes(number)"] {
        assert_eq!(note(target), [""; 0], "{target}");
    }
}

#[test]
fn a_rename_inside_of_a_table_or_a_type_that_cannot_be_is_refused() {
    let columns = |fields: &str| mistakes_in(&format!("#[rls(disabled = \"a\")] struct Note {{ {fields} }}"));
    let renamed = |name: &str, former: &str| format!("#[column(renamed_from = \"{former}\")] {name}: i64, ");
    let two = [renamed("b", "a"), renamed("c", "a")].concat();
    assert_eq!(
        columns(&two),
        ["the column `a` became `b` already; only one can be renamed from it"]
    );
    for fields in [
        format!("a: i64, {}", renamed("b", "a")),
        [renamed("b", "a"), renamed("c", "b")].concat(),
        [renamed("b", "a"), renamed("a", "b")].concat(),
        [renamed("b", "a"), renamed("c", "d")].concat(),
    ] {
        assert_eq!(columns(&fields), [""; 0], "{fields}");
    }
    let policies = |first: &str, second: &str| {
        mistakes_in(&format!(
            "#[rls(name = \"a\", select = true {first})] #[rls(name = \"b\", select = false {second})]
             struct Note {{ id: i64 }}"
        ))
    };
    assert_eq!(policies("", ", renamed_from = \"a\""), [""; 0]);
    assert_eq!(
        policies(", renamed_from = \"b\"", ", renamed_from = \"a\""),
        [""; 0]
    );
    let values = |first: &str, second: &str| {
        let source = format!("#[sqlx(type_name = \"kind\")] enum Kind {{ {first} A, {second} B }}");
        let input: syn::DeriveInput = syn::parse_str(&source).unwrap();
        let errors = parse_type(&input, &Types::default()).err();
        let errors = errors.into_iter().flatten();
        errors.map(|error| error.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(values("", "#[value(renamed_from = \"A\")]"), [""; 0]);
    assert_eq!(values("#[value(renamed_from = \"A\")]", "").len(), 1);
    assert_eq!(
        values("#[value(renamed_from = \"C\")]", "#[value(renamed_from = \"C\")]"),
        ["the value `C` became `A` already; only one can be renamed from it"]
    );
    assert_eq!(
        values("#[value(renamed_from = \"B\")]", "#[value(renamed_from = \"A\")]"),
        [""; 0]
    );
}

#[test]
fn a_name_that_an_index_takes_from_the_table_or_a_policy_is_refused() {
    let note = |table: &str| {
        mistakes_in(&format!(
            "#[table({table})] #[rls(owner = \"user_id\")]
             struct Note {{ #[column(primary_key, identity)] id: i64, #[column(unique)] user_id: String, team: i64 }}"
        ))
    };
    for (name, holder) in [
        ("notes", "the table itself"),
        ("notes_pkey", "a constraint of the table"),
        ("notes_id_seq", "the sequence of an identity column"),
        ("x", "another index"),
    ] {
        let table = format!("index(user_id, name = \"x\"), index(team, name = \"{name}\")");
        assert_eq!(
            note(&table),
            [format!("`{name}` is the name of {holder}; choose another")]
        );
    }
    assert_eq!(
        note("index(user_id, name = \"x\"), index(team, name = \"y\")"),
        [""; 0]
    );
    let policy = |table: &str| {
        mistakes_in(&format!(
            "#[table({table})] #[rls(owner = \"user_id\")] struct Note {{ user_id: String, team: i64 }}"
        ))
    };
    let partial = "index(user_id, unique, where = \"team > 1\", name = \"notes_user_id_idx\")";
    assert_eq!(
        policy(partial),
        [
            "this policy needs an index on `user_id`, of the name `notes_user_id_idx`, which `index(…)` gives to another; \
             name that one otherwise"
        ]
    );
    // A name that nobody chose gives way.
    let source = "#[table(index(user_id, unique, where = \"team > 1\"))] #[rls(owner = \"user_id\")]
        struct Note { user_id: String, #[column(references = \"teams(id)\")] team: i64 }";
    let input: syn::DeriveInput = syn::parse_str(source).unwrap();
    let model = parse_model(&input, &Types::default()).unwrap();
    let indexes = model
        .table
        .indexes
        .iter()
        .map(|index| (index.name.as_str(), index.unique));
    assert_eq!(
        indexes.collect::<Vec<_>>(),
        [
            ("notes_team_idx", false),
            ("notes_user_id_idx", true),
            ("notes_user_id_idx1", false)
        ]
    );
}

#[test]
fn a_reference_has_an_index_unless_a_key_serves_it_or_the_attribute_says_no() {
    let indexes = |source: &str| {
        let input: syn::DeriveInput = syn::parse_str(source).unwrap();
        let model = parse_model(&input, &Types::default()).unwrap();
        let indexes = model.table.indexes.into_iter();
        let joined = |index: Index| {
            index
                .keys
                .iter()
                .map(Expression::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        indexes.map(joined).collect::<Vec<_>>()
    };
    let with = |table: &str, field: &str| {
        indexes(&format!(
            "#[table({table})] #[rls(disabled = \"a\")]
             struct Seat {{ a: i64, b: i64, #[column(references = \"teams(id)\" {field})] team: i64 }}"
        ))
    };
    assert_eq!(with("", ""), ["team"]);
    assert_eq!(with("", ", index"), ["team"]);
    assert_eq!(with("", ", index = false"), [""; 0]);
    assert_eq!(with("", ", unique"), [""; 0]);
    assert_eq!(with("primary_key(team, a)", ""), [""; 0]);
    assert_eq!(with("primary_key(a, team)", ""), ["team"]);
    assert_eq!(
        with("index(team desc nulls last, a)", ""),
        ["team DESC NULLS LAST, a"]
    );
    assert_eq!(with("index(team, method = \"hash\")", ""), ["team"]);
    assert_eq!(with("index(team, method = \"brin\")", ""), ["team", "team"]);
    assert_eq!(with("index(team, where = \"a > 1\")", ""), ["team", "team"]);
    let key = |rest: &str| format!("foreign_key(a, b, references = \"places(x, y)\"{rest})");
    assert_eq!(with(&key(""), ", index = false"), ["a, b"]);
    assert_eq!(with(&key(", index = false"), ", index = false"), [""; 0]);
    assert_eq!(
        with(&format!("{}, unique(b, a, team)", key("")), ", index = false"),
        [""; 0]
    );
    assert_eq!(
        with(&format!("{}, index(a)", key("")), ", index = false"),
        ["a, b", "a"]
    );
    assert_eq!(
        mistakes_in("#[rls(disabled = \"a\")] struct Note { #[column(index = false)] id: i64 }"),
        ["`index = false` is for a column with `references`, which has an index otherwise"]
    );
    assert_eq!(
        mistakes_in(
            "#[rls(disabled = \"a\")] struct Note { #[column(references = \"a(b)\", index = true)] id: i64 }"
        ),
        ["expected `index`, or `index = false` beside `references = \"…\"`"]
    );
    // What only WITH CHECK compares is looked up by nobody.
    let compared = |rls: &str| {
        indexes(&format!(
            "#[rls({rls})] struct Note {{ user_id: String, shared: bool }}"
        ))
    };
    assert_eq!(
        compared("select = true, insert = \"user_id = auth.user_id()\""),
        [""; 0]
    );
    assert_eq!(compared("select = \"user_id = auth.user_id()\""), ["user_id"]);
}

#[test]
fn columns_that_postgresql_fills_are_in_no_grant_of_insert_or_update() {
    let grants = |fields: &str| {
        let source = format!("#[rls(all = true)] struct Note {{ {fields} }}");
        let input: syn::DeriveInput = syn::parse_str(&source).unwrap();
        let model = parse_model(&input, &Types::default()).unwrap();
        let columns = |columns: Vec<authz_sql::Ident>| {
            let names: Vec<&str> = columns.iter().map(authz_sql::Ident::as_str).collect();
            names.join(",")
        };
        let grants = model.table.grants.into_iter();
        grants
            .map(|grant| (grant.privilege.as_str(), grant.columns.map(columns)))
            .collect::<Vec<_>>()
    };
    let some = |columns: &str| Some(columns.to_owned());
    assert_eq!(
        grants(
            "#[column(identity)] id: i64, a: i64, #[column(generated = \"a + 1\")] b: i64, #[column(readonly)] c: i64"
        ),
        [
            ("select", None),
            ("insert", some("a,c")),
            ("update", some("a")),
            ("delete", None)
        ]
    );
    let whole = [
        ("select", None),
        ("insert", None),
        ("update", None),
        ("delete", None),
    ];
    assert_eq!(grants("id: i64, a: i64"), whole);
    assert_eq!(grants("#[column(identity = \"by default\")] id: i64"), whole);
    // INSERT … DEFAULT VALUES needs the privilege on some column.
    assert_eq!(grants("#[column(identity)] id: i64"), whole);
}
