//! When a model was last asked for a prediction: whoever wants memory back unloads the one that was not asked the longest.
//!
//! Noted by [`super::Deployment::pick`] for every request, without a lock, and without writing where nothing changed: cores
//! that answer requests for one model do not take the same line of memory from each other each time.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What times are counted from.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Milliseconds since [`START`].
#[derive(Debug)]
pub(super) struct LastUse(AtomicU64);

// === impl LastUse ===

impl LastUse {
    pub(super) fn now() -> Self {
        Self(AtomicU64::new(milliseconds()))
    }

    /// It is used now.
    pub(super) fn note(&self) {
        let now = milliseconds();
        if self.0.load(Ordering::Relaxed) != now {
            self.0.store(now, Ordering::Relaxed);
        }
    }

    pub(super) fn get(&self) -> Instant {
        *START + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

fn milliseconds() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_known_to_the_millisecond() {
        let use_of = LastUse::now();
        let made = use_of.get();
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(use_of.get(), made, "asking is no use");
        let before = Instant::now();
        use_of.note();
        let (found, after) = (use_of.get(), Instant::now());
        assert!(found > made && found <= after && before - found < Duration::from_millis(2), "{found:?}");
    }
}
