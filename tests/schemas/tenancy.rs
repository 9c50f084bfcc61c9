//! Tenants and users, found by claims that are text while the keys are numbers.

use authz::Table;

/// A tenant, which its users may see.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(select = "auth.session()->>'tenant_id' = id::text")]
pub(crate) struct Tenant {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    pub(crate) name: String,
}

/// A user, who may see themselves.
#[derive(Debug, Table, sqlx::FromRow)]
#[rls(select = "auth.user_id() = id::text")]
pub(crate) struct User {
    #[column(primary_key, identity)]
    pub(crate) id: i64,
    #[column(references = "tenants(id)", on_delete = "cascade")]
    pub(crate) tenant_id: i64,
    pub(crate) email: String,
}
