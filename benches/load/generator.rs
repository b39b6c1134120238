//! The load generator: open-loop at a rate that does not care how the server does, or closed-loop at its pace.
//!
//! Called by the scenarios. Open-loop, a request has the time at which it was meant to be sent, and its latency counts
//! from there: a server that stalls is charged for everyone who would have come meanwhile (no coordinated omission). One
//! thread, with a higher priority where the system grants it: what it waits for a core is not the server's doing.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::connection::{Connection, Head};
use crate::observations::{Observation, Observations};

/// Longer than any scenario lets a request take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Below the servers' own, so that the generator gets its core first.
const NICENESS: i32 = -10;

/// Where requests go, and what they are.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) port: u16,
    pub(crate) request: Arc<[u8]>,
    /// Open-loop: the most that wait for an answer at one time; whoever comes then is late, and its latency says so.
    pub(crate) connections: usize,
}

/// When closed-loop callers stop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Elapsed(Duration),
    Requests(usize),
}

/// Runs `work` on a thread of its own with a runtime and, where the system grants it, a priority above the servers'.
/// Servers are started outside of it: they would inherit the priority.
pub(crate) fn prioritised<T: Send>(work: impl AsyncFnOnce() -> T + Send) -> anyhow::Result<T> {
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            // SAFETY: no memory is involved. On Linux it is this thread's alone, and that of those it starts.
            let granted = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICENESS) } == 0;
            if !granted {
                crate::say(
                    "!!! the generator runs at the servers' priority: its own waiting is in the latencies",
                );
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            Ok(runtime.block_on(work()))
        });
        worker.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the generator panicked")))
    })
}

/// Sends `rate` requests a second for a while, at random distances (a Poisson process), whatever the server does.
pub(crate) async fn open_loop(target: &Target, rate: f64, duration: Duration) -> Observations {
    let arrivals: Arc<[Duration]> = arrivals(rate, duration).into();
    let due = Arc::new(Semaphore::new(0));
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    let start = Instant::now() + Duration::from_millis(50);
    for _ in 0..target.connections {
        let (target, arrivals) = (target.clone(), Arc::clone(&arrivals));
        let (due, next) = (Arc::clone(&due), Arc::clone(&next));
        callers.spawn(async move {
            let (mut caller, mut seen) = (Caller::new(target), Vec::new());
            // Closed once all arrivals have gone out.
            while let Ok(permit) = due.acquire().await {
                permit.forget();
                let Some(arrival) = arrivals.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                seen.push(caller.call(start + *arrival).await);
            }
            seen
        });
    }
    // A thread's sleep is good to 60 us, the runtime's timer to a millisecond.
    let pacer = thread::spawn(move || {
        for arrival in arrivals.iter() {
            thread::sleep((start + *arrival).saturating_duration_since(Instant::now()));
            due.add_permits(1);
        }
        // One more for each caller: it finds no arrival and ends.
        due.add_permits(Semaphore::MAX_PERMITS / 2);
    });
    let seen = callers.join_all().await.concat();
    // It has nothing left to do: every arrival was taken.
    let _ = pacer.join();
    Observations { seen, duration }
}

/// As many callers as there are connections, each sending its next request when the last was answered. `done` counts
/// the answers as they come.
pub(crate) async fn closed_loop(target: &Target, until: Until, done: &Arc<AtomicUsize>) -> Observations {
    let started = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..target.connections {
        let (target, started, done) = (target.clone(), Arc::clone(&started), Arc::clone(done));
        callers.spawn(async move {
            let (mut caller, mut seen) = (Caller::new(target), Vec::new());
            loop {
                let goes_on = match until {
                    Until::Elapsed(duration) => start.elapsed() < duration,
                    Until::Requests(most) => started.fetch_add(1, Ordering::Relaxed) < most,
                };
                if !goes_on {
                    return seen;
                }
                seen.push(caller.call(Instant::now()).await);
                done.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let seen = callers.join_all().await.concat();
    Observations { seen, duration: start.elapsed() }
}

/// The times of arrivals from the start: exponential distances, the same in every run.
fn arrivals(rate: f64, duration: Duration) -> Vec<Duration> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut at = 0.0;
    let distances = std::iter::repeat_with(move || {
        at -= random.unit().ln() / rate;
        at
    });
    distances.take_while(|at| *at < duration.as_secs_f64()).map(Duration::from_secs_f64).collect()
}

/// SplitMix64: enough for distances.
struct Random(u64);

// === impl Random ===

impl Random {
    /// Above 0, at most 1.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (((mixed ^ (mixed >> 31)) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// One caller with one connection, opened again when it broke.
struct Caller {
    target: Target,
    connection: Option<Connection>,
}

// === impl Caller ===

impl Caller {
    fn new(target: Target) -> Self {
        Self { target, connection: None }
    }

    /// Sends one request that was due at `intended`.
    async fn call(&mut self, intended: Instant) -> Observation {
        let sent = Instant::now();
        let head = match tokio::time::timeout(PATIENCE, self.exchange()).await {
            Ok(Ok(head)) => Some(head),
            Ok(Err(_)) | Err(_) => None,
        };
        if head.is_none() {
            self.connection = None;
        }
        Observation::new(sent.saturating_duration_since(intended), intended.elapsed(), head)
    }

    async fn exchange(&mut self) -> io::Result<Head> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => self.connection.insert(Connection::open(self.target.port).await?),
        };
        connection.exchange(&self.target.request).await
    }
}
