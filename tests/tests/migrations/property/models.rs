//! Models as values that can be changed at random, and written as source.
//!
//! Tables and columns are referred to by number, so that a new name shows wherever they stand.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::Ident;

use super::kinds::{ENUM, KINDS, Kind};

/// The number of a table or a column, the same before and after a change.
pub(crate) type Id = u32;

/// What a program declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Models {
    pub(crate) tables: Vec<Table>,
    pub(crate) enums: Vec<Enum>,
    /// The files of `authz/sql`.
    pub(crate) functions: Vec<Function>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Enum {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) renamed_from: Option<String>,
    pub(crate) values: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Value {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) renamed_from: Option<String>,
}

/// A function of a text, which may call another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Function {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// It gives a boolean, true for each row of ours; else a text.
    pub(crate) is_test: bool,
    /// Which of its bodies it has.
    pub(crate) body: usize,
    /// PostgreSQL knows what the body uses; else it is text.
    pub(crate) parsed: bool,
    /// It takes one more argument.
    pub(crate) wide: bool,
    /// It gives varchar for text.
    pub(crate) varchar: bool,
    pub(crate) calls: Option<Id>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Index {
    pub(crate) name: Option<String>,
    /// Columns, each with `true` for descending.
    pub(crate) keys: Vec<(Id, bool)>,
    /// A function of a column.
    pub(crate) call: Option<(Id, Id)>,
    pub(crate) only: Option<Test>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) id: Id,
    pub(crate) namespace: &'static str,
    pub(crate) name: String,
    pub(crate) renamed_from: Option<String>,
    pub(crate) comment: Option<&'static str>,
    pub(crate) disabled: bool,
    pub(crate) columns: Vec<Column>,
    pub(crate) primary_key: Vec<Id>,
    pub(crate) uniques: Vec<Vec<Id>>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) checks: Vec<Test>,
    pub(crate) policies: Vec<Policy>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) renamed_from: Option<String>,
    pub(crate) kind: &'static Kind,
    /// The enum that it has instead.
    pub(crate) of: Option<Id>,
    pub(crate) generated: Option<Generated>,
    /// The function whose result is its default.
    pub(crate) default_call: Option<Id>,
    /// The value of the enum that is its default.
    pub(crate) default_value: Option<Id>,
    pub(crate) nullable: bool,
    pub(crate) identity: bool,
    pub(crate) default: Option<&'static str>,
    pub(crate) comment: Option<&'static str>,
    pub(crate) unique: bool,
    pub(crate) index: bool,
    /// `readonly` or `server`.
    pub(crate) access: Option<&'static str>,
    pub(crate) check: Option<Test>,
    pub(crate) reference: Option<Reference>,
}

/// What a generated column is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Generated {
    /// A function of a text column.
    Call(Id, Id),
    /// Whether a number is greater than this.
    Above(Id, i8),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reference {
    pub(crate) table: Id,
    pub(crate) column: Id,
    pub(crate) on_delete: Option<&'static str>,
    pub(crate) on_update: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Policy {
    pub(crate) id: Id,
    pub(crate) rule: Rule,
    /// None for the default role.
    pub(crate) roles: Vec<&'static str>,
    pub(crate) restrictive: bool,
    pub(crate) name: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rule {
    /// `owner = "column"`
    Owner(Id),
    /// A key such as `select` or `modify` with its expression.
    Key(&'static str, Test),
    /// `update(using = …, check = …)`
    Split(Test, Test),
    /// `member = "column in table(key, user)"`, for reading
    Member {
        column: Id,
        table: Id,
        key: Id,
        user: Id,
    },
}

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    Always,
    Never,
    /// The user's name is in this column, as text.
    Own(Id),
    /// A claim is in this column, as text.
    Claim(Id),
    /// The column, as text, is not empty: true for each row of ours.
    Filled(Id),
    /// A number is greater than this.
    Above(Id, i8),
    Is(Id),
    /// A function of the column, which is text, says so.
    Call(Id, Id),
    /// The column has this value of its enum, or has not.
    Value(Id, Id, bool),
    /// The column, as text, is that of a row of a table for which a test holds.
    In(Id, Id, Id, Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Not(Box<Self>),
}

impl Models {
    pub(crate) fn table(&self, id: Id) -> Option<&Table> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// The source of a crate that declares these.
    pub(crate) fn source(&self) -> String {
        let mut text = String::from("use authz::Table;\nuse chrono::*;\n");
        for one in &self.enums {
            text.push_str(&one.source());
        }
        for table in &self.tables {
            text.push_str(&self.table_source(table));
        }
        text
    }

    /// All sources, for whoever reads a failure.
    pub(crate) fn shown(&self) -> String {
        let files = self.files().into_iter();
        let files = files.map(|(path, text)| format!("// {path}\n{text}"));
        self.source() + &files.collect::<String>()
    }

    pub(crate) fn enumeration(&self, id: Id) -> Option<&Enum> {
        self.enums.iter().find(|one| one.id == id)
    }

    pub(crate) fn function(&self, id: Id) -> Option<&Function> {
        self.functions.iter().find(|function| function.id == id)
    }

    /// The value of this number, of whichever enum.
    fn value(&self, id: Id) -> Option<&Value> {
        self.enums
            .iter()
            .flat_map(|one| &one.values)
            .find(|value| value.id == id)
    }

    /// The files of `authz/sql`: their paths and texts.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let file = |function: &Function| {
            (
                format!("authz/sql/{}.sql", function.name),
                self.function_source(function),
            )
        };
        self.functions.iter().map(file).collect()
    }

    fn function_source(&self, function: &Function) -> String {
        let bodies = if function.is_test {
            ["t <> 'never'", "length(t) >= 0", "t IS NOT NULL"]
        } else {
            ["lower(t)", "upper(t)", "t || 'x'"]
        };
        let mut body = bodies[function.body % bodies.len()].to_owned();
        if let Some(called) = function.calls.and_then(|id| self.function(id)) {
            body = if function.is_test {
                format!("{body} AND public.{}(t)", called.name)
            } else {
                format!("public.{}({body})", called.name)
            };
        }
        let returns = match (function.is_test, function.varchar) {
            (true, _) => "boolean",
            (false, true) => "varchar",
            (false, false) => "text",
        };
        if returns == "varchar" {
            body = format!("({body})::varchar");
        }
        format!(
            "CREATE FUNCTION {}(t text{}) RETURNS {returns} LANGUAGE sql IMMUTABLE PARALLEL SAFE\n{};\n",
            function.name,
            if function.wide {
                ", n integer DEFAULT 0"
            } else {
                ""
            },
            if function.parsed {
                format!("RETURN {body}")
            } else {
                format!("AS $$ SELECT {body} $$")
            }
        )
    }

    fn table_source(&self, table: &Table) -> String {
        let mut options = vec![format!("name = {:?}", table.name)];
        if table.namespace != "public" {
            options.push(format!("schema = {:?}", table.namespace));
        }
        options.extend(
            table
                .renamed_from
                .iter()
                .map(|name| format!("renamed_from = {name:?}")),
        );
        let names = |ids: &[Id]| {
            ids.iter()
                .map(|id| word(&table.column(*id).name))
                .collect::<Vec<_>>()
                .join(", ")
        };
        if !table.primary_key.is_empty() {
            options.push(format!("primary_key({})", names(&table.primary_key)));
        }
        options.extend(table.uniques.iter().map(|ids| format!("unique({})", names(ids))));
        options.extend(table.indexes.iter().map(|index| {
            let keys = index.keys.iter();
            let mut parts: Vec<String> = keys
                .map(|(id, desc)| names(&[*id]) + if *desc { " desc" } else { "" })
                .collect();
            if let Some((function, column)) = index.call
                && let Some(function) = self.function(function)
            {
                let call = format!("{}({})", function.name, ident(&table.column(column).name));
                parts.push(format!("{call:?}"));
            }
            let only = index.only.as_ref();
            parts.extend(only.map(|test| format!("where = {:?}", self.sql(table, test, ""))));
            parts.extend(index.name.iter().map(|name| format!("name = {name:?}")));
            format!("index({})", parts.join(", "))
        }));
        options.extend(
            table
                .checks
                .iter()
                .map(|test| format!("check = {:?}", self.sql(table, test, ""))),
        );
        let mut text = doc(table.comment, "");
        text.push_str(&format!("#[derive(Table)]\n#[table({})]\n", options.join(", ")));
        if table.disabled {
            text.push_str("#[rls(disabled = \"public data\")]\n");
        } else {
            for policy in &table.policies {
                text.push_str(&self.policy_source(table, policy));
            }
        }
        text.push_str(&format!("struct T{} {{\n", table.id));
        for column in &table.columns {
            text.push_str(&self.column_source(table, column));
        }
        text + "}\n"
    }

    fn policy_source(&self, table: &Table, policy: &Policy) -> String {
        let sql = |test: &Test| format!("{:?}", self.sql(table, test, ""));
        let mut options = vec![match &policy.rule {
            Rule::Owner(id) => format!("owner = {:?}", table.column(*id).name),
            Rule::Key(key, test) => format!("{key} = {}", sql(test)),
            Rule::Split(using, check) => format!("update(using = {}, check = {})", sql(using), sql(check)),
            Rule::Member {
                column,
                table: members,
                key,
                user,
            } => {
                let members = self.table(*members).unwrap();
                let [key, user] = [key, user].map(|id| &members.column(*id).name);
                let member = format!(
                    "{} in {}({key}, {user})",
                    table.column(*column).name,
                    members.name
                );
                format!("read, member = {member:?}")
            }
        }];
        if !policy.roles.is_empty() {
            options.push(format!("to = {:?}", policy.roles));
        }
        if policy.restrictive {
            options.push("restrictive".to_owned());
        }
        options.extend(policy.name.map(|name| format!("name = {name:?}")));
        format!("#[rls({})]\n", options.join(", "))
    }

    fn column_source(&self, table: &Table, column: &Column) -> String {
        let mut options = Vec::new();
        if !is_word(&column.name) {
            options.push(format!("name = {:?}", column.name));
        }
        options.extend(
            column
                .renamed_from
                .iter()
                .map(|name| format!("renamed_from = {name:?}")),
        );
        options.extend(column.kind.sql.map(|sql| format!("type = {sql:?}")));
        options.extend(
            self.default(column)
                .map(|default| format!("default = {default:?}")),
        );
        if let Some(generated) = &column.generated {
            let sql = match generated {
                Generated::Call(function, of) => format!(
                    "{}({})",
                    self.function(*function).unwrap().name,
                    ident(&table.column(*of).name)
                ),
                Generated::Above(of, number) => format!("{} > {number}", ident(&table.column(*of).name)),
            };
            options.push(format!("generated = {sql:?}"));
        }
        options.extend(column.access.map(ToOwned::to_owned));
        for (flag, word) in [
            (column.identity, "identity"),
            (column.unique, "unique"),
            (column.index, "index"),
        ] {
            options.extend(flag.then(|| word.to_owned()));
        }
        options.extend(
            column
                .check
                .iter()
                .map(|test| format!("check = {:?}", self.sql(table, test, ""))),
        );
        if let Some(Reference {
            table,
            column,
            on_delete,
            on_update,
        }) = &column.reference
            && let Some(to) = self.table(*table)
        {
            options.push(format!(
                "references = {:?}",
                format!("{}.{}({})", to.namespace, to.name, to.column(*column).name)
            ));
            options.extend(on_delete.map(|action| format!("on_delete = {action:?}")));
            options.extend(on_update.map(|action| format!("on_update = {action:?}")));
        }
        let attribute = if options.is_empty() {
            String::new()
        } else {
            format!("#[column({})] ", options.join(", "))
        };
        let field = if is_word(&column.name) {
            word(&column.name)
        } else {
            format!("c{}", column.id)
        };
        let of = column.of.map(|id| format!("E{id}"));
        let rust = of.as_deref().unwrap_or(column.kind.rust);
        let rust = if column.nullable {
            format!("Option<{rust}>")
        } else {
            rust.to_owned()
        };
        format!("{}    {attribute}{field}: {rust},\n", doc(column.comment, "    "))
    }

    /// A column's default as SQL.
    fn default(&self, column: &Column) -> Option<String> {
        let value = column.default_value.and_then(|id| self.value(id));
        let called = column.default_call.and_then(|id| self.function(id));
        value
            .map(|value| format!("'{}'", value.name.replace('\'', "''")))
            .or_else(|| called.map(|function| format!("{}('a')", function.name)))
            .or_else(|| column.default.map(ToOwned::to_owned))
    }

    /// A test as SQL. `of` stands before the columns.
    fn sql(&self, table: &Table, test: &Test, of: &str) -> String {
        let column = |id: Id| format!("{of}{}", ident(&table.column(id).name));
        match test {
            Test::Always => "true".to_owned(),
            Test::Never => "false".to_owned(),
            Test::Own(id) => format!("auth.user_id() = {}", table.column(*id).text(&column(*id))),
            Test::Claim(id) => format!(
                "auth.session()->>'team' = {}",
                table.column(*id).text(&column(*id))
            ),
            Test::Filled(id) => format!("{}::text <> ''", column(*id)),
            Test::Above(id, number) => format!("{} > {number}", column(*id)),
            Test::Is(id) => column(*id),
            Test::Call(function, id) => {
                format!("{}({})", self.function(*function).unwrap().name, column(*id))
            }
            Test::Value(id, value, is) => format!(
                "{} {} '{}'",
                column(*id),
                if *is { "=" } else { "<>" },
                self.value(*value).unwrap().name.replace('\'', "''")
            ),
            Test::In(id, of_table, key, inner) => {
                let Some(of_table) = self.table(*of_table) else {
                    return "true".to_owned();
                };
                format!(
                    "{} in (select {} from {} t where {})",
                    table.column(*id).text(&column(*id)),
                    of_table
                        .column(*key)
                        .text(&format!("t.{}", ident(&of_table.column(*key).name))),
                    of_table.sql(),
                    self.sql(of_table, inner, "t.")
                )
            }
            Test::And(a, b) => format!("({} and {})", self.sql(table, a, of), self.sql(table, b, of)),
            Test::Or(a, b) => format!("({} or {})", self.sql(table, a, of), self.sql(table, b, of)),
            Test::Not(a) => format!("not ({})", self.sql(table, a, of)),
        }
    }

    /// Takes away what does not hold together any more after a change, such as a policy on a column that is gone.
    pub(crate) fn repair(&mut self) {
        self.repair_functions();
        let whole = self.clone();
        // A reference needs a unique column of the same type; one that goes takes nothing else with it.
        let tables: BTreeMap<Id, Table> = self
            .tables
            .iter()
            .map(|table| (table.id, table.clone()))
            .collect();
        for table in &mut self.tables {
            table.repair_kinds(&whole);
            table.repair_columns(&tables);
            table.repair_tests(&tables, &whole);
            table.repair_roles();
        }
        let namespaces: Vec<_> = self
            .tables
            .iter()
            .map(|table| (table.namespace, table.name.clone()))
            .collect();
        let mut number = 0;
        self.tables.retain(|table| {
            number += 1;
            let before = namespaces.get(..number - 1).unwrap_or_default();
            !before.contains(&(table.namespace, table.name.clone())) && !table.columns.is_empty()
        });
        // Tables, indexes and types share their names.
        let mut taken: BTreeSet<String> = self.tables.iter().map(|table| table.name.clone()).collect();
        for one in &mut self.enums {
            if !taken.insert(one.name.clone()) {
                one.name = format!("enum{}", one.id);
                taken.insert(one.name.clone());
            }
        }
        for table in &mut self.tables {
            let id = table.id;
            for (number, index) in table.indexes.iter_mut().enumerate() {
                let bare = index.call.is_none() && index.only.is_none();
                if index
                    .name
                    .as_ref()
                    .is_some_and(|name| !taken.insert(name.clone()))
                    || index.name.is_none() && !bare
                {
                    index.name = Some(format!("ix{id}_{number}"));
                }
            }
        }
    }

    /// No function calls itself, by whatever way.
    fn repair_functions(&mut self) {
        for at in 0..self.functions.len() {
            let own = self.functions[at].clone();
            let mut next = own.calls;
            let mut steps = 0;
            while let Some(called) = next.and_then(|id| self.function(id)) {
                steps += 1;
                if called.id == own.id || called.is_test != own.is_test || steps > self.functions.len() {
                    break;
                }
                next = called.calls;
            }
            if next.is_some() {
                self.functions[at].calls = None;
            }
        }
    }
}

impl Enum {
    fn source(&self) -> String {
        let renamed = |name: &Option<String>| name.as_ref().map(|name| format!("(renamed_from = {name:?})"));
        let own =
            renamed(&self.renamed_from).map_or_else(String::new, |option| format!("#[sql_type{option}]\n"));
        let values = self.values.iter().map(|value| {
            let from =
                renamed(&value.renamed_from).map_or_else(String::new, |option| format!("#[value{option}] "));
            format!("    #[sqlx(rename = {:?})] {from}V{},\n", value.name, value.id)
        });
        format!(
            "#[derive(sqlx::Type, authz::Type)]\n#[sqlx(type_name = {:?})]\n{own}enum E{} {{\n{}}}\n",
            self.name,
            self.id,
            values.collect::<String>()
        )
    }
}

impl Table {
    /// The column of this number, which `repair` made sure is there.
    pub(crate) fn column(&self, id: Id) -> &Column {
        self.find(id)
            .unwrap_or_else(|| panic!("no column {id} in {self:?}"))
    }

    pub(crate) fn find(&self, id: Id) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The qualified name.
    pub(crate) fn sql(&self) -> String {
        format!("{}.{}", ident(self.namespace), ident(&self.name))
    }

    fn is_unique(&self, id: Id) -> bool {
        self.primary_key == [id] || self.find(id).is_some_and(|column| column.unique)
    }

    /// What enums, functions and generated columns need.
    fn repair_kinds(&mut self, models: &Models) {
        let before = self.clone();
        for column in &mut self.columns {
            if column.of.is_some_and(|id| models.enumeration(id).is_none()) {
                column.of = None;
            }
            if column.of.is_some() {
                (column.kind, column.unique, column.index, column.reference) = (&ENUM, false, false, None);
                (column.default, column.default_call, column.identity) = (None, None, false);
            } else if *column.kind == ENUM {
                column.kind = &KINDS[3];
            }
            let values = column.of.and_then(|id| models.enumeration(id));
            let has = |id: &Id| values.is_some_and(|one| one.values.iter().any(|value| value.id == *id));
            column.default_value = column.default_value.filter(has);
            let gives_text = |id: &Id| models.function(*id).is_some_and(|function| !function.is_test);
            column.default_call = column.default_call.filter(gives_text);
            if !column.kind.is_text() {
                column.default_call = None;
            }
            if column.default_call.is_some() {
                column.default = None;
            }
            let plain = |id: &Id| {
                before
                    .find(*id)
                    .filter(|other| other.generated.is_none() && other.id != column.id)
            };
            let fits = column
                .generated
                .as_ref()
                .is_some_and(|generated| match generated {
                    Generated::Call(function, id) => {
                        plain(id).is_some_and(|other| other.kind.is_text())
                            && models.function(*function).is_some_and(|function| {
                                if function.is_test {
                                    column.kind.is_bool()
                                } else {
                                    column.kind == &KINDS[3]
                                }
                            })
                    }
                    Generated::Above(id, _) => {
                        column.kind.is_bool() && plain(id).is_some_and(|other| other.kind.is_integer())
                    }
                });
            if !fits || before.primary_key.contains(&column.id) || column.of.is_some() {
                column.generated = None;
            }
            if let Some(Generated::Call(_, of) | Generated::Above(of, _)) = column.generated {
                column.nullable = before.find(of).is_some_and(|of| of.nullable);
                (column.identity, column.unique, column.access) = (false, false, None);
                (column.default, column.default_call, column.reference) = (None, None, None);
            }
        }
        let of_enum = |id: &Id| {
            before
                .find(*id)
                .is_some_and(|column| column.of.is_some() || column.generated.is_some())
        };
        if self.primary_key.iter().any(of_enum) {
            self.primary_key.clear();
        }
        self.uniques.retain(|ids| !ids.iter().any(of_enum));
        self.indexes.retain(|index| {
            index.call.is_none_or(|(function, column)| {
                models
                    .function(function)
                    .is_some_and(|function| !function.is_test)
                    && before.find(column).is_some_and(|column| column.kind.is_text())
            })
        });
    }

    fn repair_columns(&mut self, tables: &BTreeMap<Id, Self>) {
        let columns: BTreeMap<Id, bool> = self
            .columns
            .iter()
            .map(|column| (column.id, is_word(&column.name)))
            .collect();
        // The lists of `#[table]` are Rust words.
        let listed = |id: &Id| columns.get(id) == Some(&true);
        if !self.primary_key.iter().all(listed) {
            self.primary_key.clear();
        }
        self.uniques
            .retain(|ids| ids.len() > 1 && ids.iter().all(listed) && *ids != self.primary_key);
        self.uniques.sort();
        self.uniques.dedup();
        self.indexes.retain(|index| {
            index.keys.iter().all(|(id, _)| listed(id)) && (!index.keys.is_empty() || index.call.is_some())
        });
        let mut kept: Vec<Index> = Vec::new();
        for index in self.indexes.drain(..) {
            if !kept
                .iter()
                .any(|other| (&other.keys, &other.call) == (&index.keys, &index.call))
            {
                kept.push(index);
            }
        }
        self.indexes = kept;
        let (before, own) = (self.clone(), self.id);
        for column in &mut self.columns {
            if before.primary_key.contains(&column.id) {
                column.nullable = false;
            }
            if before.primary_key == [column.id] {
                column.unique = false;
            }
            column.index &= !before
                .indexes
                .iter()
                .any(|index| index.keys == [(column.id, false)]);
            column.identity &= column.kind.is_integer();
            if column.identity {
                (column.nullable, column.default) = (false, None);
            }
            column.default = column
                .default
                .filter(|default| column.kind.defaults.contains(default));
            let fits = |reference: &Reference| {
                let to = if reference.table == own {
                    Some(&before)
                } else {
                    tables.get(&reference.table)
                };
                let to = to.filter(|to| is_plain(&to.name) && is_plain(to.namespace));
                to.and_then(|to| {
                    to.is_unique(reference.column)
                        .then(|| to.find(reference.column))
                        .flatten()
                })
                .is_some_and(|to| {
                    let integers = to.kind.is_integer() && column.kind.is_integer();
                    is_plain(&to.name) && (to.kind == column.kind || integers) && to.generated.is_none()
                })
            };
            if !column.reference.as_ref().is_some_and(fits) {
                column.reference = None;
            }
        }
    }

    fn repair_tests(&mut self, tables: &BTreeMap<Id, Self>, models: &Models) {
        let before = self.clone();
        let fits = |test: &Test| test.fits(&before, tables, models);
        self.indexes.retain(|index| index.only.as_ref().is_none_or(fits));
        for column in &mut self.columns {
            let id = column.id;
            column.check = column
                .check
                .take()
                .filter(|test| fits(test) && test.columns().contains(&id));
        }
        self.checks.retain(fits);
        self.policies.retain(|policy| match &policy.rule {
            Rule::Owner(id) => before.find(*id).is_some_and(|column| column.kind.is_text()),
            Rule::Key(_, test) => fits(test),
            Rule::Split(using, check) => fits(using) && fits(check),
            Rule::Member {
                column,
                table,
                key,
                user,
            } => {
                let members = if *table == before.id {
                    Some(&before)
                } else {
                    tables.get(table)
                };
                members.is_some_and(|members| {
                    let words = |id: &Id| members.find(*id).filter(|column| is_word(&column.name));
                    let own = before.find(*column).filter(|column| is_word(&column.name));
                    members.namespace == "public"
                        && is_word(&members.name)
                        && !members.disabled
                        && words(user).is_some_and(|user| user.kind == &KINDS[3] && user.of.is_none())
                        && words(key).zip(own).is_some_and(|(key, own)| {
                            key.id != *user && key.kind == own.kind && key.kind.is_integer()
                        })
                })
            }
        });
        let mut names = BTreeSet::new();
        for policy in &mut self.policies {
            if policy.commands().len() > 1 || policy.name.is_some_and(|name| !names.insert(name)) {
                policy.name = None;
            }
        }
    }

    /// `update` and `delete` need `select` for the same role.
    fn repair_roles(&mut self) {
        let readers: BTreeSet<&str> = self
            .policies
            .iter()
            .filter(|policy| !policy.restrictive && policy.commands().contains(&"select"))
            .flat_map(Policy::all_roles)
            .collect();
        let all: BTreeSet<&'static str> = self.policies.iter().flat_map(Policy::all_roles).collect();
        let mut blind: Vec<&'static str> = all.into_iter().filter(|role| !readers.contains(role)).collect();
        if self.policies.is_empty() && !self.disabled {
            blind.push("authenticated");
        }
        if !blind.is_empty() {
            self.policies.push(Policy {
                id: self.id * 1000 + 999,
                rule: Rule::Key("select", Test::Always),
                roles: blind,
                restrictive: false,
                name: None,
            });
        }
    }
}

impl Column {
    fn text(&self, sql: &str) -> String {
        if self.kind.is_text() {
            sql.to_owned()
        } else {
            format!("{sql}::text")
        }
    }
}

impl Policy {
    pub(crate) fn commands(&self) -> &'static [&'static str] {
        match &self.rule {
            Rule::Member { .. } => &["select"],
            Rule::Owner(_) | Rule::Key("all", _) => &["select", "insert", "update", "delete"],
            Rule::Key("modify", _) => &["insert", "update", "delete"],
            Rule::Key("insert", _) => &["insert"],
            Rule::Key("delete", _) => &["delete"],
            Rule::Key("update", _) | Rule::Split(..) => &["update"],
            Rule::Key(..) => &["select"],
        }
    }

    fn all_roles(&self) -> Vec<&'static str> {
        if self.roles.is_empty() {
            vec!["authenticated"]
        } else {
            self.roles.clone()
        }
    }
}

impl Test {
    /// The columns of the table itself.
    pub(crate) fn columns(&self) -> Vec<Id> {
        match self {
            Self::Always | Self::Never => Vec::new(),
            Self::Own(id)
            | Self::Claim(id)
            | Self::Filled(id)
            | Self::Above(id, _)
            | Self::Is(id)
            | Self::Call(_, id)
            | Self::Value(id, ..)
            | Self::In(id, ..) => {
                vec![*id]
            }
            Self::And(a, b) | Self::Or(a, b) => [a.columns(), b.columns()].concat(),
            Self::Not(a) => a.columns(),
        }
    }

    fn fits(&self, table: &Table, tables: &BTreeMap<Id, Table>, models: &Models) -> bool {
        let column = |id: &Id| table.find(*id);
        match self {
            Self::Always | Self::Never => true,
            Self::Filled(id) => column(id).is_some(),
            // The text of an enum's value is no index key.
            Self::Own(id) | Self::Claim(id) => column(id).is_some_and(|column| column.of.is_none()),
            Self::Call(function, id) => {
                models
                    .function(*function)
                    .is_some_and(|function| function.is_test)
                    && column(id).is_some_and(|column| column.kind.is_text())
            }
            Self::Value(id, value, _) => column(id)
                .and_then(|column| models.enumeration(column.of?))
                .is_some_and(|one| one.values.iter().any(|other| other.id == *value)),
            Self::Above(id, _) => column(id).is_some_and(|column| column.kind.is_integer()),
            Self::Is(id) => column(id).is_some_and(|column| column.kind.is_bool()),
            Self::In(id, of, key, inner) => {
                // A policy that reads its own table recurses.
                *of != table.id
                    && column(id).is_some_and(|column| column.of.is_none())
                    && tables
                        .get(of)
                        .is_some_and(|of| of.find(*key).is_some() && inner.fits(of, tables, models))
            }
            Self::And(a, b) => a.fits(table, tables, models) && b.fits(table, tables, models),
            // What is the same for all rows is refused beside an OR.
            Self::Or(a, b) => [a, b]
                .iter()
                .all(|test| !test.columns().is_empty() && test.fits(table, tables, models)),
            Self::Not(a) => a.fits(table, tables, models),
        }
    }
}

/// A name as SQL.
pub(crate) fn ident(name: &str) -> String {
    Ident::new(name).unwrap().to_string()
}

/// Whether a name can be that of a field.
fn is_word(name: &str) -> bool {
    syn::parse_str::<syn::Ident>(&format!("r#{name}")).is_ok()
}

/// Whether a name can stand in `references`.
fn is_plain(name: &str) -> bool {
    !name.contains(|c: char| c.is_whitespace() || "\".,()".contains(c))
}

fn word(name: &str) -> String {
    if syn::parse_str::<syn::Ident>(name).is_ok() {
        name.to_owned()
    } else {
        format!("r#{name}")
    }
}

fn doc(comment: Option<&str>, indent: &str) -> String {
    comment
        .map(|text| format!("{indent}#[doc = {text:?}]\n"))
        .unwrap_or_default()
}
