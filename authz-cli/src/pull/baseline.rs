//! How a database that is there already comes to count as migrated.

use std::path::Path;

use sqlx::migrate::Migrator;

use super::{PullError, Pulled};

/// As sqlx makes it.
const BOOKKEEPING: &str = "\
CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);
";

/// The script that makes the pulled database what the models say, and marks the migrations in `folder` as applied.
///
/// # Errors
///
/// What sqlx says when it cannot read the folder.
pub async fn adoption(pulled: &Pulled, folder: &Path) -> Result<String, PullError> {
    let migrator = Migrator::new(folder)
        .await
        .map_err(|source| PullError::Folder(Box::new(source)))?;
    let mut script = String::from(
        "-- Run this once on the database that was pulled. It makes it what the models say, and tells sqlx that the\n\
         -- first migration is done there.\n\nBEGIN;\n\nSET LOCAL lock_timeout = '5s';\n\n",
    );
    for statement in &pulled.align {
        script.push_str(&format!("{statement};\n\n"));
    }
    script.push_str(BOOKKEEPING);
    for migration in migrator
        .iter()
        .filter(|migration| !migration.migration_type.is_down_migration())
    {
        let checksum: String = migration
            .checksum
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        script.push_str(&format!(
            "\nINSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)\n\
             VALUES ({}, {}, true, '\\x{checksum}', 0);\n",
            migration.version,
            authz_sql::literal(&migration.description),
        ));
    }
    script.push_str("\nCOMMIT;\n");
    Ok(script)
}
