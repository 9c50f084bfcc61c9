-- $name is the name of the database.
CREATE ROLE $name_login LOGIN NOINHERIT PASSWORD 'not secret';
CREATE ROLE $name_user NOLOGIN;
CREATE ROLE $name_editor NOLOGIN;
CREATE ROLE $name_anonymous NOLOGIN;
GRANT $name_user, $name_anonymous TO $name_login;
