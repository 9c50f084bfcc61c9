//! From what models, function files and `authz.toml` say one by one to the whole schema, with all that follows.

mod calls;
mod expressions;
mod names;
pub(crate) mod references;
mod roles;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Platform};
use crate::places::Part;
use crate::renames::Renames;
use crate::schema::{
    ClaimFunction, Column, Command, Constraint, EnumType, Function, Grant, Index, LOGIN_ROLE, MEMBERS_ROLE,
    Membership, MembershipForm, Policy, Schema, Table, TableName, TypeName, generated_name, is_led_by,
};
use crate::types;
use authz_sql::Ident;
use authz_sql::expression::{Call, Expression, Target};
use authz_sql::function::Body;
use authz_sql::{AUTH, MEMBERS, QualifiedName};

use self::calls::Known;
use self::references::Relations;

/// Everything that is declared, one by one.
#[derive(Debug, Clone, Default)]
pub struct Declarations {
    /// The tables.
    pub tables: Vec<Table>,
    /// The enum types.
    pub enums: Vec<EnumType>,
    /// The functions that policies call.
    pub functions: Vec<Function>,
    /// The memberships that policies ask for.
    pub memberships: Vec<MembershipUse>,
    /// The claims that SQL gets by functions.
    pub claims: Vec<DeclaredClaim>,
    /// The functions that hand-written migrations make in `auth` and `authz`. `None` where these are not known: then any
    /// function may be one of them.
    pub functions_elsewhere: Option<BTreeSet<QualifiedName>>,
    /// What hand-written migrations make beside that. `None` where these are not known: then anything may be there.
    pub elsewhere: Option<Elsewhere>,
}

/// What is known of hand-written migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Elsewhere {
    /// Their words, folded, and their quoted names: what is not among these, they do not make.
    pub words: BTreeSet<String>,
    /// They make casts or operators, so that PostgreSQL may compare what it does not by itself.
    pub operators: bool,
}

impl Elsewhere {
    /// Adds what a migration says.
    pub fn add(&mut self, sql: &str) {
        let folded = sql.to_lowercase();
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
        let words: Vec<&str> = folded
            .split(|c: char| !is_word(c))
            .filter(|word| !word.is_empty())
            .collect();
        self.operators |= words
            .windows(2)
            .any(|pair| matches!(pair, ["create", "cast" | "operator"]));
        self.words.extend(words.into_iter().map(str::to_owned));
        self.words
            .extend(folded.split('"').skip(1).step_by(2).map(str::to_owned));
    }

    /// Whether a name is mentioned.
    #[must_use]
    pub fn mentions(&self, name: &Ident) -> bool {
        self.words.contains(&name.as_str().to_lowercase())
    }
}

/// A field of a struct with `#[derive(Claims)]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredClaim {
    /// The function's name.
    pub function: Ident,
    /// The claim's name in the token.
    pub claim: String,
    /// Its SQL type.
    pub claim_type: String,
    /// From the field's doc comment.
    pub comment: Option<String>,
}

/// A policy that asks for the user's groups: `member = "team_members(team_id, user_id)"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipUse {
    /// The table with the policy.
    pub of: TableName,
    /// Its column with the group.
    pub column: Ident,
    /// The table of memberships.
    pub table: TableName,
    /// Its column with the group.
    pub group: Ident,
    /// Its column with the user.
    pub user: Ident,
    /// Which memberships count.
    pub condition: Option<Expression>,
    /// The columns that the condition names.
    pub condition_columns: BTreeSet<Ident>,
    /// The roles of the policy.
    pub roles: BTreeSet<Ident>,
}

impl MembershipUse {
    /// The name of the function that looks the groups up, the same for every policy that asks the same.
    #[must_use]
    pub fn function(&self) -> String {
        let TableName { namespace, name } = &self.table;
        let mut parts = Vec::new();
        if namespace.as_str() != "public" {
            parts.push(namespace.as_str());
        }
        parts.extend([name.as_str(), self.group.as_str()]);
        if self.user.as_str() != "user_id" {
            parts.extend(["of", self.user.as_str()]);
        }
        let condition = self
            .condition
            .as_ref()
            .map(|condition| short_hash(condition.as_str()));
        parts.extend(condition.as_deref());
        generated_name(&parts)
    }
}

/// Eight letters that stand for a text.
fn short_hash(text: &str) -> String {
    format!("{:08x}", crate::schema::hash(text))
}

/// Something that does not fit the rest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DeclareError {
    /// What it is about.
    pub of: Subject,
    /// Which part of that.
    pub part: Part,
    /// What does not fit, and what to write.
    pub message: String,
    /// What it does not fit, where that stands elsewhere.
    pub other: Option<(Subject, Part)>,
}

impl DeclareError {
    fn new(of: Subject, part: Part, message: impl Into<String>) -> Self {
        Self {
            of,
            part,
            message: message.into(),
            other: None,
        }
    }
}

/// What an error is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A table's struct.
    Table(TableName),
    /// The enum of a type.
    Enum(TypeName),
    /// The claim with this function.
    Claim(Ident),
    /// What `authz.toml` says of a role.
    Role(Ident),
}

impl Declarations {
    /// What PostgreSQL would refuse, as far as the models tell: names that two things want, renames that cannot all be,
    /// references to what is not there. Not for what was read from a database, which has accepted it.
    #[must_use]
    pub fn check(&self, renames: &Renames, config: &Config) -> Vec<DeclareError> {
        let mut errors = names::clashes(self);
        errors.extend(names::conflicts(renames));
        let relations = Relations::of(self, config);
        errors.extend(references::mistakes(self, &relations));
        errors.extend(expressions::mistakes(self, config, &relations));
        errors
    }

    /// The whole schema: with the functions of `auth`, the roles, and the functions that look memberships up.
    ///
    /// No tables and no claims give the empty schema.
    ///
    /// # Errors
    ///
    /// Every policy that asks for a membership which no model has, or calls a function of `auth` or `authz` that there
    /// is not; every claim whose function has the name of another.
    pub fn schema(self, config: &Config) -> Result<Schema, Vec<DeclareError>> {
        if self.tables.is_empty() && self.claims.is_empty() {
            return Ok(Schema::default());
        }
        let mut errors = Vec::new();
        let known = Known::of(&self, config.platform);
        let mut tables: BTreeMap<TableName, Table> = self
            .tables
            .into_iter()
            .map(|table| (table.name.clone(), table))
            .collect();
        for table in tables.values() {
            errors.extend(known.missing_in(table));
        }
        for (used, part) in numbered(&self.memberships) {
            errors.extend(known.missing(&used.condition, &used.of, &part));
        }
        let enums: BTreeSet<TypeName> = self.enums.iter().map(|item| item.name.clone()).collect();
        let memberships = memberships(
            &self.memberships,
            &mut tables,
            &enums,
            config.platform,
            &mut errors,
        );
        let claims = claims(self.claims, config, &memberships, &mut errors);
        let login_role = config.login_role.clone().or_else(|| Ident::new(LOGIN_ROLE).ok());
        let mut session_roles: BTreeSet<Ident> = config
            .platform
            .session_roles()
            .into_iter()
            .filter_map(|role| Ident::new(role).ok())
            .collect();
        for table in tables.values() {
            let named = table.policies.iter().flat_map(|policy| policy.roles.iter());
            session_roles.extend(named.filter(|role| role.as_str() != MEMBERS_ROLE).cloned());
        }
        roles::add_those_of_no_policy(config, login_role.as_ref(), &mut session_roles, &mut errors);
        let used = || session_roles.iter().chain(&login_role);
        let roles_of_functions = callers(&tables, &self.functions);
        let functions = self.functions.into_iter().zip(roles_of_functions);
        let functions = functions.map(|(mut function, roles)| {
            function.roles = roles;
            (function.signature.clone(), function)
        });
        let schema = Schema {
            auth: config.platform.auth(),
            // Elsewhere the database is the platform's, and its roles may need what PUBLIC has.
            revoked_from_public: config.platform.auth().is_some(),
            existing_namespaces: config.existing_schemas.clone(),
            roles: roles::said(config, used()),
            enums: self
                .enums
                .into_iter()
                .map(|item| (item.name.clone(), item))
                .collect(),
            claims,
            functions: functions.collect(),
            memberships,
            login_role: login_role.clone(),
            session_roles: session_roles.clone(),
            tables,
        };
        if errors.is_empty() {
            Ok(schema)
        } else {
            Err(errors)
        }
    }
}

/// The roles whose policies call a function, or one that calls it with their rights.
fn callers(tables: &BTreeMap<TableName, Table>, functions: &[Function]) -> Vec<BTreeSet<Ident>> {
    let mut roles: Vec<BTreeSet<Ident>> = vec![BTreeSet::new(); functions.len()];
    for table in tables.values() {
        // Who writes a row calls what fills and checks it.
        let columns = table
            .columns
            .iter()
            .flat_map(|column| column.default.iter().chain(&column.generated));
        let checks = table.constraints.iter().filter_map(Constraint::check);
        let keys = table
            .indexes
            .iter()
            .flat_map(|index| index.keys.iter().chain(&index.predicate));
        let calls: BTreeSet<Call> = columns
            .chain(checks)
            .chain(keys)
            .flat_map(Expression::calls)
            .collect();
        let writers = || {
            let grants = table.grants.iter();
            grants
                .filter(|grant| matches!(grant.privilege, Command::Insert | Command::Update))
                .map(|grant| grant.role.clone())
        };
        for (function, roles) in functions.iter().zip(&mut roles) {
            if calls.iter().any(|call| call.is_of(&function.signature.name)) {
                roles.extend(writers());
            }
        }
    }
    for policy in tables.values().flat_map(|table| &table.policies) {
        let expressions = policy.using.iter().chain(&policy.with_check);
        let calls: BTreeSet<Call> = expressions.flat_map(Expression::calls).collect();
        for (function, roles) in functions.iter().zip(&mut roles) {
            if calls.iter().any(|call| call.is_of(&function.signature.name)) {
                roles.extend(policy.roles.iter().cloned());
            }
        }
    }
    let called: Vec<Vec<usize>> = functions
        .iter()
        .map(|function| calls_of(function, functions))
        .collect();
    let mut open: Vec<usize> = (0..functions.len()).collect();
    while let Some(at) = open.pop() {
        let own = roles.get(at).cloned().unwrap_or_default();
        for &inner in called.get(at).into_iter().flatten() {
            if let Some(inner_roles) = roles.get_mut(inner)
                && !own.is_subset(inner_roles)
            {
                inner_roles.extend(own.iter().cloned());
                open.push(inner);
            }
        }
    }
    roles
}

/// Which functions a function calls with the rights of whoever calls it.
fn calls_of(function: &Function, functions: &[Function]) -> Vec<usize> {
    let body = Body::read(&function.sql, &());
    let targets: BTreeSet<&QualifiedName> = body
        .references
        .iter()
        .filter_map(|reference| match &reference.target {
            Target::Function(name) if !body.is_definer => Some(name),
            _ => None,
        })
        .collect();
    let called = functions.iter().enumerate();
    called
        .filter(|(_, other)| targets.contains(&other.signature.name))
        .map(|(at, _)| at)
        .collect()
}

/// The functions that give claims. Several structs may name one claim, if they mean the same by it.
fn claims(
    declared: Vec<DeclaredClaim>,
    config: &Config,
    memberships: &BTreeMap<Ident, Membership>,
    errors: &mut Vec<DeclareError>,
) -> BTreeMap<QualifiedName, ClaimFunction> {
    let mut claims: BTreeMap<QualifiedName, ClaimFunction> = BTreeMap::new();
    let namespace = config.platform.claims_namespace();
    for claim in declared {
        let Ok(namespace) = Ident::new(namespace) else {
            continue;
        };
        let mut refuse = |what: String| {
            errors.push(DeclareError::new(
                Subject::Claim(claim.function.clone()),
                Part::Name,
                format!("{what}; name this one otherwise: `#[claim(function = \"…\")]`"),
            ));
        };
        let name = QualifiedName {
            namespace,
            name: claim.function.clone(),
        };
        if name.namespace.as_str() == MEMBERS && memberships.contains_key(&name.name) {
            refuse(format!("{name}() looks memberships up already"));
            continue;
        }
        let function = ClaimFunction {
            name: name.clone(),
            claim: claim.claim,
            claim_type: claim.claim_type,
            comment: claim.comment,
        };
        match claims.get_mut(&name) {
            Some(known) if !known.means(&function) => refuse(format!("{name}() gives another claim already")),
            Some(known) => known.comment = known.comment.take().or(function.comment),
            None => drop(claims.insert(name, function)),
        }
    }
    claims
}

/// The functions that look memberships up. The role that owns them gets its policy and its grant on each table of
/// memberships when these are planned.
fn memberships(
    uses: &[MembershipUse],
    tables: &mut BTreeMap<TableName, Table>,
    enums: &BTreeSet<TypeName>,
    platform: Platform,
    errors: &mut Vec<DeclareError>,
) -> BTreeMap<Ident, Membership> {
    let mut found: BTreeMap<Ident, Membership> = BTreeMap::new();
    for (used, part) in numbered(uses) {
        match membership(used, tables, enums, platform) {
            Err(message) => errors.push(DeclareError::new(Subject::Table(used.of.clone()), part, message)),
            Ok(membership) => {
                if let Some(table) = tables.get_mut(&membership.table) {
                    errors.extend(open_to_members_role(table, &membership, &used.condition_columns));
                }
                found
                    .entry(membership.name.clone())
                    .or_insert(membership)
                    .roles
                    .extend(used.roles.iter().cloned());
            }
        }
    }
    found
}

/// The memberships with their numbers among those of their tables.
fn numbered(uses: &[MembershipUse]) -> impl Iterator<Item = (&MembershipUse, Part)> {
    let mut counts: BTreeMap<&TableName, usize> = BTreeMap::new();
    uses.iter().map(move |used| {
        let count = counts.entry(&used.of).or_default();
        *count += 1;
        (used, Part::Membership(*count - 1))
    })
}

fn membership(
    used: &MembershipUse,
    tables: &BTreeMap<TableName, Table>,
    enums: &BTreeSet<TypeName>,
    platform: Platform,
) -> Result<Membership, String> {
    let table = tables.get(&used.table).ok_or_else(|| {
        let hint = match names::closest_table(&used.table, &tables.keys()) {
            Some(close) => format!("did you mean `{close}`?"),
            None => "for one that is made elsewhere, write a struct with `#[table(existing)]`".to_owned(),
        };
        format!(
            "no model declares {}, the table of memberships; {hint}",
            used.table
        )
    })?;
    let column = |name: &Ident| -> Result<&Column, String> {
        table
            .columns
            .iter()
            .find(|column| column.name == *name)
            .ok_or_else(|| names::no_such_column(table, name))
    };
    for name in &used.condition_columns {
        column(name)?;
    }
    let claim = claim_for(&column(&used.user)?.column_type).ok_or_else(|| {
        format!(
            "{}.{} has the type {}; a user is text or uuid",
            used.table,
            used.user,
            column(&used.user).map_or("", |column| column.column_type.as_str())
        )
    })?;
    let group = column(&used.group)?;
    let of = tables.get(&used.of);
    let row = of.and_then(|of| of.columns.iter().find(|column| column.name == used.column));
    if let Some(row) = row
        && types::compare(&row.column_type, &group.column_type, enums) == Some(false)
    {
        return Err(format!(
            "`{}` is {}, and {}.{} is {}, which PostgreSQL does not compare",
            used.column.as_str(),
            row.column_type,
            used.table,
            used.group,
            group.column_type
        ));
    }
    let form = form(used, table, enums, platform);
    Ok(Membership {
        form,
        name: Ident::new(used.function()).map_err(|error| error.to_string())?,
        table: used.table.clone(),
        group: used.group.clone(),
        group_type: group.column_type.clone(),
        user: used.user.clone(),
        claim: Expression::unchecked(claim),
        condition: used.condition.clone(),
        roles: BTreeSet::new(),
    })
}

/// How the function is written. PL/pgSQL looks names up when it runs, with an empty `search_path`: it finds what is built in, and
/// what is written with its namespace.
///
/// It also asks whether the functions' owner may use the namespaces of what it calls, which the owner of `auth` on a platform
/// does not grant.
fn form(
    used: &MembershipUse,
    table: &Table,
    enums: &BTreeSet<TypeName>,
    platform: Platform,
) -> MembershipForm {
    let is_found = |column: &Ident| {
        let column = table.columns.iter().find(|known| known.name == *column);
        column.is_some_and(|column| {
            let name = column.column_type.as_str();
            let is_known = types::compare(name, name, enums) == Some(true);
            is_known && types::canonical(name.trim_end_matches("[]")) != "citext"
        })
    };
    let mut columns = used.condition_columns.iter().chain([&used.user]);
    let is_plain =
        platform.auth().is_some() && columns.all(is_found) && used.condition.as_ref().is_none_or(is_built_in);
    if is_plain {
        MembershipForm::Plpgsql
    } else {
        MembershipForm::Sql
    }
}

/// Whether a condition names nothing that a `search_path` finds.
fn is_built_in(condition: &Expression) -> bool {
    const OPERATORS: &[&str] = &[
        "=", "<>", "!=", "<", ">", "<=", ">=", "AND", "OR", "NOT", "+", "-",
    ];
    let has_type = condition
        .references(None, &())
        .iter()
        .any(|reference| matches!(reference.target, Target::Type(_)));
    let calls = condition.calls();
    let mut operations = condition.operations().into_iter();
    !has_type
        && calls.iter().all(|call| match &call.namespace {
            Some(namespace) => namespace.as_str() == AUTH,
            None => call.name.as_str() == "now",
        })
        && operations.all(|operation| OPERATORS.contains(&operation.operator.as_str()))
}

/// Lets the role that owns the functions read what they read: the memberships of the transaction's user.
fn open_to_members_role(
    table: &mut Table,
    membership: &Membership,
    condition_columns: &BTreeSet<Ident>,
) -> Option<DeclareError> {
    let role = Ident::new(MEMBERS_ROLE).ok()?;
    let Membership {
        group, user, claim, ..
    } = membership;
    let policy_name = if user.as_str() == "user_id" {
        MEMBERS_ROLE.to_owned()
    } else {
        generated_name(&[MEMBERS_ROLE, user.as_str()])
    };
    let read = |column: &Ident| column == group || column == user || condition_columns.contains(column);
    match table.grants.iter_mut().find(|grant| grant.role == role) {
        Some(grant) => {
            let before = grant.columns.take().unwrap_or_default();
            grant.columns = Some(columns_of(table.columns.iter(), |column| {
                read(column) || before.contains(column)
            }));
        }
        None => table.grants.push(Grant {
            columns: Some(columns_of(table.columns.iter(), read)),
            privilege: Command::Select,
            role: role.clone(),
        }),
    }
    table
        .grants
        .sort_by(|a, b| (&a.role, a.privilege).cmp(&(&b.role, b.privilege)));
    let name = Ident::new(policy_name).ok()?;
    let named = table.policies.iter().find(|policy| policy.name == name);
    if let Some(policy) = named
        && !policy.roles.contains(&role)
    {
        let message = format!(
            "`{}` is the policy by which memberships are looked up in {}; name this one otherwise",
            name.as_str(),
            table.name
        );
        return Some(DeclareError::new(
            Subject::Table(table.name.clone()),
            Part::Policy(name),
            message,
        ));
    }
    if named.is_none() && table.row_security {
        table.policies.push(Policy {
            name,
            command: Command::Select,
            restrictive: false,
            roles: BTreeSet::from([role]),
            using: Some(Expression::unchecked(format!("(SELECT {claim}) = {user}"))),
            with_check: None,
        });
        table.policies.sort_by(|a, b| a.name.cmp(&b.name));
    }
    let key = user.to_string();
    if !table.existing && !is_led_by(&key, &table.constraints, &table.indexes) {
        let taken = |name: &String| table.relation_names().any(|other| other.as_str() == name);
        let named = |kind: String| generated_name(&[table.name.name.as_str(), user.as_str(), &kind]);
        let numbered = (1..).map(|number: u32| named(format!("idx{number}")));
        let name = [named("idx".to_owned())]
            .into_iter()
            .chain(numbered)
            .find(|name| !taken(name))?;
        table.indexes.push(Index::new(
            Ident::new(name).ok()?,
            vec![Expression::unchecked(key)],
            vec![user.clone()],
        ));
        table.indexes.sort_by(|a, b| a.name.cmp(&b.name));
    }
    None
}

fn columns_of<'a>(columns: impl Iterator<Item = &'a Column>, wanted: impl Fn(&Ident) -> bool) -> Vec<Ident> {
    columns
        .map(|column| &column.name)
        .filter(|name| wanted(name))
        .cloned()
        .collect()
}

/// The claim that identifies a user in a column of this type.
#[must_use]
pub fn claim_for(column_type: &str) -> Option<&'static str> {
    match column_type {
        "uuid" => Some("auth.uid()"),
        "text" | "citext" => Some("auth.user_id()"),
        _ if column_type.starts_with("varchar") => Some("auth.user_id()"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use authz_sql::function::parse_function;

    use super::*;

    fn table(using: &str) -> Table {
        let name = TableName {
            namespace: Ident::new("public").unwrap(),
            name: Ident::new("notes").unwrap(),
        };
        let policy = Policy {
            name: Ident::new("notes_select").unwrap(),
            command: Command::Select,
            restrictive: false,
            roles: BTreeSet::from([Ident::new("authenticated").unwrap()]),
            using: Some(Expression::unchecked(using)),
            with_check: None,
        };
        Table {
            name,
            existing: false,
            comment: None,
            row_security: true,
            columns: Vec::new(),
            constraints: Vec::new(),
            indexes: Vec::new(),
            policies: vec![policy],
            grants: Vec::new(),
        }
    }

    /// The functions that the roles of a policy may call.
    fn open(using: &str, functions: &[&str]) -> Vec<String> {
        let functions = functions.iter().map(|text| parse_function(text).unwrap().into());
        let declarations = Declarations {
            tables: vec![table(using)],
            functions: functions.collect(),
            ..Declarations::default()
        };
        let schema = declarations.schema(&Config::default()).unwrap();
        let functions = schema.functions.into_values();
        let open = functions.filter(|function| !function.roles.is_empty());
        open.map(|function| function.signature.to_string()).collect()
    }

    #[test]
    fn a_policys_roles_may_call_what_it_calls_and_what_that_calls_with_their_rights() {
        let functions = [
            "CREATE FUNCTION a() RETURNS bool RETURN app.b()",
            "CREATE FUNCTION app.b() RETURNS bool LANGUAGE sql AS $$ SELECT c() $$",
            "CREATE FUNCTION c() RETURNS bool LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$ BEGIN RETURN public.d(); END $$",
            "CREATE FUNCTION d() RETURNS bool RETURN true",
            "CREATE FUNCTION e() RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RETURN e(); END $$",
        ];
        assert_eq!(open("a()", &functions), ["app.b()", "public.a()", "public.c()"]);
        assert_eq!(open("public.d()", &functions), ["public.d()"]);
        assert_eq!(open("\"e\"()", &functions), ["public.e()"]);
        for nothing in ["app.a()", "a = 'e()'", "e -- e()", "b()"] {
            assert_eq!(open(nothing, &functions), [""; 0], "{nothing}");
        }
    }
}
