//! `cargo authz pull`

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use authz_migrate::migration::Migration;
use authz_schema::config::LockTimeout;
use authz_schema::renames::Renames;
use authz_schema::schema::Schema;
use serde::Serialize;

use super::report::Report;
use super::{CommandError, Outcome, count, shown};
use crate::cli::Pull;
use crate::folder::Folder;
use crate::project::{Project, ProjectOptions};
use crate::pull::{self, Finding, Options, PullError, Pulled};

/// What came of a pull.
#[derive(Serialize)]
pub(super) struct Found {
    /// The models.
    source: String,
    tables: usize,
    policies: usize,
    findings: Vec<Finding>,
    /// What makes the database what the models say.
    align: Vec<String>,
    /// The files that were written.
    wrote: Vec<String>,
    /// The script that makes the database count as migrated, with `--baseline`.
    #[serde(skip_serializing_if = "Option::is_none")]
    adoption: Option<String>,
    /// Whether the source is in a file.
    #[serde(skip)]
    in_file: bool,
}

pub(super) fn run(arguments: &Pull) -> Result<Found, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project))?;
    let folder = Folder::of(&project);
    let lock = folder.lock()?.schema;
    if let Some(output) = arguments
        .output
        .as_deref()
        .filter(|output| output.exists() && !arguments.force)
    {
        return Err(CommandError::Exists(output.to_owned()));
    }
    if arguments.baseline.is_some() && lock != Schema::default() {
        return Err(CommandError::Baseline(folder.path().to_owned()));
    }
    let url = project.database_url(arguments.database_url.as_deref())?;
    let url = url.ok_or(PullError::NoUrl)?;
    let pulled = pull::pull(&Options {
        url: &url,
        namespaces: &arguments.schema,
        config: &project.config,
        lock: &lock,
        migrations: folder.path(),
        sqlx: &project.sqlx,
        scratch: None,
    })?;
    let mut wrote = Vec::new();
    if let Some(path) = &arguments.output {
        write_file(path, &pulled.source).map_err(|source| CommandError::Write {
            path: path.clone(),
            source,
        })?;
        wrote.push(shown(path));
    }
    let adoption = match &arguments.baseline {
        Some(name) => baseline(name, &pulled, &folder, &project.config.lock_timeout, &mut wrote)?,
        None => None,
    };
    let tables = pulled.schema.tables.values();
    Ok(Found {
        tables: tables.len(),
        policies: tables.map(|table| table.policies.len()).sum(),
        source: pulled.source,
        findings: pulled.findings,
        align: pulled.align,
        wrote,
        adoption,
        in_file: arguments.output.is_some(),
    })
}

/// Writes the first migration, and gives the script that makes the pulled database count as migrated. Without a table there
/// is none.
fn baseline(
    name: &str,
    pulled: &Pulled,
    folder: &Folder,
    lock_timeout: &LockTimeout,
    wrote: &mut Vec<String>,
) -> Result<Option<String>, CommandError> {
    let Some(migration) = Migration::with_renames(
        &Schema::default(),
        &pulled.schema,
        &Renames::default(),
        lock_timeout,
    )?
    else {
        return Ok(None);
    };
    let written = folder.write(name, &migration, &pulled.schema, Renames::default())?;
    wrote.extend(written.iter().map(|path| shown(path)));
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    Ok(Some(runtime.block_on(pull::adoption(pulled, folder.path()))?))
}

impl Report for Found {
    fn outcome(&self) -> Outcome {
        Outcome::Fine
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        if !self.in_file {
            out.write_all(self.source.as_bytes())?;
        }
        for finding in &self.findings {
            writeln!(err, "{finding}")?;
        }
        for file in &self.wrote {
            writeln!(err, "wrote {file}")?;
        }
        let policies = match self.policies {
            1 => "1 policy".to_owned(),
            policies => format!("{policies} policies"),
        };
        let said = match self.findings.len() {
            0 => "the models say all that the database does".to_owned(),
            findings => format!(
                "{} to read, above and at the end of the source",
                count(findings, "line")
            ),
        };
        writeln!(err, "pulled {}, {policies}; {said}", count(self.tables, "table"))?;
        if let Some(script) = &self.adoption {
            out.write_all(script.as_bytes())?;
            writeln!(
                err,
                "next: read the script on the standard output, and run it once on the pulled database; other databases get \
                 the migration by `cargo sqlx migrate run`"
            )?;
        }
        Ok(())
    }
}

/// Writes a file beside its place and moves it there.
fn write_file(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(text.as_bytes())?;
    #[cfg(unix)]
    file.as_file()
        .set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(path)?;
    Ok(())
}
