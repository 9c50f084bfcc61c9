//! Throwaway PostgreSQL servers, started from the PostgreSQL that is installed on this machine.
//!
//! A [`Server`] has its own data directory, port and password, and is gone with its data when it is dropped or
//! when the process that started it ends, however it ends. Nothing is downloaded, no container is needed, and
//! it works as root and as an ordinary user. `cargo authz check`, the tests and the examples use it.
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

mod binaries;
mod error;
mod server;

pub use binaries::{Binaries, Version};
pub use error::Error;
pub use server::{Builder, Server};
