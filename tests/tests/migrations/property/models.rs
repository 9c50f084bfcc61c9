//! Models as values that can be changed at random, and written as source.
//!
//! Tables and columns are referred to by number, so that a new name shows wherever they stand.

use std::collections::{BTreeMap, BTreeSet};

use authz_sql::Ident;

use super::kinds::Kind;

/// The number of a table or a column, the same before and after a change.
pub(crate) type Id = u32;

/// What a program declares.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Models {
    pub(crate) tables: Vec<Table>,
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
    /// Columns, each with `true` for descending.
    pub(crate) indexes: Vec<Vec<(Id, bool)>>,
    pub(crate) checks: Vec<Test>,
    pub(crate) policies: Vec<Policy>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) renamed_from: Option<String>,
    pub(crate) kind: &'static Kind,
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
        for table in &self.tables {
            text.push_str(&self.table_source(table));
        }
        text
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
        options.extend(table.indexes.iter().map(|keys| {
            let keys = keys
                .iter()
                .map(|(id, desc)| names(&[*id]) + if *desc { " desc" } else { "" });
            format!("index({})", keys.collect::<Vec<_>>().join(", "))
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
        options.extend(column.default.map(|default| format!("default = {default:?}")));
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
        let rust = column.kind.rust;
        let rust = if column.nullable {
            format!("Option<{rust}>")
        } else {
            rust.to_owned()
        };
        format!("{}    {attribute}{field}: {rust},\n", doc(column.comment, "    "))
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
        // A reference needs a unique column of the same type; one that goes takes nothing else with it.
        let tables: BTreeMap<Id, Table> = self
            .tables
            .iter()
            .map(|table| (table.id, table.clone()))
            .collect();
        for table in &mut self.tables {
            table.repair_columns(&tables);
            table.repair_tests(&tables);
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
        self.indexes.retain(|keys| keys.iter().all(|(id, _)| listed(id)));
        self.indexes.sort();
        self.indexes.dedup();
        let (before, own) = (self.clone(), self.id);
        for column in &mut self.columns {
            if before.primary_key.contains(&column.id) {
                column.nullable = false;
            }
            if before.primary_key == [column.id] {
                column.unique = false;
            }
            column.index &= !before.indexes.contains(&vec![(column.id, false)]);
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
                    is_plain(&to.name) && (to.kind == column.kind || integers)
                })
            };
            if !column.reference.as_ref().is_some_and(fits) {
                column.reference = None;
            }
        }
    }

    fn repair_tests(&mut self, tables: &BTreeMap<Id, Self>) {
        let before = self.clone();
        let fits = |test: &Test| test.fits(&before, tables);
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
            | Self::In(id, ..) => {
                vec![*id]
            }
            Self::And(a, b) | Self::Or(a, b) => [a.columns(), b.columns()].concat(),
            Self::Not(a) => a.columns(),
        }
    }

    fn fits(&self, table: &Table, tables: &BTreeMap<Id, Table>) -> bool {
        let column = |id: &Id| table.find(*id);
        match self {
            Self::Always | Self::Never => true,
            Self::Own(id) | Self::Claim(id) | Self::Filled(id) => column(id).is_some(),
            Self::Above(id, _) => column(id).is_some_and(|column| column.kind.is_integer()),
            Self::Is(id) => column(id).is_some_and(|column| column.kind.is_bool()),
            Self::In(id, of, key, inner) => {
                // A policy that reads its own table recurses.
                *of != table.id
                    && column(id).is_some()
                    && tables
                        .get(of)
                        .is_some_and(|of| of.find(*key).is_some() && inner.fits(of, tables))
            }
            Self::And(a, b) => a.fits(table, tables) && b.fits(table, tables),
            // What is the same for all rows is refused beside an OR.
            Self::Or(a, b) => [a, b]
                .iter()
                .all(|test| !test.columns().is_empty() && test.fits(table, tables)),
            Self::Not(a) => a.fits(table, tables),
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
