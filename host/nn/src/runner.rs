//! A graph's queue and the thread that works it, as its callers see them.
//!
//! `graph.rs` submits jobs and awaits their answers; `worker.rs` is the thread, which takes what waits and answers
//! through a oneshot each. The thread holds no handle to its graph, so the last handle's drop can end it. Tasks are
//! woken, and dropped, only outside the lock.

use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mlhost_wire::values::{NamedTensor, Tensor};
use tokio::sync::oneshot;

use crate::queue::{BatchLimits, Load, Next, Queue, Queued, Taken};
use crate::worker::Worker;
use crate::{NnError, batch};

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

/// What a runner's thread owns: a session, or a stand-in in tests.
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

/// What callers and thread share.
pub(crate) struct Shared {
    graph: String,
    state: Mutex<State>,
    wake: Condvar,
    switch: Arc<dyn Switch>,
    runs: AtomicU64,
    rows: AtomicU64,
}

struct State {
    queue: Queue<Entry>,
    /// The number of the next entry.
    next: u64,
    /// The entries being run whose callers still wait.
    running: Vec<u64>,
    /// Whether `switch` was thrown since the last run began.
    thrown: bool,
    closed: bool,
}

/// A job that waits, and how it is answered.
pub(crate) struct Entry {
    pub(crate) number: u64,
    pub(crate) job: Job,
    load: Option<Load>,
    deadline: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// The awaiting side of an entry. Dropped before its answer came, it takes the entry out of the running.
struct Waiting<'r> {
    shared: &'r Shared,
    number: u64,
    reply: oneshot::Receiver<Outcome>,
    answered: bool,
}

// === impl Runner ===

impl Runner {
    /// Starts a thread named `nn-<graph>` that owns `executor`.
    ///
    /// # Errors
    ///
    /// When the operating system has no thread to give.
    pub(crate) fn start(graph: &str, options: RunnerOptions, executor: impl Execute) -> io::Result<Self> {
        let queue = Queue::new(options.max_queue, options.limits);
        let state = State { queue, next: 0, running: Vec::new(), thrown: false, closed: false };
        let shared = Arc::new(Shared {
            graph: graph.to_owned(),
            state: Mutex::new(state),
            wake: Condvar::new(),
            switch: executor.switch(),
            runs: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        });
        // `spawn` panics on a name with a zero byte.
        let name = format!("nn-{}", graph.replace('\0', ""));
        let worker = Worker::new(executor, Arc::clone(&shared));
        let thread = thread::Builder::new().name(name).spawn(move || worker.work())?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// What was run so far.
    pub(crate) fn counts(&self) -> RunCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RunCounts { runs: read(&self.shared.runs), rows: read(&self.shared.rows) }
    }

    /// How many calls wait for their run.
    pub(crate) fn waiting(&self) -> usize {
        self.shared.lock().queue.len()
    }

    /// Queues a job and awaits its answer, until the deadline at most.
    pub(crate) async fn submit(&self, job: Job, deadline: Instant) -> Outcome {
        if deadline <= Instant::now() {
            return Err(NnError::Deadline);
        }
        let mut waiting = self.shared.push(job, deadline)?;
        let outcome = tokio::time::timeout_at(deadline.into(), &mut waiting.reply).await;
        waiting.answered = outcome.is_ok();
        match outcome {
            Ok(Ok(outcome)) => outcome,
            // The sender is gone without an answer: only when the thread is.
            Ok(Err(_)) => Err(NnError::Stopped),
            Err(_) => Err(NnError::Deadline),
        }
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let left = {
            let mut state = self.shared.lock();
            state.closed = true;
            if !state.running.is_empty() {
                self.shared.switch.stop();
            }
            state.queue.drain()
        };
        self.shared.wake.notify_one();
        for entry in left {
            entry.answer(Err(NnError::Stopped));
        }
        let Some(thread) = self.thread.take() else { return };
        // An answer wakes a task, which may own the last handle and be dropped right there: on the runner's own
        // thread, which cannot wait for itself and ends after that answer anyway.
        if thread.thread().id() != thread::current().id() && thread.join().is_err() {
            tracing::error!(graph = self.shared.graph, "the graph's thread panicked");
        }
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, job: Job, deadline: Instant) -> Result<Waiting<'_>, NnError> {
        let (reply, receiver) = oneshot::channel();
        let (load, now) = (batch::load(&job), Instant::now());
        let mut state = self.lock();
        if state.closed {
            return Err(NnError::Stopped);
        }
        let number = state.next;
        let pushed = state.queue.push(Entry { number, job, load, deadline, reply }, now);
        if pushed.is_ok() {
            state.next += 1;
        }
        drop(state);
        // A refused entry comes back and is dropped here, outside the lock.
        pushed.map_err(|_| NnError::QueueFull)?;
        self.wake.notify_one();
        Ok(Waiting { shared: self, number, reply: receiver, answered: false })
    }

    /// Waits for entries; `None` once the runner is closed.
    pub(crate) fn next(&self) -> Option<Taken<Entry>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            state = match state.queue.next(now) {
                Next::Take => {
                    let taken = state.queue.take(now);
                    let numbers = taken.batch.iter().map(|entry| entry.number).collect();
                    self.start(&mut state, numbers);
                    return Some(taken);
                }
                Next::Idle => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Next::Wait(until) => {
                    let waited = self.wake.wait_timeout(state, until.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// A run of this entry alone begins.
    pub(crate) fn begin(&self, entry: u64) {
        self.start(&mut self.lock(), vec![entry]);
    }

    /// A run of these entries begins: it is stopped once nobody waits for any of them.
    fn start(&self, state: &mut State, entries: Vec<u64>) {
        state.running = entries;
        if std::mem::take(&mut state.thrown) {
            self.switch.reset();
        }
    }

    /// The run of this job ended.
    pub(crate) fn end(&self, job: &Job) {
        self.lock().running.clear();
        self.runs.fetch_add(1, Ordering::Relaxed);
        let rows = batch::load(job).map_or(1, |load| load.rows);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        tracing::trace!(graph = self.graph, rows, "run");
    }

    /// From now on every entry is run alone.
    pub(crate) fn stop_batching(&self, reason: &str) {
        self.lock().queue.stop_batching();
        tracing::warn!(graph = self.graph, reason, "the graph is served without batching from now on");
    }

    pub(crate) fn failed(&self, message: String) -> NnError {
        NnError::Runtime { graph: self.graph.clone(), message }
    }
}

// === impl Entry ===

impl Entry {
    pub(crate) fn answer(self, outcome: Outcome) {
        // Nobody listens any more when the caller gave up.
        let _ = self.reply.send(outcome);
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

// === impl Waiting ===

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        // In this order: whoever takes the entry after this sees it cancelled, and whoever took it before has set
        // `running`. Under the lock, so that no later entry's run is stopped in its place.
        self.reply.close();
        let mut state = self.shared.lock();
        let Some(position) = state.running.iter().position(|number| *number == self.number) else { return };
        state.running.swap_remove(position);
        if state.running.is_empty() {
            self.shared.switch.stop();
            state.thrown = true;
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
