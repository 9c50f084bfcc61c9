//! Migrations of an owner whom FORCE binds: references see all rows, and what reads too few is an error.

use authz_cli::command::Outcome;
use authz_throwaway::Server;

use crate::case::{Case, ask, case, kinds, unless_known_wrong};
use crate::database::{Database, OWNER, block_on};
use crate::package::Package;

/// The names of what is no [`Case`].
pub(crate) const NAMES: [&str; 2] = ["the second owner of a server", "`check` finds statements on rows"];

kinds! {
    a_reference_is_not_valid_while_rows_break_it orphans();
    a_reference_that_all_rows_keep_goes_through kept();
    the_superuser_migrates_alike superuser();
}

fn orphans() -> Vec<Case> {
    const ROWS: &str =
        "INSERT INTO parents VALUES (1, 'a'); INSERT INTO kids VALUES (10, 1, 'a'), (11, 999, 'b')";
    let fails = |case: Case| case.rows(ROWS).says("fails-on-rows").fails("23503");
    vec![
        fails(case("an orphan between two tables whose rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        fails(case("an orphan between two tables that users may read")
            .before("OPEN struct Parent { #[column(primary_key)] id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("OPEN struct Parent { #[column(primary_key)] id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\", on_delete = \"cascade\")] parent: i64, who: String }")),
        fails(case("an orphan in a table without row security")
            .before("OPEN struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("OPEN struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        fails(case("an orphan of a table without row security")
            .before("#[derive(Table)] #[rls(disabled = \"public\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(disabled = \"public\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        fails(case("an orphan under a key that is made with the reference")
            .before("OPEN struct Parent { id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("OPEN struct Parent { #[column(primary_key)] id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        fails(case("an orphan of a reference of two columns")
            .before("OPEN #[table(unique(id, who))] struct Parent { id: i64, who: String }
                  OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("OPEN #[table(unique(id, who))] struct Parent { id: i64, who: String }
                  OPEN #[table(foreign_key(parent, who, references = \"parents(id, who)\"))] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")),
        case("an orphan of a table's own reference")
            .before("OPEN struct Node { #[column(primary_key)] id: i64, up: Option<i64> }")
            .after("OPEN struct Node { #[column(primary_key)] id: i64, #[column(references = \"nodes(id)\")] up: Option<i64> }")
            .rows("INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, 999)")
            .says("fails-on-rows")
            .fails("23503"),
        fails(case("an orphan of a table that was made elsewhere")
            .made_elsewhere("CREATE TABLE parents (id bigint PRIMARY KEY, who text)")
            .before("OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[table(existing)] #[rls(read = true)] struct Parent { id: i64, who: Option<String> }
                  OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
    ]
}

fn kept() -> Vec<Case> {
    const VALID: &str = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND convalidated";
    let goes = |case: Case| {
        case.rows("INSERT INTO parents VALUES (1, 'a'), (2, 'b'); INSERT INTO kids VALUES (10, 1, 'a'), (11, 2, 'b')")
            .sees(VALID, "1")
    };
    vec![
        goes(case("a table without row security refers to one whose rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("two tables whose rows have owners get a reference")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("a reference gets another action while the parent's rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\", on_delete = \"cascade\")] parent: i64, who: String }")),
        goes(case("a key and its reference become wider while the parent's rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i32, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i32, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("a key is made with the reference to it while the parent's rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("a table refers to one that was made elsewhere and gets row security")
            .made_elsewhere("CREATE TABLE parents (id bigint PRIMARY KEY, who text)")
            .before("#[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[table(existing)] #[rls(owner = \"who\")] struct Parent { id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("a child loses row security while its reference is made")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(owner = \"who\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(disabled = \"public\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")),
        goes(case("a reference is made below a policy that calls a function which only users may")
            .before("#[derive(Table)] #[rls(read = \"shown(id)\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(read = \"shown(id)\")] struct Kid { #[column(primary_key)] id: i64, parent: i64, who: String }")
            .after("#[derive(Table)] #[rls(read = \"shown(id)\")] struct Parent { #[column(primary_key)] id: i64, who: String }
                  #[derive(Table)] #[rls(read = \"shown(id)\")] struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64, who: String }")
            .functions(&[("shown", "CREATE FUNCTION shown(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN n > 0")],
                &[("shown", "CREATE FUNCTION shown(n bigint) RETURNS boolean LANGUAGE sql STABLE RETURN n > 0")])),
        case("a table's own reference is made while its rows have owners")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Node { #[column(primary_key)] id: i64, up: Option<i64>, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Node { #[column(primary_key)] id: i64, #[column(references = \"nodes(id)\")] up: Option<i64>, who: String }")
            .rows("INSERT INTO nodes VALUES (1, NULL, 'a'), (2, 1, 'b')")
            .sees(VALID, "1"),
        case("NOT NULL and a check see the rows that FORCE hides")
            .before("#[derive(Table)] #[rls(owner = \"who\")] struct Node { #[column(primary_key)] id: i64, n: Option<i64>, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"who\")] struct Node { #[column(primary_key)] id: i64, n: i64, who: String }")
            .rows("INSERT INTO nodes VALUES (1, NULL, 'a')")
            .fails("23514"),
    ]
}

fn superuser() -> Vec<Case> {
    vec![
        case("the superuser finds an orphan")
            .before("OPEN struct Parent { #[column(primary_key)] id: i64 } OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64 }")
            .after("OPEN struct Parent { #[column(primary_key)] id: i64 } OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64 }")
            .rows("INSERT INTO parents VALUES (1); INSERT INTO kids VALUES (10, 999)")
            .by_superuser()
            .fails("23503"),
        case("the superuser makes a reference")
            .before("OPEN struct Parent { #[column(primary_key)] id: i64 } OPEN struct Kid { #[column(primary_key)] id: i64, parent: i64 }")
            .after("OPEN struct Parent { #[column(primary_key)] id: i64 } OPEN struct Kid { #[column(primary_key)] id: i64, #[column(references = \"parents(id)\")] parent: i64 }")
            .rows("INSERT INTO parents VALUES (1); INSERT INTO kids VALUES (10, 1)")
            .by_superuser(),
        case("the superuser renames and retypes below policies and indexes")
            .before("#[derive(Table)] #[rls(owner = \"who\")] #[table(index(n))] struct Note { #[column(primary_key, identity)] id: i32, n: i32, who: String }")
            .after("#[derive(Table)] #[rls(owner = \"owner\")] #[table(index(n), renamed_from = \"notes\")] struct Paper { #[column(primary_key, identity)] id: i64, n: i64, #[column(renamed_from = \"who\")] owner: String }")
            .rows("INSERT INTO notes (n, who) VALUES (1, '1'), (2, '2')")
            .by_superuser()
            .user_sees("SELECT count(*) FROM papers", "1"),
        case("the superuser makes memberships")
            .before("OPEN struct Other { #[column(primary_key)] id: i64 }")
            .after("OPEN struct Other { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id)\")] struct Team { #[column(primary_key)] id: i64 }
                #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String }")
            .by_superuser(),
    ]
}

/// Organisations with a plan, whose settings get a table of their own.
const ORGANISATIONS: &str = "use authz::Table;
#[derive(Table)] #[rls(owner = \"who\")] struct Organisation { #[column(primary_key)] id: i64, who: String, plan: String }
#[derive(Table)] #[rls(owner = \"who\")] #[table(name = \"org_settings\")] struct OrgSetting { #[column(primary_key)] id: i64, who: String, plan: String }";

/// A package with these models, and a database with three organisations in it.
async fn organisations() -> (Package, Database) {
    let package = Package::new(ORGANISATIONS);
    package.generate("create", &[]);
    let mut database = Database::new().await;
    database.migrate(&package).await;
    database
        .execute("INSERT INTO organisations VALUES (1, 'a', 'x'), (2, 'b', 'y'), (3, 'c', 'z')")
        .await;
    (package, database)
}

const COPIES: [&str; 4] = [
    "INSERT INTO org_settings SELECT id, who, plan FROM organisations;",
    "UPDATE organisations SET plan = upper(plan);",
    "DELETE FROM organisations WHERE plan = 'x';",
    "WITH gone AS (DELETE FROM organisations RETURNING *) INSERT INTO org_settings SELECT * FROM gone;",
];

#[test]
fn a_statement_that_force_would_filter_is_an_error_once_row_security_is_off() {
    block_on(async {
        for copy in COPIES {
            let (package, mut database) = organisations().await;
            package.write(
                "29990101000000_copy.sql",
                &format!("SET LOCAL row_security = off;\n{copy}\n"),
            );
            let error = database.fail_to_migrate(&package).await;
            assert!(
                error.contains("query would be affected by row-level security policy"),
                "{error}"
            );
        }
    });
}

#[test]
fn an_owner_copies_all_rows_while_the_tables_are_not_forced() {
    block_on(async {
        let (package, mut database) = organisations().await;
        let tables = ["organisations", "org_settings"];
        let alter = |word: &str| {
            tables
                .map(|table| format!("ALTER TABLE {table} {word} ROW LEVEL SECURITY;\n"))
                .concat()
        };
        package.write(
            "29990101000000_copy.sql",
            &format!(
                "SET LOCAL row_security = off;\n{}{}\n{}",
                alter("NO FORCE"),
                COPIES[0],
                alter("FORCE")
            ),
        );
        database.migrate(&package).await;
        let copied = ask(&mut database.connection, "SELECT count(*) FROM org_settings").await;
        assert_eq!(copied.as_deref(), Ok("3"));
        // Nobody is let in by it: not even the owner.
        let seen = ask(&mut database.owner, "SELECT count(*) FROM org_settings").await;
        assert_eq!(seen.as_deref(), Ok("0"));
        package.assert_checked();
    });
}

#[test]
fn statements_on_rows_that_force_would_hide_are_found_by_check() {
    unless_known_wrong(NAMES[1], || {
        for copy in COPIES {
            let package = Package::new(ORGANISATIONS);
            package.generate("create", &[]);
            package.write("29990101000000_copy.sql", &format!("{copy}\n"));
            let ran = package.run(&["check"]);
            assert!(
                matches!(ran.result, Ok(Outcome::Found)),
                "{copy}\n{}",
                ran.whole()
            );
            assert!(ran.out.contains("29990101000000_copy.sql"), "{}", ran.whole());
        }
    });
}

#[test]
fn a_second_owner_of_a_server_migrates_or_is_told_first_what_to_grant() {
    unless_known_wrong(NAMES[0], || {
        let server = Server::start().unwrap();
        let package = Package::new(
            "use authz::Table;
            #[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id)\")] struct Team { #[column(primary_key)] id: i64 }
            #[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(read, member = \"members(team_id, user_id)\")] struct Member { team_id: i64, user_id: String }",
        );
        package.generate("create", &[]);
        block_on(async {
            let mut first = Database::owned_by(OWNER, &server, "first".to_owned()).await;
            first.migrate(&package).await;
            let mut second = Database::owned_by("other", &server, "second".to_owned()).await;
            let Err(error) = package.migrator().await.run(&mut second.owner).await else {
                return;
            };
            let text = format!("{error:?}");
            assert!(text.contains("GRANT") && text.contains("ADMIN"), "{text}");
            let tables = ask(
                &mut second.connection,
                "SELECT count(*) FROM pg_tables WHERE tablename = 'teams'",
            )
            .await;
            assert_eq!(tables.as_deref(), Ok("0"));
        });
    });
}
