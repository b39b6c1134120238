//! A guest's words in the host's log: `mlhost:guest/log`, standard output and standard error.
//!
//! Every call has a budget; what is over is dropped and counted, and the count is logged when the call ends. Control
//! characters are escaped, so that no guest can forge a line of ours. Never blocks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::bindings::mlhost::guest::log::{Host, Level};
use crate::state::GuestState;

/// Log lines longer than this are cut: one line must stay readable.
const LINE_BYTES: usize = 8 << 10;

/// What a line costs besides its text, so that empty lines are not free.
const LINE_COST: usize = 64;

/// One call's log. Shared with the call's standard streams.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    guest: Arc<str>,
    left: AtomicUsize,
    dropped: AtomicU64,
}

// === impl Journal ===

impl Journal {
    pub(crate) fn new(guest: Arc<str>, log_bytes: usize) -> Self {
        Self {
            shared: Arc::new(Shared { guest, left: AtomicUsize::new(log_bytes), dropped: AtomicU64::new(0) }),
        }
    }

    /// Writes one line, or counts it as dropped.
    pub(crate) fn write(&self, level: Level, message: &str) {
        let line = cut(message, LINE_BYTES);
        let cost = line.len() + LINE_COST;
        let paid = self
            .shared
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(cost));
        if paid.is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let line = printable(line);
        let guest = &*self.shared.guest;
        match level {
            Level::Trace => tracing::trace!(target: "guest", guest, "{line}"),
            Level::Debug => tracing::debug!(target: "guest", guest, "{line}"),
            Level::Info => tracing::info!(target: "guest", guest, "{line}"),
            Level::Warn => tracing::warn!(target: "guest", guest, "{line}"),
            Level::Error => tracing::error!(target: "guest", guest, "{line}"),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let dropped = *self.dropped.get_mut();
        if dropped > 0 {
            tracing::warn!(target: "guest", guest = &*self.guest, dropped, "log lines over the call's budget were dropped");
        }
    }
}

impl Host for GuestState {
    fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.journal.write(level, &message);
        Ok(())
    }
}

/// The longest prefix of at most `bytes` bytes that ends between characters.
fn cut(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The text with its control characters escaped.
fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if character.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_forged() {
        assert_eq!(printable("a\nERROR b\u{1b}[0m ä"), "a\\nERROR b\\u{1b}[0m ä");
    }

    #[test]
    fn a_line_is_cut_between_characters() {
        assert_eq!(cut("aä", 2), "a");
        assert_eq!(cut("aä", 3), "aä");
    }

    #[test]
    fn what_is_over_the_budget_is_dropped_and_counted() {
        let journal = Journal::new("g".into(), 2 * (LINE_COST + 1));
        for _ in 0..5 {
            journal.write(Level::Info, "x");
        }
        assert_eq!(journal.shared.dropped.load(Ordering::Relaxed), 3);
    }
}
