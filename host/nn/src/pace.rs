//! Where a graph's next run is done best, by how long its runs take.
//!
//! `shared.rs` tells it how long each run took. Pure: no clock, no threads. What it says is a guess from the past: a
//! run that turns out long is stopped by the graph's thread, which calls [`Pace::overran`].

use std::time::Duration;

/// Up to here a run may hold up one of the asynchronous runtime's threads.
const SHORT: Duration = Duration::from_micros(200);

/// A run moves the estimate by one part in so many, however long it took: one that was interrupted by another process
/// says nothing about the graph.
const STEP: u32 = 8;

/// Runs on the graph's own thread after the first one that overran; twice as many after each further one.
const PENALTY: u32 = 1024;

/// Where to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In a task behind all that is ready, together with what was asked for meanwhile.
    Task,
    /// On the graph's own thread.
    Thread,
}

/// A running estimate of a graph's usual run: about its median.
#[derive(Debug)]
pub(crate) struct Pace {
    usual: Duration,
    /// Runs until the estimate counts again.
    penalty: u32,
    next_penalty: u32,
}

// === impl Pace ===

impl Pace {
    /// Of a graph that has not run yet: not short until it has proved to be.
    pub(crate) fn new() -> Self {
        Self { usual: 2 * SHORT, penalty: 0, next_penalty: PENALTY }
    }

    /// A run took so long.
    pub(crate) fn ran(&mut self, took: Duration) {
        let step = (self.usual / STEP).max(Duration::from_nanos(100));
        self.usual = if took > self.usual {
            (self.usual + step).min(4 * SHORT)
        } else {
            self.usual.saturating_sub(step)
        };
        self.penalty = self.penalty.saturating_sub(1);
    }

    /// A run that was expected to be short had to be stopped.
    pub(crate) fn overran(&mut self) {
        self.penalty = self.next_penalty;
        self.next_penalty = self.next_penalty.saturating_mul(2);
    }

    /// Where the next run is done best.
    pub(crate) fn place(&self) -> Place {
        match self.usual {
            _ if self.penalty > 0 => Place::Thread,
            usual if usual < SHORT => Place::Task,
            _ => Place::Thread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(runs: u32, each: Duration) -> Pace {
        let mut pace = Pace::new();
        (0..runs).for_each(|_| pace.ran(each));
        pace
    }

    #[test]
    fn a_graph_runs_on_its_thread_until_it_has_proved_to_be_short() {
        assert_eq!(Pace::new().place(), Place::Thread);
        assert_eq!(after(2, Duration::from_micros(5)).place(), Place::Thread);
        assert_eq!(after(10, Duration::from_micros(5)).place(), Place::Task);
        assert_eq!(after(1000, Duration::from_micros(50)).place(), Place::Task);
        assert_eq!(after(1000, Duration::from_micros(300)).place(), Place::Thread);
    }

    #[test]
    fn interrupted_runs_do_not_move_it_and_long_ones_do() {
        let mut pace = after(100, Duration::from_micros(5));
        for _ in 0..3 {
            pace.ran(Duration::from_millis(20));
            pace.ran(Duration::from_micros(5));
            assert_eq!(pace.place(), Place::Task);
        }
        (0..40).for_each(|_| pace.ran(Duration::from_millis(20)));
        assert_eq!(pace.place(), Place::Thread);
    }

    #[test]
    fn a_run_that_overran_costs_the_next_thousand_and_each_further_one_twice_as_many() {
        let mut pace = after(100, Duration::from_micros(5));
        for penalty in [PENALTY, 2 * PENALTY, 4 * PENALTY] {
            pace.overran();
            for _ in 0..penalty {
                assert_eq!(pace.place(), Place::Thread);
                pace.ran(Duration::from_micros(5));
            }
            assert_eq!(pace.place(), Place::Task);
        }
    }
}
