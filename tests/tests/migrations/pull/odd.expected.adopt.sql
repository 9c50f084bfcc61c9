-- Run this once on the database that was pulled. It makes it what the models say, and tells sqlx that the
-- first migration is done there.

BEGIN;

SET LOCAL lock_timeout = '5s';

ALTER TABLE public.a_name_of_sixty_three_bytes_which_is_all_that_postgresql_keeps_ RENAME CONSTRAINT a_name_of_sixty_three_bytes__a_column_of_sixty_three_byte_check TO a_name_of_sixty_three_bytes_which_is_all_that_postgres_5e51ce60;

ALTER TABLE public.a_name_of_sixty_three_bytes_which_is_all_that_postgresql_keeps_ RENAME CONSTRAINT a_name_of_sixty_three_bytes_w_a_column_of_sixty_three_byte_fkey TO a_name_of_sixty_three_bytes_which_is_all_that_postgres_d67946cb;

ALTER TABLE public.bookings RENAME CONSTRAINT "An odd name" TO bookings_check;

ALTER TABLE public.bookings RENAME CONSTRAINT one_ref TO bookings_ref_key;

ALTER TABLE public.bookings RENAME CONSTRAINT with_room TO bookings_code_key;

REVOKE GRANT OPTION FOR ALL ON TABLE public.bookings FROM authenticated;

DROP POLICY "no using" ON public.bookings;

ALTER SEQUENCE public.off_numbers RENAME TO off_id_seq;

ALTER TABLE public.parts FORCE ROW LEVEL SECURITY;

REVOKE SELECT ON TABLE public.off FROM authenticated;

CREATE INDEX bookings_room_idx ON public.bookings (room);

CREATE POLICY strings_delete_authenticated ON "other place".strings AS RESTRICTIVE
    FOR DELETE TO authenticated
    USING (false);

CREATE POLICY strings_insert_authenticated ON "other place".strings AS RESTRICTIVE
    FOR INSERT TO authenticated
    WITH CHECK (false);

CREATE POLICY strings_select_authenticated ON "other place".strings AS RESTRICTIVE
    FOR SELECT TO authenticated
    USING (false);

CREATE POLICY strings_update_authenticated ON "other place".strings AS RESTRICTIVE
    FOR UPDATE TO authenticated
    USING (false)
    WITH CHECK (false);

CREATE POLICY bookings_delete_authenticated ON public.bookings
    FOR DELETE TO authenticated
    USING (false);

CREATE POLICY bookings_insert_authenticated ON public.bookings
    FOR INSERT TO authenticated
    WITH CHECK (room = 7);

CREATE POLICY bookings_select_authenticated ON public.bookings
    FOR SELECT TO authenticated
    USING (false);

CREATE POLICY bookings_update_authenticated ON public.bookings
    FOR UPDATE TO authenticated
    USING (false)
    WITH CHECK (room = 7);

ALTER POLICY "for everybody" ON public.bookings
    TO authenticated, authz_test_reader
    USING (room = 8);

GRANT UPDATE (room) ON TABLE public.bookings TO authenticated;

GRANT DELETE ON TABLE public.bookings TO authenticated;

GRANT SELECT ON TABLE public.bookings TO authz_test_reader;

COMMENT ON COLUMN public.bookings.room IS E'leading and trailing
and a second line';

CREATE TABLE IF NOT EXISTS _sqlx_migrations (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(),
    success BOOLEAN NOT NULL,
    checksum BYTEA NOT NULL,
    execution_time BIGINT NOT NULL
);
