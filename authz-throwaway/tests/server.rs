//! Servers start, answer, keep strangers out, and leave nothing behind.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use authz_throwaway::{Binaries, Server};

/// Sends a start-up message and returns the connection, and the type and first number of the server's answer.
fn log_in(port: u16) -> (TcpStream, (u8, u32)) {
    let parameters = b"user\0postgres\0database\0postgres\0\0";
    let mut message = u32::try_from(8 + parameters.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    message.extend(0x0003_0000_u32.to_be_bytes());
    message.extend(parameters);
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(&message).unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    let number = u32::from_be_bytes(answer[5..9].try_into().unwrap());
    (stream, (answer[0], number))
}

/// The `hold` example of this package, running, with what it needs to tell when its server is gone.
struct Held {
    child: Child,
    stdin: Option<ChildStdin>,
    port: u16,
    directory: PathBuf,
}

/// Starts `hold` with a temporary directory of its own.
fn hold(mut command: Command, temporary: &Path) -> Held {
    let mut child = command
        .env("TMPDIR", temporary)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    let port = url
        .rsplit_once(':')
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .0
        .parse()
        .unwrap();
    let directory = only_entry(temporary).unwrap();
    Held {
        stdin: child.stdin.take(),
        child,
        port,
        directory,
    }
}

fn example() -> PathBuf {
    // target/debug/deps/server-… → target/debug/examples/hold
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples").join("hold")
}

fn only_entry(directory: &Path) -> Option<PathBuf> {
    let entries: BTreeSet<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(entries.len() <= 1, "{entries:?}");
    entries.into_iter().next()
}

/// A temporary directory below /tmp that every user may enter, as /tmp itself.
fn shared_directory() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;

    let directory = tempfile::tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
    directory
}

impl Held {
    /// Waits until server and directory are gone: the connection ends when the server does.
    fn assert_gone(self, mut connection: TcpStream) {
        _ = connection.read(&mut [0]);
        let start = std::time::Instant::now();
        while self.directory.exists() {
            assert!(
                start.elapsed().as_secs() < 20,
                "{} is still there",
                self.directory.display()
            );
            std::thread::yield_now();
        }
        assert!(
            TcpStream::connect(("127.0.0.1", self.port)).is_err(),
            "the server still listens"
        );
    }
}

#[test]
fn it_answers_and_asks_the_superuser_for_a_password() {
    let server = Server::start().unwrap();
    assert_eq!(server.version(), Binaries::find().unwrap().version());
    // `R`, 10: authentication by SASL, that is SCRAM.
    assert_eq!(log_in(server.port()).1, (b'R', 10));
}

#[test]
fn two_servers_have_their_own_ports_and_passwords() {
    let (one, other) = (Server::start().unwrap(), Server::start().unwrap());
    assert_ne!(one.port(), other.port());
    assert_ne!(one.password(), other.password());
    assert_eq!(one.password().len(), 32);
}

#[test]
fn its_url_is_complete_and_its_debug_form_keeps_the_password() {
    let server = Server::builder()
        .binaries(Binaries::find().unwrap())
        .start()
        .unwrap();
    let (password, port) = (server.password(), server.port());
    assert_eq!(
        server.url("my db/ä"),
        format!("postgres://postgres:{password}@127.0.0.1:{port}/my%20db%2F%C3%A4")
    );
    assert!(!format!("{server:?}").contains(password));
}

#[test]
fn a_setting_that_the_server_refuses_is_told_with_its_log() {
    let error = Server::builder()
        .setting("work_mem", "nonsense")
        .start()
        .unwrap_err();
    assert!(error.to_string().contains("work_mem"), "{error}");
}

#[test]
fn a_dropped_server_is_gone() {
    let temporary = shared_directory();
    let mut held = hold(Command::new(example()), temporary.path());
    let (connection, _) = log_in(held.port);
    drop(held.stdin.take());
    assert!(held.child.wait().unwrap().success());
    assert_eq!(only_entry(temporary.path()), None);
    held.assert_gone(connection);
}

#[test]
fn a_killed_parent_leaves_neither_server_nor_directory() {
    let temporary = shared_directory();
    let mut held = hold(Command::new(example()), temporary.path());
    let (connection, _) = log_in(held.port);
    held.child.kill().unwrap();
    held.child.wait().unwrap();
    held.assert_gone(connection);
}

#[test]
fn it_runs_as_root_and_as_an_ordinary_user() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;

    let temporary = shared_directory();
    if temporary.path().metadata().unwrap().uid() != 0 {
        // The other tests have shown the one half; the other cannot be tried without being root.
        return;
    }
    // As root the server belongs to someone else.
    let mut held = hold(Command::new(example()), temporary.path());
    assert_ne!(held.directory.metadata().unwrap().uid(), 0);
    drop(held.stdin.take());
    assert!(held.child.wait().unwrap().success());
    // As an ordinary user it belongs to this one. The copy is for a target directory that others cannot enter.
    let copy = temporary.path().join("hold");
    std::fs::copy(example(), &copy).unwrap();
    let run = tempfile::Builder::new().tempdir_in(temporary.path()).unwrap();
    std::os::unix::fs::chown(run.path(), Some(65534), Some(65534)).unwrap();
    let mut command = Command::new(copy);
    command.uid(65534).gid(65534).current_dir("/");
    let binaries = Binaries::find().unwrap();
    if binaries.is_downloaded() {
        // It lies in root's cache folder, and the ordinary user would have to download its own.
        let prefix = binaries.directory().parent().unwrap();
        let open = temporary.path().join("postgresql");
        let copied = Command::new("cp")
            .arg("-R")
            .arg(prefix)
            .arg(&open)
            .status()
            .unwrap();
        assert!(copied.success());
        command.env("AUTHZ_POSTGRES", open);
    }
    let mut held = hold(command, run.path());
    assert_eq!(held.directory.metadata().unwrap().uid(), 65534);
    assert_eq!(log_in(held.port).1, (b'R', 10));
    drop(held.stdin.take());
    assert!(held.child.wait().unwrap().success());
}

#[test]
fn a_download_in_a_folder_that_only_root_can_enter_runs_all_the_same() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let installed = Binaries::find().unwrap();
    let temporary = shared_directory();
    if temporary.path().metadata().unwrap().uid() != 0 || installed.is_downloaded() {
        // An ordinary user enters its own folders; and a download, which root keeps in its home, has run the other tests.
        return;
    }
    // The place of a download, with programs that lead to the machine's.
    let cache = tempfile::tempdir().unwrap();
    for platform in [
        "linux-x64",
        "linux-arm64",
        "linux-arm",
        "linux-ia32",
        "darwin-x64",
        "darwin-arm64",
    ] {
        let prefix = cache
            .path()
            .join("authz/postgres")
            .join(format!("18.4.0-beta.17-{platform}"));
        for folder in ["bin", "lib", "share"] {
            std::fs::create_dir_all(prefix.join(folder)).unwrap();
        }
        for name in ["postgres", "initdb"] {
            let file = prefix.join("bin").join(name);
            let program = installed.program(name);
            std::fs::write(&file, format!("#!/bin/sh\nexec '{}' \"$@\"\n", program.display())).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    std::fs::set_permissions(cache.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
    let mut command = Command::new(example());
    command
        .env("AUTHZ_POSTGRES", "download")
        .env("XDG_CACHE_HOME", cache.path());
    let mut held = hold(command, temporary.path());
    assert_eq!(log_in(held.port).1, (b'R', 10));
    drop(held.stdin.take());
    assert!(held.child.wait().unwrap().success());
    assert_eq!(only_entry(temporary.path()), None);
    // Programs that are the machine's own are not moved, since what belongs to them is not known.
    let closed = cache.path().join("authz/postgres");
    let closed = std::fs::read_dir(closed).unwrap().next().unwrap().unwrap().path();
    let answer = Command::new(example())
        .env("AUTHZ_POSTGRES", &closed)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&answer.stderr);
    assert!(error.contains("let others enter the folders above it"), "{error}");
}
