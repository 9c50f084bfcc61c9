//! Which login role the transactions of a session role connect as.

use std::collections::BTreeMap;

use authz_sql::Ident;
use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnectOptions;

use super::{ConnectError, Warning, check_login_role};
use crate::authz::Roles;

/// The connection of all session roles, and those of single ones.
pub(crate) struct Logins {
    common: PgConnectOptions,
    own: BTreeMap<Ident, PgConnectOptions>,
}

impl Logins {
    /// Reads the URLs. sqlx's logging of statements is turned off: it would write users' claims into the log.
    pub(crate) fn new(
        common: PgConnectOptions,
        urls: &BTreeMap<String, String>,
        roles: &Roles,
    ) -> Result<Self, ConnectError> {
        let mut own = BTreeMap::new();
        for (role, url) in urls {
            let options: PgConnectOptions = url.parse().map_err(|_| ConnectError::Url)?;
            let role = roles
                .all()
                .find(|known| known.as_str() == role)
                .ok_or_else(|| ConnectError::UnusedLogin { role: role.clone() })?;
            own.insert(role.clone(), options.disable_statement_logging());
        }
        Ok(Self {
            common: common.disable_statement_logging(),
            own,
        })
    }

    pub(crate) fn of(&self, role: &Ident) -> &PgConnectOptions {
        self.own.get(role).unwrap_or(&self.common)
    }

    /// Refuses a login role that row security does not bind, or that may become other roles than those that it serves.
    pub(crate) async fn check(&self, roles: &Roles) -> Result<Vec<Warning>, ConnectError> {
        let shared: Vec<&Ident> = roles.all().filter(|role| !self.own.contains_key(role)).collect();
        let mut warnings = Vec::new();
        if !shared.is_empty() {
            let names: Vec<&str> = shared.iter().map(|role| role.as_str()).collect();
            warnings = check_login_role(&self.common, &names).await?;
            if shared.len() > 1 {
                warnings.extend(
                    roles
                        .allowed
                        .iter()
                        .chain(&roles.services)
                        .filter(|role| {
                            shared.contains(role) && **role != roles.default && **role != roles.anonymous
                        })
                        .map(|role| Warning::SharedLogin {
                            role: role.as_str().to_owned(),
                        }),
                );
            }
        }
        for (role, options) in &self.own {
            warnings.extend(check_login_role(options, &[role.as_str()]).await?);
        }
        let mut named = Vec::new();
        for warning in warnings {
            if !named.contains(&warning) {
                tracing::warn!("{warning}");
                named.push(warning);
            }
        }
        Ok(named)
    }
}
