//! Two schemas become a migration: its hazards, then the statements of each file.

use authz_migrate::migration::Migration;
use authz_schema::config::LockTimeout;
use authz_schema::schema::{EnumType, Schema, TypeName};
use authz_sql::Ident;

use crate::schemas::{models, schema};
use crate::{Case, up_files};
use crate::{cases, language};

/// The migration of a case.
fn plan(case: &Case) -> String {
    let (new, renames) = models(case.new);
    up_files(
        &Migration::with_renames(&schema(case.old), &new, &renames, &LockTimeout::default())
            .unwrap()
            .unwrap(),
    )
}

fn text(old: &Schema, new: &Schema) -> String {
    up_files(&Migration::between(old, new).unwrap().unwrap())
}

#[test]
fn last_policy_dropped_keeps_row_security_on() {
    let old = schema(cases::grant_lost().new);
    let mut new = old.clone();
    for table in new.tables.values_mut() {
        table.policies.clear();
        table.grants.clear();
    }
    insta::assert_snapshot!(text(&old, &new), @r"
    -- authz-narrows: drops the policy notes_select_authenticated of public.notes
    -- authz-narrows: revokes SELECT on public.notes from authenticated
    REVOKE SELECT ON TABLE public.notes FROM authenticated;
    DROP POLICY notes_select_authenticated ON public.notes;
    REVOKE USAGE ON SCHEMA public FROM authenticated;
    ");
}

#[test]
fn policy_clause_cleared() {
    let old = schema(cases::grant_gained().new);
    let mut new = old.clone();
    for policy in new.tables.values_mut().flat_map(|table| &mut table.policies) {
        policy.with_check = None;
    }
    insta::assert_snapshot!(text(&old, &new), @"
    -- authz-widens: may widen: nothing shows that the policy notes_insert_authenticated of public.notes admits no more than before
    -- authz-changed: changes the policy notes_insert_authenticated of public.notes: `INSERT WITH CHECK ((SELECT auth.user_id()) = user_id)` becomes `INSERT `
    DROP POLICY notes_insert_authenticated ON public.notes;
    CREATE POLICY notes_insert_authenticated ON public.notes
        FOR INSERT TO authenticated;
    ");
}

#[test]
fn column_added_nullable() {
    insta::assert_snapshot!(plan(&cases::column_added_nullable()), @"ALTER TABLE public.notes ADD COLUMN title text;");
}

#[test]
fn column_added_with_a_default() {
    insta::assert_snapshot!(plan(&cases::column_added_with_a_default()), @"ALTER TABLE public.notes ADD COLUMN done boolean DEFAULT false NOT NULL;");
}

#[test]
fn column_added_with_a_volatile_default() {
    insta::assert_snapshot!(plan(&cases::column_added_with_a_volatile_default()), @r"
    -- table-rewrite: adds public.notes.seen_at with a value of its own for each row
    ALTER TABLE public.notes ADD COLUMN seen_at timestamptz DEFAULT clock_timestamp() NOT NULL;
    ");
}

#[test]
fn column_added_not_null() {
    insta::assert_snapshot!(plan(&cases::column_added_not_null()), @"
    -- fails-on-rows: adds public.notes.title NOT NULL without a default
    -- breaks-old-code: leaves public.notes.title to each INSERT; programs that run meanwhile may give it no value
    ALTER TABLE public.notes ADD COLUMN title text NOT NULL;
    ");
}

#[test]
fn column_added_with_constraints_and_a_policy() {
    insta::assert_snapshot!(plan(&cases::column_added_with_constraints_and_a_policy()), @"
    -- authz-widens: changes the policy notes_select_authenticated of public.notes: `SELECT USING ((SELECT auth.user_id()) = user_id)` becomes `SELECT USING ((SELECT auth.user_id()) = user_id or team_id = 7)`
    -- fails-on-rows: adds the constraint notes_team_id_check to public.notes
    -- fails-on-rows: adds the constraint notes_team_id_fkey to public.notes
    -- fails-on-rows: adds the constraint notes_team_id_key to public.notes
    CREATE TABLE public.teams (
        id bigint NOT NULL,
        CONSTRAINT teams_pkey PRIMARY KEY (id)
    );
    ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.teams FORCE ROW LEVEL SECURITY;
    ALTER TABLE public.notes ADD COLUMN team_id bigint;
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_check CHECK (team_id > 0) NOT VALID;
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id) NOT VALID;
    CREATE POLICY teams_select_authenticated ON public.teams
        FOR SELECT TO authenticated
        USING (true);
    ALTER POLICY notes_select_authenticated ON public.notes
        TO authenticated
        USING ((SELECT auth.user_id()) = user_id or team_id = 7);
    GRANT SELECT ON TABLE public.teams TO authenticated;
    -- index_notes_team_id_key
    -- no-transaction
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_team_id_key ON public.notes (team_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_team_id_key'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_id_check;
    REVOKE SELECT ON TABLE public.notes FROM CURRENT_USER;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_id_fkey;
    GRANT SELECT ON TABLE public.notes TO CURRENT_USER;
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_key UNIQUE USING INDEX notes_team_id_key;
    ");
}

#[test]
fn column_dropped() {
    insta::assert_snapshot!(plan(&cases::column_dropped()), @r"
    -- data-loss: drops the column public.notes.title
    ALTER TABLE public.notes DROP COLUMN title;
    ");
}

#[test]
fn column_dropped_with_all_that_stands_on_it() {
    insta::assert_snapshot!(plan(&cases::column_dropped_with_all_that_stands_on_it()), @"
    -- data-loss: drops the column public.notes.team_id
    -- authz-narrows: changes the policy notes_select_authenticated of public.notes: `SELECT USING ((SELECT auth.user_id()) = user_id or team_id = 7)` becomes `SELECT USING ((SELECT auth.user_id()) = user_id)`
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_id_fkey;
    ALTER TABLE public.notes DROP CONSTRAINT notes_check;
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_id_check;
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_id_key;
    DROP INDEX public.notes_team_id_id_idx;
    ALTER POLICY notes_select_authenticated ON public.notes
        TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    ALTER TABLE public.notes DROP COLUMN team_id;
    ");
}

#[test]
fn column_retyped_under_a_policy() {
    insta::assert_snapshot!(plan(&cases::column_retyped_under_a_policy()), @"
    -- table-rewrite: changes the type of public.notes.team_id to bigint
    -- breaks-old-code: changes the type of public.notes.team_id; programs that run meanwhile know the old type
    DROP POLICY notes_delete_authenticated ON public.notes;
    DROP POLICY notes_insert_authenticated ON public.notes;
    DROP POLICY notes_select_authenticated ON public.notes;
    DROP POLICY notes_update_authenticated ON public.notes;
    ALTER TABLE public.notes ALTER COLUMN team_id TYPE bigint USING team_id::bigint;
    CREATE POLICY notes_delete_authenticated ON public.notes
        FOR DELETE TO authenticated
        USING (team_id = 1);
    CREATE POLICY notes_insert_authenticated ON public.notes
        FOR INSERT TO authenticated
        WITH CHECK (team_id = 1);
    CREATE POLICY notes_select_authenticated ON public.notes
        FOR SELECT TO authenticated
        USING (team_id = 1);
    CREATE POLICY notes_update_authenticated ON public.notes
        FOR UPDATE TO authenticated
        USING (team_id = 1)
        WITH CHECK (team_id = 1);
    ");
}

#[test]
fn column_retyped_under_a_policy_in_capitals() {
    insta::assert_snapshot!(plan(&cases::column_retyped_under_a_policy_in_capitals()), @"
    -- table-rewrite: changes the type of public.notes.team_id to bigint
    -- breaks-old-code: changes the type of public.notes.team_id; programs that run meanwhile know the old type
    DROP POLICY notes_delete_authenticated ON public.notes;
    DROP POLICY notes_insert_authenticated ON public.notes;
    DROP POLICY notes_select_authenticated ON public.notes;
    DROP POLICY notes_update_authenticated ON public.notes;
    ALTER TABLE public.notes ALTER COLUMN team_id TYPE bigint USING team_id::bigint;
    CREATE POLICY notes_delete_authenticated ON public.notes
        FOR DELETE TO authenticated
        USING (TEAM_ID = 1);
    CREATE POLICY notes_insert_authenticated ON public.notes
        FOR INSERT TO authenticated
        WITH CHECK (TEAM_ID = 1);
    CREATE POLICY notes_select_authenticated ON public.notes
        FOR SELECT TO authenticated
        USING (TEAM_ID = 1);
    CREATE POLICY notes_update_authenticated ON public.notes
        FOR UPDATE TO authenticated
        USING (TEAM_ID = 1)
        WITH CHECK (TEAM_ID = 1);
    ");
}

#[test]
fn column_retyped_under_a_policy_that_changes() {
    insta::assert_snapshot!(plan(&cases::column_retyped_under_a_policy_that_changes()), @"
    -- authz-widens: may widen: nothing shows that the policy notes_select_authenticated of public.notes admits no more than before
    -- authz-changed: changes the policy notes_select_authenticated of public.notes: `SELECT USING (team_id = 1)` becomes `SELECT USING (team_id = '1')`
    -- table-rewrite: changes the type of public.notes.team_id to text
    -- breaks-old-code: changes the type of public.notes.team_id; programs that run meanwhile know the old type
    DROP POLICY notes_select_authenticated ON public.notes;
    ALTER TABLE public.notes ALTER COLUMN team_id TYPE text USING team_id::text;
    CREATE POLICY notes_select_authenticated ON public.notes
        FOR SELECT TO authenticated
        USING (team_id = '1');
    ");
}

#[test]
fn column_retyped_under_a_policy_of_another_table() {
    insta::assert_snapshot!(plan(&cases::column_retyped_under_a_policy_of_another_table()), @"
    -- table-rewrite: changes the type of public.notes.team_id to bigint
    -- breaks-old-code: changes the type of public.notes.team_id; programs that run meanwhile know the old type
    DROP POLICY paragraphs_delete_authenticated ON public.paragraphs;
    DROP POLICY paragraphs_insert_authenticated ON public.paragraphs;
    DROP POLICY paragraphs_select_authenticated ON public.paragraphs;
    DROP POLICY paragraphs_update_authenticated ON public.paragraphs;
    ALTER TABLE public.notes ALTER COLUMN team_id TYPE bigint USING team_id::bigint;
    CREATE POLICY paragraphs_delete_authenticated ON public.paragraphs
        FOR DELETE TO authenticated
        USING (note_id in (select n.id from Notes n where n.Team_id = 1));
    CREATE POLICY paragraphs_insert_authenticated ON public.paragraphs
        FOR INSERT TO authenticated
        WITH CHECK (note_id in (select n.id from Notes n where n.Team_id = 1));
    CREATE POLICY paragraphs_select_authenticated ON public.paragraphs
        FOR SELECT TO authenticated
        USING (note_id in (select n.id from Notes n where n.Team_id = 1));
    CREATE POLICY paragraphs_update_authenticated ON public.paragraphs
        FOR UPDATE TO authenticated
        USING (note_id in (select n.id from Notes n where n.Team_id = 1))
        WITH CHECK (note_id in (select n.id from Notes n where n.Team_id = 1));
    ");
}

#[test]
fn column_retyped_with_its_default() {
    insta::assert_snapshot!(plan(&cases::column_retyped_with_its_default()), @"
    -- table-rewrite: changes the type of public.notes.state to text
    -- breaks-old-code: changes the type of public.notes.state; programs that run meanwhile know the old type
    ALTER TABLE public.notes ALTER COLUMN state DROP DEFAULT;
    ALTER TABLE public.notes ALTER COLUMN state TYPE text USING state::text;
    ALTER TABLE public.notes ALTER COLUMN state SET DEFAULT 'new';
    ");
}

#[test]
fn column_retyped_with_an_unchanged_default() {
    insta::assert_snapshot!(plan(&cases::column_retyped_with_an_unchanged_default()), @"
    -- table-rewrite: changes the type of public.notes.state to bigint
    -- breaks-old-code: changes the type of public.notes.state; programs that run meanwhile know the old type
    -- blocks-writes: reads all rows of public.notes for the constraint notes_state_check
    ALTER TABLE public.notes DROP CONSTRAINT notes_state_check;
    ALTER TABLE public.notes ALTER COLUMN state DROP DEFAULT;
    ALTER TABLE public.notes ALTER COLUMN state TYPE bigint USING state::bigint;
    ALTER TABLE public.notes ALTER COLUMN state SET DEFAULT 0;
    ALTER TABLE public.notes ADD CONSTRAINT notes_state_check CHECK (state >= 0);
    ");
}

#[test]
fn column_retyped_to_less() {
    insta::assert_snapshot!(plan(&cases::column_retyped_to_less()), @"
    -- data-loss: casts the values of public.notes.title from text to varchar(3), which may cut them
    -- table-rewrite: changes the type of public.notes.title to varchar(3)
    -- breaks-old-code: changes the type of public.notes.title; programs that run meanwhile know the old type
    ALTER TABLE public.notes ALTER COLUMN title TYPE varchar(3) USING title::varchar(3);
    ");
}

#[test]
fn column_retyped_in_place_with_its_default() {
    insta::assert_snapshot!(plan(&cases::column_retyped_in_place_with_its_default()), @"
    ALTER TABLE public.notes ALTER COLUMN title TYPE varchar(30) USING title::varchar(30);
    ALTER TABLE public.notes ALTER COLUMN title SET DEFAULT 'a';
    ");
}

#[test]
fn column_retyped_with_its_expression_index() {
    insta::assert_snapshot!(plan(&cases::column_retyped_with_its_expression_index()), @"
    -- table-rewrite: changes the type of public.tenants.id to bigint
    -- breaks-old-code: changes the type of public.tenants.id; programs that run meanwhile know the old type
    -- blocks-writes: builds the index tenants_id_text_idx on public.tenants
    DROP POLICY tenants_select_authenticated ON public.tenants;
    DROP INDEX public.tenants_id_text_idx;
    ALTER TABLE public.tenants ALTER COLUMN id TYPE bigint USING id::bigint;
    CREATE INDEX tenants_id_text_idx ON public.tenants (((id)::text));
    CREATE POLICY tenants_select_authenticated ON public.tenants
        FOR SELECT TO authenticated
        USING ((SELECT auth.session()->>'tenant_id') = id::text);
    ");
}

#[test]
fn default_set() {
    insta::assert_snapshot!(plan(&cases::default_set()), @"ALTER TABLE public.notes ALTER COLUMN title SET DEFAULT 'untitled';");
}

#[test]
fn default_changed() {
    insta::assert_snapshot!(plan(&cases::default_changed()), @"ALTER TABLE public.notes ALTER COLUMN title SET DEFAULT ('un' || 'named');");
}

#[test]
fn default_cleared() {
    insta::assert_snapshot!(plan(&cases::default_cleared()), @"
    -- breaks-old-code: leaves public.notes.title to each INSERT; programs that run meanwhile may give it no value
    ALTER TABLE public.notes ALTER COLUMN title DROP DEFAULT;
    ");
}

#[test]
fn not_null_set() {
    insta::assert_snapshot!(plan(&cases::not_null_set()), @"
    -- fails-on-rows: sets public.notes.title NOT NULL
    -- breaks-old-code: leaves public.notes.title to each INSERT; programs that run meanwhile may give it no value
    ALTER TABLE public.notes ADD CONSTRAINT notes_title_not_null_check CHECK (title IS NOT NULL) NOT VALID;
    -- validate
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_title_not_null_check;
    ALTER TABLE public.notes ALTER COLUMN title SET NOT NULL;
    ALTER TABLE public.notes DROP CONSTRAINT notes_title_not_null_check;
    ");
}

#[test]
fn not_null_dropped() {
    insta::assert_snapshot!(plan(&cases::not_null_dropped()), @"
    -- breaks-old-code: lets public.notes.title be NULL; programs that run meanwhile may not expect it
    ALTER TABLE public.notes ALTER COLUMN title DROP NOT NULL;
    ");
}

#[test]
fn identity_added() {
    insta::assert_snapshot!(plan(&cases::identity_added()), @"
    -- authz-narrows: revokes columns of INSERT on public.notes from authenticated
    -- authz-narrows: revokes columns of UPDATE on public.notes from authenticated
    -- breaks-old-code: generates the values of public.notes.number; programs that run meanwhile may write their own
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    ALTER TABLE public.notes ALTER COLUMN number DROP DEFAULT;
    ALTER TABLE public.notes ALTER COLUMN number ADD GENERATED ALWAYS AS IDENTITY;
    DO $do$ DECLARE
        forced boolean := (SELECT relforcerowsecurity FROM pg_catalog.pg_class WHERE oid = E'public.notes'::regclass);
    BEGIN
        IF forced THEN ALTER TABLE public.notes NO FORCE ROW LEVEL SECURITY; END IF;
        PERFORM pg_catalog.setval(pg_catalog.pg_get_serial_sequence(E'public.notes', E'number'), max(number))
            FROM public.notes HAVING max(number) > 0;
        IF forced THEN ALTER TABLE public.notes FORCE ROW LEVEL SECURITY; END IF;
    END $do$;
    GRANT INSERT (id, user_id) ON TABLE public.notes TO authenticated;
    GRANT UPDATE (id, user_id) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn identity_retyped() {
    insta::assert_snapshot!(plan(&cases::identity_retyped()), @"
    -- table-rewrite: changes the type of public.notes.number to bigint
    -- breaks-old-code: changes the type of public.notes.number; programs that run meanwhile know the old type
    ALTER TABLE public.notes ALTER COLUMN number TYPE bigint USING number::bigint;
    ");
}

#[test]
fn identity_removed() {
    insta::assert_snapshot!(plan(&cases::identity_removed()), @"
    -- authz-widens: grants INSERT on public.notes to authenticated
    -- authz-widens: grants UPDATE on public.notes to authenticated
    -- authz-widens: lets authenticated write public.notes.number
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    ALTER TABLE public.notes ALTER COLUMN number DROP IDENTITY;
    ALTER TABLE public.notes ALTER COLUMN number SET DEFAULT 1;
    GRANT INSERT ON TABLE public.notes TO authenticated;
    GRANT UPDATE ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn primary_key_changed() {
    insta::assert_snapshot!(plan(&cases::primary_key_changed()), @r"
    -- index_members_pkey_new
    -- no-transaction
    -- fails-on-rows: adds the constraint members_pkey to public.members
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS members_pkey_new ON public.members (team_id, user_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.members_pkey_new'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.members DROP CONSTRAINT members_pkey;
    ALTER TABLE public.members ADD CONSTRAINT members_pkey PRIMARY KEY USING INDEX members_pkey_new;
    ");
}

#[test]
fn unique_added() {
    insta::assert_snapshot!(plan(&cases::unique_added()), @r"
    -- index_notes_slug_key
    -- no-transaction
    -- fails-on-rows: adds the constraint notes_slug_key to public.notes
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS notes_slug_key ON public.notes (slug);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_slug_key'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.notes ADD CONSTRAINT notes_slug_key UNIQUE USING INDEX notes_slug_key;
    ");
}

#[test]
fn unique_dropped() {
    insta::assert_snapshot!(plan(&cases::unique_dropped()), @"ALTER TABLE public.notes DROP CONSTRAINT notes_slug_key;");
}

#[test]
fn unique_dropped_with_the_foreign_key_on_it() {
    insta::assert_snapshot!(plan(&cases::unique_dropped_with_the_foreign_key_on_it()), @"
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_fkey;
    ALTER TABLE public.a_teams DROP CONSTRAINT a_teams_slug_key;
    -- drop_index_notes_team_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_team_idx;
    ");
}

#[test]
fn check_added() {
    insta::assert_snapshot!(plan(&cases::check_added()), @r"
    -- fails-on-rows: adds the constraint notes_title_check to public.notes
    ALTER TABLE public.notes ADD CONSTRAINT notes_title_check CHECK (title <> '') NOT VALID;
    -- validate
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_title_check;
    ");
}

#[test]
fn check_changed() {
    insta::assert_snapshot!(plan(&cases::check_changed()), @r"
    -- fails-on-rows: adds the constraint notes_title_check to public.notes
    ALTER TABLE public.notes DROP CONSTRAINT notes_title_check;
    ALTER TABLE public.notes ADD CONSTRAINT notes_title_check CHECK (char_length(title) > 0) NOT VALID;
    -- validate
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_title_check;
    ");
}

#[test]
fn check_dropped() {
    insta::assert_snapshot!(plan(&cases::check_dropped()), @"ALTER TABLE public.notes DROP CONSTRAINT notes_title_check;");
}

#[test]
fn index_added() {
    insta::assert_snapshot!(plan(&cases::index_added()), @r"
    -- index_notes_slug_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_slug_idx ON public.notes (slug);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_slug_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ");
}

#[test]
fn index_changed() {
    insta::assert_snapshot!(plan(&cases::index_changed()), @r"
    ALTER INDEX public.notes_slug_idx RENAME TO notes_slug_idx_old;
    -- index_notes_slug_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_slug_idx ON public.notes (slug DESC);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_slug_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    -- drop_index_notes_slug_idx_old
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_slug_idx_old;
    ");
}

#[test]
fn index_dropped() {
    insta::assert_snapshot!(plan(&cases::index_dropped()), @r"
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_slug_idx;
    ");
}

#[test]
fn index_of_a_policy_column_in_another_order() {
    insta::assert_snapshot!(plan(&cases::index_of_a_policy_column_in_another_order()), @r"
    ALTER INDEX public.notes_user_id_idx RENAME TO notes_user_id_idx_old;
    -- index_notes_user_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_user_id_idx ON public.notes (user_id DESC);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_user_id_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    -- drop_index_notes_user_id_idx_old
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_user_id_idx_old;
    ");
}

#[test]
fn foreign_key_added() {
    insta::assert_snapshot!(plan(&cases::foreign_key_added()), @"
    -- fails-on-rows: adds the constraint notes_team_id_fkey to public.notes
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id) NOT VALID;
    -- index_notes_team_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_team_id_idx ON public.notes (team_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_team_id_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    REVOKE SELECT ON TABLE public.notes FROM CURRENT_USER;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_id_fkey;
    GRANT SELECT ON TABLE public.notes TO CURRENT_USER;
    ");
}

#[test]
fn foreign_key_action_changed() {
    insta::assert_snapshot!(plan(&cases::foreign_key_action_changed()), @"
    -- authz-widens: DELETE on public.teams deletes rows of public.notes past its policies, by the foreign key notes_team_id_fkey
    -- fails-on-rows: adds the constraint notes_team_id_fkey to public.notes
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_id_fkey;
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id) ON DELETE CASCADE NOT VALID;
    -- validate
    REVOKE SELECT ON TABLE public.notes FROM CURRENT_USER;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_id_fkey;
    GRANT SELECT ON TABLE public.notes TO CURRENT_USER;
    ");
}

#[test]
fn foreign_key_dropped() {
    insta::assert_snapshot!(plan(&cases::foreign_key_dropped()), @"
    ALTER TABLE public.notes DROP CONSTRAINT notes_team_id_fkey;
    -- drop_index_notes_team_id_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_team_id_idx;
    ");
}

#[test]
fn policy_added() {
    insta::assert_snapshot!(plan(&cases::policy_added()), @r"
    -- authz-widens: adds the policy notes_select_authenticated_2 of public.notes
    CREATE POLICY notes_select_authenticated_2 ON public.notes
        FOR SELECT TO authenticated
        USING (shared);
    ");
}

#[test]
fn policy_dropped() {
    insta::assert_snapshot!(plan(&cases::policy_dropped()), @r"
    -- authz-narrows: drops the policy notes_select_authenticated_2 of public.notes
    DROP POLICY notes_select_authenticated_2 ON public.notes;
    ");
}

#[test]
fn policy_expression_changed() {
    insta::assert_snapshot!(plan(&cases::policy_expression_changed()), @"
    -- authz-narrows: changes the policy notes_delete_authenticated of public.notes: `DELETE USING ((SELECT auth.user_id()) = user_id)` becomes `DELETE USING ((SELECT auth.user_id()) = user_id and shared)`
    -- authz-narrows: changes the policy notes_insert_authenticated of public.notes: `INSERT WITH CHECK ((SELECT auth.user_id()) = user_id)` becomes `INSERT WITH CHECK ((SELECT auth.user_id()) = user_id and shared)`
    -- authz-narrows: changes the policy notes_select_authenticated of public.notes: `SELECT USING ((SELECT auth.user_id()) = user_id)` becomes `SELECT USING ((SELECT auth.user_id()) = user_id and shared)`
    -- authz-narrows: changes the policy notes_update_authenticated of public.notes: `UPDATE USING ((SELECT auth.user_id()) = user_id) WITH CHECK ((SELECT auth.user_id()) = user_id)` becomes `UPDATE USING ((SELECT auth.user_id()) = user_id and shared) WITH CHECK ((SELECT auth.user_id()) = user_id and shared)`
    ALTER POLICY notes_delete_authenticated ON public.notes
        TO authenticated
        USING ((SELECT auth.user_id()) = user_id and shared);
    ALTER POLICY notes_insert_authenticated ON public.notes
        TO authenticated
        WITH CHECK ((SELECT auth.user_id()) = user_id and shared);
    ALTER POLICY notes_select_authenticated ON public.notes
        TO authenticated
        USING ((SELECT auth.user_id()) = user_id and shared);
    ALTER POLICY notes_update_authenticated ON public.notes
        TO authenticated
        USING ((SELECT auth.user_id()) = user_id and shared)
        WITH CHECK ((SELECT auth.user_id()) = user_id and shared);
    ");
}

#[test]
fn policy_opened_to_all_rows() {
    insta::assert_snapshot!(plan(&cases::policy_opened_to_all_rows()), @"
    -- authz-widens: changes the policy notes_select_authenticated of public.notes: `SELECT USING ((SELECT auth.user_id()) = user_id)` becomes `SELECT USING (true)`
    ALTER POLICY notes_select_authenticated ON public.notes
        TO authenticated
        USING (true);
    -- drop_index_notes_user_id_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_user_id_idx;
    ");
}

#[test]
fn policy_check_narrowed_under_an_open_using() {
    insta::assert_snapshot!(plan(&cases::policy_check_narrowed_under_an_open_using()), @"
    -- authz-widens: may widen: nothing shows that the policy notes_update_authenticated of public.notes admits no more than before
    -- authz-changed: changes the policy notes_update_authenticated of public.notes: `UPDATE USING (true) WITH CHECK (id > 0)` becomes `UPDATE USING (true) WITH CHECK (id > 1)`
    ALTER POLICY notes_update_authenticated ON public.notes
        TO authenticated
        USING (true)
        WITH CHECK (id > 1);
    ");
}

#[test]
fn policy_given_to_one_more_role() {
    insta::assert_snapshot!(plan(&cases::policy_given_to_one_more_role()), @"
    -- authz-widens: changes the policy readers of public.notes: its roles
    -- authz-widens: grants SELECT on public.notes to anonymous
    ALTER POLICY readers ON public.notes
        TO anonymous, authenticated
        USING (true);
    GRANT USAGE ON SCHEMA public TO anonymous;
    GRANT SELECT ON TABLE public.notes TO anonymous;
    ");
}

#[test]
fn policy_taken_from_a_role() {
    insta::assert_snapshot!(plan(&cases::policy_taken_from_a_role()), @"
    -- authz-narrows: changes the policy readers of public.notes: its roles
    -- authz-narrows: revokes SELECT on public.notes from anonymous
    REVOKE SELECT ON TABLE public.notes FROM anonymous;
    ALTER POLICY readers ON public.notes
        TO authenticated
        USING (true);
    REVOKE USAGE ON SCHEMA public FROM anonymous;
    ");
}

#[test]
fn policy_given_to_a_new_role() {
    insta::assert_snapshot!(plan(&cases::policy_given_to_a_new_role()), @"
    -- authz-widens: adds the policy notes_select_authz_test_auditor of public.notes
    -- authz-widens: grants SELECT on public.notes to authz_test_auditor
    DO $do$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authz_test_auditor') THEN
            CREATE ROLE authz_test_auditor NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $do$;
    DO $do$ BEGIN
        IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'authz_test_auditor' AND (rolsuper OR rolbypassrls)) THEN
            RAISE EXCEPTION 'the role % bypasses row security', E'authz_test_auditor'
                USING HINT = 'It exists with SUPERUSER or BYPASSRLS. Take these away, or drop the role.';
        END IF;
    END $do$;
    DO $do$ BEGIN
        IF NOT pg_catalog.pg_has_role(E'authenticator', E'authz_test_auditor', 'MEMBER') THEN
            GRANT authz_test_auditor TO authenticator;
        END IF;
    EXCEPTION WHEN unique_violation THEN NULL;
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role % belongs to another owner of this server, and % may not grant it', E'authz_test_auditor', current_user
            USING HINT = pg_catalog.format('Let a superuser, or who made the role, run: GRANT %I TO %I WITH ADMIN OPTION', E'authz_test_auditor', current_user);
    END $do$;
    GRANT USAGE ON SCHEMA auth TO authz_test_auditor;
    GRANT EXECUTE ON FUNCTION auth.session(), auth.jwt(), auth.user_id(), auth.uid(), auth.organization(), auth.organization_id() TO authz_test_auditor;
    CREATE POLICY notes_select_authz_test_auditor ON public.notes
        FOR SELECT TO authz_test_auditor
        USING (true);
    GRANT USAGE ON SCHEMA public TO authz_test_auditor;
    GRANT SELECT ON TABLE public.notes TO authz_test_auditor;
    ");
}

#[test]
fn policy_of_a_role_removed() {
    insta::assert_snapshot!(plan(&cases::policy_of_a_role_removed()), @r"
    -- authz-narrows: drops the policy notes_select_authz_test_auditor of public.notes
    -- authz-narrows: revokes SELECT on public.notes from authz_test_auditor
    REVOKE SELECT ON TABLE public.notes FROM authz_test_auditor;
    DROP POLICY notes_select_authz_test_auditor ON public.notes;
    REVOKE ALL ON FUNCTION auth.session(), auth.jwt(), auth.user_id(), auth.uid(), auth.organization(), auth.organization_id() FROM authz_test_auditor;
    REVOKE USAGE ON SCHEMA auth FROM authz_test_auditor;
    REVOKE USAGE ON SCHEMA public FROM authz_test_auditor;
    ");
}

#[test]
fn policy_command_changed() {
    insta::assert_snapshot!(plan(&cases::policy_command_changed()), @"
    -- authz-widens: changes the policy own of public.notes: `INSERT WITH CHECK ((SELECT auth.user_id()) = user_id)` becomes `DELETE USING ((SELECT auth.user_id()) = user_id)`
    -- authz-widens: grants DELETE on public.notes to authenticated
    -- authz-narrows: revokes INSERT on public.notes from authenticated
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    DROP POLICY own ON public.notes;
    CREATE POLICY own ON public.notes
        FOR DELETE TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    GRANT DELETE ON TABLE public.notes TO authenticated;
    -- index_notes_user_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_user_id_idx ON public.notes (user_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_user_id_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ");
}

#[test]
fn policy_becomes_restrictive() {
    insta::assert_snapshot!(plan(&cases::policy_becomes_restrictive()), @"
    -- authz-narrows: changes the policy own of public.notes: from permissive to restrictive, `SELECT USING ((SELECT auth.user_id()) = user_id)` becomes `SELECT USING ((SELECT auth.user_id()) = user_id)`
    DROP POLICY own ON public.notes;
    CREATE POLICY own ON public.notes AS RESTRICTIVE
        FOR SELECT TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    ");
}

#[test]
fn policy_becomes_permissive() {
    insta::assert_snapshot!(plan(&cases::policy_becomes_permissive()), @"
    -- authz-widens: changes the policy own of public.notes: from restrictive to permissive, `SELECT USING ((SELECT auth.user_id()) = user_id)` becomes `SELECT USING ((SELECT auth.user_id()) = user_id)`
    DROP POLICY own ON public.notes;
    CREATE POLICY own ON public.notes
        FOR SELECT TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    ");
}

#[test]
fn restrictive_policy_added() {
    insta::assert_snapshot!(plan(&cases::restrictive_policy_added()), @r"
    -- authz-narrows: adds the policy notes_delete_authenticated_2 of public.notes
    CREATE POLICY notes_delete_authenticated_2 ON public.notes AS RESTRICTIVE
        FOR DELETE TO authenticated
        USING (id > 10);
    ");
}

#[test]
fn restrictive_policy_dropped() {
    insta::assert_snapshot!(plan(&cases::restrictive_policy_dropped()), @r"
    -- authz-widens: drops the policy notes_delete_authenticated_2 of public.notes
    DROP POLICY notes_delete_authenticated_2 ON public.notes;
    ");
}

#[test]
fn restrictive_policy_opened_to_all_rows() {
    insta::assert_snapshot!(plan(&cases::restrictive_policy_opened_to_all_rows()), @"
    -- authz-widens: changes the policy notes_delete_authenticated_2 of public.notes: `DELETE USING (id > 10)` becomes `DELETE USING (true)`
    ALTER POLICY notes_delete_authenticated_2 ON public.notes
        TO authenticated
        USING (true);
    ");
}

#[test]
fn last_permissive_policy_dropped() {
    insta::assert_snapshot!(plan(&cases::last_permissive_policy_dropped()), @r"
    -- authz-narrows: drops the policy notes_select_authenticated of public.notes
    -- authz-narrows: revokes SELECT on public.notes from authenticated
    REVOKE SELECT ON TABLE public.notes FROM authenticated;
    DROP POLICY notes_select_authenticated ON public.notes;
    REVOKE USAGE ON SCHEMA public FROM authenticated;
    ");
}

#[test]
fn row_security_disabled() {
    insta::assert_snapshot!(plan(&cases::row_security_disabled()), @r"
    -- rls-disable: turns row security of public.notes off
    -- authz-narrows: drops the policy notes_delete_authenticated of public.notes
    -- authz-narrows: drops the policy notes_insert_authenticated of public.notes
    -- authz-narrows: drops the policy notes_select_authenticated of public.notes
    -- authz-narrows: drops the policy notes_update_authenticated of public.notes
    -- authz-narrows: revokes DELETE on public.notes from authenticated
    -- authz-narrows: revokes INSERT on public.notes from authenticated
    -- authz-narrows: revokes SELECT on public.notes from authenticated
    -- authz-narrows: revokes UPDATE on public.notes from authenticated
    REVOKE SELECT ON TABLE public.notes FROM authenticated;
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    REVOKE DELETE ON TABLE public.notes FROM authenticated;
    DROP POLICY notes_delete_authenticated ON public.notes;
    DROP POLICY notes_insert_authenticated ON public.notes;
    DROP POLICY notes_select_authenticated ON public.notes;
    DROP POLICY notes_update_authenticated ON public.notes;
    ALTER TABLE public.notes NO FORCE ROW LEVEL SECURITY;
    ALTER TABLE public.notes DISABLE ROW LEVEL SECURITY;
    REVOKE USAGE ON SCHEMA public FROM authenticated;
    -- drop_index_notes_user_id_idx
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.notes_user_id_idx;
    ");
}

#[test]
fn row_security_enabled() {
    insta::assert_snapshot!(plan(&cases::row_security_enabled()), @r"
    -- authz-widens: adds the policy notes_delete_authenticated of public.notes
    -- authz-widens: adds the policy notes_insert_authenticated of public.notes
    -- authz-widens: adds the policy notes_select_authenticated of public.notes
    -- authz-widens: adds the policy notes_update_authenticated of public.notes
    -- authz-widens: grants DELETE on public.notes to authenticated
    -- authz-widens: grants INSERT on public.notes to authenticated
    -- authz-widens: grants SELECT on public.notes to authenticated
    -- authz-widens: grants UPDATE on public.notes to authenticated
    -- authz-narrows: turns row security of public.notes on
    CREATE POLICY notes_delete_authenticated ON public.notes
        FOR DELETE TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    CREATE POLICY notes_insert_authenticated ON public.notes
        FOR INSERT TO authenticated
        WITH CHECK ((SELECT auth.user_id()) = user_id);
    CREATE POLICY notes_select_authenticated ON public.notes
        FOR SELECT TO authenticated
        USING ((SELECT auth.user_id()) = user_id);
    CREATE POLICY notes_update_authenticated ON public.notes
        FOR UPDATE TO authenticated
        USING ((SELECT auth.user_id()) = user_id)
        WITH CHECK ((SELECT auth.user_id()) = user_id);
    ALTER TABLE public.notes ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.notes FORCE ROW LEVEL SECURITY;
    GRANT USAGE ON SCHEMA public TO authenticated;
    GRANT SELECT ON TABLE public.notes TO authenticated;
    GRANT INSERT ON TABLE public.notes TO authenticated;
    GRANT UPDATE ON TABLE public.notes TO authenticated;
    GRANT DELETE ON TABLE public.notes TO authenticated;
    -- index_notes_user_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_user_id_idx ON public.notes (user_id);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_user_id_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ");
}

#[test]
fn grant_gained() {
    insta::assert_snapshot!(plan(&cases::grant_gained()), @r"
    -- authz-widens: adds the policy notes_insert_authenticated of public.notes
    -- authz-widens: grants INSERT on public.notes to authenticated
    CREATE POLICY notes_insert_authenticated ON public.notes
        FOR INSERT TO authenticated
        WITH CHECK ((SELECT auth.user_id()) = user_id);
    GRANT INSERT ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn grant_lost() {
    insta::assert_snapshot!(plan(&cases::grant_lost()), @r"
    -- authz-narrows: drops the policy notes_insert_authenticated of public.notes
    -- authz-narrows: revokes INSERT on public.notes from authenticated
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    DROP POLICY notes_insert_authenticated ON public.notes;
    ");
}

#[test]
fn readonly_added() {
    insta::assert_snapshot!(plan(&cases::readonly_added()), @r"
    -- authz-narrows: revokes columns of UPDATE on public.notes from authenticated
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    GRANT UPDATE (id, user_id, title) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn readonly_removed() {
    insta::assert_snapshot!(plan(&cases::readonly_removed()), @r"
    -- authz-widens: grants UPDATE on public.notes to authenticated
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    GRANT UPDATE ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn readonly_moved() {
    insta::assert_snapshot!(plan(&cases::readonly_moved()), @r"
    -- authz-widens: grants UPDATE on public.notes to authenticated
    -- authz-narrows: revokes columns of UPDATE on public.notes from authenticated
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    GRANT UPDATE (id, user_id, author) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn server_added() {
    insta::assert_snapshot!(plan(&cases::server_added()), @r"
    -- authz-narrows: revokes columns of INSERT on public.notes from authenticated
    -- authz-narrows: revokes columns of UPDATE on public.notes from authenticated
    REVOKE INSERT ON TABLE public.notes FROM authenticated;
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    GRANT INSERT (id, user_id) ON TABLE public.notes TO authenticated;
    GRANT UPDATE (id, user_id) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn column_added_beside_a_readonly_one() {
    insta::assert_snapshot!(plan(&cases::column_added_beside_a_readonly_one()), @r"
    ALTER TABLE public.notes ADD COLUMN title text;
    GRANT UPDATE (id, user_id, title) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn column_dropped_beside_a_readonly_one() {
    insta::assert_snapshot!(plan(&cases::column_dropped_beside_a_readonly_one()), @r"
    -- data-loss: drops the column public.notes.title
    ALTER TABLE public.notes DROP COLUMN title;
    GRANT UPDATE (id, user_id) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn readonly_column_added() {
    insta::assert_snapshot!(plan(&cases::readonly_column_added()), @r"
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    ALTER TABLE public.notes ADD COLUMN author text;
    GRANT UPDATE (id, user_id) ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn readonly_column_dropped() {
    insta::assert_snapshot!(plan(&cases::readonly_column_dropped()), @r"
    -- data-loss: drops the column public.notes.author
    REVOKE UPDATE ON TABLE public.notes FROM authenticated;
    ALTER TABLE public.notes DROP COLUMN author;
    GRANT UPDATE ON TABLE public.notes TO authenticated;
    ");
}

#[test]
fn table_added() {
    insta::assert_snapshot!(plan(&cases::table_added()), @r"
    CREATE TABLE public.teams (
        id bigint NOT NULL,
        name text NOT NULL,
        CONSTRAINT teams_pkey PRIMARY KEY (id)
    );
    ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.teams FORCE ROW LEVEL SECURITY;
    CREATE POLICY teams_select_authenticated ON public.teams
        FOR SELECT TO authenticated
        USING (true);
    GRANT SELECT ON TABLE public.teams TO authenticated;
    ");
}

#[test]
fn table_dropped() {
    insta::assert_snapshot!(plan(&cases::table_dropped()), @r"
    -- data-loss: drops the table public.teams with all its rows
    DROP TABLE public.teams;
    ");
}

#[test]
fn two_tables_dropped_that_refer_to_each_other() {
    insta::assert_snapshot!(plan(&cases::two_tables_dropped_that_refer_to_each_other()), @"
    -- data-loss: drops the table public.heads with all its rows
    -- data-loss: drops the table public.tails with all its rows
    DROP POLICY heads_select_authenticated ON public.heads;
    ALTER TABLE public.heads DROP CONSTRAINT heads_tail_id_fkey;
    ALTER TABLE public.tails DROP CONSTRAINT tails_head_id_fkey;
    DROP TABLE public.heads;
    DROP TABLE public.tails;
    ");
}

#[test]
fn two_tables_added_that_refer_to_each_other() {
    insta::assert_snapshot!(plan(&cases::two_tables_added_that_refer_to_each_other()), @"
    CREATE TABLE public.members (
        id bigint NOT NULL,
        user_id text NOT NULL,
        team_id bigint NOT NULL,
        CONSTRAINT members_pkey PRIMARY KEY (id)
    );
    ALTER TABLE public.members ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.members FORCE ROW LEVEL SECURITY;
    CREATE INDEX members_team_id_idx ON public.members (team_id);
    CREATE INDEX members_user_id_idx ON public.members (user_id);
    CREATE TABLE public.teams (
        id bigint NOT NULL,
        head bigint,
        CONSTRAINT teams_pkey PRIMARY KEY (id)
    );
    ALTER TABLE public.teams ENABLE ROW LEVEL SECURITY;
    ALTER TABLE public.teams FORCE ROW LEVEL SECURITY;
    CREATE INDEX teams_head_idx ON public.teams (head);
    ALTER TABLE public.members ADD CONSTRAINT members_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id);
    ALTER TABLE public.teams ADD CONSTRAINT teams_head_fkey FOREIGN KEY (head) REFERENCES public.members (id);
    CREATE POLICY members_select_authenticated ON public.members
        FOR SELECT TO authenticated
        USING (user_id = (SELECT auth.user_id()));
    CREATE POLICY teams_select_authenticated ON public.teams
        FOR SELECT TO authenticated
        USING (id in (select team_id from members where user_id = (SELECT auth.user_id())));
    GRANT SELECT ON TABLE public.members TO authenticated;
    GRANT SELECT ON TABLE public.teams TO authenticated;
    ");
}

#[test]
fn all_tables_dropped() {
    insta::assert_snapshot!(plan(&cases::all_tables_dropped()), @r"
    -- data-loss: drops the table public.notes with all its rows
    DROP TABLE public.notes;
    DROP FUNCTION auth.organization_id(), auth.organization(), auth.uid(), auth.user_id(), auth.jwt(), auth.session();
    DROP SCHEMA auth;
    REVOKE USAGE ON SCHEMA public FROM authenticated;
    ");
}

#[test]
fn table_comment_changed() {
    insta::assert_snapshot!(plan(&cases::table_comment_changed()), @r"
    COMMENT ON TABLE public.notes IS E'What a user wrote, and it''s
    private.';
    ");
}

#[test]
fn comments_removed() {
    insta::assert_snapshot!(plan(&cases::comments_removed()), @r"
    COMMENT ON COLUMN public.notes.title IS NULL;
    COMMENT ON TABLE public.notes IS NULL;
    ");
}

#[test]
fn table_added_in_another_namespace() {
    insta::assert_snapshot!(plan(&cases::table_added_in_another_namespace()), @r"
    CREATE SCHEMA app;
    CREATE TABLE app.plans (
        id bigint NOT NULL,
        CONSTRAINT plans_pkey PRIMARY KEY (id)
    );
    ALTER TABLE app.plans ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.plans FORCE ROW LEVEL SECURITY;
    CREATE POLICY plans_select_anonymous ON app.plans
        FOR SELECT TO anonymous
        USING (true);
    GRANT USAGE ON SCHEMA app TO anonymous;
    GRANT SELECT ON TABLE app.plans TO anonymous;
    ");
}

#[test]
fn last_table_of_a_namespace_dropped() {
    insta::assert_snapshot!(plan(&cases::last_table_of_a_namespace_dropped()), @r"
    -- data-loss: drops the table app.plans with all its rows
    DROP TABLE app.plans;
    REVOKE USAGE ON SCHEMA app FROM anonymous;
    DROP SCHEMA app;
    ");
}

#[test]
fn names_that_need_quotes() {
    insta::assert_snapshot!(plan(&cases::names_that_need_quotes()), @r#"
    -- authz-widens: may widen: nothing shows that the policy "it's ""own""" of "My ""App"""."User Data" admits no more than before
    -- authz-changed: changes the policy "it's ""own""" of "My ""App"""."User Data": `SELECT USING ("Größe" = 1)` becomes `SELECT USING ("Größe" = 2)`
    -- fails-on-rows: adds the constraint "User Data_a""b_key" to "My ""App"""."User Data"
    -- table-rewrite: changes the type of "My ""App"""."User Data"."Größe" to bigint
    -- breaks-old-code: changes the type of "My ""App"""."User Data"."Größe"; programs that run meanwhile know the old type
    DROP POLICY "it's ""own""" ON "My ""App"""."User Data";
    ALTER TABLE "My ""App"""."User Data" ALTER COLUMN "Größe" TYPE bigint USING "Größe"::bigint;
    ALTER TABLE "My ""App"""."User Data" ADD COLUMN type text;
    ALTER TABLE "My ""App"""."User Data" ADD COLUMN "a""b" integer;
    CREATE POLICY "it's ""own""" ON "My ""App"""."User Data"
        FOR SELECT TO "authz test Team-Lead"
        USING ("Größe" = 2);
    COMMENT ON COLUMN "My ""App"""."User Data".type IS E'It''s \\ odd.';
    -- index_User_Data_select_type_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS "User Data_select_type_idx" ON "My ""App"""."User Data" ("select", type DESC);
    -- index_User_Data_a_b_key
    -- no-transaction
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "User Data_a""b_key" ON "My ""App"""."User Data" ("a""b");
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'"My ""App"""."User Data_select_type_idx"'::regclass, E'"My ""App"""."User Data_a""b_key"'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE "My ""App"""."User Data" ADD CONSTRAINT "User Data_a""b_key" UNIQUE USING INDEX "User Data_a""b_key";
    "#);
}

#[test]
fn texts_with_quotes_and_comments() {
    insta::assert_snapshot!(plan(&cases::texts_with_quotes_and_comments()), @r"
    -- authz-widens: adds the policy notes_select_authenticated_2 of public.notes
    -- fails-on-rows: adds the constraint notes_title_check to public.notes
    ALTER TABLE public.notes ALTER COLUMN title SET DEFAULT ('a;' -- semicolon
    );
    ALTER TABLE public.notes ADD CONSTRAINT notes_title_check CHECK (title <> E'\\' -- or so
    ) NOT VALID;
    CREATE POLICY notes_select_authenticated_2 ON public.notes
        FOR SELECT TO authenticated
        USING (title = 'it''s -- fine' -- why
    or title = $q$a\'b$q$ /* ; */ -- end
    );
    -- index_notes_title_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_title_idx ON public.notes (title);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_title_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_title_check;
    ");
}

#[test]
fn unique_added_for_a_foreign_key() {
    insta::assert_snapshot!(plan(&cases::unique_added_for_a_foreign_key()), @"
    -- fails-on-rows: adds the constraint a_teams_slug_key to public.a_teams
    -- fails-on-rows: adds the constraint notes_team_fkey to public.notes
    -- blocks-writes: reads all rows of public.a_teams for the constraint a_teams_slug_key
    ALTER TABLE public.a_teams ADD CONSTRAINT a_teams_slug_key UNIQUE (slug);
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_fkey FOREIGN KEY (team) REFERENCES public.a_teams (slug) NOT VALID;
    -- index_notes_team_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_team_idx ON public.notes (team);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_team_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    REVOKE SELECT ON TABLE public.notes FROM CURRENT_USER;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_fkey;
    GRANT SELECT ON TABLE public.notes TO CURRENT_USER;
    ");
}

#[test]
fn primary_key_changed_with_its_columns() {
    insta::assert_snapshot!(plan(&cases::primary_key_changed_with_its_columns()), @"
    -- fails-on-rows: adds the constraint members_pkey to public.members
    -- fails-on-rows: sets public.members.seat NOT NULL
    -- breaks-old-code: leaves public.members.seat to each INSERT; programs that run meanwhile may give it no value
    -- breaks-old-code: lets public.members.user_id be NULL; programs that run meanwhile may not expect it
    -- blocks-writes: reads all rows of public.members for the NOT NULL of seat
    -- blocks-writes: reads all rows of public.members for the constraint members_pkey
    ALTER TABLE public.members DROP CONSTRAINT members_pkey;
    ALTER TABLE public.members ALTER COLUMN user_id DROP NOT NULL;
    ALTER TABLE public.members ALTER COLUMN seat SET NOT NULL;
    ALTER TABLE public.members ADD CONSTRAINT members_pkey PRIMARY KEY (team_id, seat);
    ");
}

#[test]
fn primary_key_and_not_null_added() {
    insta::assert_snapshot!(plan(&cases::primary_key_and_not_null_added()), @"
    -- fails-on-rows: adds the constraint members_pkey to public.members
    -- fails-on-rows: sets public.members.seat NOT NULL
    -- breaks-old-code: leaves public.members.seat to each INSERT; programs that run meanwhile may give it no value
    ALTER TABLE public.members ADD CONSTRAINT members_seat_not_null_check CHECK (seat IS NOT NULL) NOT VALID;
    -- index_members_pkey
    -- no-transaction
    CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS members_pkey ON public.members (seat);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.members_pkey'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    ALTER TABLE public.members VALIDATE CONSTRAINT members_seat_not_null_check;
    ALTER TABLE public.members ALTER COLUMN seat SET NOT NULL;
    ALTER TABLE public.members DROP CONSTRAINT members_seat_not_null_check;
    ALTER TABLE public.members ADD CONSTRAINT members_pkey PRIMARY KEY USING INDEX members_pkey;
    ");
}

#[test]
fn foreign_keys_added_in_a_circle() {
    insta::assert_snapshot!(plan(&cases::foreign_keys_added_in_a_circle()), @"
    -- fails-on-rows: adds the constraint notes_team_id_fkey to public.notes
    -- fails-on-rows: adds the constraint teams_head_fkey to public.teams
    ALTER TABLE public.notes ADD CONSTRAINT notes_team_id_fkey FOREIGN KEY (team_id) REFERENCES public.teams (id) NOT VALID;
    ALTER TABLE public.teams ADD CONSTRAINT teams_head_fkey FOREIGN KEY (head) REFERENCES public.notes (id) NOT VALID;
    -- index_notes_team_id_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_team_id_idx ON public.notes (team_id);
    -- index_teams_head_idx
    -- no-transaction
    CREATE INDEX CONCURRENTLY IF NOT EXISTS teams_head_idx ON public.teams (head);
    -- validate
    DO $do$ DECLARE broken text;
    BEGIN
        SELECT pg_catalog.string_agg(indexrelid::regclass::text, ', ') INTO broken FROM pg_catalog.pg_index
            WHERE NOT indisvalid AND indexrelid IN (E'public.notes_team_id_idx'::regclass, E'public.teams_head_idx'::regclass);
        IF broken IS NOT NULL THEN
            RAISE EXCEPTION 'not valid, because building it failed: the index %', broken
                USING HINT = 'Remove the cause, such as rows that a unique index refuses, then REINDEX INDEX CONCURRENTLY, and migrate again.';
        END IF;
    END $do$;
    REVOKE SELECT ON TABLE public.notes FROM CURRENT_USER;
    ALTER TABLE public.notes VALIDATE CONSTRAINT notes_team_id_fkey;
    GRANT SELECT ON TABLE public.notes TO CURRENT_USER;
    REVOKE SELECT ON TABLE public.teams FROM CURRENT_USER;
    ALTER TABLE public.teams VALIDATE CONSTRAINT teams_head_fkey;
    GRANT SELECT ON TABLE public.teams TO CURRENT_USER;
    ");
}

#[test]
fn a_value_that_an_enum_gains_comes_before_what_uses_it() {
    let name = |name: &str| Ident::new(name).unwrap();
    let mood = |values: &[&str], default: &str| {
        let mut schema = schema(cases::default_changed().old);
        let mood = EnumType {
            name: TypeName {
                namespace: name("public"),
                name: name("mood"),
            },
            values: values.iter().map(ToString::to_string).collect(),
            comment: None,
        };
        let columns = schema.tables.values_mut().flat_map(|table| &mut table.columns);
        for column in columns.filter(|column| column.name == name("title")) {
            column.column_type = mood.name.to_string();
            column.default = Some(authz_sql::expression::Expression::unchecked(default));
        }
        schema.enums.insert(mood.name.clone(), mood);
        schema
    };
    insta::assert_snapshot!(text(&mood(&["sad"], "'sad'"), &mood(&["sad", "glad"], "'glad'")), @r"
    -- enum_values
    ALTER TYPE public.mood ADD VALUE E'glad' AFTER E'sad';
    ALTER TABLE public.notes ALTER COLUMN title SET DEFAULT 'glad';
    ");
}

#[test]
fn column_added_beside_an_identity() {
    insta::assert_snapshot!(plan(&language::column_added_beside_an_identity()), @"
    ALTER TABLE public.orders ADD COLUMN note text;
    GRANT INSERT (id, user_id, note) ON TABLE public.orders TO authenticated;
    GRANT UPDATE (id, user_id, note) ON TABLE public.orders TO authenticated;
    ");
}

#[test]
fn reference_without_its_index() {
    insta::assert_snapshot!(plan(&language::reference_without_its_index()), @"
    -- no-transaction
    DROP INDEX CONCURRENTLY IF EXISTS public.orders_before_idx;
    ");
}
