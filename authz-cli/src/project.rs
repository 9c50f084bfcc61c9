//! Finds the package whose models are read: its folder, its target roots, its features, its migrations.
//!
//! `cargo metadata --no-deps` answers all of it without network access and without a crate that compiles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use authz_schema::config::{self, Config};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};
use serde::Deserialize;
use sqlx::migrate::ResolveConfig;

/// The package that users add to declare models, as crates.io names it.
const RUNTIME_PACKAGE: &str = "authz-core";
/// The name that code uses for it, unless the dependency is renamed.
const RUNTIME_CRATE: &str = "authz";

/// What the command line says about the package.
#[derive(Debug, Default, Clone)]
pub struct ProjectOptions {
    /// The `Cargo.toml` to start from; default: the nearest one above the current folder.
    pub manifest_path: Option<PathBuf>,
    /// The name of a package of the workspace.
    pub package: Option<String>,
    /// Features to select, each entry one or more names separated by commas or spaces.
    pub features: Vec<String>,
    /// Selects all features.
    pub all_features: bool,
    /// Leaves out the default features.
    pub no_default_features: bool,
    /// The migrations folder, relative to the current folder.
    pub source: Option<PathBuf>,
}

/// One package and where its parts are. All paths are absolute.
#[derive(Debug, Clone)]
pub struct Project {
    /// The package's folder.
    pub root: PathBuf,
    /// The package's name.
    pub name: String,
    /// The root files of its library and binaries, without those whose `required-features` are not selected.
    /// Examples, tests and benchmarks are not listed.
    pub targets: Vec<Target>,
    /// The flags by which cargo selects the package and its features.
    pub cargo_flags: Vec<String>,
    /// The edition, such as `2024`.
    pub edition: String,
    /// The selected features, with all that they turn on.
    pub features: BTreeSet<String>,
    /// The folder of migrations. It need not exist.
    pub migrations: PathBuf,
    /// What `authz.toml` beside `Cargo.toml` says; the defaults without it.
    pub config: Config,
    /// What `sqlx.toml` says about migrations.
    pub sqlx: SqlxSettings,
    /// Whether it depends on the authz crate.
    pub depends_on_authz: bool,
    /// The name by which the package's code calls the authz crate: `authz`, unless Cargo.toml renames it.
    pub authz_crate: String,
}

/// A library or a binary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its root file.
    pub root: PathBuf,
    /// The flags by which cargo selects it.
    pub cargo_flags: Vec<String>,
}

impl Target {
    /// Whether it is the library.
    #[must_use]
    pub fn is_library(&self) -> bool {
        self.cargo_flags.iter().any(|flag| flag == "--lib")
    }
}

/// Why the package could not be found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectError {
    /// The current folder could not be read.
    #[error("the current folder cannot be read")]
    CurrentDir(#[source] std::io::Error),
    /// There is no `Cargo.toml`.
    #[error("found no `Cargo.toml` in `{}` or a folder above it", .0.display())]
    NoManifest(PathBuf),
    /// cargo refused to describe the workspace.
    #[error("cargo could not read the package")]
    Metadata(#[source] cargo_metadata::Error),
    /// The workspace has several packages and nothing says which is meant.
    #[error("the workspace has several packages: {}; choose one with `--package`", quoted(.0))]
    SeveralPackages(Vec<String>),
    /// The workspace has no such package.
    #[error("the workspace has no package `{name}`; it has {}", quoted(.packages))]
    NoPackage {
        /// The name asked for.
        name: String,
        /// The names there are.
        packages: Vec<String>,
    },
    /// The package has no such feature.
    #[error("the package `{package}` has no feature `{feature}`")]
    NoFeature {
        /// The package's name.
        package: String,
        /// The name asked for.
        feature: String,
    },
    /// `sqlx.toml` exists and could not be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `authz.toml` has a mistake.
    #[error("`{}` has a mistake", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Which, and where.
        source: Box<toml::de::Error>,
    },
    /// `.env` is none.
    #[error("`{}` cannot be read; each line is `NAME=value`", .0.display())]
    Env(PathBuf),
    /// `sqlx.toml` is not what sqlx accepts.
    #[error("`{}` is not a valid sqlx.toml", path.display())]
    SqlxToml {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<toml::de::Error>,
    },
}

/// The folder that cargo builds into.
///
/// # Errors
///
/// [`ProjectError::Metadata`] where there is no package.
pub fn target_directory(manifest_path: Option<&Path>) -> Result<PathBuf, ProjectError> {
    let mut command = MetadataCommand::new();
    if let Some(path) = manifest_path {
        command.manifest_path(path);
    }
    let metadata = command.no_deps().exec().map_err(ProjectError::Metadata)?;
    Ok(metadata.target_directory.into_std_path_buf())
}

impl Project {
    /// Finds the package that `options` and the current folder select.
    ///
    /// # Errors
    ///
    /// See [`ProjectError`].
    pub fn find(options: &ProjectOptions) -> Result<Self, ProjectError> {
        let current = std::env::current_dir().map_err(ProjectError::CurrentDir)?;
        let manifest = match &options.manifest_path {
            Some(path) => current.join(path),
            None => nearest_manifest(&current).ok_or_else(|| ProjectError::NoManifest(current.clone()))?,
        };
        let metadata = MetadataCommand::new()
            .manifest_path(&manifest)
            .no_deps()
            .exec()
            .map_err(ProjectError::Metadata)?;
        let package = choose(&metadata, &manifest, options.package.as_deref())?;
        let features = selected_features(package, options)?;
        let root = package
            .manifest_path
            .parent()
            .map(PathBuf::from)
            .unwrap_or_default();
        let sqlx = SqlxSettings::read(&root)?;
        let migrations = match &options.source {
            Some(source) => current.join(source),
            // sqlx resolves it against the package's folder.
            None => root.join(sqlx.migrations_dir.as_deref().unwrap_or(Path::new("migrations"))),
        };
        Ok(Self {
            name: package.name.to_string(),
            targets: targets(package, &features),
            cargo_flags: cargo_flags(package, options),
            edition: package.edition.as_str().to_owned(),
            authz_crate: authz_crate(package),
            depends_on_authz: runtime_dependency(package).is_some(),
            features,
            migrations,
            config: config(&root)?,
            sqlx,
            root,
        })
    }
}

/// Returns the `Cargo.toml` that cargo itself would start from.
fn nearest_manifest(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join("Cargo.toml"))
        .find(|path| path.is_file())
}

fn choose<'m>(
    metadata: &'m Metadata,
    manifest: &Path,
    name: Option<&str>,
) -> Result<&'m Package, ProjectError> {
    let packages = metadata.workspace_packages();
    let names = || packages.iter().map(|package| package.name.to_string()).collect();
    if let Some(name) = name {
        let found = packages.iter().find(|package| package.name.as_str() == name);
        return found.copied().ok_or_else(|| ProjectError::NoPackage {
            name: name.to_owned(),
            packages: names(),
        });
    }
    let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let manifest = canonical(manifest);
    if let Some(package) = packages
        .iter()
        .find(|package| canonical(package.manifest_path.as_std_path()) == manifest)
    {
        return Ok(package);
    }
    if let [package] = packages.as_slice() {
        return Ok(package);
    }
    let mut users = packages
        .iter()
        .filter(|package| runtime_dependency(package).is_some());
    match (users.next(), users.next()) {
        (Some(package), None) => Ok(package),
        _ => Err(ProjectError::SeveralPackages(names())),
    }
}

fn runtime_dependency(package: &Package) -> Option<&cargo_metadata::Dependency> {
    let mut dependencies = package.dependencies.iter();
    dependencies.find(|dependency| {
        dependency.name == RUNTIME_PACKAGE && matches!(dependency.kind, DependencyKind::Normal)
    })
}

fn authz_crate(package: &Package) -> String {
    let renamed = runtime_dependency(package).and_then(|dependency| dependency.rename.as_deref());
    renamed.unwrap_or(RUNTIME_CRATE).replace('-', "_")
}

fn cargo_flags(package: &Package, options: &ProjectOptions) -> Vec<String> {
    let mut flags = vec![
        "--manifest-path".to_owned(),
        package.manifest_path.to_string(),
        "--package".to_owned(),
        package.name.to_string(),
    ];
    flags.extend(
        options
            .features
            .iter()
            .map(|features| format!("--features={features}")),
    );
    flags.extend(options.all_features.then(|| "--all-features".to_owned()));
    flags.extend(
        options
            .no_default_features
            .then(|| "--no-default-features".to_owned()),
    );
    flags
}

fn targets(package: &Package, features: &BTreeSet<String>) -> Vec<Target> {
    let scanned = |kind: &TargetKind| {
        !matches!(
            kind,
            TargetKind::Bench | TargetKind::CustomBuild | TargetKind::Example | TargetKind::Test
        )
    };
    let targets = package.targets.iter().filter(|target| {
        target.kind.iter().any(scanned)
            && target
                .required_features
                .iter()
                .all(|feature| features.contains(feature))
    });
    targets
        .map(|target| Target {
            root: target.src_path.clone().into_std_path_buf(),
            cargo_flags: if target.kind.contains(&TargetKind::Bin) {
                vec!["--bin".to_owned(), target.name.clone()]
            } else {
                vec!["--lib".to_owned()]
            },
        })
        .collect()
}

fn selected_features(package: &Package, options: &ProjectOptions) -> Result<BTreeSet<String>, ProjectError> {
    let table: &BTreeMap<String, Vec<String>> = &package.features;
    let mut queue: Vec<String> = Vec::new();
    if options.all_features {
        queue.extend(table.keys().cloned());
    }
    if !options.no_default_features && table.contains_key("default") {
        queue.push("default".to_owned());
    }
    let asked = options.features.iter().flat_map(|list| list.split([',', ' ']));
    for feature in asked.filter(|feature| !feature.is_empty()) {
        let own_prefix = feature
            .strip_prefix(package.name.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let feature = own_prefix.unwrap_or(feature);
        if !table.contains_key(feature) && !feature.contains('/') {
            return Err(ProjectError::NoFeature {
                package: package.name.to_string(),
                feature: feature.to_owned(),
            });
        }
        queue.push(feature.to_owned());
    }
    let mut selected = BTreeSet::new();
    while let Some(feature) = queue.pop() {
        // `dep:name` and `name?/feature` turn on no feature of this package; `name/feature` turns on the optional
        // dependency `name` and with it the feature of that name, if there is one.
        let name = feature.split('/').next().unwrap_or(&feature).to_owned();
        if let Some(turned_on) = table.get(&name)
            && selected.insert(name)
        {
            queue.extend(turned_on.iter().cloned());
        }
    }
    Ok(selected)
}

/// Reads `authz.toml`, if there is one.
fn config(root: &Path) -> Result<Config, ProjectError> {
    let path = root.join(config::FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => Config::parse(&text).map_err(|source| ProjectError::Config {
            path,
            source: Box::new(source),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Config::default()),
        Err(source) => Err(ProjectError::Read { path, source }),
    }
}

impl Project {
    /// The URL of the database as sqlx-cli finds it: what the command line says, the environment, then the `.env` nearest
    /// to the current folder, or to the package's where that has none above it. The variable is `DATABASE_URL`, unless
    /// sqlx.toml names another one.
    ///
    /// # Errors
    ///
    /// [`ProjectError::Env`] for an `.env` that cannot be read.
    pub fn database_url(&self, given: Option<&str>) -> Result<Option<String>, ProjectError> {
        let variable = self.sqlx.database_url_var();
        let environment = || std::env::var(variable).ok();
        let found = given.map(str::to_owned).or_else(environment);
        let found = match found.filter(|url| !url.is_empty()) {
            Some(url) => Some(url),
            None => self.dotenv(variable)?,
        };
        Ok(found.filter(|url| !url.is_empty()))
    }

    fn dotenv(&self, variable: &str) -> Result<Option<String>, ProjectError> {
        let current = std::env::current_dir().map_err(ProjectError::CurrentDir)?;
        let above = |folder: &Path| {
            let mut files = folder.ancestors().map(|folder| folder.join(".env"));
            files.find(|path| path.is_file())
        };
        let Some(path) = above(&current).or_else(|| above(&self.root)) else {
            return Ok(None);
        };
        // The reason could repeat a line of the file, which holds a password.
        let failed = |_error| ProjectError::Env(path.clone());
        for item in dotenvy::from_path_iter(&path).map_err(failed)? {
            let (key, value) = item.map_err(failed)?;
            if key == variable {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

/// What `sqlx.toml` says of migrations and databases: which files run, where that is noted, and which variable names the
/// database.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct SqlxSettings {
    #[serde(skip)]
    database_url_var: Option<String>,
    migrations_dir: Option<PathBuf>,
    table_name: Option<String>,
    create_schemas: BTreeSet<String>,
    ignored_chars: BTreeSet<char>,
}

impl SqlxSettings {
    /// The variable with the URL of the database.
    #[must_use]
    pub fn database_url_var(&self) -> &str {
        self.database_url_var.as_deref().unwrap_or("DATABASE_URL")
    }

    /// The table where sqlx notes what it applied, as SQL.
    #[must_use]
    pub fn table_name(&self) -> &str {
        self.table_name.as_deref().unwrap_or("_sqlx_migrations")
    }

    /// The namespaces that sqlx makes before the first migration.
    pub fn create_schemas(&self) -> impl Iterator<Item = &str> {
        self.create_schemas.iter().map(String::as_str)
    }

    /// How sqlx reads the files.
    #[must_use]
    pub fn resolve_config(&self) -> ResolveConfig {
        let mut config = ResolveConfig::new();
        config.ignore_chars(self.ignored_chars.iter().copied());
        config
    }

    /// Reads `sqlx.toml`, if there is one.
    fn read(root: &Path) -> Result<Self, ProjectError> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct SqlxToml {
            common: Common,
            migrate: SqlxSettings,
        }
        #[derive(Default, Deserialize)]
        #[serde(default, rename_all = "kebab-case")]
        struct Common {
            database_url_var: Option<String>,
        }

        let path = root.join("sqlx.toml");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(source) => return Err(ProjectError::Read { path, source }),
        };
        let parsed: SqlxToml = toml::from_str(&text).map_err(|source| ProjectError::SqlxToml {
            path,
            source: Box::new(source),
        })?;
        Ok(Self {
            database_url_var: parsed.common.database_url_var,
            ..parsed.migrate
        })
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
