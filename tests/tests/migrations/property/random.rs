//! Models made at random.

use fastrand::Rng;

use super::kinds::KINDS;
use super::models::{
    Column, Enum, Function, Generated, Id, Index, Models, Policy, Reference, Rule, Table, Test, Value,
};

/// Names that tables, enums and indexes share, so that one takes what another leaves.
const SHARED: &[&str] = &["alpha", "beta", "gamma", "delta", "omega", "sigma"];
/// Names of functions. What calls and what is called come in any order.
const FUNCTIONS: &[&str] = &["fa", "fm", "fz", "fb"];
/// Names of values.
const VALUES: &[&str] = &["open", "closed", "done", "it's", "Odd Value"];
/// Names of tables. Those of a program are all different.
const TABLES: &[&str] = &[
    "notes",
    "teams",
    "members",
    "User Data",
    "select",
    "Größe",
    "it's \"odd\"",
    "plans",
    "order",
    "Ⅷ_x",
    "a-b",
    "files",
    "a_table_of_a_long_name",
];
const COLUMNS: &[&str] = &[
    "title",
    "owner_id",
    "team_id",
    "number",
    "type",
    "Name",
    "user",
    "it's",
    "a\"b",
    "état",
    "state",
    "done",
    "key",
    "amount",
    "a column with a name so long that what is made from it is cut",
    "end",
    "created_at",
    "fn",
    "value",
    "from_id",
];
const NAMESPACES: &[&str] = &["public", "public", "public", "app", "My \"App\""];
const COMMENTS: &[&str] = &[
    "What it is.",
    "It's \\ \"odd\";",
    "two\nlines -- and this",
    "/* x",
];
const ROLES: &[&[&str]] = &[
    &[],
    &[],
    &[],
    &["anonymous"],
    &["authenticated", "anonymous"],
    &["pairs_editor"],
    &["pairs Team-Lead", "authenticated"],
];
const POLICY_NAMES: &[&str] = &["own", "it's \"own\"", "Readers", "who may; see"];
const ACTIONS: &[&str] = &["cascade", "set null", "restrict", "set default", "no action"];

/// A source of chance that gives out numbers for tables, columns and policies.
pub(crate) struct Chance {
    pub(crate) rng: Rng,
    next: Id,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::with_seed(seed),
            next: 0,
        }
    }

    pub(crate) fn id(&mut self) -> Id {
        self.next += 1;
        self.next
    }

    /// True once in so many times.
    pub(crate) fn one_in(&mut self, times: u32) -> bool {
        self.rng.u32(0..times) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        self.rng.choice(items.iter()).copied()
    }

    pub(crate) fn maybe<T: Copy>(&mut self, times: u32, items: &[T]) -> Option<T> {
        if self.one_in(times) {
            self.pick(items)
        } else {
            None
        }
    }

    pub(crate) fn models(&mut self) -> Models {
        let mut models = Models::default();
        for _ in 0..self.rng.usize(0..=3) {
            self.add_function(&mut models);
        }
        for _ in 0..self.rng.usize(0..=2) {
            self.add_enum(&mut models);
        }
        for _ in 0..self.rng.usize(1..=4) {
            self.add_table(&mut models);
        }
        // References and policies may point both ways between tables that are all there.
        for _ in 0..models.tables.len() {
            self.add_reference(&mut models);
        }
        for index in 0..models.tables.len() {
            for _ in 0..self.rng.usize(1..=4) {
                let policy = self.policy(&models, index);
                models.tables[index].policies.push(policy);
            }
        }
        models.repair();
        models
    }

    pub(crate) fn add_table(&mut self, models: &mut Models) {
        let mut table = Table {
            id: self.id(),
            namespace: self.pick(NAMESPACES).unwrap(),
            name: self.table_name(models),
            renamed_from: None,
            comment: self.maybe(4, COMMENTS),
            disabled: self.one_in(12),
            columns: Vec::new(),
            primary_key: Vec::new(),
            uniques: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            policies: Vec::new(),
        };
        for _ in 0..self.rng.usize(1..=7) {
            let column = self.column(models, &table);
            table.columns.push(column);
        }
        table.primary_key = match self.rng.u32(0..6) {
            0 => Vec::new(),
            1 => self.some_columns(&table, 2),
            _ => self.some_columns(&table, 1),
        };
        if self.one_in(4) {
            table.uniques.push(self.some_columns(&table, 2));
        }
        if self.one_in(3) {
            table.indexes.push(self.index(models, &table));
        }
        if self.one_in(4) {
            table.checks.push(self.row_test(models, &table));
        }
        models.tables.push(table);
        models.repair();
    }

    pub(crate) fn add_function(&mut self, models: &mut Models) {
        let taken = |name: &&str| models.functions.iter().any(|function| function.name == *name);
        let free: Vec<&str> = FUNCTIONS.iter().copied().filter(|name| !taken(name)).collect();
        let Some(name) = self.pick(&free) else { return };
        let function = Function {
            id: self.id(),
            name: name.to_owned(),
            is_test: self.rng.bool(),
            body: self.rng.usize(0..3),
            parsed: self.rng.bool(),
            wide: self.one_in(4),
            varchar: self.one_in(4),
            calls: self.a_function(models, None),
        };
        models.functions.push(function);
        models.repair();
    }

    /// A function that there is: one that tests, one that gives text, or whichever.
    pub(crate) fn a_function(&mut self, models: &Models, is_test: Option<bool>) -> Option<Id> {
        let functions = models
            .functions
            .iter()
            .filter(|function| is_test.is_none_or(|is| function.is_test == is));
        let ids: Vec<Id> = functions.map(|function| function.id).collect();
        self.pick(&ids)
    }

    pub(crate) fn add_enum(&mut self, models: &mut Models) {
        let mut one = Enum {
            id: self.id(),
            name: self.shared_name(models),
            renamed_from: None,
            values: Vec::new(),
        };
        for _ in 0..self.rng.usize(1..=3) {
            self.add_value(&mut one);
        }
        models.enums.push(one);
        models.repair();
    }

    /// Adds a value at any place, if a name is free.
    pub(crate) fn add_value(&mut self, one: &mut Enum) -> Option<Id> {
        let name = self.value_name(one)?;
        let value = Value {
            id: self.id(),
            name,
            renamed_from: None,
        };
        let (id, place) = (value.id, self.rng.usize(0..=one.values.len()));
        one.values.insert(place, value);
        Some(id)
    }

    /// A name that no value of the enum has.
    pub(crate) fn value_name(&mut self, one: &Enum) -> Option<String> {
        let taken = |name: &&str| one.values.iter().any(|value| value.name == *name);
        let free: Vec<&str> = VALUES.iter().copied().filter(|name| !taken(name)).collect();
        self.pick(&free).map(ToOwned::to_owned)
    }

    /// A name that no table, enum or index has.
    pub(crate) fn shared_name(&mut self, models: &Models) -> String {
        self.free_name(models, SHARED, "other")
    }

    /// A name that no table has.
    pub(crate) fn table_name(&mut self, models: &Models) -> String {
        let names = if self.rng.bool() { SHARED } else { TABLES };
        self.free_name(models, names, "table")
    }

    fn free_name(&mut self, models: &Models, names: &[&str], else_called: &str) -> String {
        let indexes = models.tables.iter().flat_map(|table| &table.indexes);
        let taken: Vec<&String> = models
            .tables
            .iter()
            .map(|table| &table.name)
            .chain(models.enums.iter().map(|one| &one.name))
            .chain(indexes.filter_map(|index| index.name.as_ref()))
            .collect();
        let free: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| !taken.iter().any(|other| other == name))
            .collect();
        self.pick(&free)
            .map_or_else(|| format!("{else_called}{}", self.id()), ToOwned::to_owned)
    }

    /// A name that no column of the table has.
    pub(crate) fn column_name(&mut self, table: &Table) -> String {
        let taken = |name: &str| table.columns.iter().any(|column| column.name == name);
        let free: Vec<&str> = COLUMNS.iter().copied().filter(|name| !taken(name)).collect();
        self.pick(&free)
            .map_or_else(|| format!("column{}", self.id()), ToOwned::to_owned)
    }

    pub(crate) fn column(&mut self, models: &Models, table: &Table) -> Column {
        let common = self.one_in(2);
        let kind = &KINDS[self.rng.usize(0..if common { 7 } else { KINDS.len() })];
        let mut column = Column {
            id: self.id(),
            name: self.column_name(table),
            renamed_from: None,
            kind,
            of: None,
            generated: None,
            default_call: None,
            default_value: None,
            nullable: self.one_in(3),
            identity: self.one_in(4),
            default: self.maybe(3, kind.defaults),
            comment: self.maybe(6, COMMENTS),
            unique: self.one_in(8),
            index: self.one_in(8),
            access: self.maybe(8, &["readonly", "server"]),
            check: None,
            reference: None,
        };
        if self.one_in(5) {
            self.take_enum(models, &mut column);
        } else if self.one_in(6) {
            self.generate(models, table, &mut column);
        } else if kind.is_text() && self.one_in(3) {
            column.default_call = self.a_function(models, Some(false));
        }
        if self.one_in(6) {
            column.check = Some(if kind.is_integer() {
                Test::Above(column.id, -1)
            } else {
                Test::Filled(column.id)
            });
        }
        column
    }

    /// Gives a column an enum, and perhaps one of its values as the default.
    pub(crate) fn take_enum(&mut self, models: &Models, column: &mut Column) {
        let Some(one) = self.rng.choice(&models.enums) else {
            return;
        };
        (column.of, column.generated) = (Some(one.id), None);
        let values: Vec<Id> = one.values.iter().map(|value| value.id).collect();
        column.default_value = self.maybe(2, &values);
    }

    /// Makes a column a generated one over another, of the type that this gives.
    pub(crate) fn generate(&mut self, models: &Models, table: &Table, column: &mut Column) {
        let Some(of) = self.rng.choice(&table.columns) else {
            return;
        };
        let function = self.a_function(models, None).and_then(|id| models.function(id));
        if of.kind.is_integer() {
            column.generated = Some(Generated::Above(of.id, self.rng.i8(0..3)));
            column.kind = &KINDS[6];
        } else if of.kind.is_text()
            && let Some(function) = function
        {
            column.generated = Some(Generated::Call(function.id, of.id));
            column.kind = &KINDS[if function.is_test { 6 } else { 3 }];
        }
        if column.generated.is_some() {
            column.of = None;
        }
    }

    pub(crate) fn some_columns(&mut self, table: &Table, count: usize) -> Vec<Id> {
        let ids: Vec<Id> = table.columns.iter().map(|column| column.id).collect();
        self.rng.choose_multiple(ids, count)
    }

    pub(crate) fn index(&mut self, models: &Models, table: &Table) -> Index {
        let count = self.rng.usize(1..=2);
        let keys = self
            .some_columns(table, count)
            .into_iter()
            .map(|id| (id, self.rng.bool()))
            .collect();
        let column = self.rng.choice(&table.columns).unwrap();
        let call = self
            .a_function(models, Some(false))
            .map(|function| (function, column.id));
        Index {
            name: if self.one_in(3) {
                Some(self.shared_name(models))
            } else {
                None
            },
            keys,
            call: if self.one_in(3) { call } else { None },
            only: if self.one_in(4) {
                Some(self.stored_test(models, column))
            } else {
                None
            },
        }
    }

    /// A condition that does not depend on who asks.
    fn stored_test(&mut self, models: &Models, column: &Column) -> Test {
        if let Some(one) = column.of.and_then(|id| models.enumeration(id))
            && let Some(value) = self.rng.choice(&one.values)
        {
            return Test::Value(column.id, value.id, self.rng.bool());
        }
        if column.kind.is_integer() {
            return Test::Above(column.id, self.rng.i8(-1..2));
        }
        if column.kind.is_bool() {
            return Test::Is(column.id);
        }
        self.a_function(models, Some(true))
            .map_or(Test::Always, |function| Test::Call(function, column.id))
    }

    /// Lets a column of a table refer to a unique one of its kind, if there are two such.
    pub(crate) fn add_reference(&mut self, models: &mut Models) {
        let mut found = Vec::new();
        for (from, table) in models.tables.iter().enumerate() {
            for (place, column) in table.columns.iter().enumerate() {
                for to in &models.tables {
                    for key in to.columns.iter().filter(|key| key.id != column.id) {
                        let unique = key.unique || to.primary_key == [key.id];
                        if unique && key.kind == column.kind && column.reference.is_none() {
                            found.push((from, place, to.id, key.id));
                        }
                    }
                }
            }
        }
        if let Some((from, place, table, column)) = self.pick(&found) {
            models.tables[from].columns[place].reference = Some(Reference {
                table,
                column,
                on_delete: self.maybe(2, ACTIONS),
                on_update: self.maybe(4, ACTIONS),
            });
        }
    }

    pub(crate) fn policy(&mut self, models: &Models, table: usize) -> Policy {
        let keys = [
            "select", "select", "insert", "update", "delete", "read", "modify", "all",
        ];
        let owned = &models.tables[table];
        let texts: Vec<Id> = owned
            .columns
            .iter()
            .filter(|column| column.kind.is_text())
            .map(|column| column.id)
            .collect();
        let rule = match (self.rng.u32(0..8), self.pick(&texts)) {
            (0, Some(id)) => Rule::Owner(id),
            (1, _) => Rule::Split(self.test(models, table, 2), self.test(models, table, 2)),
            (2, _) => self.member(models, table),
            _ => Rule::Key(self.pick(&keys).unwrap(), self.test(models, table, 2)),
        };
        Policy {
            id: self.id(),
            rule,
            roles: self.pick(ROLES).unwrap().to_vec(),
            restrictive: self.one_in(6),
            name: self.maybe(4, POLICY_NAMES),
        }
    }

    /// That the user is a member of what the row belongs to, if two tables are made for that.
    fn member(&mut self, models: &Models, table: usize) -> Rule {
        let mut found = Vec::new();
        for members in &models.tables {
            for user in members.columns.iter().filter(|user| user.kind.is_text()) {
                for key in members.columns.iter().filter(|key| key.kind.is_integer()) {
                    for own in &models.tables[table].columns {
                        if own.kind == key.kind {
                            found.push((own.id, members.id, key.id, user.id));
                        }
                    }
                }
            }
        }
        self.pick(&found)
            .map_or(Rule::Key("select", Test::Always), |(column, table, key, user)| {
                Rule::Member {
                    column,
                    table,
                    key,
                    user,
                }
            })
    }

    /// A test that each of our rows passes.
    pub(crate) fn row_test(&mut self, models: &Models, table: &Table) -> Test {
        let column = self.rng.choice(&table.columns).unwrap();
        if column.kind.is_text()
            && let Some(function) = self.a_function(models, Some(true))
        {
            return Test::Call(function, column.id);
        }
        if column.kind.is_integer() {
            Test::Above(column.id, -1)
        } else {
            Test::Filled(column.id)
        }
    }

    /// What a policy may say about the rows of a table.
    pub(crate) fn test(&mut self, models: &Models, table: usize, depth: u32) -> Test {
        let own = &models.tables[table];
        let column = self.rng.choice(&own.columns).unwrap();
        let (id, kind) = (column.id, column.kind);
        let other = self.rng.usize(0..models.tables.len());
        match self.rng.u32(0..if depth > 0 { 14 } else { 8 }) {
            0 => Test::Always,
            1 => Test::Never,
            2 | 3 if kind.is_bool() => Test::Is(id),
            2 | 3 if kind.is_integer() => Test::Above(id, self.rng.i8(0..3)),
            2..=5 if column.of.is_some() || kind.is_text() && !models.functions.is_empty() => {
                let column = column.clone();
                self.stored_test(models, &column)
            }
            4 => Test::Claim(id),
            8 => Test::And(
                Box::new(self.test(models, table, depth - 1)),
                Box::new(self.test(models, table, depth - 1)),
            ),
            9 => Test::Or(
                Box::new(self.test(models, table, depth - 1)),
                Box::new(self.test(models, table, depth - 1)),
            ),
            10 => Test::Not(Box::new(self.test(models, table, depth - 1))),
            // Two policies that read each other's tables recurse, so that a table reads those that come after it.
            11..=13 if other > table => {
                let key = self.rng.choice(&models.tables[other].columns).unwrap().id;
                let inner = self.test(models, other, 0);
                Test::In(id, models.tables[other].id, key, Box::new(inner))
            }
            _ => Test::Own(id),
        }
    }
}
