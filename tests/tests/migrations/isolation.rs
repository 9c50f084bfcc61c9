//! The three schemas end to end: struct → migration → verified token → what PostgreSQL shows to whom.

#[path = "../../schemas/notes.rs"]
mod notes;
#[path = "../../schemas/tenancy.rs"]
mod tenancy;
#[path = "../../schemas/todos.rs"]
mod todos;

use authz::{Authz, Issuer, Table, Transaction};
use authz_tests::keys::{AUDIENCE, ISSUER, SigningKey, claims};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;

use self::notes::{Note, Paragraph};
use self::tenancy::{Tenant, User};
use self::todos::Todo;
use crate::database::{Database, block_on, server};
use crate::package::{NOTES, Package, TENANCY, TODOS};

/// A database made by the migrations of a schema, with rows in it, and the application that serves it.
struct World {
    authz: Authz,
    key: SigningKey,
    database: Database,
}

impl World {
    async fn new(source: &str, rows: &str) -> Self {
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
            .execute(&format!(
                "CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'x'; GRANT authenticated, anonymous TO {login}"
            ))
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

    async fn as_user(&self, sub: &str) -> Transaction {
        self.with(&claims(sub)).await
    }

    async fn with(&self, claims: &Value) -> Transaction {
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

        let mut anonymous = world.authz.anonymous().await.unwrap();
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
