//! The SQL of each object: the one place where a schema becomes text. No statement ends in a semicolon here.

use crate::schema::{
    Column, Command, Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Grant, Index, Policy, Table,
    TableName,
};
use crate::sql::{Ident, literal};

/// CREATE TABLE with its columns and all constraints but foreign keys, which may point at tables that come later.
pub(crate) fn create_table(table: &Table) -> String {
    let columns = table.columns.iter().map(column);
    let own = table
        .constraints
        .iter()
        .filter(|constraint| !is_foreign_key(constraint))
        .map(constraint);
    let lines: Vec<String> = columns.chain(own).map(|line| format!("    {line}")).collect();
    format!("CREATE TABLE {} (\n{}\n)", table.name, lines.join(",\n"))
}

pub(crate) fn is_foreign_key(constraint: &Constraint) -> bool {
    matches!(constraint.kind, ConstraintKind::ForeignKey(_))
}

/// The column as it stands in CREATE TABLE and ADD COLUMN.
pub(crate) fn column(column: &Column) -> String {
    let mut sql = format!("{} {}", column.name, column.column_type);
    if column.identity {
        sql.push_str(" GENERATED ALWAYS AS IDENTITY");
    }
    if let Some(default) = &column.default {
        sql.push_str(" DEFAULT ");
        sql.push_str(&default_value(default));
    }
    if column.not_null {
        sql.push_str(" NOT NULL");
    }
    sql
}

/// A default, in parentheses where a comment or an operator could run into what follows.
pub(crate) fn default_value(default: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.'():, {}".contains(c);
    if default.chars().all(plain) && !default.contains(" ") {
        default.to_owned()
    } else {
        in_parentheses(default)
    }
}

/// The constraint as it stands in CREATE TABLE and ADD CONSTRAINT.
pub(crate) fn constraint(constraint: &Constraint) -> String {
    let definition = match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) => format!("PRIMARY KEY ({})", names(columns)),
        ConstraintKind::Unique(columns) => format!("UNIQUE ({})", names(columns)),
        ConstraintKind::Check(expression) => format!("CHECK {}", in_parentheses(expression)),
        ConstraintKind::ForeignKey(key) => foreign_key(key),
    };
    format!("CONSTRAINT {} {definition}", constraint.name)
}

fn foreign_key(key: &ForeignKey) -> String {
    let mut sql = format!(
        "FOREIGN KEY ({}) REFERENCES {} ({})",
        key.column, key.table, key.references
    );
    for (event, action) in [("DELETE", key.on_delete), ("UPDATE", key.on_update)] {
        if action != ForeignKeyAction::default()
            && let Some((words, _)) = ForeignKeyAction::ALL.iter().find(|(_, known)| *known == action)
        {
            sql.push_str(&format!(" ON {event} {}", words.to_ascii_uppercase()));
        }
    }
    sql
}

/// CREATE INDEX.
pub(crate) fn create_index(table: &TableName, index: &Index) -> String {
    format!(
        "CREATE INDEX {} ON {table} ({})",
        index.name,
        index.keys.join(", ")
    )
}

/// CREATE POLICY.
pub(crate) fn create_policy(table: &TableName, policy: &Policy) -> String {
    let kind = if policy.restrictive { " AS RESTRICTIVE" } else { "" };
    let command = policy.command.sql();
    format!(
        "CREATE POLICY {} ON {table}{kind}\n    FOR {command} TO {}{}",
        policy.name,
        names(&policy.roles),
        clauses(policy)
    )
}

/// ALTER POLICY to the given state. It cannot clear a clause, nor change the command or the kind.
pub(crate) fn alter_policy(table: &TableName, policy: &Policy) -> String {
    format!(
        "ALTER POLICY {} ON {table}\n    TO {}{}",
        policy.name,
        names(&policy.roles),
        clauses(policy)
    )
}

fn clauses(policy: &Policy) -> String {
    let clause = |words: &str, expression: &Option<String>| {
        expression
            .as_ref()
            .map(|text| format!("\n    {words} {}", in_parentheses(text)))
            .unwrap_or_default()
    };
    clause("USING", &policy.using) + &clause("WITH CHECK", &policy.with_check)
}

/// ALTER POLICY … RENAME.
pub(crate) fn rename_policy(table: &TableName, from: &Ident, to: &Ident) -> String {
    format!("ALTER POLICY {from} ON {table} RENAME TO {to}")
}

/// GRANT of a privilege.
pub(crate) fn grant(table: &TableName, grant: &Grant) -> String {
    format!("GRANT {} ON TABLE {table} TO {}", privilege(grant), grant.role)
}

/// REVOKE of a privilege, on the table and on every column.
pub(crate) fn revoke(table: &TableName, role: &Ident, command: Command) -> String {
    format!("REVOKE {} ON TABLE {table} FROM {role}", command.sql())
}

fn privilege(grant: &Grant) -> String {
    match &grant.columns {
        None => grant.privilege.sql().to_owned(),
        Some(columns) => format!("{} ({})", grant.privilege.sql(), names(columns)),
    }
}

/// COMMENT ON; an absent comment clears it.
pub(crate) fn comment(object: &str, text: Option<&str>) -> String {
    format!(
        "COMMENT ON {object} IS {}",
        text.map_or_else(|| "NULL".to_owned(), literal)
    )
}

/// A role that is created when it is missing, and refused where row security would not bind it.
///
/// Roles belong to the whole server, so that another database's migration may create the same one at the same time.
pub(crate) fn ensure_role(role: &Ident, attributes: &str) -> String {
    let name = literal(role.as_str());
    format!(
        "DO $do$ BEGIN\n    \
             IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name}) THEN\n        \
                 CREATE ROLE {role} {attributes};\n    \
             END IF;\n\
         EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;\n\
         END $do$;\n\
         DO $do$ BEGIN\n    \
             IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = {name} AND (rolsuper OR rolbypassrls)) THEN\n        \
                 RAISE EXCEPTION 'the role % bypasses row security', {name}\n            \
                     USING HINT = 'It exists with SUPERUSER or BYPASSRLS. Take these away, or drop the role.';\n    \
             END IF;\n\
         END $do$"
    )
}

/// Membership of the login role in a session role, so that it may SET ROLE to it.
pub(crate) fn ensure_membership(role: &Ident, member: &Ident) -> String {
    let (role_name, member_name) = (literal(role.as_str()), literal(member.as_str()));
    format!(
        "DO $do$ BEGIN\n    \
             IF NOT pg_catalog.pg_has_role({member_name}, {role_name}, 'MEMBER') THEN\n        \
                 GRANT {role} TO {member};\n    \
             END IF;\n\
         EXCEPTION WHEN unique_violation THEN NULL;\n\
         END $do$"
    )
}

/// Names separated by commas.
pub(crate) fn names<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    names
        .into_iter()
        .map(Ident::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// An expression in parentheses; a line comment inside cannot swallow the closing one.
fn in_parentheses(expression: &str) -> String {
    let end = if expression.contains("--") { "\n" } else { "" };
    format!("({expression}{end})")
}
