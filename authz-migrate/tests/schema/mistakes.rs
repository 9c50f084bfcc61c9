//! All mistakes of a struct are reported at once.

use authz_schema::model::{Types, parse_model};

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
        #[rls(name = "one", select = "1 < (select count(*) from notes)")]
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
