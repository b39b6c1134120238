//! A graph's queue and who works it, as its callers see them.
//!
//! `graph.rs` submits jobs and awaits their answers. Who runs them, the graph's own thread or, where runs have proved to be
//! short, a task beside the caller, is `shared.rs`'s business. The thread holds no handle to the graph, so the last handle's
//! drop can end it. Tasks are woken, and dropped, only outside the lock.

use std::any::Any;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mlhost_wire::values::{NamedTensor, Tensor};
use tokio::sync::oneshot;

use crate::NnError;
use crate::queue::BatchLimits;
use crate::shared::Shared;
use crate::spent::{Run, Spent};
use crate::tally::SizeCount;

/// What a run answers.
pub(crate) type Outcome = Result<Vec<NamedTensor>, NnError>;

/// A call that was found to fit the graph.
#[derive(Debug)]
pub(crate) struct Job {
    /// One tensor for each of the graph's inputs, in its order.
    pub(crate) inputs: Vec<Tensor>,
    /// Positions among the graph's outputs, in the order of the answer.
    pub(crate) outputs: Vec<usize>,
}

/// What comes back for a job.
#[derive(Debug)]
pub(crate) enum Reply {
    /// The outcome, and the run that it came of where there was one.
    Done(Outcome, Option<Run>),
    /// Its run was expected to be short and had to be stopped: to be submitted again, to the thread this time.
    Again(Job),
}

/// Where runs happen: a session, or a stand-in in tests.
pub(crate) trait Execute: Send + 'static {
    /// Runs one job.
    fn execute(&mut self, job: &Job) -> Outcome;
    /// The switch that stops a run from outside.
    fn switch(&self) -> Arc<dyn Switch>;
    /// For each of the graph's outputs whether it belongs to all rows alike; the others have an entry for each row.
    fn shared_outputs(&self) -> Vec<bool>;
}

/// How a runner's queue is worked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunnerOptions {
    /// How many entries may wait.
    pub(crate) max_queue: usize,
    /// What is run together.
    pub(crate) limits: BatchLimits,
    /// Whether runs that have proved to be short are done on the threads of the asynchronous runtime.
    pub(crate) inline: bool,
}

/// What was run so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Runs of the session, joined and alone.
    pub runs: u64,
    /// Rows in them, along the first axis of the inputs; a run without rows counts as one.
    pub rows: u64,
}

/// Stops a run from another thread. Both methods return at once.
pub(crate) trait Switch: Send + Sync {
    /// The run in progress is to end soon, with any outcome.
    fn stop(&self);
    /// The next run may go on to its end.
    fn reset(&self);
}

/// A thread with its queue. Dropping it ends the thread and answers whoever still waits.
pub(crate) struct Runner {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// The awaiting side of an entry. Dropped before its answer came, it takes the entry out of the running.
pub(crate) struct Waiting<'r> {
    pub(crate) shared: &'r Shared,
    pub(crate) number: u64,
    pub(crate) reply: oneshot::Receiver<Reply>,
    pub(crate) answered: bool,
}

// === impl Runner ===

impl Runner {
    /// Starts a thread named `nn-<graph>` for `executor`.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(crate) fn start(graph: &str, options: RunnerOptions, executor: impl Execute) -> io::Result<Self> {
        let shared = Arc::new(Shared::new(graph, options, executor));
        // `spawn` panics on a name with a zero byte.
        let name = format!("nn-{}", graph.replace('\0', ""));
        let working = Arc::clone(&shared);
        let thread = thread::Builder::new().name(name).spawn(move || working.work())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What was run so far.
    pub(crate) fn counts(&self) -> RunCounts {
        let (runs, rows) = (&self.shared.runs, &self.shared.rows);
        RunCounts { runs: runs.load(Ordering::Relaxed), rows: rows.load(Ordering::Relaxed) }
    }

    /// The same by their size.
    pub(crate) fn sizes(&self) -> Vec<SizeCount> {
        self.shared.lock().tally.counts()
    }

    /// How many calls wait for their run.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// Queues a job and awaits its answer, until the deadline at most; adds to `spent` what that took.
    pub(crate) async fn submit(&self, mut job: Job, deadline: Instant, spent: &mut Spent) -> Outcome {
        let since = Instant::now();
        let mut now = since;
        loop {
            if deadline <= now {
                spent.note(since, None);
                return Err(NnError::Deadline);
            }
            let mut waiting = self.shared.push(job, deadline)?;
            match waiting.answer(deadline).await {
                Ok(Reply::Done(outcome, run)) => {
                    spent.note(since, run);
                    return outcome;
                }
                Ok(Reply::Again(same)) => (job, now) = (same, Instant::now()),
                Err(error) => {
                    spent.note(since, None);
                    return Err(error);
                }
            }
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let left = self.shared.close();
        for entry in left {
            entry.answer(Err(NnError::Stopped), None);
        }
        // An answer wakes a task, which may own the last handle and be dropped right there: whoever is working cannot
        // wait for itself, and ends after that answer anyway.
        if self.shared.is_working_here() {
            return;
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(graph = self.shared.graph, "the graph's thread panicked");
        }
        self.shared.end_worker();
    }
}

// === impl Waiting ===

impl Waiting<'_> {
    async fn answer(&mut self, deadline: Instant) -> Result<Reply, NnError> {
        let outcome = tokio::time::timeout_at(deadline.into(), &mut self.reply).await;
        self.answered = outcome.is_ok();
        // The sender is gone without an answer only when the thread is.
        outcome.map_err(|_| NnError::Deadline)?.map_err(|_| NnError::Stopped)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // In this order: whoever takes the entry after this sees it cancelled, and whoever took it before has
            // named it as running.
            self.reply.close();
            self.shared.give_up(self.number);
        }
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

#[cfg(test)]
mod tests;
