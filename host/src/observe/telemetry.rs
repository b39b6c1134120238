//! What every request of the server reports to, whatever model it is for.
//!
//! One a process, made with the service; `serve` records, `observe::metrics` reads.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use super::limit::LimitCounts;
use super::statistics::{Statistics, thread_number};

/// Most places that threads count requests under way in.
const SHARDS: usize = 16;

/// Counts of the whole server.
#[derive(Default)]
pub struct Telemetry {
    /// Requests that no release is known for: other routes, and what was refused before that.
    pub others: Statistics,
    /// Bounds that were met.
    pub limits: LimitCounts,
    under_way: [Padded; SHARDS],
    abandoned: AtomicU64,
    spans_dropped: AtomicU64,
    /// Samples that were written, and those that were not.
    samples: (AtomicU64, AtomicU64),
    /// Connections that were accepted, and those that have ended.
    connections: (AtomicU64, AtomicU64),
}

/// A request that is under way until this is dropped.
pub struct UnderWay<'t> {
    telemetry: &'t Telemetry,
    place: usize,
    answered: bool,
}

/// On a cache line of its own.
#[derive(Default)]
#[repr(align(128))]
struct Padded(AtomicI64);

// === impl Telemetry ===

impl Telemetry {
    /// A request begins.
    pub fn begin(&self) -> UnderWay<'_> {
        let place = thread_number() % SHARDS;
        self.add(place, 1);
        UnderWay { telemetry: self, place, answered: false }
    }

    /// How many requests are under way.
    #[must_use]
    pub fn under_way(&self) -> i64 {
        self.under_way.iter().map(|shard| shard.0.load(Ordering::Relaxed)).sum::<i64>().max(0)
    }

    /// How many requests ended without an answer because their caller was gone.
    #[must_use]
    pub fn abandoned(&self) -> u64 {
        self.abandoned.load(Ordering::Relaxed)
    }

    /// The traces of so many requests are not sent.
    pub fn drop_spans(&self, requests: u64) {
        self.spans_dropped.fetch_add(requests, Ordering::Relaxed);
    }

    /// Of how many requests the traces were not sent.
    #[must_use]
    pub fn spans_dropped(&self) -> u64 {
        self.spans_dropped.load(Ordering::Relaxed)
    }

    /// Of requests that were to be written down, so many were, and so many were not.
    pub fn note_samples(&self, written: u64, dropped: u64) {
        self.samples.0.fetch_add(written, Ordering::Relaxed);
        self.samples.1.fetch_add(dropped, Ordering::Relaxed);
    }

    /// How many were and were not.
    #[must_use]
    pub fn samples(&self) -> (u64, u64) {
        (self.samples.0.load(Ordering::Relaxed), self.samples.1.load(Ordering::Relaxed))
    }

    /// A connection was accepted.
    pub fn connected(&self) {
        self.connections.0.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection ended.
    pub fn disconnected(&self) {
        self.connections.1.fetch_add(1, Ordering::Relaxed);
    }

    /// How many connections were accepted, and how many of them are open.
    #[must_use]
    pub fn connections(&self) -> (u64, u64) {
        // In this order, so that there are never more ended than accepted.
        let ended = self.connections.1.load(Ordering::Acquire);
        let accepted = self.connections.0.load(Ordering::Acquire);
        (accepted, accepted.saturating_sub(ended))
    }

    fn add(&self, place: usize, count: i64) {
        if let Some(shard) = self.under_way.get(place) {
            shard.0.fetch_add(count, Ordering::Relaxed);
        }
    }
}

// === impl UnderWay ===

impl UnderWay<'_> {
    /// It was answered.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.telemetry.add(self.place, -1);
        if !self.answered {
            self.telemetry.abandoned.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_under_way_until_it_is_answered_or_given_up() {
        let telemetry = Telemetry::default();
        let (first, second) = (telemetry.begin(), telemetry.begin());
        assert_eq!(telemetry.under_way(), 2);
        first.answered();
        drop(second);
        assert_eq!((telemetry.under_way(), telemetry.abandoned()), (0, 1));
    }

    #[test]
    fn connections_are_those_that_have_not_ended() {
        let telemetry = Telemetry::default();
        telemetry.connected();
        telemetry.connected();
        telemetry.disconnected();
        assert_eq!(telemetry.connections(), (2, 1));
    }
}
