//! Behind PgBouncer: its session mode works, and its transaction mode is refused, never wrong without a word.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use authz::{Authz, Error};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection as _, Executor as _, PgConnection};

use super::setup::{Setup, insert, tasks};

/// A PgBouncer in front of the database of a test. It ends with this value.
struct Pooler {
    process: Child,
    options: PgConnectOptions,
    _folder: tempfile::TempDir,
}

impl Drop for Pooler {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

impl Pooler {
    /// Nothing where no `pgbouncer` is installed, which is said loudly.
    async fn start(setup: &Setup, mode: &str, servers: u32) -> Option<Self> {
        let program = [
            "/usr/sbin/pgbouncer",
            "/usr/bin/pgbouncer",
            "/usr/local/bin/pgbouncer",
        ]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists());
        let Some(program) = program else {
            // Written past libtest, which would show it for a test that failed and no other.
            let text = b"\n!!! SKIPPED: no pgbouncer is installed\n!!! apt-get install pgbouncer\n";
            _ = std::io::stderr().write_all(text);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let (admin, login) = (setup.database.admin(), setup.database.login());
        let users = folder.path().join("users.txt");
        std::fs::write(&users, format!("\"{login}\" \"not secret\"\n")).unwrap();
        let settings = folder.path().join("pgbouncer.ini");
        let mut file = std::fs::File::create(&settings).unwrap();
        write!(
            file,
            "[databases]\n{name} = host={host} port={server} dbname={name} password='not secret'\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = plain\n\
             auth_file = {users}\npool_mode = {mode}\ndefault_pool_size = {servers}\nserver_round_robin = 1\n\
             ignore_startup_parameters = extra_float_digits,options\n",
            name = setup.database.name,
            host = admin.get_host(),
            server = admin.get_port(),
            users = users.display(),
        )
        .unwrap();
        let mut command = Command::new(program);
        // It refuses to run as root.
        let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
        if is_root {
            command.args(["-u", "postgres"]);
        }
        let process = command
            .arg("-q")
            .arg(&settings)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let options = setup
            .database
            .login_options()
            .host("127.0.0.1")
            .port(port)
            .ssl_mode(PgSslMode::Disable);
        let pooler = Self {
            process,
            options,
            _folder: folder,
        };
        for tries in 0.. {
            match PgConnection::connect_with(&pooler.options).await {
                Ok(connection) => {
                    connection.close().await.unwrap();
                    break;
                }
                Err(error) => assert!(tries < 200, "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        Some(pooler)
    }
}

async fn connect(setup: &Setup, pooler: &Pooler) -> Authz {
    setup
        .builder()
        .max_connections(4)
        .connect_with(pooler.options.clone())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_session_mode_of_a_pooler_works() {
    let setup = Setup::new().await;
    let Some(pooler) = Pooler::start(&setup, "session", 8).await else {
        return;
    };
    let authz = connect(&setup, &pooler).await;
    for (user, task) in [("alice", "a"), ("bob", "b")].into_iter().cycle().take(20) {
        let mut tx = authz.begin(&setup.token(user)).await.unwrap();
        assert_eq!(tasks(&mut tx).await, [task]);
        insert(&mut tx, user, "more").await.unwrap();
        // What sqlx relies on is so again, whatever SQL of a user says.
        let zone: String = sqlx::query_scalar("SHOW TimeZone")
            .fetch_one(&mut tx)
            .await
            .unwrap();
        assert_eq!(zone, "UTC");
        tx.execute("SET TimeZone = 'Asia/Tokyo'").await.unwrap();
        tx.execute("SET DateStyle = 'German'").await.unwrap();
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn the_transaction_mode_of_a_pooler_is_refused_or_right_and_never_wrong() {
    let setup = Setup::new().await;
    let Some(pooler) = Pooler::start(&setup, "transaction", 3).await else {
        return;
    };
    let authz = connect(&setup, &pooler).await;
    let (mut refused, mut right) = (0, 0);
    let requests = (0..200).map(|number| {
        let (user, task) = if number % 2 == 0 {
            ("alice", "a")
        } else {
            ("bob", "b")
        };
        let (authz, token) = (authz.clone(), setup.token(user));
        async move {
            let mut tx = match authz.begin(&token).await {
                Ok(tx) => tx,
                Err(error) => {
                    assert!(matches!(error, Error::Unavailable(_)), "{error}");
                    return false;
                }
            };
            let claims: Result<String, _> =
                sqlx::query_scalar("SELECT current_setting('request.jwt.claims')")
                    .fetch_one(&mut tx)
                    .await;
            // Whatever it is, it is no other statement's answer.
            if let Ok(claims) = &claims {
                assert!(claims.contains(&format!("\"{user}\"")), "{claims}");
            }
            let seen: Result<Vec<String>, _> = sqlx::query_scalar("SELECT task FROM todos ORDER BY task")
                .fetch_all(&mut tx)
                .await;
            if let Ok(seen) = &seen {
                assert_eq!(seen, &[task]);
            }
            _ = tx.rollback().await;
            seen.is_ok()
        }
    });
    for done in futures_util::future::join_all(requests).await {
        *(if done { &mut right } else { &mut refused }) += 1;
    }
    assert!(refused > 0, "{right} were right: was it the transaction mode?");
}
