//! The declared set of objects, as plain values: what models declare, what `authz.lock` stores, what a diff compares.
//!
//! Every list of objects that PostgreSQL keeps as a set is sorted by name, so that equal schemas are equal values;
//! columns keep the order of the struct.

mod claim;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use authz_sql::expression::Expression;
use authz_sql::function::FunctionText;
use authz_sql::{Ident, MAX_IDENT_BYTES, MEMBERS, QualifiedName, Signature};

pub use self::claim::ClaimFunction;
pub use authz_sql::{ANONYMOUS, AUTHENTICATED, LOGIN_ROLE, MEMBERS_ROLE};

/// All that the models of a crate declare.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The version of the functions in the `auth` namespace, or `None` before the first migration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<u32>,
    /// What PostgreSQL gives PUBLIC in a new database is taken back: TEMPORARY on the database and, before version 15, CREATE in `public`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked_from_public: bool,
    /// The login role, a member of every session role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_role: Option<Ident>,
    /// The roles that transactions switch to: `authenticated`, `anonymous`, and those that policies name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub session_roles: BTreeSet<Ident>,
    /// The namespaces of tables that are made elsewhere: never created or dropped.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub existing_namespaces: BTreeSet<Ident>,
    /// What is said of single roles, by name.
    #[serde(
        default,
        rename = "role",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub roles: BTreeMap<Ident, Role>,
    /// The enum types by name.
    #[serde(
        default,
        rename = "enum",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub enums: BTreeMap<TypeName, EnumType>,
    /// The functions that give claims of the token, by name.
    #[serde(
        default,
        rename = "claim",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub claims: BTreeMap<QualifiedName, ClaimFunction>,
    /// The functions that policies call, by signature.
    #[serde(
        default,
        rename = "function",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub functions: BTreeMap<Signature, Function>,
    /// The functions that look up memberships, by name.
    #[serde(
        default,
        rename = "membership",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub memberships: BTreeMap<Ident, Membership>,
    /// The tables by name.
    #[serde(
        default,
        rename = "table",
        with = "named_list",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub tables: BTreeMap<TableName, Table>,
}

/// The name of a table.
pub type TableName = QualifiedName;
/// The name of a type.
pub type TypeName = QualifiedName;

/// What is said of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: Ident,
    /// It belongs to somebody else, such as the platform: never created, altered or dropped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
    /// NOINHERIT: it has the rights of the roles that it is a member of only after SET ROLE.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_inherit: bool,
    /// The roles that it is a member of: their grants and policies are its own too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub member_of: BTreeSet<Ident>,
}

/// An enum type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnumType {
    /// Namespace and name.
    #[serde(flatten)]
    pub name: TypeName,
    /// Its values in their order, which comparisons use.
    pub values: Vec<String>,
    /// COMMENT ON TYPE, from the enum's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A function that policies call, from a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    /// Its name and arguments.
    #[serde(flatten)]
    pub signature: Signature,
    /// Its parameters as they are written, with names and defaults.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parameters: String,
    /// What it returns, as SQL text.
    pub returns: String,
    /// The statement that makes it, from `CREATE OR REPLACE FUNCTION` on, without a semicolon.
    pub sql: String,
    /// The session roles whose policies call it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Ident>,
}

impl Function {
    /// Whether it runs with its owner's rights.
    #[must_use]
    pub fn is_security_definer(&self) -> bool {
        let lower = self.sql.to_ascii_lowercase();
        let mut words = lower.split_whitespace().peekable();
        std::iter::from_fn(|| Some((words.next()?, words.peek().copied())))
            .any(|pair| pair == ("security", Some("definer")))
    }
}

impl From<FunctionText> for Function {
    fn from(text: FunctionText) -> Self {
        Self {
            signature: text.signature,
            parameters: text.parameters,
            returns: text.returns,
            sql: text.sql,
            roles: BTreeSet::new(),
        }
    }
}

/// How a function that looks memberships up is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MembershipForm {
    /// In SQL, a row for each group. What migrations of before made.
    #[default]
    Rows,
    /// In PL/pgSQL, an array of the groups. A connection plans it once, where PostgreSQL before version 18 plans a function
    /// in SQL anew for each query.
    Plpgsql,
    /// In SQL, an array of the groups. For conditions that need the `search_path` of who migrates: a body in SQL is parsed
    /// when it is created.
    Sql,
}

impl MembershipForm {
    /// Whether the function gives a row for each group.
    #[must_use]
    pub fn is_rows(&self) -> bool {
        *self == Self::Rows
    }
}

/// A function that gives the groups of the transaction's user from a table of memberships.
///
/// It is made as SECURITY DEFINER, owned by a role that has one policy on that table: the user's own rows. So a policy
/// of the table of memberships itself can use it without recursion, and row security stays forced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The function's name in the namespace `authz`.
    pub name: Ident,
    /// The table of memberships.
    pub table: TableName,
    /// Its column with the group.
    pub group: Ident,
    /// The type of that column.
    pub group_type: String,
    /// Its column with the user.
    pub user: Ident,
    /// The claim that the user's column is compared with, such as `auth.user_id()`.
    pub claim: Expression,
    /// Which memberships count, as an SQL expression over the table's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Expression>,
    /// How the function is written, and so how policies call it.
    #[serde(default, skip_serializing_if = "MembershipForm::is_rows")]
    pub form: MembershipForm,
    /// The session roles whose policies call it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<Ident>,
}

/// One table with all that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Namespace and name.
    #[serde(flatten)]
    pub name: TableName,
    /// The table is made elsewhere: only row security, policies and grants are declared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub existing: bool,
    /// COMMENT ON TABLE, from the struct's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Whether row security is enabled and forced; `false` only by `disabled = "reason"`.
    pub row_security: bool,
    /// The columns in the order of the fields.
    #[serde(default, rename = "column", skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<Column>,
    /// Primary key, unique, check and foreign-key constraints by name.
    #[serde(default, rename = "constraint", skip_serializing_if = "Vec::is_empty")]
    pub constraints: Vec<Constraint>,
    /// Indexes that are not a constraint's, by name.
    #[serde(default, rename = "index", skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    /// Policies by name.
    #[serde(default, rename = "policy", skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// Privileges by role and command.
    #[serde(default, rename = "grant", skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: Ident,
    /// Its type as SQL text, such as `timestamptz` or `text[]`.
    #[serde(rename = "type")]
    pub column_type: String,
    /// NOT NULL: every field that is not an `Option`.
    pub not_null: bool,
    /// GENERATED … AS IDENTITY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The expression of GENERATED ALWAYS AS (…) STORED.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated: Option<Expression>,
    /// The DEFAULT expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Expression>,
    /// COMMENT ON COLUMN, from the field's doc comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// Who may give an identity column its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "IdentityText", into = "IdentityText")]
pub enum Identity {
    /// PostgreSQL alone: GENERATED ALWAYS AS IDENTITY.
    Always,
    /// An INSERT may: GENERATED BY DEFAULT AS IDENTITY.
    ByDefault,
}

/// As the lock writes it: `true` or `"by default"`.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum IdentityText {
    Flag(bool),
    Words(String),
}

impl From<Identity> for IdentityText {
    fn from(identity: Identity) -> Self {
        match identity {
            Identity::Always => Self::Flag(true),
            Identity::ByDefault => Self::Words("by default".to_owned()),
        }
    }
}

impl TryFrom<IdentityText> for Identity {
    type Error = &'static str;

    fn try_from(text: IdentityText) -> Result<Self, Self::Error> {
        match text {
            IdentityText::Flag(true) => Ok(Self::Always),
            IdentityText::Words(words) if words == "by default" => Ok(Self::ByDefault),
            _ => Err("expected `true` or `\"by default\"`"),
        }
    }
}

/// A table constraint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    /// Its name, as PostgreSQL would choose it.
    pub name: Ident,
    /// What it demands.
    #[serde(flatten)]
    pub kind: ConstraintKind,
}

/// What a constraint demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    /// PRIMARY KEY over these columns.
    PrimaryKey(Vec<Ident>),
    /// UNIQUE over these columns.
    Unique(Vec<Ident>),
    /// CHECK of this expression.
    Check(Expression),
    /// A FOREIGN KEY.
    ForeignKey(ForeignKey),
}

/// A reference of columns to columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForeignKey {
    /// The referring columns.
    #[serde(rename = "column", with = "one_or_more")]
    pub columns: Vec<Ident>,
    /// The table referred to.
    pub table: TableName,
    /// The columns referred to, pairwise.
    #[serde(with = "one_or_more")]
    pub references: Vec<Ident>,
    /// ON DELETE; NO ACTION by default.
    #[serde(default, skip_serializing_if = "ForeignKeyAction::is_default")]
    pub on_delete: ForeignKeyAction,
    /// ON UPDATE; NO ACTION by default.
    #[serde(default, skip_serializing_if = "ForeignKeyAction::is_default")]
    pub on_update: ForeignKeyAction,
}

/// What happens to referring rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are PostgreSQL's own words")]
pub enum ForeignKeyAction {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

impl ForeignKeyAction {
    /// All actions with the words that attributes and SQL use.
    pub const ALL: [(&str, Self); 5] = [
        ("no action", Self::NoAction),
        ("restrict", Self::Restrict),
        ("cascade", Self::Cascade),
        ("set null", Self::SetNull),
        ("set default", Self::SetDefault),
    ];

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An index that is no constraint's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Its name, as PostgreSQL would choose it.
    pub name: Ident,
    /// UNIQUE.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// USING: the access method, `btree` by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The indexed columns or expressions as SQL text, such as `user_id`, `created_at DESC` or `((id)::text)`.
    pub keys: Vec<Expression>,
    /// INCLUDE: columns that the index carries beside its keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<Ident>,
    /// WHERE: which rows are in the index.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Expression>,
    /// All columns that the index reads.
    pub columns: Vec<Ident>,
}

/// A command that a policy covers and a role may be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the variants are PostgreSQL's own words")]
pub enum Command {
    Select,
    Insert,
    Update,
    Delete,
}

impl Command {
    /// The word in names and attributes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    /// The word in SQL.
    #[must_use]
    pub fn sql(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// A row-security policy for one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name, unique in the table.
    pub name: Ident,
    /// The command that it covers.
    pub command: Command,
    /// AS RESTRICTIVE: it narrows what permissive policies allow.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restrictive: bool,
    /// TO these roles.
    pub roles: BTreeSet<Ident>,
    /// USING: which existing rows the command sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub using: Option<Expression>,
    /// WITH CHECK: which new rows it may write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_check: Option<Expression>,
}

/// A privilege on a table, or on some of its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Who gets it.
    pub role: Ident,
    /// What they get.
    pub privilege: Command,
    /// The columns in the order of the table, or `None` for the whole table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<Ident>>,
}

impl Schema {
    /// The namespaces that the tables and types are in.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&Ident> {
        let tables = self.tables.keys().map(|name| &name.namespace);
        let types = self.enums.keys().map(|name| &name.namespace);
        let functions = self.functions.keys().map(|signature| &signature.name.namespace);
        tables.chain(types).chain(functions).collect()
    }

    /// The namespaces that migrations make: those of no table that is made elsewhere.
    #[must_use]
    pub fn made_namespaces(&self) -> BTreeSet<&Ident> {
        let existing = self.tables.values().filter(|table| table.existing);
        let existing: BTreeSet<&Ident> = existing
            .map(|table| &table.name.namespace)
            .chain(&self.existing_namespaces)
            .collect();
        let made = |namespace: &&Ident| namespace.as_str() != "public" && !existing.contains(*namespace);
        self.namespaces().into_iter().filter(made).collect()
    }

    /// Which role needs USAGE on which namespace: for the grants on its tables, for the functions that its policies
    /// call, and for the types of columns.
    #[must_use]
    pub fn usages(&self) -> BTreeSet<(&Ident, &Ident)> {
        let grants = self.tables.values().flat_map(|table| {
            table
                .grants
                .iter()
                .map(move |grant| (&table.name.namespace, &grant.role))
        });
        let calls = self.functions.values().flat_map(|function| {
            function
                .roles
                .iter()
                .map(move |role| (&function.signature.name.namespace, role))
        });
        let types = self.tables.values().flat_map(|table| {
            let used = self
                .enums
                .keys()
                .filter(|name| table.columns.iter().any(|column| column.is_of(name)));
            used.flat_map(|name| {
                table
                    .grants
                    .iter()
                    .map(move |grant| (&name.namespace, &grant.role))
            })
        });
        grants.chain(calls).chain(types).collect()
    }

    /// The sequences that defaults of columns count by (`nextval('…')`) and the roles that insert there. They need
    /// USAGE; an identity column counts without.
    #[must_use]
    pub fn sequence_usages(&self) -> BTreeSet<(String, &Ident)> {
        let mut usages = BTreeSet::new();
        for table in self.tables.values() {
            let sequences = table
                .columns
                .iter()
                .filter_map(|column| column.default.as_ref())
                .flat_map(Expression::sequences);
            for sequence in sequences {
                let inserts = |grant: &&Grant| grant.privilege == Command::Insert;
                usages.extend(
                    table
                        .grants
                        .iter()
                        .filter(inserts)
                        .map(|grant| (sequence.clone(), &grant.role)),
                );
            }
        }
        usages
    }

    /// Whether the role belongs to somebody else.
    #[must_use]
    pub fn is_existing_role(&self, role: &Ident) -> bool {
        self.roles.get(role).is_some_and(|role| role.existing)
    }
}

impl Membership {
    /// What a policy compares the group with: the groups of the user, looked up once a query.
    #[must_use]
    pub fn groups(&self) -> String {
        let Self { name, form, .. } = self;
        match form {
            MembershipForm::Rows => format!("ANY (ARRAY(SELECT {MEMBERS}.{name}()))"),
            MembershipForm::Plpgsql | MembershipForm::Sql => {
                format!("ANY (coalesce((SELECT {MEMBERS}.{name}())))")
            }
        }
    }

    /// Whether both are the same function, whoever may call it.
    #[must_use]
    pub fn is_same_function(&self, other: &Self) -> bool {
        Self {
            roles: other.roles.clone(),
            ..self.clone()
        } == *other
    }
}

impl Constraint {
    /// The expression of a CHECK.
    #[must_use]
    pub fn check(&self) -> Option<&Expression> {
        match &self.kind {
            ConstraintKind::Check(expression) => Some(expression),
            _ => None,
        }
    }
}

impl Column {
    /// Whether it has this type, or holds an array of it.
    #[must_use]
    pub fn is_of(&self, name: &TypeName) -> bool {
        let written = self.column_type.trim_end_matches("[]");
        written == name.to_string()
    }
}

impl Index {
    /// An index over these keys, with nothing special about it.
    #[must_use]
    pub fn new(name: Ident, keys: Vec<Expression>, columns: Vec<Ident>) -> Self {
        Self {
            name,
            unique: false,
            method: None,
            keys,
            include: Vec::new(),
            predicate: None,
            columns,
        }
    }

    /// Whether both are the same but for their names.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        Self {
            name: other.name.clone(),
            ..self.clone()
        } == *other
    }
}

impl Table {
    /// The names that the table takes in its namespace: its own, and those of its indexes and of the constraints that
    /// have one.
    pub fn relation_names(&self) -> impl Iterator<Item = &Ident> {
        let own = std::iter::once(&self.name.name);
        let indexes = self.indexes.iter().map(|index| &index.name);
        let constraints = self
            .constraints
            .iter()
            .filter_map(|constraint| match constraint.kind {
                ConstraintKind::PrimaryKey(_) | ConstraintKind::Unique(_) => Some(&constraint.name),
                ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => None,
            });
        own.chain(indexes).chain(constraints)
    }
}

/// Whether an index or a key starts with this key, so that no other index is needed to look it up.
#[must_use]
pub fn is_led_by(key: &str, constraints: &[Constraint], indexes: &[Index]) -> bool {
    is_led_by_all(&[key.to_owned()], constraints, indexes)
}

/// Whether an index or a key starts with these keys in any order, so that no other index is needed to look them up
/// together.
#[must_use]
pub fn is_led_by_all(keys: &[String], constraints: &[Constraint], indexes: &[Index]) -> bool {
    let leads = |first: &[String]| {
        first.len() == keys.len() && keys.iter().all(|key| first.iter().any(|other| other == key))
    };
    let index_leads = |index: &Index| {
        // A hash index finds equal values, of its one key.
        let method = index.method.as_deref();
        let usable = method.is_none() || (method == Some("hash") && keys.len() == 1);
        let first: Vec<String> = index
            .keys
            .iter()
            .take(keys.len())
            .map(|key| without_order(key.as_str()).to_owned())
            .collect();
        usable && index.predicate.is_none() && leads(&first)
    };
    let constraint_leads = |constraint: &Constraint| match &constraint.kind {
        ConstraintKind::PrimaryKey(columns) | ConstraintKind::Unique(columns) => {
            let first: Vec<String> = columns.iter().take(keys.len()).map(ToString::to_string).collect();
            leads(&first)
        }
        ConstraintKind::Check(_) | ConstraintKind::ForeignKey(_) => false,
    };
    indexes.iter().any(index_leads) || constraints.iter().any(constraint_leads)
}

/// An index's key without ASC, DESC and NULLS behind it, in which direction equal values are found alike.
fn without_order(key: &str) -> &str {
    let orders = [" ASC", " DESC", " NULLS FIRST", " NULLS LAST"];
    let shorter = orders.iter().find_map(|order| key.strip_suffix(order));
    shorter.map_or(key, without_order)
}

/// Joins the parts of a generated name with `_`, and cuts what is over 63 bytes with a hash of the whole, so that
/// two long names never become one.
#[must_use]
pub fn generated_name(parts: &[&str]) -> String {
    let name = parts.join("_");
    if name.len() <= MAX_IDENT_BYTES {
        return name;
    }
    let hash = hash(&name);
    let mut cut = MAX_IDENT_BYTES - 9;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}_{hash:08x}", name.get(..cut).unwrap_or_default())
}

/// The name that PostgreSQL gives the sequence of an identity column: the longer one of the two names is cut
/// (`makeObjectName` in its source).
#[must_use]
pub fn sequence_name(table: &Ident, column: &Ident) -> String {
    let (mut table, mut column) = (table.as_str(), column.as_str());
    while table.len() + column.len() + "__seq".len() > MAX_IDENT_BYTES {
        let longer = if table.len() > column.len() {
            &mut table
        } else {
            &mut column
        };
        let mut cut = longer.len() - 1;
        while !longer.is_char_boundary(cut) {
            cut -= 1;
        }
        *longer = longer.get(..cut).unwrap_or_default();
    }
    format!("{table}_{column}_seq")
}

/// FNV-1a: short, and the same on every machine and in every version.
#[must_use]
pub fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// A value that says its own key.
trait Named<K> {
    fn key(&self) -> K;
}

impl Named<Ident> for Role {
    fn key(&self) -> Ident {
        self.name.clone()
    }
}

impl Named<TypeName> for EnumType {
    fn key(&self) -> TypeName {
        self.name.clone()
    }
}

impl Named<Signature> for Function {
    fn key(&self) -> Signature {
        self.signature.clone()
    }
}

impl Named<Ident> for Membership {
    fn key(&self) -> Ident {
        self.name.clone()
    }
}

impl Named<TableName> for Table {
    fn key(&self) -> TableName {
        self.name.clone()
    }
}

/// A map as a list in the lock: its keys would repeat the names.
mod named_list {
    use std::collections::BTreeMap;
    use std::fmt::Display;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Named;

    pub(super) fn serialize<K, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        s.collect_seq(map.values())
    }

    pub(super) fn deserialize<'de, K, V, D>(d: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Ord + Clone + Display,
        V: Named<K> + Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let mut map = BTreeMap::new();
        for item in Vec::<V>::deserialize(d)? {
            let key = item.key();
            if map.insert(key.clone(), item).is_some() {
                return Err(D::Error::custom(format!("`{key}` stands twice")));
            }
        }
        Ok(map)
    }
}

/// A list in the lock that is written as its item where it has one.
mod one_or_more {
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    use authz_sql::Ident;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(Ident),
        More(Vec<Ident>),
    }

    pub(super) fn serialize<S: Serializer>(names: &[Ident], s: S) -> Result<S::Ok, S::Error> {
        match names {
            [name] => name.serialize(s),
            names => names.serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Ident>, D::Error> {
        Ok(match OneOrMore::deserialize(d)? {
            OneOrMore::One(name) => vec![name],
            OneOrMore::More(names) => names,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_generated_names_stay_different_and_within_63_bytes() {
        let long = "é".repeat(40);
        let [a, b] = ["a", "b"].map(|end| generated_name(&[&long, end]));
        assert_ne!(a, b);
        assert!(Ident::new(a).is_ok() && Ident::new(b).is_ok());
        assert_eq!(generated_name(&["todos", "user_id", "idx"]), "todos_user_id_idx");
    }
}
