//! Tables and their columns, constraints and indexes.

use std::collections::BTreeSet;

use authz_schema::schema::{
    Column, Command, Constraint, ConstraintKind, ForeignKeyAction, Identity, Index, Table, TableName,
};
use authz_sql::Ident;

use super::access::Direction;
use super::columns::{breaks_old_code, is_in_place, keeps_values, may_be_volatile};
use super::renames::{not_null_names, server_name};
use super::{Builder, Level, Mode, Op, Step};
use crate::diff::{Delta, TableDiff};
use crate::hazard::HazardKind;
use crate::object::Object;
use crate::render;
use crate::statement::{Statement, Validation};

impl Builder<'_> {
    pub(super) fn tables(&mut self) {
        for delta in self.diff.tables.clone() {
            match delta {
                Delta::Added(table) => self.create_table(table),
                Delta::Removed(table) => self.drop_table(table),
                Delta::Changed(..) => {}
            }
        }
        let altered = std::mem::take(&mut self.diff.altered);
        let mut changes = altered.iter().peekable();
        for (name, table) in &self.new.schema.tables {
            let Some(old) = self.old.schema.tables.get(name) else {
                continue;
            };
            if let Some(diff) = changes.next_if(|diff| diff.new.name == *name) {
                self.alter_table(diff);
            } else {
                self.kept_policies(old, table);
            }
            self.kept_parts(old, table);
        }
    }

    fn create_table(&mut self, table: &Table) {
        let name = &table.name;
        if table.existing {
            self.take_over(table);
        } else {
            let folded: BTreeSet<Ident> = table
                .constraints
                .iter()
                .filter(|constraint| !render::is_foreign_key(constraint) && !self.waits(name, constraint))
                .map(|constraint| constraint.name.clone())
                .collect();
            let at = self.push(
                Step::CreateTables,
                Op::Create,
                Object::Table(name.clone()),
                Statement::CreateTable {
                    table: table.clone(),
                    constraints: folded.clone(),
                },
            );
            let parts = parts(table, &folded);
            if let Some(node) = self.nodes.get_mut(at) {
                node.folded = parts;
            }
        }
        if table.row_security {
            self.push(
                Step::CreateTables,
                Op::Create,
                Object::RowSecurity(name.clone()),
                Statement::EnableRowSecurity(name.clone()),
            );
        }
        if !table.existing {
            for index in &table.indexes {
                self.push(
                    Step::CreateTables,
                    Op::Create,
                    Object::Index(name.clone(), index.name.clone()),
                    Statement::CreateIndex {
                        table: name.clone(),
                        index: index.clone(),
                        concurrently: false,
                    },
                );
            }
            if table.comment.is_some() {
                self.comment(
                    Step::CreateTables,
                    Object::Table(name.clone()),
                    table.comment.clone(),
                );
            }
            for column in table.columns.iter().filter(|column| column.comment.is_some()) {
                self.column_comment(Step::CreateTables, name, column);
            }
            for constraint in &table.constraints {
                if let ConstraintKind::ForeignKey(key) = &constraint.kind {
                    // The rows of the new table are none, but those of an old one may be hidden from who migrates.
                    let is_old = self.old.schema.tables.contains_key(&key.table)
                        || self
                            .new
                            .schema
                            .tables
                            .get(&key.table)
                            .is_some_and(|table| table.existing);
                    self.add_constraint(
                        Step::CreateForeignKeys,
                        Level::Main,
                        name,
                        constraint,
                        if is_old {
                            Validation::NowBehindRowSecurity
                        } else {
                            Validation::Now
                        },
                    );
                } else if self.waits(name, constraint) {
                    self.add_constraint(
                        Step::AddConstraints,
                        Level::Main,
                        name,
                        constraint,
                        Validation::Now,
                    );
                }
            }
        }
        for policy in &table.policies {
            if table.existing {
                self.policy_hazard(name, &Delta::Added(policy));
            }
            self.create_policy(name, policy);
        }
        for grant in &table.grants {
            if table.existing {
                self.hazard(
                    HazardKind::AuthzWidens,
                    format!("grants {} on {name} to {}", grant.privilege.sql(), grant.role),
                );
            }
            self.grant(name, grant);
        }
    }

    /// Whether a check can only be made once its table is there, since a function that it calls reads the table.
    fn waits(&self, table: &TableName, constraint: &Constraint) -> bool {
        let object = Object::Constraint(table.clone(), constraint.name.clone());
        let reads = |function: &Object| {
            self.new_needs
                .needs(function)
                .any(|(on, _)| on.table() == Some(table))
        };
        self.new_needs.calls(&object).iter().any(reads)
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
        self.hazard(
            HazardKind::AuthzNarrows,
            format!("drops every policy of {name}, where row security stays on"),
        );
        for policy in &table.policies {
            self.drop_policy(name, policy);
        }
        for grant in &table.grants {
            self.revoke(name, grant);
        }
        self.row_security_stays = true;
    }

    fn drop_table(&mut self, table: &Table) {
        let name = &table.name;
        if table.existing {
            self.hand_back(table);
            return;
        }
        // What stands on something outside of the table would keep that from being dropped.
        let outside = |builder: &Self, object: &Object| {
            builder.old_needs.needs(object).any(|(on, _)| {
                on.table() != Some(name)
                    && !matches!(on, Object::Auth | Object::Namespace(_) | Object::Claim(_))
            })
        };
        let mut apart = BTreeSet::new();
        for policy in &table.policies {
            let object = Object::Policy(name.clone(), policy.name.clone());
            let reads_others = self
                .old_needs
                .needs(&object)
                .any(|(on, _)| on.table().is_some_and(|table| table != name));
            if reads_others || self.stands_on_gone(&object) {
                self.drop_policy(name, policy);
                apart.insert(object);
            }
        }
        for constraint in &table.constraints {
            let object = Object::Constraint(name.clone(), constraint.name.clone());
            if render::is_foreign_key(constraint) || outside(self, &object) && self.stands_on_gone(&object) {
                self.drop_constraint(Level::Main, name, constraint);
                apart.insert(object);
            }
        }
        for index in &table.indexes {
            let object = Object::Index(name.clone(), index.name.clone());
            if outside(self, &object) && self.stands_on_gone(&object) {
                self.drop_index(Level::Main, name, index);
                apart.insert(object);
            }
        }
        for column in table.columns.iter().filter(|column| column.default.is_some()) {
            let object = Object::Default(name.clone(), column.name.clone());
            if outside(self, &object) && self.stands_on_gone(&object) {
                self.drop_default(Step::DropConstraints, name, &column.name);
                apart.insert(object);
            }
        }
        self.hazard(
            HazardKind::DataLoss,
            format!("drops the table {name} with all its rows"),
        );
        let at = self.push(
            Step::DropTables,
            Op::Drop,
            Object::Table(name.clone()),
            Statement::DropTable(name.clone()),
        );
        let mut folded = parts(
            table,
            &table
                .constraints
                .iter()
                .map(|constraint| constraint.name.clone())
                .collect(),
        );
        folded.extend(
            table
                .indexes
                .iter()
                .map(|index| Object::Index(name.clone(), index.name.clone())),
        );
        folded.extend(
            table
                .policies
                .iter()
                .map(|policy| Object::Policy(name.clone(), policy.name.clone())),
        );
        folded.push(Object::RowSecurity(name.clone()));
        folded.extend(
            table
                .grants
                .iter()
                .map(|grant| Object::Grant(name.clone(), grant.role.clone(), grant.privilege)),
        );
        folded.retain(|object| !apart.contains(object));
        if let Some(node) = self.nodes.get_mut(at) {
            node.folded = folded;
        }
    }

    /// Whether an object stands on a function or a type that goes, for good or until it is made again.
    fn stands_on_gone(&self, object: &Object) -> bool {
        self.old_needs.needs(object).any(|(on, _)| match on {
            Object::Function(signature) => {
                self.is_aside(on) || !self.new.schema.functions.contains_key(signature)
            }
            Object::Claim(name) => self.is_aside(on) || !self.new.schema.claims.contains_key(name),
            Object::Membership(name) => self.is_aside(on) || !self.new.schema.memberships.contains_key(name),
            _ => false,
        })
    }

    /// Drops and makes again the unchanged defaults, constraints, indexes and privileges that cannot stay.
    fn kept_parts(&mut self, old: &Table, new: &Table) {
        let name = &new.name;
        if old.existing || new.existing {
            return;
        }
        for column in &new.columns {
            if self.is_aside(&Object::Column(name.clone(), column.name.clone())) {
                self.regenerate(name, old, column);
            }
        }
        for column in &new.columns {
            let object = Object::Default(name.clone(), column.name.clone());
            let remade = self.is_aside(&Object::Column(name.clone(), column.name.clone()));
            if !self.is_aside(&object) || remade {
                continue;
            }
            let Some(before) = old.columns.iter().find(|before| before.name == column.name) else {
                continue;
            };
            // With its type, a default is dropped and set with the column.
            let goes_with_type = before.column_type != column.column_type
                && !is_in_place(&before.column_type, &column.column_type);
            if !goes_with_type {
                self.drop_default(Step::DropConstraints, name, &column.name);
                self.set_default(name, column);
            }
        }
        for constraint in &new.constraints {
            let object = Object::Constraint(name.clone(), constraint.name.clone());
            if !old.constraints.contains(constraint) || !self.is_aside(&object) {
                continue;
            }
            self.drop_constraint(Level::Main, name, constraint);
            if self.calls_changed(&object) {
                self.hazard(
                    HazardKind::FailsOnRows,
                    format!("adds the constraint {} to {name} again", constraint.name),
                );
            }
            self.constraint_again(name, constraint);
        }
        for index in &new.indexes {
            let object = Object::Index(name.clone(), index.name.clone());
            if old.indexes.contains(index) && self.is_aside(&object) {
                self.drop_index(Level::Main, name, index);
                self.create_index(Level::Main, name, index);
            }
        }
        for grant in &new.grants {
            // What is granted on a column goes with the column.
            let mut columns = grant.columns.iter().flatten();
            let remade = columns.any(|column| self.is_aside(&Object::Column(name.clone(), column.clone())));
            if remade && old.grants.contains(grant) {
                self.grant(name, grant);
            }
        }
    }

    /// Whether an object calls a function that is another afterwards.
    fn calls_changed(&self, object: &Object) -> bool {
        let calls = self.old_needs.calls(object);
        calls
            .iter()
            .any(|function| self.is_aside(function) || self.harmed.stale.contains(function))
    }

    fn constraint_again(&mut self, table: &TableName, constraint: &Constraint) {
        if render::is_foreign_key(constraint) {
            self.validated_later(Step::CreateForeignKeys, table, constraint);
        } else {
            self.add_constraint(
                Step::AddConstraints,
                Level::Main,
                table,
                constraint,
                Validation::Now,
            );
        }
    }

    fn alter_table(&mut self, diff: &TableDiff<'_>) {
        let name = &diff.new.name;
        let remade =
            |builder: &Self, column: &Ident| builder.is_aside(&Object::Column(name.clone(), column.clone()));
        for delta in &diff.columns {
            match delta {
                Delta::Added(column) => self.add_column(Step::AlterColumns, name, column),
                Delta::Removed(column) => {
                    self.hazard(
                        HazardKind::DataLoss,
                        format!("drops the column {name}.{}", column.name),
                    );
                    self.drop_column(Step::DropColumns, name, column);
                }
                Delta::Changed(_, new) if remade(self, &new.name) => {}
                Delta::Changed(old, new) => self.alter_column(name, old, new),
            }
        }
        for delta in &diff.constraints {
            match delta {
                Delta::Added(new) => self.new_constraint(diff, None, new),
                Delta::Removed(old) => {
                    // One that is replaced goes with what takes its place.
                    if !self.is_replaced(diff, old) {
                        self.drop_constraint(Level::Main, name, old);
                    }
                }
                Delta::Changed(old, new) => self.new_constraint(diff, Some(old), new),
            }
        }
        for delta in &diff.indexes {
            if let Delta::Removed(old) | Delta::Changed(old, _) = delta {
                self.drop_index(Level::Sweep, name, old);
            }
            if let Delta::Added(new) | Delta::Changed(_, new) = delta {
                self.create_index(Level::Build, name, new);
            }
        }
        self.row_security(diff);
        self.policies(diff);
        for delta in &diff.grants {
            self.alter_grant(diff, delta);
        }
        if diff.old.comment != diff.new.comment && !diff.new.existing {
            self.comment(
                Step::Comments,
                Object::Table(name.clone()),
                diff.new.comment.clone(),
            );
        }
    }

    /// Whether another primary key takes the place of this one.
    fn is_replaced(&self, diff: &TableDiff<'_>, old: &Constraint) -> bool {
        let is_primary = |constraint: &Constraint| matches!(constraint.kind, ConstraintKind::PrimaryKey(_));
        let added = diff.constraints.iter().filter_map(|delta| match delta {
            Delta::Added(new) => Some(*new),
            _ => None,
        });
        is_primary(old) && added.into_iter().any(is_primary)
    }

    fn new_constraint(&mut self, diff: &TableDiff<'_>, old: Option<&Constraint>, new: &Constraint) {
        let name = &diff.new.name;
        self.lets_write(name, old, new);
        match &new.kind {
            ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => {
                let replaced = || {
                    diff.constraints.iter().find_map(|delta| match delta {
                        Delta::Removed(old) if matches!(new.kind, ConstraintKind::PrimaryKey(_)) => {
                            Some(*old).filter(|old| matches!(old.kind, ConstraintKind::PrimaryKey(_)))
                        }
                        _ => None,
                    })
                };
                let old = old.or_else(replaced);
                let drops = old.map(|old| self.drop_constraint(Level::Prove, name, old));
                self.fails_on_rows(name, new);
                let adds =
                    self.add_constraint(Step::AddConstraints, Level::Prove, name, new, Validation::Now);
                self.ties.extend(drops.map(|drops| (drops, adds)));
            }
            ConstraintKind::Check(_) => {
                if let Some(old) = old {
                    self.drop_constraint(Level::Main, name, old);
                }
                self.fails_on_rows(name, new);
                self.validated_later(Step::AddConstraints, name, new);
            }
            ConstraintKind::ForeignKey(_) => {
                if let Some(old) = old {
                    self.drop_constraint(Level::Main, name, old);
                }
                self.fails_on_rows(name, new);
                self.validated_later(Step::CreateForeignKeys, name, new);
            }
        }
    }

    fn fails_on_rows(&mut self, table: &TableName, new: &Constraint) {
        self.hazard(
            HazardKind::FailsOnRows,
            format!("adds the constraint {} to {table}", new.name),
        );
    }

    /// What a foreign key does by itself to referring rows, it does past row security: whoever may change the row that is
    /// referred to changes them too.
    fn lets_write(&mut self, table: &TableName, old: Option<&Constraint>, new: &Constraint) {
        let ConstraintKind::ForeignKey(key) = &new.kind else {
            return;
        };
        let before = match old.map(|old| &old.kind) {
            Some(ConstraintKind::ForeignKey(before)) => Some(before),
            _ => None,
        };
        let writes = |action: ForeignKeyAction| match action {
            ForeignKeyAction::Cascade => Some("deletes or changes"),
            ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault => Some("changes"),
            ForeignKeyAction::NoAction | ForeignKeyAction::Restrict => None,
        };
        let events = [
            ("DELETE", key.on_delete, before.map(|before| before.on_delete)),
            ("UPDATE", key.on_update, before.map(|before| before.on_update)),
        ];
        for (event, action, before) in events {
            if before == Some(action) || writes(action).is_none() {
                continue;
            }
            let what = match (event, action) {
                ("DELETE", ForeignKeyAction::Cascade) => "deletes",
                _ => "changes",
            };
            self.hazard(
                HazardKind::AuthzWidens,
                format!(
                    "{event} on {} {what} rows of {table} past its policies, by the foreign key {}",
                    key.table, new.name
                ),
            );
        }
    }

    fn drop_constraint(&mut self, level: Level, table: &TableName, constraint: &Constraint) -> usize {
        // A foreign key stands on the unique constraint that it refers to, maybe one of another table.
        let step = match (render::is_foreign_key(constraint), level) {
            (true, _) => Step::DropForeignKeys,
            (false, _) => Step::DropConstraints,
        };
        self.push_at(
            level,
            step,
            Op::Drop,
            Object::Constraint(table.clone(), constraint.name.clone()),
            Statement::DropConstraint {
                table: table.clone(),
                constraint: constraint.name.clone(),
            },
        )
    }

    fn add_constraint(
        &mut self,
        step: Step,
        level: Level,
        table: &TableName,
        constraint: &Constraint,
        how: Validation,
    ) -> usize {
        self.push_at(
            level,
            step,
            Op::Create,
            Object::Constraint(table.clone(), constraint.name.clone()),
            Statement::AddConstraint {
                table: table.clone(),
                constraint: constraint.clone(),
                how,
            },
        )
    }

    /// A constraint whose rows are checked in a file of its own, while others go on writing.
    fn validated_later(&mut self, step: Step, table: &TableName, constraint: &Constraint) {
        if self.mode == Mode::Staged {
            self.add_constraint(step, Level::Main, table, constraint, Validation::Later);
            self.push_at(
                Level::Prove,
                Step::Validate,
                Op::Validate,
                Object::Constraint(table.clone(), constraint.name.clone()),
                Statement::Validate {
                    table: table.clone(),
                    constraint: constraint.clone(),
                },
            );
            return;
        }
        let mut how = Validation::Now;
        if let ConstraintKind::ForeignKey(key) = &constraint.kind {
            how = Validation::NowBehindRowSecurity;
            // The rows that are referred to went with the up file.
            let is_new = |object: &Object| !self.was_there(object);
            let emptied = is_new(&Object::Table(key.table.clone()))
                || key
                    .references
                    .iter()
                    .any(|column| is_new(&Object::Column(key.table.clone(), column.clone())));
            if emptied {
                how = Validation::Later;
                let table = self.new.names.table(table);
                self.unproven.push(format!(
                    "The foreign key {} of {table} stays NOT VALID: the rows that it refers to are lost.",
                    constraint.name
                ));
            }
        }
        self.add_constraint(step, Level::Main, table, constraint, how);
    }

    /// Whether a table or a column is there before.
    fn was_there(&self, object: &Object) -> bool {
        match object {
            Object::Table(table) => self.old.schema.tables.contains_key(table),
            Object::Column(table, column) => {
                crate::world::column(&self.old.schema, table, column).is_some() && !self.is_aside(object)
            }
            _ => false,
        }
    }

    fn create_index(&mut self, level: Level, table: &TableName, index: &Index) {
        self.push_at(
            level,
            Step::CreateIndexes,
            Op::Create,
            Object::Index(table.clone(), index.name.clone()),
            Statement::CreateIndex {
                table: table.clone(),
                index: index.clone(),
                concurrently: false,
            },
        );
    }

    fn drop_index(&mut self, level: Level, table: &TableName, index: &Index) {
        self.push_at(
            level,
            Step::DropConstraints,
            Op::Drop,
            Object::Index(table.clone(), index.name.clone()),
            Statement::DropIndex {
                table: table.clone(),
                index: index.name.clone(),
                concurrently: false,
            },
        );
    }

    fn drop_default(&mut self, step: Step, table: &TableName, column: &Ident) {
        self.push(
            step,
            Op::Drop,
            Object::Default(table.clone(), column.clone()),
            Statement::DropDefault {
                table: table.clone(),
                column: column.clone(),
            },
        );
    }

    fn set_default(&mut self, table: &TableName, column: &Column) {
        self.push(
            Step::AlterColumns,
            Op::Create,
            Object::Default(table.clone(), column.name.clone()),
            Statement::SetDefault {
                table: table.clone(),
                column: column.clone(),
            },
        );
    }

    fn drop_column(&mut self, step: Step, table: &TableName, column: &Column) {
        let at = self.push(
            step,
            Op::Drop,
            Object::Column(table.clone(), column.name.clone()),
            Statement::DropColumn {
                table: table.clone(),
                column: column.name.clone(),
            },
        );
        let folded = column_parts(table, column);
        if let Some(node) = self.nodes.get_mut(at) {
            node.folded = folded;
        }
    }

    fn add_column(&mut self, step: Step, table: &TableName, column: &Column) {
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
        self.push_column(step, table, column);
    }

    /// The name of a column's NOT NULL where the server would choose another.
    fn explicit_not_null(&self, table: &TableName, column: &Column) -> Option<String> {
        let after = self.new.schema.tables.get(table)?;
        let wanted = not_null_names(after, &self.new.names).remove(&column.name)?;
        let (table, column) = (
            self.new.names.table(table).name,
            self.new.names.column(table, &column.name),
        );
        (wanted != server_name(&table, &column, "not_null")).then_some(wanted)
    }

    fn push_column(&mut self, step: Step, table: &TableName, column: &Column) {
        let at = self.push(
            step,
            Op::Create,
            Object::Column(table.clone(), column.name.clone()),
            Statement::AddColumn {
                table: table.clone(),
                column: column.clone(),
                not_null: self.explicit_not_null(table, column),
            },
        );
        let folded = column_parts(table, column);
        if let Some(node) = self.nodes.get_mut(at) {
            node.folded = folded;
        }
        if column.comment.is_some() {
            self.column_comment(Step::Comments, table, column);
        }
    }

    /// A generated column has no values of its own, so that it is dropped and added. One with values loses them.
    fn regenerate(&mut self, table: &TableName, before: &Table, column: &Column) {
        let Some(old) = before.columns.iter().find(|old| old.name == column.name) else {
            return;
        };
        self.breaks_old_code(table, Some(old), column);
        if old.generated.is_none() {
            self.hazard(
                HazardKind::DataLoss,
                format!("replaces the values of {table}.{} by generated ones", column.name),
            );
        }
        self.hazard(
            HazardKind::TableRewrite,
            format!("generates the values of {table}.{} anew", column.name),
        );
        let object = Object::Column(table.clone(), column.name.clone());
        if old.generated != column.generated && self.decides(&object).is_some() {
            let what = format!("the column {table}.{}", column.name);
            let message = format!("generates {what}, which policies read, by another expression");
            self.access_change(Direction::Unknown, message, &what);
        }
        self.drop_column(Step::DropGenerated, table, old);
        self.push_column(Step::AddGenerated, table, column);
    }

    fn alter_column(&mut self, table: &TableName, old: &Column, new: &Column) {
        let column = &new.name;
        self.breaks_old_code(table, Some(old), new);
        self.lets_users_write(table, old, new);
        let place = || (table.clone(), column.clone());
        let object = || Object::Column(table.clone(), column.clone());
        if old.generated.is_some() && new.generated.is_none() {
            let (table, column) = place();
            self.push(
                Step::AlterColumns,
                Op::Release,
                object(),
                Statement::DropExpression { table, column },
            );
        }
        let retyped = old.column_type != new.column_type;
        if old.identity.is_some() && new.identity.is_none() {
            let (table, column) = place();
            self.push(
                Step::AlterColumns,
                Op::Drop,
                Object::Identity(table.clone(), column.clone()),
                Statement::DropIdentity { table, column },
            );
        }
        let in_place = is_in_place(&old.column_type, &new.column_type);
        // From one enum type to another, values go by their text.
        let by_text = self.old_catalog.enum_of(&old.column_type).is_some()
            && self.new_catalog.enum_of(&new.column_type).is_some();
        let (retype, default) = if by_text {
            (Step::RetypeEnums, Step::RetypeEnums)
        } else {
            (Step::AlterColumns, Step::AlterColumns)
        };
        let aside = self.is_aside(&Object::Default(table.clone(), column.clone()));
        // A default of the old type may not convert by itself.
        if old.default.is_some() && (retyped && !in_place || new.default.is_none() || aside) {
            let step = if aside && !retyped {
                Step::DropConstraints
            } else {
                default
            };
            self.drop_default(step, table, column);
        }
        if retyped {
            if by_text {
                self.enum_hazards(table, old, new);
            } else if !in_place {
                self.hazard(
                    HazardKind::TableRewrite,
                    format!("changes the type of {table}.{column} to {}", new.column_type),
                );
            }
            if !by_text && !keeps_values(&old.column_type, &new.column_type) {
                self.hazard(
                    HazardKind::DataLoss,
                    format!(
                        "casts the values of {table}.{column} from {} to {}, which may cut them",
                        old.column_type, new.column_type
                    ),
                );
            }
            let (table, column) = place();
            self.push(
                retype,
                Op::Retype,
                object(),
                Statement::Retype {
                    table,
                    column,
                    to: new.column_type.clone(),
                    by_text,
                },
            );
        }
        if new.default.is_some() && (retyped || old.default != new.default || aside) {
            let stays = old.default.is_some() && (!retyped || in_place) && !aside;
            let op = if stays { Op::Alter } else { Op::Create };
            self.push(
                default,
                op,
                Object::Default(table.clone(), column.clone()),
                Statement::SetDefault {
                    table: table.clone(),
                    column: new.clone(),
                },
            );
        }
        let not_null = || Object::NotNull(table.clone(), column.clone());
        match (old.not_null, new.not_null) {
            (false, true) => {
                self.hazard(HazardKind::FailsOnRows, format!("sets {table}.{column} NOT NULL"));
                // A column that is written anew is read by that already.
                let level = if retyped { Level::Main } else { Level::Prove };
                let name = self.explicit_not_null(table, new);
                let (table, column) = place();
                self.push_at(
                    level,
                    Step::AlterColumns,
                    Op::Create,
                    not_null(),
                    Statement::SetNotNull {
                        table,
                        column,
                        not_null: name,
                    },
                );
            }
            (true, false) => {
                let (table, column) = place();
                self.push(
                    Step::AlterColumns,
                    Op::Drop,
                    not_null(),
                    Statement::DropNotNull { table, column },
                );
            }
            _ => {}
        }
        let (from, identity_object) = (old.identity, Object::Identity(table.clone(), column.clone()));
        if let Some(identity) = new.identity
            && from != Some(identity)
        {
            let (table, column) = place();
            if from.is_none() {
                self.push(
                    Step::AlterColumns,
                    Op::Create,
                    identity_object,
                    Statement::AddIdentity {
                        table,
                        column,
                        identity,
                    },
                );
            } else {
                self.push(
                    Step::AlterColumns,
                    Op::Alter,
                    identity_object,
                    Statement::SetIdentity {
                        table,
                        column,
                        identity,
                    },
                );
            }
        }
        if old.comment != new.comment {
            self.column_comment(Step::Comments, table, new);
        }
    }

    /// What a column loses with its old enum type.
    fn enum_hazards(&mut self, table: &TableName, old: &Column, new: &Column) {
        let values = |schema: &authz_schema::schema::Schema, item: Option<authz_schema::schema::TypeName>| {
            let item = item.and_then(|item| schema.enums.get(&item));
            item.map(|item| item.values.clone()).unwrap_or_default()
        };
        let before = values(&self.old.schema, self.old_catalog.enum_of(&old.column_type));
        let after = values(&self.new.schema, self.new_catalog.enum_of(&new.column_type));
        let gone: Vec<String> = before
            .iter()
            .filter(|value| !after.contains(value))
            .map(|value| authz_sql::literal(value))
            .collect();
        let item = new.column_type.trim_end_matches("[]");
        let what = if gone.is_empty() {
            format!("orders the values of {item} anew")
        } else {
            format!(
                "takes {} from {item}, which fails where a row has it",
                gone.join(", ")
            )
        };
        let said = self
            .nodes
            .iter()
            .flat_map(|node| &node.hazards)
            .any(|hazard| hazard.message == what);
        if !said {
            self.hazard(HazardKind::FailsOnRows, what);
        }
        self.hazard(
            HazardKind::TableRewrite,
            format!("changes the type of {table}.{} to a new {item}", new.name),
        );
    }

    /// A column that PostgreSQL alone gave its values, and users may write now.
    fn lets_users_write(&mut self, table: &TableName, old: &Column, new: &Column) {
        let server =
            |column: &Column| column.generated.is_some() || column.identity == Some(Identity::Always);
        if !server(old) || server(new) {
            return;
        }
        let grants = self.new.schema.tables.get(table).map(|table| &table.grants);
        let roles: BTreeSet<String> = grants
            .into_iter()
            .flatten()
            .filter(|grant| matches!(grant.privilege, Command::Insert | Command::Update))
            .filter(|grant| {
                let columns = grant.columns.as_ref();
                columns.is_none_or(|columns| columns.contains(&new.name))
            })
            .map(|grant| grant.role.to_string())
            .collect();
        if !roles.is_empty() {
            let roles: Vec<String> = roles.into_iter().collect();
            self.hazard(
                HazardKind::AuthzWidens,
                format!("lets {} write {table}.{}", roles.join(", "), new.name),
            );
        }
    }

    fn column_comment(&mut self, step: Step, table: &TableName, column: &Column) {
        self.comment(
            step,
            Object::Column(table.clone(), column.name.clone()),
            column.comment.clone(),
        );
    }

    fn breaks_old_code(&mut self, table: &TableName, old: Option<&Column>, new: &Column) {
        // A type of the same name that is made anew is told of by itself.
        let old = old.map(|old| Column {
            column_type: self.old.names.sql_type(&old.column_type),
            ..old.clone()
        });
        let named = Column {
            column_type: self.new.names.sql_type(&new.column_type),
            ..new.clone()
        };
        for what in breaks_old_code(table, old.as_ref(), &named) {
            self.hazard(HazardKind::BreaksOldCode, what);
        }
    }
}

/// The parts of a table that CREATE TABLE and DROP TABLE cover.
fn parts(table: &Table, constraints: &BTreeSet<Ident>) -> Vec<Object> {
    let name = &table.name;
    let mut parts: Vec<Object> = table
        .columns
        .iter()
        .flat_map(|column| {
            std::iter::once(Object::Column(name.clone(), column.name.clone()))
                .chain(column_parts(name, column))
        })
        .collect();
    parts.extend(
        constraints
            .iter()
            .map(|constraint| Object::Constraint(name.clone(), constraint.clone())),
    );
    parts
}

/// The parts of a column that come and go with it.
fn column_parts(table: &TableName, column: &Column) -> Vec<Object> {
    let name = || (table.clone(), column.name.clone());
    let mut parts = Vec::new();
    if column.default.is_some() {
        let (table, column) = name();
        parts.push(Object::Default(table, column));
    }
    if column.not_null {
        let (table, column) = name();
        parts.push(Object::NotNull(table, column));
    }
    if column.identity.is_some() {
        let (table, column) = name();
        parts.push(Object::Identity(table, column));
    }
    parts
}
