//! How large a joined run may be before it costs more than smaller ones, learned from the graph's own runs.
//!
//! `shared.rs` tells it how long each run took and lets the queue join no more than it says. Joining pays where a run has
//! a price of its own; where a graph's intermediate values outgrow the processor's cache, a large run takes longer for
//! each row than a small one, and joining then slows everybody down. Pure: no clock.

use std::time::Duration;

/// Sizes are told apart by their power of two; there are no larger ones.
const CLASSES: usize = 33;

/// A class counts once it has so many runs.
const RUNS: u32 = 4;

/// A class is worse than another where an element costs so many times as much.
const WORSE: f64 = 1.1;

/// A run moves its class's cost by one part in so many, whatever it took: an interrupted one says nothing.
const STEP: f64 = 16.0;

/// How often, in runs, it is asked for the limit.
const ASKED: u32 = 16;

/// After so many runs what is known of the sizes above the limit is forgotten, so that they are tried again.
const MEMORY: u32 = 4096;

/// What an element costs in runs of each size.
#[derive(Debug)]
pub(crate) struct Worth {
    classes: [Class; CLASSES],
    runs: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Class {
    runs: u32,
    /// Nanoseconds an element: about the median.
    cost: f64,
}

// === impl Worth ===

impl Worth {
    pub(crate) fn new() -> Self {
        Self { classes: [Class::default(); CLASSES], runs: 0 }
    }

    /// A run of so many elements took so long. Answers whether it is time to ask for the limit again.
    pub(crate) fn ran(&mut self, elements: u64, took: Duration) -> bool {
        let Some(class) = elements.checked_ilog2().and_then(|class| self.classes.get_mut(class as usize))
        else {
            return false;
        };
        class.ran(took.as_nanos() as f64 / elements as f64);
        self.runs += 1;
        if self.runs >= MEMORY {
            self.runs = 0;
            let limit = self.limit();
            for (size, class) in self.classes.iter_mut().enumerate() {
                if 1u64 << size > limit {
                    *class = Class::default();
                }
            }
        }
        self.runs.is_multiple_of(ASKED)
    }

    /// The most elements that are worth one run. Sizes larger than any that ran are: who knows.
    pub(crate) fn limit(&self) -> u64 {
        let known = || self.classes.iter().enumerate().filter(|(_, class)| class.runs >= RUNS);
        let Some(best) = known().map(|(_, class)| class.cost).min_by(f64::total_cmp) else { return u64::MAX };
        let good = known().filter(|(_, class)| class.cost <= best * WORSE).map(|(size, _)| size).max();
        let worse = known().filter(|(_, class)| class.cost > best * WORSE).map(|(size, _)| size).max();
        match (good, worse) {
            // All of the class: its largest has one less than the next class's smallest.
            (Some(good), Some(worse)) if worse > good => (2u64 << good) - 1,
            _ => u64::MAX,
        }
    }
}

// === impl Class ===

impl Class {
    fn ran(&mut self, cost: f64) {
        if self.runs == 0 {
            self.cost = cost;
        } else if self.runs < RUNS {
            // The first ones of a size pay for its memory.
            self.cost = self.cost.min(cost);
        } else {
            let step = self.cost / STEP;
            self.cost += if cost > self.cost { step } else { -step };
        }
        self.runs = self.runs.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph that takes `fixed` a run, and `small` an element up to `cache` elements, twice that beyond.
    fn took(elements: u64, fixed: u64, cache: u64) -> Duration {
        let each = if elements <= cache { 10 } else { 20 };
        Duration::from_nanos(fixed + each * elements)
    }

    fn after(sizes: &[u64], fixed: u64, cache: u64) -> Worth {
        let mut worth = Worth::new();
        for _ in 0..20 {
            for size in sizes {
                worth.ran(*size, took(*size, fixed, cache));
            }
        }
        worth
    }

    #[test]
    fn where_a_run_has_a_price_every_size_is_worth_it() {
        assert_eq!(after(&[4, 64, 128], 5000, u64::MAX).limit(), u64::MAX);
        assert_eq!(Worth::new().limit(), u64::MAX);
    }

    #[test]
    fn a_size_that_costs_more_an_element_than_a_smaller_one_is_not_joined_again() {
        assert_eq!(after(&[2048, 4096, 65536], 0, 8192).limit(), 8191);
        assert_eq!(after(&[2048, 65536], 0, 8192).limit(), 4095);
    }

    #[test]
    fn single_calls_that_are_large_say_nothing_against_small_ones() {
        let worth = after(&[2048, 65536], 0, 8192);
        assert!(worth.limit() >= 2048);
    }

    #[test]
    fn a_few_interrupted_runs_change_nothing() {
        let mut worth = after(&[4, 64, 128], 5000, u64::MAX);
        for _ in 0..3 {
            worth.ran(128, Duration::from_millis(20));
        }
        assert_eq!(worth.limit(), u64::MAX);
    }

    #[test]
    fn what_was_too_large_is_tried_again_by_and_by() {
        let mut worth = after(&[2048, 65536], 0, 8192);
        for _ in 0..MEMORY {
            worth.ran(2048, took(2048, 0, 8192));
        }
        assert_eq!(worth.limit(), u64::MAX);
    }
}
