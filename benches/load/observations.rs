//! What came of the requests of one load: how many of which kind, and how long they took.
//!
//! Filled by `generator.rs`, read by the scenarios. Keeps every single one, twelve bytes each: a percentile is exact.

use std::time::Duration;

use crate::connection::Head;

const OVERLOADED: u16 = 503;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observation {
    late_microseconds: u32,
    latency_microseconds: u32,
    /// 0 for a connection that broke or a request that was given up.
    status: u16,
    retry_after: bool,
}

/// All of one load.
#[derive(Clone, Debug)]
pub(crate) struct Observations {
    pub(crate) seen: Vec<Observation>,
    pub(crate) duration: Duration,
}

/// Those of one kind, and how long they took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) count: usize,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

// === impl Observation ===

impl Observation {
    /// Of a request that was sent `late` after it was due and took `latency` from when it was due.
    pub(crate) fn new(late: Duration, latency: Duration, head: Option<Head>) -> Self {
        let microseconds = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        Self {
            late_microseconds: microseconds(late),
            latency_microseconds: microseconds(latency),
            status: head.map_or(0, |head| head.status),
            retry_after: head.is_some_and(|head| head.retry_after),
        }
    }

    fn is_good(&self) -> bool {
        self.status == 200
    }

    /// Refused as a server should: with a word about when to come again.
    fn is_refused(&self) -> bool {
        self.status == OVERLOADED && self.retry_after
    }
}

// === impl Observations ===

impl Observations {
    pub(crate) fn good(&self) -> Part {
        self.part(Observation::is_good, |one| one.latency_microseconds)
    }

    /// 503 with Retry-After.
    pub(crate) fn refused(&self) -> Part {
        self.part(Observation::is_refused, |one| one.latency_microseconds)
    }

    /// Neither good nor refused: there must be none.
    pub(crate) fn other(&self) -> usize {
        self.seen.iter().filter(|one| !one.is_good() && !one.is_refused()).count()
    }

    /// By how much the generator itself was late.
    pub(crate) fn late(&self) -> Part {
        self.part(|_| true, |one| one.late_microseconds)
    }

    fn part(&self, is_of: impl Fn(&Observation) -> bool, of: impl Fn(&Observation) -> u32) -> Part {
        let mut times: Vec<u32> = self.seen.iter().filter(|one| is_of(one)).map(of).collect();
        times.sort_unstable();
        // The nearest rank: a time that was measured.
        let percentile = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
            Duration::from_micros(times.get(rank).copied().unwrap_or(0).into())
        };
        Part {
            count: times.len(),
            per_second: times.len() as f64 / self.duration.as_secs_f64(),
            p50: percentile(50),
            p99: percentile(99),
            most: percentile(100),
        }
    }
}
