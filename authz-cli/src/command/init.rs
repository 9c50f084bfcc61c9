//! `cargo authz init`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::{CommandError, Outcome, shown};
use crate::cli::Init;
use crate::project::{Project, ProjectOptions};

const TEMPLATE: &str = include_str!("init/authz.toml");
const DEFAULT_PLATFORM: &str = "platform = \"postgres\"";

pub(super) fn run(
    arguments: &Init,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Outcome, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project))?;
    let path = project.root.join("authz.toml");
    let text = TEMPLATE.replace(
        DEFAULT_PLATFORM,
        &format!("platform = \"{}\"", arguments.platform),
    );
    let unwritten = |path: &Path| {
        let path = path.to_owned();
        |source| CommandError::Write { path, source }
    };
    if write_new(&path, &text).map_err(unwritten(&path))? {
        writeln!(out, "wrote {}", shown(&path))?;
    } else {
        writeln!(err, "{} is there already, and stays as it is", shown(&path))?;
    }
    if !project.migrations.is_dir() {
        fs::create_dir_all(&project.migrations).map_err(unwritten(&project.migrations))?;
        writeln!(out, "made {}", shown(&project.migrations))?;
    }
    writeln!(err, "\nnext:")?;
    if !project.depends_on_authz {
        writeln!(err, "    cargo add authz-core")?;
    }
    writeln!(err, "{NEXT}")?;
    Ok(Outcome::Fine)
}

const NEXT: &str = "\
    write `#[derive(authz::Table)] #[rls(owner = \"user_id\")]` on a struct
    cargo authz generate create_tables     writes its migration
    cargo sqlx migrate run                 applies it; so does sqlx::migrate!() in your program
    cargo authz check                      in CI, as `cargo authz check --base origin/main`";

/// Writes a file that is not there yet; `false` if it is.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
