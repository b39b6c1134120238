//! How often models were loaded and unloaded, and what they have: for the metrics.
//!
//! Counted by `loader`, read by `observe::metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Loads {
    loaded: AtomicU64,
    failed: AtomicU64,
    unloaded: AtomicU64,
    evicted: AtomicU64,
    woken: AtomicU64,
    bytes: AtomicU64,
    most_bytes: Option<u64>,
}

// === impl Loads ===

impl Loads {
    /// Nothing has happened yet; all models together may have `most_bytes`.
    #[must_use]
    pub fn new(most_bytes: Option<u64>) -> Self {
        Self { most_bytes, ..Self::default() }
    }

    /// What happened, by its name, and how often.
    #[must_use]
    pub fn counts(&self) -> [(&'static str, u64); 5] {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            ("loaded", read(&self.loaded)),
            ("failed", read(&self.failed)),
            ("unloaded", read(&self.unloaded)),
            ("evicted", read(&self.evicted)),
            ("woken", read(&self.woken)),
        ]
    }

    /// What everything that is loaded has, in bytes of its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What it may have, where that is bounded.
    #[must_use]
    pub fn most_bytes(&self) -> Option<u64> {
        self.most_bytes
    }

    /// A version was loaded.
    pub(crate) fn loaded(&self) {
        self.loaded.fetch_add(1, Ordering::Relaxed);
    }

    /// A version could not be loaded.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// So many versions were unloaded, for another reason than memory.
    pub(crate) fn unloaded(&self, versions: usize) {
        self.unloaded.fetch_add(versions as u64, Ordering::Relaxed);
    }

    /// A model was unloaded for want of memory.
    pub(crate) fn evicted(&self) {
        self.evicted.fetch_add(1, Ordering::Relaxed);
    }

    /// A model was brought back by a request.
    pub(crate) fn woken(&self) {
        self.woken.fetch_add(1, Ordering::Relaxed);
    }

    /// What everything that is loaded has now.
    pub(crate) fn holds(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }
}
