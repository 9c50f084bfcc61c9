//! Real providers of tokens, from the npm registry, on this machine: the scripts in `tests/providers`.
//!
//! Their packages are installed once, below cargo's target directory, for all test programs. Where Node is missing or the registry cannot
//! be reached, there is no provider, and a loud line on standard error says so.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

/// What is installed: the packages with their versions, and the scripts.
const FILES: [(&str, &str); 5] = [
    ("package.json", include_str!("../providers/package.json")),
    (
        "package-lock.json",
        include_str!("../providers/package-lock.json"),
    ),
    ("control.mjs", include_str!("../providers/control.mjs")),
    (
        "oidc-provider.mjs",
        include_str!("../providers/oidc-provider.mjs"),
    ),
    ("better-auth.mjs", include_str!("../providers/better-auth.mjs")),
];

/// The oldest major version of Node that the packages run on.
const NODE: u32 = 20;

/// By these codes npm says that it did not reach the registry. Any other failure of npm is a failure of the test.
const UNREACHABLE: [&str; 12] = [
    "E502",
    "E503",
    "E504",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_SOCKET_TIMEOUT",
    "ETIMEDOUT",
    "FETCH_ERROR",
];

/// A provider that runs. It ends with this value.
#[derive(Debug)]
pub struct Provider {
    /// `iss` of its tokens.
    pub issuer: String,
    /// The address of its key set, where no discovery document names it.
    pub jwks_url: Option<String>,
    /// The algorithms that it signs with.
    pub algorithms: Vec<String>,
    child: Child,
    pipes: Arc<Mutex<Pipes>>,
}

/// Tokens of one user's.
#[derive(Debug)]
pub struct Tokens {
    /// The provider's name of the user.
    pub sub: String,
    /// For the audience that was asked for.
    pub access: Vec<String>,
    /// What says to a client who logged in; as many as access tokens, or none where the provider has no such thing.
    pub id: Vec<String>,
}

#[derive(Debug)]
struct Pipes {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Provider {
    /// Starts `oidc-provider` or `better-auth`. The packages are installed below the target directory, `CARGO_TARGET_TMPDIR`.
    ///
    /// `None`, after a loud line, where that cannot be: the test has then nothing to do.
    pub async fn start(name: &'static str, target: &'static str) -> Option<Self> {
        static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
        let run = move || match FOLDER.get_or_init(|| install(Path::new(target))) {
            Ok(folder) => Some(Self::run(&folder.join(name).with_extension("mjs"))),
            Err(reason) => {
                skip(name, reason);
                None
            }
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    fn run(script: &Path) -> Self {
        let mut child = Command::new("node")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut pipes = Pipes { stdin, stdout };
        let ready = pipes.answer("the start");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            issuer: text(&ready["issuer"]),
            jwks_url: ready.get("jwks_url").map(text),
            algorithms: ready["algorithms"].as_array().unwrap().iter().map(text).collect(),
            child,
            pipes: Arc::new(Mutex::new(pipes)),
        }
    }

    /// Lets a user log in, and gets as many tokens, no two alike. `algorithm` is one of [`algorithms`](Self::algorithms).
    pub async fn tokens(&self, user: &str, algorithm: &str, audience: &str, count: usize) -> Tokens {
        let wanted = json!({"user": user, "alg": algorithm, "audience": audience, "count": count});
        let answer = self.command(format!("tokens {wanted}")).await;
        let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
        Tokens {
            sub: answer["sub"].as_str().unwrap().to_owned(),
            access: texts(&answer["access_tokens"]),
            id: texts(&answer["id_tokens"]),
        }
    }

    /// Has it sign with a new key from now on. The old ones stay in its key set.
    pub async fn rotate(&self) {
        self.command("rotate".to_owned()).await;
    }

    /// Takes all keys but the newest out of its key set.
    pub async fn retire(&self) {
        self.command("retire".to_owned()).await;
    }

    /// Has it answer nobody, as when it is down.
    pub async fn go_down(&self) {
        self.command("stop".to_owned()).await;
    }

    /// Has it answer again, at the same address.
    pub async fn come_back(&self) {
        self.command("start".to_owned()).await;
    }

    /// Sets its clock so many seconds ahead of this machine's; a negative number is behind.
    pub async fn set_clock(&self, seconds: i32) {
        self.command(format!("clock {seconds}")).await;
    }

    /// How many times its key set has been fetched.
    pub async fn fetches(&self) -> u64 {
        self.command("fetches".to_owned()).await["count"]
            .as_u64()
            .unwrap()
    }

    async fn command(&self, line: String) -> Value {
        let pipes = Arc::clone(&self.pipes);
        let ask = move || {
            let mut pipes = pipes.lock().unwrap();
            writeln!(pipes.stdin, "{line}").unwrap();
            pipes.answer(&line)
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        // It may have ended already, and would end anyhow with its standard input.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Pipes {
    fn answer(&mut self, question: &str) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        assert!(
            !line.is_empty(),
            "no answer to {question}: the provider has ended"
        );
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert!(answer.get("error").is_none(), "{question}: {}", answer["error"]);
        answer
    }
}

/// Installs the packages and the scripts, unless they are there. An error says why there are none.
fn install(target: &Path) -> Result<PathBuf, String> {
    let version =
        output(Command::new("node").arg("--version")).ok_or("there is no Node; apt-get install npm")?;
    let major = version
        .strip_prefix('v')
        .and_then(|version| version.split('.').next())
        .and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE) {
        return Err(format!("Node is {} and must be {NODE} or later", version.trim()));
    }
    output(Command::new("npm").arg("--version")).ok_or("there is no npm; apt-get install npm")?;
    let folder = target.join("providers");
    fs::create_dir_all(&folder).unwrap();
    // Test programs may run at the same time; the first installs, and the others wait.
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    for (name, content) in FILES {
        let path = folder.join(name);
        // Written only when it is another, for a provider of another program may be reading it.
        if fs::read_to_string(&path).is_ok_and(|present| present == content) {
            continue;
        }
        fs::write(path, content).unwrap();
    }
    let (installed, wanted) = (folder.join("installed"), FILES[1].1);
    if fs::read_to_string(&installed).is_ok_and(|present| present == wanted) {
        return Ok(folder);
    }
    // What an install that breaks off leaves behind counts as nothing.
    _ = fs::remove_file(&installed);
    npm_ci(&folder)?;
    fs::write(installed, wanted).unwrap();
    Ok(folder)
}

fn npm_ci(folder: &Path) -> Result<(), String> {
    // Nothing of these packages runs when they are installed. One more try after a second is enough to tell an outage.
    let options = "--ignore-scripts --no-audit --no-fund --prefer-offline --no-progress --loglevel=error \
                   --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=60000";
    let output = Command::new("npm")
        .arg("ci")
        .args(options.split_whitespace())
        .current_dir(folder)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    // `npm error code ENOTFOUND`; before npm 10, `npm ERR! code ENOTFOUND`.
    let code = text.lines().find_map(|line| line.split_once(" code "));
    let code = code.map_or("", |(_, code)| code.trim());
    assert!(UNREACHABLE.contains(&code), "npm ci: {text}");
    Err(format!("the npm registry cannot be reached ({code})"))
}

/// What a program prints, or `None` when it does not run.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// Written past libtest, which would show it for a test that failed and no other.
fn skip(name: &str, reason: &str) {
    let text = format!("\n!!! SKIPPED: no token of {name} is tested, because {reason}\n");
    // A test is not to fail for want of somebody who reads.
    _ = io::stderr().write_all(text.as_bytes());
}
