//! The bounded queue before a graph: who waits, in which order, who is run together, and who has waited too long.
//!
//! `runner.rs` holds one behind its lock. Pure: no threads, no clock of its own (`now` is passed in), and it answers
//! nobody itself, since an answer wakes a task and that must not happen under the lock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What a queue needs to know of an entry.
pub(crate) trait Queued {
    /// When its answer stops being of use.
    fn deadline(&self) -> Instant;
    /// Whether nobody waits for its answer any more.
    fn is_cancelled(&self) -> bool;
    /// What it weighs in a batch; `None` where it has to be run alone.
    fn load(&self) -> Option<Load>;
    /// Whether both can be run as one; asked only of entries with a load.
    fn joins(&self, other: &Self) -> bool;
}

/// What an entry weighs in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    /// Along the first axis of its tensors, at least 1.
    pub(crate) rows: u64,
    /// Of all its tensors together.
    pub(crate) elements: u64,
}

/// How much is run at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    /// At most so many rows, unless one entry alone has more. 1 and below: every entry is run alone.
    pub(crate) rows: u64,
    /// At most so many elements, unless one entry alone has more.
    pub(crate) elements: u64,
    /// How long the first entry may wait for others; zero never waits.
    pub(crate) delay: Duration,
}

/// Entries in order of arrival, at most as many as its bound.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    entries: VecDeque<Arrived<E>>,
    bound: usize,
    limits: BatchLimits,
    /// The most elements that are worth one run.
    worth: u64,
}

#[derive(Debug)]
struct Arrived<E> {
    entry: E,
    at: Instant,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing waits.
    Idle,
    /// The first entry may wait for others until then.
    Wait(Instant),
    /// There is something to take.
    Take,
}

/// What left the queue in one [`Queue::take`]. Every entry in it must be answered.
#[derive(Debug)]
pub(crate) struct Taken<E> {
    /// The first entry that is still worth a run, and all that join it within the limits, in order of arrival.
    pub(crate) batch: Vec<E>,
    /// Entries that are not: expired or cancelled, to be answered with the deadline.
    pub(crate) late: Vec<E>,
}

// === impl Queue ===

impl<E: Queued> Queue<E> {
    /// An empty queue for at most `bound` entries.
    pub(crate) fn new(bound: usize, limits: BatchLimits) -> Self {
        Self { entries: VecDeque::new(), bound, limits, worth: u64::MAX }
    }

    /// Appends an entry, or gives it back when the queue is full.
    pub(crate) fn push(&mut self, entry: E, now: Instant) -> Result<(), E> {
        if self.entries.len() >= self.bound {
            return Err(entry);
        }
        self.entries.push_back(Arrived { entry, at: now });
        Ok(())
    }

    /// How many entries wait.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// From now on every entry is run alone.
    pub(crate) fn stop_batching(&mut self) {
        self.limits = BatchLimits { rows: 1, elements: 0, delay: Duration::ZERO };
    }

    /// From now on no more elements than so many are joined, even where the limits have room.
    pub(crate) fn join_at_most(&mut self, elements: u64) {
        self.worth = elements;
    }

    /// Whether to take, to wait for more, or that there is nothing.
    pub(crate) fn next(&self, now: Instant) -> Next {
        let Some(first) = self.entries.front() else { return Next::Idle };
        let until = first.at + self.limits.delay;
        if until <= now || !self.is_live(first, now) || self.is_full(now) {
            return Next::Take;
        }
        // Whoever waits longer than its deadline waits for nothing.
        Next::Wait(until.min(first.entry.deadline()))
    }

    /// Whether there is such an entry.
    pub(crate) fn any(&self, such: impl Fn(&E) -> bool) -> bool {
        self.entries.iter().any(|arrived| such(&arrived.entry))
    }

    /// Of `such` entries, removes the first one worth a run with all that join it, and those that are not worth one.
    /// What does not join stays where it is: it comes to the front by and by, so nothing waits for ever.
    pub(crate) fn take(&mut self, now: Instant, such: impl Fn(&E) -> bool) -> Taken<E> {
        let mut taken = Taken { batch: Vec::new(), late: Vec::new() };
        let mut room: Option<Load> = None;
        let mut kept = VecDeque::new();
        while let Some(arrived) = self.entries.pop_front() {
            if !such(&arrived.entry) {
                kept.push_back(arrived);
            } else if !self.is_live(&arrived, now) {
                taken.late.push(arrived.entry);
            } else if taken.batch.is_empty() {
                room = self.room_after(&arrived.entry);
                taken.batch.push(arrived.entry);
            } else if let Some(left) = self.room_with(room, &taken.batch[0], &arrived.entry) {
                room = Some(left);
                taken.batch.push(arrived.entry);
            } else {
                kept.push_back(arrived);
            }
            // Full, or to be run alone: the rest is for later.
            if !taken.batch.is_empty() && room.is_none_or(|room| room.rows == 0 || room.elements == 0) {
                break;
            }
        }
        kept.append(&mut self.entries);
        self.entries = kept;
        taken
    }

    /// Removes everything, in order.
    pub(crate) fn drain(&mut self) -> Vec<E> {
        self.entries.drain(..).map(|arrived| arrived.entry).collect()
    }

    fn is_live(&self, arrived: &Arrived<E>, now: Instant) -> bool {
        arrived.entry.deadline() > now && !arrived.entry.is_cancelled()
    }

    /// Whether what waits fills a batch already.
    fn is_full(&self, now: Instant) -> bool {
        let mut live = self.entries.iter().filter(|arrived| self.is_live(arrived, now));
        let Some(first) = live.next() else { return true };
        let Some(mut room) = self.room_after(&first.entry) else { return true };
        for arrived in live {
            match self.room_with(Some(room), &first.entry, &arrived.entry) {
                Some(left) if left.rows > 0 && left.elements > 0 => room = left,
                Some(_) => return true,
                // One that joins and does not fit ends the batch; one that does not join says nothing about it.
                None if arrived.entry.load().is_some() && first.entry.joins(&arrived.entry) => return true,
                None => {}
            }
        }
        false
    }

    /// What is left for others beside a batch's first entry; `None` where it is run alone.
    fn room_after(&self, first: &E) -> Option<Load> {
        let load = first.load()?;
        let rows = self.limits.rows.checked_sub(load.rows).filter(|rows| *rows > 0)?;
        let most = self.limits.elements.min(self.worth);
        let elements = most.checked_sub(load.elements).filter(|elements| *elements > 0)?;
        Some(Load { rows, elements })
    }

    /// What is left once `entry` is in the batch that `first` began; `None` where it does not join or fit.
    fn room_with(&self, room: Option<Load>, first: &E, entry: &E) -> Option<Load> {
        let (room, load) = (room?, entry.load()?);
        let rows = room.rows.checked_sub(load.rows)?;
        let elements = room.elements.checked_sub(load.elements)?;
        first.joins(entry).then_some(Load { rows, elements })
    }
}

#[cfg(test)]
mod tests;
