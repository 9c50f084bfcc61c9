use std::collections::BTreeMap;

use super::*;
use crate::expression::Replacement;

struct Tables(BTreeMap<QualifiedName, Vec<Ident>>);

impl Catalog for Tables {
    fn has_column(&self, table: &QualifiedName, column: &str) -> bool {
        self.columns(table).iter().any(|name| name.as_str() == column)
    }

    fn columns(&self, table: &QualifiedName) -> Vec<Ident> {
        self.0.get(table).cloned().unwrap_or_default()
    }

    fn returns(&self, function: &QualifiedName) -> Option<QualifiedName> {
        (function.name.as_str() == "all_notes").then(|| name("notes"))
    }
}

fn name(text: &str) -> QualifiedName {
    let (namespace, name) = text.split_once('.').unwrap_or(("public", text));
    QualifiedName {
        namespace: Ident::new(namespace).unwrap(),
        name: Ident::new(name).unwrap(),
    }
}

fn tables() -> Tables {
    let tables = [
        ("notes", "id team_id owner Title größe status"),
        ("members", "team_id user_id role id"),
        ("shares", "note_id user_id status lower shares_only"),
        ("app.teams", "id name parent_id"),
        ("order", "id end"),
    ];
    let columns = |list: &str| list.split(' ').map(|name| Ident::new(name).unwrap()).collect();
    Tables(tables.map(|(table, list)| (name(table), columns(list))).into())
}

fn shown(target: &Target) -> String {
    let object = |name: &QualifiedName| match name.namespace.as_str() {
        "public" => name.name.as_str().to_owned(),
        namespace => format!("{namespace}.{}", name.name.as_str()),
    };
    match target {
        Target::Table(table) => format!("table {}", object(table)),
        Target::Column(table, column) => format!("{}/{}", object(table), column.as_str()),
        Target::Function(function) => format!("{}()", object(function)),
        Target::Type(ty) => format!("type {}", object(ty)),
        Target::Text(text) => format!("'{text}'"),
        Target::Unknown(name) => format!("?{}", name.as_str()),
    }
}

/// What an expression of `notes` refers to, each as the text that is shown for it.
fn found(text: &str) -> String {
    let references = Expression::unchecked(text).references(Some(&name("notes")), &tables());
    let found: Vec<String> = references
        .iter()
        .map(|reference| shown(&reference.target))
        .collect();
    found.join(", ")
}

fn all_found(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(found(text), *expected, "{text}");
    }
}

/// The text with each change `from -> to` done, both as they are shown.
fn rewritten(text: &str, changes: &[(&str, &str)]) -> String {
    let expression = Expression::unchecked(text);
    let rewritten = expression.rewritten(Some(&name("notes")), &tables(), |target| {
        let from = shown(target);
        let (_, to) = changes.iter().find(|(old, _)| *old == from)?;
        Some(match target {
            Target::Text(_) => Replacement::Text((*to).to_owned()),
            Target::Column(..) | Target::Unknown(_) => Replacement::Name(Ident::new(*to).unwrap()),
            _ => Replacement::Object(name(to)),
        })
    });
    rewritten.as_str().to_owned()
}

#[test]
fn bare_and_qualified_columns_of_the_table_are_found() {
    all_found(&[
        ("id = 1 AND Owner IS NULL", "notes/id, notes/owner"),
        ("\"Title\" = '' and \"größe\" > 1", "notes/Title, '', notes/größe"),
        ("größe > 1", "notes/größe"),
        ("title = ''", "?title, ''"),
        (
            "notes.id = public.notes.team_id",
            "table notes, notes/id, table notes, notes/team_id",
        ),
        ("NOTES.id = 1", "table notes, notes/id"),
        ("app.notes.id = 1", "?app, ?notes, ?id"),
        ("notes.* IS NOT NULL or notes is null", "table notes, table notes"),
        (
            "(notes).id = 1 and (notes.owner).x = 1",
            "table notes, notes/id, table notes, notes/owner, ?x",
        ),
        ("id /* owner */ = 1 -- team_id", "notes/id"),
        ("u&\"\\0069d\" = 1", "notes/id"),
        (
            "current_user = owner and user = owner and \"user\" = 1",
            "notes/owner, notes/owner, ?user",
        ),
        (
            "owner is unknown and extract(year from id) = 1",
            "notes/owner, notes/id",
        ),
    ]);
    let found = Expression::unchecked("a = notes.id").references(Some(&name("notes")), &tables());
    let ranges: Vec<_> = found.into_iter().map(|reference| reference.range).collect();
    assert_eq!(ranges, [0..1, 4..9, 10..12]);
    assert_eq!(
        Expression::unchecked("id = 1").references(None, &tables()).len(),
        1
    );
}

#[test]
fn a_name_means_the_innermost_table_that_has_it() {
    all_found(&[
        (
            "exists (select 1 from members where user_id = owner and team_id = 1)",
            "table members, members/user_id, notes/owner, members/team_id",
        ),
        (
            "exists (select 1 from members m where m.team_id = notes.team_id)",
            "table members, members/team_id, table notes, notes/team_id",
        ),
        (
            "team_id in (select team_id from members where exists (select from shares s where s.user_id = members.user_id and note_id = notes.id and role = status))",
            "notes/team_id, members/team_id, table members, table shares, shares/user_id, table members, members/user_id, \
             shares/note_id, table notes, notes/id, members/role, shares/status",
        ),
        (
            "exists (select 1 from app.Teams t, members where t.id = members.team_id and teams.id = 1 and name = 'x')",
            "table app.teams, table members, app.teams/id, table members, members/team_id, ?teams, ?id, app.teams/name, 'x'",
        ),
        (
            "exists (select 1 from app.teams where app.teams.id = team_id and teams.name = 'x')",
            "table app.teams, table app.teams, app.teams/id, notes/team_id, table app.teams, app.teams/name, 'x'",
        ),
        (
            "exists (select 1 from \"order\" where \"end\" and \"order\".id = notes.id)",
            "table order, order/end, table order, order/id, table notes, notes/id",
        ),
        (
            "exists (select 1 from auth.users u where u.id = owner)",
            "table auth.users, auth.users/id, id(), notes/owner",
        ),
        ("(select count(*) from notes) < 3", "count(), table notes"),
        ("id = (table shares limit 1)", "notes/id, table shares"),
    ]);
}

#[test]
fn joins_are_read_with_their_own_items() {
    all_found(&[
        (
            "exists (select 1 from members m join shares using (user_id) where note_id = notes.id)",
            "table members, table shares, members/user_id, shares/user_id, shares/note_id, table notes, notes/id",
        ),
        (
            "exists (select 1 from notes n, members m join shares s on id = note_id)",
            "table notes, table members, table shares, members/id, shares/note_id",
        ),
        (
            "exists (select j.role from (members m join shares s using (user_id)) j where j.note_id = owner)",
            "members/role, table members, table shares, members/user_id, shares/user_id, shares/note_id, notes/owner",
        ),
        (
            "exists (select 1 from members left join lateral (select note_id from shares where shares.user_id = members.user_id) s on true where s.note_id = notes.id)",
            "table members, shares/note_id, table shares, table shares, shares/user_id, table members, members/user_id, \
             shares/note_id, table notes, notes/id",
        ),
        (
            "exists (select 1 from members, (select 1 from shares where team_id = 1) s)",
            "table members, table shares, notes/team_id",
        ),
        (
            "exists (select 1 from only (members) m cross join shares as s (a, b) where b = m.id)",
            "table members, table shares, members/id",
        ),
    ]);
}

#[test]
fn queries_pass_their_columns_on() {
    all_found(&[
        (
            "exists (with c as (select user_id u, role from members) select 1 from c where c.role = 'x' and u = owner)",
            "members/user_id, members/role, table members, members/role, 'x', notes/owner",
        ),
        (
            "exists (with members as (select 1 as n) select n from members where n = id)",
            "notes/id",
        ),
        (
            "team_id in (with recursive up (x) as (select id from app.teams union all select t.parent_id from app.teams t join up on t.id = up.x) select x from up)",
            "notes/team_id, app.teams/id, table app.teams, app.teams/parent_id, table app.teams, app.teams/id",
        ),
        (
            "team_id in (with recursive up as (select id, parent_id from app.teams union all select t.id, t.parent_id from app.teams t join up on t.id = up.parent_id) select id from up)",
            "notes/team_id, app.teams/id, app.teams/parent_id, table app.teams, app.teams/id, app.teams/parent_id, \
             table app.teams, app.teams/id, app.teams/parent_id, app.teams/id",
        ),
        (
            "exists (select 1 from (select * from members) s where s.role = 'a' and user_id = owner)",
            "table members, members/role, 'a', members/user_id, notes/owner",
        ),
        (
            "exists (select 1 from (select s.*, role::text from shares s, members) x where x.note_id = id and x.role = 'a')",
            "table shares, members/role, type text, table shares, table members, shares/note_id, notes/id, members/role, 'a'",
        ),
        (
            "id in (select note_id as n from shares order by n)",
            "notes/id, shares/note_id, table shares",
        ),
        (
            "id in (select note_id from shares union select id from members order by note_id)",
            "notes/id, shares/note_id, table shares, members/id, table members, shares/note_id",
        ),
        (
            "id in (select max(note_id) as status from shares group by status having status > '')",
            "notes/id, max(), shares/note_id, table shares, shares/status, shares/status, ''",
        ),
        ("id in (values (1), (team_id))", "notes/id, notes/team_id"),
    ]);
}

#[test]
fn calls_types_and_strings_are_found() {
    all_found(&[
        (
            "lower(\"Title\") = App.Name(id)",
            "lower(), notes/Title, app.name(), notes/id",
        ),
        ("coalesce(owner, nullif(id, 1))", "notes/owner, notes/id"),
        (
            "exists (select lower(lower) from shares)",
            "lower(), shares/lower, table shares",
        ),
        (
            "status = 'open'::app.status",
            "notes/status, 'open', type app.status",
        ),
        (
            "status = any (cast('{a}' as \"Mood\"[])) and app.status 'b' = status",
            "notes/status, '{a}', type Mood, type app.status, 'b', notes/status",
        ),
        ("id::geometry(point, 4326) is null", "notes/id, type geometry"),
        (
            "nextval('app.s'::regclass) = E'it\\'s' || $q$a'b$q$",
            "nextval(), 'app.s', type regclass, 'it's', 'a'b'",
        ),
        ("f(a => id, status := owner)", "f(), notes/id, notes/owner"),
        (
            "team_id in (select t from authz.teams() t) and team_id in (select teams from authz.teams())",
            "notes/team_id, authz.teams(), notes/team_id, authz.teams(), authz.teams()",
        ),
        (
            "exists (select 1 from authz.teams() as t (id) where id = t.id and team_id = id)",
            "authz.teams(), notes/team_id",
        ),
        (
            "exists (select 1 from all_notes() n where n.owner = \"Title\")",
            "all_notes(), notes/owner, notes/Title",
        ),
        (
            "exists (select 1 from json_to_recordset(owner) as r(a app.kind) where a = id)",
            "json_to_recordset(), notes/owner, type app.kind, notes/id",
        ),
        (
            "count(id order by owner) filter (where status) > 0",
            "count(), notes/id, notes/owner, notes/status",
        ),
    ]);
}

#[test]
fn a_key_of_an_index_is_read_with_its_order() {
    all_found(&[
        ("id DESC NULLS LAST", "notes/id"),
        ("lower(\"Title\") text_pattern_ops", "lower(), notes/Title"),
        ("owner COLLATE \"C\" app.id_ops DESC -- id", "notes/owner"),
    ]);
    assert_eq!(
        rewritten("id app.id_ops DESC", &[("notes/id", "end")]),
        "\"end\" app.id_ops DESC"
    );
}

#[test]
fn of_a_text_that_is_no_expression_every_name_is_unknown() {
    all_found(&[
        ("id = ) Owner", "?id, ?owner"),
        ("id is 'a' select \"From\" -- x", "?id, 'a', ?From"),
        ("größe ) größe", "?größe, ?größe"),
        ("", ""),
    ]);
    let broken = Expression::unchecked("id = ) owner 'id'");
    assert!(broken.same(&broken) && broken.implies(&broken));
    assert!(!broken.same(&Expression::unchecked("id == owner 'id'")));
    assert_eq!(
        rewritten("id = ) owner 'id'", &[("?id", "Key")]),
        "\"Key\" = ) owner 'id'"
    );
}

#[test]
fn each_kind_is_rewritten_where_it_stands() {
    for (text, changes, expected) in [
        (
            "ID = 1 /* id */ and 'id' = x.id",
            &[("notes/id", "Key")][..],
            "\"Key\" = 1 /* id */ and 'id' = x.id",
        ),
        ("größe = 1", &[("notes/größe", "Maß")], "\"Maß\" = 1"),
        (
            "notes.id = \"notes\".\"id\"",
            &[("notes/id", "key"), ("table notes", "order")],
            "\"order\".key = \"order\".key",
        ),
        (
            "id = team_id",
            &[("notes/id", "team_id"), ("notes/team_id", "id")],
            "team_id = id",
        ),
        (
            "exists (select 1 from notes n where n.id = notes.id)",
            &[("table notes", "app.notes")],
            "exists (select 1 from app.notes n where n.id = notes.id)",
        ),
        (
            "public.notes.id in (select id from public.notes)",
            &[("table notes", "app.memos")],
            "app.memos.id in (select id from app.memos)",
        ),
        (
            "exists (select 1 from app.teams where teams.id = team_id and app.teams.name = '')",
            &[("table app.teams", "groups")],
            "exists (select 1 from public.groups where groups.id = team_id and public.groups.name = '')",
        ),
        (
            "f(id) and app.f(id)",
            &[("f()", "app.g")],
            "app.g(id) and app.f(id)",
        ),
        (
            "f(id) and app.f(id)",
            &[("app.f()", "f")],
            "f(id) and public.f(id)",
        ),
        (
            "'a'::mood[] = x::mood",
            &[("type mood", "app.Mood")],
            "'a'::app.\"Mood\"[] = x::app.\"Mood\"",
        ),
        (
            "status = 'open' or status = E'open'",
            &[("'open'", "o'n")],
            "status = 'o''n' or status = E'o''n'",
        ),
        (
            "status = $$open$$ or status = $a$open$a$",
            &[("'open'", "$$")],
            "status = E'$$' or status = $a$$$$a$",
        ),
        (
            "nextval('s'::regclass)",
            &[("'s'", "app.s")],
            "nextval('app.s'::regclass)",
        ),
        (
            "notes is null and notes.* is null",
            &[("table notes", "memos")],
            "memos is null and memos.* is null",
        ),
        (
            "exists (with c as (select id, team_id as t from notes) select 1 from c where c.id = t)",
            &[("notes/id", "key"), ("notes/team_id", "t")],
            "exists (with c as (select key, t as t from notes) select 1 from c where c.key = t)",
        ),
        ("id = 1", &[("notes/owner", "x")], "id = 1"),
    ] {
        assert_eq!(rewritten(text, changes), expected, "{text}");
    }
}

#[test]
fn a_new_name_is_not_taken_by_another_table() {
    for (text, changes, expected) in [
        (
            "exists (select 1 from shares where note_id = id)",
            &[("notes/id", "status")][..],
            "exists (select 1 from shares where note_id = notes.status)",
        ),
        (
            "exists (select 1 from shares where note_id = id)",
            &[("shares/status", "id")],
            "exists (select 1 from shares where note_id = notes.id)",
        ),
        (
            "exists (select 1 from shares s where note_id = id)",
            &[("notes/id", "key")],
            "exists (select 1 from shares s where note_id = key)",
        ),
        (
            "exists (select 1 from members memos where memos.team_id = notes.team_id)",
            &[("table notes", "memos")],
            "exists (select 1 from members memos where memos.team_id = public.memos.team_id)",
        ),
        (
            "exists (select 1 from shares, members m where shares.user_id = m.user_id)",
            &[("table shares", "m")],
            "exists (select 1 from m AS shares, members m where shares.user_id = m.user_id)",
        ),
        (
            "exists (select 1 from shares, members where shares.user_id = members.user_id)",
            &[("table shares", "members"), ("table members", "shares")],
            "exists (select 1 from members, shares where members.user_id = shares.user_id)",
        ),
        (
            "exists (select 1 from members join shares using (user_id) where user_id = owner)",
            &[("members/user_id", "uid"), ("shares/user_id", "uid")],
            "exists (select 1 from members join shares using (uid) where uid = owner)",
        ),
        (
            "exists (select 1 from members join shares using (user_id) where user_id = owner)",
            &[("members/user_id", "uid")],
            "exists (select 1 from members join shares ON members.uid = shares.user_id where uid = owner)",
        ),
        (
            "exists (select 1 from members m join shares s using (user_id) where user_id = owner)",
            &[("shares/user_id", "uid")],
            "exists (select 1 from members m join shares s ON m.user_id = s.uid where user_id = owner)",
        ),
    ] {
        assert_eq!(rewritten(text, changes), expected, "{text}");
    }
}

#[test]
fn an_expression_is_its_text() {
    let one = Expression::unchecked("a  =  1");
    assert_eq!(one.clone(), one);
    assert_ne!(one, Expression::unchecked("a = 1"));
    assert!(one.same(&Expression::unchecked("A = 1")));
    assert_eq!(one.to_string(), "a  =  1");
    assert!(Expression::unchecked("a in (select 1 from t)").has_subquery());
    assert!(Expression::unchecked("a in (table t)").has_subquery());
    assert!(!Expression::unchecked("a = (select auth.uid()) and b = 'select 1 from t'").has_subquery());
}
