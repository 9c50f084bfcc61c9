//! Renames become statements before the plan, and nothing is made anew that a rename can do.

use authz_schema::migration::Migration;

use crate::Case;
use crate::cases;
use crate::schemas::{models, schema};

/// The up file of a case without its first line and its `lock_timeout`.
fn up(case: &Case) -> String {
    let (new, renames) = models(case.new);
    let migration = Migration::with_renames(&schema(case.old), &new, &renames).unwrap();
    let lines = migration
        .up
        .lines()
        .skip(1)
        .filter(|line| !line.is_empty() && !line.contains("lock_timeout"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn table_renamed() {
    insta::assert_snapshot!(up(&cases::table_renamed()), @r#"
    -- hazard breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER INDEX public.notes_user_id_idx RENAME TO memos_user_id_idx;
    ALTER POLICY notes_delete_authenticated ON public.memos RENAME TO memos_delete_authenticated;
    ALTER POLICY notes_insert_authenticated ON public.memos RENAME TO memos_insert_authenticated;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    ALTER POLICY notes_update_authenticated ON public.memos RENAME TO memos_update_authenticated;
    "#);
}

#[test]
fn table_with_an_identity_renamed() {
    insta::assert_snapshot!(up(&cases::table_with_an_identity_renamed()), @r#"
    -- hazard breaks-old-code: renames public.memos.id to key; programs that run meanwhile know the old name
    -- hazard breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME COLUMN id TO key;
    ALTER SEQUENCE IF EXISTS public.notes_id_seq RENAME TO memos_key_seq;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    "#);
}

#[test]
fn table_renamed_that_others_read_and_refer_to() {
    insta::assert_snapshot!(up(&cases::table_renamed_that_others_read_and_refer_to()), @r#"
    -- hazard breaks-old-code: renames public.teams to groups; programs that run meanwhile know the old name
    ALTER TABLE public.teams RENAME TO groups;
    ALTER TABLE public.groups RENAME CONSTRAINT teams_pkey TO groups_pkey;
    ALTER POLICY teams_select_authenticated ON public.groups RENAME TO groups_select_authenticated;
    "#);
}

#[test]
fn column_renamed() {
    insta::assert_snapshot!(up(&cases::column_renamed()), @r#"
    -- hazard breaks-old-code: renames public.notes.title to heading; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME COLUMN title TO heading;
    "#);
}

#[test]
fn column_renamed_with_all_that_stands_on_it() {
    insta::assert_snapshot!(up(&cases::column_renamed_with_all_that_stands_on_it()), @r#"
    -- hazard breaks-old-code: renames public.notes.team_id to group_id; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME COLUMN team_id TO group_id;
    ALTER TABLE public.notes RENAME CONSTRAINT notes_team_id_check TO notes_group_id_check;
    ALTER TABLE public.notes RENAME CONSTRAINT notes_team_id_key TO notes_group_id_key;
    ALTER INDEX public.notes_team_id_id_idx RENAME TO notes_group_id_id_idx;
    "#);
}

#[test]
fn table_and_column_renamed_and_changed() {
    insta::assert_snapshot!(up(&cases::table_and_column_renamed_and_changed()), @r#"
    -- hazard authz-widens: adds the policy memos_select_authenticated_2 of public.memos
    -- hazard breaks-old-code: renames public.memos.title to heading; programs that run meanwhile know the old name
    -- hazard breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    -- hazard blocks-writes: builds the index memos_heading_idx on public.memos
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME COLUMN title TO heading;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER INDEX public.notes_user_id_idx RENAME TO memos_user_id_idx;
    ALTER POLICY notes_delete_authenticated ON public.memos RENAME TO memos_delete_authenticated;
    ALTER POLICY notes_insert_authenticated ON public.memos RENAME TO memos_insert_authenticated;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    ALTER POLICY notes_update_authenticated ON public.memos RENAME TO memos_update_authenticated;
    ALTER TABLE public.memos ALTER COLUMN heading SET DEFAULT 'new';
    ALTER TABLE public.memos ALTER COLUMN heading DROP NOT NULL;
    CREATE INDEX memos_heading_idx ON public.memos (heading);
    CREATE POLICY memos_select_authenticated_2 ON public.memos
        FOR SELECT TO authenticated
        USING (heading = 'open');
    "#);
}

#[test]
fn policy_renamed() {
    insta::assert_snapshot!(up(&cases::policy_renamed()), @"ALTER POLICY one ON public.notes RENAME TO other;");
}

#[test]
fn a_rename_that_was_done_before() {
    insta::assert_snapshot!(up(&cases::a_rename_that_was_done_before()), @"ALTER TABLE public.notes ADD COLUMN done boolean;");
}
