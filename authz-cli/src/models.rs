//! From the source of a package to what its models declare, with every mistake as a diagnostic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use authz_schema::model::parse_model;
use authz_schema::renames::Renames;
use authz_schema::schema::{Schema, Table, TableName};
use authz_schema::sql::Ident;

use crate::diagnostics::Diagnostic;
use crate::project::Project;
use crate::scan::{Model, ScanError, scan};

/// What the models of a package declare.
#[derive(Debug, Clone, Default)]
pub struct Models {
    /// The schema.
    pub schema: Schema,
    /// What its tables and columns were called before.
    pub renames: Renames,
}

/// Reads what the models of `project` declare.
///
/// # Errors
///
/// Every mistake in the models, and every place that keeps the scan from being complete.
pub fn read(project: &Project) -> Result<Models, Vec<Diagnostic>> {
    let models =
        scan(project).map_err(|errors| errors.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
    let mut diagnostics = Vec::new();
    let mut taken: BTreeMap<(Ident, Ident), Owner> = BTreeMap::new();
    let mut tables: Vec<Table> = Vec::new();
    let mut renames = Renames::default();
    for model in models {
        match parse_model(&model.input) {
            Err(error) => diagnostics.extend(Diagnostic::from_syn(&error, &model.file)),
            Ok((table, former)) => {
                renames.extend(former);
                diagnostics.extend(take_names(&mut taken, &model, &table));
                tables.push(table);
            }
        }
    }
    if diagnostics.is_empty() {
        Ok(Models {
            schema: Schema::of(tables),
            renames,
        })
    } else {
        Err(diagnostics)
    }
}

/// Which table has a name, and where it is declared.
struct Owner {
    table: TableName,
    file: PathBuf,
    line: usize,
}

/// Notes the names of a table, or says whose they are already: tables and indexes of a namespace share theirs.
fn take_names(
    taken: &mut BTreeMap<(Ident, Ident), Owner>,
    model: &Model,
    table: &Table,
) -> Option<Diagnostic> {
    let namespace = &table.name.namespace;
    let clash = table
        .relation_names()
        .find_map(|name| Some((name, taken.get(&(namespace.clone(), name.clone()))?)))
        .map(|(name, owner)| clash(model, table, name, owner));
    for name in table.relation_names() {
        taken
            .entry((namespace.clone(), name.clone()))
            .or_insert_with(|| Owner {
                table: table.name.clone(),
                file: model.file.clone(),
                line: model.line,
            });
    }
    clash
}

fn clash(model: &Model, table: &Table, name: &Ident, owner: &Owner) -> Diagnostic {
    let place = format!("{}:{}", owner.file.display(), owner.line);
    let what = if owner.table == table.name {
        format!("the table {} is declared at {place} already", table.name)
    } else {
        format!(
            "the name {name} is taken in {} by {} ({place}), for itself or an index",
            table.name.namespace, owner.table
        )
    };
    let message = format!("{what}; write `#[table(name = \"…\")]` on one of the two");
    ScanError {
        file: model.file.clone(),
        line: model.line,
        column: model.column,
        message,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Fixture, MANIFEST};
    use crate::project::ProjectOptions;

    fn messages(source: &str) -> Vec<String> {
        let fixture = Fixture::new(&[("Cargo.toml", MANIFEST), ("src/lib.rs", source)]);
        let options = ProjectOptions {
            manifest_path: Some(fixture.path("Cargo.toml")),
            ..ProjectOptions::default()
        };
        let project = Project::find(&options).unwrap();
        let errors = read(&project).err().unwrap_or_default();
        errors.into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[test]
    fn two_structs_cannot_be_one_table() {
        let source = "#[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 }
            mod other { #[derive(authz::Table)] #[rls(select = true)] struct Todo { id: i64 } }";
        let messages = messages(source);
        assert_eq!(messages.len(), 1);
        assert!(
            messages[0].starts_with("the table public.todos is declared at "),
            "{messages:?}"
        );
    }

    #[test]
    fn two_tables_cannot_have_an_index_of_the_same_name() {
        let with = |second: &str| {
            format!(
                "#[derive(authz::Table)] #[table(name = \"a_b\", index(c))] #[rls(select = true)] struct One {{ c: i64 }}
                 #[derive(authz::Table)] #[table(name = \"{second}\", index(b_c))] #[rls(select = true)] struct Two {{ b_c: i64 }}"
            )
        };
        let found = messages(&with("a"));
        assert_eq!(found.len(), 1);
        assert!(
            found[0].starts_with("the name a_b_c_idx is taken in public by public.a_b"),
            "{found:?}"
        );
        assert!(messages(&with("z")).is_empty());
    }
}
