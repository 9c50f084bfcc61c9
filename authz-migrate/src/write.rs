//! From statements to text: the one place where a plan becomes SQL.
//!
//! Statements are written in the order in which they run, so that each of them finds every object by the name that it has
//! at that moment. No text ends in a semicolon here.

use std::collections::BTreeMap;

use authz_schema::schema::{Constraint, ConstraintKind, MEMBERS_ROLE, Membership, Table, TableName};
use authz_sql::{Ident, MEMBERS, QualifiedName, literal};

use crate::names::{Name, Names};
use crate::object::Object;
use crate::plan::{not_null_names, server_name};
use crate::statement::{Statement, Validation, ValuePlace};
use crate::texts::Catalog;
use crate::{auth, claims, render};

/// The texts of a statement; `names` is what the server calls things before it, and after it.
pub(crate) fn write(statement: &Statement, names: &mut Names, catalog: &Catalog) -> Vec<String> {
    use Statement as S;
    let alter = |table: &TableName, action: &str| format!("ALTER TABLE {} {action}", names.table(table));
    let column = |table: &TableName, column: &Ident, action: &str| {
        let name = names.column(table, column);
        format!("ALTER TABLE {} ALTER COLUMN {name} {action}", names.table(table))
    };
    let one = |sql: String| vec![sql];
    match statement {
        S::EnsureRole { role, attributes } => one(render::ensure_role(role, attributes)),
        S::RefuseStrongRole(role) => one(render::refuse_strong_role(role)),
        S::EnsureMembership { role, member } => one(render::ensure_membership(role, member)),
        S::RevokeMembership { role, member } => one(format!("REVOKE {role} FROM {member}")),
        S::Inherit { role, inherits } => one(format!(
            "ALTER ROLE {role} {}",
            if *inherits { "INHERIT" } else { "NOINHERIT" }
        )),
        S::RequireMembersRole => one(render::require_membership(MEMBERS_ROLE)),

        S::RevokeFromPublic => one(render::REVOKE_FROM_PUBLIC.to_owned()),
        S::CreateNamespace(namespace) => one(format!("CREATE SCHEMA {namespace}")),
        S::DropNamespace(namespace) => one(format!("DROP SCHEMA {namespace}")),
        S::GrantUsage { namespace, role } => one(format!("GRANT USAGE ON SCHEMA {namespace} TO {role}")),
        S::RevokeUsage { namespace, role } => one(format!("REVOKE USAGE ON SCHEMA {namespace} FROM {role}")),
        S::GrantSequence { sequence, role } => one(format!("GRANT USAGE ON SEQUENCE {sequence} TO {role}")),
        S::RevokeSequence { sequence, role } => {
            one(format!("REVOKE USAGE ON SEQUENCE {sequence} FROM {role}"))
        }

        S::CreateAuth { version, roles } => auth::create(*version, roles),
        S::ReplaceAuth(version) => auth::replace(*version),
        S::DropAuth => auth::drop(),
        S::GrantAuth(role) => one(auth::grant(role)),
        S::RevokeAuth(role) => one(auth::revoke(role)),

        S::CreateEnum(item) => one(render::create_enum(&names.named_enum(item))),
        S::DropEnum(item) => one(format!("DROP TYPE {}", names.item(item))),
        S::AddValue { item, value, place } => {
            let place = match place {
                Some(ValuePlace::After(value)) => format!(" AFTER {}", literal(&names.value(item, value))),
                Some(ValuePlace::Before(value)) => format!(" BEFORE {}", literal(&names.value(item, value))),
                None => String::new(),
            };
            one(format!(
                "ALTER TYPE {} ADD VALUE {}{place}",
                names.item(item),
                literal(&names.value(item, value))
            ))
        }

        S::CreateClaim { claim, callers } => {
            let name = claim.signature();
            vec![
                claims::create(&names.named_claim(claim)),
                format!("REVOKE ALL ON FUNCTION {name} FROM PUBLIC"),
                format!("GRANT EXECUTE ON FUNCTION {name} TO {}", render::names(callers)),
            ]
        }
        S::ReplaceClaim(claim) => one(claims::replace(&names.named_claim(claim))),
        S::DropClaim(claim) => one(format!("DROP FUNCTION {}", claim.signature())),
        S::CreateFunction(function) => {
            let mut sentences = vec![
                function.sql.clone(),
                format!("REVOKE ALL ON FUNCTION {} FROM PUBLIC", function.signature),
            ];
            if !function.roles.is_empty() {
                let roles = render::names(&function.roles);
                sentences.push(format!(
                    "GRANT EXECUTE ON FUNCTION {} TO {roles}",
                    function.signature
                ));
            }
            sentences
        }
        S::ReplaceFunction(function) => one(function.sql.clone()),
        S::DropFunction(signature) => one(format!("DROP FUNCTION {signature}")),
        S::CreateMembership(membership) => create_membership(&names.named_membership(membership, catalog)),
        S::ReplaceMembership(membership) => vec![
            format!("GRANT {MEMBERS_ROLE} TO CURRENT_USER"),
            render::replace_membership(&names.named_membership(membership, catalog)),
            format!("REVOKE {MEMBERS_ROLE} FROM CURRENT_USER"),
        ],
        S::MembershipCallers { name, gains, loses } => {
            // The function belongs to the role, and only the owner may grant.
            let mut sentences = vec![format!("GRANT {MEMBERS_ROLE} TO CURRENT_USER")];
            if !loses.is_empty() {
                let roles = render::names(loses);
                sentences.push(format!("REVOKE ALL ON FUNCTION {MEMBERS}.{name}() FROM {roles}"));
            }
            if !gains.is_empty() {
                let roles = render::names(gains);
                sentences.push(format!("GRANT EXECUTE ON FUNCTION {MEMBERS}.{name}() TO {roles}"));
            }
            sentences.push(format!("REVOKE {MEMBERS_ROLE} FROM CURRENT_USER"));
            sentences
        }
        S::DropMembership(name) => one(format!("DROP FUNCTION {MEMBERS}.{name}()")),
        S::GrantExecute { functions, role } => {
            one(format!("GRANT EXECUTE ON FUNCTION {functions} TO {role}"))
        }
        S::RevokeExecute { functions, role } => {
            one(format!("REVOKE ALL ON FUNCTION {functions} FROM {role}"))
        }

        S::CreateTable { table, constraints } => {
            let mut folded = table.clone();
            folded
                .constraints
                .retain(|constraint| constraints.contains(&constraint.name));
            let named = names.named_table(&folded, catalog);
            let not_null = explicit_not_null(&named);
            one(render::create_table(&named, &not_null))
        }
        S::DropTable(table) => one(format!("DROP TABLE {}", names.table(table))),
        S::EnableRowSecurity(table) => vec![
            alter(table, "ENABLE ROW LEVEL SECURITY"),
            alter(table, "FORCE ROW LEVEL SECURITY"),
        ],
        S::DisableRowSecurity(table) => vec![
            alter(table, "NO FORCE ROW LEVEL SECURITY"),
            alter(table, "DISABLE ROW LEVEL SECURITY"),
        ],
        S::AddColumn {
            table,
            column,
            not_null,
        } => {
            let column = names.named_column(table, column, catalog);
            let not_null = not_null.as_ref();
            one(alter(
                table,
                &format!("ADD COLUMN {}", render::column(&column, not_null)),
            ))
        }
        S::DropColumn { table, column } => {
            let column = names.column(table, column);
            one(alter(table, &format!("DROP COLUMN {column}")))
        }
        S::Retype {
            table,
            column: name,
            to,
            by_text,
        } => {
            let now = names.column(table, name);
            let sql_type = names.sql_type(to);
            let by_text = match (by_text, to.ends_with("[]")) {
                (false, _) => "",
                (true, false) => "::text",
                (true, true) => "::text[]",
            };
            one(column(
                table,
                name,
                &format!("TYPE {sql_type} USING {now}{by_text}::{sql_type}"),
            ))
        }
        S::DropExpression { table, column: name } => one(column(table, name, "DROP EXPRESSION")),
        S::SetDefault { table, column: new } => {
            let named = names.named_column(table, new, catalog);
            let default = named
                .default
                .as_ref()
                .map(render::default_value)
                .unwrap_or_default();
            one(column(table, &new.name, &format!("SET DEFAULT {default}")))
        }
        S::DropDefault { table, column: name } => one(column(table, name, "DROP DEFAULT")),
        S::SetNotNull {
            table,
            column: name,
            not_null,
        } => {
            let mut sentences = vec![column(table, name, "SET NOT NULL")];
            sentences.extend(named_not_null(table, name, not_null.as_ref(), names));
            sentences
        }
        S::DropNotNull { table, column: name } => one(column(table, name, "DROP NOT NULL")),
        S::AddIdentity {
            table,
            column: name,
            identity,
        } => vec![
            column(
                table,
                name,
                &format!("ADD {}", render::generated_as_identity(*identity)),
            ),
            render::count_behind_rows(&names.table(table), &names.column(table, name)),
        ],
        S::SetIdentity {
            table,
            column: name,
            identity,
        } => one(column(
            table,
            name,
            &format!("SET {}", render::generated(*identity)),
        )),
        S::DropIdentity { table, column: name } => one(column(table, name, "DROP IDENTITY")),

        S::AddConstraint {
            table,
            constraint,
            how,
        } => {
            let named = names.named_constraint(table, constraint, catalog);
            let later = if *how == Validation::Later {
                " NOT VALID"
            } else {
                ""
            };
            let sql = alter(table, &format!("ADD {}{later}", render::constraint(&named)));
            if *how == Validation::NowBehindRowSecurity {
                unhindered(&names.table(table), &named, sql)
            } else {
                one(sql)
            }
        }
        S::DropConstraint { table, constraint } => {
            let constraint = names.constraint(table, constraint);
            one(alter(table, &format!("DROP CONSTRAINT {constraint}")))
        }
        S::Validate { table, constraint } => {
            let named = names.named_constraint(table, constraint, catalog);
            let sql = alter(table, &format!("VALIDATE CONSTRAINT {}", named.name));
            unhindered(&names.table(table), &named, sql)
        }
        S::ProvenNotNull {
            table,
            column: name,
            check,
            not_null,
        } => {
            let mut sentences = vec![
                column(table, name, "SET NOT NULL"),
                alter(table, &format!("DROP CONSTRAINT {check}")),
            ];
            sentences.extend(named_not_null(table, name, not_null.as_ref(), names));
            sentences
        }
        S::UseIndex {
            table,
            old,
            new,
            index,
        } => {
            let mut sentences = Vec::new();
            if let Some(old) = old {
                let old = names.constraint(table, old);
                sentences.push(alter(table, &format!("DROP CONSTRAINT {old}")));
            }
            let named = names.named_constraint(table, new, catalog);
            let index = names.index(table, index);
            sentences.push(alter(
                table,
                &format!("ADD {}", render::key_using_index(&named, &index)),
            ));
            sentences
        }
        S::AssertValid(indexes) => {
            let indexes: Vec<(TableName, Ident)> = indexes
                .iter()
                .map(|(table, index)| (names.table(table), names.index(table, index)))
                .collect();
            one(render::assert_valid(
                indexes.iter().map(|(table, index)| (table, index)),
            ))
        }

        S::CreateIndex {
            table,
            index,
            concurrently,
        } => {
            let (index, table) = (names.named_index(table, index, catalog), names.table(table));
            one(if *concurrently {
                render::build_index(&table, &index)
            } else {
                render::create_index(&table, &index)
            })
        }
        S::DropIndex {
            table,
            index,
            concurrently,
        } => {
            let (index, table) = (names.index(table, index), names.table(table));
            one(if *concurrently {
                render::unbuild_index(&table.namespace, &index)
            } else {
                format!("DROP INDEX {}.{index}", table.namespace)
            })
        }

        S::CreatePolicy { table, policy } => one(render::create_policy(
            &names.table(table),
            &names.named_policy(table, policy, catalog),
        )),
        S::AlterPolicy { table, policy } => one(render::alter_policy(
            &names.table(table),
            &names.named_policy(table, policy, catalog),
        )),
        S::DropPolicy { table, policy } => one(format!(
            "DROP POLICY {} ON {}",
            names.policy(table, policy),
            names.table(table)
        )),
        S::Grant { table, grant } => one(render::grant(
            &names.table(table),
            &names.named_grant(table, grant),
        )),
        S::Revoke {
            table,
            role,
            privilege,
        } => one(render::revoke(&names.table(table), role, *privilege)),

        S::Comment { of, text } => one(render::comment(&described(of, names), text.as_deref())),

        S::Rename { object, to } => rename(object, to, names),
        S::FollowNames {
            table,
            sequences,
            not_null,
        } => follow_names(table, sequences, not_null, names),
    }
}

/// Gives a NOT NULL that is set its name where the server has chosen another.
fn named_not_null(table: &TableName, column: &Ident, name: Option<&String>, names: &Names) -> Option<String> {
    let wanted = (names.column(table, column), name?.clone());
    Some(render::rename_not_null(&names.table(table), &[wanted]))
}

/// The names of NOT NULL that the server would choose otherwise, since two of them are the same once they are cut.
fn explicit_not_null(table: &Table) -> BTreeMap<Ident, String> {
    let mut wanted = not_null_names(table, &Names::default());
    wanted.retain(|column, name| *name != server_name(&table.name.name, column, "not_null"));
    wanted
}

/// An object as COMMENT ON names it.
fn described(of: &Object, names: &Names) -> String {
    match of {
        Object::Table(table) => format!("TABLE {}", names.table(table)),
        Object::Column(table, column) => {
            format!("COLUMN {}.{}", names.table(table), names.column(table, column))
        }
        Object::Enum(item) => format!("TYPE {}", names.item(item)),
        Object::Claim(name) => format!("FUNCTION {name}()"),
        _ => String::new(),
    }
}

/// The owner needs CREATE to become the owner, and the migration's role must be a member of it, unless that is a
/// superuser. Both are taken back at once.
fn create_membership(membership: &Membership) -> Vec<String> {
    let name = format!("{MEMBERS}.{}()", membership.name);
    vec![
        render::create_membership(membership),
        format!("REVOKE ALL ON FUNCTION {name} FROM PUBLIC"),
        format!(
            "GRANT EXECUTE ON FUNCTION {name} TO {}",
            render::names(&membership.roles)
        ),
        format!("GRANT CREATE ON SCHEMA {MEMBERS} TO {MEMBERS_ROLE}"),
        format!("GRANT {MEMBERS_ROLE} TO CURRENT_USER"),
        format!("ALTER FUNCTION {name} OWNER TO {MEMBERS_ROLE}"),
        format!("REVOKE {MEMBERS_ROLE} FROM CURRENT_USER"),
        format!("REVOKE CREATE ON SCHEMA {MEMBERS} FROM {MEMBERS_ROLE}"),
    ]
}

/// A check of all rows that sees all rows.
///
/// FORCE binds who migrates, and PostgreSQL checks a foreign key by a join of what that user sees: rows that are hidden pass,
/// and keys that are hidden are missing. Without SELECT on the referring columns it looks each row up by itself, past row
/// security (`RI_Initial_Check` in `ri_triggers.c`). Superusers are not affected.
fn unhindered(table: &TableName, constraint: &Constraint, sql: String) -> Vec<String> {
    let ConstraintKind::ForeignKey(key) = &constraint.kind else {
        return vec![sql];
    };
    let mut sentences = vec![format!("REVOKE SELECT ON TABLE {table} FROM CURRENT_USER")];
    // The look-up of a row reads the table referred to, which here is the same one.
    let itself = (key.table == *table).then(|| render::names(&key.references));
    sentences.extend(
        itself
            .iter()
            .map(|columns| format!("GRANT SELECT ({columns}) ON TABLE {table} TO CURRENT_USER")),
    );
    sentences.push(sql);
    sentences.extend(
        itself
            .iter()
            .map(|columns| format!("REVOKE SELECT ({columns}) ON TABLE {table} FROM CURRENT_USER")),
    );
    sentences.push(format!("GRANT SELECT ON TABLE {table} TO CURRENT_USER"));
    sentences
}

fn rename(object: &Object, to: &Name, names: &mut Names) -> Vec<String> {
    let from = names.of(object);
    let mut sentences = Vec::new();
    match (object, &from, to) {
        (Object::Table(_), Name::Qualified(from), Name::Qualified(to)) => {
            sentences = move_object("TABLE", from, to);
        }
        (Object::Enum(_), Name::Qualified(from), Name::Qualified(to)) => {
            sentences = move_object("TYPE", from, to);
        }
        (Object::Value(item, _), Name::Label(from), Name::Label(to)) => {
            sentences.push(render::rename_value(&names.item(item), from, to));
        }
        (Object::Column(table, _), Name::Ident(from), Name::Ident(to)) => {
            let table = names.table(table);
            sentences.push(format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}"));
        }
        (Object::Constraint(table, _), Name::Ident(from), Name::Ident(to)) => {
            let table = names.table(table);
            sentences.push(format!("ALTER TABLE {table} RENAME CONSTRAINT {from} TO {to}"));
        }
        (Object::Index(table, _), Name::Ident(from), Name::Ident(to)) => {
            let namespace = names.table(table).namespace;
            sentences.push(format!("ALTER INDEX {namespace}.{from} RENAME TO {to}"));
        }
        (Object::Policy(table, _), Name::Ident(from), Name::Ident(to)) => {
            sentences.push(render::rename_policy(&names.table(table), from, to));
        }
        _ => {}
    }
    names.set(object.clone(), to.clone());
    sentences
}

/// Renames an object, then moves it.
fn move_object(kind: &str, from: &QualifiedName, to: &QualifiedName) -> Vec<String> {
    let renamed = from.renamed(&to.name);
    let mut sentences = Vec::new();
    if from.name != to.name {
        sentences.push(format!("ALTER {kind} {from} RENAME TO {}", to.name));
    }
    if from.namespace != to.namespace {
        sentences.push(format!("ALTER {kind} {renamed} SET SCHEMA {}", to.namespace));
    }
    sentences
}

fn follow_names(
    table: &Table,
    sequences: &[(Ident, Ident)],
    not_null: &[(Ident, String)],
    names: &Names,
) -> Vec<String> {
    let name = names.table(&table.name);
    let mut sentences: Vec<String> = sequences
        .iter()
        .map(|(old, new)| {
            format!(
                "ALTER SEQUENCE IF EXISTS {}.{old} RENAME TO {new}",
                name.namespace
            )
        })
        .collect();
    if !not_null.is_empty() {
        let wanted: Vec<(Ident, String)> = not_null
            .iter()
            .map(|(column, wanted)| (names.column(&table.name, column), wanted.clone()))
            .collect();
        sentences.push(render::rename_not_null(&name, &wanted));
    }
    sentences
}
