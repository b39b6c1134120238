//! What one release of a model has done since it was loaded: counts and times.
//!
//! Each [`crate::deployment::Release`] has one. `serve::handler` records every request; the V2 protocol's statistics and
//! `/metrics` read it. Written without a lock, by each thread in a place of its own, and summed up by whoever asks.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mlhost_nn::SizeCount;
use mlhost_sandbox::TrapKind;

use super::histogram::{DURATIONS, Distribution, Histogram, MEMORIES};
use super::routed::{Choice, Comparison};
use super::stages::{Stage, Stages};

/// Most places that threads write in.
const MOST_SHARDS: usize = 16;

/// More protocols than there are.
const PROTOCOLS: usize = 16;

/// The statuses that are told apart; whatever else there may be is counted as 0.
const STATUSES: [u16; 29] = [
    0, 200, 201, 202, 204, 206, 301, 304, 307, 308, 400, 401, 403, 404, 405, 406, 408, 409, 413, 415, 422,
    429, 431, 499, 500, 501, 503, 504, 507,
];

/// Counts and times of one release.
pub struct Statistics {
    shards: Box<[Shard]>,
    /// The protocols' names, by their numbers.
    names: [OnceLock<&'static str>; PROTOCOLS],
    traps: [AtomicU64; TrapKind::ALL.len()],
    comparisons: [AtomicU64; Comparison::ALL.len()],
    /// Milliseconds since the epoch; 0 before the first.
    last_inference: AtomicU64,
}

/// One answered request.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// The protocol's number and name.
    pub protocol: (usize, &'static str),
    /// The HTTP status, or what a protocol's own amounts to.
    pub status: u16,
    /// From its head's arrival to its answer.
    pub total: Duration,
    /// What took how long.
    pub stages: &'a Stages,
}

/// How often something happened, and how long that took in all, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often.
    pub count: u64,
    /// How long.
    pub nanoseconds: u64,
}

/// What the V2 protocol's statistics say of a release, in the terms of Triton's extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it last answered a prediction, in milliseconds since the epoch; 0 where it never did.
    pub last_inference: u64,
    /// Rows of all predictions that were answered.
    pub inference_count: u64,
    /// Runs of its graphs: several predictions may have been in one, and one may take several.
    pub execution_count: u64,
    /// Predictions that were answered, from arrival to answer.
    pub success: Tally,
    /// Predictions that failed.
    pub fail: Tally,
    /// Of those answered: waiting for graphs' runs.
    pub queue: Tally,
    /// Of those answered: from bytes to a call.
    pub compute_input: Tally,
    /// Of those answered: in the guest and in graphs' runs.
    pub compute_infer: Tally,
    /// Of those answered: from the reply to bytes.
    pub compute_output: Tally,
    /// Runs by their size, smallest first.
    pub batches: Vec<SizeTally>,
}

/// Runs of graphs with so many rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeTally {
    /// Rows.
    pub size: u64,
    /// How many such runs, and how long they took.
    pub compute_infer: Tally,
}

/// Everything that was counted, summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Protocol, status, count; only what there was.
    pub requests: Vec<(&'static str, u16, u64)>,
    /// By [`Stage::ALL`], in nanoseconds.
    pub stages: Vec<Distribution>,
    /// Whole predictions, in nanoseconds.
    pub total: Distribution,
    /// Guests' memories, in bytes.
    pub memory: Distribution,
    /// By [`TrapKind::ALL`].
    pub traps: Vec<u64>,
    /// Rows that were asked about in predictions that were answered.
    pub rows: u64,
    /// Predictions that it was to answer, by [`Choice::ALL`].
    pub choices: [u64; Choice::ALL.len()],
    /// Requests that it was to be asked as a shadow, by [`Comparison::ALL`].
    pub comparisons: [u64; Comparison::ALL.len()],
    success: Tally,
    fail: Tally,
    /// Of predictions that were answered, by [`Stage::ALL`].
    answered: [u64; Stage::ALL.len()],
}

/// What some of the threads have counted. On cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    requests: [[AtomicU64; STATUSES.len()]; PROTOCOLS],
    stages: [Histogram<{ DURATIONS.len() + 1 }>; Stage::ALL.len()],
    total: Histogram<{ DURATIONS.len() + 1 }>,
    memory: Histogram<{ MEMORIES.len() + 1 }>,
    rows: AtomicU64,
    choices: [AtomicU64; Choice::ALL.len()],
    success: AtomicTally,
    fail: AtomicTally,
    answered: [AtomicU64; Stage::ALL.len()],
}

#[derive(Debug, Default)]
struct AtomicTally {
    count: AtomicU64,
    nanoseconds: AtomicU64,
}

// === impl Statistics ===

impl Default for Statistics {
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            shards: (0..threads.min(MOST_SHARDS)).map(|_| Shard::default()).collect(),
            names: [const { OnceLock::new() }; PROTOCOLS],
            traps: Default::default(),
            comparisons: Default::default(),
            last_inference: AtomicU64::new(0),
        }
    }
}

impl Statistics {
    /// It is to answer a prediction, because of that.
    pub fn chosen(&self, by: Choice) {
        if let Some(count) = self.shard().and_then(|shard| shard.choices.get(by as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// It was to be asked as a shadow, and that came of it.
    pub fn compared(&self, outcome: Comparison) {
        if let Some(count) = self.comparisons.get(outcome as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts one request.
    pub fn record(&self, record: &Record<'_>) {
        let Some(shard) = self.shard() else { return };
        let (number, name) = record.protocol;
        let status = STATUSES.iter().position(|status| *status == record.status).unwrap_or(0);
        if let (Some(counts), Some(known)) = (shard.requests.get(number), self.names.get(number)) {
            known.get_or_init(|| name);
            if let Some(count) = counts.get(status) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
        let stages = record.stages;
        if !stages.predicted {
            return;
        }
        shard.record(record, stages);
        if let Some(count) = stages.trap.and_then(|trap| self.traps.get(trap as usize)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if record.status < 400 {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.last_inference.store(u64::try_from(now.as_millis()).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// Everything so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let stages = &mut totals.stages;
        stages.resize(Stage::ALL.len(), Distribution::default());
        for (number, name) in self.names.iter().enumerate() {
            let Some(name) = name.get() else { continue };
            for (position, status) in STATUSES.iter().enumerate() {
                let count =
                    |shard: &Shard| Some(shard.requests.get(number)?.get(position)?.load(Ordering::Relaxed));
                let count: u64 = self.shards.iter().filter_map(count).sum();
                if count > 0 {
                    totals.requests.push((name, *status, count));
                }
            }
        }
        for shard in &self.shards {
            shard.add_to(&mut totals);
        }
        totals.traps = self.traps.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        add(&mut totals.comparisons, self.comparisons.iter().map(|count| count.load(Ordering::Relaxed)));
        totals
    }

    /// In the terms of the V2 protocol; `sizes` are its graphs' runs.
    #[must_use]
    pub fn snapshot(&self, sizes: &[SizeCount]) -> Snapshot {
        let totals = self.totals();
        let count = totals.success.count;
        let took = |wanted: &[Stage]| Tally {
            count,
            nanoseconds: wanted.iter().filter_map(|stage| totals.answered.get(*stage as usize)).sum(),
        };
        Snapshot {
            last_inference: self.last_inference.load(Ordering::Relaxed),
            inference_count: totals.rows,
            execution_count: sizes.iter().map(|size| size.runs).sum(),
            success: totals.success,
            fail: totals.fail,
            queue: took(&[Stage::Queue]),
            compute_input: took(&[Stage::Decode]),
            compute_infer: took(&[Stage::Compute, Stage::Guest]),
            compute_output: took(&[Stage::Encode]),
            batches: sizes
                .iter()
                .map(|size| SizeTally {
                    size: size.rows,
                    compute_infer: Tally { count: size.runs, nanoseconds: nanoseconds(size.time) },
                })
                .collect(),
        }
    }

    /// Where this thread counts.
    fn shard(&self) -> Option<&Shard> {
        self.shards.get(thread_number() % self.shards.len().max(1))
    }
}

// === impl Shard ===

impl Shard {
    fn record(&self, record: &Record<'_>, stages: &Stages) {
        for (stage, histogram) in Stage::ALL.into_iter().zip(&self.stages) {
            // What was not reached took no time, and says nothing of how long it takes.
            let took = nanoseconds(stages.of(stage));
            if took > 0 {
                histogram.observe(&DURATIONS, took);
            }
        }
        let total = nanoseconds(record.total);
        self.total.observe(&DURATIONS, total);
        if stages.memory_bytes > 0 {
            self.memory.observe(&MEMORIES, stages.memory_bytes);
        }
        if record.status >= 400 {
            self.fail.add(total);
            return;
        }
        self.success.add(total);
        self.rows.fetch_add(stages.rows, Ordering::Relaxed);
        for (stage, answered) in Stage::ALL.into_iter().zip(&self.answered) {
            answered.fetch_add(nanoseconds(stages.of(stage)), Ordering::Relaxed);
        }
    }

    fn add_to(&self, totals: &mut Totals) {
        for (histogram, total) in self.stages.iter().zip(&mut totals.stages) {
            histogram.add_to(total);
        }
        self.total.add_to(&mut totals.total);
        self.memory.add_to(&mut totals.memory);
        totals.rows += self.rows.load(Ordering::Relaxed);
        add(&mut totals.choices, self.choices.iter().map(|count| count.load(Ordering::Relaxed)));
        self.success.add_to(&mut totals.success);
        self.fail.add_to(&mut totals.fail);
        for (answered, total) in self.answered.iter().zip(&mut totals.answered) {
            *total += answered.load(Ordering::Relaxed);
        }
    }
}

// === impl AtomicTally ===

impl AtomicTally {
    fn add(&self, nanoseconds: u64) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn add_to(&self, tally: &mut Tally) {
        tally.count += self.count.load(Ordering::Relaxed);
        tally.nanoseconds += self.nanoseconds.load(Ordering::Relaxed);
    }
}

// === impl Totals ===

impl Totals {
    /// Both together, as of a release that was loaded again.
    pub fn add(&mut self, other: &Self) {
        for (protocol, status, count) in &other.requests {
            match self.requests.iter_mut().find(|(name, known, _)| name == protocol && known == status) {
                Some((_, _, mine)) => *mine += count,
                None => self.requests.push((protocol, *status, *count)),
            }
        }
        self.stages.resize(Stage::ALL.len(), Distribution::default());
        for (mine, theirs) in self.stages.iter_mut().zip(&other.stages) {
            mine.add(theirs);
        }
        self.total.add(&other.total);
        self.memory.add(&other.memory);
        self.traps.resize(TrapKind::ALL.len(), 0);
        add(&mut self.traps, other.traps.iter().copied());
        add(&mut self.choices, other.choices);
        add(&mut self.comparisons, other.comparisons);
        self.rows += other.rows;
    }
}

fn add(mine: &mut [u64], theirs: impl IntoIterator<Item = u64>) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

/// This thread's number: which place it writes in.
pub(super) fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    NUMBER.get()
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
