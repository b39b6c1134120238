//! What a graph's callers, its thread and its task share: the queue, and who runs what waits in it.
//!
//! `runner.rs` pushes entries, [`Shared::work`] is the thread's life, `gatherer.rs` is the task. Runs are done by one at a
//! time, whoever holds the worker: where they are long, the thread, which a caller wakes; where they have proved to be
//! short, a task of the callers' runtime that is polled behind all that is ready there, so that what was asked for
//! meanwhile is one run. For those no thread is woken, neither for a run nor by its answers: the graph's own then only
//! looks after them, and a run that goes on for too long is stopped and done again on it. What has no task on its way is
//! the thread's to run, so nothing waits for ever. Nothing under the state's lock calls out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::oneshot;

use crate::entry::Entry;
use crate::gatherer;
use crate::pace::Place;
use crate::queue::{Next, Taken};
use crate::runner::{Execute, Job, RunnerOptions, Switch, Waiting};
use crate::spent::Run;
use crate::worker::Worker;
use crate::{NnError, batch};

mod state;

use state::State;

/// How long a run outside the thread may hold up the asynchronous runtime before it is stopped.
const PATIENCE: Duration = Duration::from_millis(10);

/// How often the thread looks after such runs, while there are any.
const LOOK: Duration = Duration::from_millis(5);

/// What callers, thread and task share.
pub(crate) struct Shared {
    pub(crate) graph: String,
    state: Mutex<State>,
    /// Held while it runs; locked before `state` where both are. `None` once the runner is gone.
    worker: Mutex<Option<Worker>>,
    /// Wakes the thread.
    wake: Condvar,
    switch: Arc<dyn Switch>,
    pub(crate) runs: AtomicU64,
    pub(crate) rows: AtomicU64,
}

/// What came of a task's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Nothing waits for it, or what waits is the thread's.
    Over,
    /// Somebody waits for the next run.
    Again,
    /// Another one runs.
    Busy,
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(graph: &str, options: RunnerOptions, executor: impl Execute) -> Self {
        let switch = executor.switch();
        let state = State::new(options);
        Self {
            graph: graph.to_owned(),
            state: Mutex::new(state),
            worker: Mutex::new(Some(Worker::new(executor))),
            wake: Condvar::new(),
            switch,
            runs: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock leaves it half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job and wakes whoever is to run it.
    pub(crate) fn push<'s>(self: &'s Arc<Self>, job: Job, deadline: Instant) -> Result<Waiting<'s>, NnError> {
        let (reply, receiver) = oneshot::channel();
        let (load, now) = (batch::load(&job), Instant::now());
        let runtime = runtime::Handle::try_current().ok();
        let home = runtime.as_ref().map(runtime::Handle::id);
        let mut state = self.lock();
        if state.closed {
            return Err(NnError::Stopped);
        }
        let number = state.next;
        let pushed = state.queue.push(Entry { number, job, load, deadline, reply, home }, now);
        let gathered = home.is_some_and(|home| state.gathering.contains(&home));
        let gatherer = runtime.filter(|_| pushed.is_ok() && state.place() != Place::Thread && !gathered);
        if pushed.is_ok() {
            state.next += 1;
            state.gathering.extend(gatherer.as_ref().map(runtime::Handle::id));
        }
        drop(state);
        // A refused entry comes back and is dropped here, outside the lock.
        pushed.map_err(|_| NnError::QueueFull)?;
        match gatherer {
            Some(runtime) => gatherer::spawn(self, &runtime),
            None if gathered => {}
            None => self.wake.notify_one(),
        }
        Ok(Waiting { shared: self, number, reply: receiver, answered: false })
    }

    /// This runtime has no task on its way any more: what waits of its calls is the thread's.
    pub(crate) fn end_gathering(&self, home: runtime::Id) {
        let waits = {
            let mut state = self.lock();
            state.gathering.retain(|other| *other != home);
            state.has_orphans()
        };
        if waits {
            self.wake.notify_one();
        }
    }

    /// The thread's whole life.
    pub(crate) fn work(&self) {
        while self.wait() {
            let mut seat = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(worker) = seat.as_mut() else { return };
            let now = Instant::now();
            let mut state = self.lock();
            if !state.is_for_thread(now) {
                continue;
            }
            let taken = self.take(&mut state, now, None);
            drop(state);
            worker.run(self, taken);
            self.lock().working = None;
        }
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until there is something for the thread to take, and looks after the task meanwhile; false once the runner
    /// is closed.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.closed || state.is_for_thread(now) {
                return !state.closed;
            }
            state = match state.queue.next(now) {
                // While runs are a task's, the thread looks after them.
                _ if !state.gathering.is_empty()
                    || state.short_run.is_some()
                    || state.place() != Place::Thread =>
                {
                    self.look_after(state, now)
                }
                Next::Wait(until) => {
                    let waited = self.wake.wait_timeout(state, until.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Next::Idle | Next::Take => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn look_after<'s>(&self, mut state: MutexGuard<'s, State>, now: Instant) -> MutexGuard<'s, State> {
        if state.short_run.is_some_and(|began| now.saturating_duration_since(began) > PATIENCE)
            && !state.overran
        {
            state.overran = true;
            state.thrown = true;
            self.switch.stop();
            state.pace.overran();
        }
        if state.short_run.is_none() && std::mem::take(&mut state.short_runs) == 0 {
            state.asleep = true;
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.asleep = false;
            return state;
        }
        self.wake.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0
    }

    /// The worker, unless somebody else runs.
    fn try_seat(&self) -> Option<MutexGuard<'_, Option<Worker>>> {
        match self.worker.try_lock() {
            Ok(seat) => Some(seat),
            Err(TryLockError::Poisoned(seat)) => Some(seat.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The turn of a runtime's task: one run of what waits of that runtime's calls.
    pub(crate) fn gather(&self, home: runtime::Id) -> Turn {
        let Some(mut seat) = self.try_seat() else { return Turn::Busy };
        let Some(worker) = seat.as_mut() else { return Turn::Over };
        let now = Instant::now();
        let mut state = self.lock();
        if state.closed || state.place() == Place::Thread || !state.waits_at(home) {
            return Turn::Over;
        }
        let taken = self.take(&mut state, now, Some(home));
        let wake = state.begin_short(now);
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        worker.run(self, taken);
        let mut state = self.lock();
        state.end_short();
        state.working = None;
        if state.closed {
            drop(state);
            // Its last handle was dropped by one of the answers.
            *seat = None;
            return Turn::Over;
        }
        if state.waits_at(home) { Turn::Again } else { Turn::Over }
    }

    /// Takes from one runtime's calls, or from those that no task will run.
    fn take(&self, state: &mut State, now: Instant, home: Option<runtime::Id>) -> Taken<Entry> {
        let gathering = &state.gathering;
        let taken = state.queue.take(now, |entry| match home {
            Some(_) => entry.home == home,
            None => !entry.is_gathered(gathering),
        });
        state.working = Some(thread::current().id());
        state.running.clear();
        state.running.extend(taken.batch.iter().map(|entry| entry.number));
        self.start(state);
        taken
    }

    /// A run of this entry alone begins.
    pub(crate) fn begin(&self, entry: u64) {
        let mut state = self.lock();
        state.running.clear();
        state.running.push(entry);
        self.start(&mut state);
    }

    /// A run begins: it is stopped once nobody waits for any of its entries. One that overran stays stopped.
    fn start(&self, state: &mut State) {
        if !state.overran && std::mem::take(&mut state.thrown) {
            self.switch.reset();
        }
    }

    /// The run of this job, begun then, ended. Answers whether it was stopped for taking too long, too.
    pub(crate) fn end(&self, job: &Job, began: Instant) -> (Run, bool) {
        let took = began.elapsed();
        let load = batch::load(job);
        let rows = load.map_or(1, |load| load.rows);
        let overran = {
            let mut state = self.lock();
            state.running.clear();
            state.pace.ran(took);
            state.tally.ran(rows, took);
            if let Some(load) = load
                && state.worth.ran(load.elements, took)
            {
                let worth = state.worth.limit();
                state.queue.join_at_most(worth);
            }
            state.overran
        };
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        tracing::trace!(graph = self.graph, rows, "run");
        (Run { began, took, rows }, overran)
    }

    /// A caller waits for this entry no more; a run that nobody waits for is stopped. Under the lock, so that no later
    /// entry's run is stopped in its place.
    pub(crate) fn give_up(&self, number: u64) {
        let mut state = self.lock();
        let Some(position) = state.running.iter().position(|running| *running == number) else { return };
        state.running.swap_remove(position);
        if state.running.is_empty() {
            self.switch.stop();
            state.thrown = true;
        }
    }

    /// From now on every entry is run alone.
    pub(crate) fn stop_batching(&self, reason: &str) {
        self.lock().queue.stop_batching();
        tracing::warn!(graph = self.graph, reason, "the graph is served without batching from now on");
    }

    pub(crate) fn failed(&self, message: String) -> NnError {
        NnError::Runtime { graph: self.graph.clone(), message }
    }

    /// Takes no more entries, stops a run in progress and ends the thread; gives back who still waits.
    pub(crate) fn close(&self) -> Vec<Entry> {
        let left = {
            let mut state = self.lock();
            state.closed = true;
            if !state.running.is_empty() {
                self.switch.stop();
            }
            state.queue.drain()
        };
        self.wake.notify_one();
        left
    }

    /// Whether the caller was called from within a run's answers.
    pub(crate) fn is_working_here(&self) -> bool {
        self.lock().working == Some(thread::current().id())
    }

    /// Closes the session, after a run in progress.
    pub(crate) fn end_worker(&self) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests;
