//! The runtime on a real server: from a token to an isolated request.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy.toml does not recognise as such"
)]

mod runtime {
    mod attacks;
    mod cancellation;
    mod connect;
    mod hostile;
    mod isolation;
    mod jwks;
    mod outage;
    mod pooler;
    mod presets;
    mod providers;
    mod setup;
    mod signatures;
    mod soak;
    mod transaction;
    mod verifier;
    mod verify;
    mod wycheproof;
}
