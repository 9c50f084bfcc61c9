//! From settled values to Rust source that declares them, as far as attributes can.
//!
//! Each struct is parsed again by the parser of the derive. What that refuses is taken out, and said in the report; what
//! it reads as something else than the database says is a difference. So a model is called faithful only where it is.

mod claims;
mod constraints;
mod draft;
mod enums;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::model::{Model, Types, parse_model};
use authz_schema::schema::{Column, Command, Identity, Index, Membership, Table};
use authz_sql::Ident;

use self::draft::{Draft, Field, Item};

pub(super) use self::draft::comment;
use super::report::Report;
use super::settle::Settled;
use super::{names, types};
use crate::catalogue::introspect::LiveEnum;

/// A table as Rust source, and what that declares.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) source: String,
    /// What the source declares; `None` where no struct could.
    pub(super) declared: Option<Model>,
}

/// The names and imports of a file of models.
#[derive(Debug, Default)]
pub(super) struct File {
    names: BTreeSet<String>,
    types: Types,
    /// SQL name and Rust name of each enum type.
    enums: BTreeMap<String, String>,
    imports: BTreeMap<&'static str, BTreeSet<&'static str>>,
    /// The features of sqlx that the file needs.
    pub(super) features: BTreeSet<&'static str>,
}

impl File {
    /// The source of an enum type; `None` where no attribute says it.
    pub(super) fn enum_type(&mut self, live: &LiveEnum, report: &mut Report) -> Option<String> {
        let (name, _) = names::struct_name(live.name.name.as_str(), &mut self.names);
        let sql = live.name.to_string();
        match enums::source(live, &name) {
            Ok(source) => {
                self.types.add(&name, &sql);
                self.enums.insert(sql, name);
                Some(source)
            }
            Err(why) => {
                report.left_out(
                    format!("enum type {sql}"),
                    format!("{why}; a migration of your own must make it before the tables"),
                );
                None
            }
        }
    }

    /// The source of a table.
    pub(super) fn table(
        &mut self,
        settled: &Settled,
        memberships: &BTreeMap<Ident, Membership>,
        report: &mut Report,
    ) -> Written {
        let table = &settled.table;
        let (name, follows) = names::struct_name(table.name.name.as_str(), &mut self.names);
        let mut draft = self.draft(settled, name, follows, report);
        policies::add(settled, memberships, &mut draft, report);
        let explicit = self.explicit_indexes(&draft, table);
        for index in explicit {
            constraints::add_index(table, index, &mut draft);
        }
        match self.make_readable(&mut draft, report, table) {
            Ok(parsed) => Written {
                source: draft.to_source(),
                declared: Some(parsed),
            },
            Err(why) => {
                report.left_out(format!("table {}", table.name), &why);
                Written {
                    source: comment(&format!("The table {} has no model: {why}.", table.name)),
                    declared: None,
                }
            }
        }
    }

    /// The lines that import what the tables use.
    pub(super) fn imports(&self) -> String {
        let mut lines = vec!["use authz::Table;\n".to_owned()];
        let mut modules: Vec<_> = self.imports.iter().collect();
        // rustfmt sorts names before modules.
        modules.sort_by_key(|(module, names)| match names.len() {
            1 => (format!("{module}::{}", names.first().unwrap_or(&"")), 0),
            _ => (format!("{module}::{{"), 1),
        });
        for (module, names) in modules {
            let names: Vec<&str> = names.iter().copied().collect();
            lines.push(match names.as_slice() {
                [name] => format!("use {module}::{name};\n"),
                names => format!("use {module}::{{{}}};\n", names.join(", ")),
            });
        }
        lines.concat()
    }

    fn draft(&mut self, settled: &Settled, name: String, follows: bool, report: &mut Report) -> Draft {
        let table = &settled.table;
        let mut draft = Draft::new(name, table.comment.clone(), settled.comments.clone());
        if !follows {
            draft.table.push(Item::fixed(format!(
                "name = {}",
                draft::text(table.name.name.as_str())
            )));
        }
        if table.name.namespace.as_str() != "public" {
            draft.table.push(Item::fixed(format!(
                "schema = {}",
                draft::text(table.name.namespace.as_str())
            )));
        }
        if table.existing {
            draft.table.push(Item::fixed("existing"));
        }
        let unwritable = unwritable(settled);
        let mut taken = BTreeSet::new();
        for column in &table.columns {
            let field_name = names::field_name(column.name.as_str(), &mut taken);
            let mut items = Vec::new();
            if field_name != column.name.as_str() {
                items.push(Item::fixed(format!(
                    "name = {}",
                    draft::text(column.name.as_str())
                )));
            }
            let ty = self.rust_type(&column.column_type);
            if ty.guess {
                report.note(
                    format!("column {}.{}", table.name, column.name),
                    format!(
                        "which Rust type holds {} is not known; `String` is a guess",
                        column.column_type
                    ),
                );
            }
            if !ty.says {
                items.push(Item::fixed(format!("type = {}", draft::text(&ty.sql))));
            }
            let object = |what: &str| format!("{what} of {}.{}", table.name, column.name);
            if let Some(identity) = column.identity {
                let text = match identity {
                    Identity::Always => "identity",
                    Identity::ByDefault => "identity = \"by default\"",
                };
                items.push(Item::of(object("identity"), text));
            }
            if let Some(default) = &column.default {
                items.push(Item::of(
                    object("default"),
                    format!("default = {}", draft::text(default.as_str())),
                ));
            }
            if let Some(generated) = &column.generated {
                items.push(Item::of(
                    object("expression"),
                    format!("generated = {}", draft::text(generated.as_str())),
                ));
            }
            if let Some((_, word)) = unwritable.iter().find(|(name, _)| *name == &column.name) {
                items.push(Item::of(object("privileges"), *word));
            }
            let rust = if column.not_null {
                ty.text.clone()
            } else {
                format!("Option<{}>", ty.text)
            };
            draft.fields.push(Field {
                renamed: (field_name != column.name.as_str()).then(|| column.name.as_str().to_owned()),
                name: names::ident(&field_name),
                rust_type: rust,
                comment: column.comment.clone(),
                items,
            });
            for (module, name) in ty.imports {
                self.imports.entry(module).or_default().insert(name);
            }
            self.features.extend(ty.feature);
        }
        constraints::add(table, &mut draft);
        draft
    }

    fn rust_type(&self, sql: &str) -> types::RustType {
        let (item, array) = match sql.strip_suffix("[]") {
            Some(item) => (item, true),
            None => (sql, false),
        };
        match self.enums.get(item) {
            None => types::of(sql),
            Some(name) => types::RustType {
                text: if array {
                    format!("Vec<{name}>")
                } else {
                    name.clone()
                },
                sql: sql.to_owned(),
                says: true,
                imports: Vec::new(),
                feature: None,
                guess: false,
            },
        }
    }

    fn parse(&self, draft: &Draft) -> Result<Model, String> {
        // The first of several mistakes is enough to say what to leave out.
        let first = |error: syn::Error| {
            let first = error.into_iter().next();
            first.map_or_else(String::new, |error| error.to_string())
        };
        let input: syn::DeriveInput = syn::parse_str(&draft.to_source())
            .map_err(|_error| "a column has a name that stands in no attribute".to_owned())?;
        parse_model(&input, &self.types).map_err(first)
    }

    /// The indexes that do not follow from the policies.
    fn explicit_indexes<'a>(&self, draft: &Draft, table: &'a Table) -> Vec<&'a Index> {
        let follows = self
            .parse(draft)
            .map(|model| model.table.indexes)
            .unwrap_or_default();
        table
            .indexes
            .iter()
            .filter(|index| !follows.iter().any(|other| same_index(index, other)))
            .collect()
    }

    /// Takes out of the draft what the parser refuses, and gives the table that is left.
    fn make_readable(&self, draft: &mut Draft, report: &mut Report, table: &Table) -> Result<Model, String> {
        if let Ok(parsed) = self.parse(draft) {
            return Ok(parsed);
        }
        draft.switch_all_off();
        let mut parsed = self.parse(draft)?;
        for at in 0..draft.items() {
            let Some(object) = draft.switch(at, true) else {
                continue;
            };
            let why = match self.parse(draft) {
                Ok(model) => {
                    parsed = model;
                    continue;
                }
                Err(why) => why,
            };
            if draft.say_unindexed(at, true)
                && let Ok(model) = self.parse(draft)
            {
                parsed = model;
                report.note(format!("{object} on {}", table.name), why);
                continue;
            }
            draft.say_unindexed(at, false);
            let text = draft.switch_off_with_comment(at);
            report.left_out(
                format!("{object} on {}", table.name),
                format!("the attribute `{text}` is refused: {why}"),
            );
        }
        Ok(parsed)
    }
}

/// Whether both are the same index, whatever order the columns that it reads are listed in.
pub(super) fn same_index(one: &Index, other: &Index) -> bool {
    let listed = Index {
        columns: other.columns.clone(),
        ..one.clone()
    };
    listed == *other && one.columns.iter().all(|column| other.columns.contains(column))
}

/// The columns that roles with a policy may not insert or update, with the word for it.
fn unwritable(settled: &Settled) -> Vec<(&Ident, &'static str)> {
    let table = &settled.table;
    // Which columns all roles with a policy for the command lack.
    let lacking = |command: Command, column: &Ident| -> Option<bool> {
        let grants = table.grants.iter().filter(|grant| grant.privilege == command);
        let mut grants = grants.filter(|grant| {
            settled
                .wanted
                .iter()
                .any(|policy| policy.command == command && policy.roles.contains(&grant.role))
        });
        let lacks =
            |columns: &Option<Vec<Ident>>| columns.as_ref().is_some_and(|columns| !columns.contains(column));
        let first = grants.next()?;
        Some(lacks(&first.columns) || grants.any(|grant| lacks(&grant.columns)))
    };
    let word = |column: &Ident| match (lacking(Command::Insert, column), lacking(Command::Update, column)) {
        (Some(true), _) => Some("server"),
        (_, Some(true)) => Some("readonly"),
        _ => None,
    };
    // Those that PostgreSQL alone fills are nobody's to write.
    let written = |column: &&Column| column.identity != Some(Identity::Always) && column.generated.is_none();
    table
        .columns
        .iter()
        .filter(written)
        .filter_map(|column| Some((&column.name, word(&column.name)?)))
        .collect()
}
