//! `cargo authz sql`

use std::io::Write;

use authz_migrate::migration;

use super::{CommandError, Outcome, read_models};
use crate::cli::Sql;

pub(super) fn run(arguments: &Sql, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let (_, _, models) = read_models(&arguments.project)?;
    out.write_all(migration::script(&models.schema)?.as_bytes())?;
    Ok(Outcome::Fine)
}
