//! Schemas of the tests, read from Rust source.

use authz_schema::config::Config;
use authz_schema::declare::Declarations;
use authz_schema::model::{Types, parse_claims, parse_model, parse_type};
use authz_schema::renames::Renames;
use authz_schema::schema::Schema;

/// To-do items, each its owner's own.
pub(crate) const TODOS: &str = r#"
/// One to-do item. Its owner, and nobody else, may see or change it.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(
    select = "auth.user_id() = user_id",
    insert = "auth.user_id() = user_id",
    update = "auth.user_id() = user_id",
    delete = "auth.user_id() = user_id"
)]
struct Todo {
    #[column(primary_key, identity)]
    id: i64,
    #[column(default = "auth.user_id()")]
    user_id: String,
    #[column(check = "char_length(task) > 0")]
    task: String,
    #[column(default = "false")]
    is_complete: bool,
    #[column(default = "now()", readonly)]
    inserted_at: chrono::DateTime<chrono::Utc>,
}
"#;

/// Tenants and users whose ids are numbers, while claims are text.
pub(crate) const TENANTS: &str = r#"
#[derive(Table)]
#[rls(all = "auth.session()->>'tenant_id' = id::text")]
struct Tenant {
    #[column(primary_key)]
    id: i64,
    name: String,
}

#[derive(Table)]
#[rls(all = "auth.user_id() = id::text")]
struct User {
    #[column(primary_key)]
    id: i64,
    #[column(references = "tenants(id)", on_delete = "cascade", index)]
    tenant_id: i64,
    email: String,
}
"#;

/// Notes that may be shared, and paragraphs that follow their note.
pub(crate) const NOTES: &str = r#"
#[derive(Table)]
#[rls(owner = "owner_id")]
#[rls(select = "shared = true")]
struct Note {
    #[column(primary_key, identity)]
    id: i64,
    #[column(default = "auth.user_id()")]
    owner_id: String,
    title: String,
    #[column(default = "false")]
    shared: bool,
}

#[derive(Table)]
#[rls(all = "note_id in (select id from notes where owner_id = auth.user_id())")]
struct Paragraph {
    #[column(primary_key, identity)]
    id: i64,
    #[column(references = "notes(id)")]
    note_id: i64,
    content: String,
}
"#;

/// The schema that the structs of a source declare.
pub(crate) fn schema(source: &str) -> Schema {
    models(source).0
}

/// The schema, and what its tables and columns were called before.
pub(crate) fn models(source: &str) -> (Schema, Renames) {
    let (declared, renames) = declared(source);
    let schema = declared
        .schema(&Config::default())
        .unwrap_or_else(|errors| panic!("{errors:?}"));
    (schema, renames)
}

/// What the structs of a source say one by one.
pub(crate) fn declared(source: &str) -> (Declarations, Renames) {
    let file = syn::parse_file(source).unwrap();
    let mut renames = Renames::default();
    let mut types = Types::default();
    let mut declared = Declarations::default();
    let mut tables: Vec<syn::DeriveInput> = Vec::new();
    let mut claims: Vec<syn::DeriveInput> = Vec::new();
    for item in file.items {
        let item: syn::DeriveInput = match item {
            syn::Item::Struct(item) => item.into(),
            syn::Item::Enum(item) => item.into(),
            syn::Item::Use(_) => continue,
            item => panic!("no model: {item:?}"),
        };
        if derives(&item, "Table") {
            tables.push(item);
        } else if derives(&item, "Claims") {
            claims.push(item);
        } else {
            let model = parse_type(&item, &types).unwrap_or_else(|error| panic!("{error}"));
            types.add(&item.ident.to_string(), &model.sql);
            if model.enum_type.is_some() {
                types.add_enum(&model.sql, model.serde_differs);
            }
            renames.extend(model.renames);
            declared.enums.extend(model.enum_type);
        }
    }
    for table in tables {
        let model = parse_model(&table, &types).unwrap_or_else(|error| panic!("{error}"));
        renames.extend(model.renames);
        declared.memberships.extend(model.memberships);
        declared.tables.push(model.table);
    }
    for item in claims {
        let model = parse_claims(&item, &types).unwrap_or_else(|error| panic!("{error}"));
        declared
            .claims
            .extend(model.claims.into_iter().map(|field| field.declared));
    }
    (declared, renames)
}

fn derives(item: &syn::DeriveInput, name: &str) -> bool {
    item.attrs.iter().any(|attribute| {
        attribute
            .meta
            .require_list()
            .is_ok_and(|list| list.path.is_ident("derive") && list.tokens.to_string().contains(name))
    })
}
