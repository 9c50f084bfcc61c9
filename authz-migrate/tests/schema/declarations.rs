//! Mistakes that several structs, the migrations and `authz.toml` tell together, each beside what is allowed.

use authz_schema::config::Config;
use authz_schema::declare::Elsewhere;

use crate::schemas::declared;

/// The mistakes of these models in a package whose hand-written migrations and `authz.toml` say this.
fn mistakes_in(source: &str, by_hand: &str, config: &str) -> Vec<String> {
    let (mut declarations, renames) = declared(source);
    let config = Config::parse(config).unwrap();
    let mut elsewhere = Elsewhere::default();
    elsewhere.add(by_hand);
    declarations.elsewhere = Some(elsewhere);
    declarations.functions_elsewhere = Some([].into());
    let mut errors = declarations.check(&renames, &config);
    errors.extend(declarations.schema(&config).err().into_iter().flatten());
    errors
        .into_iter()
        .map(|error| {
            let part = format!("{:?}", error.part)
                .replace("Ident(\"", "")
                .replace("\")", "");
            format!("{part}: {}", error.message)
        })
        .collect()
}

fn mistakes(source: &str) -> Vec<String> {
    mistakes_in(source, "", "")
}

#[track_caller]
fn refused(source: &str, expected: &str) {
    let found = mistakes(source);
    assert!(
        found.len() == 1 && found.iter().all(|found| found.contains(expected)),
        "{found:#?}"
    );
}

#[track_caller]
fn allowed(source: &str) {
    assert_eq!(mistakes(source), [""; 0]);
}

const TEAMS: &str = "#[derive(Table)] #[rls(disabled = \"a\")]
    struct Team { #[column(primary_key)] id: i64, #[column(unique)] slug: String, name: String }\n";

fn note(field: &str) -> String {
    format!("{TEAMS}#[derive(Table)] #[rls(disabled = \"a\")] struct Note {{ id: i64, {field} }}")
}

#[test]
fn a_reference_needs_a_table_a_column_and_a_key_that_are_there() {
    for (field, expected) in [
        (
            "#[column(references = \"team(id)\")] team_id: i64",
            "Constraint(notes_team_id_fkey): no model declares public.team, and no migration of your own mentions it; \
             did you mean `teams`?",
        ),
        (
            "#[column(references = \"projects(id)\")] project_id: i64",
            "no model declares public.projects, and no migration of your own mentions it; for a table or view that is \
             made elsewhere, write a struct with `#[table(existing)]`",
        ),
        (
            "#[column(references = \"app.teams(id)\")] team_id: i64",
            "no model declares app.teams, and no migration of your own mentions it; did you mean `teams`?",
        ),
        (
            "#[column(references = \"teams(idd)\")] team_id: i64",
            "`teams` has no column `idd`; did you mean `id`?",
        ),
        (
            "#[column(references = \"teams(name)\")] team: String",
            "`teams` has no key on `name`, so that nothing can refer to it; expected its primary key, or a unique one: \
             `#[table(unique(name))]`",
        ),
        (
            "#[column(references = \"teams(id)\")] team: String",
            "`team` is text, and `teams.id` is bigint; a reference needs types that compare",
        ),
    ] {
        refused(&note(field), expected);
    }
    for field in [
        "#[column(references = \"teams(id)\")] team_id: i64",
        "#[column(references = \"teams(id)\")] team_id: i32",
        "#[column(references = \"teams(slug)\")] team: String",
        "#[column(references = \"teams(slug)\", type = \"varchar(20)\")] team: String",
        "#[column(references = \"teams(slug)\", type = \"short_text\")] team: String",
    ] {
        allowed(&note(field));
    }
}

#[test]
fn a_key_of_several_columns_is_referred_to_as_a_whole_and_a_partial_index_is_no_key() {
    let pair = |table: &str| {
        format!(
            "#[derive(Table)] #[table({table})] #[rls(disabled = \"a\")] struct Seat {{ a: i64, b: i64 }}
             #[derive(Table)] #[table(foreign_key(x, y, references = \"seats(b, a)\"))] #[rls(disabled = \"a\")]
             struct Ticket {{ x: i64, y: i64 }}"
        )
    };
    for table in ["primary_key(a, b)", "unique(b, a)", "index(a, b desc, unique)"] {
        allowed(&pair(table));
    }
    for table in [
        "unique(a), unique(b)",
        "index(a, b)",
        "index(a, b, unique, where = \"a > 1\")",
        "index(a, \"b + 1\", unique)",
    ] {
        refused(&pair(table), "`seats` has no key on `b, a`");
    }
}

#[test]
fn what_is_made_elsewhere_may_be_referred_to() {
    let source = note("#[column(references = \"accounts(id)\")] account_id: i64");
    assert_eq!(
        mistakes_in(&source, "CREATE TABLE Accounts (id bigint);", ""),
        [""; 0]
    );
    assert_eq!(
        mistakes_in(&source, "CREATE TABLE my_accounts (id bigint);", "").len(),
        1
    );
    let legacy = note("#[column(references = \"legacy.accounts(id)\")] account_id: i64");
    assert_eq!(
        mistakes_in(&legacy, "", "existing_schemas = [\"legacy\"]"),
        [""; 0]
    );
    assert_eq!(mistakes(&legacy).len(), 1);
    let users = note("#[column(references = \"auth.users(id)\")] account_id: uuid::Uuid");
    assert_eq!(mistakes_in(&users, "", "platform = \"supabase\""), [""; 0]);
    assert_eq!(mistakes(&users).len(), 1);
    // A struct of such a table has the columns that policies need.
    allowed(&format!(
        "{}#[derive(Table)] #[table(existing)] #[rls(disabled = \"a\")] struct Account {{ name: String }}",
        note("#[column(references = \"accounts(id)\")] account_id: i64")
    ));
}

#[test]
fn a_name_is_one_things() {
    let enum_of = |name: &str| {
        format!(
            "{TEAMS}#[derive(sqlx::Type, authz::Type)] #[sqlx(type_name = \"{name}\")] enum Kind {{ A }}\n"
        )
    };
    refused(
        &enum_of("teams"),
        "Name: a table is called public.teams already, and has a type of its rows of that name",
    );
    allowed(&enum_of("team"));
    // An index is no type.
    allowed(&enum_of("teams_pkey"));
    let other = |table: &str| {
        format!("{TEAMS}#[derive(Table)] {table} #[rls(disabled = \"a\")] struct Other {{ id: i64 }}")
    };
    for (table, expected) in [
        (
            "#[table(name = \"teams_slug_key\")]",
            "Constraint(teams_slug_key): the name teams_slug_key is taken in public by public.teams_slug_key; write \
             `#[table(name = \"…\")]` on one of the two",
        ),
        (
            "#[table(index(id, name = \"teams\"))]",
            "Index(teams): the name teams is taken in public by public.teams; give the index a name of its own",
        ),
        (
            "#[table(index(id, name = \"teams_slug_key\"))]",
            "the name teams_slug_key is taken in public by public.teams, for a constraint",
        ),
    ] {
        refused(&other(table), expected);
    }
    allowed(&other("#[table(index(id, name = \"teams\"), schema = \"app\")]"));
    let sequence = "#[derive(Table)] #[rls(disabled = \"a\")] struct Seat { #[column(identity)] id: i64 }";
    refused(
        &format!(
            "{}{sequence}",
            other("#[table(index(id, name = \"seats_id_seq\"))]")
        ),
        "Column(id): the name seats_id_seq is taken in public by public.others, for an index",
    );
    allowed(&format!("{}{sequence}", other("")));
}

#[test]
fn the_policy_of_memberships_has_its_own_name() {
    let with = |name: &str| {
        format!(
            "#[derive(Table)] #[rls(read, member = \"id in members(team_id, user_id)\")] struct Team {{ id: i64 }}
             #[derive(Table)] #[rls(select = true, name = \"{name}\")] struct Member {{ team_id: i64, user_id: String }}"
        )
    };
    refused(
        &with("authz_members"),
        "Policy(authz_members): `authz_members` is the policy by which memberships are looked up in public.members",
    );
    allowed(&with("all_members"));
}

#[test]
fn a_membership_is_of_a_table_and_columns_that_are_there() {
    let with = |member: &str| {
        format!(
            "#[derive(Table)] #[rls(read, member = \"{member}\")] struct Team {{ id: i64 }}
             #[derive(Table)] #[rls(disabled = \"a\")]
             struct TeamMember {{ team_id: i64, user_id: String, role: String }}"
        )
    };
    for (member, expected) in [
        (
            "id in team_membrs(team_id, user_id)",
            "Membership(0): no model declares public.team_membrs, the table of memberships; did you mean \
             `team_members`?",
        ),
        (
            "id in groups(team_id, user_id)",
            "no model declares public.groups, the table of memberships; for one that is made elsewhere",
        ),
        (
            "id in team_members(team_id, usr_id)",
            "`team_members` has no column `usr_id`; did you mean `user_id`?",
        ),
        (
            "id in team_members(temid, user_id)",
            "`team_members` has no column `temid`; did you mean `team_id`?",
        ),
        (
            "id in team_members(team_id, user_id) where rol = 'a'",
            "`team_members` has no column `rol`; did you mean `role`?",
        ),
    ] {
        refused(&with(member), expected);
    }
    allowed(&with("id in team_members(team_id, user_id) where role = 'a'"));
}

#[test]
fn a_rename_that_cannot_be_is_a_mistake_and_a_chain_or_a_swap_is_none() {
    let tables = |names: &[(&str, &str)]| {
        let table = |(name, former): &(&str, &str)| {
            let former = match *former {
                "" => String::new(),
                former => format!(", renamed_from = \"{former}\""),
            };
            format!(
                "#[derive(Table)] #[table(name = \"{name}\"{former})] #[rls(disabled = \"a\")] struct T {{ id: i64 }}\n"
            )
        };
        names.iter().map(table).collect::<String>()
    };
    refused(
        &tables(&[("b", "a"), ("c", "a")]),
        "FormerName: the table `public.a` became `public.b` already; only one can be renamed from it",
    );
    refused(
        &tables(&[("a", ""), ("b", "a")]),
        "FormerName: the table `public.a` is still declared, so that nothing can be renamed from it",
    );
    allowed(&tables(&[("b", "a"), ("c", "b")]));
    allowed(&tables(&[("a", "b"), ("b", "a")]));
    allowed(&tables(&[("a", ""), ("b", "app.a")]));
    let enums = |one: &str, other: &str| {
        format!(
            "{TEAMS}#[derive(Type)] #[sqlx(type_name = \"one\")] {one} enum One {{ A }}
             #[derive(Type)] #[sqlx(type_name = \"two\")] {other} enum Two {{ A }}"
        )
    };
    refused(
        &enums("", "#[sql_type(renamed_from = \"one\")]"),
        "FormerName: the type `public.one` is still declared",
    );
    allowed(&enums(
        "#[sql_type(renamed_from = \"two\")]",
        "#[sql_type(renamed_from = \"one\")]",
    ));
}

#[test]
fn a_role_that_no_policy_names_is_made_where_something_is_said_of_it_and_refused_otherwise() {
    let source = "#[derive(Table)] #[rls(select = true, to = \"editor\")] struct Note { id: i64 }";
    let found = |config: &str| mistakes_in(source, "", config);
    for (config, expected) in [
        (
            "[roles.editr]\nmember_of = [\"authenticated\"]",
            "no policy names the role `editr`; did you mean `editor`?",
        ),
        (
            "[roles.edtior]\nexisting = true",
            "no policy names the role `edtior`; did you mean `editor`?",
        ),
        (
            "[roles.editor]\nmember_of = [\"authentcated\"]",
            "no policy names the role `authentcated`; did you mean `authenticated`?",
        ),
        (
            "[roles.auditor]",
            "no policy names the role `auditor`, so that this does nothing; write a policy with `to = \"auditor\"`, or \
             remove it",
        ),
        ("[roles.auditor]\nexisting = true", "does nothing"),
        ("[roles.auditor]\ninherit = true", "does nothing"),
    ] {
        let found = found(config);
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{config}: {found:?}"
        );
    }
    for config in [
        "[roles.editor]\nexisting = true",
        "[roles.authenticator]\nexisting = true",
        "[roles.auditor]\nmember_of = [\"authenticated\"]",
        "[roles.editors]\nmember_of = [\"authenticated\"]\n[roles.editor]\nmember_of = [\"editors\"]",
        "[roles.editor]\nmember_of = [\"staff\"]\n[roles.staff]\nexisting = true",
    ] {
        assert_eq!(found(config), [""; 0], "{config}");
    }
    let (declarations, _) = declared(source);
    let config = Config::parse("[roles.auditor]\nmember_of = [\"authenticated\"]").unwrap();
    let script = authz_migrate::migration::script(&declarations.schema(&config).unwrap());
    for statement in ["CREATE ROLE auditor NOLOGIN", "GRANT authenticated TO auditor"] {
        assert!(script.contains(statement), "{script}");
    }
}
