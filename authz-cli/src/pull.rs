//! A live database as annotated structs.
//!
//! [`crate::catalogue`] reads the database, `settle` chooses the texts, `source` writes the structs and reads them again,
//! `compare` says what they say otherwise than the database. Nothing in the database changes.

mod baseline;
mod compare;
mod names;
mod report;
mod settle;
mod source;
mod tidy;
mod types;

use std::path::Path;

use authz_migrate::migration::{self, MigrationError};
use authz_schema::config::{Config, Platform};
use authz_schema::declare::Declarations;
use authz_schema::schema::{EnumType, Schema, Table};
use authz_sql::Ident;
use authz_throwaway::Server;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use self::compare::Alignment;
use self::report::Report;
use self::settle::Known;
use self::source::{File, Written};
use crate::catalogue::CatalogueError;
use crate::catalogue::introspect::{self, Catalogue};
use crate::places::Places;
use crate::project::SqlxSettings;
use crate::replay::{self, Ground, Replay, ReplayError};
use crate::server_error::ServerError;

pub use self::baseline::adoption;
pub use self::report::{Finding, Kind};

/// Why a database could not be pulled. No variant prints the URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PullError {
    /// There is no URL, neither as a flag nor in the environment.
    #[error(
        "no database is named; pass `--database-url postgres://…`, or set DATABASE_URL, in the environment or in `.env`"
    )]
    NoUrl,
    /// The URL is none of a PostgreSQL database.
    #[error("the database URL cannot be read; expected `postgres://user:password@host/database`")]
    Url,
    /// The database cannot be reached.
    #[error("the database cannot be reached")]
    Connect(#[source] ServerError),
    /// The database fails.
    #[error("the database failed while its catalogue was read")]
    Database(#[source] ServerError),
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// There is no order of statements that makes the database what the models say.
    #[error(transparent)]
    Plan(MigrationError),
    /// What the lock declares cannot be made on a throwaway server.
    #[error(
        "what the lock declares cannot be made on a throwaway server, so that its texts cannot be found again"
    )]
    Lock(#[source] ReplayError),
    /// sqlx cannot read the migration that was written.
    #[error("the migrations cannot be read")]
    Folder(#[source] Box<sqlx::migrate::MigrateError>),
    /// The models do not go together, which is our mistake.
    #[error("the pulled models do not go together: {0}; please report it")]
    Models(String),
    /// The runtime could not start.
    #[error("no async runtime could be started")]
    Runtime(#[from] std::io::Error),
}

/// What to pull, and what is known of it.
#[derive(Debug)]
pub struct Options<'a> {
    /// The database.
    pub url: &'a str,
    /// The namespaces; all that are no platform's where there is none.
    pub namespaces: &'a [Ident],
    /// What `authz.toml` says.
    pub config: &'a Config,
    /// What the migrations so far declare; the empty schema where there are none.
    pub lock: &'a Schema,
    /// The folder of migrations.
    pub migrations: &'a Path,
    /// How sqlx reads and notes them.
    pub sqlx: &'a SqlxSettings,
    /// A server that may be written to, and the name of a database to make there; a throwaway one by default.
    pub scratch: Option<(&'a Server, &'a str)>,
}

/// The models of a database.
#[derive(Debug)]
pub struct Pulled {
    /// Rust source.
    pub source: String,
    /// What the source declares.
    pub schema: Schema,
    /// What no attribute says, and what the models say otherwise than the database.
    pub findings: Vec<Finding>,
    /// The statements that make the database what the models say, without semicolons.
    pub align: Vec<String>,
}

/// Reads a database and writes models of it.
///
/// # Errors
///
/// [`PullError`] when the database cannot be read. What has no attribute is no error: it is in the findings.
pub fn pull(options: &Options<'_>) -> Result<Pulled, PullError> {
    let connection: PgConnectOptions = options.url.parse().map_err(|_error| PullError::Url)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (live, known) = runtime.block_on(async {
        let mut database = PgConnection::connect_with(&connection)
            .await
            .map_err(|error| PullError::Connect(error.into()))?;
        let live = introspect::read(&mut database, options.namespaces).await?;
        database.close().await.map_err(failed)?;
        let known = match *options.lock == Schema::default() {
            true => None,
            false => Some(known(options).await),
        };
        Ok::<_, PullError>((live, known))
    })?;
    let mut report = Report::default();
    let known = match known.transpose() {
        Ok(known) => known,
        Err(error) => {
            // The models are right all the same, in other words than before.
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: Vec<String> = causes.map(ToString::to_string).collect();
            report.note("authz.lock", format!("{error}: {}", causes.join(": ")));
            None
        }
    };
    write(&live, known.as_ref(), options, report)
}

/// An error of a server that is read.
fn failed(error: sqlx::Error) -> PullError {
    PullError::Database(error.into())
}

/// The catalogue that the lock makes.
async fn known(options: &Options<'_>) -> Result<Known, PullError> {
    let started;
    let (ground, name) = match options.scratch {
        Some((server, name)) => (Ground::of_superuser(server, options.config), name),
        None => {
            started = Server::start().map_err(|error| PullError::Lock(error.into()))?;
            let ground = Ground::new(&started, options.config).await;
            (ground.map_err(PullError::Database)?, "known")
        }
    };
    let replay = Replay {
        folder: options.migrations,
        sqlx: options.sqlx,
        config: options.config,
        places: &Places::default(),
    };
    let replayed = async {
        let steps = replay::steps(options.migrations, options.sqlx).await?;
        Ok(replay.run(&ground, name, &steps).await?.connection)
    };
    let mut database = replayed.await.map_err(PullError::Lock)?;
    // What hand-written migrations make, before what the lock declares is made anew.
    let others = introspect::read(&mut database, &[]).await?.others;
    let mut catalogue = match declared(&ground, &format!("{name}_declared"), options.lock).await {
        Ok(catalogue) => catalogue,
        // It stands on what hand-written migrations make.
        Err(_alone) => {
            replay::remake(&mut database, options.lock, replay.places)
                .await
                .map_err(PullError::Lock)?;
            introspect::read(&mut database, &[]).await?
        }
    };
    catalogue.others.extend(others);
    Ok(Known {
        catalogue,
        lock: options.lock.clone(),
    })
}

/// The catalogue of an empty database with what the lock declares.
async fn declared(ground: &Ground<'_>, name: &str, lock: &Schema) -> Result<Catalogue, PullError> {
    let script = migration::script(lock).map_err(PullError::Plan)?;
    let mut connection = ground.database(name).await.map_err(PullError::Database)?;
    sqlx::raw_sql(AssertSqlSafe(script))
        .execute(&mut connection)
        .await
        .map_err(failed)?;
    Ok(introspect::read(&mut connection, &[]).await?)
}

fn write(
    live: &Catalogue,
    known: Option<&Known>,
    options: &Options<'_>,
    mut report: Report,
) -> Result<Pulled, PullError> {
    let settled = settle::settle(live, known, &mut report);
    let mut file = File::default();
    let mut parts: Vec<String> = Vec::new();
    let mut enums: Vec<EnumType> = Vec::new();
    for item in &live.enums {
        if let Some(source) = file.enum_type(item, &mut report) {
            parts.push(source);
            enums.push(item.declared());
        }
    }
    let mut tables: Vec<Table> = Vec::new();
    let mut memberships = Vec::new();
    let mut align = Alignment::default();
    let none = std::collections::BTreeMap::new();
    let locked = known.map_or(&none, |known| &known.lock.memberships);
    for table in settled {
        let Written { source, declared } = file.table(&table, locked, &mut report);
        parts.push(source);
        if let Some(model) = declared {
            align.add(table, &model.table, &mut report);
            tables.push(model.table);
            memberships.extend(model.memberships);
        }
    }
    let locked = known.into_iter().flat_map(|known| known.lock.claims.values());
    let claims = file.claims(locked).map(|(source, declared)| {
        parts.push(source);
        declared
    });
    others(live, known, &tables, &mut report);
    platform(live, options.config, &mut report);
    let declarations = Declarations {
        tables,
        enums,
        functions: known.map_or_else(Vec::new, |known| known.lock.functions.values().cloned().collect()),
        memberships,
        claims: claims.unwrap_or_default(),
        // The database has them, whoever made them.
        functions_elsewhere: None,
        elsewhere: None,
    };
    let schema = declarations.schema(options.config).map_err(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        PullError::Models(errors.join("; "))
    })?;
    let findings = report.finish();
    Ok(Pulled {
        source: source_of(&file, &parts, &findings),
        schema,
        findings,
        align: align.statements().map_err(PullError::Plan)?,
    })
}

fn source_of(file: &File, parts: &[String], findings: &[Finding]) -> String {
    let mut source = String::from("//! The tables of a database, as `cargo authz pull` read them.\n");
    if !file.features.is_empty() {
        let features: Vec<&str> = file.features.iter().copied().collect();
        source.push_str(&format!(
            "//!\n//! The types need these features of sqlx: {}.\n",
            features.join(", ")
        ));
    }
    source.push('\n');
    source.push_str(&file.imports());
    for part in parts {
        source.push('\n');
        source.push_str(part);
    }
    if !findings.is_empty() {
        source.push_str("\n// What the database says otherwise, or what has no attribute:\n//\n");
        for finding in findings {
            source.push_str(&source::comment(&format!("- {finding}")));
        }
    }
    source
}

/// Reports what no struct declares, unless the migrations make it.
fn others(live: &Catalogue, known: Option<&Known>, tables: &[Table], report: &mut Report) {
    for other in &live.others {
        let made = known.is_some_and(|known| {
            known
                .catalogue
                .others
                .iter()
                .any(|made| made.object == other.object)
        });
        if made {
            continue;
        }
        let mut text = "no struct declares it; keep it in a migration of your own".to_owned();
        if other.object.starts_with("function auth.") || other.object.starts_with("function authz.") {
            text =
                "only the lock tells what it was made of: a claim, a membership or a migration of your own"
                    .to_owned();
        } else if let Some(name) = other.object.strip_prefix("function ")
            && let Some((name, _)) = name.split_once('(')
            && tables.iter().any(|table| compare::calls(table, name))
        {
            text = "the models call it; a file in `authz/sql` declares it".to_owned();
        }
        if let Some(why) = &other.why {
            text.push_str(&format!("; {why}"));
        }
        report.left_out(&other.object, text);
    }
}

fn platform(live: &Catalogue, config: &Config, report: &mut Report) {
    let word = match (live.platform, config.platform) {
        (Platform::Supabase, Platform::Postgres) => "supabase",
        (Platform::Neon, Platform::Postgres) => "neon",
        _ => return,
    };
    report.note(
        "authz.toml",
        format!("the database looks like one of {word}; write `platform = \"{word}\"`, so that its roles and its `auth` stay its own"),
    );
}
