//! The clock that interrupts guests: one thread that moves the engine's epoch on every millisecond.
//!
//! It sleeps while no guest runs, so that an idle server wakes nobody. `guest.rs` holds a [`Running`] around each
//! call; never called from inside a guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// How often a guest can be interrupted.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// How many ticks without a running guest until the thread parks. Parking after each call would cost the next
/// one a system call to wake it.
const IDLE_TICKS: u32 = 200;

/// Owns the thread; dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Keeps the ticker awake while it lives.
pub(crate) struct Running<'a> {
    shared: &'a Shared,
}

#[derive(Default)]
struct Shared {
    running: AtomicUsize,
    parked: AtomicBool,
    stop: AtomicBool,
}

// === impl Ticker ===

impl Ticker {
    /// Calls `tick` every millisecond while a guest runs.
    pub(crate) fn start(tick: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        let thread = thread::Builder::new().name("epoch".into()).spawn(move || seen.work(tick))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// A guest runs from now until the guard is dropped.
    pub(crate) fn running(&self) -> Running<'_> {
        self.shared.running.fetch_add(1, Ordering::SeqCst);
        if self.shared.parked.load(Ordering::SeqCst)
            && let Some(thread) = self.thread()
        {
            thread.unpark();
        }
        Running { shared: &self.shared }
    }

    /// Whether a guest runs.
    pub(crate) fn is_in_use(&self) -> bool {
        self.shared.running.load(Ordering::Relaxed) > 0
    }

    fn thread(&self) -> Option<&Thread> {
        self.thread.as_ref().map(JoinHandle::thread)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // A panicking tick has nothing left to tell anyone.
            let _ = thread.join();
        }
    }
}

// === impl Running ===

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.shared.running.fetch_sub(1, Ordering::SeqCst);
    }
}

// === impl Shared ===

impl Shared {
    fn work(&self, tick: impl Fn()) {
        let mut idle = 0;
        while !self.stop.load(Ordering::SeqCst) {
            if self.running.load(Ordering::SeqCst) > 0 {
                idle = 0;
            } else {
                idle += 1;
            }
            if idle > IDLE_TICKS {
                self.park();
                idle = 0;
            } else {
                thread::sleep(TICK);
                tick();
            }
        }
    }

    /// Sequentially consistent on both sides: either the caller sees `parked` and wakes this thread, or this
    /// thread sees the caller in `running` and does not park. A stray wake-up costs one round of idle ticks.
    fn park(&self) {
        self.parked.store(true, Ordering::SeqCst);
        if self.running.load(Ordering::SeqCst) == 0 && !self.stop.load(Ordering::SeqCst) {
            thread::park();
        }
        self.parked.store(false, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_parked_ticker_wakes_for_a_guest_and_ends_when_dropped() {
        let (sender, ticks) = mpsc::channel();
        let ticker = Ticker::start(move || {
            let _ = sender.send(());
        })
        .unwrap();
        // Until it has parked, ticks keep coming; a parked one says nothing for as long as we care to wait.
        while !ticker.shared.parked.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        while ticks.try_recv().is_ok() {}
        let running = ticker.running();
        ticks.recv().expect("a running guest makes it tick");
        drop(running);
        drop(ticker);
        while ticks.try_recv().is_ok() {}
        assert_eq!(ticks.try_recv(), Err(mpsc::TryRecvError::Disconnected));
    }
}
