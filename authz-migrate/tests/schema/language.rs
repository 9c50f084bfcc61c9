//! Kinds of change beyond plain tables, in the form of `cases.rs`: types, generated columns, keys of indexes, references
//! of several columns, memberships, claims.

/// A table of orders with these fields behind its own, before an enum of their state with these values.
macro_rules! orders {
    ([$($value:ident),*] $attributes:literal, $fields:literal) => {
        concat!(
            "/// Where an order stands.\n#[derive(sqlx::Type, authz::Type)]\n",
            "#[sqlx(type_name = \"order_state\", rename_all = \"snake_case\")]\nenum OrderState { ",
            $(stringify!($value), ", ",)*
            "}\n#[derive(Table)]\n",
            $attributes,
            "\nstruct Order {\n    #[column(primary_key)]\n    id: i64,\n    user_id: String,\n    ",
            $fields,
            "\n}\n"
        )
    };
}

/// A table of orders with these fields behind its own.
macro_rules! plain_orders {
    ($attributes:literal, $fields:literal) => {
        concat!(
            "#[derive(Table)]\n",
            $attributes,
            "\nstruct Order {\n    #[column(primary_key)]\n    id: i64,\n    user_id: String,\n    ",
            $fields,
            "\n}\n"
        )
    };
}

/// Teams, their members, and documents of teams, with these policies of the members and the documents.
macro_rules! teams {
    ($members:literal, $documents:literal) => {
        concat!(
            "#[derive(Table)]\n#[rls(select, member = \"id in team_members(team_id, user_id)\")]\n",
            "struct Team { #[column(primary_key)] id: i64 }\n",
            "#[derive(Table)]\n#[table(primary_key(team_id, user_id))]\n",
            $members,
            "\nstruct TeamMember { #[column(references = \"teams(id)\")] team_id: i64, user_id: String, role: String }\n",
            "#[derive(Table)]\n",
            $documents,
            "\nstruct Document { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i64 }\n"
        )
    };
}

/// Orders of organisations, with these policies and fields, before a struct of claims with these fields.
macro_rules! claimed {
    ([$claims:literal] $attributes:literal, $fields:literal) => {
        concat!(
            "#[derive(authz::Claims)]\nstruct Session {\n    ",
            $claims,
            "\n}\n",
            plain_orders!($attributes, $fields)
        )
    };
}

each_case! {
    // Types.
    enum_added_with_its_column {
        old: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        new: orders!([Open, Paid] "#[rls(owner = \"user_id\")]", "#[column(default = \"'open'\")] state: OrderState"),
        allow: [],
    }
    enum_dropped_with_its_column {
        old: orders!([Open, Paid] "#[rls(owner = \"user_id\")]", "state: OrderState"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        allow: ["data-loss"],
    }
    enum_value_appended {
        old: orders!([Open, Paid] "#[rls(owner = \"user_id\")]", "state: OrderState, before: Vec<OrderState>"),
        new: orders!([Open, Paid, Sent] "#[rls(owner = \"user_id\")]", "state: OrderState, before: Vec<OrderState>"),
        allow: [],
    }
    enum_values_inserted {
        old: orders!([Open, Paid] "#[rls(owner = \"user_id\")]", "state: OrderState"),
        new: orders!([Draft, Held, Open, Packed, Wrapped, Paid] "#[rls(owner = \"user_id\")]", "state: OrderState"),
        allow: [],
    }
    enum_value_added_and_used {
        old: orders!([Open, Paid] "#[rls(select = \"state = 'open'\")]", "#[column(default = \"'open'\")] state: OrderState"),
        new: orders!([Open, Paid, Sent] "#[rls(select = \"state = 'sent'\")]", "#[column(default = \"'sent'\", check = \"state <> 'paid'\")] state: OrderState"),
        allow: ["authz-widens"],
    }
    enum_value_removed_under_all_that_stands_on_it {
        old: orders!([Open, Paid, Sent] "#[table(index(user_id, where = \"state = 'open'\"), index(state))]\n#[rls(select = \"state = 'open'\")]",
            "#[column(default = \"'open'\", check = \"state <> 'paid'\")] state: OrderState, before: Option<Vec<OrderState>>"),
        new: orders!([Open, Paid] "#[table(index(user_id, where = \"state = 'open'\"), index(state))]\n#[rls(select = \"state = 'open'\")]",
            "#[column(default = \"'open'\", check = \"state <> 'paid'\")] state: OrderState, before: Option<Vec<OrderState>>"),
        allow: [],
    }
    enum_values_ordered_anew {
        old: orders!([Open, Paid] "#[rls(owner = \"user_id\")]", "state: OrderState"),
        new: orders!([Paid, Open] "#[rls(owner = \"user_id\")]", "#[column(default = \"'open'\")] state: OrderState"),
        allow: [],
    }
    enum_value_and_type_renamed {
        old: orders!([Open, Paid] "#[rls(select = \"state = 'open'\")]", "state: OrderState, before: Vec<OrderState>"),
        new: "#[derive(sqlx::Type, authz::Type)]\n#[sqlx(type_name = \"stage\", rename_all = \"snake_case\")]\n\
              #[sql_type(renamed_from = \"order_state\")]\nenum Stage { #[value(renamed_from = \"open\")] New, Paid }\n\
              #[derive(Table)]\n#[rls(select = \"state = 'new'\")]\nstruct Order { #[column(primary_key)] id: i64, user_id: String,\n\
              state: Stage, before: Vec<Stage> }\n",
        allow: [],
    }
    enum_moved_into_another_namespace_with_a_new_table {
        old: orders!([Open] "#[rls(owner = \"user_id\")]", "state: OrderState"),
        new: concat!(
            orders!([Open] "#[rls(owner = \"user_id\")]", "state: OrderState"),
            "#[derive(sqlx::Type, authz::Type)]\n#[sqlx(type_name = \"shop.size\", rename_all = \"UPPERCASE\")]\nenum Size { S, M }\n\
             #[derive(Table)]\n#[table(schema = \"shop\")]\n#[rls(select = true)]\nstruct Shirt { size: Size }\n"
        ),
        allow: [],
    }
    newtype_for_a_plain_column {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64"),
        new: concat!(
            "#[derive(sqlx::Type, authz::Type)]\n#[sqlx(transparent)]\nstruct Cents(i64);\n",
            plain_orders!("#[rls(owner = \"user_id\")]", "price: Cents, tip: Option<Cents>")
        ),
        allow: [],
    }

    // Columns.
    generated_column_added {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, amount: i32"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, amount: i32, #[column(generated = \"price * amount\", index)] total: i64"),
        allow: [],
    }
    generated_column_changed_under_all_that_stands_on_it {
        old: plain_orders!("#[table(index(user_id, \"total + 1\"), unique(total, id))]\n#[rls(select = \"total = 1\")]",
            "price: i64, #[column(generated = \"price * 2\", check = \"total > 0\")] total: i64"),
        new: plain_orders!("#[table(index(user_id, \"total + 1\"), unique(total, id))]\n#[rls(select = \"total = 1\")]",
            "price: i64, #[column(generated = \"price * 3\", check = \"total > 0\")] total: i64"),
        allow: ["authz-widens"],
    }
    generated_column_over_a_retyped_one {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "price: i32, #[column(generated = \"price * 2\")] total: i32"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, #[column(generated = \"price * 2\")] total: i32"),
        allow: [],
    }
    generated_column_made_plain {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, #[column(generated = \"price * 2\")] total: i64"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, total: i64"),
        allow: ["authz-widens"],
    }
    column_made_generated {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, total: i64"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "price: i64, #[column(generated = \"price * 2\")] total: i64"),
        allow: ["data-loss"],
    }
    identity_by_default {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "#[column(identity)] number: i64"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "#[column(identity = \"by default\")] number: i64"),
        allow: ["authz-widens"],
    }

    // Keys.
    indexes_of_every_form_added {
        old: plain_orders!("#[rls(owner = \"user_id\")]", "title: String, tags: Vec<String>, gone_at: Option<DateTime<Utc>>"),
        new: plain_orders!("#[table(index(\"lower(title)\" text_pattern_ops, id desc nulls last), index(title, unique, where = \"gone_at is null\", include(id)),\n\
            index(tags, method = \"gin\"), index(id desc, name = \"newest\"))]\n#[rls(owner = \"user_id\")]",
            "title: String, tags: Vec<String>, gone_at: Option<DateTime<Utc>>"),
        allow: [],
    }
    index_options_changed {
        old: plain_orders!("#[table(index(title, name = \"by_title\"), index(id, where = \"id > 1\", name = \"some\"))]\n#[rls(owner = \"user_id\")]", "title: String"),
        new: plain_orders!("#[table(index(title, unique, name = \"by_title\"), index(id, where = \"id > 2\", name = \"some\"))]\n#[rls(owner = \"user_id\")]", "title: String"),
        allow: [],
    }
    column_of_an_index_renamed {
        old: plain_orders!("#[table(index(\"lower(title)\", where = \"title <> ''\", include(title)))]\n#[rls(owner = \"user_id\")]", "title: String"),
        new: plain_orders!("#[table(index(\"lower(heading)\", where = \"heading <> ''\", include(heading)))]\n#[rls(owner = \"user_id\")]", "#[column(renamed_from = \"title\")] heading: String"),
        allow: [],
    }
    reference_of_several_columns_added {
        old: concat!(plain_orders!("#[table(unique(id, user_id))]\n#[rls(owner = \"user_id\")]", ""),
            "#[derive(Table)]\n#[rls(owner = \"user_id\")]\nstruct Line { order_id: i64, user_id: String }\n"),
        new: concat!(plain_orders!("#[table(unique(id, user_id))]\n#[rls(owner = \"user_id\")]", ""),
            "#[derive(Table)]\n#[table(foreign_key(order_id, user_id, references = \"orders(id, user_id)\", on_delete = \"cascade\"))]\n\
             #[rls(owner = \"user_id\")]\nstruct Line { order_id: i64, user_id: String }\n"),
        allow: ["authz-widens"],
    }

    // Policies.
    policy_renamed_and_changed {
        old: plain_orders!("#[rls(select = \"user_id = 'a'\", name = \"one\")]", ""),
        new: plain_orders!("#[rls(select = \"user_id = 'b'\", name = \"other\", renamed_from = \"one\")]", ""),
        allow: ["authz-widens"],
    }
    owner_of_some_commands {
        old: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        new: plain_orders!("#[rls(read, insert, owner = \"user_id\")]", ""),
        allow: [],
    }
    owner_by_uuid {
        old: "#[derive(Table)]\n#[rls(owner = \"user_id\")]\nstruct Order { user_id: Uuid }\n",
        new: "#[derive(Table)]\n#[rls(read, owner = \"user_id\")]\nstruct Order { user_id: Uuid }\n",
        allow: [],
    }
    members_added {
        old: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        new: concat!(plain_orders!("#[rls(owner = \"user_id\")]", ""),
            teams!("#[rls(read, member = \"team_members(team_id, user_id)\")]", "#[rls(member = \"team_members(team_id, user_id)\")]")),
        allow: [],
    }
    members_of_some_kind_only {
        old: teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id)\")]"),
        new: teams!("#[rls(read, owner = \"user_id\")]",
            "#[rls(read, member = \"team_members(team_id, user_id)\")]\n#[rls(modify, member = \"team_members(team_id, user_id) where role = 'admin'\")]"),
        allow: ["authz-widens"],
    }
    members_of_the_members {
        old: teams!("#[rls(read, owner = \"user_id\")]", "#[rls(select = \"id = 1\")]"),
        new: teams!("#[rls(read, member = \"team_members(team_id, user_id)\", to = [\"authenticated\", \"authz test auditor\"])]", "#[rls(select = false)]"),
        allow: ["authz-widens"],
    }
    group_of_members_retyped {
        old: teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id)\")]"),
        new: "#[derive(Table)]\n#[rls(select, member = \"id in team_members(team_id, user_id)\")]\nstruct Team { #[column(primary_key)] id: i32 }\n\
              #[derive(Table)]\n#[table(primary_key(team_id, user_id))]\n#[rls(read, owner = \"user_id\")]\n\
              struct TeamMember { #[column(references = \"teams(id)\")] team_id: i32, user_id: String, role: String }\n\
              #[derive(Table)]\n#[rls(member = \"team_members(team_id, user_id)\")]\n\
              struct Document { #[column(primary_key)] id: i64, #[column(references = \"teams(id)\")] team_id: i32 }\n",
        allow: ["data-loss"],
    }
    members_dropped {
        old: teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id)\")]"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        allow: ["data-loss"],
    }

    // Claims.
    claims_added_under_a_policy {
        old: plain_orders!("#[rls(owner = \"user_id\")]", ""),
        new: claimed!(["/// The organisation that the user acts for.\n    org_id: Option<Uuid>,\n    #[serde(rename = \"https://example.com/it's \\\\ roles\")]\n    roles: Vec<String>,"]
            "#[rls(owner = \"user_id\")]\n#[rls(select = \"org_id = auth.org_id() and kind = any (auth.roles())\")]",
            "org_id: Option<Uuid>, kind: Option<String>"),
        allow: ["authz-widens"],
    }
    claims_of_every_type_added {
        old: plain_orders!("#[rls(all = \"user_id = auth.user_id()\")]", ""),
        new: concat!("/// A plan.\n#[derive(sqlx::Type, authz::Type)]\n#[sqlx(type_name = \"billing.plan\", rename_all = \"snake_case\")]\n\
            #[serde(rename_all = \"snake_case\")]\nenum Plan { Free, VeryPro }\n\
            #[derive(sqlx::Type, authz::Type)]\n#[sqlx(transparent)]\nstruct OrgId(Uuid);\n",
            claimed!(["a: String, b: Option<OrgId>, c: bool, d: i16, e: Option<i32>, f: i64, g: f32, h: f64, i: Decimal,\n\
            #[serde(with = \"chrono::serde::ts_seconds\")] j: DateTime<Utc>, k: serde_json::Value, l: Plan,\n\
            va: Vec<String>, vb: Vec<OrgId>, vc: Option<Vec<bool>>, vd: Vec<i16>, ve: Vec<i32>, vf: Vec<i64>, vg: Vec<f32>, vh: Vec<f64>,\n\
            vi: Vec<Decimal>, vl: Vec<Plan>, #[claim(type = \"text\")] m: Ulid, #[claim(skip)] n: Nested, r#type: String"]
            "#[rls(all = \"user_id = auth.user_id() and auth.l() = 'very_pro' and auth.c()\")]", "")),
        allow: [],
    }
    claim_retyped_under_all_that_stands_on_it {
        old: claimed!(["org_id: Option<String>,"] "#[table(check = \"org_id <> '' or auth.org_id() is null\")]\n#[rls(owner = \"user_id\")]\n#[rls(select = \"org_id = auth.org_id()::text\")]",
            "#[column(default = \"auth.org_id()::text\")] org_id: String"),
        new: claimed!(["org_id: Option<Uuid>,"] "#[table(check = \"org_id <> '' or auth.org_id() is null\")]\n#[rls(owner = \"user_id\")]\n#[rls(select = \"org_id = auth.org_id()::text\")]",
            "#[column(default = \"auth.org_id()::text\")] org_id: String"),
        allow: ["authz-widens"],
    }
    claim_retyped_under_tables_that_go {
        old: concat!(claimed!(["level: Option<i32>,"] "#[rls(owner = \"user_id\")]", "#[column(default = \"auth.level()\")] level: Option<i32>"),
            "#[derive(Table)]\n#[rls(select = \"level < auth.level()\")]\nstruct Line { #[column(default = \"auth.level()\", check = \"level <= auth.level()\")] level: i32 }\n"),
        new: claimed!(["level: Option<i64>,"] "#[rls(owner = \"user_id\")]", ""),
        allow: ["authz-widens", "data-loss"],
    }
    claim_renamed {
        old: claimed!(["org_id: Option<Uuid>,"] "#[rls(all = \"org_id = auth.org_id()\")]", "#[column(default = \"auth.org_id()\")] org_id: Uuid"),
        new: claimed!(["#[serde(rename = \"organisation\")] org_id: Option<Uuid>,"] "#[rls(all = \"org_id = auth.org_id()\")]", "#[column(default = \"auth.org_id()\")] org_id: Uuid"),
        allow: ["authz-widens"],
    }
    claim_with_another_function {
        old: claimed!(["org_id: Option<Uuid>,"] "#[rls(all = \"org_id = auth.org_id()\")]", "org_id: Uuid"),
        new: claimed!(["#[claim(function = \"organisation\")] org_id: Option<Uuid>,"] "#[rls(all = \"org_id = auth.organisation()\")]", "org_id: Uuid"),
        allow: ["authz-widens"],
    }
    claims_dropped {
        old: claimed!(["org_id: Option<Uuid>, level: i32,"] "#[rls(owner = \"user_id\")]\n#[rls(select = \"org_id = auth.org_id()\")]", "#[column(default = \"auth.org_id()\")] org_id: Uuid"),
        new: plain_orders!("#[rls(owner = \"user_id\")]", "org_id: Uuid"),
        allow: [],
    }
    claim_comment_changed {
        old: claimed!(["/// One.\n    org_id: Option<Uuid>, /// Gone.\n    level: i32,"] "#[rls(all = \"org_id = auth.org_id()\")]", "org_id: Uuid"),
        new: claimed!(["/// It's another.\n    org_id: Option<Uuid>, level: i32,"] "#[rls(all = \"org_id = auth.org_id()\")]", "org_id: Uuid"),
        allow: [],
    }
    claim_of_an_enum_that_loses_a_value {
        old: concat!(orders!([Open, Paid, Sent] "#[rls(select = \"state = auth.state()\")]", "#[column(default = \"auth.state()\")] state: OrderState"),
            "#[derive(authz::Claims)]\nstruct Session { /// The state.\n    #[claim(type = \"public.order_state\")] state: OrderState }\n"),
        new: concat!(orders!([Open, Paid] "#[rls(select = \"state = auth.state()\")]", "#[column(default = \"auth.state()\")] state: OrderState"),
            "#[derive(authz::Claims)]\nstruct Session { /// The state.\n    #[claim(type = \"public.order_state\")] state: OrderState }\n"),
        allow: [],
    }
    claim_of_an_enum_that_is_renamed_and_gains_a_value {
        old: concat!(orders!([Open, Paid] "#[rls(select = \"state = any (auth.states())\")]", "state: OrderState"),
            "#[derive(authz::Claims)]\nstruct Session { #[claim(type = \"public.order_state[]\")] states: Vec<OrderState> }\n"),
        new: "#[derive(sqlx::Type, authz::Type)]\n#[sqlx(type_name = \"stage\", rename_all = \"snake_case\")]\n#[serde(rename_all = \"snake_case\")]\n\
              #[sql_type(renamed_from = \"order_state\")]\nenum Stage { Open, Paid, Sent }\n\
              #[derive(authz::Claims)]\nstruct Session { states: Vec<Stage> }\n\
              #[derive(Table)]\n#[rls(select = \"state = any (auth.states())\")]\nstruct Order { #[column(primary_key)] id: i64, user_id: String, state: Stage }\n",
        allow: [],
    }
    claim_of_an_enum_that_goes {
        old: concat!(orders!([Open, Paid] "#[rls(select = \"auth.state() = 'paid'\")]", ""),
            "#[derive(authz::Claims)]\nstruct Session { #[claim(type = \"public.order_state\")] state: OrderState }\n"),
        new: claimed!(["state: String,"] "#[rls(select = \"auth.state() = 'paid'\")]", ""),
        allow: ["authz-widens"],
    }
    claim_retyped_under_a_membership {
        old: concat!("#[derive(authz::Claims)]\nstruct Session { level: i32 }\n",
            teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id) where auth.level() > 1\")]")),
        new: concat!("#[derive(authz::Claims)]\nstruct Session { level: i64 }\n",
            teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id) where auth.level() > 1\")]")),
        allow: ["authz-widens"],
    }
    claims_for_one_more_role {
        old: claimed!(["level: i32,"] "#[rls(owner = \"user_id\")]", ""),
        new: concat!(claimed!(["level: i32,"] "#[rls(owner = \"user_id\")]\n#[rls(select = \"auth.level() > 3\", to = \"authz test auditor\")]", ""),
            teams!("#[rls(read, owner = \"user_id\")]", "#[rls(member = \"team_members(team_id, user_id)\")]")),
        allow: ["authz-widens"],
    }
    claims_without_tables {
        old: "#[derive(authz::Claims)]\nstruct Session { level: i32 }\n",
        new: "#[derive(authz::Claims)]\nstruct Session { level: i32, roles: Vec<String> }\n",
        allow: [],
    }
}
