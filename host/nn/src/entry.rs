//! A job that waits for its run, as the queue and the runs see it.
//!
//! Made by `shared.rs` for each call, taken out of the queue in batches, answered by `worker.rs`. Answering wakes a task:
//! never under a lock.

use std::time::Instant;

use tokio::runtime;
use tokio::sync::oneshot;

use crate::batch;
use crate::queue::{Load, Queued};
use crate::runner::{Job, Outcome, Reply};
use crate::spent::Run;

/// A job that waits, and how it is answered.
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) job: Job,
    pub(crate) load: Option<Load>,
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Reply>,
    /// The caller's runtime, if it has one.
    pub(crate) home: Option<runtime::Id>,
}

// === impl Entry ===

impl Entry {
    /// Whether a task is on its way for it.
    pub(crate) fn is_gathered(&self, gathering: &[runtime::Id]) -> bool {
        self.home.is_some_and(|home| gathering.contains(&home))
    }

    /// `run` is the one that it was answered by, where there was one.
    pub(crate) fn answer(self, outcome: Outcome, run: Option<Run>) {
        // Nobody listens any more when the caller gave up.
        let _ = self.reply.send(Reply::Done(outcome, run));
    }

    /// Gives the job back to be submitted again.
    pub(crate) fn send_back(self) {
        let _ = self.reply.send(Reply::Again(self.job));
    }
}

impl Queued for Entry {
    fn deadline(&self) -> Instant {
        self.deadline
    }

    fn is_cancelled(&self) -> bool {
        self.reply.is_closed()
    }

    fn load(&self) -> Option<Load> {
        self.load
    }

    fn joins(&self, other: &Self) -> bool {
        batch::joins(&self.job, &other.job)
    }
}
