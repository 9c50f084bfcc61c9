//! Tables and their columns, constraints and indexes.

use std::collections::BTreeSet;

use super::access::{drop_policy, reads_other_tables};
use super::{Plan, Step};
use crate::diff::{Delta, TableDiff};
use crate::hazard::HazardKind;
use crate::render;
use crate::schema::{Column, Table, TableName};
use crate::sql::Ident;

impl Plan {
    pub(super) fn create_table(&mut self, table: &Table) {
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

    pub(super) fn drop_table(&mut self, table: &Table) {
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

    pub(super) fn alter_table(&mut self, diff: &TableDiff<'_>, rebuilt: &BTreeSet<(&TableName, &Ident)>) {
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
            self.hazard(
                HazardKind::FailsOnRows,
                format!("makes {table}.{column} an identity that counts from 1; where there are rows, RESTART it behind them"),
            );
            alter(self, "ADD GENERATED ALWAYS AS IDENTITY".to_owned());
        }
        if old.comment != new.comment {
            self.push(Step::Comments, column_comment(table, new));
        }
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

fn table_comment(table: &Table) -> String {
    render::comment(&format!("TABLE {}", table.name), table.comment.as_deref())
}

fn column_comment(table: &TableName, column: &Column) -> String {
    render::comment(
        &format!("COLUMN {table}.{}", column.name),
        column.comment.as_deref(),
    )
}
