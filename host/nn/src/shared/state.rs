//! What the lock in `shared.rs` protects: the queue, who is on its way to work it, and the run in progress.
//!
//! Used by `shared.rs` alone. Nothing here blocks or calls out.

use std::thread::ThreadId;
use std::time::Instant;

use tokio::runtime;

use crate::entry::Entry;
use crate::pace::{Pace, Place};
use crate::queue::{Next, Queue};
use crate::runner::RunnerOptions;
use crate::tally::Tally;
use crate::worth::Worth;

/// What the lock protects.
pub(crate) struct State {
    pub(crate) queue: Queue<Entry>,
    /// The number of the next entry.
    pub(super) next: u64,
    /// The entries being run whose callers still wait.
    pub(super) running: Vec<u64>,
    /// Whether `switch` was thrown since the last run began.
    pub(super) thrown: bool,
    pub(super) closed: bool,
    pub(super) pace: Pace,
    pub(super) worth: Worth,
    pub(crate) tally: Tally,
    /// Whether runs may be done elsewhere than on the thread.
    pub(super) inline: bool,
    /// The runtimes that have a task on its way to run what waits of their calls.
    pub(super) gathering: Vec<runtime::Id>,
    /// When a run outside the thread began, while it goes on, and whether it was stopped for taking too long.
    pub(super) short_run: Option<Instant>,
    pub(super) overran: bool,
    /// Such runs since the thread looked last.
    pub(super) short_runs: u32,
    /// Whether the thread waits to be woken and does not look by itself.
    pub(super) asleep: bool,
    /// Who is between taking entries and their last answer.
    pub(super) working: Option<ThreadId>,
}

// === impl State ===

impl State {
    pub(super) fn new(options: RunnerOptions) -> Self {
        Self {
            queue: Queue::new(options.max_queue, options.limits),
            next: 0,
            running: Vec::new(),
            thrown: false,
            closed: false,
            pace: Pace::new(),
            worth: Worth::new(),
            tally: Tally::default(),
            // Whoever waits for company is timed by the thread: the runtime's clock ticks too coarsely.
            inline: options.inline && options.limits.delay.is_zero(),
            gathering: Vec::new(),
            short_run: None,
            overran: false,
            short_runs: 0,
            asleep: false,
            working: None,
        }
    }

    /// Where the next run is done.
    pub(super) fn place(&self) -> Place {
        if self.inline { self.pace.place() } else { Place::Thread }
    }

    /// A run outside the thread begins; answers whether the thread has to be woken to look after it.
    pub(super) fn begin_short(&mut self, now: Instant) -> bool {
        self.short_run = Some(now);
        self.short_runs += 1;
        std::mem::take(&mut self.asleep)
    }

    pub(super) fn end_short(&mut self) {
        (self.short_run, self.overran) = (None, false);
    }

    /// Whether something waits that is the thread's to run.
    pub(super) fn is_for_thread(&self, now: Instant) -> bool {
        self.short_run.is_none() && self.queue.next(now) == Next::Take && self.has_orphans()
    }

    /// Whether something waits that no task is on its way for.
    pub(super) fn has_orphans(&self) -> bool {
        self.queue.any(|entry| !entry.is_gathered(&self.gathering))
    }

    /// Whether a call of this runtime waits.
    pub(super) fn waits_at(&self, home: runtime::Id) -> bool {
        self.queue.any(|entry| entry.home == Some(home))
    }
}
