//! `#[rls(...)]`: policies, and the grants that follow from them.

use std::collections::BTreeSet;

use proc_macro2::Span;

use crate::declare::{MembershipUse, claim_for};
use crate::places::{Part, Places};
use crate::recursion;
use crate::schema::{AUTHENTICATED, Command, Grant, LOGIN_ROLE, MEMBERS_ROLE, Policy};
use crate::types;
use authz_sql::Ident;
use authz_sql::MEMBERS;
use authz_sql::expression::{Comparison, Expression, Place};

use super::arguments::{Argument, Arguments, Value};
use super::columns::{ColumnModel, writable};
use super::{Errors, Scope, ident, lists};

const RLS_KEYS: &[&str] = &[
    "all",
    "delete",
    "disabled",
    "insert",
    "member",
    "modify",
    "name",
    "owner",
    "read",
    "renamed_from",
    "restrictive",
    "select",
    "to",
    "unindexed",
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
    pub(super) comparisons: Vec<(Comparison, Span)>,
    pub(super) memberships: Vec<MembershipUse>,
    /// New and former names of policies, and where these stand.
    pub(super) renamed: Vec<(Ident, Ident, Span)>,
    pub(super) places: Places,
}

/// An expression and where it stands.
type Placed = (Expression, Span);

/// The expressions of one policy.
struct Clauses {
    using: Option<Placed>,
    with_check: Option<Placed>,
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
        memberships: Vec::new(),
        renamed: Vec::new(),
        places: Places::default(),
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
    let mut permitting: Vec<(&syn::Attribute, Arguments)> = Vec::new();
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
        permitting.push((attribute, options));
    }
    // A row that one permissive policy admits is not shown to the others, and PostgreSQL asks them by name, the last name
    // first. Of names that we give, those with the higher numbers go to what costs least.
    permitting.sort_by_key(|(_, options)| !options.read_tables());
    for (attribute, options) in permitting {
        policies_of(attribute, options, scope, &mut rules, &mut needs_select, errors);
    }
    // Only where every attribute could be read is a missing `select` a fact.
    if errors.count == before {
        refuse_writes_without_select(&rules, &needs_select, errors);
        refuse_recursion(&rules, scope, errors);
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
    let former = options.text("renamed_from", errors);
    let mut given: Vec<(Span, Command, Clauses)> = Vec::new();
    let mut add = |span: Span, command: Command, clauses: Clauses, errors: &mut Errors| {
        if given.iter().any(|(_, other, _)| *other == command) {
            errors.add(span, format!("`{}` stands twice in `rls(…)`", command.as_str()));
        } else {
            given.push((span, command, clauses));
        }
    };
    let unindexed = unindexed(&mut options, errors);
    let whose = whose(&mut options, scope, errors);
    let mut any = false;
    let mut commands_of_whose: Vec<(Span, &[Command])> = Vec::new();
    for (key, commands) in EXPRESSION_KEYS {
        let Some(argument) = options.one(key, errors) else {
            continue;
        };
        any = true;
        let span = argument.key.span();
        if matches!(argument.value, Value::Flag) && whose.is_some() {
            commands_of_whose.push((span, commands));
            continue;
        }
        let Some((using, with_check)) = clauses(argument, commands, scope, !unindexed, errors) else {
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
    if let Some(whose) = whose {
        any = true;
        if commands_of_whose.is_empty() {
            commands_of_whose.push((whose.span, ALL));
        }
        let placed = whose.expression.map(|expression| (expression, whose.span));
        if let Some(expression) = &placed {
            for (span, commands) in commands_of_whose {
                for command in commands {
                    add(
                        span,
                        *command,
                        for_command(*command, Some(expression), Some(expression)),
                        errors,
                    );
                }
            }
        }
        if let (Some(membership), Some(roles)) = (whose.membership, &roles) {
            rules
                .places
                .note(Part::Membership(rules.memberships.len()), whose.span);
            rules.memberships.push(MembershipUse {
                roles: roles.clone(),
                ..membership
            });
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
    if let Some(former) = &former
        && given.len() > 1
    {
        errors.add(
            former.span(),
            "a former name is one policy's; give each command its own `#[rls(…)]`",
        );
        return;
    }
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
        // WITH CHECK reads the new row alone, so that no index serves it.
        if let Some((using, span)) = &clauses.using {
            let compared = using.comparisons().into_iter();
            rules
                .comparisons
                .extend(compared.map(|comparison| (comparison, *span)));
        }
        rules.places.note(Part::Policy(policy_name.clone()), at);
        for (part, clause) in [
            (Part::Using(policy_name.clone()), &clauses.using),
            (Part::WithCheck(policy_name.clone()), &clauses.with_check),
        ] {
            if let Some((_, span)) = clause {
                rules.places.note(part, *span);
            }
        }
        if let Some(former) = &former
            && let Some(former_name) = ident(&former.value(), former.span(), errors)
        {
            if former_name == policy_name {
                errors.add(
                    former.span(),
                    format!("`{}` is today's name; expected the former one", former.value()),
                );
            } else {
                rules
                    .renamed
                    .push((policy_name.clone(), former_name, former.span()));
            }
        }
        rules.policies.push(Policy {
            name: policy_name,
            command,
            restrictive,
            roles: roles.clone(),
            using: clauses.using.map(|(expression, _)| expression.wrapped()),
            with_check: clauses.with_check.map(|(expression, _)| expression.wrapped()),
        });
    }
}

/// `unindexed = "reason"`: a policy that reads whole tables, on purpose.
fn unindexed(options: &mut Arguments, errors: &mut Errors) -> bool {
    let Some(argument) = options.one("unindexed", errors) else {
        return false;
    };
    if let Some(reason) = argument.text(errors)
        && reason.value().trim().is_empty()
    {
        errors.add(
            reason.span(),
            "expected the reason why this policy may read the whole table",
        );
    }
    true
}

/// `owner = "…"` or `member = "…"`: whose rows these are. The commands stand beside it as `select`, `read` and so on;
/// without any, it is all four.
struct Whose {
    span: Span,
    expression: Option<Expression>,
    membership: Option<MembershipUse>,
}

fn whose(options: &mut Arguments, scope: &Scope<'_>, errors: &mut Errors) -> Option<Whose> {
    let owner = options.text("owner", errors);
    let member = options.text("member", errors);
    if let (Some(_), Some(member)) = (&owner, &member) {
        errors.add(
            member.span(),
            "`owner` and `member` are two policies; give each its own `#[rls(…)]`",
        );
    }
    if let Some(owner) = owner {
        let expression = scope
            .column(&owner.value(), owner.span(), errors)
            .and_then(|column| {
                let column_type = scope.type_of(&column);
                if types::compare(column_type, "text", &BTreeSet::new()) == Some(false)
                    && claim_for(column_type).is_none()
                {
                    let column = column.as_str();
                    errors.add(
                        owner.span(),
                        format!(
                            "`{column}` is {column_type}; an owner is text, as auth.user_id() is, or uuid, as auth.uid() is; \
                             write a cast: `all = \"{column}::text = auth.user_id()\"`"
                        ),
                    );
                    return None;
                }
                let claim = claim_for(column_type).unwrap_or("auth.user_id()");
                Expression::parse(&format!("{claim} = {column}"), Place::Policy).ok()
            });
        return Some(Whose {
            span: owner.span(),
            expression,
            membership: None,
        });
    }
    let member = member?;
    let membership = membership(&member, scope, errors);
    let expression = membership.as_ref().and_then(|membership| {
        let function = Ident::new(membership.function()).ok()?;
        let call = format!("{} = ANY ({MEMBERS}.{function}())", membership.column);
        Expression::parse(&call, Place::Policy).ok()
    });
    Some(Whose {
        span: member.span(),
        expression,
        membership,
    })
}

/// `[column in] table(group, user) [where condition]`
fn membership(text: &syn::LitStr, scope: &Scope<'_>, errors: &mut Errors) -> Option<MembershipUse> {
    let written = text.value();
    let lower = written.to_ascii_lowercase();
    let (head, condition) = match lower.find(" where ") {
        Some(at) => (written.get(..at)?, written.get(at + " where ".len()..)),
        None => (written.as_str(), None),
    };
    let (column, place) = match head.to_ascii_lowercase().find(" in ") {
        Some(at) => (lists::plain_name(head.get(..at)?), head.get(at + " in ".len()..)?),
        None => (None, head),
    };
    let Some((table, [group, user])) = lists::table_and_columns(place)
        .and_then(|(table, columns)| Some((table, <[Ident; 2]>::try_from(columns).ok()?)))
    else {
        errors.add(
            text.span(),
            "expected `table(group, user)`, such as \"team_members(team_id, user_id)\", with `column in` before it \
             where this table's column has another name, and `where …` behind it",
        );
        return None;
    };
    let column = column.unwrap_or_else(|| group.clone());
    let column = scope.column(column.as_str(), text.span(), errors)?;
    let condition = match condition {
        None => None,
        Some(condition) => match Expression::parse(condition, Place::Check) {
            Ok(expression) => Some(expression),
            Err(error) => {
                errors.add(text.span(), error);
                return None;
            }
        },
    };
    let condition_columns = condition
        .iter()
        .flat_map(|condition| condition.columns(table.name.as_str()));
    Some(MembershipUse {
        of: scope.table.clone(),
        column,
        condition_columns: condition_columns
            .filter_map(|column| Ident::new(column.name).ok())
            .collect(),
        condition: condition.as_ref().map(Expression::wrapped),
        table,
        group,
        user,
        roles: BTreeSet::new(),
    })
}

/// The expression of a policy. An `OR` with an arm that is the same for every row makes PostgreSQL read the whole
/// table, whatever index the other arm has.
fn policy_expression(
    text: &syn::LitStr,
    scope: &Scope<'_>,
    indexed: bool,
    errors: &mut Errors,
) -> Option<Expression> {
    let expression = scope.expression(text, Place::Policy, errors)?;
    if indexed && let Some(arm) = expression.row_independent_arm() {
        errors.add(
            text.span(),
            format!(
                "`{arm}` is the same for every row, so that with `OR` PostgreSQL reads the whole table to test it; give \
                 those users a role with a policy of its own, such as `#[rls(select = true, to = \"admin\")]`, or say \
                 why that is fine: `unindexed = \"reason\"`"
            ),
        );
        return None;
    }
    Some(expression)
}

/// The expressions of `key = "…"` or `key(using = "…", check = "…")`.
fn clauses(
    argument: Argument,
    commands: &[Command],
    scope: &Scope<'_>,
    indexed: bool,
    errors: &mut Errors,
) -> Option<(Option<Placed>, Option<Placed>)> {
    let key = argument.key.clone();
    // An INSERT reads no table.
    let indexed = indexed && commands != [Command::Insert];
    let Value::Group(group) = argument.value else {
        let text = argument.sql(errors)?;
        let expression = policy_expression(&text, scope, indexed, errors)?;
        let placed = (expression, text.span());
        return Some((Some(placed.clone()), Some(placed)));
    };
    let mut nested = Arguments::nested(group, "rls", &["using", "check"], errors);
    let mut clause = |name: &str, errors: &mut Errors| {
        let argument = nested.one(name, errors)?;
        let span = argument.key.span();
        let text = argument.sql(errors)?;
        let indexed = indexed && name == "using";
        let expression = policy_expression(&text, scope, indexed, errors)?;
        Some((span, (expression, text.span())))
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

fn for_command(command: Command, using: Option<&Placed>, with_check: Option<&Placed>) -> Clauses {
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
        MEMBERS_ROLE => Some(format!("`{role}` looks memberships up for policies, and nobody becomes it; name a session role")),
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

/// A policy that reads its own table applies to that reading again.
fn refuse_recursion(rules: &Rules, scope: &Scope<'_>, errors: &mut Errors) {
    // USING and WITH CHECK may be one text, and `all` is four policies.
    let mut reported: Vec<&str> = Vec::new();
    for policy in &rules.policies {
        let clauses = recursion::clauses(policy);
        for (expression, part) in clauses.filter(|(found, _)| recursion::may_read(found.as_str())) {
            let reads = expression.reads(Some(scope.table), scope);
            if reads.contains(scope.table)
                && !reported.contains(&expression.as_str())
                && recursion::applies_again(policy, &rules.policies)
                && let Some(span) = rules.places.of(&part)
            {
                errors.add(span, recursion::of_itself(scope.table, expression, scope));
                reported.push(expression.as_str());
            }
        }
    }
}
