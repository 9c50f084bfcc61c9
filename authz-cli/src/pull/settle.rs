//! From catalogue rows to the values that models declare: which text each object gets.
//!
//! An object that a throwaway database made from the lock has in the same form gets the lock's text; the others get
//! PostgreSQL's, as short as it can be.

mod grants;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

use authz_schema::schema::{
    Column, Constraint, ConstraintKind, ForeignKey, ForeignKeyAction, Identity, Index, Schema, Table,
    TableName,
};
use authz_sql::Ident;
use authz_sql::expression::Expression;

use super::report::Report;
use super::{tidy, types};
use crate::catalogue::introspect::{
    Catalogue, Generated, LiveColumn, LiveConstraint, LiveIdentity, LiveIndex, LivePolicy, LiveTable,
};

pub(super) use self::grants::PUBLIC;
pub(super) use self::policies::Wanted;

/// A table of the database in the values of models.
#[derive(Debug)]
pub(super) struct Settled {
    /// What the database says.
    pub(super) table: Table,
    /// The policies that the model shall say.
    pub(super) wanted: Vec<Wanted>,
    /// What attributes say for the texts of policies.
    pub(super) sources: BTreeMap<String, String>,
    /// The lock has memberships in it: the role that looks them up is no concern of the model.
    pub(super) looked_up: bool,
    /// Policies that no attribute says, as comments.
    pub(super) comments: Vec<String>,
    /// What brings the database to the model beside the differences of values.
    pub(super) align: Vec<String>,
    /// All policies of the database, whether a model can say them or not.
    pub(super) policies: Vec<LivePolicy>,
    /// What PUBLIC may do, with the whole table.
    pub(super) public: BTreeSet<String>,
}

/// What is known of the database from the lock: the catalogue that it makes, and what it declares.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) catalogue: Catalogue,
    pub(super) lock: Schema,
}

impl Known {
    fn table(&self, name: &TableName) -> Option<(&LiveTable, &Table)> {
        let live = self.catalogue.tables.iter().find(|table| table.name == *name)?;
        Some((live, self.lock.tables.get(name)?))
    }
}

/// Settles each table. Those that no struct can declare are reported.
pub(super) fn settle(live: &Catalogue, known: Option<&Known>, report: &mut Report) -> Vec<Settled> {
    let tables = live.tables.iter();
    tables
        .map(|table| {
            settle_table(
                table,
                live,
                known.and_then(|known| known.table(&table.name)),
                report,
            )
        })
        .collect()
}

fn settle_table(
    live: &LiveTable,
    catalogue: &Catalogue,
    known: Option<(&LiveTable, &Table)>,
    report: &mut Report,
) -> Settled {
    let name = &live.name;
    let existing = known.map_or(!live.special.is_empty(), |(_, table)| table.existing);
    if existing && !live.special.is_empty() {
        report.note(
            format!("table {name}"),
            format!(
                "it is {}, so that the model is `existing`: only its policies are declared",
                live.special
            ),
        );
    }
    if !live.options.is_empty() {
        report.left_out(
            format!("{} of table {name}", live.options),
            "no attribute says it",
        );
    }
    let looked_up = known.is_some_and(|(_, table)| {
        let mut policies = table.policies.iter();
        policies.any(|policy| policy.roles.iter().all(policies::is_members_role))
    });
    let mut align = Vec::new();
    let mut settled = Settled {
        table: Table {
            name: name.clone(),
            existing,
            comment: live.comment.clone().filter(|_| !existing),
            row_security: live.row_security,
            columns: columns(live, known, existing, &mut align, report),
            constraints: Vec::new(),
            indexes: Vec::new(),
            policies: Vec::new(),
            grants: Vec::new(),
        },
        wanted: Vec::new(),
        sources: BTreeMap::new(),
        looked_up,
        comments: Vec::new(),
        align: Vec::new(),
        policies: live.policies.clone(),
        public: BTreeSet::new(),
    };
    settled.align = align;
    if !existing {
        settled.table.constraints = live
            .constraints
            .iter()
            .filter_map(|constraint| settle_constraint(constraint, known, report, name))
            .collect();
        settled.table.indexes = live
            .indexes
            .iter()
            .filter_map(|index| settle_index(index, known, report, name))
            .collect();
    }
    grants::settle(live, &mut settled, report);
    policies::settle(live, catalogue, known, &mut settled, report);
    settled
}

/// The columns, in the lock's order where it has them: PostgreSQL adds new ones at the end.
fn columns(
    live: &LiveTable,
    known: Option<(&LiveTable, &Table)>,
    existing: bool,
    align: &mut Vec<String>,
    report: &mut Report,
) -> Vec<Column> {
    let mut columns: Vec<Column> = live
        .columns
        .iter()
        .map(|column| {
            let same = known.and_then(|(made, table)| {
                let made = made.columns.iter().find(|made| made.name == column.name)?;
                let locked = table.columns.iter().find(|locked| locked.name == column.name)?;
                (made == column).then(|| locked.clone())
            });
            same.unwrap_or_else(|| settle_column(column, existing, align, report, &live.name))
        })
        .collect();
    if let Some((_, table)) = known {
        columns.sort_by_key(|column| {
            let place = table.columns.iter().position(|locked| locked.name == column.name);
            place.unwrap_or(usize::MAX)
        });
    }
    columns
}

fn settle_column(
    live: &LiveColumn,
    existing: bool,
    align: &mut Vec<String>,
    report: &mut Report,
    table: &TableName,
) -> Column {
    let object = || format!("column {table}.{}", live.name);
    let mut column = Column {
        name: live.name.clone(),
        column_type: types::model_name(&live.column_type),
        not_null: live.not_null,
        identity: live.identity.map(|identity| match identity {
            LiveIdentity::Always => Identity::Always,
            LiveIdentity::ByDefault => Identity::ByDefault,
        }),
        generated: None,
        default: None,
        comment: live.comment.clone(),
    };
    match (live.generated, &live.default) {
        (Some(Generated::Stored), Some(text)) => column.generated = Some(tidy::plain(text)),
        (Some(Generated::Virtual), _) => {
            report.left_out(
                object(),
                "the column is computed when it is read (VIRTUAL), which no attribute says",
            );
        }
        (None, Some(_)) if live.counts && !existing && serial(&column.column_type).is_some() => {
            column.column_type = serial(&column.column_type).unwrap_or_default().to_owned();
            let sequence = live.sequence.as_deref().unwrap_or_default();
            report.note(
                object(),
                format!(
                    "it counts by the sequence {sequence} (serial), on which no model grants USAGE; `identity` needs none"
                ),
            );
            align.extend(sequence_renamed(live, sequence, table, report));
        }
        (None, Some(text)) => {
            column.default = Some(tidy::default(text, &live.column_type));
            if text.starts_with("nextval(") && !existing {
                report.note(
                    object(),
                    format!("its default is {text}: a migration of your own must make that sequence before the table"),
                );
            }
        }
        (_, None) => {}
    }
    if existing {
        return Column {
            identity: None,
            generated: None,
            default: None,
            comment: None,
            ..column
        };
    }
    if live.type_kind == "d"
        || live.type_kind == "c"
        || live.type_kind == "r" && live.type_name.namespace.as_str() != "pg_catalog"
    {
        report.note(
            object(),
            format!(
                "its type {} is made elsewhere: a migration of your own must make it before the table",
                live.column_type
            ),
        );
    }
    if let (Some(options), Some(sequence)) = (&live.sequence_options, &live.sequence) {
        report.left_out(
            format!("{options} of sequence {sequence}"),
            "no attribute says it",
        );
    }
    if let Some(collation) = &live.collation {
        report.left_out(
            format!("COLLATE {collation} of {}", object()),
            "no attribute says it",
        );
    }
    if let Some(options) = &live.options {
        report.left_out(format!("{options} of {}", object()), "no attribute says it");
    }
    column
}

/// The statement that gives the sequence of a `serial` column the name that PostgreSQL would.
fn sequence_renamed(
    live: &LiveColumn,
    sequence: &str,
    table: &TableName,
    report: &mut Report,
) -> Option<String> {
    let name = Ident::new(format!("{}_{}_seq", table.name.as_str(), live.name.as_str())).ok()?;
    if sequence == format!("{}.{name}", table.namespace) {
        return None;
    }
    report.differs(
        format!("sequence {sequence}"),
        format!("models call the sequence of {table}.{} {name}", live.name),
    );
    // In another namespace it would have to move as well.
    let here = sequence.starts_with(&format!("{}.", table.namespace));
    here.then(|| format!("ALTER SEQUENCE {sequence} RENAME TO {name}"))
}

fn serial(column_type: &str) -> Option<&'static str> {
    match column_type {
        "smallint" => Some("smallserial"),
        "integer" => Some("serial"),
        "bigint" => Some("bigserial"),
        _ => None,
    }
}

fn settle_constraint(
    live: &LiveConstraint,
    known: Option<(&LiveTable, &Table)>,
    report: &mut Report,
    table: &TableName,
) -> Option<Constraint> {
    let same = known.and_then(|(made, locked)| {
        made.constraints.contains(live).then_some(())?;
        locked.constraints.iter().find(|locked| locked.name == live.name)
    });
    if let Some(locked) = same {
        return Some(locked.clone());
    }
    let object = || format!("constraint {} on {table}", live.name);
    if let Some(options) = &live.options {
        report.left_out(
            format!("{options} of {}", object()),
            format!("no attribute says it; the database has {}", live.definition),
        );
    }
    if live.comment.is_some() {
        report.left_out(format!("comment of {}", object()), "no attribute says it");
    }
    let kind = match (live.kind.as_str(), &live.references) {
        ("p", _) => ConstraintKind::PrimaryKey(live.columns.clone()),
        ("u", _) => ConstraintKind::Unique(live.columns.clone()),
        ("c", _) => ConstraintKind::Check(tidy::plain(live.expression.as_deref()?)),
        ("f", Some(references)) => ConstraintKind::ForeignKey(ForeignKey {
            columns: live.columns.clone(),
            table: references.table.clone(),
            references: references.columns.clone(),
            on_delete: action(&references.on_delete),
            on_update: action(&references.on_update),
        }),
        _ => {
            report.left_out(object(), format!("no attribute says {}", live.definition));
            return None;
        }
    };
    Some(Constraint {
        name: live.name.clone(),
        kind,
    })
}

fn action(code: &str) -> ForeignKeyAction {
    match code {
        "r" => ForeignKeyAction::Restrict,
        "c" => ForeignKeyAction::Cascade,
        "n" => ForeignKeyAction::SetNull,
        "d" => ForeignKeyAction::SetDefault,
        _ => ForeignKeyAction::NoAction,
    }
}

fn settle_index(
    live: &LiveIndex,
    known: Option<(&LiveTable, &Table)>,
    report: &mut Report,
    table: &TableName,
) -> Option<Index> {
    let same = known.and_then(|(made, locked)| {
        made.indexes.contains(live).then_some(())?;
        locked.indexes.iter().find(|locked| locked.name == live.name)
    });
    if let Some(locked) = same {
        return Some(locked.clone());
    }
    let object = || format!("index {} on {table}", live.name);
    if let Some(options) = &live.options {
        report.left_out(
            object(),
            format!(
                "no attribute says {options}; the database has {}",
                live.definition
            ),
        );
        return None;
    }
    if live.comment.is_some() {
        report.left_out(format!("comment of {}", object()), "no attribute says it");
    }
    Some(Index {
        name: live.name.clone(),
        unique: live.unique,
        method: Some(live.method.clone()).filter(|method| method != "btree"),
        keys: live
            .keys
            .iter()
            .zip(&live.expressions)
            .map(|(key, expression)| match expression {
                false => key.clone(),
                true => {
                    let key = Expression::unchecked(key.as_str());
                    let (expression, order) = key.key_parts();
                    format!("({}){order}", tidy::plain(expression))
                }
            })
            .map(Expression::unchecked)
            .collect(),
        include: live.include.clone(),
        predicate: live.predicate.as_deref().map(tidy::plain),
        columns: live.columns.clone(),
    })
}

/// Names separated by commas.
pub(super) fn names<'a>(names: impl IntoIterator<Item = &'a Ident>) -> String {
    let names: Vec<String> = names.into_iter().map(ToString::to_string).collect();
    names.join(", ")
}
