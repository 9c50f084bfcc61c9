-- What PostgreSQL has and no attribute says, and names that Rust does not take.
CREATE DOMAIN public.email AS text CHECK (VALUE ~ '@');
CREATE TYPE public.pair AS (a int, b int);
CREATE TYPE public."Loud" AS ENUM ('A', 'B');
CREATE TYPE public.float_range AS RANGE (subtype = float8);
CREATE SEQUENCE public.counter;
CREATE FUNCTION public.twice(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i * 2';
DO $do$ BEGIN
    CREATE ROLE authz_test_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;
DO $do$ BEGIN
    CREATE ROLE authenticated NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $do$;

-- ── what a user makes ──

CREATE SCHEMA "other place";

CREATE TABLE public.parts (id int, at date NOT NULL, note text) PARTITION BY RANGE (at);
CREATE TABLE public.parts_2024 PARTITION OF public.parts FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
ALTER TABLE public.parts ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON public.parts FOR SELECT TO authz_test_reader USING (id > 0);
GRANT SELECT ON public.parts TO authz_test_reader;
CREATE TABLE public.parent (id int PRIMARY KEY);
CREATE TABLE public.child (extra text) INHERITS (public.parent);
CREATE UNLOGGED TABLE public.scratch (id int GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY) WITH (fillfactor = 70);
CREATE TABLE public.empty ();

CREATE TABLE public.bookings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    room int NOT NULL,
    during tstzrange NOT NULL,
    ref text COLLATE "C",
    mail public.email,
    mails public.email[],
    pair public.pair,
    loud public."Loud" DEFAULT 'A',
    grid int[][],
    number int NOT NULL DEFAULT nextval('public.counter'),
    twice int GENERATED ALWAYS AS (public.twice(room)) STORED,
    code varchar(3) NOT NULL DEFAULT 'abc',
    xml xml,
    parent int REFERENCES public.parent DEFERRABLE INITIALLY DEFERRED,
    EXCLUDE USING gist (during WITH &&),
    CONSTRAINT "An odd name" CHECK (room > 0) NOT VALID,
    CONSTRAINT one_ref UNIQUE (ref) DEFERRABLE,
    CONSTRAINT with_room UNIQUE (code) INCLUDE (room)
);
COMMENT ON COLUMN public.bookings.room IS E'  leading and trailing  \nand a second line ';
COMMENT ON CONSTRAINT one_ref ON public.bookings IS 'a comment';
CREATE INDEX ON public.bookings (ref COLLATE "C" DESC);
CREATE INDEX by_lower ON public.bookings (lower(code) text_pattern_ops DESC NULLS LAST, room) WHERE room IN (1, 2);
CREATE INDEX ON public.bookings USING brin (during range_inclusion_ops) WITH (pages_per_range = 4);
CREATE STATISTICS public.both ON room, code FROM public.bookings;
ALTER TABLE public.bookings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "the whole row" ON public.bookings FOR SELECT TO authenticated, authz_test_reader USING (bookings IS NOT NULL);
CREATE POLICY "counts" ON public.bookings FOR SELECT TO authenticated USING (room <= (SELECT count(*) FROM public.parent p WHERE p.id <> bookings.room));
CREATE POLICY "no using" ON public.bookings FOR ALL TO authenticated WITH CHECK (room = 7);
CREATE POLICY "for everybody" ON public.bookings FOR SELECT USING (room = 8);
COMMENT ON POLICY counts ON public.bookings IS 'a comment';
GRANT SELECT (id, room), INSERT (room) ON public.bookings TO authenticated WITH GRANT OPTION;
GRANT ALL ON public.bookings TO PUBLIC;
CREATE RULE quiet AS ON DELETE TO public.bookings DO INSTEAD NOTHING;
CREATE TRIGGER still BEFORE UPDATE ON public.bookings FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE MATERIALIZED VIEW public.rooms AS SELECT DISTINCT room FROM public.bookings;

CREATE TABLE "other place"."Table with ""quotes""" (
    "self" int PRIMARY KEY,
    "type" text,
    "a-b" text,
    "a_b" text,
    "Ünïcode" text,
    "1st" int,
    "?" int,
    "fn" int UNIQUE,
    UNIQUE ("a-b", "1st")
);
CREATE INDEX ON "other place"."Table with ""quotes""" ("a-b");
ALTER TABLE "other place"."Table with ""quotes""" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY "a ""quoted"" policy" ON "other place"."Table with ""quotes""" FOR SELECT TO authenticated USING ("a-b" = E'it''s "so" \\ here' AND "Ünïcode" IS NULL);
GRANT SELECT ON "other place"."Table with ""quotes""" TO authenticated;
CREATE TABLE "other place".bookings (id int PRIMARY KEY, bookings int);
CREATE TABLE "other place".strings (string text);
ALTER TABLE "other place".strings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON "other place".strings USING (string = 'a');
CREATE TABLE public.a_name_of_sixty_three_bytes_which_is_all_that_postgresql_keeps_x (
    a_column_of_sixty_three_bytes_which_is_all_that_postgresql_keep int REFERENCES public.parent,
    CHECK (a_column_of_sixty_three_bytes_which_is_all_that_postgresql_keep > 0)
);
CREATE TABLE public.off (id serial PRIMARY KEY);
ALTER SEQUENCE public.off_id_seq RENAME TO off_numbers;
CREATE POLICY unused ON public.off FOR SELECT TO authenticated USING (id = 1);
GRANT SELECT ON public.off TO authenticated;
