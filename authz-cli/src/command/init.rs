//! `cargo authz init`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use authz_schema::schema::LOGIN_ROLE;
use authz_sql::MAX_IDENT_BYTES;

use super::{CommandError, Outcome, shown};
use crate::cli::Init;
use crate::project::{Project, ProjectOptions};

const TEMPLATE: &str = include_str!("init/authz.toml");
const DEFAULT_PLATFORM: &str = "platform = \"postgres\"";
const DEFAULT_LOGIN_ROLE: &str = "#login_role = \"authenticator\"";

pub(super) fn run(
    arguments: &Init,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Outcome, CommandError> {
    let project = Project::find(&ProjectOptions::from(&arguments.project))?;
    let path = project.root.join("authz.toml");
    let mut text = TEMPLATE.replace(
        DEFAULT_PLATFORM,
        &format!("platform = \"{}\"", arguments.platform),
    );
    // The other platforms bring a login role of their own.
    if arguments.platform == "postgres" {
        let login_role = format!("login_role = \"{}\"", login_role(&project.name));
        text = text.replace(DEFAULT_LOGIN_ROLE, &login_role);
    }
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

/// A login role of the application's own, such as `my_app_authenticator`: roles belong to the whole server.
fn login_role(package: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    let name: String = package.chars().map(plain).collect();
    // PostgreSQL keeps names that begin with `pg_` for itself.
    let name = if name.starts_with("pg_") {
        format!("app_{name}")
    } else {
        name
    };
    let longest = MAX_IDENT_BYTES.saturating_sub(LOGIN_ROLE.len() + 1);
    let name: String = name.chars().take(longest).collect();
    format!("{name}_{LOGIN_ROLE}")
}

/// Writes a file that is not there yet; `false` if it is.
fn write_new(path: &Path, text: &str) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use authz_sql::Ident;

    use super::*;

    #[test]
    fn a_login_role_is_named_after_the_package_and_is_a_name_that_postgresql_takes() {
        assert_eq!(login_role("my-app"), "my_app_authenticator");
        assert_eq!(login_role("MyApp2"), "myapp2_authenticator");
        assert_eq!(login_role("pg-tools"), "app_pg_tools_authenticator");
        for package in ["größe", &"x".repeat(64), "pgx"] {
            let role = Ident::new(login_role(package)).unwrap();
            assert_eq!(role.to_string(), role.as_str(), "it needs no quotes");
            assert!(!role.as_str().starts_with("pg_"));
        }
    }
}
