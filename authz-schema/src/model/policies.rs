//! `#[rls(...)]`: policies, and the grants that follow from them.

use std::collections::BTreeSet;

use proc_macro2::Span;

use crate::schema::{AUTHENTICATED, Command, Grant, LOGIN_ROLE, Policy};
use crate::sql::Ident;
use crate::sql::expression::{Comparison, Expression, Place};

use super::arguments::{Argument, Arguments, Value};
use super::columns::{ColumnModel, writable};
use super::{Errors, Scope, ident};

const RLS_KEYS: &[&str] = &[
    "all",
    "delete",
    "disabled",
    "insert",
    "modify",
    "name",
    "owner",
    "read",
    "restrictive",
    "select",
    "to",
    "update",
];

const ALL: &[Command] = &[Command::Select, Command::Insert, Command::Update, Command::Delete];

/// The keys that give an expression to one or more commands.
const EXPRESSION_KEYS: &[(&str, &[Command])] = &[
    ("select", &[Command::Select]),
    ("insert", &[Command::Insert]),
    ("update", &[Command::Update]),
    ("delete", &[Command::Delete]),
    ("read", &[Command::Select]),
    ("modify", &[Command::Insert, Command::Update, Command::Delete]),
    ("all", ALL),
];

/// What the attributes of a struct say about row security.
pub(super) struct Rules {
    pub(super) row_security: bool,
    pub(super) policies: Vec<Policy>,
    pub(super) comparisons: Vec<Comparison>,
}

/// The expressions of one policy.
struct Clauses {
    using: Option<Expression>,
    with_check: Option<Expression>,
}

/// Reads every `#[rls(...)]`.
pub(super) fn read(input: &syn::DeriveInput, scope: &Scope<'_>, errors: &mut Errors) -> Rules {
    let attributes: Vec<_> = input
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("rls"))
        .collect();
    let mut rules = Rules {
        row_security: true,
        policies: Vec::new(),
        comparisons: Vec::new(),
    };
    if attributes.is_empty() {
        errors.add(
            input.ident.span(),
            format!(
                "no `#[rls(…)]`: say who may see the rows of `{0}`, such as `#[rls(owner = \"user_id\")]`, or \
                 `#[rls(disabled = \"reason\")]`",
                input.ident
            ),
        );
    }
    let mut needs_select: Vec<(Span, Command, BTreeSet<Ident>)> = Vec::new();
    let before = errors.count;
    for attribute in &attributes {
        let mut options = Arguments::parse(attribute, "rls", RLS_KEYS, errors);
        if let Some(argument) = options.one("disabled", errors) {
            disable(
                argument,
                attributes.len() == 1 && options.is_empty(),
                &mut rules,
                errors,
            );
            continue;
        }
        policies_of(attribute, options, scope, &mut rules, &mut needs_select, errors);
    }
    // Only where every attribute could be read is a missing `select` a fact.
    if errors.count == before {
        refuse_writes_without_select(&rules, &needs_select, errors);
    }
    rules
}

/// The grants that the policies ask for: each command with a permissive policy, to its roles.
pub(super) fn grants(policies: &[Policy], columns: &[ColumnModel]) -> Vec<Grant> {
    let wanted: BTreeSet<(&Ident, Command)> = policies
        .iter()
        .filter(|policy| !policy.restrictive)
        .flat_map(|policy| policy.roles.iter().map(|role| (role, policy.command)))
        .collect();
    let grant = |(role, privilege): (&Ident, Command)| Grant {
        role: role.clone(),
        privilege,
        columns: match privilege {
            Command::Insert => writable(columns, |column| !column.server),
            Command::Update => writable(columns, |column| !column.server && !column.readonly),
            Command::Select | Command::Delete => None,
        },
    };
    // A privilege on no column at all is none.
    let given = wanted.into_iter().map(grant);
    given
        .filter(|grant| grant.columns.as_ref().is_none_or(|columns| !columns.is_empty()))
        .collect()
}

fn disable(argument: Argument, alone: bool, rules: &mut Rules, errors: &mut Errors) {
    let span = argument.key.span();
    rules.row_security = false;
    if let Some(reason) = argument.text(errors)
        && reason.value().trim().is_empty()
    {
        errors.add(
            reason.span(),
            "expected the reason why this table needs no row security",
        );
    }
    if !alone {
        errors.add(
            span,
            "`disabled` excludes every other key and every other `#[rls(…)]`",
        );
    }
}

fn policies_of(
    attribute: &syn::Attribute,
    mut options: Arguments,
    scope: &Scope<'_>,
    rules: &mut Rules,
    needs_select: &mut Vec<(Span, Command, BTreeSet<Ident>)>,
    errors: &mut Errors,
) {
    let span = syn::spanned::Spanned::span(attribute.path());
    let roles = roles(&mut options, errors);
    let restrictive = options.flag("restrictive", errors).is_some();
    let name = options.text("name", errors);
    let mut given: Vec<(Span, Command, Clauses)> = Vec::new();
    let mut add = |span: Span, command: Command, clauses: Clauses, errors: &mut Errors| {
        if given.iter().any(|(_, other, _)| *other == command) {
            errors.add(span, format!("`{}` stands twice in `rls(…)`", command.as_str()));
        } else {
            given.push((span, command, clauses));
        }
    };
    let mut any = false;
    for (key, commands) in EXPRESSION_KEYS {
        let Some(argument) = options.one(key, errors) else {
            continue;
        };
        any = true;
        let span = argument.key.span();
        let Some((using, with_check)) = clauses(argument, commands, scope, errors) else {
            continue;
        };
        for command in *commands {
            add(
                span,
                *command,
                for_command(*command, using.as_ref(), with_check.as_ref()),
                errors,
            );
        }
    }
    if let Some(owner) = options.text("owner", errors) {
        any = true;
        if let Some(column) = scope.column(&owner.value(), owner.span(), errors)
            && let Ok(expression) = Expression::parse(&format!("auth.user_id() = {column}"), Place::Policy)
        {
            for command in ALL {
                add(
                    owner.span(),
                    *command,
                    for_command(*command, Some(&expression), Some(&expression)),
                    errors,
                );
            }
        }
    }
    if !any && !options.faulty {
        errors.add(
            span,
            "expected a command, such as `select = \"auth.user_id() = user_id\"`",
        );
    }
    if let Some(name) = &name
        && given.len() > 1
    {
        errors.add(
            name.span(),
            "a name is one policy's; give each command its own `#[rls(…)]`",
        );
        return;
    }
    let Some(roles) = roles else { return };
    for (span, command, clauses) in given {
        if !restrictive && matches!(command, Command::Update | Command::Delete) {
            needs_select.push((span, command, roles.clone()));
        }
        let (at, policy_name) = match &name {
            Some(name) => (name.span(), name.value()),
            None => (span, default_name(rules, scope, command, &roles)),
        };
        let Some(policy_name) = ident(&policy_name, at, errors) else {
            continue;
        };
        if rules.policies.iter().any(|policy| policy.name == policy_name) {
            errors.add(
                at,
                format!("the policy name `{}` stands twice", policy_name.as_str()),
            );
            continue;
        }
        for expression in [&clauses.using, &clauses.with_check].into_iter().flatten() {
            rules.comparisons.extend(expression.comparisons());
        }
        rules.policies.push(Policy {
            name: policy_name,
            command,
            restrictive,
            roles: roles.clone(),
            using: clauses.using.map(|expression| expression.wrapped()),
            with_check: clauses.with_check.map(|expression| expression.wrapped()),
        });
    }
}

/// The expressions of `key = "…"` or `key(using = "…", check = "…")`.
fn clauses(
    argument: Argument,
    commands: &[Command],
    scope: &Scope<'_>,
    errors: &mut Errors,
) -> Option<(Option<Expression>, Option<Expression>)> {
    let key = argument.key.clone();
    let Value::Group(group) = argument.value else {
        let text = argument.sql(errors)?;
        let expression = scope.expression(&text, Place::Policy, errors)?;
        return Some((Some(expression.clone()), Some(expression)));
    };
    let mut nested = Arguments::nested(group, "rls", &["using", "check"], errors);
    let mut clause = |name: &str, errors: &mut Errors| {
        let argument = nested.one(name, errors)?;
        let span = argument.key.span();
        let text = argument.sql(errors)?;
        Some((span, scope.expression(&text, Place::Policy, errors)?))
    };
    let using = clause("using", errors);
    let check = clause("check", errors);
    let has_using = |command: &Command| *command != Command::Insert;
    let has_check = |command: &Command| matches!(command, Command::Insert | Command::Update);
    match &using {
        Some((span, _)) if !commands.iter().any(has_using) => {
            errors.add(
                *span,
                format!("PostgreSQL allows no USING for {key}; write `{key} = \"…\"`"),
            );
            return None;
        }
        None if commands.iter().any(has_using) => {
            errors.add(
                key.span(),
                format!("expected `{key}(using = \"…\")`: without USING no row would be visible"),
            );
            return None;
        }
        _ => {}
    }
    if let Some((span, _)) = &check
        && !commands.iter().any(has_check)
    {
        errors.add(
            *span,
            format!("PostgreSQL allows no WITH CHECK for {key}; write `{key} = \"…\"`"),
        );
        return None;
    }
    let using = using.map(|(_, expression)| expression);
    // As PostgreSQL does: without a check of its own, new rows must satisfy USING.
    let check = check.map(|(_, expression)| expression).or_else(|| using.clone());
    Some((using, check))
}

fn for_command(command: Command, using: Option<&Expression>, with_check: Option<&Expression>) -> Clauses {
    Clauses {
        using: using.filter(|_| command != Command::Insert).cloned(),
        with_check: with_check
            .filter(|_| matches!(command, Command::Insert | Command::Update))
            .cloned(),
    }
}

fn roles(options: &mut Arguments, errors: &mut Errors) -> Option<BTreeSet<Ident>> {
    let Some(argument) = options.one("to", errors) else {
        return Some(Ident::new(AUTHENTICATED).ok().into_iter().collect());
    };
    let span = argument.key.span();
    let texts = argument.texts(errors);
    if texts.is_empty() {
        errors.add(span, "expected a role, such as `to = \"authenticated\"`");
        return None;
    }
    let mut roles = BTreeSet::new();
    for text in texts {
        let role = ident(&text.value(), text.span(), errors)?;
        if let Some(why) = not_a_session_role(role.as_str()) {
            errors.add(text.span(), why);
            return None;
        }
        if !roles.insert(role) {
            errors.add(text.span(), format!("the role `{}` stands twice", text.value()));
        }
    }
    Some(roles)
}

fn not_a_session_role(role: &str) -> Option<String> {
    match role {
        "public" => Some("PUBLIC is every role, the login role included; name the roles, such as `to = [\"anonymous\", \"authenticated\"]`".to_owned()),
        "none" | "current_user" | "current_role" | "session_user" => Some(format!("`{role}` is a keyword of PostgreSQL, not a role")),
        LOGIN_ROLE => Some(format!("`{role}` is the login role, which has no rights; name a session role")),
        _ if role.starts_with("pg_") => Some("names that start with `pg_` are PostgreSQL's own".to_owned()),
        _ => None,
    }
}

/// `<table>_<command>_<roles>`, with a number where that is taken.
fn default_name(rules: &Rules, scope: &Scope<'_>, command: Command, roles: &BTreeSet<Ident>) -> String {
    let mut parts = vec![scope.table.name.as_str(), command.as_str()];
    parts.extend(roles.iter().map(Ident::as_str));
    let base = parts.join("_");
    let taken = |name: &str| rules.policies.iter().any(|policy| policy.name.as_str() == name);
    let numbered = (2..).map(|number: u32| format!("{base}_{number}"));
    [base.clone()]
        .into_iter()
        .chain(numbered)
        .find(|name| !taken(name))
        .unwrap_or(base)
}

/// An UPDATE or DELETE must see the rows that it changes. Without a SELECT policy for the role it changes none, and
/// PostgreSQL says nothing.
fn refuse_writes_without_select(
    rules: &Rules,
    needs_select: &[(Span, Command, BTreeSet<Ident>)],
    errors: &mut Errors,
) {
    let may_select = |role: &Ident| {
        rules.policies.iter().any(|policy| {
            policy.command == Command::Select && !policy.restrictive && policy.roles.contains(role)
        })
    };
    for (span, command, roles) in needs_select {
        if let Some(role) = roles.iter().find(|role| !may_select(role)) {
            errors.add(
                *span,
                format!(
                    "`{0}` without `select` for `{1}`: {2} finds its rows by the SELECT policies, so it would touch 0 \
                     rows and report no error; add `select = \"…\"`",
                    command.as_str(),
                    role.as_str(),
                    command.sql()
                ),
            );
        }
    }
}
