//! An issuer that is trusted, with all that its tokens are checked against.

use std::sync::atomic::{AtomicBool, Ordering};

use super::rules::Rules;
use super::source::KeySource;

/// An issuer with all that its tokens are checked against.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub(crate) iss: String,
    pub(crate) rules: Rules,
    pub(crate) keys: KeySource,
    /// Whether it is still trusted. What was verified before asks here.
    active: AtomicBool,
    /// Whether the log says already that tokens come from an issuer of almost the same name.
    warned: AtomicBool,
}

impl TrustedIssuer {
    pub(crate) fn new(iss: String, rules: Rules, keys: KeySource) -> Self {
        Self {
            iss,
            rules,
            keys,
            active: AtomicBool::new(true),
            warned: AtomicBool::new(false),
        }
    }

    /// Whether it is still trusted.
    pub(crate) fn is_active(&self) -> bool {
        self.active.load(Ordering::SeqCst)
    }

    /// Trusts it no more.
    pub(crate) fn deactivate(&self) {
        self.active.store(false, Ordering::SeqCst);
    }

    /// Says once in the log that a token names an issuer which differs by a slash at the end. Anybody can make such a token, so its
    /// text is not repeated.
    pub(crate) fn warn_of_slash(&self) {
        if !self.warned.swap(true, Ordering::SeqCst) {
            tracing::warn!(
                iss = self.iss,
                "a token is rejected whose issuer differs from this one by a slash at the end alone; \
                 names are compared byte by byte, so give the issuer as its tokens have it"
            );
        }
    }
}
