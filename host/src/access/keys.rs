//! The keys that are known, and finding the one that a token belongs to.
//!
//! Made by `access::key_file`. Holds digests and no tokens; a search looks at every key, and takes as long for a token that
//! is nearly right as for one that is not.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};

use crate::access::pattern::Pattern;
use crate::access::rate::Limit;

/// A token's SHA-256.
pub type TokenDigest = [u8; 32];

/// One key.
pub struct Key {
    /// Who has it; what logs call it.
    pub name: String,
    /// The digest of its token.
    pub digest: TokenDigest,
    /// The models that it may use; all of them without a list.
    pub models: Option<Vec<Pattern>>,
    /// Whether it may change what is served.
    pub admin: bool,
    /// How often it may ask.
    pub limit: Limit,
    /// From when on it is good for nothing.
    pub expires: Option<Timestamp>,
}

/// Every key.
#[derive(Debug, Default)]
pub struct Keys {
    keys: Vec<Arc<Key>>,
}

/// The digest that `token` is known by.
#[must_use]
pub fn digest(token: &[u8]) -> TokenDigest {
    Sha256::digest(token).into()
}

// === impl Key ===

impl Key {
    /// Whether it may use `model`.
    #[must_use]
    pub fn may_use(&self, model: &str) -> bool {
        self.models.as_ref().is_none_or(|models| models.iter().any(|pattern| pattern.matches(model)))
    }
}

impl fmt::Debug for Key {
    /// Without the digest: it is not a secret, and yet nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("name", &self.name).finish_non_exhaustive()
    }
}

// === impl Keys ===

impl Keys {
    /// These and no others.
    #[must_use]
    pub fn new(keys: Vec<Key>) -> Self {
        Self { keys: keys.into_iter().map(Arc::new).collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether one of them is such.
    pub fn any(&self, such: impl Fn(&Key) -> bool) -> bool {
        self.keys.iter().any(|key| such(key))
    }

    /// The key of `token`.
    #[must_use]
    pub fn find(&self, token: &[u8]) -> Option<Arc<Key>> {
        let digest = digest(token);
        let mut found = 0u64;
        for (number, key) in (1u64..).zip(&self.keys) {
            let same: Choice = key.digest.ct_eq(&digest);
            found = u64::conditional_select(&found, &number, same);
        }
        let index = usize::try_from(found).ok()?.checked_sub(1)?;
        self.keys.get(index).cloned()
    }

    /// The same keys; one that was among `old` with the same rate goes on where it was.
    #[must_use]
    pub fn keeping_rates_of(mut self, old: &Self) -> Self {
        for key in &mut self.keys {
            let before = old.keys.iter().find(|before| before.name == key.name);
            if let (Some(key), Some(before)) = (Arc::get_mut(key), before) {
                key.limit.continue_as(&before.limit);
            }
        }
        self
    }
}
