//! What a model says otherwise than the database, and the statements that make the database what the model says.

use std::collections::{BTreeMap, BTreeSet};

use authz_migrate::diff::{Delta, SchemaDiff, TableDiff};
use authz_migrate::migration::{MigrationError, statements_between};
use authz_schema::schema::{Column, Command, Constraint, Grant, Index, Policy, Schema, Table};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::report::Report;
use super::settle::{PUBLIC, Settled, Wanted, names};
use super::source::same_index;
use crate::catalogue::introspect::LivePolicy;

/// The way from the database to the models.
#[derive(Debug, Default)]
pub(super) struct Alignment {
    before: Vec<String>,
    old: Schema,
    new: Schema,
}

impl Alignment {
    /// Adds a table: what the database has, as far as models say it, and what the model says.
    pub(super) fn add(&mut self, settled: Settled, model: &Table, report: &mut Report) {
        let (before, old) = table(settled, model, report);
        self.before.extend(before);
        self.old.tables.insert(old.name.clone(), old);
        self.new.tables.insert(model.name.clone(), model.clone());
    }

    /// The statements in order, without semicolons.
    ///
    /// # Errors
    ///
    /// [`MigrationError`] where no order of statements leads there.
    pub(super) fn statements(self) -> Result<Vec<String>, MigrationError> {
        // A namespace holds more than what models declare.
        let mut planned = statements_between(&self.old, &self.new)?;
        planned.retain(|sql| !sql.starts_with("REVOKE USAGE ON SCHEMA"));
        Ok(self.before.into_iter().chain(planned).collect())
    }
}

/// Reports the differences of one table. What no attribute says stays in the database as it is.
fn table(settled: Settled, model: &Table, report: &mut Report) -> (Vec<String>, Table) {
    let unsaid = unsaid(&settled, model);
    let replaced = replaced(&settled, &unsaid);
    let Settled {
        mut table,
        mut align,
        public,
        ..
    } = settled;
    let name = table.name.clone();
    let mut statements = Vec::new();
    if !unsaid.is_empty() {
        // Whoever has the privilege needs it for a policy that is not in the model.
        align.retain(|sql| !(sql.starts_with("REVOKE ") && sql.ends_with(&format!(" FROM {PUBLIC}"))));
    }
    align.extend(replaced);
    leave_grants_alone(&mut table, model, &unsaid, &public, report);
    for (from, to) in renamed_constraints(&mut table, model) {
        report.differs(
            format!("constraint {from} on {name}"),
            format!("models give it the name {to}"),
        );
        statements.push(format!("ALTER TABLE {name} RENAME CONSTRAINT {from} TO {to}"));
    }
    statements.append(&mut align);
    report_columns(&table, model, report);
    // No column is altered: what differs beside the comment is what no attribute says.
    let columns = std::mem::replace(&mut table.columns, model.columns.clone());
    let comments: BTreeMap<Ident, Option<String>> = columns
        .into_iter()
        .map(|column| (column.name, column.comment))
        .collect();
    for column in &mut table.columns {
        column.comment = comments.get(&column.name).cloned().flatten();
    }
    if table.comment != model.comment {
        report.differs(
            format!("comment of table {name}"),
            "a doc comment has no spaces at the ends of its lines",
        );
    }
    // What the parser refused is reported already, and what the model does not say is not touched.
    table
        .constraints
        .retain(|constraint| has(&model.constraints, |other| other.name == constraint.name));
    table.indexes.retain(|index| {
        let said = has(&model.indexes, |other| other.name == index.name);
        if !said {
            report.left_out(
                format!("index {} on {name}", index.name),
                "it stays in the database as it is",
            );
        }
        said
    });
    table
        .policies
        .retain(|policy| has(&model.policies, |other| other.name == policy.name));
    for index in &mut table.indexes {
        if let Some(same) = model.indexes.iter().find(|other| same_index(index, other)) {
            index.clone_from(same);
        }
    }
    let (old, new) = (of(table.clone()), of(model.clone()));
    let diff = SchemaDiff::of(&old, &new);
    for altered in &diff.altered {
        report_constraints(altered, report);
        report_indexes(altered, report);
        report_policies(altered, report);
        report_grants(altered, report);
    }
    (statements, table)
}

/// The policies of the database of which the model does not say all.
fn unsaid(settled: &Settled, model: &Table) -> Vec<LivePolicy> {
    // Without row security they bind nobody.
    if !settled.table.row_security {
        return Vec::new();
    }
    let is_said = |wanted: &Wanted| {
        has(&model.policies, |policy| {
            (policy.command, policy.restrictive, &policy.roles)
                == (wanted.command, wanted.restrictive, &wanted.roles)
                && wanted.name.as_ref().is_none_or(|name| *name == policy.name)
        })
    };
    let policies = settled.policies.iter().filter(|policy| {
        let mut wanted = settled
            .wanted
            .iter()
            .filter(|wanted| wanted.of == policy.name)
            .peekable();
        // Those of memberships follow from `member`.
        let follows = settled.looked_up && has(&model.policies, |said| said.name == policy.name);
        !follows && (wanted.peek().is_none() || !wanted.all(is_said))
    });
    policies.cloned().collect()
}

/// The statements that drop policies FOR ALL whose commands the model says one by one.
fn replaced(settled: &Settled, unsaid: &[LivePolicy]) -> Vec<String> {
    let for_all = settled.policies.iter().filter(|policy| {
        policy.command.is_none()
            && settled.table.row_security
            && !has(unsaid, |other| other.name == policy.name)
    });
    for_all
        .map(|policy| format!("DROP POLICY {} ON {}", policy.name, settled.table.name))
        .collect()
}

/// Takes the grants out of the comparison that the script must not change: it gives no privilege that is not there, and
/// takes none that a policy needs which the model does not say.
fn leave_grants_alone(
    table: &mut Table,
    model: &Table,
    unsaid: &[LivePolicy],
    public: &BTreeSet<String>,
    report: &mut Report,
) {
    let keeps = |role: &Ident| {
        let of_role = |other: &LivePolicy| {
            let mut roles = other.roles.iter();
            roles.any(|named| named.as_ref().is_none_or(|named| named == role))
        };
        unsaid.iter().find(|policy| of_role(policy))
    };
    let wider = |new: &Grant, old: Option<&Grant>| match (old.map(|old| &old.columns), &new.columns) {
        (None, _) => true,
        (Some(None), _) => false,
        (Some(Some(_)), None) => true,
        (Some(Some(old)), Some(new)) => !new.iter().all(|column| old.contains(column)),
    };
    for new in &model.grants {
        let same = |grant: &Grant| grant.role == new.role && grant.privilege == new.privilege;
        let old = table.grants.iter().find(|grant| same(grant)).cloned();
        if !wider(new, old.as_ref()) || public.contains(new.privilege.sql()) {
            continue;
        }
        let has = match &old {
            Some(old) => format!("the database grants {}", privileges(&[old])),
            None => format!("the database does not grant {}", new.privilege.sql()),
        };
        report.differs(
            format!("grants to {} on {}", new.role, table.name),
            format!(
                "{has}; the models say {}, as no attribute says less: adopting leaves the grant as it is, and `drift` will \
                 show it",
                privileges(&[new])
            ),
        );
        table.grants.retain(|grant| !same(grant));
        table.grants.push(new.clone());
    }
    let mut kept = Vec::new();
    table.grants.retain(|old| {
        let same = |grant: &&Grant| grant.role == old.role && grant.privilege == old.privilege;
        let Some(policy) = keeps(&old.role) else {
            return true;
        };
        if model.grants.iter().any(|grant| same(&grant) && grant == old) {
            return true;
        }
        kept.push((old.clone(), policy.name.clone()));
        false
    });
    for (old, policy) in kept {
        report.left_out(
            format!("grants to {} on {}", old.role, table.name),
            format!(
                "{} stays: the policy {policy}, which the model does not say, is of that role",
                privileges(&[&old])
            ),
        );
        // What the model says of it is not given either.
        let same = |grant: &&Grant| grant.role == old.role && grant.privilege == old.privilege;
        table.grants.extend(model.grants.iter().find(same).cloned());
    }
    table
        .grants
        .sort_by(|a, b| (&a.role, a.privilege).cmp(&(&b.role, b.privilege)));
}

/// A schema of one table, with nothing else that could differ.
fn of(table: Table) -> Schema {
    Schema {
        tables: [(table.name.clone(), table)].into(),
        ..Schema::default()
    }
}

fn has<T>(list: &[T], is: impl Fn(&T) -> bool) -> bool {
    list.iter().any(is)
}

/// Gives constraints of the database the names that the model gives them: from, to.
fn renamed_constraints(table: &mut Table, model: &Table) -> Vec<(Ident, Ident)> {
    let mut renamed = Vec::new();
    let known: BTreeSet<Ident> = table
        .constraints
        .iter()
        .map(|constraint| constraint.name.clone())
        .collect();
    let mut free: Vec<&Constraint> = model
        .constraints
        .iter()
        .filter(|constraint| !known.contains(&constraint.name))
        .collect();
    for constraint in &mut table.constraints {
        if has(&model.constraints, |other| other.name == constraint.name) {
            continue;
        }
        if let Some(at) = free.iter().position(|other| other.kind == constraint.kind) {
            let to = free.remove(at).name.clone();
            renamed.push((std::mem::replace(&mut constraint.name, to.clone()), to));
        }
    }
    renamed
}

fn report_columns(table: &Table, model: &Table, report: &mut Report) {
    for old in &table.columns {
        let Some(new) = model.columns.iter().find(|new| new.name == old.name) else {
            continue;
        };
        let object = format!("column {}.{}", table.name, old.name);
        for (what, old, new) in parts(old, new) {
            if old != new {
                report.differs(&object, format!("{what} is {old}; the model says {new}"));
            }
        }
    }
}

/// What a column consists of, in both forms.
fn parts(old: &Column, new: &Column) -> [(&'static str, String, String); 6] {
    let none = || "none".to_owned();
    let text = |text: &Option<Expression>| text.as_ref().map_or_else(none, ToString::to_string);
    let comment = |column: &Column| column.comment.clone().unwrap_or_else(none);
    let identity = |column: &Column| format!("{:?}", column.identity);
    let null = |column: &Column| if column.not_null { "NOT NULL" } else { "NULL" }.to_owned();
    [
        ("its type", old.column_type.clone(), new.column_type.clone()),
        ("it", null(old), null(new)),
        ("its default", text(&old.default), text(&new.default)),
        ("its expression", text(&old.generated), text(&new.generated)),
        ("its identity", identity(old), identity(new)),
        ("its comment", comment(old), comment(new)),
    ]
}

fn report_constraints(diff: &TableDiff<'_>, report: &mut Report) {
    for delta in &diff.constraints {
        let (Delta::Added(constraint) | Delta::Removed(constraint) | Delta::Changed(_, constraint)) = delta;
        report.differs(
            format!("constraint {} on {}", constraint.name, diff.new.name),
            format!("the models say {:?}", constraint.kind),
        );
    }
}

fn report_indexes(diff: &TableDiff<'_>, report: &mut Report) {
    let object = |index: &Index| format!("index {} on {}", index.name, diff.new.name);
    let keys = |index: &Index| {
        let keys: Vec<&str> = index.keys.iter().map(Expression::as_str).collect();
        keys.join(", ")
    };
    for delta in &diff.indexes {
        match delta {
            Delta::Added(index) => report.differs(
                object(index),
                format!(
                    "the models add it, since a policy compares {}",
                    names(&index.columns)
                ),
            ),
            Delta::Removed(index) => report.left_out(object(index), "no attribute says it"),
            Delta::Changed(old, new) => report.differs(
                object(new),
                format!("it is over ({}); the models say ({})", keys(old), keys(new)),
            ),
        }
    }
}

fn report_policies(diff: &TableDiff<'_>, report: &mut Report) {
    for delta in &diff.policies {
        // One that is added stands for a part of a FOR ALL policy, which is reported, or for none at all.
        let Delta::Changed(old, new) = delta else { continue };
        let object = format!("policy {} on {}", new.name, diff.new.name);
        if old.with_check.is_none() && new.with_check == new.using && old.using == new.using {
            report.differs(
                object,
                "it has no WITH CHECK, so that USING holds for new rows too; the model says both",
            );
        } else if clauses(old) != clauses(new) {
            let text = format!(
                "the model has the server evaluate calls once a query, not once a row: {} becomes {}",
                clauses(old),
                clauses(new)
            );
            report.differs(object, text);
        }
    }
}

fn clauses(policy: &Policy) -> String {
    let clause = |word: &str, text: &Option<Expression>| text.as_ref().map(|text| format!("{word} ({text})"));
    let clauses = [
        clause("USING", &policy.using),
        clause("WITH CHECK", &policy.with_check),
    ];
    clauses.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// One line for each role.
fn report_grants(diff: &TableDiff<'_>, report: &mut Report) {
    type Pair<'a> = (Vec<&'a Grant>, Vec<&'a Grant>);
    let mut by_role: BTreeMap<&Ident, Pair<'_>> = BTreeMap::new();
    for delta in &diff.grants {
        let (old, new) = match delta {
            Delta::Added(new) => (None, Some(*new)),
            Delta::Removed(old) => (Some(*old), None),
            Delta::Changed(old, new) => (Some(*old), Some(*new)),
        };
        if let Some(grant) = old.or(new) {
            let (before, after) = by_role.entry(&grant.role).or_default();
            before.extend(old);
            after.extend(new);
        }
    }
    for (role, (before, after)) in by_role {
        let mut parts = Vec::new();
        if !before.is_empty() {
            parts.push(format!("the database grants {}", privileges(&before)));
        }
        parts.push(match after.as_slice() {
            [] => "no policy lets the role use it, and the models do not".to_owned(),
            after if before.is_empty() => {
                format!(
                    "the models grant {}, which the database does not: this gives access",
                    privileges(after)
                )
            }
            after => format!("the models grant {}", privileges(after)),
        });
        report.differs(format!("grants to {role} on {}", diff.new.name), parts.join("; "));
    }
}

fn privileges(grants: &[&Grant]) -> String {
    let one = |grant: &&Grant| match &grant.columns {
        None => grant.privilege.sql().to_owned(),
        Some(columns) => format!("{} ({})", Command::sql(grant.privilege), names(columns)),
    };
    grants.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Whether a table's texts call a function.
pub(super) fn calls(table: &Table, function: &str) -> bool {
    let name = function.rsplit('.').next().unwrap_or(function);
    let policies = table
        .policies
        .iter()
        .flat_map(|policy| policy.using.iter().chain(&policy.with_check));
    let columns = table
        .columns
        .iter()
        .flat_map(|column| column.default.iter().chain(&column.generated));
    let checks = table
        .constraints
        .iter()
        .filter_map(|constraint| match &constraint.kind {
            authz_schema::schema::ConstraintKind::Check(text) => Some(text),
            _ => None,
        });
    let mut expressions = policies.chain(columns).chain(checks);
    expressions.any(|expression| {
        let calls = expression.calls();
        calls.iter().any(|call| call.name.as_str() == name)
    })
}
