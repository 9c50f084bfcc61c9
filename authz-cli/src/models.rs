//! From the source of a package to its schema, with every mistake as a diagnostic.

use std::collections::BTreeMap;
use std::path::PathBuf;

use authz_schema::model::parse_table;
use authz_schema::schema::{Schema, Table, TableName};

use crate::diagnostics::Diagnostic;
use crate::project::Project;
use crate::scan::{Model, ScanError, scan};

/// Reads the schema that the models of `project` declare.
///
/// # Errors
///
/// Every mistake in the models, and every place that keeps the scan from being complete.
pub fn schema(project: &Project) -> Result<Schema, Vec<Diagnostic>> {
    let models =
        scan(project).map_err(|errors| errors.into_iter().map(Diagnostic::from).collect::<Vec<_>>())?;
    let mut diagnostics = Vec::new();
    let mut places: BTreeMap<TableName, (PathBuf, usize)> = BTreeMap::new();
    let mut tables: Vec<Table> = Vec::new();
    for model in models {
        match parse_table(&model.input) {
            Err(error) => diagnostics.extend(Diagnostic::from_syn(&error, &model.file)),
            Ok(table) => {
                let place = (model.file.clone(), model.line);
                if let Some((file, line)) = places.insert(table.name.clone(), place) {
                    diagnostics.push(declared_twice(&model, &table.name, &file, line));
                }
                tables.push(table);
            }
        }
    }
    if diagnostics.is_empty() {
        Ok(Schema::of(tables))
    } else {
        Err(diagnostics)
    }
}

fn declared_twice(model: &Model, table: &TableName, file: &std::path::Path, line: usize) -> Diagnostic {
    let message = format!(
        "the table {table} is declared at {}:{line} already; write `#[table(name = \"…\")]` on one of the two",
        file.display()
    );
    ScanError {
        file: model.file.clone(),
        line: model.line,
        column: model.column,
        message,
    }
    .into()
}
