//! How far a download is, for whoever shows it.
//!
//! [`Progress`] is the caller's; [`Meter`] adds up what the downloads report.

use std::sync::Mutex;

/// Is told how far a download is. Called often: at every piece of every file.
pub trait Progress: Send + Sync {
    /// A download begins: of `what`, with so many bytes where that is known. Part of them may be there already.
    fn begins(&self, what: &str, total: Option<u64>);
    /// So many bytes are there. Goes back where a file has to be begun anew.
    fn advances(&self, bytes: u64);
    /// All of it is there, or the download was given up.
    fn ends(&self);
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

/// The bytes of all files of one download.
pub(crate) struct Meter<'a> {
    progress: &'a dyn Progress,
    bytes: Mutex<u64>,
}

// === impl Silent ===

impl Progress for Silent {
    fn begins(&self, _what: &str, _total: Option<u64>) {}

    fn advances(&self, _bytes: u64) {}

    fn ends(&self) {}
}

// === impl Meter ===

impl<'a> Meter<'a> {
    pub(crate) fn begin(progress: &'a dyn Progress, what: &str, total: Option<u64>) -> Self {
        progress.begins(what, total);
        Self { progress, bytes: Mutex::new(0) }
    }

    /// One file had `before` bytes and has `now`.
    pub(crate) fn moved(&self, before: u64, now: u64) {
        let mut bytes = self.bytes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *bytes = bytes.saturating_sub(before).saturating_add(now);
        self.progress.advances(*bytes);
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        self.progress.ends();
    }
}
