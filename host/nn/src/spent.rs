//! Where a call's time went: waiting for its run, and in it.
//!
//! Filled in by `runner.rs` for each call, and summed by whoever computes several times for one request. Says nothing of a
//! call's values. No clock of its own.

use std::time::{Duration, Instant};

/// What graphs took of one request, summed over its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Waiting for runs, runs that were done again included.
    pub queue: Duration,
    /// In runs, whoever else was in them.
    pub compute: Duration,
    /// Runs that answered it.
    pub runs: u32,
    /// Rows in the largest of them, along the first axis of its inputs; others' rows included.
    pub rows: u64,
}

/// One run, as those that it answered are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) rows: u64,
}

// === impl Spent ===

impl Spent {
    /// A call that waited since then came to this end: in a run, or in none.
    pub(crate) fn note(&mut self, since: Instant, run: Option<Run>) {
        let Some(run) = run else {
            self.queue += since.elapsed();
            return;
        };
        self.queue += run.began.saturating_duration_since(since);
        self.compute += run.took;
        self.runs = self.runs.saturating_add(1);
        self.rows = self.rows.max(run.rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_calls_took_adds_up_and_the_largest_run_counts() {
        let since = Instant::now();
        let run =
            |rows| Run { began: since + Duration::from_millis(3), took: Duration::from_millis(4), rows };
        let mut spent = Spent::default();
        spent.note(since, Some(run(32)));
        spent.note(since, Some(run(2)));
        let expected =
            Spent { queue: Duration::from_millis(6), compute: Duration::from_millis(8), runs: 2, rows: 32 };
        assert_eq!(spent, expected);
        spent.note(Instant::now() - Duration::from_millis(5), None);
        assert!(spent.queue >= Duration::from_millis(11) && spent.runs == 2, "{spent:?}");
    }
}
