//! `authz.toml`: what no struct says, such as which platform the database is on and what its roles are.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

mod accept;

pub use self::accept::{Accept, Accepted, AcceptedGrant};

use crate::schema::{ANONYMOUS, AUTHENTICATED, LOGIN_ROLE};
use authz_sql::{AUTH, Ident, MEMBERS};

/// The file's name. It stands beside `Cargo.toml`.
pub const FILE: &str = "authz.toml";

/// What `authz.toml` says. Every key may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who brings the `auth` namespace and the roles; `postgres`, where nobody does, by default.
    pub platform: Platform,
    /// The login role; `authenticator` by default.
    pub login_role: Option<Ident>,
    /// How long a migration waits for a lock, as PostgreSQL writes it; `5s` by default.
    pub lock_timeout: LockTimeout,
    /// Namespaces that are made elsewhere. `public` always is.
    pub existing_schemas: BTreeSet<Ident>,
    /// File names of hand-written migrations whose data statements `check` does not report: they have run already, or as a
    /// role that row security does not apply to.
    pub accepted_data_statements: BTreeSet<String>,
    /// What is said of single roles.
    pub roles: BTreeMap<Ident, RoleConfig>,
    /// The access to declared tables that hand-written migrations give on purpose.
    pub accept: Vec<Accept>,
}

/// `[roles.NAME]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoleConfig {
    /// It belongs to somebody else: never created, altered or dropped.
    pub existing: bool,
    /// INHERIT, the default, or NOINHERIT.
    pub inherit: Option<bool>,
    /// The roles that it is a member of.
    pub member_of: BTreeSet<Ident>,
}

/// Where the database runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// Any PostgreSQL: migrations make the `auth` namespace and the roles.
    #[default]
    Postgres,
    /// Neon with its extension `pg_session_jwt`.
    Neon,
    /// Supabase.
    Supabase,
}

/// A time as `lock_timeout` takes it, such as `5s` or `500ms`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LockTimeout(String);

impl LockTimeout {
    /// The text for SET.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LockTimeout {
    fn default() -> Self {
        Self("5s".to_owned())
    }
}

impl TryFrom<String> for LockTimeout {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        let number = text.strip_suffix(unit).unwrap_or_default();
        let counts = number.parse::<u32>().is_ok_and(|number| number > 0);
        if counts && matches!(unit, "ms" | "s" | "min" | "h") {
            Ok(Self(text))
        } else {
            Err("expected a number above 0 and a unit, such as \"5s\" or \"500ms\"")
        }
    }
}

impl Config {
    /// Reads the text of `authz.toml`.
    ///
    /// # Errors
    ///
    /// The key or value that is none, with its line.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// Where `authz.toml` names a role that it says something of, in bytes.
    #[must_use]
    pub fn place_of_role(text: &str, role: &Ident) -> Option<usize> {
        #[derive(Deserialize)]
        struct Roles {
            roles: BTreeMap<toml::Spanned<String>, toml::Value>,
        }
        let Roles { roles } = toml::from_str(text).ok()?;
        let named = roles.keys().find(|name| name.get_ref() == role.as_str())?;
        Some(named.span().start)
    }
}

impl Platform {
    /// The version of the `auth` functions that migrations make, or `None` where the platform has its own.
    #[must_use]
    pub fn auth(self) -> Option<u32> {
        (self == Self::Postgres).then_some(crate::auth::VERSION)
    }

    /// The namespace of the functions that give claims: `auth` where migrations make it, and ours elsewhere.
    #[must_use]
    pub fn claims_namespace(self) -> &'static str {
        match self {
            Self::Postgres => AUTH,
            Self::Neon | Self::Supabase => MEMBERS,
        }
    }

    /// The session roles that every schema has.
    #[must_use]
    pub fn session_roles(self) -> [&'static str; 2] {
        match self {
            Self::Postgres | Self::Neon => [ANONYMOUS, AUTHENTICATED],
            Self::Supabase => ["anon", AUTHENTICATED],
        }
    }

    /// The roles that the platform owns.
    #[must_use]
    pub fn roles(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &[],
            Self::Neon => &[
                ANONYMOUS,
                AUTHENTICATED,
                LOGIN_ROLE,
                "cloud_admin",
                "neon_superuser",
                "neondb_owner",
            ],
            Self::Supabase => &[
                "anon",
                AUTHENTICATED,
                LOGIN_ROLE,
                "dashboard_user",
                "postgres",
                "service_role",
                "supabase_admin",
                "supabase_auth_admin",
                "supabase_storage_admin",
            ],
        }
    }

    /// The functions of the `auth` namespace that policies may call.
    #[must_use]
    pub fn auth_functions(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &[
                "jwt",
                "organization",
                "organization_id",
                "session",
                "uid",
                "user_id",
            ],
            Self::Neon => &["jwt", "session", "uid", "user_id"],
            Self::Supabase => &["email", "jwt", "role", "uid"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_differs_from_the_defaults() {
        assert_eq!(Config::parse("").unwrap(), Config::default());
        let config = Config::parse(
            "platform = \"supabase\"\nlock_timeout = \"500ms\"\nexisting_schemas = [\"app\"]\n\
             [roles.editor]\nmember_of = [\"authenticated\"]\n[roles.\"Big Boss\"]\nexisting = true\n",
        )
        .unwrap();
        assert_eq!(config.platform, Platform::Supabase);
        assert_eq!(config.lock_timeout.as_str(), "500ms");
        assert_eq!(config.roles.len(), 2);
    }

    #[test]
    fn a_role_is_found_where_it_is_named() {
        let text =
            "platform = \"neon\"\n[roles.\"Big Boss\"]\ninherit = true\n[roles]\neditor.existing = true\n";
        let place = |role: &str| Config::place_of_role(text, &Ident::new(role).unwrap());
        assert_eq!(place("Big Boss"), text.find("\"Big"));
        assert_eq!(place("editor"), text.find("editor"));
        assert_eq!(place("other"), None);
    }

    #[test]
    fn what_is_unknown_is_refused_with_its_line() {
        for text in [
            "platfrom = \"neon\"",
            "platform = \"mysql\"",
            "lock_timeout = \"soon\"",
            "lock_timeout = \"0s\"",
            "lock_timeout = \"5s'; DROP TABLE x\"",
            "[roles.a]\nsuperuser = true",
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains("line "), "{error}");
        }
    }
}
