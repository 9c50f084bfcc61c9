//! `cargo authz generate --empty`: the skeleton of a data migration.
//!
//! FORCE ROW LEVEL SECURITY applies to the owner, who runs the migrations. The skeleton makes a statement that row security
//! would filter an error, and lifts FORCE from the tables that it is for, in one transaction.

use authz_schema::closest::closest;
use authz_schema::config::LockTimeout;
use authz_schema::schema::{Schema, Table};

use super::{Generated, Text};
use crate::cli::Generate;
use crate::command::{CommandError, shown};
use crate::folder::Folder;
use crate::history;
use crate::project::{Project, ProjectOptions};

pub(super) fn run(arguments: &Generate) -> Result<Generated, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project.package))?;
    let folder = Folder::of(&project);
    let lock = folder.lock()?;
    if let Some(problem) = history::problems(&folder, &lock)?.into_iter().next() {
        return Err(CommandError::History(problem));
    }
    let mut tables: Vec<&Table> = Vec::new();
    for name in &arguments.on {
        let table = find(name, &lock.schema)?;
        if !tables.iter().any(|other| other.name == table.name) {
            tables.push(table);
        }
    }
    let lock_timeout = &project.config.lock_timeout;
    let [up, down] = [UP, DOWN].map(|direction| skeleton(direction, &tables, lock_timeout));
    let written = if arguments.dry_run {
        Vec::new()
    } else {
        folder.write_by_hand(&arguments.name, &up, &down)?
    };
    Ok(Generated {
        hazards: Vec::new(),
        refused: Vec::new(),
        written: written.iter().map(|path| shown(path)).collect(),
        migrations: vec![Text {
            name: arguments.name.clone(),
            up,
            down,
        }],
        dry_run: arguments.dry_run,
        nothing_to_do: String::new(),
        next: "next: write your statements into both files, then `cargo authz check` and `cargo sqlx migrate run`",
    })
}

/// The table of this name, with or without its namespace.
fn find<'s>(name: &str, lock: &'s Schema) -> Result<&'s Table, CommandError> {
    let tables = || lock.tables.values();
    let names = |table: &Table| {
        let (namespace, name) = (&table.name.namespace, &table.name.name);
        [
            table.name.to_string(),
            format!("{}.{}", namespace.as_str(), name.as_str()),
            name.to_string(),
            name.as_str().to_owned(),
        ]
    };
    let mut found = tables().filter(|table| names(table).iter().any(|other| other == name));
    let hint = match (found.next(), found.next()) {
        (Some(table), None) => return Ok(table),
        (Some(first), Some(second)) => {
            // As in SQL, a bare name is one of `public`.
            let public = tables()
                .find(|table| table.name.namespace.as_str() == "public" && table.name.name.as_str() == name);
            match public {
                Some(table) => return Ok(table),
                None => format!(" alone; say `{}` or `{}`", first.name, second.name),
            }
        }
        (None, _) => {
            let known: Vec<String> = tables().flat_map(names).collect();
            match closest(name, known.iter().map(String::as_str)) {
                Some(meant) => format!("; did you mean `{meant}`?"),
                None if lock.tables.is_empty() => {
                    "; `cargo authz generate NAME` writes the first migration".to_owned()
                }
                None => "; if a struct does, run `cargo authz generate NAME` first".to_owned(),
            }
        }
    };
    Err(CommandError::NoTable {
        table: name.to_owned(),
        hint,
    })
}

/// What the comment in the place of the statements says.
const UP: &str = "Your statements";
const DOWN: &str = "Your statements that undo those of the up file";

const WHY: &str = "\
-- A data migration: `cargo authz generate --empty` wrote this skeleton, and the statements are yours.
--
-- FORCE ROW LEVEL SECURITY applies to the owner of a table too, and the owner runs the migrations. Without the first
-- line, a statement would skip the rows that no policy shows to the owner, and report no error. With it, such a
-- statement fails.
";

const LIFTED: &str = "\
--
-- NO FORCE lets the owner read and write every row, and FORCE ends that. Policies apply to all other roles throughout.
-- ALTER TABLE locks the table until the end of the transaction: other sessions wait, and never see it without FORCE.
";

const HOW: &str = "\
--
-- Around statements on a table with row security, write:
--     ALTER TABLE the_table NO FORCE ROW LEVEL SECURITY;
--     …
--     ALTER TABLE the_table FORCE ROW LEVEL SECURITY;
";

fn skeleton(statements: &str, tables: &[&Table], lock_timeout: &LockTimeout) -> String {
    let mut text = format!(
        "SET LOCAL row_security = off;\nSET LOCAL lock_timeout = '{}';\n\n{WHY}",
        lock_timeout.as_str()
    );
    let forced: Vec<&&Table> = tables.iter().filter(|table| table.row_security).collect();
    text.push_str(if forced.is_empty() { HOW } else { LIFTED });
    for table in tables.iter().filter(|table| !table.row_security) {
        text.push_str(&format!(
            "-- {} has no row security: it needs none of this.\n",
            table.name
        ));
    }
    let each = |verb: &str| -> String {
        let lines = forced
            .iter()
            .map(|table| format!("ALTER TABLE {} {verb} ROW LEVEL SECURITY;\n", table.name));
        lines.collect()
    };
    let blank = if forced.is_empty() { "" } else { "\n" };
    text.push_str(&format!(
        "\n{}{blank}-- {statements}.\n{blank}{}",
        each("NO FORCE"),
        each("FORCE")
    ));
    text
}
