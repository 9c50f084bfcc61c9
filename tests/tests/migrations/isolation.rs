//! The three schemas end to end: struct → migration → verified token → what PostgreSQL shows to whom.

#[path = "../../schemas/notes.rs"]
mod notes;
#[path = "../../schemas/organisations.rs"]
mod organisations;
#[path = "../../schemas/tenancy.rs"]
mod tenancy;
#[path = "../../schemas/todos.rs"]
mod todos;

use authz::{Authz, Issuer, Table, Transaction};
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;

use self::notes::{Note, Paragraph};
use self::organisations::{Project, Session};
use self::tenancy::{Tenant, User};
use self::todos::Todo;
use crate::database::{Database, block_on, server, unless_there};
use crate::package::{NOTES, ORGANISATIONS, Package, TENANCY, TODOS};

/// A database made by the migrations of a schema, with rows in it, and the application that serves it.
pub(crate) struct World {
    pub(crate) authz: Authz,
    pub(crate) key: SigningKey,
    pub(crate) database: Database,
}

impl World {
    pub(crate) async fn new(source: &str, rows: &str) -> Self {
        let package = Package::new(source);
        package.generate("create", &[]);
        let mut database = Database::new().await;
        database.migrate(&package).await;
        // The superuser, whom row security does not bind, writes rows for everybody.
        database.execute(rows).await;
        let name: String = sqlx::query_scalar("SELECT current_database()::text")
            .fetch_one(&mut database.connection)
            .await
            .unwrap();
        let login = format!("{name}_login");
        database
            .execute(&unless_there(&format!(
                "CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'x'; GRANT authenticated, anonymous TO {login}"
            )))
            .await;
        let options: PgConnectOptions = server().url(&name).parse().unwrap();
        let key = SigningKey::es256("k");
        let authz = Authz::builder()
            .issuer(Issuer::new(ISSUER).audience(AUDIENCE).jwks_json(&key.jwks()))
            .max_connections(1)
            .connect_with(options.username(&login).password("x"))
            .await
            .unwrap();
        Self { authz, key, database }
    }

    pub(crate) async fn as_user(&self, sub: &str) -> Transaction {
        self.with(&claims(sub)).await
    }

    pub(crate) async fn with(&self, claims: &Value) -> Transaction {
        self.authz.begin(&self.key.sign(claims)).await.unwrap()
    }

    async fn count(&mut self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.database.connection)
            .await
            .unwrap()
    }
}

/// All rows that the transaction sees, by key.
async fn all<T>(tx: &mut Transaction) -> Vec<T>
where
    T: Table + Send + Unpin + for<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow>,
{
    let sql = AssertSqlSafe(format!("SELECT * FROM {} ORDER BY id", T::SQL_NAME));
    sqlx::query_as(sql).fetch_all(tx).await.unwrap()
}

async fn affected(tx: &mut Transaction, sql: &'static str) -> u64 {
    sqlx::query(sql).execute(tx).await.unwrap().rows_affected()
}

/// The SQLSTATE of a statement that must fail. The transaction goes on after it.
async fn refused(tx: &mut Transaction, sql: &'static str) -> String {
    let mut attempt = tx.savepoint().await.unwrap();
    let error = sqlx::query(sql).execute(&mut attempt).await.unwrap_err();
    attempt.rollback().await.unwrap();
    error.as_database_error().unwrap().code().unwrap().into_owned()
}

#[test]
fn a_user_sees_and_changes_only_their_own_todos() {
    block_on(async {
        let rows = "INSERT INTO todos (user_id, task) VALUES ('alice', 'a1'), ('alice', 'a2'), ('bob', 'b1')";
        let mut world = World::new(TODOS, rows).await;

        let mut bob = world.as_user("bob").await;
        let seen: Vec<Todo> = all(&mut bob).await;
        assert_eq!(
            seen.iter()
                .map(|todo| (todo.id, todo.user_id.as_str()))
                .collect::<Vec<_>>(),
            [(3, "bob")]
        );
        assert_eq!(
            affected(&mut bob, "UPDATE todos SET task = 'x' WHERE user_id = 'alice'").await,
            0
        );
        assert_eq!(
            affected(&mut bob, "DELETE FROM todos WHERE user_id = 'alice'").await,
            0
        );
        // Without a WHERE they touch what bob sees, and nothing else.
        assert_eq!(
            affected(&mut bob, "UPDATE todos SET task = 'mine', is_complete = true").await,
            1
        );
        assert_eq!(
            refused(
                &mut bob,
                "INSERT INTO todos (user_id, task) VALUES ('alice', 'x')"
            )
            .await,
            "42501"
        );
        assert_eq!(
            refused(&mut bob, "UPDATE todos SET user_id = 'alice'").await,
            "42501"
        );
        assert_eq!(
            refused(&mut bob, "UPDATE todos SET inserted_at = now()").await,
            "42501"
        );
        assert_eq!(refused(&mut bob, "TRUNCATE todos").await, "42501");
        assert_eq!(
            refused(&mut bob, "INSERT INTO todos (task) VALUES ('')").await,
            "23514"
        );
        assert_eq!(
            affected(&mut bob, "INSERT INTO todos (task) VALUES ('b2')").await,
            1
        );
        let seen: Vec<Todo> = all(&mut bob).await;
        assert!(seen.iter().all(|todo| todo.user_id == "bob"), "{seen:?}");
        assert_eq!(
            seen.iter()
                .map(|todo| (todo.task.as_str(), todo.is_complete))
                .collect::<Vec<_>>(),
            [("mine", true), ("b2", false)]
        );
        assert!(seen.iter().all(|todo| todo.inserted_at.timestamp() > 0));
        bob.commit().await.unwrap();

        let mut alice = world.as_user("alice").await;
        let seen: Vec<Todo> = all(&mut alice).await;
        assert_eq!(
            seen.iter().map(|todo| todo.task.as_str()).collect::<Vec<_>>(),
            ["a1", "a2"]
        );
        alice.rollback().await.unwrap();

        let mut anonymous = world.authz.begin_anonymous().await.unwrap();
        assert_eq!(refused(&mut anonymous, "SELECT * FROM todos").await, "42501");
        anonymous.rollback().await.unwrap();
        assert_eq!(world.count("todos").await, 4);
    });
}

#[test]
fn a_token_with_a_tenant_and_a_user_sees_just_these_two() {
    block_on(async {
        let rows = "INSERT INTO tenants (name) VALUES ('A'), ('B');
                    INSERT INTO users (tenant_id, email) VALUES (1, 'one@a'), (2, 'two@b')";
        let mut world = World::new(TENANCY, rows).await;
        for (user, tenant, name, email) in [(1, 1, "A", "one@a"), (2, 2, "B", "two@b")] {
            let mut claims = claims(&user.to_string());
            claims["tenant_id"] = tenant.to_string().into();
            let mut tx = world.with(&claims).await;
            let tenants: Vec<Tenant> = all(&mut tx).await;
            assert_eq!(
                tenants
                    .iter()
                    .map(|row| (row.id, row.name.as_str()))
                    .collect::<Vec<_>>(),
                [(tenant, name)]
            );
            let users: Vec<User> = all(&mut tx).await;
            assert_eq!(
                users
                    .iter()
                    .map(|row| (row.id, row.tenant_id, row.email.as_str()))
                    .collect::<Vec<_>>(),
                [(user, tenant, email)]
            );
            assert_eq!(refused(&mut tx, "DELETE FROM users").await, "42501");
            tx.commit().await.unwrap();
        }
        // Without the claim there is no tenant, and nobody's number is `1 OR true`.
        let mut tx = world.as_user("1 OR true").await;
        assert!(all::<Tenant>(&mut tx).await.is_empty());
        assert!(all::<User>(&mut tx).await.is_empty());
        tx.commit().await.unwrap();
        assert_eq!((world.count("tenants").await, world.count("users").await), (2, 2));
    });
}

#[test]
fn shared_notes_are_read_by_all_and_changed_by_their_owner_alone() {
    block_on(async {
        let rows = "INSERT INTO notes (owner_id, title, shared)
                    VALUES ('alice', 'secret', false), ('alice', 'open', true), ('bob', 'own', false);
                    INSERT INTO paragraphs (note_id, body) VALUES (1, 'p1'), (2, 'p2'), (3, 'p3')";
        let mut world = World::new(NOTES, rows).await;

        let mut alice = world.as_user("alice").await;
        let notes: Vec<Note> = all(&mut alice).await;
        assert_eq!(
            notes.iter().map(|note| note.title.as_str()).collect::<Vec<_>>(),
            ["secret", "open"]
        );
        let paragraphs: Vec<Paragraph> = all(&mut alice).await;
        assert_eq!(
            paragraphs
                .iter()
                .map(|row| (row.id, row.note_id, row.body.as_str()))
                .collect::<Vec<_>>(),
            [(1, 1, "p1"), (2, 2, "p2")]
        );
        assert_eq!(
            affected(&mut alice, "UPDATE notes SET title = title || '!' WHERE id = 1").await,
            1
        );
        alice.commit().await.unwrap();

        let mut bob = world.as_user("bob").await;
        let notes: Vec<Note> = all(&mut bob).await;
        let seen: Vec<_> = notes
            .iter()
            .map(|note| (note.id, note.owner_id.as_str(), note.shared))
            .collect();
        assert_eq!(seen, [(2, "alice", true), (3, "bob", false)]);
        // The paragraphs of a shared note stay with its owner.
        let paragraphs: Vec<Paragraph> = all(&mut bob).await;
        assert_eq!(
            paragraphs.iter().map(|row| row.body.as_str()).collect::<Vec<_>>(),
            ["p3"]
        );
        assert_eq!(
            affected(&mut bob, "UPDATE notes SET title = 'x' WHERE owner_id = 'alice'").await,
            0
        );
        assert_eq!(
            affected(&mut bob, "DELETE FROM notes WHERE owner_id = 'alice'").await,
            0
        );
        assert_eq!(
            affected(&mut bob, "DELETE FROM paragraphs WHERE note_id <> 3").await,
            0
        );
        assert_eq!(
            refused(&mut bob, "INSERT INTO paragraphs (note_id, body) VALUES (2, 'x')").await,
            "42501"
        );
        assert_eq!(
            refused(&mut bob, "UPDATE paragraphs SET note_id = 2").await,
            "42501"
        );
        assert_eq!(
            affected(
                &mut bob,
                "INSERT INTO paragraphs (note_id, body) VALUES (3, 'p4')"
            )
            .await,
            1
        );
        bob.commit().await.unwrap();

        let mut carol = world.as_user("carol").await;
        let notes: Vec<Note> = all(&mut carol).await;
        assert_eq!(
            notes.iter().map(|note| note.title.as_str()).collect::<Vec<_>>(),
            ["open"]
        );
        assert!(all::<Paragraph>(&mut carol).await.is_empty());
        carol.commit().await.unwrap();
        assert_eq!(
            (world.count("notes").await, world.count("paragraphs").await),
            (3, 4)
        );
    });
}

#[test]
fn projects_are_those_of_the_organisation_that_the_token_names() {
    block_on(async {
        let [acme, other] = [
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "00000000-0000-0000-0000-000000000001",
        ];
        let rows = format!(
            "INSERT INTO projects (org_id, name, editors) VALUES ('{acme}', 'a1', 'editor'), ('{acme}', 'a2', 'admin'), ('{other}', 'o1', 'editor')"
        );
        let mut world = World::new(ORGANISATIONS, &rows).await;
        let with = |members: Value| {
            let mut claims = claims("alice");
            claims
                .as_object_mut()
                .unwrap()
                .extend(members.as_object().unwrap().clone());
            claims
        };
        let names = async |tx: &mut Transaction| -> Vec<String> {
            let projects: Vec<Project> = all(tx).await;
            assert!(projects.iter().all(|project| project.org_id.to_string() == acme));
            assert!(
                projects
                    .iter()
                    .all(|project| project.id > 0 && !project.editors.is_empty())
            );
            projects.into_iter().map(|project| project.name).collect()
        };

        let token = with(json!({
            "org_id": acme.to_uppercase(),
            "https://example.com/roles": ["reader", "editor"],
            "auth_time": 1_700_000_000,
        }));
        let verified = world.authz.verify(&world.key.sign(&token)).await.unwrap();
        let session: Session = verified.typed().unwrap();
        let expected = Session {
            org_id: Some(acme.parse().unwrap()),
            roles: vec!["reader".to_owned(), "editor".to_owned()],
            auth_time: chrono::DateTime::from_timestamp(1_700_000_000, 0),
        };
        assert_eq!(session, expected);
        let mut tx = world.authz.begin_verified(&verified).await.unwrap();
        assert_eq!(names(&mut tx).await, ["a1", "a2"]);
        assert_eq!(
            affected(&mut tx, "UPDATE projects SET name = name || '!'").await,
            1
        );
        // The organisation is the token's, and no other.
        assert_eq!(
            affected(&mut tx, "INSERT INTO projects (name) VALUES ('a3')").await,
            1
        );
        let to_another =
            "INSERT INTO projects (org_id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'x')";
        assert_eq!(refused(&mut tx, to_another).await, "42501");
        let by_admins = "INSERT INTO projects (name, editors) VALUES ('x', 'admin')";
        assert_eq!(refused(&mut tx, by_admins).await, "42501");
        assert_eq!(names(&mut tx).await, ["a1!", "a2", "a3"]);
        tx.commit().await.unwrap();

        // A claim that is not there, or not what it should be, is nobody's organisation and no role.
        for members in [
            json!({}),
            json!({"org_id": null}),
            json!({"org_id": "acme"}),
            json!({"org_id": [acme]}),
            json!({"org_id": {"id": acme}}),
            json!({"org_id": format!("{acme} ")}),
            json!({"organisation": acme}),
        ] {
            let mut tx = world.with(&with(members.clone())).await;
            assert_eq!(names(&mut tx).await, [""; 0], "{members}");
            assert_eq!(
                refused(&mut tx, "INSERT INTO projects (name) VALUES ('x')").await,
                "42501"
            );
            tx.rollback().await.unwrap();
        }
        for roles in [
            json!("editor"),
            json!(["editor", 1]),
            json!({"editor": true}),
            json!([["editor"]]),
            json!([]),
        ] {
            let mut tx = world
                .with(&with(json!({"org_id": acme, "https://example.com/roles": roles})))
                .await;
            assert_eq!(names(&mut tx).await, ["a1!", "a2", "a3"]);
            assert_eq!(
                affected(&mut tx, "UPDATE projects SET name = 'x'").await,
                0,
                "{roles}"
            );
            tx.rollback().await.unwrap();
        }
        let mut tx = world.authz.begin_anonymous().await.unwrap();
        assert_eq!(refused(&mut tx, "SELECT id FROM projects").await, "42501");
        tx.rollback().await.unwrap();
        assert_eq!(world.count("projects").await, 4);
    });
}
