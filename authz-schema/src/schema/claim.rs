//! Functions that give SQL the claims of a token in the types of the application.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{MEMBERS_ROLE, Named, Schema, TypeName};
use authz_sql::Ident;
use authz_sql::{MEMBERS, QualifiedName};

/// A function that gives one claim of the transaction's token, such as `auth.org_id()`.
///
/// It is NULL where the token has no such claim, or one that is not of the type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimFunction {
    /// Namespace and name. The namespace is `auth`, or `authz` where `auth` belongs to the platform.
    #[serde(flatten)]
    pub name: QualifiedName,
    /// The claim's name in the token.
    pub claim: String,
    /// The type of the result as SQL text, such as `uuid` or `text[]`.
    #[serde(rename = "type")]
    pub claim_type: String,
    /// COMMENT ON FUNCTION, from the field's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

impl ClaimFunction {
    /// Name and arguments, of which there are none.
    #[must_use]
    pub fn signature(&self) -> String {
        format!("{}()", self.name)
    }

    /// Whether it gives this type, or an array of it.
    #[must_use]
    pub fn is_of(&self, name: &TypeName) -> bool {
        self.claim_type.trim_end_matches("[]") == name.to_string()
    }

    /// Whether both say the same of a token.
    #[must_use]
    pub fn means(&self, other: &Self) -> bool {
        self.claim == other.claim && self.claim_type == other.claim_type
    }
}

impl Named<QualifiedName> for ClaimFunction {
    fn key(&self) -> QualifiedName {
        self.name.clone()
    }
}

impl Schema {
    /// Who may call the functions that give claims: the session roles, and whoever looks memberships up for them.
    #[must_use]
    pub fn claim_callers(&self) -> BTreeSet<Ident> {
        let members = Ident::new(MEMBERS_ROLE)
            .ok()
            .filter(|_| !self.memberships.is_empty());
        self.session_roles.iter().cloned().chain(members).collect()
    }

    /// Whether migrations make functions in the namespace `authz`.
    #[must_use]
    pub fn has_members_namespace(&self) -> bool {
        !self.memberships.is_empty() || self.claims_in_members_namespace()
    }

    /// The roles that need USAGE on the namespace `authz`.
    #[must_use]
    pub fn members_usages(&self) -> BTreeSet<Ident> {
        let mut roles: BTreeSet<Ident> = self
            .memberships
            .values()
            .flat_map(|membership| membership.roles.iter().cloned())
            .collect();
        if self.claims_in_members_namespace() {
            roles.extend(self.session_roles.iter().cloned());
        }
        roles
    }

    fn claims_in_members_namespace(&self) -> bool {
        self.claims.keys().any(|name| name.namespace.as_str() == MEMBERS)
    }
}
