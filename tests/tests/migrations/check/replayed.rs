//! Who replays, with which settings, and on what.

use authz_cli::command::{CommandError, Outcome};

use super::{assert_fine, find};
use crate::database::{Database, block_on, execute};
use crate::package::{Package, TODOS, edit};

#[test]
fn migrations_run_as_an_ordinary_owner_and_a_hand_written_one_that_needs_more_is_named() {
    let package = Package::new(TODOS);
    let up = package.generate("create", &[]);
    package.write(
        "29990101000000_who.sql",
        "DO $$ BEGIN IF (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) THEN RAISE 'too strong'; END IF; \
         END $$; CREATE ROLE helper; \
         DO $$ BEGIN IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') THEN CREATE EXTENSION citext; END IF; END $$;",
    );
    assert_fine(&package);
    package.write(
        "29990101000001_strong.sql",
        "ALTER SYSTEM RESET work_mem;"
            .replace(
                "ALTER SYSTEM RESET work_mem;",
                "CREATE ROLE watcher SUPERUSER; CREATE TABLE seen (id int);",
            )
            .as_str(),
    );
    // What comes behind it has an ordinary owner again, who owns what was made.
    package.write("29990101000002_after.sql", "ALTER TABLE seen ADD at date;");
    package.write(
        "29990101000003_who.sql",
        "DO $$ BEGIN IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN RAISE 'too strong'; END IF; END $$",
    );
    let ran = package.run(&["check"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert!(
        ran.err.contains("29990101000001_strong.sql` ran as a superuser")
            // Until PostgreSQL 15, and from 16 on.
            && (ran.err.contains("must be superuser") || ran.err.contains("permission denied to create role")),
        "{}",
        ran.whole()
    );
    // A file of ours needs none.
    edit(
        &up,
        "SET LOCAL lock_timeout = '5s';",
        "SET LOCAL lock_timeout = '5s'; CREATE ROLE stronger SUPERUSER;",
    );
    let ran = package.run(&["check"]);
    assert!(
        matches!(ran.result, Err(CommandError::Replay(_))),
        "{}",
        ran.whole()
    );
}

#[test]
fn the_replay_reads_sqlx_toml() {
    let package = Package::new(TODOS);
    package.file(
        "sqlx.toml",
        "[migrate]\ncreate-schemas = [\"app\"]\ntable-name = \"app.migrations\"\nmigrations-dir = \"db\"\n",
    );
    package.file(
        "db/0001_app.sql",
        "CREATE TABLE app.things (id int); INSERT INTO app.things SELECT count(*) FROM app.migrations;",
    );
    let ran = package.run(&["generate", "create"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    assert_fine(&package);
    package.file("sqlx.toml", "[migrate]\nmigrations-dir = \"db\"\n");
    let ran = package.run(&["check"]);
    assert!(
        matches!(ran.result, Err(CommandError::Replay(_))),
        "{}",
        ran.whole()
    );
}

#[test]
fn drift_reads_the_url_that_sqlx_would() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let run = || std::thread::scope(|scope| scope.spawn(|| package.run(&["drift"])).join().unwrap());
        package.file("sqlx.toml", "[common]\ndatabase-url-var = \"TODOS_URL\"\n");
        package.file(
            ".env",
            &format!("# the database\nOTHER='x y'\nexport TODOS_URL={}\n", database.url),
        );
        let ran = run();
        assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
        package.file(".env", "OTHER=x\n");
        let ran = run();
        assert!(
            matches!(&ran.result, Err(CommandError::Drift(error)) if error.to_string().contains("`.env`")),
            "{}",
            ran.whole()
        );
    });
}

#[test]
fn a_platform_brings_what_it_has() {
    let paper = |user: &str, ty: &str| {
        format!(
            "#[derive(authz::Table)]\n#[rls(owner = \"{user}\")]\nstruct Paper {{ #[column(primary_key)] id: i64, {user}: {ty} }}\n"
        )
    };
    let package = Package::new(&format!(
        "{}\n#[derive(authz::Table)]\n#[table(existing, schema = \"storage\", name = \"objects\")]\n\
         #[rls(select = \"bucket_id = 'avatars'\", to = \"anon\")]\nstruct Object {{ bucket_id: String, owner_id: Option<String> }}\n",
        paper("owner", "uuid::Uuid")
    ));
    package.configure("platform = \"supabase\"\n");
    package.write(
        "0001_sign_up.sql",
        "CREATE FUNCTION sign_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;\n\
         CREATE TRIGGER sign_up AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION sign_up();\n\
         CREATE TABLE profiles (id uuid REFERENCES auth.users);",
    );
    package.generate("create", &["authz-widens"]);
    assert_fine(&package);
    let package = Package::new(&paper("user_id", "String"));
    package.configure("platform = \"neon\"\n");
    package.generate("create", &[]);
    assert_fine(&package);
}

#[test]
fn a_role_of_somebody_else_is_there() {
    let package = Package::new(&TODOS.replacen(
        "#[rls(",
        "#[rls(select = \"is_complete\", to = \"given\")]\n#[rls(",
        1,
    ));
    package.configure("[roles.given]\nexisting = true\n");
    package.write(
        "0001_given.sql",
        "CREATE TABLE audit (line text); GRANT SELECT ON audit TO given;",
    );
    package.generate("create", &[]);
    assert_fine(&package);
    // A hand-written migration may make it as well.
    package.write("0001_given.sql", "CREATE ROLE given;");
    assert_fine(&package);
}

#[test]
fn views_and_functions_with_their_owners_rights_are_named() {
    let package = Package::new(TODOS);
    package.generate("create", &[]);
    let views = "CREATE VIEW everyones AS SELECT * FROM todos; ALTER TABLE todos NO FORCE ROW LEVEL SECURITY; \
                 CREATE MATERIALIZED VIEW numbers AS SELECT count(*) FROM todos; ALTER TABLE todos FORCE ROW LEVEL SECURITY; \
                 CREATE FUNCTION how_many() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$ SELECT count(*) FROM \
                 public.todos $$; CREATE VIEW harmless AS SELECT 1;";
    package.write("29990101000000_views.sql", views);
    let ran = package.run(&["check"]);
    assert!(matches!(ran.result, Ok(Outcome::Fine)), "{}", ran.whole());
    for expected in [
        "warning: view public.everyones: it reads public.todos with the rights of its owner, whom row security binds: it sees no row",
        "`WITH (security_invoker = true)`",
        "warning: materialized view public.numbers: ",
        "warning: function public.how_many(): ",
    ] {
        assert!(ran.err.contains(expected), "{expected}: {}", ran.whole());
    }
    assert!(!ran.err.contains("harmless"), "{}", ran.whole());
    block_on(async {
        let mut database = Database::new().await;
        database.migrate(&package).await;
        let assert_drift_warns = |expected: &str| {
            let arguments = ["drift", "--database-url", &database.url];
            let ran = std::thread::scope(|scope| scope.spawn(|| package.run(&arguments)).join().unwrap());
            let expected = format!(
                "warning: view public.everyones: it reads public.todos with the rights of {expected}"
            );
            assert!(ran.err.contains(&expected), "{expected}: {}", ran.whole());
        };
        assert_drift_warns("own, whom row security binds: it sees no row");
        execute(&mut database.connection, "ALTER VIEW everyones OWNER TO postgres")
            .await
            .unwrap();
        assert_drift_warns("postgres, whom row security does not bind: whoever may use it sees every row");
    });
    package.write(
        "29990101000000_views.sql",
        "CREATE FUNCTION how_many() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM public.todos $$;",
    );
    let ran = package.run(&["check"]);
    assert!(!ran.err.contains("warning"), "{}", ran.whole());
    // A trigger on a table of ours is nobody's finding, and still the table's other objects are.
    package.write("29990101000000_views.sql", "DROP INDEX todos_user_id_idx;");
    assert!(find(&package).out.starts_with("index todos_user_id_idx"));
}
