//! What one connection does and when, and how long it may go on like that.
//!
//! `serve::noted` tells of bytes, `serve::connection` of requests, and asks now and then what is due: noting costs a request
//! some nanoseconds, and no timer is set or reset for one. Closes nothing itself.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::ConnectionConfig;

/// The most often that a connection is looked at.
const SHORTEST_LOOK: Duration = Duration::from_millis(20);

/// How many times within its shortest bound a connection is looked at: what is due is found out that much late.
const LOOKS: u32 = 4;

const UNREAD: &str = "its client does not read its answer";

/// One connection's doings. All times are nanoseconds since its begin; 0 stands for none.
#[derive(Debug)]
pub(crate) struct Activity {
    begin: Instant,
    bounds: Bounds,
    under_way: AtomicU32,
    requests: AtomicU64,
    /// Whether requests come side by side, as in HTTP/2: bytes between them may be about anything.
    multiplexed: AtomicBool,
    /// When the first byte of a head came, until all of it is there.
    head_since: AtomicU64,
    /// When the last request ended.
    idle_since: AtomicU64,
    /// Since when the client reads less than is written, and how much it read meanwhile.
    stalled_since: AtomicU64,
    read_meanwhile: AtomicU64,
    /// For each answer that is on its way beside others: since when a part of it waits for the client.
    waiting: Mutex<Vec<Arc<AtomicU64>>>,
}

/// One answer's waiting for its client: HTTP/2's windows let a client leave one and read the others.
#[derive(Debug)]
pub(crate) struct HandOver {
    activity: Arc<Activity>,
    since: Arc<AtomicU64>,
}

/// Of [`ConnectionConfig`], what is judged here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    header: Duration,
    idle: Duration,
    write: Duration,
    least_rate: u32,
    max_requests: u64,
}

/// What is to be done about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// Nothing until then.
    Later(Instant),
    /// It is to end once what is under way is answered.
    Close(&'static str),
    /// It is to end now: nothing good can come of it.
    Cut(&'static str),
}

/// A request that is under way, whatever ends it.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Activity>);

// === impl UnderWay ===

impl UnderWay {
    /// Its answer's handing over.
    pub(crate) fn hand_over(&self) -> HandOver {
        let since = Arc::new(AtomicU64::new(self.0.now()));
        self.0.waiting().push(Arc::clone(&since));
        HandOver { activity: Arc::clone(&self.0), since }
    }
}

// === impl HandOver ===

impl HandOver {
    /// The client had room, and was given a part; or there is none to give yet.
    pub(crate) fn note(&self, given: bool) {
        self.since.store(if given { self.activity.now() } else { 0 }, Ordering::Relaxed);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

// === impl Due ===

impl Due {
    /// Why, for the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Later(_) => "nothing is due",
            Self::Close(why) | Self::Cut(why) => why,
        }
    }
}

// === impl Bounds ===

impl Bounds {
    pub(crate) fn new(config: &ConnectionConfig) -> Self {
        Self {
            header: config.header_timeout,
            idle: config.idle_timeout,
            write: config.write_timeout,
            least_rate: config.least_body_rate,
            max_requests: config.max_requests.unwrap_or(u64::MAX),
        }
    }

    fn look(&self) -> Duration {
        (self.header.min(self.idle).min(self.write) / LOOKS).max(SHORTEST_LOOK)
    }
}

// === impl Activity ===

impl Activity {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            begin: Instant::now(),
            bounds,
            under_way: AtomicU32::new(0),
            requests: AtomicU64::new(0),
            multiplexed: AtomicBool::new(false),
            head_since: AtomicU64::new(0),
            idle_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            read_meanwhile: AtomicU64::new(0),
            waiting: Mutex::default(),
        }
    }

    /// Bytes came from the client.
    pub(crate) fn received(&self) {
        if self.under_way.load(Ordering::Relaxed) == 0
            && !self.multiplexed.load(Ordering::Relaxed)
            && self.head_since.load(Ordering::Relaxed) == 0
        {
            self.head_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The client takes no more bytes for now.
    pub(crate) fn stalled(&self) {
        if self.stalled_since.load(Ordering::Relaxed) == 0 {
            self.read_meanwhile.store(0, Ordering::Relaxed);
            self.stalled_since.store(self.now(), Ordering::Relaxed);
        }
    }

    /// The client took so many bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        if self.stalled_since.load(Ordering::Relaxed) != 0 {
            self.read_meanwhile.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// The client took all that there is.
    pub(crate) fn flushed(&self) {
        if self.stalled_since.load(Ordering::Relaxed) != 0 {
            self.stalled_since.store(0, Ordering::Relaxed);
        }
    }

    /// A request's head is there. It is under way until what is answered is dropped; also whether it is the last one that
    /// this connection may bring.
    pub(crate) fn begin(activity: Arc<Self>, multiplexed: bool) -> (UnderWay, bool) {
        let last = activity.begin_request(multiplexed);
        (UnderWay(activity), last)
    }

    fn begin_request(&self, multiplexed: bool) -> bool {
        if multiplexed {
            self.multiplexed.store(true, Ordering::Relaxed);
        }
        self.head_since.store(0, Ordering::Relaxed);
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed) + 1 >= self.bounds.max_requests
    }

    fn end_request(&self) {
        self.idle_since.store(self.now(), Ordering::Relaxed);
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    /// What is due at `now`.
    pub(crate) fn due(&self, now: Instant) -> Due {
        let time = |since: &AtomicU64| self.begin + Duration::from_nanos(since.load(Ordering::Relaxed));
        let look = |until: Instant| Due::Later(until.min(now + self.bounds.look()));
        if self.stalled_since.load(Ordering::Relaxed) != 0 {
            let until = time(&self.stalled_since) + self.bounds.write + self.earned();
            return if now >= until { Due::Cut(UNREAD) } else { look(until) };
        }
        // Its own deadline, and its body's rate, bound a request that is under way.
        if self.under_way.load(Ordering::Relaxed) > 0 {
            let left = self.is_left(now);
            return if left { Due::Cut(UNREAD) } else { Due::Later(now + self.bounds.look()) };
        }
        let requests = self.requests.load(Ordering::Relaxed);
        if requests >= self.bounds.max_requests {
            return Due::Close("it brought as many requests as it may");
        }
        if requests == 0 {
            let until = self.begin + self.bounds.header;
            return if now >= until {
                Due::Cut("its first request did not come in time")
            } else {
                look(until)
            };
        }
        if self.head_since.load(Ordering::Relaxed) != 0 {
            let until = time(&self.head_since) + self.bounds.header;
            return if now >= until {
                Due::Cut("a request's head did not come in time")
            } else {
                look(until)
            };
        }
        let until = time(&self.idle_since) + self.bounds.idle;
        if now >= until { Due::Close("it is idle") } else { look(until) }
    }

    /// For how long no request has been under way and no answer on its way; `None` while one is.
    pub(crate) fn idle_for(&self, now: Instant) -> Option<Duration> {
        let busy =
            self.under_way.load(Ordering::Relaxed) > 0 || self.stalled_since.load(Ordering::Relaxed) != 0;
        let since = self.begin + Duration::from_nanos(self.idle_since.load(Ordering::Relaxed));
        (!busy).then(|| now.saturating_duration_since(since))
    }

    /// Whether its client leaves an answer unread, whatever it does about others.
    fn is_left(&self, now: Instant) -> bool {
        if !self.multiplexed.load(Ordering::Relaxed) {
            return false;
        }
        let mut waiting = self.waiting();
        // Those that are gone have nobody else to hold them.
        waiting.retain(|since| Arc::strong_count(since) > 1);
        waiting.iter().map(|since| since.load(Ordering::Relaxed)).filter(|since| *since != 0).any(|since| {
            now.saturating_duration_since(self.begin + Duration::from_nanos(since)) >= self.bounds.write
        })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<AtomicU64>>> {
        // Nothing under the lock leaves it half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time that a client which reads an answer slowly has earned by what it read.
    fn earned(&self) -> Duration {
        match self.bounds.least_rate {
            0 => Duration::ZERO,
            rate => {
                let read = self.read_meanwhile.load(Ordering::Relaxed);
                Duration::try_from_secs_f64(read as f64 / f64::from(rate)).unwrap_or(Duration::MAX / 2)
            }
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CUT: fn(&Due) -> bool = |due| matches!(due, Due::Cut(_));

    fn activity(max_requests: Option<u64>) -> Activity {
        Activity::new(Bounds::new(&ConnectionConfig {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(20),
            least_body_rate: 100,
            max_requests,
            ..ConnectionConfig::default()
        }))
    }

    /// What is due so many seconds from now.
    fn due_in(activity: &Activity, seconds: u64) -> Due {
        activity.due(Instant::now() + Duration::from_secs(seconds))
    }

    #[test]
    fn a_connection_without_its_first_request_ends_after_the_time_for_a_head() {
        let activity = activity(None);
        assert!(matches!(due_in(&activity, 9), Due::Later(_)));
        assert!(CUT(&due_in(&activity, 11)));
        activity.received();
        assert!(CUT(&due_in(&activity, 11)), "a trickle of bytes buys no time");
    }

    #[test]
    fn between_requests_it_may_be_idle_and_a_head_once_begun_has_its_own_time() {
        let activity = activity(None);
        activity.received();
        assert!(!activity.begin_request(false));
        assert!(matches!(due_in(&activity, 1000), Due::Later(_)), "a request has its own deadline");
        activity.received();
        activity.end_request();
        assert!(matches!(due_in(&activity, 59), Due::Later(_)));
        assert_eq!(due_in(&activity, 61), Due::Close("it is idle"));
        activity.received();
        assert!(matches!(due_in(&activity, 9), Due::Later(_)));
        assert!(CUT(&due_in(&activity, 11)));
        assert!(!activity.begin_request(false));
        activity.end_request();
        assert!(matches!(due_in(&activity, 11), Due::Later(_)));
    }

    #[test]
    fn bytes_between_the_requests_of_http2_are_no_head() {
        let activity = activity(None);
        activity.begin_request(true);
        activity.end_request();
        activity.received();
        assert!(matches!(due_in(&activity, 59), Due::Later(_)));
        assert_eq!(due_in(&activity, 61), Due::Close("it is idle"));
    }

    #[test]
    fn who_does_not_read_is_cut_off_and_who_reads_slowly_has_what_it_earns() {
        let activity = activity(None);
        activity.begin_request(false);
        activity.stalled();
        assert!(matches!(due_in(&activity, 19), Due::Later(_)));
        assert!(CUT(&due_in(&activity, 21)));
        activity.sent(1000);
        assert!(matches!(due_in(&activity, 29), Due::Later(_)));
        assert!(CUT(&due_in(&activity, 31)));
        activity.flushed();
        assert!(matches!(due_in(&activity, 1000), Due::Later(_)));
        activity.sent(1000);
        activity.stalled();
        assert!(CUT(&due_in(&activity, 21)), "what was read before the stall earns nothing");
    }

    #[test]
    fn who_leaves_one_answer_of_many_is_cut_off_and_one_that_is_not_there_yet_is_not_left() {
        let activity = Arc::new(activity(None));
        let (under_way, _) = Activity::begin(Arc::clone(&activity), true);
        let (other, _) = Activity::begin(Arc::clone(&activity), true);
        let answer = under_way.hand_over();
        assert!(matches!(due_in(&activity, 19), Due::Later(_)));
        assert!(CUT(&due_in(&activity, 21)));
        answer.note(false);
        assert!(matches!(due_in(&activity, 1000), Due::Later(_)), "the model takes its time");
        answer.note(true);
        assert!(CUT(&due_in(&activity, 21)));
        drop((answer, under_way));
        assert!(matches!(due_in(&activity, 1000), Due::Later(_)));
        assert!(activity.waiting().is_empty());
        drop(other);
    }

    #[test]
    fn the_last_request_that_it_may_bring_is_said_to_be() {
        let activity = activity(Some(2));
        assert!(!activity.begin_request(false));
        activity.end_request();
        assert!(activity.begin_request(false));
        assert!(matches!(due_in(&activity, 0), Due::Later(_)));
        activity.end_request();
        assert!(matches!(due_in(&activity, 0), Due::Close(_)));
    }

    #[test]
    fn idle_is_who_has_no_request_under_way() {
        let activity = activity(None);
        let later = Instant::now() + Duration::from_secs(5);
        assert!(activity.idle_for(later).is_some_and(|time| time >= Duration::from_secs(4)));
        activity.begin_request(false);
        assert_eq!(activity.idle_for(later), None);
        activity.end_request();
        assert!(activity.idle_for(later).is_some());
    }

    #[test]
    fn looks_are_no_further_apart_than_a_part_of_the_shortest_bound() {
        let now = Instant::now();
        let activity = activity(None);
        activity.begin_request(false);
        assert_eq!(activity.due(now), Due::Later(now + Duration::from_millis(2500)));
    }
}
