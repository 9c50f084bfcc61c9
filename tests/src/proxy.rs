//! A proxy between client and server that counts round trips, and can pass the server's answers on in small pieces.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The proxy. It takes no more connections when this value is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    round_trips: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

/// How answers are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As they come.
    Whole,
    /// Three bytes at a time, less than the head of any message, so that whoever waits for an answer waits many times.
    Pieces,
}

impl Proxy {
    /// Starts a proxy before the server that these options name.
    pub async fn start(server: &PgConnectOptions, pace: Pace) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let round_trips = Arc::new(AtomicU64::new(0));
        let server = (server.get_host().to_owned(), server.get_port());
        let task = tokio::spawn(serve(listener, server, pace, Arc::clone(&round_trips)));
        Self {
            port,
            round_trips,
            task,
        }
    }

    /// The options changed to go through the proxy.
    #[must_use]
    pub fn through(&self, options: PgConnectOptions) -> PgConnectOptions {
        options.host("127.0.0.1").port(self.port)
    }

    /// How often a client has spoken after the server, on any connection. What a client sends without waiting for an
    /// answer in between counts once.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, server: (String, u16), pace: Pace, round_trips: Arc<AtomicU64>) {
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect((server.0.as_str(), server.1)).await else {
            continue;
        };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let client_spoke_last = Arc::new(AtomicBool::new(false));
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::spawn(requests(
            from_client,
            to_server,
            Arc::clone(&client_spoke_last),
            Arc::clone(&round_trips),
        ));
        tokio::spawn(answers(from_server, to_client, client_spoke_last, pace));
    }
}

async fn requests(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    client_spoke_last: Arc<AtomicBool>,
    round_trips: Arc<AtomicU64>,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        if !client_spoke_last.swap(true, Ordering::SeqCst) {
            round_trips.fetch_add(1, Ordering::SeqCst);
        }
        if server.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
}

async fn answers(
    mut server: OwnedReadHalf,
    mut client: OwnedWriteHalf,
    client_spoke_last: Arc<AtomicBool>,
    pace: Pace,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = server.read(&mut buffer).await {
        client_spoke_last.store(false, Ordering::SeqCst);
        let step = if pace == Pace::Pieces { 3 } else { length };
        for bytes in buffer[..length].chunks(step) {
            if client.write_all(bytes).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}
