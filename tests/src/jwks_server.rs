//! A web server on this machine that answers every request alike, and counts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The server. It ends with this value.
#[derive(Debug)]
pub struct JwksServer {
    port: u16,
    answer: Arc<Mutex<String>>,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl JwksServer {
    /// Starts a server that answers with this key set.
    pub async fn start(jwks: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = Arc::new(Mutex::new(response("200 OK", "", jwks)));
        let requests = Arc::new(AtomicUsize::new(0));
        let task = tokio::spawn(serve(listener, Arc::clone(&answer), Arc::clone(&requests)));
        Self {
            port,
            answer,
            requests,
            task,
        }
    }

    /// The address of the key set.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks.json", self.port)
    }

    /// How many requests have come so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Answers differently from now on. `status` is such as `404 Not Found`; each header line ends with `\r\n`.
    pub fn answer(&self, status: &str, headers: &str, body: &str) {
        *self.answer.lock().unwrap() = response(status, headers, body);
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

async fn serve(listener: TcpListener, answer: Arc<Mutex<String>>, requests: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        requests.fetch_add(1, Ordering::SeqCst);
        let answer = answer.lock().unwrap().clone();
        tokio::spawn(respond(stream, answer));
    }
}

async fn respond(mut stream: TcpStream, answer: String) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    // A client that hangs up early (at 64 KiB, say) is within its rights.
    _ = stream.write_all(answer.as_bytes()).await;
    _ = stream.shutdown().await;
}
