//! The bounded queue before a graph: who waits, in which order, and who has waited too long.
//!
//! `runner.rs` holds one behind its lock. Pure: no threads, no clock of its own (`now` is passed in), and it answers
//! nobody itself, since an answer wakes a task and that must not happen under the lock. Batching grows here: it
//! turns [`Taken::ready`] into every entry that fits together.

use std::collections::VecDeque;
use std::time::Instant;

/// What a queue needs to know of an entry.
pub(crate) trait Queued {
    /// When its answer stops being of use.
    fn deadline(&self) -> Instant;
    /// Whether nobody waits for its answer any more.
    fn is_cancelled(&self) -> bool;
}

/// Entries in order of arrival, at most as many as its bound.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    entries: VecDeque<E>,
    bound: usize,
}

/// What left the queue in one [`Queue::take`]. Every entry in it must be answered.
#[derive(Debug)]
pub(crate) struct Taken<E> {
    /// The first entry that is still worth a run.
    pub(crate) ready: Option<E>,
    /// The entries before it that are not: expired or cancelled, to be answered with the deadline.
    pub(crate) late: Vec<E>,
}

// === impl Queue ===

impl<E: Queued> Queue<E> {
    /// An empty queue for at most `bound` entries.
    pub(crate) fn new(bound: usize) -> Self {
        Self { entries: VecDeque::new(), bound }
    }

    /// Appends an entry, or gives it back when the queue is full.
    pub(crate) fn push(&mut self, entry: E) -> Result<(), E> {
        if self.entries.len() >= self.bound {
            return Err(entry);
        }
        self.entries.push_back(entry);
        Ok(())
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Removes the first entry worth a run, and those before it that are not.
    pub(crate) fn take(&mut self, now: Instant) -> Taken<E> {
        let mut late = Vec::new();
        while let Some(entry) = self.entries.pop_front() {
            if entry.deadline() > now && !entry.is_cancelled() {
                return Taken { ready: Some(entry), late };
            }
            late.push(entry);
        }
        Taken { ready: None, late }
    }

    /// Removes everything, in order.
    pub(crate) fn drain(&mut self) -> Vec<E> {
        self.entries.drain(..).collect()
    }
}

#[cfg(test)]
mod tests;
