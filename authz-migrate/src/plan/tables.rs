//! Tables and their columns, constraints and indexes.

use std::collections::BTreeSet;

use super::access::{drop_policy, reads_other_tables};
use super::columns::{breaks_old_code, is_in_place, keeps_values, may_be_volatile};
use super::reworked::Reworked;
use super::{Plan, Step};
use crate::diff::{Delta, TableDiff};
use crate::hazard::HazardKind;
use crate::render;
use authz_schema::schema::{Column, ConstraintKind, Identity, Policy, Table, TableName};
use authz_sql::Ident;

impl Plan {
    pub(super) fn create_table(&mut self, table: &Table) {
        let name = &table.name;
        if table.existing {
            self.take_over(table);
        } else {
            self.push(Step::CreateTables, render::create_table(table));
        }
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

    /// Row security on a table that is made elsewhere.
    fn take_over(&mut self, table: &Table) {
        if table.row_security {
            self.hazard(
                HazardKind::AuthzNarrows,
                format!(
                    "turns row security of {} on, which was made elsewhere",
                    table.name
                ),
            );
        }
    }

    /// The policies and grants of a table that stays, since it was made elsewhere. Row security stays on.
    fn hand_back(&mut self, table: &Table) {
        let name = &table.name;
        for policy in &table.policies {
            self.push(Step::DropPolicies, drop_policy(name, policy));
        }
        for grant in &table.grants {
            self.push(
                Step::RevokePrivileges,
                render::revoke(name, &grant.role, grant.privilege),
            );
        }
        self.hazard(
            HazardKind::AuthzNarrows,
            format!("drops every policy of {name}, where row security stays on"),
        );
        self.row_security_stays = true;
    }

    pub(super) fn drop_table(&mut self, table: &Table, rebuilt: &BTreeSet<(&TableName, &Ident)>) {
        let name = &table.name;
        if table.existing {
            self.hand_back(table);
            return;
        }
        self.hazard(
            HazardKind::DataLoss,
            format!("drops the table {name} with all its rows"),
        );
        // A policy or a foreign key that reads another table would keep that table from being dropped.
        let steps_aside =
            |policy: &&Policy| reads_other_tables(policy) || rebuilt.contains(&(name, &policy.name));
        for policy in table.policies.iter().filter(steps_aside) {
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

    /// Takes what stands on a function that is made again off a table that is dropped later.
    pub(super) fn free_dropped_table(&mut self, table: &Table, reworked: &Reworked<'_>) {
        if table.existing {
            return;
        }
        let name = &table.name;
        for constraint in &table.constraints {
            if constraint.check().is_some_and(|text| reworked.calls_remade(text)) {
                self.push(
                    Step::DropConstraints,
                    format!("ALTER TABLE {name} DROP CONSTRAINT {}", constraint.name),
                );
            }
        }
        self.drop_defaults(table, reworked);
    }

    fn drop_defaults(&mut self, table: &Table, reworked: &Reworked<'_>) {
        for column in table
            .columns
            .iter()
            .filter(|column| calls_remade(column, reworked))
        {
            self.push(
                Step::DropConstraints,
                format!(
                    "ALTER TABLE {} ALTER COLUMN {} DROP DEFAULT",
                    table.name, column.name
                ),
            );
        }
    }

    /// Drops and makes again the unchanged defaults, constraints and indexes that stand on what changes.
    pub(super) fn step_aside(&mut self, old: &Table, new: &Table, reworked: &Reworked<'_>) {
        let name = &new.name;
        if !old.existing {
            self.drop_defaults(old, reworked);
        }
        for column in &new.columns {
            // One that changes is set with its column.
            let stays = |before: &&Column| {
                before.name == column.name
                    && before.default == column.default
                    && before.column_type == column.column_type
                    && !reworked.remakes_type_of(name, &column.name)
            };
            if let Some(default) = &column.default
                && let Some(before) = old.columns.iter().find(stays)
                && calls_remade(before, reworked)
            {
                self.push(
                    Step::AlterColumns,
                    format!(
                        "ALTER TABLE {name} ALTER COLUMN {} SET DEFAULT {}",
                        column.name,
                        render::default_value(default)
                    ),
                );
            }
        }
        for constraint in &new.constraints {
            if old.constraints.contains(constraint) && reworked.moves_constraint(name, constraint) {
                if constraint.check().is_some_and(|text| reworked.calls_remade(text)) {
                    self.hazard(
                        HazardKind::FailsOnRows,
                        format!("adds the constraint {} to {name} again", constraint.name),
                    );
                    self.hazard(
                        HazardKind::BlocksWrites,
                        format!("reads all rows of {name} for the constraint {}", constraint.name),
                    );
                }
                let (drop, add) = if render::is_foreign_key(constraint) {
                    (Step::DropForeignKeys, Step::CreateForeignKeys)
                } else {
                    (Step::DropConstraints, Step::AddConstraints)
                };
                self.push(
                    drop,
                    format!("ALTER TABLE {name} DROP CONSTRAINT {}", constraint.name),
                );
                self.push(
                    add,
                    format!("ALTER TABLE {name} ADD {}", render::constraint(constraint)),
                );
            }
        }
        for index in &new.indexes {
            if old.indexes.contains(index) && reworked.moves_index(name, index) {
                self.push(
                    Step::DropConstraints,
                    format!("DROP INDEX {}.{}", name.namespace, index.name),
                );
                self.push(Step::CreateIndexes, render::create_index(name, index));
            }
        }
    }

    pub(super) fn alter_table(
        &mut self,
        diff: &TableDiff<'_>,
        reworked: &Reworked<'_>,
        rebuilt: &BTreeSet<(&TableName, &Ident)>,
    ) {
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
                Delta::Changed(_, new) if reworked.regenerates(name, &new.name) => {}
                Delta::Changed(old, new) => self.alter_column(name, old, new, reworked),
            }
        }
        for column in &diff.new.columns {
            if reworked.regenerates(name, &column.name) {
                self.regenerate(name, diff.old, column);
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
                let is_key = matches!(
                    new.kind,
                    ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_)
                );
                let later = if self.validates_later && !is_key {
                    " NOT VALID"
                } else {
                    ""
                };
                if later.is_empty() {
                    self.hazard(
                        HazardKind::BlocksWrites,
                        format!("reads all rows of {name} for the constraint {}", new.name),
                    );
                }
                self.push(
                    step,
                    format!("ALTER TABLE {name} ADD {}{later}", render::constraint(new)),
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
        self.breaks_old_code(table, None, column);
        if column.not_null
            && column.default.is_none()
            && column.identity.is_none()
            && column.generated.is_none()
        {
            let why = format!("adds {table}.{} NOT NULL without a default", column.name);
            self.hazard(HazardKind::FailsOnRows, why);
        }
        if column.identity.is_some()
            || column.generated.is_some()
            || column.default.as_ref().is_some_and(may_be_volatile)
        {
            let why = format!(
                "adds {table}.{} with a value of its own for each row",
                column.name
            );
            self.hazard(HazardKind::TableRewrite, why);
        }
        self.push(
            Step::AlterColumns,
            format!("ALTER TABLE {table} ADD COLUMN {}", render::column(column)),
        );
        if column.comment.is_some() {
            self.push(Step::Comments, column_comment(table, column));
        }
    }

    /// A generated column has no values of its own, so that it is dropped and added. One with values loses them.
    fn regenerate(&mut self, table: &TableName, before: &Table, column: &Column) {
        let old = before.columns.iter().find(|old| old.name == column.name);
        self.breaks_old_code(table, old, column);
        if old.is_some_and(|old| old.generated.is_none()) {
            self.hazard(
                HazardKind::DataLoss,
                format!("replaces the values of {table}.{} by generated ones", column.name),
            );
        }
        self.hazard(
            HazardKind::TableRewrite,
            format!("generates the values of {table}.{} anew", column.name),
        );
        self.push(
            Step::DropGenerated,
            format!("ALTER TABLE {table} DROP COLUMN {}", column.name),
        );
        self.push(
            Step::AddGenerated,
            format!("ALTER TABLE {table} ADD COLUMN {}", render::column(column)),
        );
        if column.comment.is_some() {
            self.push(Step::Comments, column_comment(table, column));
        }
    }

    fn alter_column(&mut self, table: &TableName, old: &Column, new: &Column, reworked: &Reworked<'_>) {
        let column = &new.name;
        self.breaks_old_code(table, Some(old), new);
        let alter = |plan: &mut Self, action: String| {
            plan.push(
                Step::AlterColumns,
                format!("ALTER TABLE {table} ALTER COLUMN {column} {action}"),
            );
        };
        if old.generated.is_some() && new.generated.is_none() {
            alter(self, "DROP EXPRESSION".to_owned());
        }
        // With its type made anew, the column has its new type and default already.
        let remade = reworked.remakes_type_of(table, column);
        let retyped = old.column_type != new.column_type && !remade;
        if old.identity.is_some() && new.identity.is_none() {
            alter(self, "DROP IDENTITY".to_owned());
        }
        let in_place = is_in_place(&old.column_type, &new.column_type);
        // A default of the old type may not convert by itself.
        if old.default.is_some() && !remade && (retyped && !in_place || new.default.is_none()) {
            alter(self, "DROP DEFAULT".to_owned());
        }
        if retyped {
            if !in_place {
                self.hazard(
                    HazardKind::TableRewrite,
                    format!("changes the type of {table}.{column} to {}", new.column_type),
                );
            }
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
            .filter(|_| !remade && (retyped || old.default != new.default))
        {
            alter(self, format!("SET DEFAULT {}", render::default_value(default)));
        }
        match (old.not_null, new.not_null) {
            (false, true) => {
                self.hazard(HazardKind::FailsOnRows, format!("sets {table}.{column} NOT NULL"));
                let why = format!("reads all rows of {table} for the NOT NULL of {column}");
                self.hazard(HazardKind::BlocksWrites, why);
                alter(self, "SET NOT NULL".to_owned());
            }
            (true, false) => alter(self, "DROP NOT NULL".to_owned()),
            _ => {}
        }
        match (old.identity, new.identity) {
            (None, Some(identity)) => {
                self.hazard(
                    HazardKind::FailsOnRows,
                    format!("makes {table}.{column} an identity that counts from 1; where there are rows, RESTART it behind them"),
                );
                alter(self, format!("ADD {}", render::generated_as_identity(identity)));
            }
            (Some(old), Some(Identity::Always)) if old != Identity::Always => {
                alter(self, "SET GENERATED ALWAYS".to_owned());
            }
            (Some(old), Some(Identity::ByDefault)) if old != Identity::ByDefault => {
                alter(self, "SET GENERATED BY DEFAULT".to_owned());
            }
            _ => {}
        }
        if old.comment != new.comment {
            self.push(Step::Comments, column_comment(table, new));
        }
    }

    fn breaks_old_code(&mut self, table: &TableName, old: Option<&Column>, new: &Column) {
        for what in breaks_old_code(table, old, new) {
            self.hazard(HazardKind::BreaksOldCode, what);
        }
    }
}

fn calls_remade(column: &Column, reworked: &Reworked<'_>) -> bool {
    let default = column.default.as_ref();
    default.is_some_and(|text| reworked.calls_remade(text))
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
