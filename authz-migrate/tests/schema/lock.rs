//! The lock as text.

use authz_schema::lock::{Lock, LockError};

use crate::schemas::{TODOS, schema};

fn todos() -> Lock {
    Lock::from(schema(TODOS))
}

#[test]
fn a_lock_says_one_attribute_a_line() {
    insta::assert_snapshot!(todos().to_text().unwrap(), @r#"
    # What the migrations in this folder declare. Written by `cargo authz generate`: commit it, and do not edit it.
    format = 1
    auth = 2
    revoked_from_public = true
    login_role = "authenticator"
    session_roles = [
        "anonymous",
        "authenticated",
    ]

    [[table]]
    namespace = "public"
    name = "todos"
    comment = "One to-do item. Its owner, and nobody else, may see or change it."
    row_security = true

    [[table.column]]
    name = "id"
    type = "bigint"
    not_null = true
    identity = true

    [[table.column]]
    name = "user_id"
    type = "text"
    not_null = true
    default = "auth.user_id()"

    [[table.column]]
    name = "task"
    type = "text"
    not_null = true

    [[table.column]]
    name = "is_complete"
    type = "boolean"
    not_null = true
    default = "false"

    [[table.column]]
    name = "inserted_at"
    type = "timestamptz"
    not_null = true
    default = "now()"

    [[table.constraint]]
    name = "todos_pkey"
    primary_key = ["id"]

    [[table.constraint]]
    name = "todos_task_check"
    check = "char_length(task) > 0"

    [[table.index]]
    name = "todos_user_id_idx"
    keys = ["user_id"]
    columns = ["user_id"]

    [[table.policy]]
    name = "todos_delete_authenticated"
    command = "delete"
    roles = ["authenticated"]
    using = "(SELECT auth.user_id()) = user_id"

    [[table.policy]]
    name = "todos_insert_authenticated"
    command = "insert"
    roles = ["authenticated"]
    with_check = "(SELECT auth.user_id()) = user_id"

    [[table.policy]]
    name = "todos_select_authenticated"
    command = "select"
    roles = ["authenticated"]
    using = "(SELECT auth.user_id()) = user_id"

    [[table.policy]]
    name = "todos_update_authenticated"
    command = "update"
    roles = ["authenticated"]
    using = "(SELECT auth.user_id()) = user_id"
    with_check = "(SELECT auth.user_id()) = user_id"

    [[table.grant]]
    role = "authenticated"
    privilege = "select"

    [[table.grant]]
    role = "authenticated"
    privilege = "insert"
    columns = [
        "user_id",
        "task",
        "is_complete",
        "inserted_at",
    ]

    [[table.grant]]
    role = "authenticated"
    privilege = "update"
    columns = [
        "user_id",
        "task",
        "is_complete",
    ]

    [[table.grant]]
    role = "authenticated"
    privilege = "delete"
    "#);
}

#[test]
fn odd_texts_come_back_as_they_were() {
    let source = r##"
        /// It's "odd" \ = [x] # 'no' comment
        ///
        ///   '''and''' """more""" é
        #[derive(Table)]
        #[rls(select = "a = 'x''y' -- why\n or a = $q$'''\\u0041$q$ /* \" */")]
        struct Odd {
            #[column(default = "E'\\t\\\\' || '\"\"\"' -- end", name = "a")]
            a: String,
            #[column(name = "b \"[c]\" = '''")]
            b: i32,
        }
    "##;
    let schema = schema(source);
    let text = Lock::from(schema.clone()).to_text().unwrap();
    assert_eq!(Lock::from_text(&text).unwrap().schema, schema, "{text}");
}

#[test]
fn a_lock_of_another_format_is_refused() {
    let text = todos().to_text().unwrap();
    let newer = text.replace("format = 1\n", "format = 2\n");
    let error = Lock::from_text(&newer).unwrap_err();
    assert!(matches!(error, LockError::Format { found: 2 }), "{error}");
    assert_eq!(
        error.to_string(),
        "the format 2 is not known; this version of cargo-authz reads format 1"
    );
    let without = text.replace("format = 1\n", "");
    assert!(matches!(
        Lock::from_text(&without),
        Err(LockError::Format { found: 0 })
    ));
}

#[test]
fn a_lock_with_the_marks_of_a_merge_conflict_is_refused() {
    let text = todos().to_text().unwrap();
    let line = "row_security = true\n";
    let merged = text.replace(
        line,
        &format!("<<<<<<< HEAD\n{line}=======\nrow_security = false\n>>>>>>> branch\n"),
    );
    assert!(matches!(Lock::from_text(&merged), Err(LockError::Syntax(_))));
}

#[test]
fn a_lock_with_an_unknown_key_is_refused() {
    let text = todos().to_text().unwrap();
    let misspelt = text.replace("row_security", "row_securty");
    assert!(matches!(Lock::from_text(&misspelt), Err(LockError::Syntax(_))));
}

#[test]
fn a_table_that_stands_twice_is_refused() {
    let text = todos().to_text().unwrap();
    let (head, table) = text.split_at(text.find("[[table]]").unwrap());
    let error = Lock::from_text(&format!("{head}{table}\n{table}")).unwrap_err();
    assert!(
        error.to_string().contains("`public.todos` stands twice"),
        "{error}"
    );
}

#[test]
fn the_last_migration_is_a_line_of_its_own_and_no_part_of_the_schema() {
    let lock = Lock {
        last_migration: Some("20261123202451_create_todos".to_owned()),
        ..todos()
    };
    let text = lock.to_text().unwrap();
    assert!(
        text.contains("\nformat = 1\nlast_migration = \"20261123202451_create_todos\"\nauth = 2\n"),
        "{text}"
    );
    assert_eq!(Lock::from_text(&text).unwrap(), lock);
    // A lock of before does not have the line.
    let before = todos().to_text().unwrap();
    assert_eq!(Lock::from_text(&before).unwrap(), todos());
}
