//! A web server on this machine that answers requests by their path, and counts.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The server. It ends with this value.
#[derive(Debug)]
pub struct JwksServer {
    port: u16,
    answers: Answers,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

/// What is answered on which path; on `*` for all others.
type Answers = Arc<Mutex<HashMap<String, String>>>;

/// The path that stands for all that have no answer of their own.
const ANY: &str = "*";

impl JwksServer {
    /// Starts a server that answers with this key set.
    pub async fn start(jwks: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = (ANY.to_owned(), response("200 OK", "", jwks));
        let answers: Answers = Arc::new(Mutex::new(HashMap::from([answer])));
        let requests = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, Arc::clone(&answers), Arc::clone(&requests)));
        Self {
            port,
            answers,
            requests,
            task,
        }
    }

    /// The address of the key set.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}/jwks.json", self.origin())
    }

    /// The address of the server, without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests have come so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Answers differently from now on. `status` is such as `404 Not Found`; each header line ends with `\r\n`.
    pub fn answer(&self, status: &str, headers: &str, body: &str) {
        self.insert(ANY, response(status, headers, body));
    }

    /// Answers requests of this path with this document.
    pub fn answer_at(&self, path: &str, body: &str) {
        self.insert(path, response("200 OK", "", body));
    }

    fn insert(&self, path: &str, response: String) {
        self.answers.lock().unwrap().insert(path.to_owned(), response);
    }
}

impl Drop for JwksServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn response(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
}

async fn serve(listener: TcpListener, answers: Answers, requests: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        requests.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(respond(stream, Arc::clone(&answers)));
    }
}

async fn respond(mut stream: TcpStream, answers: Answers) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8(request).unwrap_or_default();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let answer = {
        let answers = answers.lock().unwrap();
        answers.get(path).or_else(|| answers.get(ANY)).cloned()
    };
    // A client that hangs up early (at 64 KiB, say) is within its rights.
    _ = stream.write_all(answer.unwrap_or_default().as_bytes()).await;
    _ = stream.shutdown().await;
}
