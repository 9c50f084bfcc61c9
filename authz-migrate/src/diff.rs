//! What differs between two schemas: values compared with values, text with text.

use std::collections::BTreeSet;

use authz_schema::schema::{
    ClaimFunction, Column, Constraint, EnumType, Function, Grant, Index, Membership, Policy, Role, Schema,
    Table,
};
use authz_sql::Ident;

/// One object that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta<'a, T> {
    /// Only the new schema has it.
    Added(&'a T),
    /// Only the old schema has it.
    Removed(&'a T),
    /// Both have it, with other content: old, new.
    Changed(&'a T, &'a T),
}

/// All differences of two schemas.
#[derive(Debug)]
pub struct SchemaDiff<'a> {
    /// The schema before, with the names of after.
    pub old: &'a Schema,
    /// The schema after.
    pub new: &'a Schema,
    /// Session roles; never `Changed`.
    pub session_roles: Vec<Delta<'a, Ident>>,
    /// What is said of single roles.
    pub roles: Vec<Delta<'a, Role>>,
    /// Enum types.
    pub enums: Vec<Delta<'a, EnumType>>,
    /// Functions that give claims of the token.
    pub claims: Vec<Delta<'a, ClaimFunction>>,
    /// Functions that policies call.
    pub functions: Vec<Delta<'a, Function>>,
    /// Functions that look memberships up.
    pub memberships: Vec<Delta<'a, Membership>>,
    /// Tables. A `Changed` one stands in `altered` with its parts.
    pub tables: Vec<Delta<'a, Table>>,
    /// The parts of each table that both schemas have and that changed.
    pub altered: Vec<TableDiff<'a>>,
}

/// The differences of one table.
#[derive(Debug)]
pub struct TableDiff<'a> {
    /// The table before.
    pub old: &'a Table,
    /// The table after.
    pub new: &'a Table,
    /// Its columns by name. Order is no difference: PostgreSQL cannot change it.
    pub columns: Vec<Delta<'a, Column>>,
    /// Its constraints by name.
    pub constraints: Vec<Delta<'a, Constraint>>,
    /// Its indexes by name.
    pub indexes: Vec<Delta<'a, Index>>,
    /// Its policies by name.
    pub policies: Vec<Delta<'a, Policy>>,
    /// Its grants by role and privilege.
    pub grants: Vec<Delta<'a, Grant>>,
}

impl<'a> SchemaDiff<'a> {
    /// Compares two schemas.
    #[must_use]
    pub fn of(old: &'a Schema, new: &'a Schema) -> Self {
        let tables = pair(old.tables.values(), new.tables.values(), |table| &table.name);
        let altered = tables.iter().filter_map(|delta| match *delta {
            Delta::Changed(old, new) => Some(TableDiff::of(old, new)),
            Delta::Added(_) | Delta::Removed(_) => None,
        });
        Self {
            old,
            new,
            session_roles: pair(&old.session_roles, &new.session_roles, |role| role),
            roles: pair(old.roles.values(), new.roles.values(), |role| &role.name),
            enums: pair(old.enums.values(), new.enums.values(), |item| &item.name),
            claims: pair(old.claims.values(), new.claims.values(), |item| &item.name),
            functions: pair(old.functions.values(), new.functions.values(), |item| {
                &item.signature
            }),
            memberships: pair(old.memberships.values(), new.memberships.values(), |item| {
                &item.name
            }),
            altered: altered.collect(),
            tables,
        }
    }

    /// Whether the schemas are the same but for the order of columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.old.auth == self.new.auth
            && self.old.revoked_from_public == self.new.revoked_from_public
            && self.old.login_role == self.new.login_role
            && self.old.existing_namespaces == self.new.existing_namespaces
            && self.session_roles.is_empty()
            && self.roles.is_empty()
            && self.enums.is_empty()
            && self.claims.is_empty()
            && self.functions.is_empty()
            && self.memberships.is_empty()
            && self
                .tables
                .iter()
                .all(|delta| matches!(delta, Delta::Changed(..)))
            && self.altered.iter().all(TableDiff::is_empty)
    }
}

impl<'a> TableDiff<'a> {
    fn of(old: &'a Table, new: &'a Table) -> Self {
        // How an existing table is made is another's business, and so is what it becomes when it is handed over.
        let made_here = !old.existing && !new.existing;
        let columns = pair(&old.columns, &new.columns, |column| &column.name);
        let constraints = pair(&old.constraints, &new.constraints, |constraint| &constraint.name);
        let indexes = pair(&old.indexes, &new.indexes, |index| &index.name);
        Self {
            old,
            new,
            columns: if made_here { columns } else { Vec::new() },
            constraints: if made_here { constraints } else { Vec::new() },
            indexes: if made_here { indexes } else { Vec::new() },
            policies: pair(&old.policies, &new.policies, |policy| &policy.name),
            grants: pair(&old.grants, &new.grants, |grant| (&grant.role, grant.privilege)),
        }
    }

    fn is_empty(&self) -> bool {
        self.old.existing == self.new.existing
            && self.old.comment == self.new.comment
            && self.old.row_security == self.new.row_security
            && self.columns.is_empty()
            && self.constraints.is_empty()
            && self.indexes.is_empty()
            && self.policies.is_empty()
            && self.grants.is_empty()
    }
}

/// Pairs two lists by key: what was removed in the old order, then the rest in the new order.
fn pair<'a, T, K>(
    old: impl IntoIterator<Item = &'a T>,
    new: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<Delta<'a, T>>
where
    T: PartialEq,
    K: Ord,
{
    let new: Vec<&T> = new.into_iter().collect();
    let kept: BTreeSet<K> = new.iter().map(|item| key(item)).collect();
    let mut before = std::collections::BTreeMap::new();
    let mut deltas = Vec::new();
    for item in old {
        if !kept.contains(&key(item)) {
            deltas.push(Delta::Removed(item));
        }
        before.insert(key(item), item);
    }
    for item in new {
        match before.get(&key(item)) {
            None => deltas.push(Delta::Added(item)),
            Some(old) if *old != item => deltas.push(Delta::Changed(old, item)),
            Some(_) => {}
        }
    }
    deltas
}
