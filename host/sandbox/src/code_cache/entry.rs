//! What an entry is called, and the MAC that it ends with. Used by `code_cache.rs`; names are made by `code.rs`.
//!
//! A name is a digest of everything that decides what the code is, so that no entry has to be asked whether it is the
//! right one. The MAC covers the name as well: an entry under another's name is refused.

use std::fmt::Write as _;
use std::hash::Hasher;

/// Keyed BLAKE3's output.
pub(super) const MAC_BYTES: usize = blake3::OUT_LEN;

/// How long a key is.
pub(super) const KEY_BYTES: usize = blake3::KEY_LEN;

/// The ending of an entry's file: what wasmtime calls such files. They are ELF files with the MAC behind the end.
pub(super) const ENDING: &str = ".cwasm";

/// A folder's secret.
pub(super) struct Key([u8; KEY_BYTES]);

/// What the code was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A component as it is, whoever made it.
    Component,
    /// What a component's `load-context` left behind, named by what it was given.
    Snapshot,
}

/// One entry's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryName {
    kind: Kind,
    digest: [u8; blake3::OUT_LEN],
}

/// A digest over fields, none of which can run into the next: each is preceded by its length.
pub(crate) struct Digest(blake3::Hasher);

// === impl Key ===

impl Key {
    pub(super) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// Keyed BLAKE3 and not HMAC-SHA256, as compiled Python is 40 MB: that would take longer to check than to load.
    pub(super) fn mac(&self, name: &EntryName, code: &[u8]) -> [u8; MAC_BYTES] {
        *self.hash(name, code).as_bytes()
    }

    /// Compares in constant time.
    pub(super) fn is_mac(&self, name: &EntryName, code: &[u8], mac: &[u8]) -> bool {
        <[u8; MAC_BYTES]>::try_from(mac).is_ok_and(|mac| self.hash(name, code) == blake3::Hash::from(mac))
    }

    fn hash(&self, name: &EntryName, code: &[u8]) -> blake3::Hash {
        let mut digest = Digest(blake3::Hasher::new_keyed(&self.0));
        digest.field(name.kind.name().as_bytes()).field(&name.digest).field(code);
        digest.0.finalize()
    }
}

// === impl Kind ===

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Component => "component",
            Self::Snapshot => "snapshot",
        }
    }
}

// === impl EntryName ===

impl EntryName {
    pub(crate) fn new(kind: Kind, digest: Digest) -> Self {
        Self { kind, digest: digest.finish_bytes() }
    }

    pub(super) fn file_name(&self) -> String {
        let mut name = format!("{}-", self.kind.name());
        for byte in self.digest {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name + ENDING
    }
}

// === impl Digest ===

impl Digest {
    pub(crate) fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    pub(crate) fn field(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(crate) fn finish_bytes(self) -> [u8; blake3::OUT_LEN] {
        self.0.finalize().into()
    }
}

/// For what can only be hashed by way of [`std::hash::Hash`], which separates its own fields.
impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Half of it is thrown away: use [`Digest::finish_bytes`].
    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        hash.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}
