//! Each kind of change as two sources of models: what is declared before, and what is declared after.
//!
//! Two programs take the table. Here the plan of each case is a snapshot; in `authz-tests` each case is generated, run
//! on a server, compared with a fresh database, and undone. Whoever includes this file defines `each_case!` first.

/// A model `Note` with these attributes and, after `id` and `user_id`, these fields.
macro_rules! note {
    ($attributes:literal, $fields:literal) => {
        concat!(
            "#[derive(Table)]\n",
            $attributes,
            "\nstruct Note {\n    #[column(primary_key)]\n    id: i64,\n    user_id: String,\n    ",
            $fields,
            "\n}\n"
        )
    };
}

/// A model `Note` that its owner may read and change, with these fields more.
macro_rules! owned {
    ($fields:literal) => {
        note!("#[rls(owner = \"user_id\")]", $fields)
    };
}

/// A model of this table beside the notes, whose rows everybody may read.
macro_rules! beside {
    ($name:literal, $fields:literal) => {
        concat!(
            "#[derive(Table)]\n#[table(name = \"",
            $name,
            "\")]\n#[rls(select = \"true\")]\nstruct Beside {\n    #[column(primary_key)]\n    id: i64,\n    ",
            $fields,
            "\n}\n"
        )
    };
}

each_case! {
    // Columns.
    column_added_nullable {
        old: owned!(""),
        new: owned!("title: Option<String>"),
        allow: [],
    }
    column_added_with_a_default {
        old: owned!(""),
        new: owned!("#[column(default = \"false\")] done: bool"),
        allow: [],
    }
    column_added_with_a_volatile_default {
        old: owned!(""),
        new: owned!("#[column(default = \"clock_timestamp()\")] seen_at: DateTime<Utc>"),
        allow: [],
    }
    column_added_not_null {
        old: owned!(""),
        new: owned!("title: String"),
        allow: [],
    }
    column_added_with_constraints_and_a_policy {
        old: note!("#[rls(select = \"auth.user_id() = user_id\")]", ""),
        new: concat!(
            note!(
                "#[rls(select = \"auth.user_id() = user_id or team_id = 7\")]",
                "#[column(references = \"teams(id)\", unique, check = \"team_id > 0\")] team_id: Option<i64>"
            ),
            beside!("teams", "")
        ),
        allow: ["authz-widens"],
    }
    column_dropped {
        old: owned!("title: Option<String>"),
        new: owned!(""),
        allow: ["data-loss"],
    }
    column_dropped_with_all_that_stands_on_it {
        old: concat!(
            note!(
                "#[table(check = \"team_id <> id\", index(team_id, id))]\n\
                 #[rls(select = \"auth.user_id() = user_id or team_id = 7\")]",
                "#[column(references = \"teams(id)\", unique, check = \"team_id > 0\")] team_id: Option<i64>"
            ),
            beside!("teams", "")
        ),
        new: concat!(
            note!("#[rls(select = \"auth.user_id() = user_id\")]", ""),
            beside!("teams", "")
        ),
        allow: ["data-loss"],
    }
    column_retyped_under_a_policy {
        old: note!("#[rls(all = \"team_id = 1\")]", "team_id: i32"),
        new: note!("#[rls(all = \"team_id = 1\")]", "team_id: i64"),
        allow: [],
    }
    column_retyped_under_a_policy_in_capitals {
        old: note!("#[rls(all = \"TEAM_ID = 1\")]", "team_id: i32"),
        new: note!("#[rls(all = \"TEAM_ID = 1\")]", "team_id: i64"),
        allow: [],
    }
    column_retyped_under_a_policy_that_changes {
        old: note!("#[rls(select = \"team_id = 1\")]", "team_id: i32"),
        new: note!("#[rls(select = \"team_id = '1'\")]", "team_id: String"),
        allow: ["authz-widens"],
    }
    column_retyped_under_a_policy_of_another_table {
        old: concat!(
            owned!("team_id: i32"),
            "#[derive(Table)] #[rls(all = \"note_id in (select n.id from Notes n where n.Team_id = 1)\")]\n\
             struct Paragraph { note_id: i64 }\n"
        ),
        new: concat!(
            owned!("team_id: i64"),
            "#[derive(Table)] #[rls(all = \"note_id in (select n.id from Notes n where n.Team_id = 1)\")]\n\
             struct Paragraph { note_id: i64 }\n"
        ),
        allow: [],
    }
    column_retyped_with_its_default {
        old: owned!("#[column(default = \"0\")] state: i32"),
        new: owned!("#[column(default = \"'new'\")] state: String"),
        allow: [],
    }
    column_retyped_with_an_unchanged_default {
        old: owned!("#[column(default = \"0\", check = \"state >= 0\", index)] state: i32"),
        new: owned!("#[column(default = \"0\", check = \"state >= 0\", index)] state: i64"),
        allow: [],
    }
    column_retyped_to_less {
        old: owned!("title: String"),
        new: owned!("#[column(type = \"varchar(3)\")] title: String"),
        allow: ["data-loss"],
    }
    column_retyped_in_place_with_its_default {
        old: owned!("#[column(type = \"varchar(3)\", default = \"'a'\")] title: String"),
        new: owned!("#[column(type = \"varchar(30)\", default = \"'a'\")] title: String"),
        allow: [],
    }
    column_retyped_with_its_expression_index {
        old: "#[derive(Table)] #[rls(select = \"auth.session()->>'tenant_id' = id::text\")]\n\
              struct Tenant { #[column(primary_key)] id: i32 }\n",
        new: "#[derive(Table)] #[rls(select = \"auth.session()->>'tenant_id' = id::text\")]\n\
              struct Tenant { #[column(primary_key)] id: i64 }\n",
        allow: [],
    }
    default_set {
        old: owned!("title: String"),
        new: owned!("#[column(default = \"'untitled'\")] title: String"),
        allow: [],
    }
    default_changed {
        old: owned!("#[column(default = \"'untitled'\")] title: String"),
        new: owned!("#[column(default = \"'un' || 'named'\")] title: String"),
        allow: [],
    }
    default_cleared {
        old: owned!("#[column(default = \"'untitled'\")] title: String"),
        new: owned!("title: String"),
        allow: [],
    }
    not_null_set {
        old: owned!("title: Option<String>"),
        new: owned!("title: String"),
        allow: [],
    }
    not_null_dropped {
        old: owned!("title: String"),
        new: owned!("title: Option<String>"),
        allow: [],
    }
    identity_added {
        old: owned!("#[column(default = \"1\")] number: i32"),
        new: owned!("#[column(identity)] number: i32"),
        allow: [],
    }
    identity_retyped {
        old: owned!("#[column(identity)] number: i32"),
        new: owned!("#[column(identity)] number: i64"),
        allow: [],
    }
    identity_removed {
        old: owned!("#[column(identity)] number: i32"),
        new: owned!("#[column(default = \"1\")] number: i32"),
        allow: ["authz-widens"],
    }

    // Constraints and indexes.
    primary_key_changed {
        old: "#[derive(Table)] #[rls(select = \"true\")] struct Member {\n\
              #[column(primary_key)] team_id: i64, user_id: String }\n",
        new: "#[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(select = \"true\")]\n\
              struct Member { team_id: i64, user_id: String }\n",
        allow: [],
    }
    primary_key_changed_with_its_columns {
        old: "#[derive(Table)] #[table(primary_key(team_id, user_id))] #[rls(select = \"true\")]\n\
              struct Member { team_id: i64, user_id: String, seat: Option<i32> }\n",
        new: "#[derive(Table)] #[table(primary_key(team_id, seat))] #[rls(select = \"true\")]\n\
              struct Member { team_id: i64, user_id: Option<String>, seat: i32 }\n",
        allow: [],
    }
    primary_key_and_not_null_added {
        old: "#[derive(Table)] #[rls(select = \"true\")] struct Member { seat: Option<i32> }\n",
        new: "#[derive(Table)] #[rls(select = \"true\")] struct Member { #[column(primary_key)] seat: i32 }\n",
        allow: [],
    }
    unique_added {
        old: owned!("slug: String"),
        new: owned!("#[column(unique)] slug: String"),
        allow: [],
    }
    unique_added_for_a_foreign_key {
        old: concat!(beside!("a_teams", "slug: String"), owned!("team: String")),
        new: concat!(
            beside!("a_teams", "#[column(unique)] slug: String"),
            owned!("#[column(references = \"a_teams(slug)\")] team: String")
        ),
        allow: [],
    }
    unique_dropped {
        old: owned!("#[column(unique)] slug: String"),
        new: owned!("slug: String"),
        allow: [],
    }
    unique_dropped_with_the_foreign_key_on_it {
        old: concat!(
            beside!("a_teams", "#[column(unique)] slug: String"),
            owned!("#[column(references = \"a_teams(slug)\")] team: String")
        ),
        new: concat!(beside!("a_teams", "slug: String"), owned!("team: String")),
        allow: [],
    }
    check_added {
        old: owned!("title: String"),
        new: owned!("#[column(check = \"title <> ''\")] title: String"),
        allow: [],
    }
    check_changed {
        old: owned!("#[column(check = \"title <> ''\")] title: String"),
        new: owned!("#[column(check = \"char_length(title) > 0\")] title: String"),
        allow: [],
    }
    check_dropped {
        old: owned!("#[column(check = \"title <> ''\")] title: String"),
        new: owned!("title: String"),
        allow: [],
    }
    index_added {
        old: owned!("slug: String"),
        new: owned!("#[column(index)] slug: String"),
        allow: [],
    }
    index_changed {
        old: note!("#[table(index(slug))]\n#[rls(owner = \"user_id\")]", "slug: String"),
        new: note!("#[table(index(slug desc))]\n#[rls(owner = \"user_id\")]", "slug: String"),
        allow: [],
    }
    index_dropped {
        old: owned!("#[column(index)] slug: String"),
        new: owned!("slug: String"),
        allow: [],
    }
    index_of_a_policy_column_in_another_order {
        old: owned!(""),
        new: note!("#[table(index(user_id desc))]\n#[rls(owner = \"user_id\")]", ""),
        allow: [],
    }
    foreign_key_added {
        old: concat!(beside!("teams", ""), owned!("team_id: i64")),
        new: concat!(beside!("teams", ""), owned!("#[column(references = \"teams(id)\")] team_id: i64")),
        allow: [],
    }
    foreign_keys_added_in_a_circle {
        old: concat!(beside!("teams", "head: Option<i64>"), owned!("team_id: i64")),
        new: concat!(
            beside!("teams", "#[column(references = \"notes(id)\")] head: Option<i64>"),
            owned!("#[column(references = \"teams(id)\")] team_id: i64")
        ),
        allow: [],
    }
    foreign_key_action_changed {
        old: concat!(beside!("teams", ""), owned!("#[column(references = \"teams(id)\")] team_id: i64")),
        new: concat!(
            beside!("teams", ""),
            owned!("#[column(references = \"teams(id)\", on_delete = \"cascade\")] team_id: i64")
        ),
        allow: ["authz-widens"],
    }
    foreign_key_dropped {
        old: concat!(beside!("teams", ""), owned!("#[column(references = \"teams(id)\")] team_id: i64")),
        new: concat!(beside!("teams", ""), owned!("team_id: i64")),
        allow: [],
    }

    // Policies.
    policy_added {
        old: note!("#[rls(select = \"auth.user_id() = user_id\")]", "shared: bool"),
        new: note!(
            "#[rls(select = \"auth.user_id() = user_id\")]\n#[rls(select = \"shared\")]",
            "shared: bool"
        ),
        allow: ["authz-widens"],
    }
    policy_dropped {
        old: note!(
            "#[rls(select = \"auth.user_id() = user_id\")]\n#[rls(select = \"shared\")]",
            "shared: bool"
        ),
        new: note!("#[rls(select = \"auth.user_id() = user_id\")]", "shared: bool"),
        allow: [],
    }
    policy_expression_changed {
        old: note!("#[rls(all = \"auth.user_id() = user_id\")]", "shared: bool"),
        new: note!("#[rls(all = \"auth.user_id() = user_id and shared\")]", "shared: bool"),
        allow: [],
    }
    policy_opened_to_all_rows {
        old: note!("#[rls(select = \"auth.user_id() = user_id\")]", ""),
        new: note!("#[rls(select = \"true\")]", ""),
        allow: ["authz-widens"],
    }
    policy_check_narrowed_under_an_open_using {
        old: note!("#[rls(select = true, update(using = true, check = \"id > 0\"))]", ""),
        new: note!("#[rls(select = true, update(using = true, check = \"id > 1\"))]", ""),
        allow: ["authz-widens"],
    }
    policy_given_to_one_more_role {
        old: note!("#[rls(name = \"readers\", select = \"true\")]", ""),
        new: note!(
            "#[rls(name = \"readers\", select = \"true\", to = [\"anonymous\", \"authenticated\"])]",
            ""
        ),
        allow: ["authz-widens"],
    }
    policy_taken_from_a_role {
        old: note!(
            "#[rls(name = \"readers\", select = \"true\", to = [\"anonymous\", \"authenticated\"])]",
            ""
        ),
        new: note!("#[rls(name = \"readers\", select = \"true\")]", ""),
        allow: [],
    }
    policy_given_to_a_new_role {
        old: owned!(""),
        new: note!(
            "#[rls(owner = \"user_id\")]\n#[rls(select = \"true\", to = \"authz_test_auditor\")]",
            ""
        ),
        allow: ["authz-widens"],
    }
    policy_of_a_role_removed {
        old: note!(
            "#[rls(owner = \"user_id\")]\n#[rls(select = \"true\", to = \"authz_test_auditor\")]",
            ""
        ),
        new: owned!(""),
        allow: [],
    }
    policy_command_changed {
        old: note!("#[rls(select = \"true\")]\n#[rls(name = \"own\", insert = \"auth.user_id() = user_id\")]", ""),
        new: note!("#[rls(select = \"true\")]\n#[rls(name = \"own\", delete = \"auth.user_id() = user_id\")]", ""),
        allow: ["authz-widens"],
    }
    policy_becomes_restrictive {
        old: note!("#[rls(select = \"true\")]\n#[rls(name = \"own\", select = \"auth.user_id() = user_id\")]", ""),
        new: note!(
            "#[rls(select = \"true\")]\n#[rls(name = \"own\", restrictive, select = \"auth.user_id() = user_id\")]",
            ""
        ),
        allow: [],
    }
    policy_becomes_permissive {
        old: note!(
            "#[rls(select = \"true\")]\n#[rls(name = \"own\", restrictive, select = \"auth.user_id() = user_id\")]",
            ""
        ),
        new: note!("#[rls(select = \"true\")]\n#[rls(name = \"own\", select = \"auth.user_id() = user_id\")]", ""),
        allow: ["authz-widens"],
    }
    restrictive_policy_added {
        old: owned!(""),
        new: note!("#[rls(owner = \"user_id\")]\n#[rls(restrictive, delete = \"id > 10\")]", ""),
        allow: [],
    }
    restrictive_policy_dropped {
        old: note!("#[rls(owner = \"user_id\")]\n#[rls(restrictive, delete = \"id > 10\")]", ""),
        new: owned!(""),
        allow: ["authz-widens"],
    }
    restrictive_policy_opened_to_all_rows {
        old: note!("#[rls(owner = \"user_id\")]\n#[rls(restrictive, delete = \"id > 10\")]", ""),
        new: note!("#[rls(owner = \"user_id\")]\n#[rls(restrictive, delete = true)]", ""),
        allow: ["authz-widens"],
    }
    last_permissive_policy_dropped {
        old: note!("#[rls(select = \"true\")]\n#[rls(name = \"some\", restrictive, select = \"id > 10\")]", ""),
        new: note!("#[rls(name = \"some\", restrictive, select = \"id > 10\")]", ""),
        allow: [],
    }
    row_security_disabled {
        old: owned!(""),
        new: note!("#[rls(disabled = \"public data\")]", ""),
        allow: ["rls-disable"],
    }
    row_security_enabled {
        old: note!("#[rls(disabled = \"public data\")]", ""),
        new: owned!(""),
        allow: ["authz-widens"],
    }

    // Grants.
    grant_gained {
        old: note!("#[rls(select = \"auth.user_id() = user_id\")]", ""),
        new: note!("#[rls(select = \"auth.user_id() = user_id\", insert = \"auth.user_id() = user_id\")]", ""),
        allow: ["authz-widens"],
    }
    grant_lost {
        old: note!("#[rls(select = \"auth.user_id() = user_id\", insert = \"auth.user_id() = user_id\")]", ""),
        new: note!("#[rls(select = \"auth.user_id() = user_id\")]", ""),
        allow: [],
    }
    readonly_added {
        old: owned!("title: String, author: String"),
        new: owned!("title: String, #[column(readonly)] author: String"),
        allow: [],
    }
    readonly_removed {
        old: owned!("title: String, #[column(readonly)] author: String"),
        new: owned!("title: String, author: String"),
        allow: ["authz-widens"],
    }
    readonly_moved {
        old: owned!("title: String, #[column(readonly)] author: String"),
        new: owned!("#[column(readonly)] title: String, author: String"),
        allow: ["authz-widens"],
    }
    server_added {
        old: owned!("#[column(default = \"0\")] score: i32"),
        new: owned!("#[column(default = \"0\", server)] score: i32"),
        allow: [],
    }
    column_added_beside_a_readonly_one {
        old: owned!("#[column(readonly)] author: String"),
        new: owned!("#[column(readonly)] author: String, title: Option<String>"),
        allow: [],
    }
    column_dropped_beside_a_readonly_one {
        old: owned!("#[column(readonly)] author: String, title: Option<String>"),
        new: owned!("#[column(readonly)] author: String"),
        allow: ["data-loss"],
    }
    readonly_column_added {
        old: owned!(""),
        new: owned!("#[column(readonly)] author: Option<String>"),
        allow: [],
    }
    readonly_column_dropped {
        old: owned!("#[column(readonly)] author: Option<String>"),
        new: owned!(""),
        allow: ["data-loss"],
    }

    // Tables and namespaces.
    table_added {
        old: owned!(""),
        new: concat!(owned!(""), beside!("teams", "name: String")),
        allow: [],
    }
    table_dropped {
        old: concat!(owned!(""), beside!("teams", "name: String")),
        new: owned!(""),
        allow: ["data-loss"],
    }
    two_tables_dropped_that_refer_to_each_other {
        old: concat!(
            owned!(""),
            "#[derive(Table)] #[rls(select = \"id in (select head_id from tails)\")]\n\
             struct Head { #[column(primary_key)] id: i64, #[column(references = \"tails(id)\")] tail_id: Option<i64> }\n\
             #[derive(Table)] #[rls(select = \"true\")]\n\
             struct Tail { #[column(primary_key)] id: i64, #[column(references = \"heads(id)\")] head_id: Option<i64> }\n"
        ),
        new: owned!(""),
        allow: ["data-loss"],
    }
    two_tables_added_that_refer_to_each_other {
        old: owned!(""),
        new: concat!(
            owned!(""),
            "#[derive(Table)] #[table(name = \"teams\")]\n\
             #[rls(select = \"id in (select team_id from members where user_id = auth.user_id())\")]\n\
             struct Team { #[column(primary_key)] id: i64, #[column(references = \"members(id)\")] head: Option<i64> }\n\
             #[derive(Table)] #[rls(select = \"user_id = auth.user_id()\")]\n\
             struct Member { #[column(primary_key)] id: i64, user_id: String,\n\
             #[column(references = \"teams(id)\")] team_id: i64 }\n"
        ),
        allow: [],
    }
    all_tables_dropped {
        old: owned!(""),
        new: "",
        allow: ["data-loss"],
    }
    table_comment_changed {
        old: concat!("/// What a user wrote.\n", owned!("")),
        new: concat!("/// What a user wrote, and it's\n/// private.\n", owned!("")),
        allow: [],
    }
    comments_removed {
        old: concat!("/// What a user wrote.\n", owned!("/// Shown in lists.\ntitle: String")),
        new: owned!("title: String"),
        allow: [],
    }
    table_added_in_another_namespace {
        old: owned!(""),
        new: concat!(
            owned!(""),
            "#[derive(Table)] #[table(schema = \"app\")] #[rls(select = \"true\", to = \"anonymous\")]\n\
             struct Plan { #[column(primary_key)] id: i64 }\n"
        ),
        allow: [],
    }
    last_table_of_a_namespace_dropped {
        old: concat!(
            owned!(""),
            "#[derive(Table)] #[table(schema = \"app\")] #[rls(select = \"true\", to = \"anonymous\")]\n\
             struct Plan { #[column(primary_key)] id: i64 }\n"
        ),
        new: owned!(""),
        allow: ["data-loss"],
    }

    // Renames.
    table_renamed {
        old: owned!("title: Option<String>"),
        new: "#[derive(Table)]\n#[table(name = \"memos\", renamed_from = \"notes\")]\n#[rls(owner = \"user_id\")]\n\
              struct Memo { #[column(primary_key)] id: i64, user_id: String, title: Option<String> }\n",
        allow: [],
    }
    table_with_an_identity_renamed {
        old: "#[derive(Table)]\n#[rls(select = \"id > 0\")]\nstruct Note { #[column(primary_key, identity)] id: i64 }\n",
        new: "#[derive(Table)]\n#[table(name = \"memos\", renamed_from = \"notes\")]\n#[rls(select = \"key > 0\")]\n\
              struct Memo { #[column(primary_key, identity, renamed_from = \"id\")] key: i64 }\n",
        allow: [],
    }
    table_renamed_that_others_read_and_refer_to {
        old: concat!(
            beside!("teams", "owner: String"),
            note!(
                "#[rls(select = \"team_id in (select id from teams where owner = auth.user_id())\")]",
                "#[column(references = \"teams(id)\")] team_id: i64"
            )
        ),
        new: concat!(
            "#[derive(Table)]\n#[table(name = \"groups\", renamed_from = \"teams\")]\n#[rls(select = \"true\")]\n\
             struct Group { #[column(primary_key)] id: i64, owner: String }\n",
            note!(
                "#[rls(select = \"team_id in (select id from groups where owner = auth.user_id())\")]",
                "#[column(references = \"groups(id)\")] team_id: i64"
            )
        ),
        allow: [],
    }
    table_moved_to_another_namespace {
        old: concat!(
            "#[derive(Table)]\n#[table(check = \"char_length(title) > 0\")]\n#[rls(owner = \"user_id\")]\n\
             struct Note { #[column(primary_key, identity)] id: i64, user_id: String, #[column(unique)] title: String }\n",
            "#[derive(Table)]\n#[rls(select = \"true\")]\n\
             struct Line { #[column(references = \"notes(id)\", on_delete = \"cascade\")] note_id: i64 }\n"
        ),
        new: concat!(
            "#[derive(Table)]\n#[table(schema = \"app\", name = \"memos\", renamed_from = \"public.notes\",\n\
             check = \"char_length(title) > 0\")]\n#[rls(owner = \"user_id\")]\n\
             struct Memo { #[column(primary_key, identity)] id: i64, user_id: String, #[column(unique)] title: String }\n",
            "#[derive(Table)]\n#[rls(select = \"true\")]\n\
             struct Line { #[column(references = \"app.memos(id)\", on_delete = \"cascade\")] note_id: i64 }\n"
        ),
        allow: [],
    }
    column_renamed {
        old: owned!("title: String"),
        new: owned!("#[column(renamed_from = \"title\")] heading: String"),
        allow: [],
    }
    column_renamed_with_all_that_stands_on_it {
        old: note!(
            "#[rls(select = \"team_id = 7 or auth.user_id() = user_id\", update = \"team_id = 7\")]\n#[table(index(team_id, id))]",
            "#[column(unique, readonly, check = \"team_id > 0\")] team_id: i64"
        ),
        new: note!(
            "#[rls(select = \"group_id = 7 or auth.user_id() = user_id\", update = \"group_id = 7\")]\n#[table(index(group_id, id))]",
            "#[column(unique, readonly, check = \"group_id > 0\", renamed_from = \"team_id\")] group_id: i64"
        ),
        allow: [],
    }
    column_renamed_that_a_subquery_selects {
        old: concat!(
            beside!("members", "team_id: i64, user_id: String"),
            note!("#[rls(select = \"id in (select team_id from members where user_id = auth.user_id())\")]", "")
        ),
        new: concat!(
            beside!("members", "#[column(renamed_from = \"team_id\")] group_id: i64, user_id: String"),
            note!("#[rls(select = \"id in (select group_id from members where user_id = auth.user_id())\")]", "")
        ),
        allow: [],
    }
    table_with_long_names_renamed {
        old: concat!(
            "#[derive(Table)]\n#[table(name = \"a_table_whose_name_is_as_long_as_it_may_be_for_its_keys\")]\n",
            "#[rls(disabled = \"public data\")]\nstruct Note { #[column(primary_key)] id: i64,\n",
            "#[column(identity)] a_column_with_a_name_of_some_length: i64, größenordnung_der_größten_größen: String }\n"
        ),
        new: concat!(
            "#[derive(Table)]\n#[table(name = \"ünother_täble_whose_name_is_a_little_longer\",\n",
            "renamed_from = \"a_table_whose_name_is_as_long_as_it_may_be_for_its_keys\")]\n",
            "#[rls(disabled = \"public data\")]\nstruct Note { #[column(primary_key)] id: i64,\n",
            "#[column(identity)] a_column_with_a_name_of_some_length: i64, größenordnung_der_größten_größen: String }\n"
        ),
        allow: [],
    }
    table_and_column_renamed_and_changed {
        old: owned!("title: String"),
        new: "#[derive(Table)]\n#[table(name = \"memos\", renamed_from = \"notes\")]\n\
              #[rls(owner = \"user_id\")]\n#[rls(select = \"heading = 'open'\")]\n\
              struct Memo { #[column(primary_key)] id: i64, user_id: String,\n\
              #[column(renamed_from = \"title\", default = \"'new'\")] heading: Option<String> }\n",
        allow: ["authz-widens"],
    }
    policy_renamed {
        old: note!("#[rls(select = \"user_id = 'a'\", name = \"one\")]", ""),
        new: note!("#[rls(select = \"user_id = 'a'\", name = \"other\")]", ""),
        allow: [],
    }
    a_rename_that_was_done_before {
        old: owned!("heading: String"),
        new: owned!("#[column(renamed_from = \"title\")] heading: String,\n    done: Option<bool>"),
        allow: [],
    }

    table_renamed_with_a_new_index_and_without_an_old_one {
        old: owned!("#[column(index)] title: String, number: i32"),
        new: "#[derive(Table)]\n#[table(name = \"memos\", renamed_from = \"notes\")]\n#[rls(owner = \"user_id\")]\n\
              struct Memo { #[column(primary_key)] id: i64, user_id: String, title: String, #[column(index)] number: i32 }\n",
        allow: [],
    }
    column_renamed_with_new_constraints {
        old: owned!("title: Option<String>"),
        new: owned!("#[column(renamed_from = \"title\", unique, check = \"heading <> ''\")] heading: String"),
        allow: [],
    }

    // Names and texts.
    names_that_need_quotes {
        old: "#[derive(Table)] #[table(name = \"User Data\", schema = \"My \\\"App\\\"\")]\n\
              #[rls(name = \"it's \\\"own\\\"\", select = \"\\\"Größe\\\" = 1\", to = \"authz test Team-Lead\")]\n\
              struct Odd { #[column(primary_key, name = \"select\")] a: i64, #[column(name = \"Größe\")] b: i32 }\n",
        new: "#[derive(Table)] #[table(name = \"User Data\", schema = \"My \\\"App\\\"\", index(select, r#type desc))]\n\
              #[rls(name = \"it's \\\"own\\\"\", select = \"\\\"Größe\\\" = 2\", to = \"authz test Team-Lead\")]\n\
              struct Odd { #[column(primary_key, name = \"select\")] a: i64, #[column(name = \"Größe\", readonly)] b: i64,\n\
              /// It's \\ odd.\n r#type: Option<String>, #[column(name = \"a\\\"b\", unique)] c: Option<i32> }\n",
        allow: ["authz-widens"],
    }
    texts_with_quotes_and_comments {
        old: owned!("#[column(default = \"'--'\")] title: String"),
        new: note!(
            "#[rls(owner = \"user_id\")]\n#[rls(select = \"title = 'it''s -- fine' -- why\\n or title = $q$a\\\\'b$q$ /* ; */ -- end\")]",
            "#[column(default = \"'a;' -- semicolon\", check = \"title <> E'\\\\\\\\' -- or so\")] title: String"
        ),
        allow: ["authz-widens"],
    }
}
