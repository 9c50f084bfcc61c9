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
    allowed(&tables(&[("a", ""), ("b", "a")]));
    allowed(&tables(&[("b", "a"), ("c", "b")]));
    allowed(&tables(&[("a", "b"), ("b", "a")]));
    allowed(&tables(&[("a", ""), ("b", "app.a")]));
    let enums = |one: &str, other: &str| {
        format!(
            "{TEAMS}#[derive(Type)] #[sqlx(type_name = \"one\")] {one} enum One {{ A }}
             #[derive(Type)] #[sqlx(type_name = \"two\")] {other} enum Two {{ A }}"
        )
    };
    allowed(&enums("", "#[sql_type(renamed_from = \"one\")]"));
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
    let script = authz_migrate::migration::script(&declarations.schema(&config).unwrap()).unwrap();
    for statement in ["CREATE ROLE auditor NOLOGIN", "GRANT authenticated TO auditor"] {
        assert!(script.contains(statement), "{script}");
    }
}

/// Notes of teams with these policies, and teams with these members.
fn with_policy(note: &str, member: &str) -> String {
    format!(
        "#[derive(sqlx::Type, authz::Type)] #[sqlx(type_name = \"mood\")] enum Mood {{ Sad }}
         #[derive(Table)] #[rls({note})]
         struct Note {{ id: i64, team_id: i64, owner: uuid::Uuid, title: String, shared: bool, mood: Mood, tags: Vec<String>,
             made: DateTime<Utc> }}
         #[derive(Table)] #[rls({member})]
         struct TeamMember {{ team_id: i64, user_id: String, role: String, since: DateTime<Utc> }}"
    )
}

fn note(field: &str) -> String {
    format!("{TEAMS}#[derive(Table)] #[rls(disabled = \"a\")] struct Note {{ id: i64, {field} }}")
}

#[test]
fn a_subquery_reads_tables_and_columns_that_are_there() {
    let select = |policy: &str| with_policy(&format!("select = \"{policy}\""), "disabled = \"a\"");
    for (policy, expected) in [
        (
            "team_id in (select team_id from team_member where user_id = auth.user_id())",
            "Using(notes_select_authenticated): no model declares public.team_member, and no migration of your own \
             mentions it; did you mean `team_members`?",
        ),
        (
            "exists (select 1 from accounts a where a.id = team_id)",
            "no model declares public.accounts, and no migration of your own mentions it; for a table or view that is \
             made elsewhere, write a struct with `#[table(existing)]`",
        ),
        (
            "exists (select 1 from team_members m where m.temid = notes.team_id)",
            "`team_members` has no column `temid`; did you mean `team_id`?",
        ),
        (
            "exists (select 1 from team_members m join notes_x n on n.id = m.team_id)",
            "no model declares public.notes_x",
        ),
        (
            "exists (select 1 from team_members where usr_id = auth.user_id())",
            "`team_members` has no column `usr_id`; did you mean `user_id`?",
        ),
        (
            "exists (select 1 from (select user_id u from team_members) m where m.u = auth.user_id() and m.user_id = 'a')",
            "`team_members` has no column `user_id`",
        ),
    ] {
        let found = mistakes(&select(policy));
        assert!(!found.is_empty(), "{policy}");
        if !policy.contains("user_id u") {
            assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
        }
    }
    for policy in [
        "team_id in (select team_id from team_members where user_id = auth.user_id())",
        "exists (select 1 from public.team_members m where m.team_id = notes.team_id and m.role = 'a')",
        "exists (select from team_members where team_members.team_id = notes.team_id and ctid is not null)",
        "exists (with m as (select team_id t from team_members) select 1 from m where m.t = team_id)",
        "exists (with recursive m(t, up) as (select 1, 2 union select t, up from m) select 1 from m where t = team_id)",
        "exists (select 1 from (select team_id as t, user_id from team_members) m where m.t = notes.team_id)",
        "exists (select 1 from team_members m, lateral (select m.user_id as who) w where w.who = auth.user_id())",
        "exists (select 1 from unnest(tags) as t where t = title)",
        "exists (select 1 from unnest(tags) with ordinality as t(tag, n) where tag = title and n < 3)",
        "exists (select 1 from jsonb_each_text(auth.jwt()) where key = title and value = 'a')",
        "exists (select 1 from (values (1, 'a'), (2, 'b')) v(id, name) where v.id = team_id and name = title)",
        "exists (select 1 from (values (1)) v where column1 = team_id)",
        "exists (select 1 from pg_roles r where r.rolname = current_user)",
        "exists (select 1 from pg_catalog.pg_roles where rolname = current_user)",
        "exists (select 1 from information_schema.tables where table_name = title)",
        "title = (select role from team_members m order by m.since desc limit 1)",
        "exists (select team_id, count(*) as n from team_members group by team_id having count(*) > 2 order by n)",
        "exists (select 1 from team_members m where extract(year from m.since) > 2000 and m.since > now() - interval '1 day')",
        "exists (select 1 from team_members m where m.since at time zone 'utc' > '2020-01-01' and m is not null)",
        "exists (select 1 from team_members m where row_to_json(m) ->> 'role' = title and substring(m.role from 1 for 2) = 'ab')",
        "exists (select 1 from team_members a join team_members b using (team_id) where team_id = notes.team_id)",
        "exists (select 1 from team_members where since > made and make_interval(days => 3) > interval '1 day')",
        "exists (select 1 from team_members m where m.role collate \\\"C\\\" = title and trim(both 'x' from m.role) = 'a')",
        "team_id = any (array(select m.team_id from team_members m union select 3))",
    ] {
        let found = mistakes(&select(policy));
        assert_eq!(found, [""; 0], "{policy}");
    }
    let view = select("team_id in (select team_id from active_members)");
    assert_eq!(
        mistakes_in(&view, "CREATE VIEW active_members AS SELECT 1", ""),
        [""; 0]
    );
    assert_eq!(mistakes(&view).len(), 1);
    let called = select("exists (select 1 from team_members m where m.label = 'a')");
    assert_eq!(
        mistakes_in(&called, "CREATE FUNCTION label(team_members) …", ""),
        [""; 0]
    );
    assert_eq!(mistakes(&called).len(), 1);
    let existing =
        "#[derive(Table)] #[rls(select = \"exists (select 1 from users u where u.anything = title)\")]
        struct Note { title: String }
        #[derive(Table)] #[table(existing)] #[rls(disabled = \"a\")] struct User { id: i64 }";
    allowed(existing);
}

#[test]
fn types_of_several_tables_and_of_enums_and_claims_have_to_compare() {
    let select = |policy: &str| with_policy(&format!("select = \"{policy}\""), "disabled = \"a\"");
    for (policy, expected) in [
        (
            "exists (select 1 from team_members m where m.user_id = owner)",
            "`m.user_id` is text, and `owner` is uuid, which PostgreSQL does not compare; write a cast, such as \
             `owner::text`",
        ),
        (
            "owner in (select user_id from team_members)",
            "which PostgreSQL does not compare",
        ),
        ("mood = title", "`mood` is public.mood, and `title` is text"),
        (
            "exists (select 1 from team_members m where m.team_id = auth.user_id())",
            "`m.team_id` is bigint, and `auth.user_id()` is text, which PostgreSQL does not compare; write a cast, such \
             as `m.team_id::text`",
        ),
        (
            "title in (select since from team_members)",
            "which PostgreSQL does not compare",
        ),
    ] {
        refused(&select(policy), expected);
    }
    for policy in [
        "exists (select 1 from team_members m where m.user_id = owner::text)",
        "owner::text in (select user_id from team_members)",
        "mood = 'sad' and mood::text = title and mood in ('sad')",
        "title = any (tags) and tags && array['a'] and title || 'x' = 'y' and tags || title = tags",
        "exists (select 1 from team_members m where m.since > made and m.team_id = 5 and m.team_id = 5.5)",
        "exists (select 1 from team_members m where m.team_id::text = auth.user_id())",
    ] {
        let found = mistakes(&select(policy));
        assert_eq!(found, [""; 0], "{policy}");
    }
    let mixed = select("mood = title");
    assert_eq!(
        mistakes_in(&mixed, "CREATE CAST (mood AS text) WITH INOUT AS IMPLICIT;", ""),
        [""; 0]
    );
    let member = |field: &str| {
        format!(
            "#[derive(Table)] #[rls(read, member = \"{field} in team_members(team_id, user_id)\")]
             struct Note {{ team: i32, label: String }}
             #[derive(Table)] #[rls(disabled = \"a\")] struct TeamMember {{ team_id: i64, user_id: String }}"
        )
    };
    refused(
        &member("label"),
        "`label` is text, and public.team_members.team_id is bigint, which PostgreSQL does not compare",
    );
    allowed(&member("team"));
}

#[test]
fn policies_that_read_each_others_tables_are_refused_and_both_are_named() {
    let both = |note: &str, member: &str| {
        let member = format!("select = \"team_id in (select team_id from notes where {member})\"");
        with_policy(note, &member)
    };
    let note = "select = \"team_id in (select team_id from team_members where user_id = auth.user_id())\"";
    let found = mistakes(&both(note, "shared"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with(
            "Using(notes_select_authenticated): the policy `notes_select_authenticated` reads public.team_members, and \
             the policy `team_members_select_authenticated` of public.team_members reads public.notes, so that they \
             apply again without end: PostgreSQL refuses every query; write `member = \"team_members(team_id, user_id)\"`"
        ),
        "{found:#?}"
    );
    // Other roles have other policies.
    allowed(&both(&format!("{note}, to = \"editor\""), "shared"));
    let config = "[roles.editor]\nmember_of = [\"authenticated\"]";
    assert!(!mistakes_in(&both(&format!("{note}, to = \"editor\""), "shared"), "", config).is_empty());
    // Only the SELECT policies apply to what a policy reads.
    allowed(&with_policy(
        "select = true",
        "select = \"user_id = auth.user_id()\", insert = \"team_id in (select team_id from notes)\"",
    ));
    allowed(&with_policy(note, "select = \"user_id = auth.user_id()\""));
    // A circle of three.
    let three = |last: &str| {
        let table = |name: &str, reads: &str| {
            format!(
                "#[derive(Table)] #[table(name = \"{name}\")] #[rls(select = \"id in (select id from {reads})\")]
                 struct T {{ id: i64 }}\n"
            )
        };
        format!(
            "{}{}{}#[derive(Table)] #[table(name = \"d\")] #[rls(select = true)] struct D {{ id: i64 }}",
            table("a", "b"),
            table("b", "c"),
            table("c", last)
        )
    };
    assert_eq!(mistakes(&three("a")).len(), 3);
    allowed(&three("d"));
}

#[test]
fn a_function_that_a_called_function_calls_may_be_executed_too() {
    let (mut declarations, _) =
        declared("#[derive(Table)] #[rls(select = \"b(id)\", to = \"editor\")] struct Note { id: i64 }");
    declarations.functions = [
        "CREATE FUNCTION a(x bigint) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN z(x); END $$",
        "CREATE FUNCTION b(x bigint) RETURNS boolean RETURN a(x) AND d(x)",
        "CREATE FUNCTION d(x bigint) RETURNS boolean SECURITY DEFINER SET search_path = '' RETURN public.e(x)",
        "CREATE FUNCTION e(x bigint) RETURNS boolean RETURN x > 1",
        "CREATE FUNCTION z(x bigint) RETURNS boolean RETURN x > 1",
    ]
    .map(|sql| authz_sql::function::parse_function(sql).unwrap().into())
    .to_vec();
    let schema = declarations.schema(&Config::default()).unwrap();
    let callers = schema.functions.values().map(|function| {
        let roles: Vec<&str> = function.roles.iter().map(authz_sql::Ident::as_str).collect();
        (function.signature.name.name.as_str(), roles)
    });
    // What a SECURITY DEFINER function calls runs as its owner.
    assert_eq!(
        callers.collect::<Vec<_>>(),
        [
            ("a", vec!["editor"]),
            ("b", vec!["editor"]),
            ("d", vec!["editor"]),
            ("e", vec![]),
            ("z", vec!["editor"])
        ]
    );
}
