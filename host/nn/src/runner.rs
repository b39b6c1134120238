//! The thread that owns a session and works its queue.
//!
//! `graph.rs` submits jobs and awaits their answers; the thread takes one at a time, runs it and answers through a
//! oneshot. It holds no handle to its graph, so the last handle's drop can end it. Every job that is accepted is
//! answered exactly once, whatever the run does: a panic in it is an error like others. Tasks are woken, and dropped,
//! only outside the lock.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mlhost_wire::values::{NamedTensor, Tensor};
use tokio::sync::oneshot;

use crate::NnError;
use crate::queue::{Queue, Queued, Taken};

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

struct Shared {
    graph: String,
    state: Mutex<State>,
    wake: Condvar,
    switch: Arc<dyn Switch>,
}

struct State {
    queue: Queue<Entry>,
    /// The number of the next entry.
    next: u64,
    /// The entry being run.
    running: Option<u64>,
    /// Whether `switch` was thrown since the last run began.
    thrown: bool,
    closed: bool,
}

struct Entry {
    number: u64,
    job: Job,
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
    pub(crate) fn start(graph: &str, max_queue: usize, executor: impl Execute) -> io::Result<Self> {
        let state =
            State { queue: Queue::new(max_queue), next: 0, running: None, thrown: false, closed: false };
        let shared = Arc::new(Shared {
            graph: graph.to_owned(),
            state: Mutex::new(state),
            wake: Condvar::new(),
            switch: executor.switch(),
        });
        // `spawn` panics on a name with a zero byte.
        let name = format!("nn-{}", graph.replace('\0', ""));
        let thread = thread::Builder::new().name(name).spawn({
            let shared = Arc::clone(&shared);
            move || shared.work(executor)
        })?;
        Ok(Self { shared, thread: Some(thread) })
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
            if state.running.is_some() {
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
        let mut state = self.lock();
        if state.closed {
            return Err(NnError::Stopped);
        }
        let number = state.next;
        let pushed = state.queue.push(Entry { number, job, deadline, reply });
        if pushed.is_ok() {
            state.next += 1;
        }
        drop(state);
        // A refused entry comes back and is dropped here, outside the lock.
        pushed.map_err(|_| NnError::QueueFull)?;
        self.wake.notify_one();
        Ok(Waiting { shared: self, number, reply: receiver, answered: false })
    }

    /// The thread's whole life.
    fn work(&self, mut executor: impl Execute) {
        while let Some(Taken { ready, late }) = self.next() {
            for entry in late {
                entry.answer(Err(NnError::Deadline));
            }
            if let Some(entry) = ready {
                let outcome = catch_unwind(AssertUnwindSafe(|| executor.execute(&entry.job)));
                self.lock().running = None;
                entry.answer(outcome.unwrap_or_else(|payload| Err(self.panicked(&*payload))));
            }
        }
    }

    /// Waits for entries; `None` once the runner is closed.
    fn next(&self) -> Option<Taken<Entry>> {
        let mut state = self.lock();
        while state.queue.is_empty() && !state.closed {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return None;
        }
        let taken = state.queue.take(Instant::now());
        state.running = taken.ready.as_ref().map(|entry| entry.number);
        if std::mem::take(&mut state.thrown) {
            self.switch.reset();
        }
        Some(taken)
    }

    fn panicked(&self, payload: &(dyn Any + Send)) -> NnError {
        NnError::Runtime { graph: self.graph.clone(), message: panic_text(payload) }
    }
}

// === impl Entry ===

impl Entry {
    fn answer(self, outcome: Outcome) {
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
        if state.running == Some(self.number) {
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
