//! Enum types.

use authz_schema::schema::{EnumType, TypeName};

use super::{Builder, Level, Op, Step};
use crate::diff::Delta;
use crate::object::Object;
use crate::statement::{Statement, ValuePlace};

impl Builder<'_> {
    /// A type that loses values is another one by now (`world::split_enums`): here types come, go, and gain values.
    pub(super) fn enums(&mut self) {
        for delta in self.diff.enums.clone() {
            match delta {
                Delta::Added(item) => {
                    let object = Object::Enum(item.name.clone());
                    self.push(
                        Step::Types,
                        Op::Create,
                        object.clone(),
                        Statement::CreateEnum(item.clone()),
                    );
                    if item.comment.is_some() {
                        self.comment(Step::Types, object, item.comment.clone());
                    }
                }
                Delta::Removed(item) => {
                    self.push(
                        Step::DropTypes,
                        Op::Drop,
                        Object::Enum(item.name.clone()),
                        Statement::DropEnum(item.name.clone()),
                    );
                }
                Delta::Changed(old, new) => {
                    self.add_values(old, new);
                    if old.comment != new.comment {
                        self.comment(
                            Step::Comments,
                            Object::Enum(new.name.clone()),
                            new.comment.clone(),
                        );
                    }
                }
            }
        }
    }

    /// Each beside its neighbour.
    fn add_values(&mut self, old: &EnumType, new: &EnumType) {
        let mut before: Option<&String> = None;
        for value in &new.values {
            if !old.values.contains(value) {
                let place = match (before, old.values.first()) {
                    (Some(before), _) => Some(ValuePlace::After(before.clone())),
                    (None, Some(first)) => Some(ValuePlace::Before(first.clone())),
                    (None, None) => None,
                };
                self.push_at(
                    Level::Values,
                    Step::Types,
                    Op::Create,
                    Object::Value(new.name.clone(), value.clone()),
                    Statement::AddValue {
                        item: new.name.clone(),
                        value: value.clone(),
                        place,
                    },
                );
            }
            before = Some(value);
        }
    }

    /// Pairs of types where columns of the one take the other, so that their values meet by text.
    pub(super) fn met_by_text(&self) -> Vec<(TypeName, TypeName)> {
        let mut pairs = Vec::new();
        for (name, table) in &self.new.schema.tables {
            let Some(before) = self.old.schema.tables.get(name) else {
                continue;
            };
            for column in &table.columns {
                let old = before.columns.iter().find(|old| old.name == column.name);
                let old = old.and_then(|old| self.old_catalog.enum_of(&old.column_type));
                if let (Some(old), Some(new)) = (old, self.new_catalog.enum_of(&column.column_type))
                    && old != new
                    && !pairs.contains(&(old.clone(), new.clone()))
                {
                    pairs.push((old, new));
                }
            }
        }
        pairs
    }

    pub(super) fn comment(&mut self, step: Step, of: Object, text: Option<String>) {
        self.push(
            step,
            Op::Alter,
            Object::Comment(Box::new(of.clone())),
            Statement::Comment { of, text },
        );
    }
}
