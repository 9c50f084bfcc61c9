//! The statements that lead from one schema to another, in an order in which each of them can run.
//!
//! All run in one transaction. Policies step aside before what they read changes and come back after it; a table
//! gets its policies before anybody is granted anything on it; nothing is dropped with CASCADE.

use std::collections::BTreeSet;

use crate::auth;
use crate::diff::{Delta, SchemaDiff, TableDiff};
use crate::hazard::{Hazard, HazardKind};
use crate::render;
use crate::schema::{Column, Grant, Policy, Schema, Table, TableName};
use crate::sql::Ident;

/// When a statement runs. The order of the variants is the order in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Roles,
    Namespaces,
    Auth,
    RevokePrivileges,
    DropPolicies,
    DropForeignKeys,
    DropConstraints,
    CreateTables,
    AlterColumns,
    AddConstraints,
    CreateForeignKeys,
    CreateIndexes,
    Policies,
    RowSecurity,
    DropColumns,
    DropTables,
    Grants,
    Comments,
    DropAuth,
    DropNamespaces,
}

/// One statement, without its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Statement {
    step: Step,
    sql: String,
}

/// The way from one schema to another.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    statements: Vec<Statement>,
    /// Dangers of the statements, the gravest first.
    pub hazards: Vec<Hazard>,
    /// Whether session roles are no longer declared. They stay on the server, with their memberships.
    pub roles_stay: bool,
}

impl Plan {
    /// Plans the way that a diff asks for.
    #[must_use]
    pub fn of(diff: &SchemaDiff<'_>) -> Self {
        let mut plan = Self::default();
        let rebuilt = policies_to_rebuild(diff);
        plan.roles(diff);
        plan.auth(diff);
        plan.namespaces(diff.old, diff.new);
        for delta in &diff.tables {
            match delta {
                Delta::Added(table) => plan.create_table(table),
                Delta::Removed(table) => plan.drop_table(table),
                Delta::Changed(..) => {}
            }
        }
        for table in diff.new.tables.values() {
            if let Some(altered) = diff.altered.iter().find(|altered| altered.new.name == table.name) {
                plan.alter_table(altered, &rebuilt);
            } else if let Some(old) = diff.old.tables.get(&table.name) {
                plan.rebuild_policies(old, table, &rebuilt, &[]);
            }
        }
        plan.statements.sort_by_key(|statement| statement.step);
        plan.hazards.sort();
        plan
    }

    /// The statements in order, without semicolons.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|statement| statement.sql.as_str())
    }

    fn push(&mut self, step: Step, sql: impl Into<String>) {
        self.statements.push(Statement {
            step,
            sql: sql.into(),
        });
    }

    fn hazard(&mut self, kind: HazardKind, message: impl Into<String>) {
        self.hazards.push(Hazard {
            kind,
            message: message.into(),
        });
    }

    /// Roles belong to the whole server: created when missing, and never dropped.
    fn roles(&mut self, diff: &SchemaDiff<'_>) {
        let (old, new) = (diff.old, diff.new);
        for delta in &diff.session_roles {
            match delta {
                Delta::Added(role) => self.push(Step::Roles, render::ensure_role(role, "NOLOGIN")),
                Delta::Removed(_) | Delta::Changed(..) => self.roles_stay = true,
            }
        }
        if let Some(login) = &new.login_role {
            if old.login_role.is_none() {
                self.push(Step::Roles, render::ensure_role(login, "LOGIN NOINHERIT"));
            }
            let added = diff.session_roles.iter().filter_map(|delta| match delta {
                Delta::Added(role) => Some(*role),
                Delta::Removed(_) | Delta::Changed(..) => None,
            });
            for role in added {
                self.push(Step::Roles, render::ensure_membership(role, login));
            }
        }
    }

    fn auth(&mut self, diff: &SchemaDiff<'_>) {
        match (diff.old.auth, diff.new.auth) {
            (None, Some(_)) => {
                for sql in auth::create(&diff.new.session_roles) {
                    self.push(Step::Auth, sql);
                }
            }
            (Some(_), None) => {
                for sql in auth::drop() {
                    self.push(Step::DropAuth, sql);
                }
            }
            (Some(_), Some(_)) => {
                for delta in &diff.session_roles {
                    match delta {
                        Delta::Added(role) => self.push(Step::Auth, auth::grant(role)),
                        Delta::Removed(role) => self.push(Step::DropAuth, auth::revoke(role)),
                        Delta::Changed(..) => {}
                    }
                }
            }
            (None, None) => {}
        }
    }

    fn namespaces(&mut self, old: &Schema, new: &Schema) {
        let own = |namespace: &&Ident| namespace.as_str() != "public";
        let (before, after) = (old.namespaces(), new.namespaces());
        for namespace in after.difference(&before).copied().filter(own) {
            self.push(Step::Namespaces, format!("CREATE SCHEMA {namespace}"));
        }
        for namespace in before.difference(&after).copied().filter(own) {
            self.push(Step::DropNamespaces, format!("DROP SCHEMA {namespace}"));
        }
        let (usages_before, usages_after) = (old.usages(), new.usages());
        for (namespace, role) in usages_after.difference(&usages_before) {
            self.push(
                Step::Grants,
                format!("GRANT USAGE ON SCHEMA {namespace} TO {role}"),
            );
        }
        for (namespace, role) in usages_before.difference(&usages_after) {
            self.push(
                Step::DropAuth,
                format!("REVOKE USAGE ON SCHEMA {namespace} FROM {role}"),
            );
        }
    }

    fn create_table(&mut self, table: &Table) {
        let name = &table.name;
        self.push(Step::CreateTables, render::create_table(table));
        if table.row_security {
            self.push(
                Step::CreateTables,
                format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
            );
            self.push(
                Step::CreateTables,
                format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"),
            );
        }
        for index in &table.indexes {
            self.push(Step::CreateTables, render::create_index(name, index));
        }
        if table.comment.is_some() {
            self.push(Step::CreateTables, table_comment(table));
        }
        for column in table.columns.iter().filter(|column| column.comment.is_some()) {
            self.push(Step::CreateTables, column_comment(name, column));
        }
        for key in table
            .constraints
            .iter()
            .filter(|constraint| render::is_foreign_key(constraint))
        {
            self.push(
                Step::CreateForeignKeys,
                format!("ALTER TABLE {name} ADD {}", render::constraint(key)),
            );
        }
        for policy in &table.policies {
            self.push(Step::Policies, render::create_policy(name, policy));
        }
        for grant in &table.grants {
            self.push(Step::Grants, render::grant(name, grant));
        }
    }

    fn drop_table(&mut self, table: &Table) {
        let name = &table.name;
        self.hazard(
            HazardKind::DataLoss,
            format!("drops the table {name} with all its rows"),
        );
        // A policy or a foreign key that reads another table would keep that table from being dropped.
        for policy in table.policies.iter().filter(|policy| reads_other_tables(policy)) {
            self.push(Step::DropPolicies, drop_policy(name, policy));
        }
        for key in table
            .constraints
            .iter()
            .filter(|constraint| render::is_foreign_key(constraint))
        {
            self.push(
                Step::DropForeignKeys,
                format!("ALTER TABLE {name} DROP CONSTRAINT {}", key.name),
            );
        }
        self.push(Step::DropTables, format!("DROP TABLE {name}"));
    }

    fn alter_table(&mut self, diff: &TableDiff<'_>, rebuilt: &BTreeSet<(&TableName, &Ident)>) {
        let name = &diff.new.name;
        for delta in &diff.columns {
            match delta {
                Delta::Added(column) => self.add_column(name, column),
                Delta::Removed(column) => {
                    self.hazard(
                        HazardKind::DataLoss,
                        format!("drops the column {name}.{}", column.name),
                    );
                    self.push(
                        Step::DropColumns,
                        format!("ALTER TABLE {name} DROP COLUMN {}", column.name),
                    );
                }
                Delta::Changed(old, new) => self.alter_column(name, old, new),
            }
        }
        for delta in &diff.constraints {
            if let Delta::Removed(old) | Delta::Changed(old, _) = delta {
                // A foreign key stands on the unique constraint that it refers to, maybe one of another table.
                let step = if render::is_foreign_key(old) {
                    Step::DropForeignKeys
                } else {
                    Step::DropConstraints
                };
                self.push(step, format!("ALTER TABLE {name} DROP CONSTRAINT {}", old.name));
            }
            if let Delta::Added(new) | Delta::Changed(_, new) = delta {
                let step = if render::is_foreign_key(new) {
                    Step::CreateForeignKeys
                } else {
                    Step::AddConstraints
                };
                self.hazard(
                    HazardKind::FailsOnRows,
                    format!("adds the constraint {} to {name}", new.name),
                );
                self.push(
                    step,
                    format!("ALTER TABLE {name} ADD {}", render::constraint(new)),
                );
            }
        }
        for delta in &diff.indexes {
            if let Delta::Removed(old) | Delta::Changed(old, _) = delta {
                self.push(
                    Step::DropConstraints,
                    format!("DROP INDEX {}.{}", name.namespace, old.name),
                );
            }
            if let Delta::Added(new) | Delta::Changed(_, new) = delta {
                self.hazard(
                    HazardKind::BlocksWrites,
                    format!("builds the index {} on {name}", new.name),
                );
                self.push(Step::CreateIndexes, render::create_index(name, new));
            }
        }
        self.row_security(diff);
        self.policies(diff, rebuilt);
        for delta in &diff.grants {
            self.alter_grant(diff, delta);
        }
        if diff.old.comment != diff.new.comment {
            self.push(Step::Comments, table_comment(diff.new));
        }
    }

    fn add_column(&mut self, table: &TableName, column: &Column) {
        if column.not_null && column.default.is_none() && !column.identity {
            let why = format!("adds {table}.{} NOT NULL without a default", column.name);
            self.hazard(HazardKind::FailsOnRows, why);
        }
        self.push(
            Step::AlterColumns,
            format!("ALTER TABLE {table} ADD COLUMN {}", render::column(column)),
        );
        if column.comment.is_some() {
            self.push(Step::Comments, column_comment(table, column));
        }
    }

    fn alter_column(&mut self, table: &TableName, old: &Column, new: &Column) {
        let column = &new.name;
        let alter = |plan: &mut Self, action: String| {
            plan.push(
                Step::AlterColumns,
                format!("ALTER TABLE {table} ALTER COLUMN {column} {action}"),
            );
        };
        let retyped = old.column_type != new.column_type;
        if old.identity && !new.identity {
            alter(self, "DROP IDENTITY".to_owned());
        }
        // A default of the old type may not convert by itself.
        if old.default.is_some() && (retyped || new.default.is_none()) {
            alter(self, "DROP DEFAULT".to_owned());
        }
        if retyped {
            self.hazard(
                HazardKind::TableRewrite,
                format!("changes the type of {table}.{column} to {}", new.column_type),
            );
            if !keeps_values(&old.column_type, &new.column_type) {
                self.hazard(
                    HazardKind::DataLoss,
                    format!(
                        "casts the values of {table}.{column} from {} to {}, which may cut them",
                        old.column_type, new.column_type
                    ),
                );
            }
            alter(self, format!("TYPE {0} USING {column}::{0}", new.column_type));
        }
        if let Some(default) = new
            .default
            .as_ref()
            .filter(|_| retyped || old.default != new.default)
        {
            alter(self, format!("SET DEFAULT {}", render::default_value(default)));
        }
        match (old.not_null, new.not_null) {
            (false, true) => {
                self.hazard(HazardKind::FailsOnRows, format!("sets {table}.{column} NOT NULL"));
                alter(self, "SET NOT NULL".to_owned());
            }
            (true, false) => alter(self, "DROP NOT NULL".to_owned()),
            _ => {}
        }
        if !old.identity && new.identity {
            alter(self, "ADD GENERATED ALWAYS AS IDENTITY".to_owned());
        }
        if old.comment != new.comment {
            self.push(Step::Comments, column_comment(table, new));
        }
    }

    /// Removing the last policy keeps row security on: then nobody sees a row. Only `disabled` turns it off.
    fn row_security(&mut self, diff: &TableDiff<'_>) {
        let name = &diff.new.name;
        match (diff.old.row_security, diff.new.row_security) {
            (false, true) => {
                self.hazard(
                    HazardKind::AuthzNarrows,
                    format!("turns row security of {name} on"),
                );
                self.push(
                    Step::RowSecurity,
                    format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
                );
                self.push(
                    Step::RowSecurity,
                    format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"),
                );
            }
            (true, false) => {
                self.hazard(
                    HazardKind::RlsDisable,
                    format!("turns row security of {name} off"),
                );
                self.push(
                    Step::RowSecurity,
                    format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"),
                );
                self.push(
                    Step::RowSecurity,
                    format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
                );
            }
            _ => {}
        }
    }

    fn policies(&mut self, diff: &TableDiff<'_>, rebuilt: &BTreeSet<(&TableName, &Ident)>) {
        let name = &diff.new.name;
        for delta in &diff.policies {
            self.policy_hazard(name, delta);
            match delta {
                Delta::Added(policy) => self.push(Step::Policies, render::create_policy(name, policy)),
                Delta::Removed(policy) => self.push(Step::DropPolicies, drop_policy(name, policy)),
                Delta::Changed(old, new)
                    if must_rebuild(old, new) || rebuilt.contains(&(name, &new.name)) =>
                {
                    self.push(Step::DropPolicies, drop_policy(name, old));
                    self.push(Step::Policies, render::create_policy(name, new));
                }
                Delta::Changed(_, new) => self.push(Step::Policies, render::alter_policy(name, new)),
            }
        }
        let changed: Vec<&Ident> = diff
            .policies
            .iter()
            .map(|delta| match delta {
                Delta::Added(policy) | Delta::Removed(policy) | Delta::Changed(_, policy) => &policy.name,
            })
            .collect();
        self.rebuild_policies(diff.old, diff.new, rebuilt, &changed);
    }

    /// Drops and recreates the unchanged policies that stand on what changes.
    fn rebuild_policies(
        &mut self,
        old: &Table,
        new: &Table,
        rebuilt: &BTreeSet<(&TableName, &Ident)>,
        done: &[&Ident],
    ) {
        for policy in &new.policies {
            let stands = old.policies.contains(policy) && !done.contains(&&policy.name);
            if stands && rebuilt.contains(&(&new.name, &policy.name)) {
                self.push(Step::DropPolicies, drop_policy(&new.name, policy));
                self.push(Step::Policies, render::create_policy(&new.name, policy));
            }
        }
    }

    fn policy_hazard(&mut self, table: &TableName, delta: &Delta<'_, Policy>) {
        use HazardKind::{AuthzNarrows, AuthzWidens};
        let (kind, message) = match delta {
            Delta::Added(policy) => (
                if policy.restrictive {
                    AuthzNarrows
                } else {
                    AuthzWidens
                },
                format!("adds the policy {}", policy.name),
            ),
            Delta::Removed(policy) => (
                if policy.restrictive {
                    AuthzWidens
                } else {
                    AuthzNarrows
                },
                format!("drops the policy {}", policy.name),
            ),
            Delta::Changed(old, new) => policy_change(old, new),
        };
        self.hazard(kind, format!("{message} of {table}"));
    }

    fn alter_grant(&mut self, diff: &TableDiff<'_>, delta: &Delta<'_, Grant>) {
        let table = &diff.new.name;
        let message = |verb: &str, grant: &Grant| {
            format!(
                "{verb} {} on {table} {} {}",
                grant.privilege.sql(),
                if verb == "grants" { "to" } else { "from" },
                grant.role
            )
        };
        match delta {
            Delta::Added(grant) => {
                self.hazard(HazardKind::AuthzWidens, message("grants", grant));
                self.push(Step::Grants, render::grant(table, grant));
            }
            Delta::Removed(grant) => {
                self.hazard(HazardKind::AuthzNarrows, message("revokes", grant));
                self.push(
                    Step::RevokePrivileges,
                    render::revoke(table, &grant.role, grant.privilege),
                );
            }
            Delta::Changed(old, new) => {
                // Only a column that stays can be gained or lost: a new one was nobody's before.
                let stays = |column: &&Ident| has_column(diff.old, column) && has_column(diff.new, column);
                let before: BTreeSet<&Ident> = granted(old, diff.old).filter(stays).collect();
                let after: BTreeSet<&Ident> = granted(new, diff.new).filter(stays).collect();
                if !before.is_subset(&after) {
                    self.hazard(HazardKind::AuthzNarrows, message("revokes columns of", old));
                }
                if !after.is_subset(&before) {
                    self.hazard(HazardKind::AuthzWidens, message("grants", new));
                }
                // A grant adds to what is there, and one of the table stands beside those of columns.
                if !before.is_subset(&after) || old.columns.is_some() != new.columns.is_some() {
                    self.push(
                        Step::RevokePrivileges,
                        render::revoke(table, &old.role, old.privilege),
                    );
                }
                self.push(Step::Grants, render::grant(table, new));
            }
        }
    }
}

/// The columns that a grant covers.
fn granted<'a>(grant: &'a Grant, table: &'a Table) -> Box<dyn Iterator<Item = &'a Ident> + 'a> {
    match &grant.columns {
        Some(columns) => Box::new(columns.iter()),
        None => Box::new(table.columns.iter().map(|column| &column.name)),
    }
}

fn has_column(table: &Table, name: &Ident) -> bool {
    table.columns.iter().any(|column| column.name == *name)
}

/// Which way a change of a policy goes, with its words.
fn policy_change(old: &Policy, new: &Policy) -> (HazardKind, String) {
    use HazardKind::{AuthzChanged, AuthzNarrows, AuthzWidens};
    let more = !new.roles.is_subset(&old.roles);
    let fewer = !old.roles.is_subset(&new.roles);
    let roles_widen = if new.restrictive { fewer } else { more };
    let clauses = [(&old.using, &new.using), (&old.with_check, &new.with_check)];
    let opened = clauses.into_iter().any(|(old, new)| {
        old != new
            && new
                .as_deref()
                .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    });
    let message = format!("changes the policy {}", new.name);
    let texts = |how: &str| format!("{message}: {how}{}", texts(old, new));
    match (old.restrictive, new.restrictive) {
        (true, false) => (AuthzWidens, texts("from restrictive to permissive, ")),
        (false, true) => (AuthzNarrows, texts("from permissive to restrictive, ")),
        // The new command gains a policy, or the old one loses a restriction.
        _ if old.command != new.command => (AuthzWidens, texts("")),
        _ if clauses.into_iter().all(|(old, new)| old == new) => (
            if roles_widen { AuthzWidens } else { AuthzNarrows },
            format!("{message}: its roles"),
        ),
        _ if opened || roles_widen => (AuthzWidens, texts("")),
        _ => (AuthzChanged, texts("")),
    }
}

/// Whether every value of the old type is one of the new type too. What is not known to be is taken to lose some.
fn keeps_values(old: &str, new: &str) -> bool {
    /// Each type holds the values of those before it.
    const WIDER: [&[&str]; 3] = [
        &["smallint", "integer", "bigint", "numeric"],
        &["real", "double precision"],
        &["date", "timestamp", "timestamptz"],
    ];
    if let (Some(old), Some(new)) = (old.strip_suffix("[]"), new.strip_suffix("[]")) {
        return keeps_values(old, new);
    }
    let limit = |ty: &str| -> Option<u32> {
        let limit = ty.strip_prefix("varchar(")?.strip_suffix(')')?;
        limit.trim().parse().ok()
    };
    let place = |types: &[&str], ty: &str| types.iter().position(|known| *known == ty);
    matches!(new, "text" | "varchar" | "citext")
        || (new == "numeric" && old.starts_with("numeric("))
        || matches!((limit(old), limit(new)), (Some(old), Some(new)) if old <= new)
        || WIDER.iter().any(
            |types| matches!((place(types, old), place(types, new)), (Some(old), Some(new)) if old <= new),
        )
}

fn texts(old: &Policy, new: &Policy) -> String {
    let text = |policy: &Policy| {
        let clause = |word: &str, text: &Option<String>| text.as_ref().map(|text| format!("{word} ({text})"));
        let clauses = [
            clause("USING", &policy.using),
            clause("WITH CHECK", &policy.with_check),
        ];
        format!(
            "{} {}",
            policy.command.sql(),
            clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
        )
    };
    format!("`{}` becomes `{}`,", text(old), text(new)).replace('\n', " ")
}

fn table_comment(table: &Table) -> String {
    render::comment(&format!("TABLE {}", table.name), table.comment.as_deref())
}

fn column_comment(table: &TableName, column: &Column) -> String {
    render::comment(
        &format!("COLUMN {table}.{}", column.name),
        column.comment.as_deref(),
    )
}

fn drop_policy(table: &TableName, policy: &Policy) -> String {
    format!("DROP POLICY {} ON {table}", policy.name)
}

/// ALTER POLICY can change neither the command nor the kind, and cannot clear a clause.
fn must_rebuild(old: &Policy, new: &Policy) -> bool {
    old.command != new.command
        || old.restrictive != new.restrictive
        || (old.using.is_some() && new.using.is_none())
        || (old.with_check.is_some() && new.with_check.is_none())
}

fn expressions(policy: &Policy) -> impl Iterator<Item = &str> {
    [&policy.using, &policy.with_check]
        .into_iter()
        .flatten()
        .map(String::as_str)
}

fn reads_other_tables(policy: &Policy) -> bool {
    expressions(policy).any(|text| mentions(&comparable(text), "from"))
}

/// The policies, of any table, that read a column whose type changes. PostgreSQL refuses to retype it under them.
fn policies_to_rebuild<'a>(diff: &SchemaDiff<'a>) -> BTreeSet<(&'a TableName, &'a Ident)> {
    let retyped: Vec<(&TableName, &Ident)> = diff
        .altered
        .iter()
        .flat_map(|table| {
            table.columns.iter().filter_map(|delta| match delta {
                Delta::Changed(old, new) if old.column_type != new.column_type => {
                    Some((&table.new.name, &new.name))
                }
                _ => None,
            })
        })
        .collect();
    let reads = |table: &Table, policy: &Policy| {
        retyped.iter().any(|(changed, column)| {
            expressions(policy).any(|text| {
                let text = comparable(text);
                let names = |name: &Ident| mentions(&text, &comparable(name.as_str()));
                (**changed == table.name || names(&changed.name)) && names(column)
            })
        })
    };
    let mut found = BTreeSet::new();
    for table in diff.old.tables.values() {
        let policies = table.policies.iter().filter(|policy| reads(table, policy));
        found.extend(policies.map(|policy| (&table.name, &policy.name)));
    }
    found
}

/// A text in which a name stands as in every other: PostgreSQL folds bare names, and doubles quotes in quoted ones.
fn comparable(text: &str) -> String {
    text.to_lowercase().replace("\"\"", "\"")
}

/// Whether a name stands in a text as a word. Finding one too many only costs a needless rebuild.
fn mentions(text: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(start, _)| {
        let before = text.get(..start).and_then(|rest| rest.chars().next_back());
        let after = text
            .get(start + name.len()..)
            .and_then(|rest| rest.chars().next());
        !before.is_some_and(word) && !after.is_some_and(word)
    })
}
