//! Tokens that were verified before, so that the same one costs no signature check again.
//!
//! No token is kept: the key is SipHash-2-4 with 128 bits under a secret of this process, a pseudorandom function for whoever does not
//! know the secret, so that nobody can make another token of the same key. Only good tokens get in, and each hit is checked
//! anew for all that can change: times, the issuer, and the epoch of its keys.

use std::fmt;
use std::hash::Hasher as _;

use quick_cache::Weighter;
use quick_cache::sync::Cache as Store;
use siphasher::sip128::{Hasher128 as _, SipHasher24};

use crate::verify::VerifiedClaims;

/// The store is laid out in shards of room for at least 32 entries of this size: a shard of less than 1 MiB would have no room for
/// a token of 8 KiB that is full of small objects.
const ENTRY_OF_SHARD: usize = 32 * 1024;
/// What an entry takes beside its claims: its place in the store, and in the list of what was there before.
const ENTRY_BYTES: usize = 256;

/// What stands for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenId(u128);

/// A token that was good.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) claims: VerifiedClaims,
    /// The epoch of the issuer's keys in which its signature was checked.
    pub(super) epoch: u64,
}

/// The verified tokens, bounded.
pub(super) struct Cache {
    secret: [u8; 16],
    store: Option<Store<TokenId, Entry, BySize>>,
}

#[derive(Clone)]
struct BySize;

impl Weighter<TokenId, Entry> for BySize {
    fn weight(&self, _: &TokenId, entry: &Entry) -> u64 {
        u64::try_from(entry.claims.memory() + ENTRY_BYTES).unwrap_or(u64::MAX)
    }
}

impl Cache {
    /// Room for tokens that take so many bytes of memory; none keeps none. `secret` must not be known to anybody.
    pub(super) fn new(bytes: usize, secret: [u8; 16]) -> Self {
        let weight = u64::try_from(bytes).unwrap_or(u64::MAX);
        let tokens = bytes.div_ceil(ENTRY_OF_SHARD);
        Self {
            secret,
            store: (bytes > 0).then(|| Store::with_weighter(tokens, weight, BySize)),
        }
    }

    /// The key of a token.
    pub(super) fn id(&self, token: &str) -> TokenId {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write(token.as_bytes());
        TokenId(hasher.finish128().as_u128())
    }

    pub(super) fn get(&self, id: TokenId) -> Option<Entry> {
        self.store.as_ref()?.get(&id)
    }

    pub(super) fn insert(&self, id: TokenId, entry: Entry) {
        if let Some(store) = &self.store {
            store.insert(id, entry);
        }
    }

    pub(super) fn clear(&self) {
        if let Some(store) = &self.store {
            store.clear();
        }
    }

    /// How many tokens are there, and how many bytes they take.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, u64) {
        self.store
            .as_ref()
            .map_or((0, 0), |store| (store.len(), store.weight()))
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").finish_non_exhaustive()
    }
}
