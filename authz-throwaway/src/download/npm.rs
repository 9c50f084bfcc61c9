//! The settings of npm, read as npm reads them: which registry, by which proxy, trusting which certificates, with which token.
//!
//! Sources, the first that has a key wins: variables `npm_config_*` (in whatever case), the project's `.npmrc`, the user's, the global
//! one, and the one that npm was installed with. npm itself need not be there.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;

use crate::DownloadError;

const DEFAULT_REGISTRY: &str = "https://registry.npmjs.org/";
const SCOPE_REGISTRY: &str = "@embedded-postgres:registry";

/// The settings that a download needs.
pub(super) struct Npm {
    /// Ends with a slash.
    pub(super) registry: Url,
    pub(super) proxy: Option<String>,
    pub(super) no_proxy: Option<String>,
    /// PEM of the only certificates to trust; otherwise the system's.
    pub(super) ca: Option<Vec<u8>>,
    /// PEM of certificates to trust beside the system's.
    pub(super) extra_ca: Option<Vec<u8>>,
    pub(super) strict_ssl: bool,
    settings: Settings,
}

/// What the settings are read from, as values, so that the tests can give others.
pub(super) struct Machine {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) home: Option<PathBuf>,
    pub(super) directory: PathBuf,
}

/// Keys and their values, of which lists have several.
type Settings = BTreeMap<String, Vec<String>>;

impl Npm {
    pub(super) fn of_this_machine() -> Result<Self, DownloadError> {
        Self::read(&Machine {
            // What is not UTF-8 is no setting of npm's.
            variables: env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            home: env::home_dir(),
            directory: env::current_dir().unwrap_or_default(),
        })
    }

    pub(super) fn read(machine: &Machine) -> Result<Self, DownloadError> {
        let settings = machine.settings()?;
        let registry = text(&settings, SCOPE_REGISTRY)
            .or_else(|| text(&settings, "registry"))
            .unwrap_or(DEFAULT_REGISTRY);
        let registry = format!("{}/", registry.trim_end_matches('/'));
        let registry = match Url::parse(&registry) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => url,
            _ => {
                return Err(DownloadError::Setting {
                    key: "registry",
                    expected: "a URL that begins with `https://` or `http://`",
                });
            }
        };
        let secure = registry.scheme() == "https";
        let proxy = text(&settings, "https-proxy")
            .or_else(|| text(&settings, "proxy"))
            .or_else(|| machine.variable("https_proxy"))
            .or_else(|| {
                if secure {
                    None
                } else {
                    machine.variable("http_proxy")
                }
            })
            .or_else(|| if secure { None } else { machine.variable("proxy") })
            .map(str::to_owned);
        let no_proxy = settings
            .get("noproxy")
            .map(|names| names.join(","))
            .filter(|names| !names.is_empty())
            .or_else(|| machine.variable("no_proxy").map(str::to_owned));
        let ca = match text(&settings, "cafile") {
            Some(file) => Some(read_file(Path::new(file), "cafile")?),
            None => settings
                .get("ca")
                .filter(|ca| ca.iter().any(|pem| pem.contains("BEGIN")))
                .map(|ca| ca.join("\n").replace("\\n", "\n").into_bytes()),
        };
        let extra_ca = match machine.exact("NODE_EXTRA_CA_CERTS") {
            // Node warns about one that cannot be read, and goes on.
            Some(file) => std::fs::read(file).ok(),
            None => None,
        };
        Ok(Self {
            registry,
            proxy,
            no_proxy,
            ca,
            extra_ca,
            strict_ssl: settings
                .get("strict-ssl")
                .is_none_or(|values| values.iter().all(|value| value != "false")),
            settings,
        })
    }

    /// The value of the header `Authorization` for a URL: what the settings have for its host and path, or for one above it.
    pub(super) fn authorization(&self, url: &Url) -> Option<String> {
        let host = url.host_str()?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let mut key = format!("//{host}{port}{}", url.path());
        while key.len() > "//".len() {
            if let Some(value) = self.authorization_at(&key) {
                return Some(value);
            }
            // `//host/path/:_authToken` and `//host/path:_authToken` are both in use.
            if key.pop() != Some('/') {
                let end = key.rfind('/').map_or(0, |slash| slash + 1);
                key.truncate(end);
            }
        }
        None
    }

    fn authorization_at(&self, key: &str) -> Option<String> {
        let get = |name: &str| text(&self.settings, &format!("{key}:{name}"));
        if let Some(token) = get("_authToken") {
            return Some(format!("Bearer {token}"));
        }
        if let Some(auth) = get("_auth") {
            return Some(format!("Basic {auth}"));
        }
        let (user, password) = (get("username")?, get("_password")?);
        // npm keeps it in base64.
        let password = String::from_utf8(STANDARD.decode(password).ok()?).ok()?;
        Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
    }
}

impl Machine {
    fn exact(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// A variable whose name is written in upper or lower case.
    fn variable(&self, name: &str) -> Option<&str> {
        self.exact(name)
            .or_else(|| self.exact(&name.to_ascii_uppercase()))
    }

    fn settings(&self) -> Result<Settings, DownloadError> {
        let environment = self.environment();
        let file = |key: &str, known: &Settings| text(known, key).map(PathBuf::from);
        let mut known = environment.clone();
        if let Some(folder) = self.project() {
            self.add(&mut known, &folder.join(".npmrc"))?;
        }
        let user = file("userconfig", &environment).or_else(|| Some(self.home.as_ref()?.join(".npmrc")));
        if let Some(user) = &user {
            self.add(&mut known, user)?;
        }
        let global = file("globalconfig", &known).or_else(|| self.global(&known));
        if let Some(global) = global {
            self.add(&mut known, &global)?;
        }
        if let Some(builtin) = self.program("npm").as_deref().and_then(two_above) {
            self.add(&mut known, &builtin.join("npmrc"))?;
        }
        Ok(known)
    }

    fn environment(&self) -> Settings {
        let mut settings = Settings::new();
        for (name, value) in &self.variables {
            let (Some(prefix), Some(key)) = (name.get(..11), name.get(11..)) else {
                continue;
            };
            if !prefix.eq_ignore_ascii_case("npm_config_") || value.is_empty() {
                continue;
            }
            let key = if key.starts_with("//") {
                key.to_owned()
            } else {
                // `npm_config__auth` is `_auth`, `npm_config_strict_ssl` is `strict-ssl`.
                let (first, rest) = key.split_at(key.chars().next().map_or(0, char::len_utf8));
                format!("{first}{}", rest.replace('_', "-")).to_ascii_lowercase()
            };
            let values = if key == "ca" {
                value.split("\n\n").map(str::to_owned).collect()
            } else {
                vec![value.clone()]
            };
            settings.insert(key, values);
        }
        settings
    }

    /// The folder of the project that we are in: with a `package.json` or `node_modules`, or else this one.
    fn project(&self) -> Option<&Path> {
        let is_project =
            |folder: &&Path| folder.join("package.json").is_file() || folder.join("node_modules").is_dir();
        let project = self.directory.ancestors().find(is_project);
        let project = project.unwrap_or(&self.directory);
        // The home's is the user's own file.
        (project.is_absolute() && self.home.as_deref() != Some(project)).then_some(project)
    }

    /// `etc/npmrc` below npm's prefix, which is where Node is.
    fn global(&self, known: &Settings) -> Option<PathBuf> {
        let given = text(known, "prefix")
            .or_else(|| self.exact("PREFIX"))
            .map(PathBuf::from);
        let prefix = given.or_else(|| {
            let node = self.program("node")?;
            if cfg!(windows) {
                Some(node.parent()?.to_owned())
            } else {
                Some(two_above(&node)?.to_owned())
            }
        });
        let places = prefix
            .into_iter()
            .chain(["/usr/local".into(), "/usr".into(), "/".into()]);
        places
            .map(|prefix| prefix.join("etc/npmrc"))
            .find(|file| file.is_file())
    }

    /// A program of `PATH`, links followed.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.exact("PATH")?;
        let file = format!("{name}{}", env::consts::EXE_SUFFIX);
        env::split_paths(path).find_map(|folder| folder.join(&file).canonicalize().ok())
    }

    /// Adds what a file says of keys that are not known yet.
    fn add(&self, known: &mut Settings, file: &Path) -> Result<(), DownloadError> {
        let text = match std::fs::read(file) {
            Ok(text) => String::from_utf8_lossy(&text).into_owned(),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(());
            }
            Err(source) => {
                return Err(DownloadError::File {
                    key: ".npmrc",
                    file: file.to_owned(),
                    source,
                });
            }
        };
        for (key, values) in self.parse(&text) {
            known.entry(key).or_insert(values);
        }
        Ok(())
    }

    /// Reads a file in the form of ini: `key = value`, `list[] = value`, `;` and `#` begin comments, `[section]` ends what is ours.
    fn parse(&self, text: &str) -> Settings {
        let mut settings = Settings::new();
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with('[') {
                break;
            }
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, "true"));
            let (key, value) = (self.expand(&unquote(key)), self.expand(&unquote(value)));
            match key.strip_suffix("[]") {
                Some(key) => settings.entry(key.to_owned()).or_default().push(value),
                None => _ = settings.insert(key, vec![value]),
            }
        }
        settings
    }

    /// Replaces `${NAME}` by a variable's value; `${NAME?}` is empty where there is no such variable, and `\${NAME}` stays.
    fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            let (bare, optional) = match name.strip_suffix('?') {
                Some(bare) => (bare, true),
                None => (name, false),
            };
            match (before.strip_suffix('\\'), self.variables.get(bare)) {
                (Some(before), _) => expanded.push_str(&format!("{before}${{{name}}}")),
                (None, Some(value)) => expanded.push_str(&format!("{before}{value}")),
                (None, None) if optional => expanded.push_str(before),
                (None, None) => expanded.push_str(&format!("{before}${{{name}}}")),
            }
            rest = behind;
        }
        expanded.push_str(rest);
        expanded
    }
}

/// The text of a setting; `null`, `false` and nothing are none.
fn text<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
    let value = settings.get(key)?.last()?.as_str();
    (!matches!(value, "" | "null" | "false" | "undefined")).then_some(value)
}

/// A key or value without its quotes, or up to an unescaped `;` or `#`.
fn unquote(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
        if let Some(inner) = inner {
            let json = (quote == '"').then(|| serde_json::from_str(text).ok()).flatten();
            return json.unwrap_or_else(|| inner.to_owned());
        }
    }
    let mut bare = String::new();
    let mut escaped = false;
    for c in text.chars() {
        match c {
            // `\$` is for the variables, which come later.
            _ if escaped && !matches!(c, ';' | '#' | '\\') => bare.extend(['\\', c]),
            _ if escaped => bare.push(c),
            '\\' => {}
            ';' | '#' => break,
            _ => bare.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    bare.trim().to_owned()
}

fn two_above(program: &Path) -> Option<&Path> {
    program.parent()?.parent()
}

fn read_file(file: &Path, key: &'static str) -> Result<Vec<u8>, DownloadError> {
    std::fs::read(file).map_err(|source| DownloadError::File {
        key,
        file: file.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
