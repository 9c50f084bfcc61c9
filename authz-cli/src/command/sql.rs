//! `cargo authz sql`

use std::io::Write;

use authz_migrate::migration;

use super::{CommandError, Outcome, read_models};
use crate::cli::Sql;

pub(super) fn run(arguments: &Sql, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let (project, _, models) = read_models(&arguments.project)?;
    let script = migration::standalone_script(&models.schema, &project.config.lock_timeout)?;
    out.write_all(script.as_bytes())?;
    Ok(Outcome::Fine)
}
