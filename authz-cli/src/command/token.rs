//! `cargo authz token`

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use authz::SigningKey;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::report::Report;
use super::{CommandError, Outcome, shown};
use crate::cli::Token;
use crate::project::target_directory;

/// What was made.
#[derive(Serialize)]
pub(super) struct Made {
    token: String,
    claims: Map<String, Value>,
    /// The file of the private key.
    key: String,
    /// The file of the public one.
    jwks: String,
    #[serde(skip)]
    key_is_new: bool,
}

pub(super) fn run(arguments: &Token) -> Result<Made, CommandError> {
    let key_file = match &arguments.key {
        Some(path) => path.clone(),
        None => target_directory(arguments.manifest_path.as_deref())?.join("authz/dev-key.pem"),
    };
    let (key, key_is_new) = read_or_make(&key_file)?;
    let jwks = key_file.with_extension("jwks.json");
    write(&jwks, &key.jwks(), false)?;
    let claims = claims(arguments)?;
    Ok(Made {
        token: key.sign(&claims)?,
        claims,
        key: shown(&key_file),
        jwks: shown(&jwks),
        key_is_new,
    })
}

fn claims(arguments: &Token) -> Result<Map<String, Value>, CommandError> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs());
    let mut claims = Map::new();
    for (name, value) in &arguments.claim {
        if claims.insert(name.clone(), value.clone()).is_some() {
            return Err(CommandError::ClaimTwice(name.clone()));
        }
    }
    let own = [
        ("iss", json!(arguments.iss)),
        ("aud", json!(arguments.aud)),
        ("sub", json!(arguments.sub)),
        ("iat", json!(now)),
        ("exp", json!(now.saturating_add(arguments.expires_in.as_secs()))),
    ];
    for (name, value) in own {
        // What `--claim` says counts: a token that is wrong on purpose is worth testing too.
        claims.entry(name).or_insert(value);
    }
    Ok(claims)
}

/// The key of a file, which is made if it is not there.
fn read_or_make(path: &Path) -> Result<(SigningKey, bool), CommandError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok((SigningKey::from_pem(&text)?, false)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate()?;
            write(path, &key.to_pem()?, true)?;
            Ok((key, true))
        }
        Err(source) => Err(CommandError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Writes a file, which others may read unless it is secret.
fn write(path: &Path, text: &str, secret: bool) -> Result<(), CommandError> {
    let unwritten = |source| CommandError::Write {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritten)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = secret;
    let mut file = options.open(path).map_err(unwritten)?;
    file.write_all(text.as_bytes()).map_err(unwritten)
}

impl Report for Made {
    fn outcome(&self) -> Outcome {
        Outcome::Fine
    }

    fn print(&self, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str).unwrap_or_default();
        if self.key_is_new {
            writeln!(err, "made the key {}; keep it out of git", self.key)?;
        }
        writeln!(
            err,
            "a program takes this token with:\n    Issuer::new({:?}).audience({:?}).key_file({:?})",
            text("iss"),
            text("aud"),
            self.jwks
        )?;
        writeln!(out, "{}", self.token)
    }
}
