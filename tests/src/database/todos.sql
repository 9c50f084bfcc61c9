-- As the first migration does it.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
CREATE TABLE todos (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id text NOT NULL,
    task text NOT NULL UNIQUE DEFERRABLE INITIALLY IMMEDIATE
);
ALTER TABLE todos ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON todos TO $name_user, $name_editor
    USING ((SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') = user_id);
GRANT SELECT, INSERT, UPDATE, DELETE ON todos TO $name_user, $name_editor;
GRANT SELECT ON todos TO $name_anonymous;
INSERT INTO todos (user_id, task) VALUES ('alice', 'a'), ('bob', 'b');
