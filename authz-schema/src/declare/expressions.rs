//! What the expressions of tables name that is not there, and what they compare that does not compare.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::expression::{Catalog, Expression, OperandKind, Target};
use authz_sql::{AUTH, Ident, MEMBERS, is_system_namespace};

use super::calls::expressions;
use super::names::no_such_column;
use super::references::Relations;
use super::{Declarations, DeclareError, Subject, numbered};
use crate::closest::no_such_column as no_column;
use crate::conditions::{self, Known};
use crate::config::Config;
use crate::places::Part;
use crate::recursion;
use crate::schema::{MEMBERS_ROLE, Table, TableName, TypeName};

/// Columns that every table has.
const SYSTEM_COLUMNS: &[&str] = &["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

impl Catalog for Relations<'_> {
    fn has_column(&self, table: &TableName, column: &str) -> bool {
        let columns = self
            .tables
            .get(table)
            .into_iter()
            .flat_map(|table| &table.columns);
        self.tables.contains_key(table) && SYSTEM_COLUMNS.contains(&column)
            || columns.into_iter().any(|known| known.name.as_str() == column)
    }
}

impl Known for Relations<'_> {
    fn column_type(&self, table: &TableName, column: &Ident) -> Option<String> {
        let columns = &self.tables.get(table)?.columns;
        let known = columns.iter().find(|known| known.name == *column)?;
        Some(known.column_type.clone())
    }

    fn function_type(&self, namespace: Option<&str>, name: &str) -> Option<String> {
        let is_auth = matches!(namespace, Some(AUTH | MEMBERS));
        let mut claims = self.declarations.claims.iter().filter(|_| is_auth);
        if let Some(claim) = claims.find(|claim| claim.function.as_str() == name) {
            return Some(claim.claim_type.clone());
        }
        let named = |namespaces: &str, names: &Ident| {
            names.as_str() == name && namespace.unwrap_or("public") == namespaces
        };
        let mut functions = self.declarations.functions.iter().filter(|function| {
            let name = &function.signature.name;
            named(name.namespace.as_str(), &name.name)
        });
        // Of several, the arguments decide.
        let (Some(function), None) = (functions.next(), functions.next()) else {
            return None;
        };
        let returns = function.returns.get("RETURNS ".len()..)?;
        let one = !returns.to_ascii_uppercase().starts_with("SETOF ");
        one.then(|| returns.to_owned())
    }

    fn enums(&self) -> &BTreeSet<TypeName> {
        &self.enums
    }
}

/// The mistakes in the expressions of all tables.
pub(super) fn mistakes(
    declarations: &Declarations,
    config: &Config,
    relations: &Relations<'_>,
) -> Vec<DeclareError> {
    let mut errors = Vec::new();
    for table in &declarations.tables {
        // What a struct tells by itself was said where it was read.
        let has_enum = table
            .columns
            .iter()
            .any(|column| relations.enums.iter().any(|name| column.is_of(name)));
        let tells_more = |text: &str| {
            has_enum || recursion::may_read(text) || relations.functions().any(|name| text.contains(name))
        };
        for (expression, part) in expressions(table).filter(|(found, _)| tells_more(found.as_str())) {
            let of = || Subject::Table(table.name.clone());
            let expression = expression.unwrapped();
            let mut messages = names(&expression, table, relations);
            if messages.is_empty() && !relations.has_own_operators() {
                let is_condition = matches!(part, Part::Using(_) | Part::WithCheck(_) | Part::Constraint(_));
                messages = conditions::mistakes(&expression, &table.name, is_condition, relations);
                if let Part::Default(name) = &part
                    && let Some(column) = table.columns.iter().find(|column| column.name == *name)
                {
                    let column_type = &column.column_type;
                    messages.extend(conditions::default_mistake(
                        &expression,
                        name,
                        column_type,
                        relations,
                    ));
                }
            }
            errors.extend(
                messages
                    .into_iter()
                    .map(|message| DeclareError::new(of(), part.clone(), message)),
            );
        }
    }
    for (used, part) in numbered(&declarations.memberships) {
        if let Some(condition) = &used.condition
            && !relations.has_own_operators()
        {
            let expression = condition.unwrapped();
            let messages = conditions::mistakes(&expression, &used.table, true, relations);
            errors.extend(
                messages
                    .into_iter()
                    .map(|message| DeclareError::new(Subject::Table(used.of.clone()), part.clone(), message)),
            );
        }
    }
    let circles = recursion::circles(&declarations.tables, &roles(declarations, config), relations);
    errors.extend(circles.into_iter().map(|circle| DeclareError {
        of: Subject::Table(circle.table),
        part: circle.part,
        message: circle.message,
        other: Some((Subject::Table(circle.other.0), circle.other.1)),
    }));
    errors
}

/// The tables and columns of subqueries that are not there.
fn names(expression: &Expression, home: &Table, relations: &Relations<'_>) -> Vec<String> {
    if !expression.has_subquery() {
        return Vec::new();
    }
    let mut messages = Vec::new();
    let mut add = |message: String| {
        if !messages.contains(&message) {
            messages.push(message);
        }
    };
    let reads = expression.reads(Some(&home.name), relations);
    for table in &reads {
        if !relations.tables.contains_key(table)
            && !is_of_postgresql(table)
            && !relations.may_be_elsewhere(table)
        {
            add(relations.no_such_table(table));
        }
    }
    // All columns of these tables are known.
    let whole = |table: &TableName| relations.tables.get(table).is_some_and(|table| !table.existing);
    let all_known = reads.iter().all(whole) && expression.reads_tables_alone();
    let operands: BTreeSet<usize> = expression
        .operations()
        .into_iter()
        .flat_map(|operation| operation.operands)
        .filter_map(|operand| match operand.kind {
            OperandKind::Column(range) => Some(range.start),
            _ => None,
        })
        .collect();
    for reference in expression.references(Some(&home.name), relations) {
        match &reference.target {
            Target::Column(table, column)
                if whole(table)
                    && !relations.has_column(table, column.as_str())
                    && !relations.may_be_function(column) =>
            {
                if let Some(table) = relations.tables.get(table) {
                    add(no_such_column(table, column));
                }
            }
            // Only an operand is a column for certain; other words may be the grammar's.
            Target::Unknown(name) if all_known && operands.contains(&reference.range.start) => {
                let tables = reads.iter().filter_map(|table| relations.tables.get(table));
                let columns: Vec<&str> = tables
                    .flat_map(|table| &table.columns)
                    .map(|column| column.name.as_str())
                    .collect();
                let of = reads.first().map_or("", |table| table.name.as_str());
                add(no_column(of, name.as_str(), columns.iter().copied()));
            }
            _ => {}
        }
    }
    messages
}

/// Whether PostgreSQL itself has the table.
fn is_of_postgresql(table: &TableName) -> bool {
    let namespace = table.namespace.as_str();
    // A bare name is looked for among PostgreSQL's own first.
    is_system_namespace(namespace) || (namespace == "public" && table.name.as_str().starts_with("pg_"))
}

/// The roles that policies name, each with those whose policies apply to it: itself, and those that it is a member of.
fn roles(declarations: &Declarations, config: &Config) -> BTreeMap<Ident, BTreeSet<Ident>> {
    let policies = declarations.tables.iter().flat_map(|table| &table.policies);
    let named: BTreeSet<&Ident> = policies
        .flat_map(|policy| &policy.roles)
        .chain(config.roles.keys())
        .filter(|role| role.as_str() != MEMBERS_ROLE)
        .collect();
    let applying = |role: &Ident| {
        let mut applying = BTreeSet::from([role.clone()]);
        let mut open = vec![role.clone()];
        while let Some(role) = open.pop() {
            let groups = config
                .roles
                .get(&role)
                .into_iter()
                .flat_map(|said| &said.member_of);
            for group in groups {
                if applying.insert(group.clone()) {
                    open.push(group.clone());
                }
            }
        }
        applying
    };
    named
        .into_iter()
        .map(|role| (role.clone(), applying(role)))
        .collect()
}
