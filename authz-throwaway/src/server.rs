//! One server: initialised, started, and stopped with the process that owns it.
//!
//! On Unix a small shell script ([`supervise.sh`](server/supervise.sh)) stands between us and PostgreSQL. It waits for the end of a
//! pipe that only we hold, so it notices our end even by SIGKILL, when no destructor runs.

mod user;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use tempfile::TempDir;

use self::user::User;
use crate::{Binaries, Error, Version};

/// How long a server may take to accept a connection.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How often another port is tried when someone else took the one that was free a moment ago.
const PORT_ATTEMPTS: u32 = 10;

const SUPERUSER: &str = "postgres";

/// A running PostgreSQL server with an empty data directory of its own.
///
/// It is stopped, and its data removed, when this value is dropped. If the process ends without dropping it (a signal, `exit`, a value in
/// a static), the same happens on Unix within moments; on Windows the server and its directory then stay behind.
///
/// Settings: UTF-8, locale `C`, 200 connections, no `fsync`, no Unix socket. The superuser is `postgres`.
pub struct Server {
    binaries: Binaries,
    port: u16,
    password: String,
    // Fields are dropped in this order: the process ends before its directory goes.
    _process: Process,
    _directory: TempDir,
}

/// Settings of a server to be started. [`Server::builder`] makes one.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct Builder {
    binaries: Option<Binaries>,
    settings: Vec<(String, String)>,
}

impl Server {
    /// Starts a server from the PostgreSQL that [`Binaries::find`] finds. Takes about a second, and longer if that has to fetch it.
    ///
    /// # Errors
    ///
    /// As [`Binaries::find`] where there is no PostgreSQL; the others when it does not start.
    pub fn start() -> Result<Self, Error> {
        Self::builder().start()
    }

    /// Starts a server with settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The URL with which the superuser connects to a database.
    ///
    /// The databases of a new server are `postgres`, `template0` and `template1`. The name is percent-encoded where needed.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let mut encoded = String::new();
        for byte in database.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                encoded.push_str(&format!("%{byte:02X}"));
            }
        }
        format!(
            "postgres://{SUPERUSER}:{}@{}:{}/{encoded}",
            self.password,
            self.host(),
            self.port
        )
    }

    /// The address that the server listens on: `127.0.0.1`.
    #[must_use]
    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// The port that the server listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The password of the superuser `postgres`.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The version of the server.
    #[must_use]
    pub fn version(&self) -> &Version {
        self.binaries.version()
    }

    /// The programs that the server was started from; `pg_dump` of the same version is among them where it is installed.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("port", &self.port)
            .field("version", self.version())
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// Takes these programs instead of searching for some.
    pub fn binaries(mut self, binaries: Binaries) -> Self {
        self.binaries = Some(binaries);
        self
    }

    /// Sets a server setting, as `-c name=value` does.
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    /// Initialises a data directory and starts the server. Returns when the server accepts connections.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub fn start(self) -> Result<Server, Error> {
        let binaries = self.binaries.map_or_else(Binaries::find, Ok)?;
        let (directory, user) = user::private_directory()?;
        let password = random_password()?;
        let programs = user.reach(&binaries, directory.path())?;
        init(&programs, &directory, &user, &password)?;
        for _ in 0..PORT_ATTEMPTS {
            // The port is free now and may be taken before the server binds it; then the server ends and says so.
            let port = free_port().map_err(Error::io("find a free port"))?;
            let mut process = Process::start(&programs, &directory, &user, port, &self.settings)?;
            match process.wait_until_ready(&directory, port) {
                Ok(()) => {
                    return Ok(Server {
                        binaries,
                        port,
                        password,
                        _process: process,
                        _directory: directory,
                    });
                }
                Err(Error::Ended { log }) if log.contains("could not create any TCP/IP sockets") => {
                    process.release();
                    fs::remove_file(directory.path().join("ended")).map_err(Error::io("try another port"))?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Io {
            action: "find a free port",
            source: io::ErrorKind::AddrInUse.into(),
        })
    }
}

fn data(directory: &TempDir) -> PathBuf {
    directory.path().join("data")
}

fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn random_password() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::Io {
        action: "get random bytes",
        source: io::Error::other(error),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn init(binaries: &Binaries, directory: &TempDir, user: &User, password: &str) -> Result<(), Error> {
    // initdb takes a password from a file alone. The directory is closed to others, and the file goes right after.
    let password_file = directory.path().join("password");
    fs::write(&password_file, password).map_err(Error::io("write the password file"))?;
    user.give(&password_file)?;
    let mut initdb = Command::new(binaries.program("initdb"));
    initdb
        .arg("--pgdata")
        .arg(data(directory))
        .arg("--pwfile")
        .arg(&password_file)
        .args([
            "--username",
            SUPERUSER,
            "--auth",
            "scram-sha-256",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
        ])
        .args(["--no-sync", "--no-instructions"])
        .current_dir(directory.path())
        .stdin(Stdio::null());
    user.run(&mut initdb);
    let answer = initdb.output().map_err(Error::io("run initdb"))?;
    if !answer.status.success() {
        let output = [answer.stdout, answer.stderr].concat();
        return Err(Error::Initdb {
            output: String::from_utf8_lossy(&output).into_owned(),
        });
    }
    fs::remove_file(&password_file).map_err(Error::io("remove the password file"))
}

/// The running server; ends with this value.
struct Process {
    child: Child,
    /// The pipe whose end tells the script to stop the server.
    lifeline: Option<ChildStdin>,
}

impl Process {
    fn start(
        binaries: &Binaries,
        directory: &TempDir,
        user: &User,
        port: u16,
        settings: &[(String, String)],
    ) -> Result<Self, Error> {
        let mut command = supervised(directory.path(), &binaries.program("postgres"))?;
        command
            .arg("-D")
            .arg(data(directory))
            .args(["-p", &port.to_string()]);
        for (name, value) in [
            ("listen_addresses", "127.0.0.1"),
            // Nobody needs one, and its path has a limit of 107 bytes.
            ("unix_socket_directories", ""),
            ("max_connections", "200"),
            // A connection that arrives in the moment of the stop is not told of it, and delays it by this long.
            ("authentication_timeout", "10s"),
            ("fsync", "off"),
            ("synchronous_commit", "off"),
            ("full_page_writes", "off"),
        ] {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        command.current_dir(directory.path()).stdin(Stdio::piped());
        user.run(&mut command);
        let mut child = command.spawn().map_err(Error::io("start the server"))?;
        let lifeline = child.stdin.take();
        Ok(Self { child, lifeline })
    }

    fn wait_until_ready(&mut self, directory: &TempDir, port: u16) -> Result<(), Error> {
        let log = || fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        let start = Instant::now();
        loop {
            // The file is the server's own word on its state, so that no other program on this port can pass for it.
            let state = fs::read_to_string(data(directory).join("postmaster.pid")).unwrap_or_default();
            if state
                .lines()
                .nth(7)
                .is_some_and(|status| status.trim() == "ready")
                && answers(port)
            {
                return Ok(());
            }
            let ended = self
                .child
                .try_wait()
                .map_err(Error::io("watch the server"))?
                .is_some();
            if ended || directory.path().join("ended").exists() {
                return Err(Error::Ended { log: log() });
            }
            if start.elapsed() > START_TIMEOUT {
                return Err(Error::NotReady { log: log() });
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Lets go of a server that has ended by itself, without the cleaning up.
    fn release(mut self) {
        // It may be gone already; then there is nothing to do.
        _ = self.child.kill();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if cfg!(not(unix)) {
            // The other processes of a server end when its first one does.
            _ = self.child.kill();
        }
        // Nothing can be done about a failure here, and the directory is removed all the same.
        _ = self.child.wait();
    }
}

/// The command that runs the server and cleans up after it.
#[cfg(unix)]
fn supervised(directory: &Path, postgres: &Path) -> Result<Command, Error> {
    use std::os::unix::process::CommandExt;

    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", include_str!("server/supervise.sh"), "authz-throwaway"])
        .arg(directory)
        .arg(postgres);
    // Ctrl-C in a terminal goes to a whole process group; in another one the script lives to clean up.
    command
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}

/// The command that runs the server. There is no shell to watch over us.
#[cfg(not(unix))]
fn supervised(directory: &Path, postgres: &Path) -> Result<Command, Error> {
    let log = fs::File::create(directory.join("log")).map_err(Error::io("make the log"))?;
    let mut command = Command::new(postgres);
    command.stdout(Stdio::null()).stderr(log);
    Ok(command)
}

/// Whether a PostgreSQL server answers: an `SSLRequest` gets one byte, `S` or `N`.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<u8> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&[0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])?;
        let mut answer = [0];
        stream.read_exact(&mut answer)?;
        let [byte] = answer;
        Ok(byte)
    };
    ask().is_ok_and(|byte| b"SN".contains(&byte))
}
