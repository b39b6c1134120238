//! A histogram that is observed without a lock: one addition to a bucket, one to the sum.
//!
//! Used by `observe::statistics`, in as many copies as threads write at one time. prometheus-client's own takes a lock for
//! every observation.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of durations, in nanoseconds: from a small graph's run to the longest request by default.
pub const DURATIONS: [u64; 21] = [
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// Upper bounds of guests' memories, in bytes: from one page of 64 KiB to 1 GiB.
pub const MEMORIES: [u64; 8] = [1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 26, 1 << 28, 1 << 30];

/// Upper bounds of runs' sizes, in rows.
pub const SIZES: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// Counts by upper bound; `N` is one more than there are bounds.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    buckets: [AtomicU64; N],
    sum: AtomicU64,
}

/// What a histogram came to: one count for each bound and one for what is above them, not summed up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// By bucket.
    pub buckets: Vec<u64>,
    /// Of all values.
    pub sum: u64,
}

// === impl Histogram ===

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; N], sum: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    /// Counts one value.
    pub fn observe(&self, bounds: &[u64], value: u64) {
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Adds what was counted so far to `total`.
    pub fn add_to(&self, total: &mut Distribution) {
        total.buckets.resize(N, 0);
        for (total, count) in total.buckets.iter_mut().zip(&self.buckets) {
            *total += count.load(Ordering::Relaxed);
        }
        total.sum = total.sum.wrapping_add(self.sum.load(Ordering::Relaxed));
    }
}

// === impl Distribution ===

impl Distribution {
    /// How many values there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The values of both.
    pub fn add(&mut self, other: &Self) {
        self.buckets.resize(self.buckets.len().max(other.buckets.len()), 0);
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_belongs_to_the_first_bound_that_is_not_below_it() {
        let histogram = Histogram::<{ SIZES.len() + 1 }>::default();
        for value in [1, 2, 3, 4, 1024, 1025, 1_000_000] {
            histogram.observe(&SIZES, value);
        }
        let mut found = Distribution::default();
        histogram.add_to(&mut found);
        assert_eq!(found.buckets, [1, 1, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!((found.count(), found.sum), (7, 1_002_059));
        let mut twice = found.clone();
        twice.add(&found);
        assert_eq!((twice.count(), twice.sum), (14, 2_004_118));
    }

    #[test]
    fn bounds_rise() {
        assert!(DURATIONS.is_sorted() && MEMORIES.is_sorted() && SIZES.is_sorted());
    }
}
