//! Renames become statements before the plan, and nothing is made anew that a rename can do.

use authz_migrate::migration::Migration;
use authz_schema::config::LockTimeout;

use crate::cases;
use crate::schemas::{models, schema};
use crate::{Case, up_files};

/// The migration of a case.
fn up(case: &Case) -> String {
    let (new, renames) = models(case.new);
    up_files(
        &Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
            .unwrap()
            .unwrap(),
    )
}

#[test]
fn table_renamed() {
    insta::assert_snapshot!(up(&cases::table_renamed()), @"
    -- breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER INDEX public.notes_user_id_idx RENAME TO memos_user_id_idx;
    ALTER POLICY notes_delete_authenticated ON public.memos RENAME TO memos_delete_authenticated;
    ALTER POLICY notes_insert_authenticated ON public.memos RENAME TO memos_insert_authenticated;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    ALTER POLICY notes_update_authenticated ON public.memos RENAME TO memos_update_authenticated;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'id', E'memos_id_not_null'), (E'user_id', E'memos_user_id_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.memos'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.memos', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    ");
}

#[test]
fn table_with_an_identity_renamed() {
    insta::assert_snapshot!(up(&cases::table_with_an_identity_renamed()), @"
    -- breaks-old-code: renames public.memos.id to key; programs that run meanwhile know the old name
    -- breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME COLUMN id TO key;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    ALTER SEQUENCE IF EXISTS public.notes_id_seq RENAME TO memos_key_seq;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'key', E'memos_key_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.memos'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.memos', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    ");
}

#[test]
fn table_renamed_that_others_read_and_refer_to() {
    insta::assert_snapshot!(up(&cases::table_renamed_that_others_read_and_refer_to()), @"
    -- breaks-old-code: renames public.teams to groups; programs that run meanwhile know the old name
    ALTER TABLE public.teams RENAME TO groups;
    ALTER TABLE public.groups RENAME CONSTRAINT teams_pkey TO groups_pkey;
    ALTER POLICY teams_select_authenticated ON public.groups RENAME TO groups_select_authenticated;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'id', E'groups_id_not_null'), (E'owner', E'groups_owner_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.groups'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.groups', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    ");
}

#[test]
fn column_renamed() {
    insta::assert_snapshot!(up(&cases::column_renamed()), @"
    -- breaks-old-code: renames public.notes.title to heading; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME COLUMN title TO heading;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'heading', E'notes_heading_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.notes'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.notes', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    ");
}

#[test]
fn column_renamed_with_all_that_stands_on_it() {
    insta::assert_snapshot!(up(&cases::column_renamed_with_all_that_stands_on_it()), @"
    -- breaks-old-code: renames public.notes.team_id to group_id; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME COLUMN team_id TO group_id;
    ALTER TABLE public.notes RENAME CONSTRAINT notes_team_id_check TO notes_group_id_check;
    ALTER TABLE public.notes RENAME CONSTRAINT notes_team_id_key TO notes_group_id_key;
    ALTER INDEX public.notes_team_id_id_idx RENAME TO notes_group_id_id_idx;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'group_id', E'notes_group_id_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.notes'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.notes', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    ");
}

#[test]
fn table_and_column_renamed_and_changed() {
    insta::assert_snapshot!(up(&cases::table_and_column_renamed_and_changed()), @"
    -- authz-widens: adds the policy memos_select_authenticated_2 of public.memos
    -- breaks-old-code: lets public.memos.heading be NULL; programs that run meanwhile may not expect it
    -- breaks-old-code: renames public.memos.title to heading; programs that run meanwhile know the old name
    -- breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
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
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'id', E'memos_id_not_null'), (E'user_id', E'memos_user_id_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.memos'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.memos', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    CREATE POLICY memos_select_authenticated_2 ON public.memos
        FOR SELECT TO authenticated
        USING (heading = 'open');
    -- index_memos_heading_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS memos_heading_idx ON public.memos (heading);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.memos_heading_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ");
}

#[test]
fn policy_renamed() {
    insta::assert_snapshot!(up(&cases::policy_renamed()), @"ALTER POLICY one ON public.notes RENAME TO other;");
}

#[test]
fn a_rename_that_was_done_before() {
    insta::assert_snapshot!(up(&cases::a_rename_that_was_done_before()), @"ALTER TABLE public.notes ADD COLUMN done boolean;");
}

#[test]
fn table_renamed_with_a_new_index_and_without_an_old_one() {
    insta::assert_snapshot!(up(&cases::table_renamed_with_a_new_index_and_without_an_old_one()), @"
    -- breaks-old-code: renames public.notes to memos; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME TO memos;
    ALTER TABLE public.memos RENAME CONSTRAINT notes_pkey TO memos_pkey;
    ALTER INDEX public.notes_user_id_idx RENAME TO memos_user_id_idx;
    ALTER POLICY notes_delete_authenticated ON public.memos RENAME TO memos_delete_authenticated;
    ALTER POLICY notes_insert_authenticated ON public.memos RENAME TO memos_insert_authenticated;
    ALTER POLICY notes_select_authenticated ON public.memos RENAME TO memos_select_authenticated;
    ALTER POLICY notes_update_authenticated ON public.memos RENAME TO memos_update_authenticated;
    DO $do$ DECLARE
        old name;
        new name;
    BEGIN
        -- From PostgreSQL 18 on NOT NULL has a name, which follows those of table and column. Two may exchange theirs.
        FOR step IN 1..2 LOOP
            FOR old, new IN
                SELECT c.conname, CASE step WHEN 1 THEN 'authz_not_null_' || a.attnum ELSE w.name END
                FROM (VALUES (E'id', E'memos_id_not_null'), (E'user_id', E'memos_user_id_not_null'), (E'title', E'memos_title_not_null'), (E'number', E'memos_number_not_null')) AS w (column_name, name)
                JOIN pg_catalog.pg_attribute a ON a.attname = w.column_name
                JOIN pg_catalog.pg_constraint c ON c.conrelid = a.attrelid AND c.conkey = ARRAY[a.attnum]
                WHERE c.contype = 'n' AND c.conrelid = E'public.memos'::regclass AND c.conname <> w.name
            LOOP
                EXECUTE format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', E'public.memos', old, new);
            END LOOP;
        END LOOP;
    END $do$;
    -- index_memos_number_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS memos_number_idx ON public.memos (number);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.memos_number_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    -- drop_index_notes_title_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_title_idx;
    ");
}

#[test]
fn column_renamed_with_new_constraints() {
    insta::assert_snapshot!(up(&cases::column_renamed_with_new_constraints()), @"
    -- fails-on-rows: adds the constraint notes_heading_check to public.notes
    -- fails-on-rows: adds the constraint notes_heading_key to public.notes
    -- fails-on-rows: sets public.notes.heading NOT NULL
    -- breaks-old-code: leaves public.notes.heading to each INSERT; programs that run meanwhile may give it no value
    -- breaks-old-code: renames public.notes.title to heading; programs that run meanwhile know the old name
    ALTER TABLE public.notes RENAME COLUMN title TO heading;
    ALTER TABLE public.notes ADD CONSTRAINT notes_heading_check CHECK (heading <> '') NOT VALID;
    ALTER TABLE public.notes ADD CONSTRAINT notes_heading_not_null_check CHECK (heading IS NOT NULL) NOT VALID;
    -- index_notes_heading_key
    -- no-transaction
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_heading_key ON public.notes (heading);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_heading_key'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_heading_not_null_check;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_heading_check;
    ALTER TABLE public.notes ALTER COLUMN heading SET NOT NULL;
    ALTER TABLE public.notes DROP CONSTRAINT notes_heading_not_null_check;
    ALTER TABLE public.notes ADD CONSTRAINT notes_heading_key UNIQUE USING INDEX notes_heading_key;
    ");
}
