//! How many runs a graph has had of each size, and how long they took.
//!
//! `shared.rs` counts each run here, under the lock that it holds anyway; statistics and metrics are made of it. Bounded,
//! whatever sizes callers choose. Pure: no clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// Runs of more rows are counted under the next power of two.
const EXACT: u64 = 256;

/// Runs of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SizeCount {
    /// Rows along the first axis of the inputs; above 256 the next power of two.
    pub rows: u64,
    /// Runs.
    pub runs: u64,
    /// How long they took together.
    pub time: Duration,
}

/// All runs by their size.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sizes: BTreeMap<u64, (u64, Duration)>,
}

// === impl Tally ===

impl Tally {
    pub(crate) fn ran(&mut self, rows: u64, took: Duration) {
        let size = if rows > EXACT { rows.checked_next_power_of_two().unwrap_or(u64::MAX) } else { rows };
        let (runs, time) = self.sizes.entry(size).or_default();
        *runs += 1;
        *time = time.saturating_add(took);
    }

    /// In the order of their sizes.
    pub(crate) fn counts(&self) -> Vec<SizeCount> {
        self.sizes
            .iter()
            .map(|(rows, (runs, time))| SizeCount { rows: *rows, runs: *runs, time: *time })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact_up_to_a_bound_and_then_powers_of_two() {
        let mut tally = Tally::default();
        for rows in 1..=100_000 {
            tally.ran(rows, Duration::from_nanos(1));
        }
        tally.ran(u64::MAX, Duration::from_nanos(1));
        let counts = tally.counts();
        assert!(counts.len() < 300, "{}", counts.len());
        assert_eq!(counts[31], SizeCount { rows: 32, runs: 1, time: Duration::from_nanos(1) });
        assert_eq!(counts[256], SizeCount { rows: 512, runs: 256, time: Duration::from_nanos(256) });
        assert_eq!(counts.iter().map(|count| count.runs).sum::<u64>(), 100_001);
    }
}
